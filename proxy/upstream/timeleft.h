/* How long a response may go on: its user says how long it may stand still, and by when it has to
 * be complete (struct upstream_user). Pure. */
#ifndef WEIR_PROXY_UPSTREAM_TIMELEFT_H
#define WEIR_PROXY_UPSTREAM_TIMELEFT_H

#include "proxy/upstream/upstream.h"

static inline bool timeleft_is_up(const struct upstream_user *user, uint64_t now_ms)
{
    return user->end_by_ms && user->end_by_ms <= now_ms;
}

/* Until the next bytes, or the end of all the time. */
static inline uint32_t timeleft_ms(const struct upstream_user *user, uint64_t now_ms)
{
    if (!user->end_by_ms || user->end_by_ms >= now_ms + user->stream_idle_ms)
        return user->stream_idle_ms;
    return user->end_by_ms > now_ms ? (uint32_t)(user->end_by_ms - now_ms) : 1;
}

/* The time that a client takes nothing is not the function's: end_by_ms is what is left until it
 * goes on. */
static inline void timeleft_stop(struct upstream_user *user, uint64_t now_ms)
{
    if (user->end_by_ms)
        user->end_by_ms = timeleft_is_up(user, now_ms) ? 1 : user->end_by_ms - now_ms;
}

static inline void timeleft_go_on(struct upstream_user *user, uint64_t now_ms)
{
    if (user->end_by_ms)
        user->end_by_ms += now_ms;
}

#endif
