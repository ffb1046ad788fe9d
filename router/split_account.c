/* How a split stands now: which errors its arms have and how often each was picked, within which
 * bounds that stays; also where it is not open yet, by what its predecessors or a process before
 * this one left. Nothing is changed. */
#include "router/split_account.h"

#include <stdlib.h>
#include <string.h>

#include "router/split_standing.h"

/* Which segment it has; NULL: none, standing says how it would begin. */
static const struct segment *look(const struct split *split, struct split_standing *out)
{
    /* In this order: without predecessor and then not open, it is fresh. */
    struct split *previous = atomic_load(&split->previous);
    const struct segment *segment = atomic_load(&split->current);
    struct split_standing before;

    memset(out->errors, 0, split->nr_arms * sizeof(out->errors[0]));
    memset(out->counts, 0, split->nr_arms * sizeof(out->counts[0]));
    if (segment == &split_standing_nothing_drawn)
        return NULL;
    if (segment) {
        split_standing_read(segment, split->weights,
                            split_nr_drawn(segment, atomic_load(segment->ticket)), out);
    } else if (previous) {
        (void)look(previous, &before);
        split_standing_take_over(split, split->from, &before, out);
    } else if (split_is_heir(split)) {
        int16_t from[SPLIT_ARMS_MAX];
        uint64_t place;

        split_standing_find_arms(split, split_left_to(split), from);
        if (split_standing_of_left(split, from, out, &place)) { /* out of memory */
            memset(out->errors, 0, split->nr_arms * sizeof(out->errors[0]));
            memset(out->counts, 0, split->nr_arms * sizeof(out->counts[0]));
        }
    }
    return segment;
}

void split_account_errors(const struct split *split, int64_t *out)
{
    struct split_standing standing;

    (void)look(split, &standing);
    memcpy(out, standing.errors, split->nr_arms * sizeof(out[0]));
}

/* The reach of a split that is not open yet: that of how it would begin. */
static void reach_of_next(const struct split *split, struct split_account *out)
{
    struct segment *segment = segment_make(split->weights, split->nr_arms, out->errors,
                                           split->place, SEGMENT_FIRST_TICKETS, split->flags);

    if (segment)
        segment_reach(segment, split->weights, out->low, out->high);
    free(segment);
}

bool split_account(const struct split *split, struct split_account *out)
{
    struct split_standing standing;
    const struct segment *segment = look(split, &standing);
    bool is_any = false;

    out->nr_arms = split->nr_arms;
    out->place = split->place;
    memcpy(out->weights, split->weights, split->nr_arms * sizeof(out->weights[0]));
    memcpy(out->errors, standing.errors, split->nr_arms * sizeof(out->errors[0]));
    memcpy(out->counts, standing.counts, split->nr_arms * sizeof(out->counts[0]));
    for (int i = 0; i < split->nr_arms; i++) {
        out->low[i] = out->high[i] = out->errors[i];
        is_any |= out->counts[i] > 0 || out->errors[i] != 0;
    }
    if (segment && segment->flags & SEGMENT_SPREAD)
        segment_reach(segment, split->weights, out->low, out->high);
    else if (!segment && is_any && split->flags & SEGMENT_SPREAD)
        reach_of_next(split, out);
    return is_any;
}
