/* Which event runs next: a queue of event numbers by function, due times in, decisions out. Pure:
 * no clock, no socket, no store; every ms is of one clock of the caller's that only goes forward.
 *
 *     schedule_add --> function's heap by due time --> schedule_take --> (an attempt runs)
 *         --> schedule_done
 *
 * Fair: functions with due events take turns, so that a million events of one do not delay the one
 * event of another. Bounded: so many attempts run at the same time in all, and so many of one
 * function. How many a function really gets adapts, as TCP's congestion window does (RFC 5681): it
 * begins with few, each attempt that ran adds one, each that found no room or no answer halves
 * them. So a function that can run but one invocation at a time gets its events one after the
 * other, and its other callers wait behind one event and not behind all of them.
 *
 * An event takes 16 bytes here, whatever its payload. One thread. */
#ifndef WEIR_PROXY_ASYNC_SCHEDULE_H
#define WEIR_PROXY_ASYNC_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* SCHEDULE_NEVER: of schedule_next_ms. */
#define SCHEDULE_NEVER UINT64_MAX

struct schedule;
struct schedule_function; /* of schedule.c */

/* How many attempts may run at the same time. */
struct schedule_limits {
    uint32_t in_flight;          /* of all functions; 1 or more */
    uint32_t in_flight_function; /* of one; 1 or more */
};

/* An event whose turn it is. */
struct schedule_turn {
    int64_t event;
    struct schedule_function *function; /* for schedule_done */
};

/* How an attempt went, as far as the next ones of the function are concerned. */
enum schedule_result {
    SCHEDULE_RAN,     /* the function answered, be it with an error */
    SCHEDULE_NO_ROOM, /* it was throttled or could not be reached */
    SCHEDULE_UNKNOWN  /* nothing was learned: the attempt was not made, or was cut off */
};

/* NULL when out of memory. */
struct schedule *schedule_make(const struct schedule_limits *limits);
void schedule_free(struct schedule **schedule);

/* New limits; what runs already is not touched. */
void schedule_limit(struct schedule *schedule, const struct schedule_limits *limits);

/* An event of a function is due at a time, which may have passed. It is in no queue yet. 0, or -1
 * when out of memory. */
int schedule_add(struct schedule *schedule, struct str function, int64_t event, uint64_t due_ms)
    __attribute__((warn_unused_result));

/* The next event that is due and may run. The caller runs it and calls schedule_done. False where
 * there is none now. */
bool schedule_take(struct schedule *schedule, uint64_t now_ms, struct schedule_turn *turn);

/* The attempt has ended, whatever becomes of the event (schedule_add puts it back). Clears
 * turn->function. */
void schedule_done(struct schedule *schedule, struct schedule_turn *turn,
                   enum schedule_result result);

/* When schedule_take may next have one that it has not now, if no attempt ends before; a time that
 * has passed: now. SCHEDULE_NEVER: only schedule_add or schedule_done change that. */
uint64_t schedule_next_ms(const struct schedule *schedule);

uint64_t schedule_nr_queued(const struct schedule *schedule);    /* that wait */
uint32_t schedule_nr_in_flight(const struct schedule *schedule); /* taken and not done */

#endif
