/* The index of routes: which one does a request's host and path match best? The order of precedence
 * is table_route's (router/table.h). */
#ifndef WEIR_ROUTER_ROUTES_H
#define WEIR_ROUTER_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "router/trie.h"

enum { ROUTES_HOST_MAX = 255 }; /* DNS allows 253 */

struct route;

/* Zero-initialised is empty. */
struct routes {
    struct route *list; /* in the order in which they were added */
    uint32_t nr, capacity;
    struct trie trie;
    uint32_t hosts;    /* root of whole host names */
    uint32_t suffixes; /* root of the parts of suffixes, from the right */
    uint32_t any;      /* root of the paths that belong to any host */
    bool has_hosts, has_suffixes;
};

/* Adds a copy of *route, whose strings must stay as long as the routes. One for each (host, path).
 * 0, or -1 when out of memory, after which only routes_fini is allowed. */
int routes_add(struct routes *routes, const struct route *route)
    __attribute__((warn_unused_result));

/* Releases them and leaves none. */
void routes_fini(struct routes *routes);

/* The best match, or NULL. Host without port, in any case. */
const struct route *routes_find(const struct routes *routes, struct str host, struct str path);

#endif
