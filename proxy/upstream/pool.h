/* The connections of one worker to one origin: idle ones to use again, a count of the others, and
 * those who wait for room. Shared by all endpoints, versions and functions that name the origin. A
 * name is never connected to: its pool is where those wait who need its first address; each of its
 * addresses has a pool of its own.
 *
 * A connection is the user's from pool_acquire to pool_put, and the pool's while it is idle. The
 * pool knows its users by struct upstream_user and struct pool_waiter alone. Worker thread. */
#ifndef WEIR_PROXY_UPSTREAM_POOL_H
#define WEIR_PROXY_UPSTREAM_POOL_H

#include <sys/queue.h>

#include "metrics/metrics.h"
#include "proxy/upstream/upstream.h"
#include "proxy/worker/slots.h"
#include "router/table.h"

struct pool;
struct pool_waiter;

/* What is told to who waits; it does not wait any more then, and may wait again. */
struct pool_waiter_events {
    /* Its turn has come: it calls pool_acquire again. */
    void (*turn)(struct pool_waiter *waiter);
    /* It has waited too long, or its host name has no address. */
    void (*failed)(struct pool_waiter *waiter, enum metrics_error why);
};

/* A place in the queue for a connection, or for the first look-up of the host name. Of the user's
 * memory. */
struct pool_waiter {
    const struct pool_waiter_events *on;
    struct pool *pool;         /* NULL: it does not wait */
    bool has_turn;             /* for what came free: it goes before those who wait */
    bool has_slot;             /* for a connection to be opened */
    bool is_over_all;          /* it stands in the queue over all workers too */
    struct slots_waiter slots; /* where the limit holds over all workers */
    uint32_t max_connections;
    TAILQ_ENTRY(pool_waiter) link;
    struct deadline deadline; /* how long it may wait */
};

struct pool {
    struct worker *worker;
    struct origin *origin; /* counted, as a pool's */
    struct upstream_target to;
    struct upstream_user keeper;          /* the pool as the user of its idle connections */
    TAILQ_HEAD(pool_idle, upstream) idle; /* the last used first */
    uint64_t idle_turn_us;                /* the turn in which one became idle last */
    struct upstream *heard;               /* the first that was idle before that turn; NULL: none */
    uint32_t nr_idle, nr_busy;            /* busy: connecting or active */
    TAILQ_HEAD(, pool_waiter) waiters;
    uint32_t nr_waiters;
    uint64_t waits_since_ms; /* of a name: since when somebody has waited for its first address */
    bool is_listed;
    /* in the worker's list of names that are waited for, or of their addresses */
    LIST_ENTRY(pool) name_link;
    LIST_ENTRY(pool) serve_link;
    bool is_to_serve; /* room has come up for a waiter */
    bool is_limited;  /* there was a wish with a limit over all workers */
};

enum pool_result {
    POOL_READY,      /* *upstream is connected and active */
    POOL_CONNECTING, /* *upstream is on its way: its user is told connected or failed */
    POOL_WAITING,    /* the waiter is told turn or failed */
    POOL_REFUSED     /* *error says why */
};

/* What is asked of a pool. */
struct pool_wish {
    struct upstream_user *user;
    struct pool_waiter *waiter; /* to wait with; it does not wait now */
    /* not one that was used before (after such a one turned out dead) */
    bool is_fresh;
    uint32_t max_connections; /* 0: no limit */
    bool is_over_all;         /* the limit holds over all workers, not for this one */
    uint32_t connect_ms;
};

/* The worker's pool for an origin, made on first use; NULL when out of memory. */
struct pool *pool_of(struct worker *w, struct origin *origin);

/* A connection, or a place in the queue. */
enum pool_result pool_acquire(struct pool *pool, const struct pool_wish *wish,
                              struct upstream **upstream, enum metrics_error *error)
    __attribute__((warn_unused_result));

/* The user lets go of a connection that pool_acquire gave it: it is kept if is_reusable and the
 * pool has room, else closed. Clears the pointer. */
void pool_put(struct pool *pool, struct upstream **upstream, bool is_reusable);

/* Names have other addresses than before, or look-ups have failed: those who wait go on, and idle
 * connections to addresses that have gone are closed. */
void pool_on_names(struct worker *w);

/* At the end of a turn: those who wait get the room that came up. */
void pool_serve(struct pool *pool);

static inline bool pool_is_waiting(const struct pool_waiter *waiter)
{
    return waiter->pool != NULL;
}

/* It waits no longer. */
void pool_forget_waiter(struct pool_waiter *waiter);

/* The worker's pools take part in limits over all workers from now on. 0, or libuv's error. Before
 * the loop runs. */
int pool_join(struct worker *w) __attribute__((warn_unused_result));

/* Draining: idle connections are closed. */
void pool_close_idle(struct pool *pool);

/* Whether it is empty and no table has its endpoint any more: it may then be freed. */
bool pool_is_over(const struct pool *pool);

/* Frees the pool, when it is over or the loop is about to end. */
void pool_free(struct pool **pool);

#endif
