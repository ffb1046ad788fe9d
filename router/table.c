/* Look-ups on a table, its references and its changes. The way to a target is skeleton (names to an
 * index), then leaf (index to the target): a change of weights copies the one leaf and the array of
 * leaves. */
#include "router/table.h"

#include <assert.h>
#include <stdlib.h>

#include "router/skeleton.h"
#include "router/target.h"

/* ---- Reading --------------------------------------------------------------------------------- */

struct target *table_find(const struct table *table, struct str function, struct str qualifier,
                          bool *knows_function)
{
    const struct skeleton *skeleton = table->skeleton;
    uint64_t hash = skeleton_hash(function);
    uint32_t tag, at;

    if (qualifier.n == 0)
        qualifier = STR("$LATEST");
    tag = skeleton_tag(hash, qualifier);
    for (uint32_t n = flathash_first(&skeleton->qualifiers, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&skeleton->qualifiers, tag, &at)) {
        struct target *target = table_target(table, n);

        if (!target_is(target, function, qualifier))
            continue;
        if (knows_function)
            *knows_function = true;
        return target;
    }
    if (knows_function)
        *knows_function = skeleton_function(skeleton, function, hash) != NULL;
    return NULL;
}

const struct route *table_route(const struct table *table, struct str host, struct str path)
{
    return routes_find(&table->skeleton->routes, host, path);
}

struct function *table_function(const struct table *table, struct str name)
{
    return skeleton_function(table->skeleton, name, skeleton_hash(name));
}

uint32_t table_targets_of(const struct table *table, const struct function *function, uint32_t *nr)
{
    const struct target *first =
        table_find(table, function->name, function->versions[0].name, NULL);
    uint32_t end;

    assert(first && first->function == function);
    for (end = first->index; end < table->nr_targets; end++)
        if (table_target(table, end)->function != function)
            break;
    *nr = end - first->index;
    return first->index;
}

int table_functions(const struct table *table, struct function *const **functions)
{
    *functions = table->skeleton->functions;
    return (int)table->skeleton->nr_functions;
}

int table_url_functions(const struct table *table, struct function *const **functions,
                        uint64_t *serial)
{
    *functions = table->skeleton->with_urls;
    *serial = table->skeleton->serial;
    return (int)table->skeleton->nr_with_urls;
}

int table_routes(const struct table *table, const struct route **routes)
{
    *routes = table->skeleton->routes.list;
    return (int)table->skeleton->routes.nr;
}

const char *table_section(const struct table *table, enum model_section section)
{
    const char *text = table->skeleton->sections[section];

    return text ? text : "{}";
}

int table_watched(const struct table *table, struct version *const **versions)
{
    *versions = table->skeleton->watched;
    return (int)table->skeleton->nr_watched;
}

/* ---- Leaves ---------------------------------------------------------------------------------- */

static uint32_t nr_leaves(uint32_t nr_targets)
{
    return (nr_targets + TABLE_LEAF_TARGETS - 1) / TABLE_LEAF_TARGETS;
}

static void leaf_unref(struct table_leaf *leaf, struct registry *registry)
{
    if (!leaf || atomic_fetch_sub_explicit(&leaf->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (int i = 0; i < TABLE_LEAF_TARGETS; i++)
        target_unref(&leaf->targets[i], registry);
    free(leaf);
}

/* A copy with another target in one place, to which it takes over the reference. */
static struct table_leaf *leaf_with_take(const struct table_leaf *leaf, uint32_t place,
                                         struct target *target)
{
    struct table_leaf *copy = calloc(1, sizeof(*copy));

    if (!copy)
        return NULL;
    atomic_init(&copy->refs, 1);
    for (uint32_t i = 0; i < TABLE_LEAF_TARGETS; i++)
        if (i == place)
            copy->targets[i] = target;
        else if (leaf->targets[i])
            copy->targets[i] = target_ref(leaf->targets[i]);
    return copy;
}

/* ---- References ------------------------------------------------------------------------------ */

/* Frees what there is of a table whose skeleton is set. */
static void dismantle(struct table *table)
{
    for (uint32_t i = 0; table->leaves && i < nr_leaves(table->nr_targets); i++)
        leaf_unref(table->leaves[i], table->skeleton->registry);
    skeleton_unref(&table->skeleton);
    free(table->leaves);
    free(table->changed);
    free(table);
}

static void free_table(struct qsbr_node *node)
{
    dismantle((struct table *)((char *)node - offsetof(struct table, retired)));
}

struct table *table_ref(struct table *table)
{
    atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
    return table;
}

void table_unref(struct table **table)
{
    struct table *t = *table;

    *table = NULL;
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return;
    qsbr_retire(registry_domain(t->skeleton->registry), &t->retired, free_table);
}

/* ---- Making ---------------------------------------------------------------------------------- */

/* A table with room for its leaves and changes, and nothing in it. */
static struct table *make(uint32_t nr_targets, uint64_t generation)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    atomic_init(&table->refs, 1);
    table->generation = generation;
    table->nr_targets = nr_targets;
    table->leaves = calloc(nr_leaves(nr_targets) + 1, sizeof(table->leaves[0]));
    if (!table->leaves) {
        free(table);
        return NULL;
    }
    return table;
}

struct table *table_make_take(struct skeleton *skeleton, struct target *const *targets,
                              uint32_t nr_targets, uint32_t *changed, uint32_t nr_changed,
                              uint64_t generation)
{
    struct table *table = make(nr_targets, generation);

    if (!table)
        return NULL;
    for (uint32_t i = 0; i < nr_leaves(nr_targets); i++) {
        table->leaves[i] = calloc(1, sizeof(*table->leaves[i]));
        if (!table->leaves[i]) {
            while (i > 0)
                free(table->leaves[--i]);
            free(table->leaves);
            free(table);
            return NULL;
        }
        atomic_init(&table->leaves[i]->refs, 1);
    }
    for (uint32_t i = 0; i < nr_targets; i++) {
        struct table_leaf *leaf = table->leaves[i / TABLE_LEAF_TARGETS];
        assert(leaf);
        targets[i]->index = i;
        leaf->targets[i % TABLE_LEAF_TARGETS] = targets[i];
    }
    table->skeleton = skeleton;
    table->changed = changed;
    table->nr_changed = nr_changed;
    return table;
}

/* ---- Changing -------------------------------------------------------------------------------- */

/* Counters that were used stay with the arms of the same versions. Where memory is short, an arm
 * finds its number when it is picked. */
static void keep_series_of(struct target *target, const struct target *before,
                           struct registry *registry)
{
    for (int i = 0; i < before->nr_arms; i++)
        for (int k = 0; k < target->nr_arms; k++)
            if (atomic_load(&before->arms[i].series) != REGISTRY_NO_SERIES &&
                str_eq(before->arms[i].version->name, target->arms[k].version->name))
                (void)target_series(target, &target->arms[k], registry);
}

/* An alias of one of the table's functions as spec says, with a split that takes over from the one
 * before. NULL when out of memory. */
static struct target *remake(const struct table *table, struct function *function,
                             const struct target *before, const struct alias_spec *spec,
                             bool *is_replacement)
{
    struct registry *registry = table->skeleton->registry;
    struct target *target = target_make(NULL, function, before->alias, spec->description,
                                        spec->mode, spec->is_failover, spec->nr_arms);

    if (!target)
        return NULL;
    target_set_terms(target, spec->terms, spec->map, spec->in_force);
    for (int i = 0; i < spec->nr_arms; i++) {
        const struct arm_spec *arm = &spec->arms[i];
        const struct target *named = table_find(table, function->name, arm->version, NULL);

        assert(named && named->alias.n == 0);
        target_set_arm(target, i, named->arms[0].version, arm->weight);
    }
    keep_series_of(target, before, registry);
    if (target_join(target, before, registry, is_replacement))
        target_unref(&target, registry);
    return target;
}

struct table *table_with_alias(struct table *previous, const struct target *changed,
                               const struct alias_spec *spec)
{
    uint32_t at = changed->index / TABLE_LEAF_TARGETS, place = changed->index % TABLE_LEAF_TARGETS;
    struct table_leaf *leaf = NULL;
    struct target *target = NULL;
    struct table *table;
    bool is_replacement;

    assert(table_target(previous, changed->index) == changed && changed->alias.n > 0);
    table = make(previous->nr_targets, previous->generation + 1);
    if (!table)
        return NULL;
    table->changed = malloc(sizeof(table->changed[0]));
    if (table->changed)
        target = remake(previous, changed->function, changed, spec, &is_replacement);
    if (target) {
        target->index = changed->index;
        target->since = table->generation;
        leaf = leaf_with_take(previous->leaves[at], place, target);
    }
    if (!leaf) {
        target_unref(&target, previous->skeleton->registry);
        free(table->leaves);
        free(table->changed);
        free(table);
        return NULL;
    }
    table->skeleton = skeleton_ref(previous->skeleton);
    for (uint32_t i = 0; i < nr_leaves(previous->nr_targets); i++) {
        table->leaves[i] = i == at ? leaf : previous->leaves[i];
        if (i != at)
            atomic_fetch_add_explicit(&previous->leaves[i]->refs, 1, memory_order_relaxed);
    }
    table->changed[0] = changed->index;
    table->nr_changed = is_replacement;
    return table;
}

struct alias_spec table_alias_spec(const struct target *target, struct arm_spec *arms)
{
    for (int i = 0; i < target->nr_arms; i++)
        arms[i] = (struct arm_spec){target->arms[i].version->name, target->arms[i].weight};
    return (struct alias_spec){.name = target->alias,
                               .description = target->description,
                               .mode = target->mode,
                               .is_failover = target->is_failover,
                               .nr_arms = target->nr_arms,
                               .arms = arms,
                               .terms = target->terms,
                               .map = target->said_map,
                               .in_force = target->map};
}

static bool has_versions_of(const struct function *function, const struct target *target)
{
    for (int i = 0; i < target->nr_arms; i++)
        if (!model_version(function, target->arms[i].version->name, i))
            return false;
    return true;
}

static int add_changed(struct table *table, uint32_t index)
{
    uint32_t *changed =
        reallocarray(table->changed, (size_t)table->nr_changed + 1, sizeof(changed[0]));

    if (!changed)
        return -1;
    table->changed = changed;
    changed[table->nr_changed++] = index;
    return 0;
}

/* One alias that was changed from before to now while the table was built. */
static int catch_up(struct table *table, const struct target *before, const struct target *now)
{
    struct target *built = table_find(table, now->function->name, now->alias, NULL), *target;
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec spec;
    bool is_replacement;

    if (!built)
        return 0;
    if (target_says_same(built, before) && has_versions_of(built->function, now)) {
        spec = table_alias_spec(now, arms);
    } else {
        spec = table_alias_spec(built, arms);
        spec.in_force = NULL; /* callers are where now's map has them */
    }
    target = remake(table, built->function, now, &spec, &is_replacement);
    if (!target)
        return -1;
    target->index = built->index;
    target_set_since(target, now, table->generation);
    table->leaves[target->index / TABLE_LEAF_TARGETS]->targets[target->index % TABLE_LEAF_TARGETS] =
        target;
    target_unref(&built, table->skeleton->registry);
    return is_replacement ? add_changed(table, target->index) : 0;
}

int table_catch_up(struct table *built, const struct table *previous, const struct table *current)
{
    assert(previous->skeleton == current->skeleton && built->refs == 1);
    built->generation = current->generation + 1;
    for (uint32_t i = 0; i < nr_leaves(previous->nr_targets); i++) {
        const struct table_leaf *before = previous->leaves[i], *now = current->leaves[i];

        for (int k = 0; before != now && k < TABLE_LEAF_TARGETS; k++)
            if (before->targets[k] != now->targets[k] &&
                catch_up(built, before->targets[k], now->targets[k]))
                return -1;
    }
    return 0;
}

uint32_t table_series(const struct table *table, const struct target *target, struct arm *arm)
{
    return target_series(target, arm, table->skeleton->registry);
}

bool table_keep_series(const struct table *table, struct str function, struct str alias,
                       struct str version, uint32_t series)
{
    struct target *target = table_find(table, function, alias.n > 0 ? alias : version, NULL);

    for (int i = 0; target && i < target->nr_arms; i++) {
        uint32_t none = REGISTRY_NO_SERIES;
        if (str_eq(target->arms[i].version->name, version))
            return atomic_compare_exchange_strong(&target->arms[i].series, &none, series);
    }
    return false;
}

int table_open(struct table *table)
{
    int result = 0;

    for (uint32_t i = 0; i < table->nr_changed; i++)
        if (split_open(table_target(table, table->changed[i])->split))
            result = -1;
    return result;
}
