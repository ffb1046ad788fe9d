/* Which of an alias's versions runs the next invocation.
 *
 * Exact mode. Every pick draws a ticket, one atomic add on a counter that all workers share, and
 * the ticket alone decides the version. After any number of picks, by any workers in any order,
 * each version has had its share to within less than one invocation. For two versions the order
 * is a Bresenham line and needs no memory; for three and more it is computed a segment of
 * tickets at a time by whichever worker first runs out.
 *
 * The first place. Where there is nothing to continue from, the order begins at a place that the
 * caller draws or chooses. If it is drawn, each version has just its share on average after any
 * number of picks: so many splits that are picked from only a few times are right together.
 *
 * Through changes. A split that replaces another takes over, version by version, the error that
 * the other ended with (target minus picks, in billionths of an invocation), so that the bound
 * holds over the whole history, measured against the weights in force at each pick: still within
 * less than one invocation for an alias of up to three versions, whatever is changed and when.
 * For k versions whose weights an adversary changes at every pick it is (k - 1)/2, and no rule
 * that does not know the future can promise one; docs/split.md has the proofs. An arm of weight
 * 0 is never drawn and keeps its error for later; the error of an arm that no successor's arm
 * takes over is forgotten.
 *
 * The old split is closed when its successor is opened, by split_open or by the successor's
 * first pick. Whoever still draws from it is then told SPLIT_CLOSED and must take the newer
 * table, so a table has to be where every worker finds it before any worker uses it. A split
 * with one arm of weight needs no closing: its picks never change an error. Neither does random
 * mode, which counts nothing: it passes on the errors that it was given.
 *
 * Weights are integers of a billionth, SPLIT_ONE in all.
 *
 * Threads: split_make, split_ref: any that holds a reference, by itself or through a table.
 * split_pick: workers that are online in the qsbr domain. split_open, split_errors: such workers,
 * or the thread that reclaims (base/qsbr.h). split_unref: any thread. */
#ifndef WEIR_ROUTER_SPLIT_H
#define WEIR_ROUTER_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/qsbr.h"
#include "router/logbook.h"
#include "router/segment.h"

enum { SPLIT_ARMS_MAX = SEGMENT_ARMS_MAX, SPLIT_ONE = SEGMENT_ONE };

enum split_mode { SPLIT_EXACT, SPLIT_RANDOM };

/* Negative results of split_pick. */
enum split_error {
    SPLIT_CLOSED = -1,   /* a newer table is in force: take it, pick there */
    SPLIT_NO_MEMORY = -2 /* the next segment could not be allocated; this pick did not count */
};

struct split;

struct split_spec {
    enum split_mode mode;
    int nr_arms; /* 1 to SPLIT_ARMS_MAX */
    uint32_t weights[SPLIT_ARMS_MAX];
    /* For each arm its index in the predecessor, or -1 where the version is new there. Ignored
     * without predecessor. */
    int16_t from[SPLIT_ARMS_MAX];
    /* Where the order begins if nothing was ever drawn from a predecessor: any number, all with the
     * same probability if chance is to decide. For two arms with weight, place / 2^64 is how many
     * invocations the second one may ever have had more than its share. */
    uint64_t place;
    /* Of a member of a fleet: place is that of the member, and counts are kept (router/segment.h).
     * */
    bool is_spread;
    /* Where the order is kept beyond the process' end, and by which names; NULL: nowhere. It
     * outlives the split. */
    struct logbook *logbook;
    struct logbook_key key;
    uint64_t versions[SPLIT_ARMS_MAX]; /* logbook_version of each arm's */
    /* What a process before this one left, which the split continues: for one without predecessor.
     * LOGBOOK_NONE: nothing. */
    uint32_t heir_of;
};

/* A split that is not yet open. previous, if not NULL, is the split it replaces: a counted
 * reference is taken until the hand-over is done. Returns NULL when out of memory; the caller
 * checked that weights total SPLIT_ONE. Holds one reference for the caller. */
struct split *split_make(struct qsbr *domain, const struct split_spec *spec,
                         struct split *previous);

struct split *split_ref(struct split *split);

/* Ends *split's reference and clears it. The last one frees the split, through the qsbr domain. */
void split_unref(struct split **split);

/* Closes the predecessor, if any, and takes over its errors. Idempotent; picks do it too on demand,
 * so a reload never makes a worker wait. No memory is needed where nothing was ever drawn. 0, or
 * SPLIT_NO_MEMORY. */
int split_open(struct split *split) __attribute__((warn_unused_result));

/* Draws: the index of the arm that runs this invocation, or a negative split_error. Never a lock;
 * one atomic add in exact mode with two or more arms of non-zero weight, none otherwise. An arm of
 * weight 0 is never drawn. rng is the worker's own and used in random mode only. */
int split_pick(struct split *split, struct prng *rng) __attribute__((warn_unused_result));

/* How many tickets were drawn from its predecessors, in this process: the number of its own first
 * one. A split with one arm of weight, and random mode, draw none. 0 before it is open. */
uint64_t split_first_ticket(const struct split *split);

#endif
