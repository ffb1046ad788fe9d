/* Functions and routes of a table for the next one, as they are. */
#ifndef WEIR_ROUTER_BUILDER_COPY_H
#define WEIR_ROUTER_BUILDER_COPY_H

#include "router/builder.h"

/* Adds a function of the table, with its versions and aliases. */
int builder_copy_function(struct builder *builder, const struct table *table,
                          const struct function *function) __attribute__((warn_unused_result));

/* After all functions. Adds the route, or answers 1 where what it leads to has not been added; -1
 * when out of memory. */
int builder_copy_route(struct builder *builder, const struct table *table,
                       const struct route *route) __attribute__((warn_unused_result));

#endif
