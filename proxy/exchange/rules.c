/* Which fields pass: docs/forwarding.md has the rules for users; the switches below are them. */
#include "proxy/exchange/rules.h"

#include <string.h>

#include "proxy/http/copy.h"

static bool is_lower_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

/* "00-<32 hex>-<16 hex>-<2 hex>", neither id all zero (W3C Trace Context section 3.2). */
static bool is_traceparent(struct str s)
{
    if (s.n < 55 || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return false;
    if (!is_lower_hex((struct str){s.p, 2}) || memcmp(s.p, "ff", 2) == 0 ||
        (memcmp(s.p, "00", 2) == 0 && s.n != 55) || !is_lower_hex((struct str){s.p + 3, 32}) ||
        !is_lower_hex((struct str){s.p + 36, 16}) || !is_lower_hex((struct str){s.p + 53, 2}))
        return false;
    return memcmp(s.p + 3, "00000000000000000000000000000000", 32) != 0 &&
           memcmp(s.p + 36, "0000000000000000", 16) != 0;
}

static bool is_named(const struct http1_head *head, const struct http1_field *f, const char *name,
                     size_t n)
{
    return f->name_len == n && str_ieq(http1_name(head, f), (struct str){name, n});
}

static bool has_valid_traceparent(const struct http1_head *head)
{
    const struct http1_field *f = http1_find(head, FIELD_TRACEPARENT);

    return f && !http1_is_dropped(head, f) && is_traceparent(http1_value(head, f));
}

/* Many programs see '_' and '-' in field names as the same (CGI's variables do): a client's
 * X_Forwarded_For must not pass for weir's X-Forwarded-For. */
static bool is_mimicry(const struct tuning *tuning, const struct http1_head *head,
                       const struct http1_field *f)
{
    struct str name = http1_name(head, f);
    char dashed[64];

    if (name.n > sizeof(dashed) || !memchr(name.p, '_', name.n))
        return false;
    for (size_t i = 0; i < name.n; i++)
        dashed[i] = name.p[i] == '_' ? '-' : name.p[i];
    name.p = dashed;
    return fields_id(name) != FIELD_OTHER ||
           str_ieq(name, (struct str){tuning->executed_line, tuning->executed_name_len}) ||
           (tuning->certificate_name &&
            str_ieq(name, (struct str){tuning->certificate_name, tuning->certificate_name_len}));
}

/* Whether a field of the client goes on to the endpoint as it is. */
bool rules_request_passes(const struct tuning *tuning, const struct http1_head *head,
                          const struct http1_field *f, struct rules_found *found)
{
    bool is_trusted = tuning->settings->forwarded.trust;

    switch ((enum field_id)f->id) {
    case FIELD_OTHER:
        if (head->has_underscores && is_mimicry(tuning, head, f))
            return false;
        if (is_named(head, f, tuning->executed_line, tuning->executed_name_len))
            return false;
        if (tuning->certificate_name &&
            is_named(head, f, tuning->certificate_name, tuning->certificate_name_len))
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
        return head->is_expect_continue && head->minor >= 1 && head->body != HTTP1_BODY_NONE;
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
    case FIELD_TRACEPARENT:
        if (found->has_traceparent || !is_traceparent(http1_value(head, f)))
            return false;
        found->has_traceparent = true;
        return true;
    case FIELD_TRACESTATE:
        return has_valid_traceparent(head);
    default:
        return !fields_is_hop_by_hop((enum field_id)f->id);
    }
}

bool rules_response_passes(const struct tuning *tuning, const struct http1_head *head,
                           const struct http1_field *f, const struct rules_response *how)
{
    switch ((enum field_id)f->id) {
    case FIELD_OTHER:
        return !is_named(head, f, tuning->executed_line, tuning->executed_name_len);
    case FIELD_CONTENT_LENGTH:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_REQUEST_ID:
        return false;
    case FIELD_UPGRADE:
        return how->is_upgrade;
    case FIELD_TRAILER:
        return how->is_chunked;
    case FIELD_STRICT_TRANSPORT_SECURITY:
        return !how->has_hsts;
    default:
        return !fields_is_hop_by_hop((enum field_id)f->id);
    }
}
