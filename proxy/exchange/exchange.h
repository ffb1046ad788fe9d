/* One invocation, from its request head to the last byte of its response: picks the version, gets a
 * connection, moves the bytes both ways with back-pressure, retries where that is safe, and gives
 * its account.
 *
 *     client side (struct exchange_front)                      upstream side (upstream.h)
 *        exchange_start, _body, _end  ---->  EXCHANGE  ---->  pool_acquire, upstream_flush
 *        front->interim, head, body, end  <----    <----  struct upstream_events: head, body, end
 *
 * An exchange sees one table generation. The client side may be HTTP/1 or, later, HTTP/2: it
 * reaches the exchange through this header and is reached through its struct exchange_front. Worker
 * thread. */
#ifndef WEIR_PROXY_EXCHANGE_EXCHANGE_H
#define WEIR_PROXY_EXCHANGE_EXCHANGE_H

#include "base/network.h"
#include "experiment/study.h"
#include "proxy/exchange/accepting.h"
#include "proxy/exchange/assign.h"
#include "proxy/exchange/in_flight.h"
#include "proxy/exchange/request.h"
#include "proxy/http/head.h"
#include "proxy/http/traceid.h"
#include "proxy/upstream/attempt.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/upstream.h"
#include "proxy/worker/worker.h"
#include "router/table.h"

struct exchange;
struct extras;
struct furl;
struct gathered;

/* What a function URL's event says of the client's connection. */
struct exchange_peer {
    uint16_t port;                        /* weir's */
    const char *tls_version, *tls_cipher; /* NULL without TLS */
};

/* What an exchange tells its client side. All calls may find the peer gone; they answer 0, 1 when
 * the client is behind (the exchange then pauses until exchange_on_client_drained), or negative
 * when it is lost (the client side then calls exchange_abort later, itself). */
struct exchange_front {
    /* An interim response (1xx) as the endpoint sent it. */
    int (*interim)(struct exchange *ex, const struct head *head);
    /* The final response's head; body says how its body is framed from the endpoint. */
    int (*head)(struct exchange *ex, const struct head *head, enum body_kind body);
    int (*body)(struct exchange *ex, struct str span);
    /* Sends out what head and body gathered. */
    int (*flush)(struct exchange *ex);
    /* The response is complete; trailers are field lines or empty. Sends out everything; over
     * follows. */
    void (*end)(struct exchange *ex, struct str trailers);
    /* weir's own answer instead of a response that has not begun: status, x-amzn-ErrorType and
     * message. */
    void (*error)(struct exchange *ex, int status, const char *type, const char *message);
    /* Takes back a response head that has not left this process yet; false when it has. */
    bool (*retract)(struct exchange *ex);
    /* The response has begun and can't be completed: the client must see that. */
    void (*cut)(struct exchange *ex);
    /* Read more of the request's body, or stop. */
    void (*pause)(struct exchange *ex);
    void (*resume)(struct exchange *ex);
    /* 101 was passed on: bytes flow both ways from now on. */
    void (*tunnel)(struct exchange *ex);
    /* Says more of the client's connection; NULL where there is none. */
    void (*describe)(const struct exchange *ex, struct exchange_peer *out);
    /* Nothing of the response, which has not begun, leaves before recalls are done
     * (worker/recall.h), or for a second; NULL: nobody waits for it. */
    void (*withhold)(struct exchange *ex);
    /* The last word of an exchange that was not aborted. Its storage must last to the end of the
     * turn (loop_discard). */
    void (*over)(struct exchange *ex);
};

/* What happens to a response on its way from the connection to the front, where it is not passed on
 * as it comes. Each may call its namesake in ex->next, which passes on. */
struct exchange_filter {
    bool (*head)(struct exchange *ex, const struct head *head, enum body_kind body);
    bool (*body)(struct exchange *ex, struct str span);
    bool (*flush)(struct exchange *ex);
    void (*end)(struct exchange *ex, struct str trailers, bool is_reusable);
    /* It has come to nothing. True where the front has been given a whole response instead. NULL:
     * no. */
    bool (*gave_up)(struct exchange *ex, enum metrics_error why);
};

enum exchange_state {
    EXCHANGE_GATHERING,  /* the request, before a version is drawn */
    EXCHANGE_WAITING,    /* for a connection */
    EXCHANGE_REQUESTING, /* the request goes out; no final response yet */
    EXCHANGE_RESPONDING, /* the final response's head has been passed on */
    EXCHANGE_TUNNEL,
    EXCHANGE_OVER
};

/* What the access log says of where it ran; empty where none was picked. */
struct exchange_names {
    struct str function, alias, version, executed_version, endpoint;
};

/* An attempt to run an event, or a run of an execution, for which no client waits. Its strings live
 * as long as the exchange. */
struct exchange_order {
    struct str request_id;          /* a UUID */
    struct str function, qualifier; /* as the client asked; an empty qualifier is $LATEST */
    /* Drawn before; where it is empty, or there is no such version any more, one is drawn now. */
    struct str version;
    /* By a pin or an override: it is in no figure of its alias while that version is there. */
    bool is_fixed;
    bool is_to_letter_box; /* not to the function, but where its dead letters go */
    /* A run of an execution: no second try and no other version. With a table: the arm of that
     * table which qualifier and version name, asked as it is, without limits of time; it counts in
     * no figure of invocations. Without: an Invoke as any client's. */
    bool is_execution;
    struct table *table; /* borrowed */
    uint32_t limit_ms;   /* with a table: until the response begins; 0: any time */
    uint32_t attempt;    /* from 1 */
};

struct exchange {
    struct upstream_user user; /* of the endpoint's connection; first */
    struct loop_garbage
        garbage; /* for its owner, who frees it at the end of a turn at the earliest */
    struct worker *worker;
    const struct exchange_front *front;
    void *client;          /* the front's own */
    struct tuning *tuning; /* the client's, for the time of the exchange */
    struct request_caller from;
    struct lease *
        lease; /* NULL: nothing of the table is left: target to endpoint are NULL too, names stay */
    struct target *target;
    struct arm *arm;           /* picked */
    struct arm *run;           /* what really runs: another one after a failover */
    const struct wards *wards; /* it is not settled there yet (warden.h); NULL: nothing is to be */
    struct ward *ward;         /* where wards is not NULL: of which it has a unit; or NULL */
    struct endpoint *endpoint;
    struct metrics_cell *cell; /* of the picked arm */
    struct upstream *upstream;
    struct pool *pool;
    struct attempt attempt; /* at the endpoint */
    struct pool_waiter waiter;
    struct in_flight in_flight;
    struct study_visit visit;           /* its period NULL: it is in no figure */
    struct request request;             /* serialized, and what the log needs of it */
    struct exchange_names names;        /* filled when the lease ends, or at the end */
    const struct exchange_order *order; /* NULL: a client's request */
    const struct upstream_events *next; /* what passes a response on, for filter */
    /* What stands together is cleared together. */
    char *event; /* of a request that is to become an event: what acceptor->describe made */
    struct acceptance *acceptance;        /* it is on its way to the disk */
    const struct exchange_filter *filter; /* NULL: it goes on as it comes */
    struct caller caller;                 /* of a sticky split */
    struct gathered *gathered;            /* NULL: request and response go on as they come */
    struct furl *furl;     /* of a route or URL with terms that need it; NULL: there are none */
    struct extras *extras; /* of the response; NULL: none */
    const char *reason;    /* of a 429; NULL: the usual one */
    const char *fault;     /* the rule or limit that a message broke: constant; NULL: none */
    enum exchange_state state;
    enum body_kind request_body;
    uint8_t minor;    /* the client's HTTP/1.minor */
    uint8_t picked;   /* enum picked */
    bool is_evidence; /* where wards is not NULL: for the guard */
    bool is_idempotent;
    bool is_request_complete;   /* all of it arrived from the client */
    bool is_request_sent;       /* its head and what of the body came went into a connection */
    bool is_request_replayable; /* all bytes sent so far stand in request */
    bool is_client_paused;      /* the request's body waits */
    bool is_retry_fresh, was_reused;
    bool is_functions_word; /* the status is the function's: its endpoint is well */
    bool is_function_error; /* the function says that it has failed */
    bool is_invoke;         /* not a route's request */
    bool wants_log;         /* X-Amz-Log-Type: Tail */
    bool is_stream;         /* InvokeWithResponseStream */
    int status;             /* of the final response, 0: none */
    enum metrics_error outcome;
    uint32_t nr_retries;
    uint64_t start_us, start_unix_us, bytes_in, bytes_out;
    int64_t connect_us, head_us;
    struct traceid trace;               /* of the answer to an Invoke */
    uint8_t client_text_len;            /* 0: the client is who the connection comes from */
    char client_text[NETWORK_TEXT_MAX]; /* else its address, as proxies that are trusted tell it */
};

/* The address of the client, as text: behind proxies that are trusted the one that they tell. */
static inline struct str exchange_client(const struct exchange *ex)
{
    return ex->client_text_len > 0 ? (struct str){ex->client_text, ex->client_text_len}
                                   : ex->from.address;
}

/* Begins the exchange that a request head asks for, in storage of the caller (the client
 * connection) that lives until the exchange is over. The caller has set front, client, tuning,
 * worker and order. Answers 0, or -1 when it was refused or failed at once (it has been answered,
 * front->over has been called). is_tls and the addresses are of the client connection. */
int exchange_start(struct exchange *ex, struct head *head, const struct request_caller *from)
    __attribute__((warn_unused_result));

/* A piece of the request's body, valid for the call. */
void exchange_body(struct exchange *ex, struct str span);
/* The request is complete; trailers are field lines or empty. */
void exchange_end(struct exchange *ex, struct str trailers);
/* All that one event brought was handed over: send it out. */
void exchange_flush(struct exchange *ex);

/* The client is gone or broke its request: ends the upstream work. why is counted as the
 * outcome. */
void exchange_abort(struct exchange *ex, enum metrics_error why);

/* The client side's backlog is gone. */
void exchange_on_client_drained(struct exchange *ex);

/* The client has gone, and nobody will read the response; its front takes all of it
 * nevertheless. */
void exchange_on_client_left(struct exchange *ex);

/* The event of ex->acceptance, which is cleared, is durable, or will not be: a sentence says
 * why. */
void exchange_accepted(struct exchange *ex, const char *failure);

/* Bytes of a tunnel from the client; its end. */
void exchange_tunnel_bytes(struct exchange *ex, struct str bytes);
void exchange_tunnel_end(struct exchange *ex);

#endif
