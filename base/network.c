/* Everything is done on 16 bytes. */
#include "base/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { IPV4_AT = 96, BITS = 128 };

static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool network_is_ipv4(const struct network_address *address)
{
    return memcmp(address->bytes, MAPPED, sizeof(MAPPED)) == 0;
}

bool network_read_address(struct str text, struct network_address *out)
{
    char s[INET6_ADDRSTRLEN];

    if (text.n == 0 || text.n >= sizeof(s) || memchr(text.p, '\0', text.n))
        return false;
    memcpy(s, text.p, text.n);
    s[text.n] = '\0';
    if (strchr(s, ':'))
        return inet_pton(AF_INET6, s, out->bytes) == 1;
    memcpy(out->bytes, MAPPED, sizeof(MAPPED));
    return inet_pton(AF_INET, s, out->bytes + sizeof(MAPPED)) == 1;
}

/* A prefix of one to three digits, or -1. */
static int read_bits(struct str text, int most)
{
    int bits = 0;

    if (text.n == 0 || text.n > 3 || (text.n > 1 && text.p[0] == '0'))
        return -1;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return -1;
        bits = bits * 10 + (text.p[i] - '0');
    }
    return bits <= most ? bits : -1;
}

static void cut(struct network_address *address, int bits)
{
    for (int i = 0; i < NETWORK_BYTES; i++, bits -= 8)
        address->bytes[i] &= (uint8_t)(bits >= 8 ? 0xff : bits <= 0 ? 0 : 0xff << (8 - bits));
}

void network_cut(struct network_address *address, int ipv4_bits, int ipv6_bits)
{
    cut(address, network_is_ipv4(address) ? IPV4_AT + ipv4_bits : ipv6_bits);
}

bool network_read(struct str text, struct network *out)
{
    const char *slash = memchr(text.p, '/', text.n);
    struct str address = {text.p, slash ? (size_t)(slash - text.p) : text.n};
    struct network_address given;
    int bits, most;

    if (!network_read_address(address, &out->address))
        return false;
    most = memchr(address.p, ':', address.n) ? BITS : BITS - IPV4_AT;
    bits = slash ? read_bits((struct str){slash + 1, text.n - address.n - 1}, most) : most;
    if (bits < 0)
        return false;
    out->bits = (uint8_t)(bits + BITS - most);
    given = out->address;
    cut(&out->address, out->bits);
    return memcmp(&given, &out->address, sizeof(given)) == 0;
}

bool network_has(const struct network *network, const struct network_address *address)
{
    struct network_address masked = *address;

    cut(&masked, network->bits);
    return memcmp(&masked, &network->address, sizeof(masked)) == 0;
}

bool network_list_has(const struct network *list, int nr, const struct network_address *address)
{
    for (int i = 0; i < nr; i++)
        if (network_has(&list[i], address))
            return true;
    return false;
}

int network_write_address(const struct network_address *address, char out[NETWORK_TEXT_MAX])
{
    bool is_v4 = network_is_ipv4(address);

    if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, address->bytes + (is_v4 ? sizeof(MAPPED) : 0), out,
                   NETWORK_TEXT_MAX))
        *out = '\0';
    return (int)strlen(out);
}

int network_write(const struct network *network, char out[NETWORK_TEXT_MAX])
{
    bool is_v4 = network_is_ipv4(&network->address) && network->bits >= IPV4_AT;
    int n;

    if (!inet_ntop(is_v4 ? AF_INET : AF_INET6,
                   network->address.bytes + (is_v4 ? sizeof(MAPPED) : 0), out, NETWORK_TEXT_MAX))
        *out = '\0';
    n = (int)strlen(out);
    if (network->bits < BITS)
        n += snprintf(out + n, (size_t)(NETWORK_TEXT_MAX - n), "/%d",
                      network->bits - (is_v4 ? IPV4_AT : 0));
    return n;
}
