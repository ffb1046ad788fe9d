/* One connection to an endpoint's origin: connecting, sending a request, reading its response.
 *
 *                    pool_acquire                     response complete, reusable
 *     CONNECTING -> HANDSHAKE -> ACTIVE ----------------------------------------> IDLE (in the pool)
 *          \------------\----------\-- failure --> closed  <-- peer closed, bytes nobody asked for, age --/
 *
 * While connecting and active it belongs to one exchange; idle to its pool. Reading never stops on an idle connection, so that its end, or
 * stray bytes, take it out of the pool at once. Worker thread. */
#ifndef WEIR_PROXY_UPSTREAM_UPSTREAM_H
#define WEIR_PROXY_UPSTREAM_UPSTREAM_H

#include <sys/queue.h>

#include "metrics/metrics.h"
#include "proxy/http/http1.h"
#include "proxy/io/loop.h"
#include "proxy/io/outbox.h"
#include "proxy/worker/worker.h"

struct exchange;
struct pool;

enum upstream_state {
    UPSTREAM_CONNECTING,
    UPSTREAM_HANDSHAKE,
    UPSTREAM_ACTIVE,
    UPSTREAM_TUNNEL,
    UPSTREAM_IDLE,
    UPSTREAM_CLOSED
};

/* A head that did not arrive in one piece. */
struct partial;

struct upstream {
    struct io io; /* first */
    struct loop_garbage garbage;
    struct deadline deadline;
    struct worker *worker;
    struct pool *pool;
    struct exchange *exchange; /* NULL when idle */
    TAILQ_ENTRY(upstream) idle_link;
    enum upstream_state state;
    bool is_reused;        /* it has carried an exchange before this one */
    bool is_paused;        /* the client side is behind: do not read */
    bool has_response_bytes; /* something of this response arrived */
    bool is_in_body;       /* the final response's head has been passed on */
    bool may_persist;      /* by the response's version and Connection */
    bool is_write_broken;  /* the endpoint takes no more of the request; it may still have answered */
    bool has_spoken_first; /* bytes of the endpoint came before a request was sent to it */
    bool is_out_of_memory; /* bytes of the request were lost: it fails in the next turn */
    uint8_t nr_interim;
    uint32_t nr_exchanges;
    uint32_t keep_alive_ms; /* from the endpoint's Keep-Alive field; 0: none given */
    uint64_t opened_ms, idle_since_us;
    struct partial *partial;
    struct http1 parser;
    struct backlog backlog;
};

/* Begins a connection to one of the pool's addresses for the exchange. The exchange hears exchange_on_connected or
 * exchange_on_upstream_failed later, never from within this call. NULL with *error set. */
struct upstream *upstream_open(struct pool *pool, struct exchange *exchange, uint32_t connect_ms,
                               enum metrics_error *error);

/* An idle connection becomes the exchange's. */
void upstream_activate(struct upstream *u, struct exchange *exchange);

/* Where to gather what upstream_flush sends. */
static inline struct outbox *upstream_outbox(const struct upstream *u)
{
    return outbox_of(&u->worker->outbox, &u->io);
}

/* Sends what the outbox holds. 0: all gone; 1: it waits in the backlog, and exchange_on_request_drained tells when it is
 * gone; negative: the connection is broken (the caller decides; it is not closed yet). */
int upstream_flush(struct upstream *u) __attribute__((warn_unused_result));

/* After upstream_flush failed: nothing more is sent, what the endpoint may have answered is still read. */
void upstream_break_sending(struct upstream *u);

/* The exchange's request is complete and sent: wait for the response's head that long. */
void upstream_await_response(struct upstream *u, uint32_t response_head_ms);

/* The client side fell behind, or caught up. */
void upstream_pause(struct upstream *u);
void upstream_resume(struct upstream *u);

/* From now on bytes are passed without being understood, in both directions. */
void upstream_tunnel(struct upstream *u);

/* Ends the exchange's hold: back to the pool if is_reusable and the pool wants it, else closed. Clears the pointer. */
void upstream_release(struct upstream **u, bool is_reusable);

/* Whether an idle connection, or one about to become idle, is still open and nothing has come on it that nobody asked for.
 * One read. */
bool upstream_is_clean(struct upstream *u);

/* Closes an idle connection. */
void upstream_close_idle(struct upstream *u);


#endif
