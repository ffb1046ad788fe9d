/* From calls in a document's order to a table. Versions and endpoints of a function are collected
 * until its first alias, or the next function, tells that there are no more; then they get their
 * places for good, and each version becomes a target. Splits come last, when the table to take over
 * from is known. */
#include "router/builder.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "router/adopt.h"
#include "router/skeleton.h"
#include "router/target.h"

enum { UNFILED_MAX = 64 };

/* The tags of the things that were added last and are in no index yet: so many are filed together,
 * as each costs a cache line that has to come from memory. */
struct unfiled {
    uint32_t nr;
    uint32_t tags[UNFILED_MAX];
};

struct builder {
    struct registry *registry;
    struct skeleton *skeleton;
    struct target **targets;
    uint32_t nr_targets, targets_capacity;
    struct unfiled unfiled_targets, unfiled_functions;

    struct function *function; /* the last one */
    uint64_t function_hash;
    bool is_open; /* it may get more versions */
    /* Its own, as long as it is open. */
    struct version *versions;
    uint32_t nr_versions, versions_capacity;
    struct endpoint *endpoints; /* of all its versions */
    uint32_t nr_endpoints, endpoints_capacity;
    struct origin_tls tls; /* of the last version */
};

struct builder *builder_make(struct registry *registry)
{
    struct builder *builder = calloc(1, sizeof(*builder));

    if (!builder)
        return NULL;
    builder->registry = registry;
    builder->skeleton = skeleton_make(registry);
    if (!builder->skeleton) {
        free(builder);
        return NULL;
    }
    return builder;
}

void builder_free(struct builder **builder)
{
    struct builder *b = *builder;

    *builder = NULL;
    if (!b)
        return;
    for (uint32_t i = 0; i < b->nr_targets; i++)
        target_unref(&b->targets[i], b->registry);
    for (uint32_t i = 0; i < b->nr_endpoints; i++)
        origin_unref(&b->endpoints[i].origin);
    skeleton_unref(&b->skeleton);
    free(b->targets);
    free(b->versions);
    free(b->endpoints);
    free(b);
}

/* The list with room for one more, or NULL (and the list is as it was). */
static void *make_room(void *list, uint32_t nr, uint32_t *capacity, size_t size)
{
    uint32_t more = *capacity ? *capacity * 2 : 8;
    void *grown;

    if (nr < *capacity)
        return list;
    grown = reallocarray(list, more, size);
    if (grown)
        *capacity = more;
    return grown;
}

static int keep(struct builder *builder, struct str s, struct str *out)
{
    char *copy = stash_copy(&builder->skeleton->stash, s);

    *out = (struct str){copy, s.n};
    return copy ? 0 : -1;
}

/* NULL stays NULL. */
static int keep_option(struct builder *builder, const char *s, char **out)
{
    *out = s ? stash_copy(&builder->skeleton->stash, str_of(s)) : NULL;
    return s && !*out ? -1 : 0;
}

/* ---- Indexes --------------------------------------------------------------------------------- */

static struct target *find_tagged(const struct builder *builder, struct str function,
                                  struct str qualifier, uint32_t tag)
{
    const struct flathash *qualifiers = &builder->skeleton->qualifiers;
    uint32_t at;

    for (uint32_t n = flathash_first(qualifiers, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(qualifiers, tag, &at))
        if (target_is(builder->targets[n], function, qualifier))
            return builder->targets[n];
    return NULL;
}

/* All that was added is filed. */
static struct target *find(const struct builder *builder, struct str function, struct str qualifier)
{
    assert(builder->unfiled_targets.nr == 0);
    return find_tagged(builder, function, qualifier,
                       skeleton_tag(skeleton_hash(function), qualifier));
}

static struct str qualifier_of(const struct target *target)
{
    return target->alias.n > 0 ? target->alias : target->arms[0].version->name;
}

static int file_targets(struct builder *builder)
{
    struct flathash *qualifiers = &builder->skeleton->qualifiers;
    struct unfiled *unfiled = &builder->unfiled_targets;
    uint32_t first = builder->nr_targets - unfiled->nr;

    for (uint32_t i = 0; i < unfiled->nr; i++)
        flathash_prefetch(qualifiers, unfiled->tags[i]);
    for (uint32_t i = 0; i < unfiled->nr; i++) {
        const struct target *target = builder->targets[first + i];
        uint32_t tag = unfiled->tags[i];

        assert(!find_tagged(builder, target->function->name, qualifier_of(target), tag));
        if (flathash_add(qualifiers, tag, first + i))
            return -1;
    }
    unfiled->nr = 0;
    return 0;
}

static int file_functions(struct builder *builder)
{
    struct skeleton *skeleton = builder->skeleton;
    struct unfiled *unfiled = &builder->unfiled_functions;
    uint32_t first = skeleton->nr_functions - unfiled->nr;

    for (uint32_t i = 0; i < unfiled->nr; i++)
        flathash_prefetch(&skeleton->names, unfiled->tags[i]);
    for (uint32_t i = 0; i < unfiled->nr; i++) {
        assert(!skeleton_function(skeleton, skeleton->functions[first + i]->name,
                                  unfiled->tags[i])); /* each name once */
        if (flathash_add(&skeleton->names, unfiled->tags[i], first + i))
            return -1;
    }
    unfiled->nr = 0;
    return 0;
}

/* Files a target whose arms are set under its name. It belongs to the builder from here on, or is
 * ended. */
static int add_target_take(struct builder *builder, struct target *target)
{
    struct unfiled *unfiled = &builder->unfiled_targets;
    struct target **targets = make_room(builder->targets, builder->nr_targets,
                                        &builder->targets_capacity, sizeof(targets[0]));

    if (!targets) {
        target_unref(&target, builder->registry);
        return -1;
    }
    builder->targets = targets;
    target->index = builder->nr_targets;
    targets[builder->nr_targets++] = target;
    unfiled->tags[unfiled->nr++] = skeleton_tag(builder->function_hash, qualifier_of(target));
    return unfiled->nr == UNFILED_MAX ? file_targets(builder) : 0;
}

/* ---- Targets --------------------------------------------------------------------------------- */

static int add_version_target(struct builder *builder, struct version *version)
{
    const struct str none = {"", 0};
    struct target *target = target_make(&builder->skeleton->stash, version->function, none, none,
                                        SPLIT_EXACT, false, 1);

    if (!target)
        return -1;
    target_set_arm(target, 0, version, SPLIT_ONE);
    return add_target_take(builder, target);
}

/* ---- Functions ------------------------------------------------------------------------------- */

static int watch(struct skeleton *skeleton, struct version *version)
{
    struct version **watched = make_room(skeleton->watched, skeleton->nr_watched,
                                         &skeleton->watched_capacity, sizeof(watched[0]));

    if (!watched)
        return -1;
    skeleton->watched = watched;
    watched[skeleton->nr_watched++] = version;
    return 0;
}

/* Moves the versions and endpoints of the function that is open, if any, to their places. */
static int seal(struct builder *builder)
{
    struct stash *stash = &builder->skeleton->stash;
    struct function *function = builder->function;
    struct endpoint *endpoints;

    if (!builder->is_open)
        return 0;
    builder->is_open = false;
    if (builder->nr_versions == 0)
        return 0;
    function->versions = stash_take(stash, builder->nr_versions * sizeof(function->versions[0]));
    endpoints = stash_take(stash, ((size_t)builder->nr_endpoints + 1) * sizeof(endpoints[0]));
    if (!function->versions || !endpoints)
        return -1;
    memcpy(function->versions, builder->versions,
           builder->nr_versions * sizeof(function->versions[0]));
    if (builder->nr_endpoints > 0)
        memcpy(endpoints, builder->endpoints, builder->nr_endpoints * sizeof(endpoints[0]));
    builder->nr_endpoints = 0; /* their origins belong to the skeleton now */
    function->nr_versions = (int)builder->nr_versions;
    for (int v = 0; v < function->nr_versions; v++) {
        struct version *version = &function->versions[v];

        assert((version->nr_endpoints > 0) == (version->kind != VERSION_FUNCTION));
        version->function = function;
        version->endpoints = endpoints;
        endpoints += version->nr_endpoints;
        for (int e = 0; e < version->nr_endpoints; e++)
            version->endpoints[e].version = version;
    }
    for (int v = 0; v < function->nr_versions; v++) {
        struct version *version = &function->versions[v];

        if ((version->may_fail && watch(builder->skeleton, version)) ||
            add_version_target(builder, version))
            return -1;
    }
    return 0;
}

/* After it all that was added can be found. */
static int settle(struct builder *builder)
{
    return seal(builder) || file_functions(builder) || file_targets(builder) ? -1 : 0;
}

static int keep_urls(struct builder *builder, const struct function_spec *spec,
                     struct function_more *more)
{
    more->urls =
        stash_take(&builder->skeleton->stash, (size_t)spec->nr_urls * sizeof(more->urls[0]));
    if (!more->urls)
        return -1;
    for (int i = 0; i < spec->nr_urls; i++) {
        struct function_url *url = &more->urls[i];

        *url = spec->urls[i];
        if (keep(builder, spec->urls[i].qualifier, &url->qualifier) ||
            keep_option(builder, spec->urls[i].document, &url->document))
            return -1;
        url->terms = url_terms_copy(&builder->skeleton->stash, spec->urls[i].terms);
        if (!url->terms)
            return -1;
        more->nr_urls++;
    }
    return 0;
}

/* What few functions have. */
static int keep_more(struct builder *builder, const struct function_spec *spec,
                     struct function *function)
{
    struct function_more *more;

    if (spec->last_version == 0 && !spec->tags && !spec->dead_letter && spec->nr_urls == 0 &&
        !spec->auto_publish_alias && !spec->deployment_preference)
        return 0;
    more = function->more = stash_take(&builder->skeleton->stash, sizeof(*more));
    if (!more)
        return -1;
    more->last_version = spec->last_version;
    if (keep_option(builder, spec->tags, &more->tags) ||
        keep_option(builder, spec->dead_letter, &more->dead_letter) ||
        keep_option(builder, spec->auto_publish_alias, &more->auto_publish_alias) ||
        keep_option(builder, spec->deployment_preference, &more->deployment_preference))
        return -1;
    return spec->nr_urls > 0 ? keep_urls(builder, spec, more) : 0;
}

static int list_with_urls(struct skeleton *skeleton, struct function *function)
{
    struct function **list = make_room(skeleton->with_urls, skeleton->nr_with_urls,
                                       &skeleton->with_urls_capacity, sizeof(list[0]));

    if (!list)
        return -1;
    skeleton->with_urls = list;
    list[skeleton->nr_with_urls++] = function;
    return 0;
}

/* The smaller one of two numbers, of which 0 means none. */
static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

int builder_function(struct builder *builder, const struct function_spec *spec)
{
    struct unfiled *unfiled = &builder->unfiled_functions;
    struct skeleton *skeleton = builder->skeleton;
    struct str name = spec->name;
    struct function *function;
    struct function **functions;

    if (seal(builder))
        return -1;
    functions = make_room(skeleton->functions, skeleton->nr_functions, &skeleton->capacity,
                          sizeof(functions[0]));
    if (!functions)
        return -1;
    skeleton->functions = functions;
    function = stash_take(&skeleton->stash, sizeof(*function) + name.n);
    if (!function)
        return -1;
    /* The name is compared at each look-up: next to the function it costs no cache line of its
     * own. */
    memcpy(function + 1, name.p, name.n);
    function->name = (struct str){(const char *)(function + 1), name.n};
    builder->function_hash = skeleton_hash(name);
    function->max_in_flight = spec->max_in_flight;
    function->concurrency = spec->concurrency;
    function->limit = smaller(spec->max_in_flight, spec->concurrency == FUNCTION_NO_CONCURRENCY ? 0
                                                   : spec->concurrency == 0                     ? 1
                                                                            : spec->concurrency);
    assert(machine_is(name) == (spec->machine != NULL));
    if (machine_copy(&skeleton->stash, spec->machine, &function->machine) ||
        keep_more(builder, spec, function) ||
        (spec->nr_urls > 0 && list_with_urls(skeleton, function)))
        return -1;
    functions[skeleton->nr_functions++] = function;
    builder->function = function;
    builder->is_open = true;
    builder->nr_versions = 0;
    unfiled->tags[unfiled->nr++] = (uint32_t)builder->function_hash;
    return unfiled->nr == UNFILED_MAX ? file_functions(builder) : 0;
}

static int keep_headers(struct builder *builder, const struct version_spec *spec,
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
    struct version *versions = make_room(builder->versions, builder->nr_versions,
                                         &builder->versions_capacity, sizeof(versions[0]));

    assert(builder->is_open);
    if (!versions)
        return -1;
    builder->versions = versions;
    version = &versions[builder->nr_versions];
    *version = (struct version){.kind = spec->kind,
                                .preserve_host = spec->preserve_host,
                                .allow_upgrade = spec->allow_upgrade,
                                .max_in_flight = spec->max_in_flight,
                                .max_connections = spec->max_connections,
                                .connect_ms = spec->connect_ms,
                                .response_head_ms = spec->response_head_ms,
                                .timeout_ms = spec->timeout_ms,
                                .head_wait_ms = smaller(spec->timeout_ms, spec->response_head_ms),
                                .stream_idle_ms = spec->stream_idle_ms,
                                .may_fail = spec->health_check.is_on || spec->ejection.is_on,
                                .health_check = spec->health_check,
                                .ejection = spec->ejection};
    if (version->kind == VERSION_RIE && version->max_connections == 0)
        version->max_connections = 1;
    builder->tls.verify = spec->tls.verify;
    if (keep(builder, spec->name, &version->name) || keep_headers(builder, spec, version) ||
        keep_option(builder, spec->host, &version->host) ||
        keep_option(builder, spec->health_check.path, &version->health_check.path) ||
        keep_option(builder, spec->configuration, &version->configuration) ||
        machine_task_copy(&builder->skeleton->stash, &spec->task, &version->task) ||
        keep_option(builder, spec->tls.ca_file, &builder->tls.ca_file) ||
        keep_option(builder, spec->tls.server_name, &builder->tls.server_name) ||
        keep_option(builder, spec->tls.certificate, &builder->tls.certificate) ||
        keep_option(builder, spec->tls.key, &builder->tls.key))
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
        return keep(builder, path.n > 0 ? path : STR("/"), out);
    if (version->kind == VERSION_RIE)
        return keep(builder, STR("/2015-03-31/functions/function/invocations"), out);
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

int builder_endpoint(struct builder *builder, const struct endpoint_spec *spec)
{
    struct endpoint *endpoint;
    struct endpoint *endpoints = make_room(builder->endpoints, builder->nr_endpoints,
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
static struct target *make_letter_box(struct builder *builder)
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
static void place_letter_box(struct builder *builder, struct target *box)
{
    struct version *version = box->arms[0].version;
    struct endpoint *endpoint = &version->endpoints[0];

    endpoint->version = version;
    endpoint->health = &model_unwatched;
    version->nr_endpoints = 1;
    version->has_names = endpoint->origin->name != NULL;
    builder->function->more->letter_box = box;
}

int builder_letter_box(struct builder *builder, const struct endpoint_spec *spec)
{
    const struct origin_tls tls = {.verify = true};
    struct target *box = make_letter_box(builder);
    struct version *version = box ? box->arms[0].version : NULL;

    if (!version || fill_endpoint(builder, version, version->endpoints, spec, &tls))
        return -1;
    place_letter_box(builder, box);
    return 0;
}

enum { FEW_VERSIONS = 16 };

/* Of the last function. Few are looked through, many are found by their hash. */
static struct version *find_version(const struct builder *builder, struct str name, int place)
{
    struct function *function = builder->function;
    struct version *version;

    if (function->nr_versions <= FEW_VERSIONS) {
        version = model_version(function, name, place);
    } else {
        const struct target *target = find(builder, function->name, name);
        version = target && target->alias.n == 0 ? target->arms[0].version : NULL;
    }
    assert(version);
    return version;
}

int builder_alias(struct builder *builder, const struct alias_spec *spec)
{
    struct target *target;

    if (seal(builder) || (builder->function->nr_versions > FEW_VERSIONS && file_targets(builder)))
        return -1;
    assert(builder->function && spec->nr_arms >= 1 && spec->nr_arms <= SPLIT_ARMS_MAX &&
           spec->name.n > 0);
    target = target_make(&builder->skeleton->stash, builder->function, spec->name,
                         spec->description, spec->mode, spec->is_failover, spec->nr_arms);
    if (!target)
        return -1;
    target_set_terms(target, spec->terms, spec->map, spec->in_force);
    for (int i = 0; i < spec->nr_arms; i++)
        target_set_arm(target, i, find_version(builder, spec->arms[i].version, i),
                       spec->arms[i].weight);
    return add_target_take(builder, target);
}

int builder_section(struct builder *builder, enum model_section section, const char *text)
{
    return skeleton_say(builder->skeleton, section, text);
}

int builder_end_functions(struct builder *builder)
{
    return settle(builder);
}

bool builder_knows(const struct builder *builder, struct str function, struct str qualifier)
{
    return find(builder, function, qualifier) != NULL;
}

int builder_route(struct builder *builder, const struct route_spec *spec)
{
    struct str named = spec->qualifier.n > 0 ? spec->qualifier : STR("$LATEST");
    bool is_as_said = spec->said_function.n == 0 || str_eq(spec->said_function, spec->function);
    struct route route = {.strip_prefix = spec->strip_prefix};
    const struct target *target;

    if (settle(builder))
        return -1;
    target = find(builder, spec->function, named);
    assert(target);
    route.target = target->index;
    if (keep(builder, spec->host, &route.host) || keep(builder, spec->path, &route.path) ||
        keep(builder, spec->said_qualifier, &route.qualifier) ||
        (!is_as_said && keep(builder, spec->said_function, &route.function)))
        return -1;
    if (spec->terms) {
        route.terms = url_terms_copy(&builder->skeleton->stash, spec->terms);
        if (!route.terms)
            return -1;
    }
    return routes_add(&builder->skeleton->routes, &route);
}

/* ---- Copies ---------------------------------------------------------------------------------- */

static int copy_endpoint_to(struct builder *builder, struct endpoint *endpoint,
                            const struct endpoint *from)
{
    *endpoint = (struct endpoint){.url_len = from->url_len};
    endpoint->url = stash_copy(&builder->skeleton->stash, (struct str){from->url, from->url_len});
    if (!endpoint->url || keep(builder, from->base_path, &endpoint->base_path))
        return -1;
    endpoint->origin = origin_ref(from->origin);
    return 0;
}

static int copy_endpoint(struct builder *builder, const struct endpoint *from)
{
    struct endpoint *endpoints = make_room(builder->endpoints, builder->nr_endpoints,
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
    struct target *box = make_letter_box(builder);

    if (!box || copy_endpoint_to(builder, box->arms[0].version->endpoints,
                                 from->arms[0].version->endpoints))
        return -1;
    place_letter_box(builder, box);
    return 0;
}

static int copy_version(struct builder *builder, const struct version *from)
{
    struct version *versions = make_room(builder->versions, builder->nr_versions,
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
    if (keep(builder, from->name, &version->name) || keep_headers(builder, &spec, version) ||
        keep_option(builder, from->host, &version->host) ||
        keep_option(builder, from->health_check.path, &version->health_check.path) ||
        keep_option(builder, from->configuration, &version->configuration) ||
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

/* ---- The table ------------------------------------------------------------------------------- */

struct changes {
    uint32_t *list;
    uint32_t nr, capacity;
};

/* Gives every alias its split, and lists those that replace one. */
static int join(struct builder *builder, const struct table *previous, uint64_t generation,
                struct changes *changes)
{
    for (uint32_t i = 0; i < builder->nr_targets; i++) {
        struct target *target = builder->targets[i];
        const struct target *before = NULL;
        uint32_t *list;
        bool is_replacement;

        if (target->alias.n == 0)
            continue;
        if (previous)
            before = table_find(previous, target->function->name, target->alias, NULL);
        target_set_since(target, before, generation);
        if (target_join(target, before, builder->registry, &is_replacement))
            return -1;
        if (!is_replacement)
            continue;
        list = make_room(changes->list, changes->nr, &changes->capacity, sizeof(list[0]));
        if (!list)
            return -1;
        changes->list = list;
        list[changes->nr++] = i;
    }
    return 0;
}

struct table *builder_freeze(struct builder **builder, struct table *previous)
{
    struct builder *b = *builder;
    uint64_t generation = previous ? previous->generation + 1 : 1;
    struct changes changes = {0};
    struct table *table = NULL;

    if (!settle(b) && !adopt_all(b->skeleton, previous ? previous->skeleton : NULL) &&
        !join(b, previous, generation, &changes))
        table = table_make_take(b->skeleton, b->targets, b->nr_targets, changes.list, changes.nr,
                                generation);
    if (table) {
        b->skeleton = NULL;
        b->nr_targets = 0;
    } else {
        free(changes.list);
    }
    builder_free(builder);
    return table;
}
