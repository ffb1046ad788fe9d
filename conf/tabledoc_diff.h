/* What a change through the API amounts to, thing by thing: the rows that are to be stored, and
 * those that go. */
#ifndef WEIR_CONF_TABLEDOC_DIFF_H
#define WEIR_CONF_TABLEDOC_DIFF_H

#include "conf/merge.h"
#include "conf/overlay.h"
#include "router/table.h"

/* Zeroed is empty. The rows are counted; they have no revision yet. */
struct tabledoc_diff {
    struct overlay_row **puts, **removes;
    uint32_t nr_puts, nr_removes, puts_capacity, removes_capacity;
};

/* What it is compared by. Nothing of it changes meanwhile. */
struct tabledoc_diff_sources {
    const struct table *before, *after;
    const struct merge_said *said; /* what the table file says; NULL: nothing */
    const struct overlay *overlay; /* what the API changed before */
};

/* Adds what is other in the function of this name; it may be in one table only. 0, or -1 when out
 * of memory. */
int tabledoc_diff_function(struct tabledoc_diff *diff, const struct tabledoc_diff_sources *sources,
                           struct str name) __attribute__((warn_unused_result));

/* A section, by its name. */
int tabledoc_diff_section(struct tabledoc_diff *diff, const struct tabledoc_diff_sources *sources,
                          const char *name) __attribute__((warn_unused_result));

/* All functions, the routes, and the sections. */
int tabledoc_diff_table(struct tabledoc_diff *diff, const struct tabledoc_diff_sources *sources)
    __attribute__((warn_unused_result));

/* An alias that is in both tables; it has a row even where it says the same. */
int tabledoc_diff_alias(struct tabledoc_diff *diff, const struct tabledoc_diff_sources *sources,
                        struct str function, struct str name) __attribute__((warn_unused_result));

void tabledoc_diff_fini(struct tabledoc_diff *diff);

#endif
