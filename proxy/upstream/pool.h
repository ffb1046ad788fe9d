/* The connections of one worker to one origin: idle ones to use again, a count of the others, exchanges that wait for room, and the
 * origin's addresses. Shared by all endpoints, versions and functions that name the origin. Worker thread. */
#ifndef WEIR_PROXY_UPSTREAM_POOL_H
#define WEIR_PROXY_UPSTREAM_POOL_H

#include <sys/queue.h>

#include "base/log.h"
#include "metrics/metrics.h"
#include "proxy/upstream/addresses.h"
#include "proxy/upstream/upstream.h"
#include "router/table.h"

/* An exchange's place in the queue for a connection, or for the first look-up of the host name. */
struct pool_waiter {
    TAILQ_ENTRY(pool_waiter) link;
    bool is_waiting;
    bool has_turn; /* for what came free: it goes before those who wait */
    struct deadline deadline; /* how long it may wait */
};

struct pool {
    struct worker *worker;
    struct origin *origin; /* counted, as a pool's */
    struct metrics_pool_cell *cell;
    TAILQ_HEAD(pool_idle, upstream) idle; /* the last used first */
    uint64_t idle_turn_us;  /* the turn in which one became idle last */
    struct upstream *heard; /* the first that was idle before that turn; NULL: none */
    uint32_t nr_idle, nr_busy;   /* busy: connecting or active */
    TAILQ_HEAD(, pool_waiter) waiters;
    uint32_t nr_waiters;
    struct addresses addresses;
    struct tls_origin *tls; /* context and session; NULL for http */
    LIST_ENTRY(pool) serve_link;
    struct log_limit warnings; /* of connections: an endpoint that fails them all fills no log */
    bool is_to_serve; /* room has come up for a waiter */
};

enum pool_result {
    POOL_READY,      /* *upstream is connected and active */
    POOL_CONNECTING, /* *upstream is on its way: exchange_on_connected or exchange_on_upstream_failed */
    POOL_WAITING,    /* exchange_on_turn will be called, or exchange_on_upstream_failed */
    POOL_REFUSED     /* *error says why */
};

/* The worker's pool for an origin, made on first use; NULL when out of memory. */
struct pool *pool_of(struct worker *w, struct origin *origin);

/* A connection for the exchange. is_fresh: not one from the pool (after a pooled one turned out dead). max_connections 0: no limit. */
enum pool_result pool_acquire(struct pool *pool, struct exchange *exchange, bool is_fresh, uint32_t max_connections,
                              uint32_t connect_ms, struct upstream **upstream, enum metrics_error *error);

/* At the end of a turn: exchanges that wait get the room that came up. */
void pool_serve(struct pool *pool);

/* The exchange no longer waits. Idempotent. */
void pool_forget_waiter(struct pool *pool, struct pool_waiter *waiter);

/* Connections give word of their changes: the pool's counts, lists and gauges follow. Used by upstream.c alone. */
void pool_on_opened(struct pool *pool);
void pool_on_connected(struct pool *pool);
void pool_on_activated(struct pool *pool, struct upstream *u);
/* True when kept; false when the caller has to close it (then pool_on_closed). */
bool pool_on_idle(struct pool *pool, struct upstream *u);
void pool_on_closed(struct pool *pool, struct upstream *u, enum upstream_state was);

/* Draining: idle connections are closed. */
void pool_close_idle(struct pool *pool);

/* Whether it is empty and no table has its endpoint any more: it may then be freed. */
bool pool_is_over(const struct pool *pool);

/* Frees the pool, when it is over or the loop is about to end. */
void pool_free(struct pool **pool);

#endif
