/* CORS of a function URL in the table document, and back. */
#ifndef WEIR_CONF_CORSDOC_H
#define WEIR_CONF_CORSDOC_H

#include "conf/jsondoc.h"
#include "router/cors.h"

enum {
    CORSDOC_ITEMS_MAX = 100,
    CORSDOC_METHODS_MAX = 6,
    CORSDOC_MAX_AGE_S = 86400,
    CORSDOC_LIST_BYTES_MAX = 4096 /* each list goes out in one header */
};

/* One reading; its strings are those of the JSON value. */
struct corsdoc {
    struct cors cors; /* refers to the arrays below */
    struct str origins[CORSDOC_ITEMS_MAX], methods[CORSDOC_METHODS_MAX];
    struct str headers[CORSDOC_ITEMS_MAX], exposed[CORSDOC_ITEMS_MAX];
};

/* Reads an object; adds a problem for each thing that is wrong. */
void corsdoc_read(struct corsdoc *out, struct jsondoc *doc, const struct place *at,
                  const json_t *value);

/* The object that corsdoc_read reads back to the same; NULL when out of memory. */
json_t *corsdoc_write(const struct cors *cors);

#endif
