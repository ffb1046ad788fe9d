/* What is wrong with a document: all of it at once, each with the place and what would be right. */
#ifndef WEIR_CONF_PROBLEMS_H
#define WEIR_CONF_PROBLEMS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* More problems than this are counted but not kept, and a longer message is cut: people read the
 * first screen. */
enum { PROBLEMS_MAX = 1000, PROBLEMS_MESSAGE_MAX = 1024 };

struct problem {
    char *code;    /* short and stable, such as "unknown_key", "weight_sum" */
    char *file;    /* the document's file name, or NULL */
    char *path;    /* JSON path such as $.functions.hello.aliases.live.weights; "$" for the whole */
    char *message; /* what is wrong and what would be right, one sentence or two */
    int line, column; /* of the path in the file, from 1, columns in characters; 0: not known */
};

/* A growing list; zero-initialised is empty. What is beyond PROBLEMS_MAX, or beyond memory, is
 * counted in nr_lost. */
struct problems {
    struct problem *list;
    size_t nr, capacity, nr_lost;
};

/* Adds one; all strings are copied, with control characters made visible; message is a printf
 * format. */
void problems_add(struct problems *problems, const char *code, const char *file, const char *path,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
void problems_addv(struct problems *problems, const char *code, const char *file, const char *path,
                   const char *format, va_list arguments) __attribute__((format(printf, 5, 0)));

/* Adds to the message of one; where memory is short it stays as it is. */
void problems_append(struct problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes back what was added since there were nr, and nr_lost lost. */
void problems_cut(struct problems *problems, size_t nr, size_t nr_lost);

/* Says where in their file those are that were added since there were nr. */
void problems_point(struct problems *problems, size_t nr, int line, int column);

/* How many were added, kept or lost. */
size_t problems_count(const struct problems *problems);

/* Releases the list and leaves it empty. */
void problems_fini(struct problems *problems);

/* One line as people read it and editors jump by: "FILE:LINE:COLUMN: PATH: message [code]", without
 * what is not known; to be freed by the caller. NULL when out of memory. */
char *problems_line(const struct problem *problem);

#endif
