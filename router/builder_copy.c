/* Functions and routes of a table that is in force, taken over without their documents. */
#include "router/builder_copy.h"

#include "router/builder_parts.h"

static int copy_endpoint_to(struct builder *builder, struct endpoint *endpoint,
                            const struct endpoint *from)
{
    *endpoint = (struct endpoint){.url_len = from->url_len};
    endpoint->url = stash_copy(&builder->skeleton->stash, (struct str){from->url, from->url_len});
    if (!endpoint->url || builder_keep(builder, from->base_path, &endpoint->base_path))
        return -1;
    endpoint->origin = origin_ref(from->origin);
    return 0;
}

static int copy_endpoint(struct builder *builder, const struct endpoint *from)
{
    struct endpoint *endpoints = builder_room(builder->endpoints, builder->nr_endpoints,
                                              &builder->endpoints_capacity, sizeof(endpoints[0]));

    if (!endpoints)
        return -1;
    builder->endpoints = endpoints;
    if (copy_endpoint_to(builder, &endpoints[builder->nr_endpoints], from))
        return -1;
    builder->nr_endpoints++;
    return 0;
}

static int copy_letter_box(struct builder *builder, const struct target *from)
{
    struct target *box = builder_version_make_letter_box(builder);

    if (!box || copy_endpoint_to(builder, box->arms[0].version->endpoints,
                                 from->arms[0].version->endpoints))
        return -1;
    builder_version_place_letter_box(builder, box);
    return 0;
}

static int copy_version(struct builder *builder, const struct version *from)
{
    struct version *versions = builder_room(builder->versions, builder->nr_versions,
                                            &builder->versions_capacity, sizeof(versions[0]));
    struct version_spec spec = {.headers = from->headers ? from->headers->list : NULL,
                                .nr_headers = from->headers ? from->headers->nr : 0};
    struct version *version;

    if (!versions)
        return -1;
    builder->versions = versions;
    version = &versions[builder->nr_versions];
    *version = *from;
    version->in_flight = NULL;
    version->headers = NULL;
    if (builder_keep(builder, from->name, &version->name) ||
        builder_version_keep_headers(builder, &spec, version) ||
        builder_keep_option(builder, from->host, &version->host) ||
        builder_keep_option(builder, from->health_check.path, &version->health_check.path) ||
        builder_keep_option(builder, from->configuration, &version->configuration) ||
        machine_task_copy(&builder->skeleton->stash, from->task, &version->task))
        return -1;
    builder->nr_versions++;
    for (int i = 0; i < from->nr_endpoints; i++)
        if (copy_endpoint(builder, &from->endpoints[i]))
            return -1;
    return 0;
}

static struct function_spec spec_of(const struct function *function)
{
    const struct function_more *more = function->more;
    struct function_spec spec = {.name = function->name,
                                 .max_in_flight = function->max_in_flight,
                                 .concurrency = function->concurrency,
                                 .machine = function->machine};

    if (more) {
        spec.last_version = more->last_version;
        spec.tags = more->tags;
        spec.dead_letter = more->dead_letter;
        spec.auto_publish_alias = more->auto_publish_alias;
        spec.deployment_preference = more->deployment_preference;
        spec.urls = more->urls;
        spec.nr_urls = (int)more->nr_urls;
    }
    return spec;
}

int builder_copy_function(struct builder *builder, const struct table *table,
                          const struct function *function)
{
    struct function_spec spec = spec_of(function);
    uint32_t nr, first = table_targets_of(table, function, &nr);
    struct arm_spec arms[SPLIT_ARMS_MAX];

    if (builder_function(builder, &spec) || (function->more && function->more->letter_box &&
                                             copy_letter_box(builder, function->more->letter_box)))
        return -1;
    for (int v = 0; v < function->nr_versions; v++)
        if (copy_version(builder, &function->versions[v]))
            return -1;
    for (uint32_t i = first + (uint32_t)function->nr_versions; i < first + nr; i++) {
        struct alias_spec alias = table_alias_spec(table_target(table, i), arms);

        if (builder_alias(builder, &alias))
            return -1;
    }
    return 0;
}

/* A route is read off its target: the qualifier is that which it leads to. */
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
