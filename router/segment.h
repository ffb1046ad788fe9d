/* A stretch of tickets of one split: given the weights and the error that each arm starts with,
 * which arm does ticket t run, and what are the errors after n tickets? Pure arithmetic in 64-bit
 * integers, exact; docs/split.md has the mathematics.
 *
 * An error is what an arm is owed: its target minus its picks, in billionths of an invocation.
 *
 * Of two arms with weight the order is a Bresenham line and needs no memory. Of three and more it
 * is worked out when the segment is made, one byte per ticket. With one such arm, or where nothing
 * is counted, a segment has no tickets and only keeps the errors for whoever comes next.
 *
 * Where chance has a say, it has it by a number, the place: the same weights, errors and place make
 * the same segment. If the first place is any of the 2^64 with the same probability, and all others
 * follow from it, each version has its share on average (docs/split.md says where).
 *
 * One of a member of a fleet is spread (SEGMENT_SPREAD): nothing is left to chance, the place is
 * that of the member, and the orders of several members begin as far from each other as can be. It
 * also counts what each arm was picked, from its alias's beginning on.
 *
 * Everything but the ticket counter is constant once made. The counter belongs to split.c. */
#ifndef WEIR_ROUTER_SEGMENT_H
#define WEIR_ROUTER_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/qsbr.h"

struct logbook;
struct logbook_entry;

enum {
    SEGMENT_ONE = 1000000000, /* one invocation */
    SEGMENT_ARMS_MAX = 64,
    SEGMENT_LINE_TICKETS = 1 << 30, /* length where the order is a line */
    /* lengths where it is worked out: from the first, doubling, to the last (longer where it takes
     * more until all have had just their share) */
    SEGMENT_FIRST_TICKETS = 256,
    SEGMENT_LAST_TICKETS = 4096,
    SEGMENT_CACHE_LINE = 64
};

/* Two arms that begin with no errors have their share as nearly as possible: never more than
 * half an invocation off. In general place / 2^64 is how far below 0 the second one's error may
 * come, and what is missing to 1 how far above. */
static const uint64_t SEGMENT_MIDDLE = 1ull << 63;

/* What a segment is made for. */
enum segment_flags {
    SEGMENT_COUNTED = 1, /* it has tickets */
    SEGMENT_SPREAD = 2,  /* of a member of a fleet */
    SEGMENT_DISTURBED =
        4 /* its alias has had other weights: wider bounds for three arms and more */
};

struct segment {
    uint32_t nr_tickets;
    uint8_t nr_arms;
    uint8_t arms[2]; /* of a line: the two arms with weight */
    /* of a line: the arm that the first tickets run, to bring the errors into reach */
    uint8_t head_arm;
    uint32_t nr_head;
    uint32_t weight;      /* of arms[1] */
    uint64_t phase;       /* of the line at ticket nr_head, below SEGMENT_ONE */
    const uint8_t *picks; /* NULL for a line */
    bool is_round;        /* no arm is owed anything at its end: its order goes on */
    uint8_t flags;        /* enum segment_flags */
    uint64_t place;       /* of the next segment, after any number of its tickets */
    /* its own, or that of its entry; every pick of every worker writes there, so nothing that picks
     * read shares the cache line */
    _Atomic uint64_t *ticket;

    _Alignas(SEGMENT_CACHE_LINE) _Atomic uint64_t own_ticket;
    struct qsbr_node retired;
    uint64_t made_with; /* the place */
    /* split.c's: where it is kept (router/logbook.h), NULL: nowhere; how many came before it */
    struct logbook *logbook;
    struct logbook_entry *entry;
    uint32_t serial;
    uint64_t nr_before; /* split.c's: tickets that were drawn before it, in this process */
    /* Of a spread one: what each arm was picked before ticket 0; split.c's at an alias's beginning.
     * Else NULL. */
    uint64_t *counts;
    /* At ticket 0; nr_arms of them, then the counts, then from the next cache line on the picks. */
    int64_t errors[];
};

/* A segment that starts with these errors. nr_wanted: how many tickets to work out, if any have to
 * be (it may be more). flags: enum segment_flags. NULL when out of memory. Ended by free(). */
struct segment *segment_make(const uint32_t *weights, int nr_arms, const int64_t *errors,
                             uint64_t place, uint32_t nr_wanted, unsigned flags);

/* The one that goes on behind the last ticket of this one, for the weights that it was made with.
 * NULL when out of memory. */
struct segment *segment_next(const struct segment *segment, const uint32_t *weights,
                             uint32_t nr_wanted);

/* The errors after the first nr_drawn tickets, for the weights that it was made with: nr_arms of
 * them. errors may not be the segment's own. */
void segment_errors(const struct segment *segment, const uint32_t *weights, uint32_t nr_drawn,
                    int64_t *errors);

/* What each arm of a spread segment was picked, where errors are those after nr_drawn tickets. */
void segment_counts(const struct segment *segment, const uint32_t *weights, uint32_t nr_drawn,
                    const int64_t *errors, uint64_t *counts);

/* Within which bounds the arms' errors stay while its weights are in force, also in the segments
 * that follow it. Of a spread one. */
void segment_reach(const struct segment *segment, const uint32_t *weights, int64_t *low,
                   int64_t *high);

/* The arm that ticket t runs; t is below nr_tickets. */
static inline int segment_arm(const struct segment *segment, uint32_t t)
{
    uint64_t x;

    if (segment->picks)
        return segment->picks[t];
    if (t < segment->nr_head)
        return segment->head_arm;
    x = (segment->phase + (uint64_t)(t - segment->nr_head) * segment->weight) % SEGMENT_ONE;
    return segment->arms[x + segment->weight >= SEGMENT_ONE];
}

#endif
