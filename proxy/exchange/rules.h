/* Which fields of a head pass to the other side (RFC 9110 sections 7.6 and 7.8): the same for all
 * protocols and both writers of heads (request.c, client/respond_head.c). A field that Connection
 * lists never passes: ask head_is_dropped first. Any thread. */
#ifndef WEIR_PROXY_EXCHANGE_RULES_H
#define WEIR_PROXY_EXCHANGE_RULES_H

#include <stdbool.h>

#include "proxy/http/head.h"
#include "proxy/worker/worker.h"

/* What the pass over the client's fields found. Before the first field, set these two and zero the
 * rest. */
struct rules_found {
    bool is_trusted;         /* the client's X-Forwarded-* fields count */
    bool is_prefix_stripped; /* weir writes an X-Forwarded-Prefix of its own */
    bool has_forwarded_for, has_forwarded_proto, has_forwarded_host, has_forwarded_prefix,
        has_length;
    const struct head_field *traceparent; /* the last one, or NULL */
};

/* ---- For rules_request_passes ---- */

static inline bool rules_is_named(const struct head *head, const struct head_field *f,
                                  const char *name, size_t n)
{
    return f->name_len == n && str_ieq(head_name(head, f), (struct str){name, n});
}

/* Is the name, read with '-' for '_', one of those that clients may not send? */
bool rules_is_mimicry(const struct tuning *tuning, const struct head *head,
                      const struct head_field *f);

/* Whether a field of the client goes on to the endpoint as it is. Inline: each field of each
 * request asks. */
static inline __attribute__((always_inline)) bool rules_request_passes(const struct tuning *tuning,
                                                                       const struct head *head,
                                                                       const struct head_field *f,
                                                                       struct rules_found *found)
{
    bool is_trusted = found->is_trusted;

    switch ((enum field_id)f->id) {
    case FIELD_OTHER:
        if (!is_trusted && fields_is_forwarded(head_name(head, f)))
            return false;
        if (head->has_underscores && rules_is_mimicry(tuning, head, f))
            return false;
        if (rules_is_named(head, f, tuning->executed_line, tuning->executed_name_len))
            return false;
        if (tuning->certificate_name &&
            rules_is_named(head, f, tuning->certificate_name, tuning->certificate_name_len))
            return false;
        return true;
    case FIELD_HOST:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_REQUEST_ID:
        return false;
    case FIELD_CONTENT_LENGTH:
        found->has_length = true;
        return false;
    case FIELD_EXPECT:
        return head->is_expect_continue && head->minor >= 1 && head->body != BODY_NONE;
    case FIELD_X_FORWARDED_FOR:
        found->has_forwarded_for |= is_trusted;
        return false;
    case FIELD_X_FORWARDED_PROTO:
        found->has_forwarded_proto |= is_trusted;
        return is_trusted;
    case FIELD_X_FORWARDED_HOST:
        found->has_forwarded_host |= is_trusted;
        return is_trusted;
    case FIELD_FORWARDED:
    case FIELD_X_FORWARDED_PORT:
    case FIELD_X_REAL_IP:
        return is_trusted;
    case FIELD_X_FORWARDED_PREFIX:
        found->has_forwarded_prefix |= is_trusted;
        return is_trusted && !found->is_prefix_stripped;
    case FIELD_TRACEPARENT:
        found->traceparent = f;
        return true;
    default:
        return !fields_is_hop_by_hop((enum field_id)f->id);
    }
}

/* How the response goes out, as far as fields depend on it. */
struct rules_response {
    bool is_upgrade, is_chunked;
    bool has_hsts; /* weir writes a Strict-Transport-Security of its own */
};

/* Whether a field of the endpoint goes on to the client as it is. */
bool rules_response_passes(const struct tuning *tuning, const struct head *head,
                           const struct head_field *f, const struct rules_response *how);

#endif
