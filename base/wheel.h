/* Deadlines of one thread: a hashed timing wheel (Varghese and Lauck, SOSP 1987, scheme 6) whose
 * nodes are re-filed lazily.
 *
 * Time is cut into ticks of 64 ms; each of 1024 slots lists the nodes that are looked at when its
 * tick comes. A node is filed at its deadline or before it. Moving a deadline away, which is what
 * every byte of progress on a connection does, only stores the new one; the node is filed again
 * when its slot comes up and the deadline turns out to lie ahead. Deadlines further off than the
 * wheel is round (65 s) are looked at once per round.
 *
 *     deadline  = due   (node->due, 0: none)    never before its time, at most two ticks after it,
 *     looked at = filed (node->filed <= due)    given that wheel_advance is called as often as
 *                                               wheel_next_ms says
 *
 * A node belongs to whoever embeds it. All zero is a node without a deadline. Not thread safe. */
#ifndef WEIR_BASE_WHEEL_H
#define WEIR_BASE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WHEEL_TICK_MS = 64,
    WHEEL_SLOTS = 1024,
    WHEEL_WORDS = WHEEL_SLOTS / 64,
    WHEEL_TICKS_MAX = 1 << 30 /* 2.1 years: deadlines further off fire then */
};

struct wheel_node {
    struct wheel_node *prev, *next; /* NULL where it is in no list */
    uint32_t due;                   /* the tick of the deadline; 0: none */
    uint32_t filed;                 /* the tick whose slot it is in */
};

struct wheel {
    uint64_t tick_ms;           /* when the current tick began */
    uint32_t tick;              /* slots up to this tick are done; ticks count modulo 2^32 */
    uint32_t nr;                /* nodes in lists */
    uint64_t used[WHEEL_WORDS]; /* a bit per slot that may hold nodes */
    struct wheel_node slots[WHEEL_SLOTS];
};

typedef void wheel_expired(struct wheel_node *node, void *ctx);

/* An empty wheel. Every ms here is of one monotonic clock. */
void wheel_init(struct wheel *wheel, uint64_t now_ms);

/* The slow parts of the inline functions below. */
void wheel_file(struct wheel *wheel, struct wheel_node *node);
void wheel_turn(struct wheel *wheel, uint64_t now_ms, wheel_expired *expired, void *ctx);

/* Gives the node a deadline or moves it. One that has passed already is met at the next tick. */
static inline void wheel_set(struct wheel *wheel, struct wheel_node *node, uint64_t due_ms)
{
    uint64_t ticks = 1;

    if (due_ms > wheel->tick_ms)
        ticks = (due_ms - wheel->tick_ms - 1) / WHEEL_TICK_MS + 1;
    if (ticks > WHEEL_TICKS_MAX)
        ticks = WHEEL_TICKS_MAX;
    node->due = wheel->tick + (uint32_t)ticks;
    node->due += node->due == 0;
    if (!node->next || (int32_t)(node->due - node->filed) < 0)
        wheel_file(wheel, node);
}

/* Takes the deadline away; the node may stay filed until its slot comes up. Not enough before the
 * owner is freed. */
static inline void wheel_clear(struct wheel_node *node)
{
    node->due = 0;
}

/* Takes the deadline away and the node out of the wheel: its owner may be freed. */
static inline void wheel_forget(struct wheel *wheel, struct wheel_node *node)
{
    node->due = 0;
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
    wheel->nr--;
}

static inline bool wheel_is_set(const struct wheel_node *node)
{
    return node->due != 0;
}

/* Calls expired for each node whose deadline has passed, in the order of their slots; the node has
 * no deadline any more by then, and its owner may be freed in the call. The callback may set, clear
 * and forget any node, also one that is due in the same turn (then it does not fire); what it sets
 * fires at the next tick at the earliest. It must not advance the wheel. */
static inline void wheel_advance(struct wheel *wheel, uint64_t now_ms, wheel_expired *expired,
                                 void *ctx)
{
    if (now_ms >= wheel->tick_ms + WHEEL_TICK_MS)
        wheel_turn(wheel, now_ms, expired, ctx);
}

/* For how many ms the caller may sleep before the next wheel_advance; 0: call it now; -1: as long
 * as it likes. May be shorter than the nearest deadline is off, for one that was moved or
 * cleared. */
int wheel_next_ms(const struct wheel *wheel, uint64_t now_ms);

#endif
