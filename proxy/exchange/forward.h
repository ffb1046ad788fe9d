/* Heads on their way through: which fields pass, which are replaced, which are added (RFC 9110 sections 7.6 and 7.8, RFC 9112 section 3.2). Heads are
 * written anew, field by field, from what was parsed: nothing is copied raw.
 *
 * Request: method, endpoint's base path + path + query, Host, the client's fields less hop-by-hop ones, ours (X-Forwarded-*, Via,
 * x-amzn-RequestId, traceparent), framing. Response: status, the endpoint's fields less hop-by-hop ones, executed version, request id,
 * Date if missing, framing. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_FORWARD_H
#define WEIR_PROXY_EXCHANGE_FORWARD_H

#include <stdint.h>

#include "proxy/http/http1.h"
#include "proxy/worker/worker.h"
#include "router/table.h"

enum { FORWARD_ID = 36 };

/* What the request says of where it came from. Strings outlive the exchange's start. */
struct forward_client {
    struct str address;             /* as text, without port */
    struct str certificate_subject; /* of a verified client certificate; else empty */
    bool is_tls;
};

/* A request as it goes out, kept for retries, with what the access log needs, in one block of memory. */
struct forward_request {
    char *block;
    uint32_t room;
    uint32_t head_at, head_len; /* the serialized head */
    uint32_t body_len;          /* bytes of body kept right behind it */
    uint32_t method_len;        /* the head begins with the method */
    uint32_t suffix_at, suffix_len; /* path and query behind the endpoint's base path */
    uint32_t rest_at;               /* the head behind its Host line */
    bool is_own_host;               /* the Host sent is the origin's authority */
    struct str method, target, host, user_agent; /* for the log */
    struct str upgrade; /* the protocols asked for, if an upgrade is passed on */
    char request_id[FORWARD_ID];
};

struct forward_options {
    struct str path, query;   /* to append to the endpoint's base path; query without '?' */
    bool has_query;
    bool is_invoke;           /* Lambda's Invoke: POST to the endpoint's own path */
    bool is_upgrade;          /* pass Upgrade on */
    size_t body_room;         /* keep room for that much body */
};

/* 0 or -ENOMEM. Memory is given back with forward_request_fini. */
int forward_request_make(struct forward_request *out, struct worker *w, const struct tuning *tuning,
                         const struct http1_head *head, const struct endpoint *endpoint,
                         const struct forward_client *from, const struct forward_options *options)
    __attribute__((warn_unused_result));

/* The same request for another endpoint of the version: other base path and Host. */
int forward_request_retarget(struct forward_request *out, struct worker *w, const struct endpoint *endpoint)
    __attribute__((warn_unused_result));

/* Makes the block at least room bytes large; the strings for the log follow. */
int forward_request_grow(struct forward_request *out, struct worker *w, size_t room) __attribute__((warn_unused_result));

void forward_request_fini(struct forward_request *out, struct worker *w);

/* A random UUID (RFC 9562 section 5.4), FORWARD_ID characters, from two random words. Any thread. */
void forward_write_uuid(char *p, uint64_t a, uint64_t b);

/* A fresh request id, for answers without an exchange. */
void forward_make_id(struct worker *w, char id[FORWARD_ID]);

/* How the client's connection wants a response written. */
struct forward_response {
    struct str executed_version; /* empty: no header */
    const char *request_id;
    const char *hsts_line; /* or "" */
    uint8_t minor;       /* the client's */
    bool is_close;       /* say that the connection ends with this response */
    bool is_interim, is_upgrade;
    bool is_chunked;     /* frame it so */
    bool has_length;     /* say length */
    uint64_t length;
};

/* An upper bound of what forward_response_write writes. */
size_t forward_response_room(const struct tuning *tuning, const struct http1_head *head);

/* Writes the head at p, which has that much room; returns its end. */
char *forward_response_write(char *p, struct worker *w, const struct tuning *tuning, const struct http1_head *head,
                             const struct forward_response *how);

#endif
