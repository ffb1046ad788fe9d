/* Active health checks: one checker per endpoint of each version with a health_check, and for each
 * address where the endpoint is a name, on the control thread's loop.
 *
 *     table published --> checkers kept, started, stopped
 *     its time comes --> queue for one of HEALTH_PROBES_MAX places --> probe (health_probe.h)
 *         --> result
 *     result --> rise and fall (health_state.h) --> endpoint->health->is_down, which workers read
 *
 * A checker goes with the endpoint's health (router/table.h), so that a reload which keeps the
 * endpoint keeps what is known of it. All but health_counts on the control thread. */
#ifndef WEIR_PROXY_UPSTREAM_HEALTH_H
#define WEIR_PROXY_UPSTREAM_HEALTH_H

#include "metrics/metrics.h"
#include "proxy/io/loop.h"
#include "router/table.h"

enum {
    HEALTH_PROBES_MAX = 256, /* checks on their way at once; others wait their turn */
    /* a new endpoint is checked within this time, or within its interval if that is shorter */
    HEALTH_FIRST_MAX_MS = 2000,
    HEALTH_JITTER_PERCENT = 5 /* by which an interval is longer or shorter */
};

struct health;

/* NULL when out of memory. */
struct health *health_make(struct loop *loop);

/* A table is in force: starts, keeps and stops checkers. To be called before the reference to the
 * table before it is let go. Does nothing for a table that differs from the last one in weights
 * alone. */
void health_publish(struct health *health, const struct table *table);

/* A name has other addresses than before, or none that can be found (names_events). */
void health_on_name(struct health *health, struct origin *name);

/* How many of the endpoint's checks had each result, over all addresses that its name has now;
 * false, and zeros, for an endpoint that is not checked. Any thread that holds the endpoint's table
 * and is online in QSBR. */
bool health_counts(const struct endpoint *endpoint, uint64_t counts[METRICS_CHECK_COUNT]);

/* Ends all checks, while the last published table still exists, and clears the pointer. NULL is
 * fine. */
void health_free(struct health **health);

#endif
