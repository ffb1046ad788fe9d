/* A table document in parts: each function and each route is parsed when its turn comes and gone
 * after it, so that the tree of a document with a million functions never stands in memory. What a
 * document must be as a whole (well-formed, no key twice) is checked on the way; where it is not,
 * that is the one problem that is reported. One thread. */
#ifndef WEIR_CONF_TABLEDOC_PARTS_H
#define WEIR_CONF_TABLEDOC_PARTS_H

#include "base/flathash.h"
#include "base/stash.h"
#include "conf/jsondoc.h"
#include "conf/jsonscan.h"

struct tabledoc_function {
    const char *name;
    const char *value; /* where its text begins */
};

/* Functions are cut so many ahead, and what finding their names reads is fetched meanwhile. */
enum { TABLEDOC_PARTS_AHEAD = 16 };

struct tabledoc_cut {
    enum jsonscan_step step; /* what is not JSONSCAN_MEMBER is the last one */
    struct jsonscan_member member;
};

struct tabledoc_parts {
    struct jsondoc *doc;
    struct str text;
    size_t nr_problems, nr_lost; /* of the document's list, before this one */

    /* The top level; functions and routes as empty ones of their type. */
    json_t *top;
    struct str functions, routes; /* texts; empty where absent or of a wrong type */

    struct jsonscan scan;                            /* of functions, then of routes */
    struct tabledoc_cut ahead[TABLEDOC_PARTS_AHEAD]; /* a ring of functions */
    uint32_t nr_cut, nr_taken;
    bool is_all_cut;
    struct jsonmem_pool *pool; /* of the function or route that was returned last */
    bool is_over;              /* the last one was, or the document is broken */
    size_t index;              /* of the next route */

    /* The functions read so far. */
    struct tabledoc_function *list;
    uint32_t nr, capacity;
    struct stash names;
    struct flathash by_name;
};

/* Reads the top level. text stays as long as the parts. 0, or -1 with a problem added. Ended by
 * tabledoc_parts_close in either case. */
int tabledoc_parts_open(struct tabledoc_parts *parts, struct jsondoc *doc, const char *text,
                        size_t length) __attribute__((warn_unused_result));
void tabledoc_parts_close(struct tabledoc_parts *parts);

/* The next function with its name, until NULL: there are no more, or the document is broken, which
 * is then the only problem. What is returned belongs to the parts, a value until the next call, a
 * name until the end. */
const json_t *tabledoc_parts_function(struct tabledoc_parts *parts, const char **name);

/* After all functions, the next route, in the same way. */
const json_t *tabledoc_parts_route(struct tabledoc_parts *parts, size_t *index);

/* After all functions, the one of this name again, parsed anew: a new reference. NULL where there
 * is none, or when out of memory, which is a problem. */
json_t *tabledoc_parts_find(struct tabledoc_parts *parts, const char *name);

/* Is it one of the functions read so far? */
bool tabledoc_parts_has(const struct tabledoc_parts *parts, const char *name);

/* jsondoc_append_known over the names of the functions. */
void tabledoc_parts_append_known(const struct tabledoc_parts *parts, struct jsondoc_text *text,
                                 const char *word);

#endif
