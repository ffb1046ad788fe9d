/* References to origins. They are made, found again and freed by the registry. */
#include "router/origin.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

struct origin *origin_ref(struct origin *origin)
{
    atomic_fetch_add_explicit(&origin->refs, 1, memory_order_relaxed);
    return origin;
}

void origin_unref(struct origin **origin)
{
    uint32_t before = atomic_fetch_sub_explicit(&(*origin)->refs, 1, memory_order_release);

    assert(before > 1); /* the registry's own is never ended here */
    *origin = NULL;
}

struct origin *origin_ref_pool(struct origin *origin)
{
    atomic_fetch_add_explicit(&origin->pools, 1, memory_order_relaxed);
    return origin;
}

void origin_unref_pool(struct origin **origin)
{
    uint32_t before = atomic_fetch_sub_explicit(&(*origin)->pools, 1, memory_order_release);

    assert(before > 0);
    *origin = NULL;
}

bool origin_is_wanted(const struct origin *origin)
{
    return atomic_load_explicit(&origin->refs, memory_order_acquire) > 1;
}

static void free_set(struct qsbr_node *node)
{
    struct origin_set *set =
        (struct origin_set *)((char *)node - offsetof(struct origin_set, retired));

    for (int i = 0; i < set->nr; i++)
        origin_unref(&set->places[i].origin);
    free(set);
}

static void set_gone(const struct origin_set *set, bool is_gone)
{
    for (int i = 0; set && i < set->nr; i++)
        atomic_store_explicit(&set->places[i].origin->is_gone, is_gone, memory_order_relaxed);
}

void origin_set_take(struct origin *origin, struct origin_set *set, struct qsbr *domain)
{
    struct origin_set *before =
        atomic_exchange_explicit(&origin->name->set, set, memory_order_acq_rel);

    assert(!set || set->nr > 0);
    set_gone(before, true);
    set_gone(set, false);
    if (before)
        qsbr_retire(domain, &before->retired, free_set);
}
