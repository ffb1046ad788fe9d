/* How HTTP requests reach a function that knows no HTTP: what a route, or a function's own URL,
 * says of that. Frozen. */
#ifndef WEIR_ROUTER_URL_TERMS_H
#define WEIR_ROUTER_URL_TERMS_H

#include <stdbool.h>

#include "base/stash.h"
#include "base/str.h"
#include "router/cors.h"

enum { URL_TERMS_VARIABLES_MAX = 64 };

struct url_terms_variable {
    struct str name, value;
};

struct url_terms {
    /* requests become events of payload format 2.0, for versions that take no HTTP */
    bool is_event;
    bool is_iam;             /* only requests that are signed reach the function */
    bool is_streamed;        /* invoke mode RESPONSE_STREAM: answers are passed on as they come */
    const struct cors *cors; /* NULL: none */
    const struct url_terms_variable *variables; /* of the stage, in the document's order */
    int nr_variables;
    struct str stage; /* its name; empty: none, "$default" */
};

/* A copy in the stash, with its strings; NULL when out of memory. */
struct url_terms *url_terms_copy(struct stash *stash, const struct url_terms *terms);

#endif
