/* Versions, their endpoints, and where a function's dead letters go. */
#include <assert.h>

#include "base/text.h"
#include "router/builder_parts.h"
#include "router/target.h"

int builder_version_keep_headers(struct builder *builder, const struct version_spec *spec,
                                 struct version *version)
{
    struct version_headers *headers;
    size_t bytes = sizeof(*headers) + (size_t)spec->nr_headers * sizeof(headers->list[0]), room = 0;
    char *p;

    if (spec->nr_headers == 0)
        return 0;
    for (int i = 0; i < spec->nr_headers; i++)
        room += spec->headers[i].name.n + spec->headers[i].value.n + 4;
    headers = stash_take(&builder->skeleton->stash, bytes + room);
    if (!headers)
        return -1;
    p = (char *)headers + bytes;
    headers->nr = spec->nr_headers;
    headers->lines.p = p;
    for (int i = 0; i < spec->nr_headers; i++) {
        headers->list[i].name = (struct str){p, spec->headers[i].name.n};
        p = text_str(p, spec->headers[i].name);
        p = text_lit(p, ": ");
        headers->list[i].value = (struct str){p, spec->headers[i].value.n};
        p = text_str(p, spec->headers[i].value);
        p = text_lit(p, "\r\n");
    }
    headers->lines.n = (size_t)(p - headers->lines.p);
    version->headers = headers;
    return 0;
}

int builder_version(struct builder *builder, const struct version_spec *spec)
{
    struct version *version;
    struct version *versions = builder_room(builder->versions, builder->nr_versions,
                                            &builder->versions_capacity, sizeof(versions[0]));

    assert(builder->is_open);
    if (!versions)
        return -1;
    builder->versions = versions;
    version = &versions[builder->nr_versions];
    *version =
        (struct version){.kind = spec->kind,
                         .preserve_host = spec->preserve_host,
                         .allow_upgrade = spec->allow_upgrade,
                         .max_in_flight = spec->max_in_flight,
                         .max_connections = spec->max_connections,
                         .connect_ms = spec->connect_ms,
                         .response_head_ms = spec->response_head_ms,
                         .timeout_ms = spec->timeout_ms,
                         .head_wait_ms = builder_smaller(spec->timeout_ms, spec->response_head_ms),
                         .stream_idle_ms = spec->stream_idle_ms,
                         .may_fail = spec->health_check.is_on || spec->ejection.is_on,
                         .health_check = spec->health_check,
                         .ejection = spec->ejection};
    if (version->kind == VERSION_RIE && version->max_connections == 0)
        version->max_connections = 1;
    builder->tls.verify = spec->tls.verify;
    if (builder_keep(builder, spec->name, &version->name) ||
        builder_version_keep_headers(builder, spec, version) ||
        builder_keep_option(builder, spec->host, &version->host) ||
        builder_keep_option(builder, spec->health_check.path, &version->health_check.path) ||
        builder_keep_option(builder, spec->configuration, &version->configuration) ||
        machine_task_copy(&builder->skeleton->stash, &spec->task, &version->task) ||
        builder_keep_option(builder, spec->tls.ca_file, &builder->tls.ca_file) ||
        builder_keep_option(builder, spec->tls.server_name, &builder->tls.server_name) ||
        builder_keep_option(builder, spec->tls.certificate, &builder->tls.certificate) ||
        builder_keep_option(builder, spec->tls.key, &builder->tls.key))
        return -1;
    builder->nr_versions++;
    return 0;
}

/* The request target of an endpoint whose URL has no path, "" or "/": by its kind. */
static int keep_base_path(struct builder *builder, const struct version *version, struct str path,
                          struct str *out)
{
    struct str function = builder->function->name;
    bool is_latest = str_eq(version->name, STR("$LATEST"));
    char *p, *start;

    if (version->kind == VERSION_HTTP || version->kind == VERSION_SFN || path.n > 1)
        return builder_keep(builder, path.n > 0 ? path : STR("/"), out);
    if (version->kind == VERSION_RIE)
        return builder_keep(builder, STR("/2015-03-31/functions/function/invocations"), out);
    start = p = stash_take(&builder->skeleton->stash, function.n + version->name.n + 64);
    if (!p)
        return -1;
    p = text_lit(p, "/2015-03-31/functions/");
    p = text_str(p, function);
    p = text_lit(p, "/invocations?Qualifier=");
    p = is_latest ? text_lit(p, "%24LATEST") : text_str(p, version->name);
    *out = (struct str){start, (size_t)(p - start)};
    return 0;
}

static int fill_endpoint(struct builder *builder, const struct version *version,
                         struct endpoint *endpoint, const struct endpoint_spec *spec,
                         const struct origin_tls *tls)
{
    *endpoint = (struct endpoint){.url_len = (uint32_t)spec->url.n};
    endpoint->url = stash_copy(&builder->skeleton->stash, spec->url);
    if (!endpoint->url || keep_base_path(builder, version, spec->base_path, &endpoint->base_path))
        return -1;
    endpoint->origin = registry_origin(builder->registry, &(struct origin_spec){
                                                              .is_tls = spec->is_tls,
                                                              .is_srv = spec->is_srv,
                                                              .host = spec->host,
                                                              .name = spec->name,
                                                              .port = spec->port,
                                                              .tls = *tls,
                                                          });
    return endpoint->origin ? 0 : -1;
}

int builder_version_endpoint(struct builder *builder, const struct endpoint_spec *spec)
{
    struct endpoint *endpoint;
    struct endpoint *endpoints = builder_room(builder->endpoints, builder->nr_endpoints,
                                              &builder->endpoints_capacity, sizeof(endpoints[0]));

    assert(builder->is_open && builder->nr_versions > 0);
    if (!endpoints)
        return -1;
    builder->endpoints = endpoints;
    endpoint = &endpoints[builder->nr_endpoints];
    if (fill_endpoint(builder, &builder->versions[builder->nr_versions - 1], endpoint, spec,
                      &builder->tls))
        return -1;
    builder->nr_endpoints++;
    builder->versions[builder->nr_versions - 1].nr_endpoints++;
    builder->versions[builder->nr_versions - 1].has_names |= endpoint->origin->name != NULL;
    return 0;
}

/* The last function's, once its endpoint is filled in; NULL when out of memory. */
struct target *builder_version_make_letter_box(struct builder *builder)
{
    const struct str none = {"", 0};
    struct stash *stash = &builder->skeleton->stash;
    struct version *version = stash_take(stash, sizeof(*version));
    struct endpoint *endpoint = stash_take(stash, sizeof(*endpoint));
    struct target *box = target_make(stash, builder->function, none, none, SPLIT_EXACT, false, 1);

    assert(builder->is_open && builder->function->more);
    if (!version || !endpoint || !box)
        return NULL;
    *version = (struct version){.name = STR("dead_letter"),
                                .function = builder->function,
                                .endpoints = endpoint,
                                .kind = VERSION_HTTP};
    target_set_arm(box, 0, version, SPLIT_ONE);
    return box;
}

/* From here on it is the skeleton's. */
void builder_version_place_letter_box(struct builder *builder, struct target *box)
{
    struct version *version = box->arms[0].version;
    struct endpoint *endpoint = &version->endpoints[0];

    endpoint->version = version;
    endpoint->health = &model_unwatched;
    version->nr_endpoints = 1;
    version->has_names = endpoint->origin->name != NULL;
    builder->function->more->letter_box = box;
}

int builder_version_letter_box(struct builder *builder, const struct endpoint_spec *spec)
{
    const struct origin_tls tls = {.verify = true};
    struct target *box = builder_version_make_letter_box(builder);
    struct version *version = box ? box->arms[0].version : NULL;

    if (!version || fill_endpoint(builder, version, version->endpoints, spec, &tls))
        return -1;
    builder_version_place_letter_box(builder, box);
    return 0;
}
