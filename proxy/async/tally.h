/* What became of events, counted by function. Control thread, but for tally_list. */
#ifndef WEIR_PROXY_ASYNC_TALLY_H
#define WEIR_PROXY_ASYNC_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/str.h"
#include "metrics/expose.h"

struct tally_entry;

struct tally {
    struct tally_entry *entries; /* by function */
    /* In the order in which they came; the first nr are there for any thread. */
    _Atomic(struct tally_entry *) first;
    struct tally_entry *last;
    _Atomic uint32_t nr;
};

/* As struct expose_event_counts. */
struct tally_counts {
    _Atomic uint64_t accepted, delivered, retried, dead_letters;
    _Atomic uint64_t dropped[EXPOSE_DROP_COUNT];
};

/* Adds one to a number of tally_of's. */
static inline void tally_add(_Atomic uint64_t *count)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

/* The function's numbers; a place where nobody looks when out of memory. */
struct tally_counts *tally_of(struct tally *tally, const char *function);

/* All of them: the function's name in each; the caller frees the array. NULL when out of memory.
 * Any thread. */
struct expose_event_counts *tally_list(const struct tally *tally, int *nr);

void tally_fini(struct tally *tally);

#endif
