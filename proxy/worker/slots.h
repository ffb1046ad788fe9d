/* Limits of connections that hold over all workers: max_connections of a version, per endpoint.
 *
 *     pool_acquire: slots_take ----------> a connection is opened
 *            \--> slots_wait: a queue over all workers, first come, first served
 *                     ^-- slots_give_back, when a connection is closed: the first one that
 *                         waits has its slot, and its worker is woken: waiter's granted
 *
 * A slot belongs to a connection from before it is opened until it is closed, so a kept connection
 * is used again without asking. While somebody waits, none is kept but for the first one that waits
 * on the same worker; and those that are idle on other workers are asked back.
 *
 * Connections of all origins are counted, when they are opened and closed; the lock is taken where
 * somebody waits. */
#ifndef WEIR_PROXY_WORKER_SLOTS_H
#define WEIR_PROXY_WORKER_SLOTS_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "proxy/io/loop.h"
#include "router/origin.h"

struct slots_waiter;
struct slots_worker;

TAILQ_HEAD(slots_queue, slots_waiter);

/* One per process; outlives the workers. */
struct slots {
    pthread_mutex_t lock;
    struct slots_queue queue; /* of all origins, by serial */
    uint64_t serial;          /* of the last one that began to wait */
    LIST_HEAD(, slots_worker) workers;
};

/* A worker's end of it. Its thread, but for what the lock guards. */
struct slots_worker {
    struct slots *slots;
    struct loop *loop;
    uv_async_t wake;
    LIST_ENTRY(slots_worker) link; /* under the lock, as what follows */
    struct slots_queue granted;
    bool is_asked; /* for idle connections */
    /* Somebody on another worker waits for a connection to the origin: give up an idle one, if
     * there is one. */
    void (*give_up)(struct slots_worker *worker, struct origin *origin);
};

enum slots_state { SLOTS_NONE, SLOTS_QUEUED, SLOTS_GRANTED };

/* A place in the queue. Its worker's thread. */
struct slots_waiter {
    /* Its worker alone takes it from SLOTS_NONE and back, any worker from SLOTS_QUEUED to
     * SLOTS_GRANTED, under the lock: so its worker may ask without the lock whether it is
     * SLOTS_NONE. */
    _Atomic(enum slots_state) state;
    uint32_t max;
    uint64_t serial;
    struct origin *origin;
    struct slots_worker *worker;
    /* It has a slot, and waits no longer. */
    void (*granted)(struct slots_waiter *waiter);
    TAILQ_ENTRY(slots_waiter) link;
};

void slots_init(struct slots *slots);
void slots_fini(struct slots *slots);

/* The worker takes part from now on. 0, or libuv's error. Before its loop runs. */
int slots_join(struct slots_worker *worker, struct slots *slots, struct loop *loop)
    __attribute__((warn_unused_result));
/* It has no connection and no waiter. Idempotent; all zero is fine. */
void slots_leave(struct slots_worker *worker);

/* A slot for one more connection, if there are fewer than max, and nobody waits; max 0: in any
 * case. */
bool slots_take(struct origin *origin, uint32_t max) __attribute__((warn_unused_result));

/* The connection is closed, or was not opened. */
void slots_give_back(struct slots_worker *worker, struct origin *origin);

/* Stands in the queue until granted, which is not called from within. */
void slots_wait(struct slots_waiter *waiter, struct slots_worker *worker, struct origin *origin,
                uint32_t max);

/* Waits no longer; a slot that was granted meanwhile is given back. Idempotent; all zero is
 * fine. */
void slots_forget(struct slots_waiter *waiter);

/* Whether somebody waits for connections to the origin. */
static inline bool slots_are_wanted(const struct origin *origin)
{
    return atomic_load_explicit(&origin->nr_waiting, memory_order_relaxed) > 0;
}

/* Whether the first one that waits is on another worker: a connection is not to be kept then. */
bool slots_are_wanted_elsewhere(struct slots_worker *worker, const struct origin *origin);

#endif
