/* One route of the table document, and back. */
#ifndef WEIR_CONF_TABLEDOC_ROUTE_H
#define WEIR_CONF_TABLEDOC_ROUTE_H

#include "conf/jsondoc.h"
#include "conf/tabledoc_merge.h"
#include "conf/tabledoc_parts.h"
#include "router/table.h"

enum { TABLEDOC_ROUTE_HOST_MAX = 255, TABLEDOC_ROUTE_PATH_MAX = 2048 };

/* Host and path of a route as one name, such as "shop.example/orders", by which routes are told
 * apart. */
struct tabledoc_route_name {
    char text[TABLEDOC_ROUTE_HOST_MAX + TABLEDOC_ROUTE_PATH_MAX + 1];
};

/* False where the value has none. */
bool tabledoc_route_name(const json_t *value, struct tabledoc_route_name *out);

/* Checks a route and, where the document has no problem, gives it to the builder. seen has the
 * names of those before it. */
void tabledoc_route_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                         struct tabledoc_parts *parts, json_t *seen, struct tabledoc_out *out);

/* The object that is read back to the same; NULL when out of memory. */
json_t *tabledoc_route_write(const struct table *table, const struct route *route);

#endif
