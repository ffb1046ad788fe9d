/* Where to connect: one origin per distinct scheme, host, port and TLS options, shared by every
 * endpoint of every function and by all tables. Workers keep their connection pools by origin
 * id. */
#ifndef WEIR_ROUTER_ORIGIN_H
#define WEIR_ROUTER_ORIGIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How an endpoint is spoken to over TLS; strings are NULL where not set. Part of an origin's
 * identity. */
struct origin_tls {
    bool verify;       /* default true */
    char *ca_file;     /* PEM; NULL: the system's store */
    char *server_name; /* SNI and the name verified; NULL: the URL's host */
    char *certificate; /* client certificate, PEM */
    char *key;         /* its key, PEM */
};

struct origin {
    uint32_t id; /* small and dense; never used again for another origin in this process */
    bool is_tls;
    uint16_t port;
    char *host; /* name or address, an IPv6 address without brackets */
    uint32_t authority_len;
    /* as a Host header names it: port left out where it is the scheme's default, IPv6 in
     * brackets */
    char *authority;
    struct origin_tls tls;
    /* one of them is the registry's: it alone frees, on the control thread */
    _Atomic uint32_t refs;
    /* pools of workers; they count apart, to see when nobody else wants the origin */
    _Atomic uint32_t pools;
};

/* Any thread that already has a reference, by itself or through a table. */
struct origin *origin_ref(struct origin *origin);

/* Ends the reference and clears the pointer; any thread. */
void origin_unref(struct origin **origin);

/* The same for a worker's pool: the origin stays as long as it has one. */
struct origin *origin_ref_pool(struct origin *origin);
void origin_unref_pool(struct origin **origin);

/* Whether a table or anything else but pools has it: what it has not, no exchange can be about to
 * use. */
bool origin_is_wanted(const struct origin *origin);

#endif
