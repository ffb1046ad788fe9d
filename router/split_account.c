/* What a split has come to: which errors its arms have and how often each was picked, within which
 * bounds that stays; also where it is not open yet, by what its predecessors or a process before
 * this one left. Nothing is changed. */
#include <stdlib.h>
#include <string.h>

#include "router/split_parts.h"

void split_stand(const struct segment *segment, const uint32_t *weights, uint32_t nr_drawn,
                 struct split_standing *out)
{
    segment_errors(segment, weights, nr_drawn, out->errors);
    if (segment->counts)
        segment_counts(segment, weights, nr_drawn, out->errors, out->counts);
    else
        memset(out->counts, 0, segment->nr_arms * sizeof(out->counts[0]));
}

void split_take_over(const struct split *split, const int16_t *from,
                     const struct split_standing *before, struct split_standing *out)
{
    for (int i = 0; i < split->nr_arms; i++) {
        out->errors[i] = from[i] >= 0 ? before->errors[from[i]] : 0;
        out->counts[i] = from[i] >= 0 ? before->counts[from[i]] : 0;
    }
}

/* ---- What was left --------------------------------------------------------------------------- */

void split_find_arms(const struct split *split, const struct logbook_entry *left, int16_t *from)
{
    for (int i = 0; i < split->nr_arms; i++) {
        from[i] = -1;
        for (int k = 0; k < left->nr_arms; k++)
            if (logbook_versions(left)[k] == split->kept->versions[i])
                from[i] = (int16_t)k;
    }
}

struct segment *split_restore(const struct logbook_entry *left)
{
    struct segment *segment =
        segment_make(logbook_weights(left), left->nr_arms, logbook_errors(left), left->place,
                     left->nr_tickets, left->flags);

    if (!segment)
        return NULL;
    /* A line may have been shorter than it is by itself. */
    if (segment->nr_tickets > left->nr_tickets)
        segment->nr_tickets = left->nr_tickets;
    if (segment->counts)
        memcpy(segment->counts, logbook_counts(left), left->nr_arms * sizeof(segment->counts[0]));
    return segment;
}

int split_stand_left(const struct split *split, const int16_t *from, struct split_standing *out,
                     uint64_t *place)
{
    const struct logbook_entry *left = split_left_to(split);
    struct segment *segment = split_restore(left);
    struct split_standing before;

    if (!segment)
        return SPLIT_NO_MEMORY;
    split_stand(segment, logbook_weights(left), split_nr_drawn(segment, atomic_load(&left->ticket)),
                &before);
    split_take_over(split, from, &before, out);
    *place = segment->place;
    free(segment);
    return 0;
}

/* ---- Now ------------------------------------------------------------------------------------- */

/* Which segment it has; NULL: none, standing says how it would begin. */
static const struct segment *look(const struct split *split, struct split_standing *out)
{
    /* In this order: without predecessor and then not open, it is fresh. */
    struct split *previous = atomic_load(&split->previous);
    const struct segment *segment = atomic_load(&split->current);
    struct split_standing before;

    memset(out->errors, 0, split->nr_arms * sizeof(out->errors[0]));
    memset(out->counts, 0, split->nr_arms * sizeof(out->counts[0]));
    if (segment == &split_nothing_drawn)
        return NULL;
    if (segment) {
        split_stand(segment, split->weights, split_nr_drawn(segment, atomic_load(segment->ticket)),
                    out);
    } else if (previous) {
        (void)look(previous, &before);
        split_take_over(split, split->from, &before, out);
    } else if (split_is_heir(split)) {
        int16_t from[SPLIT_ARMS_MAX];
        uint64_t place;

        split_find_arms(split, split_left_to(split), from);
        if (split_stand_left(split, from, out, &place)) { /* out of memory */
            memset(out->errors, 0, split->nr_arms * sizeof(out->errors[0]));
            memset(out->counts, 0, split->nr_arms * sizeof(out->counts[0]));
        }
    }
    return segment;
}

void split_errors(const struct split *split, int64_t *out)
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
