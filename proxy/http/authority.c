/* Who a request is for. */
#include "proxy/http/authority.h"

#include "conf/hostport.h"
#include "proxy/http/chars.h"

enum { AUTHORITY_MAX = 320 };

struct str authority_host(struct str authority)
{
    if (authority.n > 0 && authority.p[0] == '[') {
        const char *end = memchr(authority.p, ']', authority.n);
        return end ? (struct str){authority.p, (size_t)(end - authority.p) + 1} : authority;
    }
    const char *colon = memchr(authority.p, ':', authority.n);
    return colon ? (struct str){authority.p, (size_t)(colon - authority.p)} : authority;
}

/* A reg-name is without the comma, which some servers take for a list of hosts, and without percent
 * encodings, which hide what is looked up. */
bool authority_is_valid(struct str s, struct str *host)
{
    struct hostport parsed;

    *host = (struct str){s.p, 0};
    if (s.n > AUTHORITY_MAX || hostport_parse_authority(s, &parsed))
        return false;
    for (size_t i = 0; !parsed.is_ipv6 && i < parsed.host.n; i++)
        if (!chars_is(parsed.host.p[i], CHARS_HOST_NAME))
            return false;
    *host = parsed.is_ipv6 ? (struct str){s.p, parsed.host.n + 2} : parsed.host;
    return true;
}

/* The scheme's default port is left out when an absolute target is compared with Host. */
static bool is_same_authority(struct str a, struct str b, struct str default_port)
{
    struct str *both[2] = {&a, &b};

    for (int i = 0; i < 2; i++) {
        struct str host = authority_host(*both[i]);
        struct str rest = {both[i]->p + host.n, both[i]->n - host.n};
        if (rest.n <= 1 || str_eq(rest, default_port))
            *both[i] = host;
    }
    return str_ieq(a, b);
}

/* Host (RFC 9112 section 3.2): exactly one in HTTP/1.1, valid, and the same as an absolute target's
 * authority. */
const char *authority_check_host(struct head *head)
{
    struct str authority = head_at(head, head->authority_at, head->authority_len);
    struct str host, name = authority_host(authority);

    head->host_at = head->authority_at;
    head->host_len = (uint32_t)name.n;
    if (head->host < 0)
        return head->minor == 0 ? NULL : "HTTP/1.1 needs a Host field";
    host = head_value(head, &head->fields[head->host]);
    name = (struct str){host.p, memo_host_name(&head->memo, host)};
    if (name.n == 0) {
        if (!authority_is_valid(host, &name))
            return "Host is not a host name or address with an optional port";
        memo_keep_host(&head->memo, host, name.n);
    }
    if (authority.n == 0) {
        head->host_at = (uint32_t)(name.p - head->base);
        head->host_len = (uint32_t)name.n;
        return NULL;
    }
    return is_same_authority(host, authority, head->is_https ? STR(":443") : STR(":80"))
               ? NULL
               : "the request target and Host name different hosts";
}
