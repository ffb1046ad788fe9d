/* One HTTP/1 client connection: what it is made of, and its life between events.
 *
 *     HANDSHAKE --> IDLE <--> HEAD --> EXCHANGE --> FINISHING --> IDLE
 *                     |         |       / |  \-> TUNNEL  |\-> DISCARD --> IDLE
 *                     v         v   LEFT  v       |      v
 *                   closed  <-- LINGER <----------+------/
 *
 * conn_goto alone changes the state. What may still be written is a state of its own
 * (client_output), which only grows.
 *
 * From HEAD a request may be HELD first, and then come to IDLE to be read again.
 *
 * client.c hears of its events, intake.c reads its requests, respond.c writes the answers. Worker
 * thread. */
#ifndef WEIR_PROXY_CLIENT_CONN_H
#define WEIR_PROXY_CLIENT_CONN_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "proxy/client/listener.h"
#include "proxy/client/peer.h"
#include "proxy/exchange/exchange.h"
#include "proxy/http/leftover.h"
#include "proxy/http/partial.h"
#include "proxy/io/loop.h"
#include "proxy/worker/worker.h"

/* CONN_DRAIN_GRACE_MS: a client that has just connected, or just got a response, may be sending
 * its next request: while weir drains, its connection is kept open so long. CONN_WITHHELD_MS: so
 * long an answer waits at most for the alias to be written (exchange_front.withhold). */
enum {
    CONN_DISCARD_MAX = 65536,
    CONN_DRAIN_GRACE_MS = 500,
    CONN_LINGER_MS = 2000,
    CONN_WITHHELD_MS = 1000
};

enum client_state {
    CLIENT_HANDSHAKE, /* TLS */
    CLIENT_IDLE,      /* between requests */
    CLIENT_HEAD,      /* part of a head has arrived */
    CLIENT_HELD,      /* a request that is kept until it has shown who asks (hold.h) */
    CLIENT_EXCHANGE,
    CLIENT_FINISHING, /* the exchange is over, some of its answer still waits to be sent */
    CLIENT_DISCARD,   /* the rest of a request's body that nobody wants */
    CLIENT_TUNNEL,
    /* answered and shut down for writing; what still comes is thrown away for a while */
    CLIENT_LINGER,
    CLIENT_LEFT, /* the client has gone, its socket is closed; its exchange runs to its end */
    CLIENT_CLOSED
};

/* What the connection still takes from here. It never goes back. */
enum client_output {
    CLIENT_OUTPUT_OPEN,  /* this response, and others after it */
    CLIENT_OUTPUT_LAST,  /* this response is the last */
    CLIENT_OUTPUT_CUT,   /* what has been given to it of a response, which can't be completed */
    CLIENT_OUTPUT_BROKEN /* nothing: writing failed */
};

/* How the current response's body is framed to the client. */
enum client_framing {
    CLIENT_FRAMING_NONE,
    CLIENT_FRAMING_LENGTH,
    CLIENT_FRAMING_CHUNKED,
    CLIENT_FRAMING_CLOSE
};

struct hold;

struct client {
    struct io io; /* first */
    struct loop_garbage garbage;
    struct deadline deadline;
    struct worker *worker;
    struct listener *listener;
    struct tuning *tuning;
    LIST_ENTRY(client) link;
    struct exchange *exchange;
    struct partial *partial;
    struct backlog backlog;
    struct leftover leftover;  /* pipelined bytes */
    struct hold *hold;         /* a request that is kept, or read again; or NULL */
    char *certificate_subject; /* of a verified client certificate, or NULL */
    uint32_t certificate_len;
    uint32_t nr_requests;
    uint8_t state;        /* enum client_state */
    uint8_t output;       /* enum client_output */
    uint8_t framing;      /* enum client_framing */
    bool is_paused;       /* the exchange takes no more of the body now */
    bool is_head_request; /* the current request is HEAD: an answer to it has no body */
    bool is_body_read;    /* the current request is complete */
    bool is_expecting;    /* it waits for 100 (Continue) */
    bool is_head_unsent;  /* the response's head still lies in the outbox */
    bool is_admitted;     /* counted by admission */
    bool has_certificate; /* on a connection of the admin listener: a verified one */
    uint64_t body_bytes;  /* of the current request */
    uint64_t rate_since_ms, rate_bytes; /* for the minimum rate */
    uint64_t discarded;
    uint64_t idle_since_ms; /* made, or its last response was complete */
    struct http1 parser;
    struct peer peer;
};

/* The client connections of one worker. on_empty is called when the last one has closed; NULL:
 * nobody waits for it. */
struct clients {
    LIST_HEAD(, client) list;
    uint32_t nr;
    void (*on_empty)(struct clients *clients);
};

static inline void conn_set_deadline(struct client *c, uint32_t in_ms)
{
    struct loop *loop = &c->worker->loop;

    wheel_set(&loop->wheel, &c->deadline.node, loop->now_ms + in_ms);
}

/* How long the connection may stay in a state without anything happening; 0: as long as others
 * want. */
static inline uint32_t conn_deadline_ms(const struct client *c, enum client_state state)
{
    const struct settings *s = c->tuning->settings;

    switch (state) {
    case CLIENT_HANDSHAKE:
        return s->timeouts.tls_handshake_ms;
    case CLIENT_IDLE:
        return c->worker->is_draining ? CONN_DRAIN_GRACE_MS : s->timeouts.client_idle_ms;
    case CLIENT_HEAD:
        return s->timeouts.request_head_ms;
    case CLIENT_HELD:
    case CLIENT_FINISHING:
    case CLIENT_DISCARD:
        return s->timeouts.stream_idle_ms;
    case CLIENT_LINGER:
        return CONN_LINGER_MS;
    default:
        return 0;
    }
}

/* The one place where the state changes, and the deadline with it. */
static inline __attribute__((always_inline)) void conn_goto(struct client *c,
                                                            enum client_state state)
{
    uint32_t in_ms = conn_deadline_ms(c, state);

    assert(c->state != CLIENT_CLOSED);
    c->state = (uint8_t)state;
    if (in_ms > 0)
        conn_set_deadline(c, in_ms);
    else
        wheel_clear(&c->deadline.node);
}

static inline void conn_limit_output(struct client *c, enum client_output output)
{
    if (output > c->output)
        c->output = (uint8_t)output;
}

/* Whether the connection ends with the current response. */
static inline bool conn_is_last(const struct client *c)
{
    return c->output >= CLIENT_OUTPUT_LAST;
}

/* An exchange that runs, and whose request is complete: its client is not needed for it. */
static inline bool conn_is_waiting(const struct client *c)
{
    return c->state == CLIENT_EXCHANGE && c->is_body_read;
}

/* Whether the rest of an unfinished request body is worth reading, so that the connection can be
 * used again. */
static inline bool conn_is_rest_small(const struct client *c)
{
    return c->parser.body == BODY_LENGTH && c->parser.remaining <= CONN_DISCARD_MAX &&
           !c->is_expecting;
}

/* For exchange_start and logs. */
struct request_caller conn_from(const struct client *c);

/* Waits for the next request. */
void conn_begin_idle(struct client *c);

/* Ends the sending side, and throws away for a while what still comes: closing on unread bytes
 * would reset the connection and could destroy the response on its way. */
void conn_linger(struct client *c);

/* The exchange's response has been handed over: send the rest, then the next request, or the
 * end. */
void conn_next(struct client *c);

/* The response has been sent to the last byte. */
void conn_after_response(struct client *c);

/* Closes at once; an exchange that runs is aborted. A response that only the connection's end
 * ends is never cut so that it seems complete. Idempotent. */
void conn_close(struct client *c);

/* The client has gone: it reset the connection, or takes nothing any more. An exchange whose
 * request is complete runs to its end without it (unless client_half_close is "abort"), and the
 * connection ends with that; else it closes. */
void conn_leave(struct client *c);

/* The connection goes on elsewhere: its socket is the caller's, and the client is no more. It is
 * between two requests. */
void conn_depart(struct client *c, struct io_baggage *out);

/* conn_close, where draining has taken too long, which is then the exchange's outcome. */
void conn_cut(struct client *c);

#endif
