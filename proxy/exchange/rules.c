/* Which fields pass: docs/forwarding.md has the rules for users; the switches below are them. */
#include "proxy/exchange/rules.h"

#include <string.h>

#include "proxy/http/copy.h"

static bool is_named(const struct head *head, const struct head_field *f, const char *name,
                     size_t n)
{
    return f->name_len == n && str_ieq(head_name(head, f), (struct str){name, n});
}

/* Many programs see '_' and '-' in field names as the same (CGI's variables do): a client's
 * X_Forwarded_For must not pass for weir's X-Forwarded-For. */
static bool is_mimicry(const struct tuning *tuning, const struct head *head,
                       const struct head_field *f)
{
    struct str name = head_name(head, f);
    char dashed[64];

    if (name.n > sizeof(dashed) || !memchr(name.p, '_', name.n))
        return false;
    for (size_t i = 0; i < name.n; i++)
        dashed[i] = name.p[i] == '_' ? '-' : name.p[i];
    name.p = dashed;
    return fields_id(name) != FIELD_OTHER || fields_is_forwarded(name) ||
           str_ieq(name, (struct str){tuning->executed_line, tuning->executed_name_len}) ||
           (tuning->certificate_name &&
            str_ieq(name, (struct str){tuning->certificate_name, tuning->certificate_name_len}));
}

/* Whether a field of the client goes on to the endpoint as it is. */
bool rules_request_passes(const struct tuning *tuning, const struct head *head,
                          const struct head_field *f, struct rules_found *found)
{
    bool is_trusted = tuning->settings->forwarded.trust;

    switch ((enum field_id)f->id) {
    case FIELD_OTHER:
        if (!is_trusted && fields_is_forwarded(head_name(head, f)))
            return false;
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

bool rules_response_passes(const struct tuning *tuning, const struct head *head,
                           const struct head_field *f, const struct rules_response *how)
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
