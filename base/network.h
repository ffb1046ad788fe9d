/* IP addresses and networks of them, IPv4 and IPv6 alike: an IPv4 address is the IPv6 address that
 * maps it (RFC 4291 section 2.5.5.2). Pure; any thread. */
#ifndef WEIR_BASE_NETWORK_H
#define WEIR_BASE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { NETWORK_BYTES = 16, NETWORK_TEXT_MAX = 64 };

struct network_address {
    uint8_t bytes[NETWORK_BYTES];
};

struct network {
    struct network_address address; /* 0 behind bits */
    uint8_t bits;                   /* of all 128: IPv4's begin at 96 */
};

/* Reads an address such as 192.0.2.1, 2001:db8::1 or ::ffff:192.0.2.1 (which is the first one).
 * False where it is none. */
bool network_read_address(struct str text, struct network_address *out);

/* Reads a network such as 10.0.0.0/8 or 2001:db8::/32, or an address alone. False where it is none,
 * also where it has bits behind its prefix. */
bool network_read(struct str text, struct network *out);

bool network_is_ipv4(const struct network_address *address);

/* Sets what is behind so many bits, counted as IPv4 or IPv6 count them, to 0. */
void network_cut(struct network_address *address, int ipv4_bits, int ipv6_bits);

bool network_has(const struct network *network, const struct network_address *address);
/* Is it in one of them? */
bool network_list_has(const struct network *list, int nr, const struct network_address *address);

/* Text of an address, and of a network (without /32 and /128); terminated. The length. */
int network_write_address(const struct network_address *address, char out[NETWORK_TEXT_MAX]);
int network_write(const struct network *network, char out[NETWORK_TEXT_MAX]);

#endif
