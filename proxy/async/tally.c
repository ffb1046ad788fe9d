/* A hash table by function, for the control thread, and through its entries a list for those who
 * read; an entry stays to the end. */
#include "proxy/async/tally.h"

#include <stdlib.h>
#include <string.h>

/* Without memory for the hash table an element stays outside: its hh.tbl is NULL. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct tally_entry {
    UT_hash_handle hh;
    _Atomic(struct tally_entry *) next;
    struct tally_counts counts;
    size_t n;
    char name[];
};

struct tally_counts *tally_of(struct tally *tally, const char *function)
{
    static struct tally_counts nowhere;
    size_t n = strlen(function);
    struct tally_entry *entry;

    HASH_FIND(hh, tally->entries, function, n, entry);
    if (entry)
        return &entry->counts;
    entry = calloc(1, sizeof(*entry) + n + 1);
    if (!entry)
        return &nowhere;
    memcpy(entry->name, function, n);
    entry->n = n;
    HASH_ADD(hh, tally->entries, name, n, entry);
    if (!entry->hh.tbl) {
        free(entry);
        return &nowhere;
    }
    atomic_store_explicit(tally->last ? &tally->last->next : &tally->first, entry,
                          memory_order_release);
    tally->last = entry;
    atomic_fetch_add_explicit(&tally->nr, 1, memory_order_release);
    return &entry->counts;
}

static uint64_t read_count(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

static struct expose_event_counts read_entry(const struct tally_entry *e)
{
    struct expose_event_counts out = {
        .function = {e->name, e->n},
        .accepted = read_count(&e->counts.accepted),
        .delivered = read_count(&e->counts.delivered),
        .retried = read_count(&e->counts.retried),
        .dead_letters = read_count(&e->counts.dead_letters),
    };

    for (int i = 0; i < EXPOSE_DROP_COUNT; i++)
        out.dropped[i] = read_count(&e->counts.dropped[i]);
    return out;
}

struct expose_event_counts *tally_list(const struct tally *tally, int *nr)
{
    uint32_t nr_now = atomic_load_explicit(&tally->nr, memory_order_acquire);
    struct expose_event_counts *list = calloc((size_t)nr_now + 1, sizeof(list[0]));
    const struct tally_entry *e = atomic_load_explicit(&tally->first, memory_order_acquire);

    for (*nr = 0; list && (uint32_t)*nr < nr_now; (*nr)++) {
        list[*nr] = read_entry(e);
        e = atomic_load_explicit(&e->next, memory_order_acquire);
    }
    return list;
}

void tally_fini(struct tally *tally)
{
    struct tally_entry *entry, *next;

    HASH_ITER(hh, tally->entries, entry, next)
    {
        HASH_DEL(tally->entries, entry);
        free(entry);
    }
    *tally = (struct tally){0};
}
