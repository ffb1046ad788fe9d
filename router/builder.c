/* From calls in a document's order to a table. Versions and endpoints of a function are collected
 * until its first alias, or the next function, tells that there are no more; then they get their
 * places for good, and each version becomes a target. Splits come last, when the table to take over
 * from is known. Versions and endpoints are in builder_version.c, copies from another table in
 * builder_copy.c. */
#include "router/builder.h"

#include <assert.h>
#include <stdlib.h>

#include "router/adopt.h"
#include "router/builder_parts.h"
#include "router/target.h"

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
void *builder_room(void *list, uint32_t nr, uint32_t *capacity, size_t size)
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

int builder_keep(struct builder *builder, struct str s, struct str *out)
{
    char *copy = stash_copy(&builder->skeleton->stash, s);

    *out = (struct str){copy, s.n};
    return copy ? 0 : -1;
}

/* NULL stays NULL. */
int builder_keep_option(struct builder *builder, const char *s, char **out)
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
struct target *builder_find(const struct builder *builder, struct str function,
                            struct str qualifier)
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
    struct target **targets = builder_room(builder->targets, builder->nr_targets,
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
    struct version **watched = builder_room(skeleton->watched, skeleton->nr_watched,
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
int builder_settle(struct builder *builder)
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
        if (builder_keep(builder, spec->urls[i].qualifier, &url->qualifier) ||
            builder_keep_option(builder, spec->urls[i].document, &url->document))
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
    if (builder_keep_option(builder, spec->tags, &more->tags) ||
        builder_keep_option(builder, spec->dead_letter, &more->dead_letter) ||
        builder_keep_option(builder, spec->auto_publish_alias, &more->auto_publish_alias) ||
        builder_keep_option(builder, spec->deployment_preference, &more->deployment_preference))
        return -1;
    return spec->nr_urls > 0 ? keep_urls(builder, spec, more) : 0;
}

static int list_with_urls(struct skeleton *skeleton, struct function *function)
{
    struct function **list = builder_room(skeleton->with_urls, skeleton->nr_with_urls,
                                          &skeleton->with_urls_capacity, sizeof(list[0]));

    if (!list)
        return -1;
    skeleton->with_urls = list;
    list[skeleton->nr_with_urls++] = function;
    return 0;
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
    functions = builder_room(skeleton->functions, skeleton->nr_functions, &skeleton->capacity,
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
    function->limit =
        builder_smaller(spec->max_in_flight, spec->concurrency == FUNCTION_NO_CONCURRENCY ? 0
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

/* ---- Aliases and routes ---------------------------------------------------------------------- */

enum { FEW_VERSIONS = 16 };

/* Of the last function. Few are looked through, many are found by their hash. */
static struct version *find_version(const struct builder *builder, struct str name, int place)
{
    struct function *function = builder->function;
    struct version *version;

    if (function->nr_versions <= FEW_VERSIONS) {
        version = model_version(function, name, place);
    } else {
        const struct target *target = builder_find(builder, function->name, name);
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
    return builder_settle(builder);
}

bool builder_knows(const struct builder *builder, struct str function, struct str qualifier)
{
    return builder_find(builder, function, qualifier) != NULL;
}

int builder_route(struct builder *builder, const struct route_spec *spec)
{
    struct str named = spec->qualifier.n > 0 ? spec->qualifier : STR("$LATEST");
    bool is_as_said = spec->said_function.n == 0 || str_eq(spec->said_function, spec->function);
    struct route route = {.strip_prefix = spec->strip_prefix};
    const struct target *target;

    if (builder_settle(builder))
        return -1;
    target = builder_find(builder, spec->function, named);
    assert(target);
    route.target = target->index;
    if (builder_keep(builder, spec->host, &route.host) ||
        builder_keep(builder, spec->path, &route.path) ||
        builder_keep(builder, spec->said_qualifier, &route.qualifier) ||
        (!is_as_said && builder_keep(builder, spec->said_function, &route.function)))
        return -1;
    if (spec->terms) {
        route.terms = url_terms_copy(&builder->skeleton->stash, spec->terms);
        if (!route.terms)
            return -1;
    }
    return routes_add(&builder->skeleton->routes, &route);
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
        list = builder_room(changes->list, changes->nr, &changes->capacity, sizeof(list[0]));
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

    if (!builder_settle(b) && !adopt_all(b->skeleton, previous ? previous->skeleton : NULL) &&
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
