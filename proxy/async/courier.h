/* A worker's end of events: takes new ones from its exchanges to the store, answers when they are
 * durable, and makes the attempts that the dispatcher orders.
 *
 *     exchange --put--> store --(its thread)--> inbox --> 202 --> dispatcher
 *                              dispatcher ----> inbox --> delivery --> dispatcher
 *
 * The worker's thread, unless a function says otherwise. */
#ifndef WEIR_PROXY_ASYNC_COURIER_H
#define WEIR_PROXY_ASYNC_COURIER_H

#include "proxy/async/delivery.h"
#include "proxy/async/inbox.h"
#include "proxy/exchange/accepting.h"
#include "proxy/worker/worker.h"

struct courier {
    struct acceptor acceptor;
    struct delivery_owner deliveries;
    struct inbox inbox;
    struct inbox *dispatcher;
    struct store *store;
    bool has_resumed;
    /* The last delivery has ended; NULL: nobody waits for that. */
    void (*on_empty)(struct courier *courier);
};

/* The worker serves events from now on. dispatcher and store outlive the courier. 0, or libuv's
 * error. Before the worker's loop runs. */
int courier_open(struct courier *courier, struct worker *worker, struct store *store,
                 struct inbox *dispatcher) __attribute__((warn_unused_result));

/* Attempts run. */
static inline bool courier_is_busy(const struct courier *courier)
{
    return courier->deliveries.nr > 0;
}

/* Ends all attempts; their events stay in the store. */
void courier_abort(struct courier *courier);

/* No store and no dispatcher will hand it anything any more. After the worker's loop, before
 * loop_fini. Idempotent; all zero is fine. */
void courier_close(struct courier *courier);

#endif
