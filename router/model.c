/* What needs no more than the structs. */
#include "router/model.h"

#include <stdlib.h>

struct endpoint_health model_unwatched;

struct endpoint_health *model_ref_health(struct endpoint_health *health)
{
    atomic_fetch_add_explicit(&health->refs, 1, memory_order_relaxed);
    return health;
}

void model_unref_health(struct endpoint_health **health)
{
    struct endpoint_health *h = *health;

    *health = NULL;
    if (atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) > 1)
        return;
    free(atomic_load_explicit(&h->checks, memory_order_relaxed));
    free(h);
}

struct version *model_version(const struct function *function, struct str name, int place)
{
    if (place < function->nr_versions && str_eq(function->versions[place].name, name))
        return &function->versions[place];
    for (int i = 0; i < function->nr_versions; i++)
        if (str_eq(function->versions[i].name, name))
            return &function->versions[i];
    return NULL;
}
