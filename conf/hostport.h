/* The grammar of host names and of HOST:PORT, as documents, the command line and requests write
 * them. Nothing is resolved. */
#ifndef WEIR_CONF_HOSTPORT_H
#define WEIR_CONF_HOSTPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct hostport {
    /* an IPv6 address without its brackets; empty where none was given (":8080") */
    struct str host;
    bool is_ipv6;
    bool is_address; /* an IPv6 address, or an IPv4 address in four parts; else a name */
    bool has_port;
    uint16_t port; /* 0 without has_port */
};

/* Reads HOST, HOST:PORT, [IPv6], [IPv6]:PORT or :PORT; out points into text. NULL, or what is
 * wrong, as the end of a sentence that begins with the text. */
const char *hostport_parse(struct str text, struct hostport *out);

/* The same of a request's authority (RFC 3986 section 3.2): with a host, and perhaps an empty port.
 * Which bytes a name may have is the caller's matter, as is_address is of a name. */
const char *hostport_parse_authority(struct str text, struct hostport *out);

/* A host name (RFC 1123, underscores allowed as container platforms use them), with or without the
 * final dot of a name in full (RFC 1034 section 3.1), or an IPv4 address in four parts. */
bool hostport_is_name(struct str s);

/* The name without its final dot: as Host, certificates and comparisons have it. The dot is for
 * the resolver alone. */
static inline struct str hostport_undotted(struct str name)
{
    return name.n > 1 && name.p[name.n - 1] == '.' ? (struct str){name.p, name.n - 1} : name;
}

/* The check of a setting: an address to listen on. NULL, or what is wrong with it. */
const char *hostport_check_listen(const char *text);
/* The check of a Host header's value: a host, with or without port. NULL, or what is wrong with
 * it. */
const char *hostport_check_host(const char *text);
/* The check of a bare host name or address. NULL, or what is wrong with it. */
const char *hostport_check_name(const char *text);

#endif
