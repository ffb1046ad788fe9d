/* The grammar of endpoint URLs and of paths in documents. */
#ifndef WEIR_CONF_URL_H
#define WEIR_CONF_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct url {
    bool is_tls;
    bool is_srv;     /* ports and hosts come from SRV records (RFC 2782) */
    struct str host; /* a name without final dot, or an address, IPv6 without brackets */
    struct str name; /* to be looked up, as it is written; empty where host is an address */
    uint16_t port;   /* with is_srv: the scheme's */
    struct str path; /* "/" where the URL has none */
};

/* Reads http://HOST[:PORT][/PATH] or https://..., or http+srv://NAME[/PATH] or https+srv://...;
 * out points into text or at constants. NULL, or what is wrong, as the end of a sentence that
 * begins with the URL.
 *
 * The host of http+srv://_web._tcp.example.org, which Host and the certificate name, is
 * example.org: the domain that offers the service (RFC 9525 section 6.1), as DNS alone vouches
 * for the rest. */
const char *url_parse(struct str text, struct url *out);

/* Checks a path that weir compares with paths of requests, byte by byte. It must begin with '/',
 * have no query and no empty, "." or ".." segment, and write each character as requests write it,
 * so that one path has one spelling. NULL, or what is wrong. */
const char *url_check_path(struct str path);

/* A request target that weir itself asks for: a path, perhaps with a query. NULL, or what is
 * wrong. */
const char *url_check_target(const char *text);

#endif
