/* Two listeners on one port. Linux would let a socket for [::] take IPv4, too, and another one for
 * 0.0.0.0 not be bound then; so "[::]" takes both families when it is alone and IPv6 alone beside
 * an IPv4 address. ":PORT" says both and never yields. A wildcard beside one address of its family
 * is an overlap, though sockets could be made that share it: it is a mistake more often than a
 * wish. */
#include "conf/bindspec.h"

#include <arpa/inet.h>
#include <string.h>

#include "conf/hostport.h"

static void map(struct in6_addr *address, const struct in_addr *v4)
{
    memset(address, 0, sizeof(*address));
    address->s6_addr[10] = address->s6_addr[11] = 0xff;
    memcpy(&address->s6_addr[12], v4, sizeof(*v4));
}

static bool is_unspecified4(const struct in6_addr *mapped)
{
    static const uint8_t zeros[4];

    return memcmp(&mapped->s6_addr[12], zeros, sizeof(zeros)) == 0;
}

/* host is an address of the family. */
static void take_address(struct bindspec *out, bool is_ipv6)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;

    memcpy(text, out->host.p, out->host.n);
    text[out->host.n] = '\0';
    if (!is_ipv6) {
        inet_pton(AF_INET, text, &v4);
        map(&out->address, &v4);
    } else {
        inet_pton(AF_INET6, text, &out->address);
    }
    if (IN6_IS_ADDR_V4MAPPED(&out->address))
        out->kind = is_unspecified4(&out->address) ? BINDSPEC_ANY4 : BINDSPEC_ONE4;
    else
        out->kind = IN6_IS_ADDR_UNSPECIFIED(&out->address) ? BINDSPEC_ANY6 : BINDSPEC_ONE6;
}

const char *bindspec_parse(struct str text, struct bindspec *out)
{
    struct hostport parsed;
    const char *wrong = hostport_parse(text, &parsed);

    if (wrong)
        return wrong;
    *out = (struct bindspec){.host = parsed.host, .port = parsed.port};
    if (parsed.host.n == 0)
        out->kind = BINDSPEC_ANY;
    else if (parsed.is_address)
        take_address(out, parsed.is_ipv6);
    else
        out->kind = BINDSPEC_NAME;
    return NULL;
}

static bool is_v4(const struct bindspec *s)
{
    return s->kind == BINDSPEC_ANY4 || s->kind == BINDSPEC_ONE4;
}

static bool is_wild(const struct bindspec *s)
{
    return s->kind <= BINDSPEC_ANY6;
}

bool bindspec_overlaps(const struct bindspec *a, const struct bindspec *b)
{
    if (a->port != b->port || a->port == 0)
        return false;
    if (a->kind == BINDSPEC_ANY || b->kind == BINDSPEC_ANY)
        return true;
    if (a->kind == BINDSPEC_NAME || b->kind == BINDSPEC_NAME)
        return a->kind == b->kind &&
               str_ieq(hostport_undotted(a->host), hostport_undotted(b->host));
    if (is_v4(a) != is_v4(b))
        return false;
    return is_wild(a) || is_wild(b) || IN6_ARE_ADDR_EQUAL(&a->address, &b->address);
}

bool bindspec_yields(const struct bindspec *a, const struct bindspec *b)
{
    return a->kind == BINDSPEC_ANY6 && is_v4(b) && a->port == b->port && a->port != 0;
}
