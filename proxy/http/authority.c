/* Who a request is for. */
#include "proxy/http/authority.h"

#include "proxy/http/chars.h"

static bool is_port(struct str s)
{
    uint32_t port = 0;

    if (s.n == 0 || s.n > 5)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(s.p[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

static bool is_ip_literal(struct str s)
{
    if (s.n < 4 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return false;
    for (size_t i = 1; i < s.n - 1; i++)
        if (!chars_is(s.p[i], CHARS_HEX) && s.p[i] != ':' && s.p[i] != '.')
            return false;
    return memchr(s.p, ':', s.n) != NULL;
}

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
    *host = (struct str){s.p, 0};
    if (s.n == 0 || s.n > 320)
        return false;
    if (s.p[0] == '[')
        *host = authority_host(s);
    else
        while (host->n < s.n && chars_is(s.p[host->n], CHARS_HOST_NAME))
            host->n++;
    if (host->n < s.n) {
        struct str port = {s.p + host->n + 1, s.n - host->n - 1};
        if (s.p[host->n] != ':' || (port.n > 0 && !is_port(port)))
            return false;
    }
    return host->n > 0 && (s.p[0] != '[' || is_ip_literal(*host));
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
