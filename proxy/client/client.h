/* One HTTP/1 client connection: reads requests, one after the other, and hands each to an exchange.
 *
 *     HANDSHAKE --> IDLE <--> HEAD --> EXCHANGE --> FINISHING --> IDLE        (respond.c writes the answers)
 *                     |         |         |  \-> TUNNEL  |\-> DISCARD --> IDLE
 *                     v         v         v       |      v
 *                   closed  <-- LINGER <----------+------/
 *
 * Pipelined requests wait: what came in the same read in leftover, the rest in the kernel. Worker thread. */
#ifndef WEIR_PROXY_CLIENT_CLIENT_H
#define WEIR_PROXY_CLIENT_CLIENT_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "proxy/client/listener.h"
#include "proxy/client/peer.h"
#include "proxy/exchange/exchange.h"
#include "proxy/io/loop.h"
#include "proxy/http/leftover.h"
#include "proxy/http/partial.h"
#include "proxy/worker/worker.h"

enum client_state {
    CLIENT_HANDSHAKE, /* TLS */
    CLIENT_IDLE,      /* between requests */
    CLIENT_HEAD,      /* part of a head has arrived */
    CLIENT_EXCHANGE,
    CLIENT_FINISHING, /* the exchange is over, some of its answer still waits to be sent */
    CLIENT_DISCARD,   /* the rest of a request's body that nobody wants */
    CLIENT_TUNNEL,
    CLIENT_LINGER,    /* answered and shut down for writing; what still comes is thrown away for a while */
    CLIENT_CLOSED
};

enum { CLIENT_DISCARD_MAX = 65536 };

/* How the current response's body is framed to the client. */
enum client_framing { CLIENT_FRAMING_NONE, CLIENT_FRAMING_LENGTH, CLIENT_FRAMING_CHUNKED, CLIENT_FRAMING_CLOSE };

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
    struct leftover leftover; /* pipelined bytes */
    char *certificate_subject; /* of a verified client certificate, or NULL */
    uint32_t certificate_len;
    uint32_t nr_requests;
    uint8_t state;    /* enum client_state */
    uint8_t framing;  /* enum client_framing */
    bool is_paused;   /* the exchange takes no more of the body now */
    bool is_last;     /* the connection ends with this response */
    bool is_broken;   /* writing failed */
    bool is_cut;      /* the response can't be completed */
    bool is_head_request;     /* the current request is HEAD: an answer to it has no body */
    bool is_body_read;        /* the current request is complete */
    bool is_half_closed;      /* its end came with the request: it still listens */
    bool is_expecting;        /* it waits for 100 (Continue) */
    bool is_head_unsent;      /* the response's head still lies in the outbox */
    bool is_admitted;         /* counted by admission */
    uint64_t body_bytes;      /* of the current request */
    uint64_t rate_since_ms, rate_bytes; /* for the minimum rate */
    uint64_t discarded;
    uint64_t idle_since_ms; /* made, or its last response was complete */
    struct http1 parser;
    struct peer peer;
};

/* The client connections of one worker. on_empty is called when the last one has closed; NULL: nobody waits for it. */
struct clients {
    LIST_HEAD(, client) list;
    uint32_t nr;
    void (*on_empty)(struct clients *clients);
};

/* Takes an accepted, non-blocking socket over. 0, or -1 when it was closed for want of memory. */
int client_open(struct listener *listener, int fd, const struct sockaddr_storage *peer) __attribute__((warn_unused_result));

/* Whether the rest of an unfinished request body is worth reading, so that the connection can be used again. */
static inline bool client_is_rest_small(const struct client *c)
{
    return c->parser.body == HTTP1_BODY_LENGTH && c->parser.remaining <= CLIENT_DISCARD_MAX && !c->is_expecting;
}

/* The exchange's response has been handed over: send the rest, then the next request, or the end. */
void client_next(struct client *c);

/* Closes at once; an exchange that runs is aborted. Idempotent. */
void client_close(struct client *c);

/* The worker drains. What the client has sent, or is just sending, is still answered, by responses that say Connection: close; an idle
 * connection is read once more and then closed, or a moment later if it has just been made or used. */
void client_drain(struct client *c);

/* Draining has taken too long: closes at once, and never so that a response seems complete which is not. */
void client_cut(struct client *c);

void client_set_deadline(struct client *c, uint32_t in_ms);

/* For exchange_start and logs. */
struct request_caller client_from(const struct client *c);

/* Answers a request whose head or body could not be read, and ends the connection. */
void client_refuse(struct client *c, int status, const char *type, const char *message, enum metrics_rejection why);

#endif
