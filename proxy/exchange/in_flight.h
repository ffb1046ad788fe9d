/* How many invocations of a function and of a version are under way: counted only where there is a
 * limit, over all workers. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_IN_FLIGHT_H
#define WEIR_PROXY_EXCHANGE_IN_FLIGHT_H

#include "router/table.h"

/* Where one invocation is counted; zero: nowhere. */
struct in_flight {
    struct gauge *function, *version; /* the table's, unless is_held */
    bool is_held;
};

/* Counts an invocation of a function, before its version is drawn. NULL, or, where a limit is
 * reached, the Reason that Lambda gives for it. default_limit: of functions that say none; 0: no
 * limit. */
const char *in_flight_enter(struct in_flight *in, const struct function *function,
                            uint32_t default_limit) __attribute__((warn_unused_result));

/* The same of the version that was drawn. Where it is refused, in_flight_leave takes back what was
 * counted of the function. */
const char *in_flight_enter_version(struct in_flight *in, const struct version *version)
    __attribute__((warn_unused_result));

/* Whichever version is drawn, it is at its limit: the Reason, and nothing is counted. NULL: one of
 * them may have room. */
const char *in_flight_look(const struct target *target);

/* The table may go from now on. */
void in_flight_hold(struct in_flight *in);

void in_flight_give_back(struct in_flight *in);

/* Idempotent. It comes before the client is told of the end: a client that sends its next request
 * at once, perhaps to another worker, must not find its own last one in the way. */
static inline void in_flight_leave(struct in_flight *in)
{
    if (in->function || in->version)
        in_flight_give_back(in);
}

#endif
