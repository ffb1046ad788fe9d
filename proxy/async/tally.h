/* What became of events, counted by function. Control thread. */
#ifndef WEIR_PROXY_ASYNC_TALLY_H
#define WEIR_PROXY_ASYNC_TALLY_H

#include <stdint.h>

#include "base/str.h"
#include "metrics/expose.h"

struct tally_entry;

struct tally {
    struct tally_entry *entries;
    uint32_t nr;
};

/* The function's numbers; a place where nobody looks when out of memory. */
struct expose_event_counts *tally_of(struct tally *tally, const char *function);

/* All of them: the function's name in each; the caller frees the array. NULL when out of memory, or
 * where there is none. */
struct expose_event_counts *tally_list(const struct tally *tally, int *nr);

void tally_fini(struct tally *tally);

#endif
