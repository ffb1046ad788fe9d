/* A request as a Lambda function sees it: an event of payload format 2.0, as function URLs and
 * HTTP APIs make it. Pure; any thread. */
#ifndef WEIR_PROXY_PAYLOAD_PAYLOAD_EVENT_H
#define WEIR_PROXY_PAYLOAD_PAYLOAD_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/str.h"

/* A name and its value: a field of a head, or a stage variable. */
struct payload_pair {
    struct str name, value;
};

/* Who signed the request, as far as weir knows. */
struct payload_identity {
    struct str access_key, account, caller, user_arn;
};

/* All strings are borrowed for the call; an empty one is left out, where the format allows. */
struct payload_event {
    struct str method, protocol;
    struct str path, query;             /* as they came; the query without '?' */
    struct str body;                    /* empty: none */
    struct str source;                  /* the client's address, without port */
    struct str client;                  /* address of who asked the first proxy; empty: source */
    struct str request_id;              /* of the invocation */
    struct str domain;                  /* the host asked for, without port */
    struct str api_id;                  /* of the URL; empty: the domain's first label */
    struct str tls_version, tls_cipher; /* as OpenSSL calls them; empty without TLS */
    uint16_t port;                      /* where weir listens */
    bool is_tls;
    uint64_t unix_ms; /* when the request came */
    /* In their order, but for those of one connection. Cookie, X-Forwarded-For and the like are
     * among them, as they are to reach the function; names in any case. */
    const struct payload_pair *fields;
    int nr_fields;
    struct str stage; /* empty: "$default" */
    const struct payload_pair *stage_variables;
    int nr_stage_variables;
    const struct payload_identity *identity; /* NULL: anonymous */
};

/* Appends the event, a JSON object, to out; where that runs out of memory, out->is_out says so.
 *
 * A body is text where its content type says so and it is UTF-8; else it is sent in base64. What
 * is no UTF-8 elsewhere becomes U+FFFD. */
void payload_event_write(struct buffer *out, const struct payload_event *event);

#endif
