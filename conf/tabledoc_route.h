/* One route of the table document, and back. */
#ifndef WEIR_CONF_TABLEDOC_ROUTE_H
#define WEIR_CONF_TABLEDOC_ROUTE_H

#include "conf/jsondoc.h"
#include "conf/tabledoc_merge.h"
#include "conf/tabledoc_parts.h"
#include "router/table.h"

/* Checks a route and, where the document has no problem, gives it to the builder. seen holds the
 * (host, path) of those before it. */
void tabledoc_route_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                         struct tabledoc_parts *parts, json_t *seen, struct tabledoc_out *out);

/* The object that is read back to the same; NULL when out of memory. */
json_t *tabledoc_route_write(const struct table *table, const struct route *route);

#endif
