/* A route is read off its target: the qualifier is that which it leads to. */
#include "router/builder_copy.h"

int builder_copy_route(struct builder *builder, const struct table *table,
                       const struct route *route)
{
    const struct target *target = table_target(table, route->target);
    struct str qualifier = target->alias.n > 0 ? target->alias : target->arms[0].version->name;
    struct route_spec spec = {.host = route->host,
                              .path = route->path,
                              .function = target->function->name,
                              .qualifier = qualifier,
                              .said_function = route->function,
                              .said_qualifier = route->qualifier,
                              .strip_prefix = route->strip_prefix,
                              .terms = route->terms};

    if (builder_end_functions(builder))
        return -1;
    if (!builder_knows(builder, spec.function, qualifier))
        return 1;
    return builder_route(builder, &spec);
}
