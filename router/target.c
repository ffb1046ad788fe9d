/* When does an alias keep its split? When nothing about the order of its picks changed: the mode,
 * the versions in their order, the weights. Endpoints, limits and descriptions may change freely.
 */
#include "router/target.h"

#include <stdlib.h>

struct target *target_make(struct function *function, struct str alias, struct str description,
                           enum split_mode mode, bool is_failover, int nr_arms)
{
    size_t bytes = sizeof(struct target) + (size_t)nr_arms * sizeof(struct arm);
    struct target *target = calloc(1, bytes + alias.n);

    if (!target)
        return NULL;
    /* The name is compared at each look-up: next to the target it costs no cache line of its own.
     */
    memcpy((char *)target + bytes, alias.p, alias.n);
    atomic_init(&target->refs, 1);
    target->function = function;
    target->alias = (struct str){(char *)target + bytes, alias.n};
    target->description = description;
    target->mode = mode;
    target->is_failover = is_failover;
    target->nr_arms = nr_arms;
    for (int i = 0; i < nr_arms; i++)
        target->arms[i].series = REGISTRY_NO_SERIES;
    return target;
}

int target_set_arm(struct target *target, struct registry *registry, int i, struct version *version,
                   uint32_t weight)
{
    struct arm *arm = &target->arms[i];

    arm->version = version;
    arm->weight = weight;
    arm->series =
        registry_series_get(registry, target->function->name, target->alias, version->name);
    return arm->series == REGISTRY_NO_SERIES ? -1 : 0;
}

static bool is_alike(const struct target *a, const struct target *b)
{
    if (a->mode != b->mode || a->nr_arms != b->nr_arms)
        return false;
    for (int i = 0; i < a->nr_arms; i++)
        if (a->arms[i].weight != b->arms[i].weight ||
            !str_eq(a->arms[i].version->name, b->arms[i].version->name))
            return false;
    return true;
}

static int16_t place_of(const struct target *target, struct str version)
{
    for (int i = 0; i < target->nr_arms; i++)
        if (str_eq(target->arms[i].version->name, version))
            return (int16_t)i;
    return -1;
}

int target_join(struct target *target, const struct target *before, struct qsbr *domain,
                bool *is_replacement)
{
    struct split_spec spec;

    *is_replacement = false;
    if (before && is_alike(target, before)) {
        target->split = split_ref(before->split);
        return 0;
    }
    spec.mode = target->mode;
    spec.nr_arms = target->nr_arms;
    for (int i = 0; i < target->nr_arms; i++) {
        spec.weights[i] = target->arms[i].weight;
        spec.from[i] = before ? place_of(before, target->arms[i].version->name) : -1;
    }
    target->split = split_make(domain, &spec, before ? before->split : NULL);
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
        if (t->arms[i].series != REGISTRY_NO_SERIES)
            registry_series_release(registry, t->arms[i].series);
    split_unref(&t->split);
    free(t);
}
