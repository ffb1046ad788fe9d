/* Which fields pass: docs/forwarding.md has the rules for users; the switches below are them. */
#include "proxy/exchange/rules.h"

#include <string.h>

#include "proxy/http/copy.h"

/* No name that means something to weir is longer, nor one that the settings give. */
enum { KNOWN_MAX = 64 };

/* Many programs see '_' and '-' in field names as the same (CGI's variables do): a client's
 * X_Forwarded_For must not pass for weir's X-Forwarded-For. */
bool rules_is_mimicry(const struct tuning *tuning, const struct head *head,
                      const struct head_field *f)
{
    struct str name = head_name(head, f);
    char dashed[KNOWN_MAX + 1];

    if (!memchr(name.p, '_', name.n))
        return false;
    if (name.n > sizeof(dashed)) /* a family is known by its beginning */
        name.n = sizeof(dashed);
    for (size_t i = 0; i < name.n; i++)
        dashed[i] = name.p[i] == '_' ? '-' : name.p[i];
    name.p = dashed;
    return fields_id(name) != FIELD_OTHER || fields_is_forwarded(name) ||
           str_ieq(name, (struct str){tuning->executed_line, tuning->executed_name_len}) ||
           (tuning->certificate_name &&
            str_ieq(name, (struct str){tuning->certificate_name, tuning->certificate_name_len}));
}

bool rules_response_passes(const struct tuning *tuning, const struct head *head,
                           const struct head_field *f, const struct rules_response *how)
{
    switch ((enum field_id)f->id) {
    case FIELD_OTHER:
        return !rules_is_named(head, f, tuning->executed_line, tuning->executed_name_len);
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
