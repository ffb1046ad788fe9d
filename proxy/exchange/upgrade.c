/* Which upgrades pass. */
#include "proxy/exchange/upgrade.h"

/* The protocols that weir tunnels. What flows in one that it does not know could be requests that
 * nobody here sees (HTTP/2 in clear text: h2c smuggling), so only these pass. */
static bool is_tunnelled(struct str protocol)
{
    return str_ieq(protocol, STR("websocket"));
}

bool upgrade_may_pass(const struct head *head)
{
    int nr = 0;

    if (!head->is_upgrade || head->minor == 0 || head->body != BODY_NONE)
        return false;
    for (int i = 0; i < head->nr_fields; i++) {
        if (head->fields[i].id != FIELD_UPGRADE)
            continue;
        struct str list = head_value(head, &head->fields[i]), protocol;
        for (; fields_next_token(&list, &protocol); nr++)
            if (!is_tunnelled(protocol))
                return false;
    }
    return nr > 0;
}

/* A switch of protocols is to one that the client asked for (RFC 9110 section 7.8). */
bool upgrade_was_asked_for(struct str asked_for, const struct head *head)
{
    for (int i = 0; head->is_upgrade && i < head->nr_fields; i++) {
        struct str asked = asked_for, protocol;
        if (head->fields[i].id != FIELD_UPGRADE)
            continue;
        while (fields_next_token(&asked, &protocol))
            if (str_ieq(protocol, head_value(head, &head->fields[i])))
                return true;
    }
    return false;
}
