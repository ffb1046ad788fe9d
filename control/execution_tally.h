/* What became of executions, counted by machine, alias and version. Control thread. */
#ifndef WEIR_CONTROL_EXECUTION_TALLY_H
#define WEIR_CONTROL_EXECUTION_TALLY_H

#include <stdbool.h>
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

/* is_blamed: it counts as a failed invocation of its version. */
void execution_tally_close(struct expose_execution_counts *counts,
                           enum store_execution_status status, uint64_t duration_ms,
                           bool is_blamed);

/* Those that have ended, as invocations; all zero where there are none. */
struct metrics_figures execution_tally_figures(const struct execution_tallies *tallies,
                                               struct str machine, struct str alias,
                                               struct str version);

/* All of them, with their names; the caller frees the array. NULL when out of memory, or where
 * there are none. */
struct expose_execution_counts *execution_tally_list(const struct execution_tallies *tallies,
                                                     int *nr);

void execution_tally_fini(struct execution_tallies *tallies);

#endif
