/* What is wrong with a document: all of it at once, each with the place and what would be right. */
#ifndef WEIR_CONF_PROBLEMS_H
#define WEIR_CONF_PROBLEMS_H

#include <stddef.h>

struct problem {
    char *code;    /* short and stable, such as "unknown_key", "weight_sum" */
    char *file;    /* the document's file name, or NULL */
    char *path;    /* JSON path such as $.functions.hello.aliases.live.weights; "$" for the whole */
    char *message; /* what is wrong and what would be right, one sentence or two */
};

/* A growing list; zero-initialised is empty. When memory runs out further problems are counted but not kept. */
struct problems {
    struct problem *list;
    size_t nr, capacity, nr_lost;
};

/* Adds one; all strings are copied, message is a printf format. */
void problems_add(struct problems *problems, const char *code, const char *file, const char *path,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Releases the list and leaves it empty. */
void problems_fini(struct problems *problems);

/* One line as people read it: "FILE: PATH: message [code]", to be freed by the caller; NULL when out of memory. */
char *problems_line(const struct problem *problem);

#endif
