/* What an alias has that is studied (experiment/study.h), and which goes from table to table with
 * it, whatever its weights are: evidence against its split, an experiment. */
#ifndef WEIR_ROUTER_STUDIED_H
#define WEIR_ROUTER_STUDIED_H

#include "experiment/study.h"
#include "router/model.h"

/* Gives an alias its study: its predecessor's (NULL: none), if that is for the same, else a new one
 * if it has several versions or asks for one. Whatever thread makes the table. 0, or -1 when out of
 * memory. */
int studied_join(struct target *target, const struct target *before)
    __attribute__((warn_unused_result));

/* Lets go of it; nothing that was drawn from the target goes on. */
void studied_leave(struct target *target);

/* For studied_period. */
struct study_period *studied_make_period(struct target *target, int nr_workers);

/* The counts of the target's own weights, made now if there are none yet. NULL where the target has
 * no study, or when out of memory. nr_workers is the same each time. It stays as long as the
 * target. Any thread. */
static inline struct study_period *studied_period(struct target *target, int nr_workers)
{
    struct study_period *period = atomic_load_explicit(&target->period, memory_order_acquire);

    return period ? period : studied_make_period(target, nr_workers);
}

#endif
