/* Which upgrades pass. */
#include "proxy/exchange/upgrade.h"

/* h2c, its drafts' names, and HTTP/2.0 as RFC 7230 spelt it. */
static bool is_http(struct str protocol)
{
    return (protocol.n >= 2 && str_lower(protocol.p[0]) == 'h' && protocol.p[1] == '2') ||
           (protocol.n >= 4 && str_ieq((struct str){protocol.p, 4}, STR("http")));
}

/* Never one to HTTP/2 in clear text: what
 * flows then would be requests that nobody here sees (h2c smuggling). */
bool upgrade_may_pass(const struct http1_head *head)
{
    if (!head->is_upgrade || head->minor == 0 || head->body != HTTP1_BODY_NONE)
        return false;
    for (int i = 0; i < head->nr_fields; i++) {
        struct str list = http1_value(head, &head->fields[i]), protocol;
        while (head->fields[i].id == FIELD_UPGRADE && fields_next_token(&list, &protocol))
            if (is_http(protocol))
                return false;
    }
    return true;
}

/* A switch of protocols is to one that the client asked for (RFC 9110 section 7.8). */
bool upgrade_was_asked_for(struct str asked_for, const struct http1_head *head)
{
    for (int i = 0; head->is_upgrade && i < head->nr_fields; i++) {
        struct str asked = asked_for, protocol;
        if (head->fields[i].id != FIELD_UPGRADE)
            continue;
        while (fields_next_token(&asked, &protocol))
            if (str_ieq(protocol, http1_value(head, &head->fields[i])))
                return true;
    }
    return false;
}
