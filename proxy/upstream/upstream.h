/* One connection to an endpoint's origin: connecting, sending a request, reading its response.
 *
 *     upstream_open                        response complete, upstream_rest
 *     CONNECTING -> HANDSHAKE -> ACTIVE <------------------------------------> IDLE
 *          \____________\__________\                upstream_use            /
 *           \____________\__________\__ upstream_close: CLOSED ____________/
 *
 * It has one user at a time, whom it tells what happens (struct upstream_events): an exchange while
 * it connects and is active, its pool while it is idle. It never closes itself: its user is told
 * that it has failed, and closes it within that call. Reading never stops on an idle connection, so
 * that its end, or bytes nobody asked for, are known at once.
 *
 * It knows neither pools nor exchanges. Worker thread. */
#ifndef WEIR_PROXY_UPSTREAM_UPSTREAM_H
#define WEIR_PROXY_UPSTREAM_UPSTREAM_H

#include <sys/queue.h>

#include "base/log.h"
#include "metrics/metrics.h"
#include "proxy/http/http1.h"
#include "proxy/io/loop.h"
#include "proxy/io/outbox.h"
#include "proxy/upstream/address.h"
#include "proxy/worker/worker.h"

struct upstream;
struct upstream_user;

/* What a connection tells its user. Nothing is told from within the call that asked for it. After
 * each of them the connection may have another user, or none. */
struct upstream_events {
    /* It is active: the request may be sent. */
    void (*connected)(struct upstream_user *user);
    /* It is of no more use: the user closes it, has its pool close it, or, where the response only
     * came too late, gives it to another user. is_silent: it ended without a byte of response. */
    void (*failed)(struct upstream_user *user, struct upstream *u, enum metrics_error why,
                   bool is_silent);
    /* What upstream_flush left behind has been sent, or nobody takes it any more. */
    void (*drained)(struct upstream_user *user);
    /* Each answers false when the user wants no more of the connection's bytes now. */
    bool (*interim)(struct upstream_user *user, const struct head *head);
    bool (*head)(struct upstream_user *user, const struct head *head, enum body_kind body);
    bool (*body)(struct upstream_user *user, struct str span);
    bool (*tunnel_bytes)(struct upstream_user *user, struct str bytes);
    /* All bytes of one read were handed over. */
    bool (*flush)(struct upstream_user *user);
    /* The response is complete; trailers are field lines or empty. The user lets the connection
     * go. */
    void (*end)(struct upstream_user *user, struct str trailers, bool is_reusable);
    void (*tunnel_end)(struct upstream_user *user);
};

enum { UPSTREAM_NO_LIMIT = INT32_MAX }; /* of stream_idle_ms */

/* Embedded first in the user; all but on is asked for only while the connection connects and is
 * active. */
struct upstream_user {
    const struct upstream_events *on;
    const void *related; /* what the user's events touch too, to be fetched ahead; may be NULL */
    const struct head_limits *limits; /* of responses */
    uint32_t stream_idle_ms;          /* how long bodies may stand still */
    /* By when the response must be complete, however steadily it comes; 0: any time. While the
     * user has the connection paused, what is left of the time. */
    uint64_t end_by_ms;
    bool is_head;    /* the request is HEAD: its response has no body */
    bool is_upgrade; /* it asks for an upgrade: 101 may be its answer */
};

/* Where connections lead, and how they are counted: their pool's. */
struct upstream_target {
    const struct origin *origin;
    union address address;
    uint32_t nr_refused;     /* connections in a row that were not made, TLS included */
    uint64_t avoid_until_ms; /* other addresses of the name go first; 0: no */
    struct tls_origin *tls;  /* context and session; NULL for http */
    struct metrics_pool_cell *cell;
    struct log_limit warnings; /* of connections: an endpoint that fails them all fills no log */
};

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
    struct upstream_target *to;
    struct upstream_user *user;      /* NULL when closed */
    TAILQ_ENTRY(upstream) idle_link; /* the pool's */
    enum upstream_state state;
    bool is_paused;          /* the client side is behind: do not read */
    bool has_response_bytes; /* something of this response arrived */
    bool is_in_body;         /* the final response's head has been passed on */
    bool may_persist;        /* by the response's version and Connection */
    bool
        is_write_broken; /* the endpoint takes no more of the request; it may still have answered */
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

/* Begins a connection to the target. NULL with *error set. The target outlives it. */
struct upstream *upstream_open(struct worker *w, struct upstream_target *to,
                               struct upstream_user *user, uint32_t connect_ms,
                               enum metrics_error *error) __attribute__((warn_unused_result));

/* An idle connection gets another user, and is active. */
void upstream_use(struct upstream *u, struct upstream_user *user);

/* An active connection gets another user in the middle of its work: what still comes of the
 * response is told to that one, however long it takes. */
void upstream_give(struct upstream *u, struct upstream_user *user);

/* The response is complete: the connection is idle and its user another one. False when it is of no
 * more use, and then nothing has changed. */
bool upstream_rest(struct upstream *u, struct upstream_user *user)
    __attribute__((warn_unused_result));

/* Ends the connection and clears the pointer. */
void upstream_close(struct upstream **u);

/* Where to gather what upstream_flush sends. */
static inline struct outbox *upstream_outbox(const struct upstream *u)
{
    return outbox_of(&u->worker->outbox, &u->io);
}

/* Sends what the outbox holds. 0: all gone; 1: some waits, and drained tells when it is gone;
 * negative: the connection is broken (the user decides; it is not closed yet). */
int upstream_flush(struct upstream *u) __attribute__((warn_unused_result));

/* Whether something that was flushed has not been sent yet. */
static inline bool upstream_has_unsent(const struct upstream *u)
{
    return !backlog_is_empty(&u->backlog);
}

/* After upstream_flush failed: nothing more is sent, what the endpoint may have answered is still
 * read. */
void upstream_break_sending(struct upstream *u);

/* How long the response's head may take from now on, unless it has come; 0: any time. */
void upstream_wait(struct upstream *u, uint32_t response_head_ms);

/* The client side fell behind, or caught up. */
void upstream_pause(struct upstream *u);
void upstream_resume(struct upstream *u);

/* From now on bytes are passed without being understood, in both directions. */
void upstream_tunnel(struct upstream *u);

/* Whether an idle connection, or one about to become idle, is still open and nothing has come on it
 * that nobody asked for. One read. */
bool upstream_is_clean(struct upstream *u);

#endif
