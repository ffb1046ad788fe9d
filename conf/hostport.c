/* Host names and ports by their grammar alone.
 *
 * The rules are strict where leniency has bitten others: a last label of digits must be part of an
 * IPv4 address in its usual form, because resolvers read 127.1, 0177.0.0.1 and 0x7f000001 as
 * addresses too, and zone identifiers (fe80::1%eth0) name something that means nothing on another
 * machine. A final dot makes a name one in full: it keeps a resolver from trying search domains. */
#include "conf/hostport.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 253, LABEL_MAX = 63, PORT_DIGITS_MAX = 5, PORT_MAX = 65535 };

static bool is_label(struct str s)
{
    if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    return true;
}

/* Would a resolver take a name that ends so for a number? */
static bool is_numeric_label(struct str s)
{
    bool is_hex = s.n >= 2 && s.p[0] == '0' && str_lower(s.p[1]) == 'x';

    for (size_t i = is_hex ? 2 : 0; i < s.n; i++)
        if (!(is_hex ? isxdigit((unsigned char)s.p[i]) : isdigit((unsigned char)s.p[i])))
            return false;
    return true;
}

static bool is_address(int family, struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address; /* room for either family */

    if (s.n >= sizeof(text) || memchr(s.p, '\0', s.n))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, &address) == 1;
}

bool hostport_is_name(struct str s)
{
    struct str label = {s.p, 0};
    bool is_absolute = s.n > 1 && s.p[s.n - 1] == '.';

    s = hostport_undotted(s);
    if (s.n == 0 || s.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '.') {
            label.n++;
            continue;
        }
        if (!is_label(label))
            return false;
        if (i < s.n)
            label = (struct str){s.p + i + 1, 0};
    }
    return !is_numeric_label(label) || (!is_absolute && is_address(AF_INET, s));
}

static const char *parse_port(struct str s, struct hostport *out)
{
    uint32_t port = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.p[i]))
            return "has a port that is no number";
        if (i >= PORT_DIGITS_MAX)
            return "has a port above 65535";
        port = port * 10 + (uint32_t)(s.p[i] - '0');
    }
    if (port > PORT_MAX)
        return "has a port above 65535";
    out->port = (uint16_t)port;
    out->has_port = true;
    return NULL;
}

static const char *split_brackets(struct str text, struct hostport *out, struct str *port)
{
    const char *end = memchr(text.p, ']', text.n);
    struct str rest;

    if (!end)
        return "has no closing ']'";
    out->host = (struct str){text.p + 1, (size_t)(end - text.p) - 1};
    out->is_ipv6 = out->is_address = true;
    if (!is_address(AF_INET6, out->host))
        return "has no IPv6 address between its brackets";
    rest = (struct str){end + 1, text.n - out->host.n - 2};
    if (rest.n == 0)
        return NULL;
    if (rest.p[0] != ':')
        return "has something other than a port after its brackets";
    *port = (struct str){rest.p + 1, rest.n - 1};
    return NULL;
}

/* Finds the host, of which only an address in brackets is looked at, and the port's text; its p is
 * NULL where there is no colon. */
static const char *split(struct str text, struct hostport *out, struct str *port)
{
    const char *colon;

    *out = (struct hostport){.host = {text.p, 0}};
    *port = (struct str){NULL, 0};
    if (text.n == 0)
        return "is empty";
    if (text.p[0] == '[')
        return split_brackets(text, out, port);
    colon = memchr(text.p, ':', text.n);
    if (colon && memchr(colon + 1, ':', text.n - (size_t)(colon - text.p) - 1))
        return "has several colons; an IPv6 address stands in brackets, such as [::1]:8080";
    out->host = (struct str){text.p, colon ? (size_t)(colon - text.p) : text.n};
    if (colon)
        *port = (struct str){colon + 1, text.n - out->host.n - 1};
    return NULL;
}

const char *hostport_parse(struct str text, struct hostport *out)
{
    struct str port;
    const char *wrong = split(text, out, &port);

    if (wrong)
        return wrong;
    if (!out->is_ipv6) {
        if (out->host.n > 0 && !hostport_is_name(out->host))
            return "has a host that is neither a host name nor an IPv4 address";
        out->is_address = is_address(AF_INET, out->host);
    }
    if (!port.p)
        return NULL;
    return port.n == 0 ? "has no port after the colon" : parse_port(port, out);
}

const char *hostport_parse_authority(struct str text, struct hostport *out)
{
    struct str port;
    const char *wrong = split(text, out, &port);

    if (!wrong && out->host.n == 0)
        wrong = "has no host";
    if (!wrong && port.n > 0) /* RFC 3986 section 3.2.3: it may be empty */
        wrong = parse_port(port, out);
    if (!wrong && out->has_port && out->port == 0)
        wrong = "has port 0";
    return wrong;
}

const char *hostport_check_listen(const char *text)
{
    struct hostport parsed;
    const char *wrong = hostport_parse(str_of(text), &parsed);

    if (!wrong && !parsed.has_port)
        wrong = "has no port";
    return wrong;
}

const char *hostport_check_host(const char *text)
{
    struct hostport parsed;
    const char *wrong = hostport_parse(str_of(text), &parsed);

    if (!wrong && parsed.host.n == 0)
        wrong = "has no host";
    if (!wrong && parsed.has_port && parsed.port == 0)
        wrong = "has port 0";
    return wrong;
}

const char *hostport_check_name(const char *text)
{
    struct str s = str_of(text);

    return hostport_is_name(s) || is_address(AF_INET6, s)
               ? NULL
               : "is neither a host name nor an IP address";
}
