/* When does an alias keep its split? When nothing about the order of its picks changed: the mode,
 * the versions in their order, the weights. Endpoints, limits and descriptions may change freely;
 * the last only make it another revision of the alias.
 *
 * A version that leaves the alias stays behind as a past one while its function has it: an arm of
 * the split without weight, so that what it is owed waits for its return. */
#include "router/target.h"

#include <assert.h>
#include <stdlib.h>

#include "router/fleetsplit.h"
#include "router/studied.h"
#include "router/ward.h"

enum { PAST_MAX = 16 };

struct target *target_make(struct stash *stash, struct function *function, struct str alias,
                           struct str description, enum split_mode mode, bool is_failover,
                           int nr_arms)
{
    size_t bytes = sizeof(struct target) + (size_t)nr_arms * sizeof(struct arm);
    size_t with_names = bytes + alias.n + description.n;
    struct target *target = stash ? stash_take(stash, with_names) : calloc(1, with_names);
    char *names;

    if (!target)
        return NULL;
    names = (char *)target + bytes;
    /* The name is compared at each look-up: next to the target it costs no cache line of its
     * own. */
    if (alias.n > 0)
        memcpy(names, alias.p, alias.n);
    if (description.n > 0)
        memcpy(names + alias.n, description.p, description.n);
    atomic_init(&target->refs, 1);
    target->function = function;
    target->alias = (struct str){names, alias.n};
    target->description = (struct str){names + alias.n, description.n};
    target->mode = mode;
    target->is_failover = is_failover;
    target->is_limited = function->limit > 0;
    target->is_stashed = stash != NULL;
    target->nr_arms = (uint16_t)nr_arms;
    for (int i = 0; i < nr_arms; i++)
        atomic_init(&target->arms[i].series, REGISTRY_NO_SERIES);
    return target;
}

void target_set_terms(struct target *target, const struct alias_terms *terms,
                      const struct stickymap *said, const struct stickymap *in_force)
{
    if (!terms)
        return;
    target->terms = alias_terms_ref(terms);
    if (!terms->sticky)
        return;
    if (said)
        target->said_map = stickymap_ref((struct stickymap *)(uintptr_t)said);
    if (in_force)
        target->map = stickymap_ref((struct stickymap *)(uintptr_t)in_force);
}

void target_set_arm(struct target *target, int i, struct version *version, uint32_t weight)
{
    target->arms[i].version = version;
    target->arms[i].weight = weight;
    target->is_gathered |= version->kind != VERSION_HTTP;
    target->is_limited |= version->max_in_flight > 0;
}

uint32_t target_series(const struct target *target, struct arm *arm, struct registry *registry)
{
    uint32_t none = REGISTRY_NO_SERIES, series = atomic_load(&arm->series);

    if (series != none)
        return series;
    series =
        registry_series_get(registry, target->function->name, target->alias, arm->version->name);
    if (series == none || atomic_compare_exchange_strong(&arm->series, &none, series))
        return series;
    registry_series_release(registry, series); /* another thread was faster */
    return none;
}

static const struct version *past_version(const struct target *target, int i)
{
    const struct version *version = target->past[i];

    assert(version);
    return version;
}

static int16_t place_of(const struct target *target, struct str version)
{
    for (int i = 0; i < target->nr_arms; i++)
        if (str_eq(target->arms[i].version->name, version))
            return (int16_t)i;
    for (int i = 0; i < target->nr_past; i++)
        if (str_eq(past_version(target, i)->name, version))
            return (int16_t)(target->nr_arms + i);
    return -1;
}

/* ---- Past versions --------------------------------------------------------------------------- */

static void add_past(struct target *target, struct str name)
{
    struct version *version;

    if (place_of(target, name) >= 0)
        return;
    version = model_version(target->function, name, 0);
    if (version)
        target->past[target->nr_past++] = version;
}

/* Where there are too many, those that left longest ago are forgotten. */
static void limit_past(struct target *target)
{
    int room = SPLIT_ARMS_MAX - target->nr_arms;
    int most = room < PAST_MAX ? room : PAST_MAX;
    int surplus = target->nr_past - most;

    if (surplus <= 0)
        return;
    memmove(target->past, target->past + surplus, (size_t)most * sizeof(target->past[0]));
    target->nr_past = (uint8_t)most;
}

static void settle_past(struct target *target)
{
    limit_past(target);
    if (target->nr_past == 0) {
        free(target->past);
        target->past = NULL;
    }
}

/* In the order in which they left; 0, or -1 when out of memory. */
static int take_past(struct target *target, const struct target *before)
{
    size_t nr = (size_t)before->nr_past + (size_t)before->nr_arms;

    target->past = calloc(nr, sizeof(target->past[0]));
    if (!target->past)
        return -1;
    for (int i = 0; i < before->nr_past; i++)
        add_past(target, before->past[i]->name);
    for (int i = 0; i < before->nr_arms; i++)
        add_past(target, before->arms[i].version->name);
    settle_past(target);
    return 0;
}

/* A version of the function that has left the alias, by what a process before this one left. */
static struct version *version_left(const struct target *target, uint64_t name)
{
    struct function *function = target->function;

    for (int i = 0; i < function->nr_versions; i++)
        if (logbook_version(function->versions[i].name) == name)
            return &function->versions[i];
    return NULL;
}

/* As take_past, from what a process before this one left. */
static int take_past_left(struct target *target, const struct logbook_entry *left)
{
    target->past = calloc(left->nr_arms, sizeof(target->past[0]));
    if (!target->past)
        return -1;
    for (int i = 0; i < left->nr_arms; i++) {
        struct version *version = version_left(target, logbook_versions(left)[i]);

        if (version && place_of(target, version->name) < 0)
            target->past[target->nr_past++] = version;
    }
    settle_past(target);
    return 0;
}

/* ---- Splits ---------------------------------------------------------------------------------- */

static bool has_same_arms(const struct target *a, const struct target *b)
{
    if (a->mode != b->mode || a->nr_arms != b->nr_arms)
        return false;
    for (int i = 0; i < a->nr_arms; i++)
        if (a->arms[i].weight != b->arms[i].weight ||
            !str_eq(a->arms[i].version->name, b->arms[i].version->name))
            return false;
    return true;
}

bool target_says_same(const struct target *a, const struct target *b)
{
    return has_same_arms(a, b) && a->is_failover == b->is_failover &&
           alias_terms_is_same(a->terms, b->terms) && stickymap_is_same(a->said_map, b->said_map) &&
           str_eq(a->description, b->description);
}

void target_set_since(struct target *target, const struct target *before, uint64_t generation)
{
    bool is_same = before && target_says_same(target, before);

    target->since = is_same ? before->since : generation;
}

static bool has_same_past(const struct target *a, const struct target *b)
{
    if (a->nr_past != b->nr_past)
        return false;
    for (int i = 0; i < a->nr_past; i++)
        if (!str_eq(a->past[i]->name, b->past[i]->name))
            return false;
    return true;
}

static struct str split_name(const struct target *target, int i)
{
    return i < target->nr_arms ? target->arms[i].version->name
                               : past_version(target, i - target->nr_arms)->name;
}

/* What a process before this one left of the alias, in *spec, and the past versions of it. 0, or -1
 * when out of memory. */
static int look_up_left(struct target *target, struct logbook *logbook, struct split_spec *spec)
{
    spec->heir_of = logbook_find(logbook, spec->key);
    if (spec->heir_of == LOGBOOK_NONE)
        return 0;
    return take_past_left(target, logbook_at(logbook, spec->heir_of));
}

/* ---- Maps ------------------------------------------------------------------------------------ */

/* 0, or -1 when out of memory. */
static int fit_map(struct target *target, const struct target *before)
{
    struct str versions[SPLIT_ARMS_MAX];
    uint32_t weights[SPLIT_ARMS_MAX];
    struct stickymap *start = target->map ? target->map : target->said_map;

    if (!target->terms || !target->terms->sticky)
        return 0;
    if (!start && before)
        start = before->map;
    for (int i = 0; i < target->nr_arms; i++) {
        versions[i] = target->arms[i].version->name;
        weights[i] = target->arms[i].weight;
    }
    start = start ? stickymap_fit(start, versions, weights, target->nr_arms)
                  : stickymap_row(versions, weights, target->nr_arms);
    stickymap_unref(&target->map);
    target->map = start;
    return start ? 0 : -1;
}

/* ---- The whole ------------------------------------------------------------------------------- */

int target_join(struct target *target, const struct target *before, struct registry *registry,
                bool *is_replacement)
{
    bool is_same = before && has_same_arms(target, before);
    struct split_spec spec;

    *is_replacement = false;
    if (fit_map(target, before) || studied_join(target, before) ||
        ward_join(target, before, registry_wardbook(registry)))
        return -1;
    spec.logbook = registry_logbook(registry);
    spec.heir_of = LOGBOOK_NONE;
    if (spec.logbook)
        spec.key = logbook_key(target->function->name, target->alias);
    if (before && !(is_same && before->nr_past == 0) && take_past(target, before))
        return -1;
    if (!before && spec.logbook && look_up_left(target, spec.logbook, &spec))
        return -1;
    if (is_same && has_same_past(target, before)) {
        target->split = split_ref(before->split);
        return 0;
    }
    spec.mode = target->mode;
    spec.nr_arms = target->nr_arms + target->nr_past;
    for (int i = 0; i < spec.nr_arms; i++) {
        spec.weights[i] = i < target->nr_arms ? target->arms[i].weight : 0;
        spec.from[i] = before ? place_of(before, split_name(target, i)) : -1;
        if (spec.logbook)
            spec.versions[i] = logbook_version(split_name(target, i));
    }
    spec.is_spread = registry_slot(registry) >= 0;
    spec.place = spec.is_spread ? fleetsplit_place((uint32_t)registry_slot(registry))
                                : registry_place(registry);
    target->split = split_make(registry_domain(registry), &spec, before ? before->split : NULL);
    *is_replacement = before && target->split;
    return target->split ? 0 : -1;
}

struct target *target_ref(struct target *target)
{
    atomic_fetch_add_explicit(&target->refs, 1, memory_order_relaxed);
    return target;
}

void target_unref(struct target **target, struct registry *registry)
{
    struct target *t = *target;

    *target = NULL;
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (int i = 0; i < t->nr_arms; i++)
        if (atomic_load(&t->arms[i].series) != REGISTRY_NO_SERIES)
            registry_series_release(registry, atomic_load(&t->arms[i].series));
    studied_leave(t);
    ward_leave(t);
    split_unref(&t->split);
    alias_terms_unref(&t->terms);
    stickymap_unref(&t->said_map);
    stickymap_unref(&t->map);
    free(t->past);
    if (!t->is_stashed)
        free(t);
}
