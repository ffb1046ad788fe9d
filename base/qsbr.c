/* How it is decided that nobody can still hold a pointer to a retired object.
 *
 * The domain counts epochs. A retirer, having unpublished its object, moves the epoch on by one and
 * stamps the object with the new value. A reader notes the epoch as it comes online. Whoever notes
 * the stamp's value or a later one has read what the retirer's atomic add wrote, or a later link of
 * the same chain of adds, so it sees the object unpublished. The object is free to go when each
 * reader is offline or has noted at least its stamp.
 *
 * Between a reader that comes online and a reclaimer that looks for readers there is Dekker's race:
 *
 *     reader:     seen = epoch;           full fence;   p = *published
 *     reclaimer:  (p is unpublished)      full fence;   look at seen
 *
 * Either the reclaimer sees the reader online, or the reader sees p unpublished. */
#include "base/qsbr.h"

#include <assert.h>
#include <stdlib.h>

enum { LINE = 64 };

/* A reader writes its slot twice per loop turn: no two slots share a cache line. */
struct slot {
    _Alignas(LINE) _Atomic uint64_t seen; /* the epoch noted when coming online; 0: offline */
    _Atomic bool is_taken;
};

struct qsbr {
    _Alignas(LINE) _Atomic uint64_t epoch; /* from 1 */
    /* What was retired lately: a stack that is pushed to, and taken as a whole. */
    _Alignas(LINE) _Atomic(struct qsbr_node *) retired;
    struct qsbr_node *waiting; /* the reclaimer's: taken, not yet free to go */
    struct slot slots[QSBR_READERS_MAX];
};

/* Sets seen with a full fence behind it. Release, as whoever reads this value must have all that
 * was done while the slot was online before. ThreadSanitizer does not know fences, but an exchange
 * is one on the machines that it runs on. */
static void announce(_Atomic uint64_t *seen, uint64_t epoch)
{
#ifdef __SANITIZE_THREAD__
    atomic_exchange(seen, epoch);
#else
    atomic_store_explicit(seen, epoch, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

struct qsbr *qsbr_make(void)
{
    struct qsbr *domain = aligned_alloc(LINE, sizeof(*domain));

    if (!domain)
        return NULL;
    atomic_init(&domain->epoch, 1);
    atomic_init(&domain->retired, NULL);
    domain->waiting = NULL;
    for (int i = 0; i < QSBR_READERS_MAX; i++) {
        atomic_init(&domain->slots[i].seen, 0);
        atomic_init(&domain->slots[i].is_taken, false);
    }
    return domain;
}

void qsbr_free(struct qsbr **domain)
{
    size_t waiting;

    if (!*domain)
        return;
    for (int i = 0; i < QSBR_READERS_MAX; i++)
        assert(atomic_load(&(*domain)->slots[i].seen) == 0);
    do
        waiting = qsbr_reclaim(*domain);
    while (waiting > 0);
    free(*domain);
    *domain = NULL;
}

int qsbr_register(struct qsbr *domain)
{
    for (int i = 0; i < QSBR_READERS_MAX; i++) {
        bool is_taken = false;

        if (atomic_compare_exchange_strong(&domain->slots[i].is_taken, &is_taken, true))
            return i;
    }
    return -1;
}

void qsbr_unregister(struct qsbr *domain, int slot)
{
    struct slot *s = &domain->slots[slot];

    assert(atomic_load(&s->is_taken) && atomic_load(&s->seen) == 0);
    atomic_store(&s->is_taken, false);
}

void qsbr_online(struct qsbr *domain, int slot)
{
    _Atomic uint64_t *seen = &domain->slots[slot].seen;

    assert(atomic_load_explicit(seen, memory_order_relaxed) == 0);
    announce(seen, atomic_load_explicit(&domain->epoch, memory_order_acquire));
}

void qsbr_offline(struct qsbr *domain, int slot)
{
    atomic_store_explicit(&domain->slots[slot].seen, 0, memory_order_release);
}

void qsbr_retire(struct qsbr *domain, struct qsbr_node *node, void (*free_fn)(struct qsbr_node *))
{
    struct qsbr_node *top = atomic_load_explicit(&domain->retired, memory_order_relaxed);

    node->free_fn = free_fn;
    node->epoch = atomic_fetch_add(&domain->epoch, 1) + 1;
    do
        node->next = top;
    while (!atomic_compare_exchange_weak(&domain->retired, &top, node));
}

/* Puts what was retired since the last call before what already waits. */
static void take_retired(struct qsbr *domain)
{
    struct qsbr_node *node = atomic_exchange(&domain->retired, NULL);

    while (node) {
        struct qsbr_node *next = node->next;

        node->next = domain->waiting;
        domain->waiting = node;
        node = next;
    }
}

/* The oldest epoch that an online reader has noted. */
static uint64_t oldest_seen(struct qsbr *domain)
{
    uint64_t oldest = UINT64_MAX;

#ifndef __SANITIZE_THREAD__
    atomic_thread_fence(memory_order_seq_cst);
#endif
    for (int i = 0; i < QSBR_READERS_MAX; i++) {
        uint64_t seen = atomic_load(&domain->slots[i].seen);

        if (seen != 0 && seen < oldest)
            oldest = seen;
    }
    return oldest;
}

bool qsbr_is_empty(struct qsbr *domain)
{
    return !domain->waiting && !atomic_load_explicit(&domain->retired, memory_order_relaxed);
}

size_t qsbr_reclaim(struct qsbr *domain)
{
    struct qsbr_node *node, *next;
    uint64_t oldest;
    size_t nr_waiting = 0;

    take_retired(domain);
    oldest = oldest_seen(domain);
    node = domain->waiting;
    domain->waiting = NULL;
    for (; node; node = next) {
        next = node->next;
        if (node->epoch <= oldest) {
            node->free_fn(node);
        } else {
            node->next = domain->waiting;
            domain->waiting = node;
        }
    }
    take_retired(domain); /* what the free functions retired in turn, for the count */
    for (node = domain->waiting; node; node = node->next)
        nr_waiting++;
    return nr_waiting;
}
