/* What a function URL lets pages of other origins do (CORS), as documents give it. Frozen. */
#ifndef WEIR_ROUTER_CORS_H
#define WEIR_ROUTER_CORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stash.h"
#include "base/str.h"

struct cors_list {
    const struct str *items;
    int nr;
};

struct cors {
    struct cors_list allow_origins, allow_methods, allow_headers, expose_headers;
    bool allow_credentials;
    bool has_max_age;
    uint32_t max_age_s;
};

/* A copy in the stash, with its strings; NULL when out of memory. */
struct cors *cors_copy(struct stash *stash, const struct cors *cors);

#endif
