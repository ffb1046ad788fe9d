/* What a split has come to by a segment, and by what a process before this one left. Nothing is
 * changed. */
#include "router/split_standing.h"

#include <stdlib.h>
#include <string.h>

struct segment split_standing_nothing_drawn = {.own_ticket = 1ull << 63,
                                               .ticket = &split_standing_nothing_drawn.own_ticket};

void split_standing_read(const struct segment *segment, const uint32_t *weights, uint32_t nr_drawn,
                         struct split_standing *out)
{
    segment_errors(segment, weights, nr_drawn, out->errors);
    if (segment->counts)
        segment_counts(segment, weights, nr_drawn, out->errors, out->counts);
    else
        memset(out->counts, 0, segment->nr_arms * sizeof(out->counts[0]));
}

void split_standing_take_over(const struct split *split, const int16_t *from,
                              const struct split_standing *before, struct split_standing *out)
{
    for (int i = 0; i < split->nr_arms; i++) {
        out->errors[i] = from[i] >= 0 ? before->errors[from[i]] : 0;
        out->counts[i] = from[i] >= 0 ? before->counts[from[i]] : 0;
    }
}

/* ---- What was left --------------------------------------------------------------------------- */

void split_standing_find_arms(const struct split *split, const struct logbook_entry *left,
                              int16_t *from)
{
    for (int i = 0; i < split->nr_arms; i++) {
        from[i] = -1;
        for (int k = 0; k < left->nr_arms; k++)
            if (logbook_versions(left)[k] == split->kept->versions[i])
                from[i] = (int16_t)k;
    }
}

struct segment *split_standing_restore(const struct logbook_entry *left)
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

int split_standing_of_left(const struct split *split, const int16_t *from,
                           struct split_standing *out, uint64_t *place)
{
    const struct logbook_entry *left = split_left_to(split);
    struct segment *segment = split_standing_restore(left);
    struct split_standing before;

    if (!segment)
        return SPLIT_NO_MEMORY;
    split_standing_read(segment, logbook_weights(left),
                        split_nr_drawn(segment, atomic_load(&left->ticket)), &before);
    split_standing_take_over(split, from, &before, out);
    *place = segment->place;
    free(segment);
    return 0;
}
