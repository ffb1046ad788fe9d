/* What became of executions, counted by machine, alias and version. Control thread. */
#ifndef WEIR_CONTROL_EXECUTION_TALLY_H
#define WEIR_CONTROL_EXECUTION_TALLY_H

#include <stdint.h>

#include "metrics/expose_execution.h"
#include "store/execution_kept.h"

struct execution_tally {
    char *machine, *alias, *version;
    struct expose_execution_counts counts;
};

struct execution_tallies {
    struct execution_tally **list;
    int nr, room;
};

/* The numbers of these names; a place where nobody looks when out of memory. */
struct expose_execution_counts *execution_tally_of(struct execution_tallies *tallies,
                                                   const char *machine, const char *alias,
                                                   const char *version);

void execution_tally_close(struct expose_execution_counts *counts,
                           enum store_execution_status status, uint64_t duration_ms);

/* All of them, with their names; the caller frees the array. NULL when out of memory, or where
 * there are none. */
struct expose_execution_counts *execution_tally_list(const struct execution_tallies *tallies,
                                                     int *nr);

void execution_tally_fini(struct execution_tallies *tallies);

#endif
