/* What an address to listen on takes of a port: which two of them get in each other's way, and
 * which one has to leave IPv4 alone. Nothing is resolved. */
#ifndef WEIR_CONF_BINDSPEC_H
#define WEIR_CONF_BINDSPEC_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum bindspec_kind {
    BINDSPEC_ANY,  /* ":PORT": all addresses of both families */
    BINDSPEC_ANY4, /* "0.0.0.0:PORT" */
    BINDSPEC_ANY6, /* "[::]:PORT": both families, or IPv6 alone where another takes IPv4 */
    BINDSPEC_ONE4,
    BINDSPEC_ONE6,
    BINDSPEC_NAME /* a host name: its first address, which is not known here */
};

struct bindspec {
    enum bindspec_kind kind;
    struct str host; /* in the text; without brackets */
    uint16_t port;
    struct in6_addr address; /* of ANY4 to ONE6; IPv4 mapped */
};

/* Reads an address that hostport_check_listen has accepted; out points into text. NULL, or what is
 * wrong, as the end of a sentence that begins with the text. */
const char *bindspec_parse(struct str text, struct bindspec *out);

/* Whether both would take the same address and port. Two names do where they are the same; a name
 * and an address may, which only the system finds out. */
bool bindspec_overlaps(const struct bindspec *a, const struct bindspec *b);

/* Whether a has to leave IPv4 to b: a is "[::]" and b an IPv4 address at the same port. */
bool bindspec_yields(const struct bindspec *a, const struct bindspec *b);

#endif
