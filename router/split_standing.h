/* The parts of a split (router/split.h), for its own files, and what it has come to:
 *
 *     split.c           its life: who draws, who makes the next segment, how one hands over
 *     split_standing.c  errors and counts at a segment's end, and those that were left
 *     split_account.c   how a split stands now
 *
 * Threads as in split.h. */
#ifndef WEIR_ROUTER_SPLIT_STANDING_H
#define WEIR_ROUTER_SPLIT_STANDING_H

#include "router/split.h"

static const uint64_t SPLIT_CLOSED_BIT = 1ull << 63; /* of a ticket word */
enum { SPLIT_DRAWN_SHIFT = 32, SPLIT_DRAWN_MASK = 0x7fffffff };

enum split_kind {
    SPLIT_KIND_SINGLE,  /* one arm has all the weight: nothing to draw */
    SPLIT_KIND_COUNTED, /* tickets */
    SPLIT_KIND_CHANCE   /* dice */
};

struct split {
    _Atomic(struct segment *) current; /* NULL: not open */
    enum split_kind kind;
    uint8_t nr_arms;
    uint8_t single; /* the arm, of a single */
    uint8_t flags;  /* of its segments */
    _Atomic uint32_t refs;
    struct qsbr *domain;
    _Atomic(struct split *) previous; /* a counted reference, until this one is open */
    struct qsbr_node retired;
    uint64_t place;          /* where there is nothing to continue from; of a spread one always */
    struct split_kept *kept; /* NULL: the order ends with the process */
    _Atomic uint64_t nr_before; /* tickets that were drawn from its predecessors */
    int16_t *from;              /* behind the weights */
    uint32_t weights[];         /* nr_arms of them */
};

/* Where the order is kept beyond the process' end. */
struct split_kept {
    struct logbook *logbook;
    struct logbook_key key;
    uint32_t heir_of;
    uint64_t versions[]; /* nr_arms of them */
};

/* In place of the current segment of a split that was closed before anything was drawn from it:
 * closed, no tickets, no errors. Any thread reads it, none writes. */
extern struct segment split_standing_nothing_drawn;

/* How an alias stands: what each arm is owed, and was picked (all 0 where that is not counted). */
struct split_standing {
    int64_t errors[SPLIT_ARMS_MAX];
    uint64_t counts[SPLIT_ARMS_MAX];
};

/* How many tickets of the segment were drawn, by its ticket word. */
static inline uint32_t split_nr_drawn(const struct segment *segment, uint64_t word)
{
    if (word & SPLIT_CLOSED_BIT)
        return (uint32_t)(word >> SPLIT_DRAWN_SHIFT) & SPLIT_DRAWN_MASK;
    return word < segment->nr_tickets ? (uint32_t)word : segment->nr_tickets;
}

static inline bool split_is_heir(const struct split *split)
{
    return split->kept && split->kept->heir_of != LOGBOOK_NONE;
}

static inline const struct logbook_entry *split_left_to(const struct split *split)
{
    return logbook_at(split->kept->logbook, split->kept->heir_of);
}

/* After nr_drawn of its tickets. */
void split_standing_read(const struct segment *segment, const uint32_t *weights, uint32_t nr_drawn,
                         struct split_standing *out);

/* That of a predecessor's arms to that of the split's own. */
void split_standing_take_over(const struct split *split, const int16_t *from,
                              const struct split_standing *before, struct split_standing *out);

/* A segment that a process before this one left, as it was. NULL when out of memory. */
struct segment *split_standing_restore(const struct logbook_entry *left);

/* The arms in what was left; -1 where there is no such version. */
void split_standing_find_arms(const struct split *split, const struct logbook_entry *left,
                              int16_t *from);

/* How the split begins, from what was left, and at which place that ended. 0, or SPLIT_NO_MEMORY.
 * */
int split_standing_of_left(const struct split *split, const int16_t *from,
                           struct split_standing *out, uint64_t *place)
    __attribute__((warn_unused_result));

#endif
