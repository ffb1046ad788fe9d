/* The request as it goes to an endpoint: written anew, field by field, from what was parsed, and
 * kept for retries. Nothing is copied raw (RFC 9110 section 7.6, RFC 9112 section 3.2).
 *
 * Method, endpoint's base path + path + query, Host, the client's fields less hop-by-hop ones
 * (rules.h), ours (X-Forwarded-*, Via, x-amzn-RequestId), framing. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_REQUEST_H
#define WEIR_PROXY_EXCHANGE_REQUEST_H

#include <stdint.h>

#include "base/id.h"
#include "proxy/http/head.h"
#include "proxy/worker/worker.h"
#include "router/table.h"

/* Where the request came from. Strings outlive the exchange's start. */
struct request_caller {
    struct str address;             /* as text, without port */
    struct str certificate_subject; /* of a verified client certificate; else empty */
    bool is_tls;
    bool is_trusted; /* a proxy whose X-Forwarded-* fields count; the exchange finds it out */
};

enum { REQUEST_TRACE_ID = 32 };

/* A request as it goes out, kept for retries, with what the access log needs, in one block of
 * memory. */
struct request {
    char *block;
    uint32_t room;
    uint32_t head_at, head_len;     /* the serialized head */
    uint32_t body_len;              /* bytes of body kept right behind it */
    uint32_t method_len;            /* the head begins with the method */
    uint32_t suffix_at, suffix_len; /* path and query behind the endpoint's base path */
    uint32_t rest_at;               /* the head behind its Host line */
    bool is_post;                   /* sent as one, whatever the method is */
    bool is_own_host;               /* the Host sent is the origin's authority */
    struct str method, target, host, user_agent; /* for the log */
    struct str upgrade; /* the protocols asked for, if an upgrade is passed on */
    char request_id[ID_LENGTH];
    char trace_id[REQUEST_TRACE_ID]; /* of the client's traceparent, for the log */
    bool has_trace_id;
};

struct request_options {
    struct str path, query; /* to append to the endpoint's base path; query without '?' */
    struct str prefix;      /* what strip_prefix took off the path, or empty */
    bool has_query;
    bool is_post;                   /* sent as a POST, whatever the head's method is */
    bool is_invoke;                 /* Lambda's Invoke: POST to the endpoint's own path */
    struct str function, qualifier; /* of an Invoke, as it was named; the qualifier may be empty */
    const struct version_headers *headers; /* fields to add; NULL: none */
    bool is_upgrade;                       /* pass Upgrade on */
    struct str request_id; /* to use; empty: a new one, or what a trusted client sent */
    size_t body_room;      /* keep room for that much body */
};

/* 0 or -ENOMEM. Memory is given back with request_fini. */
int request_make(struct request *out, struct worker *w, const struct tuning *tuning,
                 const struct head *head, const struct endpoint *endpoint,
                 const struct request_caller *from, const struct request_options *options)
    __attribute__((warn_unused_result));

/* The trace id of a request that is not made, for the log. */
void request_find_trace(struct request *out, const struct head *head);

/* The same request for another endpoint of the version: other base path and Host. */
int request_retarget(struct request *out, struct worker *w, const struct endpoint *endpoint)
    __attribute__((warn_unused_result));

/* Makes the block at least room bytes large; the strings for the log follow. */
int request_grow(struct request *out, struct worker *w, size_t room)
    __attribute__((warn_unused_result));

void request_fini(struct request *out, struct worker *w);

#endif
