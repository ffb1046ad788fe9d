/* Which fields of a head pass to the other side (RFC 9110 sections 7.6 and 7.8): the same for all protocols and both
 * writers of heads (request.c, client/respond_head.c). A field that Connection lists never passes: ask head_is_dropped
 * first. Any thread. */
#ifndef WEIR_PROXY_EXCHANGE_RULES_H
#define WEIR_PROXY_EXCHANGE_RULES_H

#include <stdbool.h>

#include "proxy/http/head.h"
#include "proxy/worker/worker.h"

/* What the pass over the client's fields found. Before the first field, set is_prefix_stripped and zero the rest. */
struct rules_found {
    bool is_prefix_stripped; /* weir writes an X-Forwarded-Prefix of its own */
    bool has_forwarded_for, has_forwarded_proto, has_forwarded_host, has_forwarded_prefix,
        has_length;
    const struct head_field *traceparent; /* the last one, or NULL */
};

/* Whether a field of the client goes on to the endpoint as it is. */
bool rules_request_passes(const struct tuning *tuning, const struct head *head,
                          const struct head_field *f, struct rules_found *found);

/* How the response goes out, as far as fields depend on it. */
struct rules_response {
    bool is_upgrade, is_chunked;
    bool has_hsts; /* weir writes a Strict-Transport-Security of its own */
};

/* Whether a field of the endpoint goes on to the client as it is. */
bool rules_response_passes(const struct tuning *tuning, const struct head *head,
                           const struct head_field *f, const struct rules_response *how);

#endif
