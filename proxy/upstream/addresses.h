/* Where an origin is: the addresses of its host, looked up without blocking the loop, and connections to them. Pools and health checks
 * each keep their own.
 *
 * Look-ups run on libuv's threads. The first answer is waited for; later the old addresses serve on while a new look-up runs, and a
 * failed one leaves them in force. A host that is written as an address is never looked up. The loop's own thread. */
#ifndef WEIR_PROXY_UPSTREAM_ADDRESSES_H
#define WEIR_PROXY_UPSTREAM_ADDRESSES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "proxy/io/loop.h"
#include "router/origin.h"

enum { ADDRESSES_MAX = 16 };

struct addresses;
struct addresses_lookup;

/* A look-up has ended, well or not; never from within addresses_look_up. addresses->nr is 0 where there is still none. */
typedef void addresses_resolved(struct addresses *addresses);

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct addresses {
    struct loop *loop;
    const struct origin *origin; /* the owner's reference */
    addresses_resolved *on_resolved;
    union address list[ADDRESSES_MAX];
    int nr, next;         /* how many; the one to connect to */
    uint64_t resolved_ms; /* when; UINT64_MAX: a literal */
    struct addresses_lookup *lookup; /* running, or NULL */
    struct log_limit warnings;       /* of look-ups that fail, one an invocation it may be */
};

/* Without addresses at first, unless the host is one. The owner's memory may not move. */
void addresses_init(struct addresses *a, struct loop *loop, const struct origin *origin, addresses_resolved *on_resolved);

/* Forgets a look-up that runs: on_resolved will not be called. Idempotent. */
void addresses_fini(struct addresses *a);

/* Whether a look-up is due: there is no address yet, or what is known is at least max_age_ms old. */
bool addresses_are_due(const struct addresses *a, uint32_t max_age_ms);

/* Begins a look-up unless one runs. 0, or a negative error of libuv. */
int addresses_look_up(struct addresses *a) __attribute__((warn_unused_result));

/* Begins to connect to the next address (one is known): a non-blocking socket, to be watched for writing; or a negative errno. */
int addresses_connect(const struct addresses *a) __attribute__((warn_unused_result));

/* The connection could not be made: the address after it is tried next. */
void addresses_on_failed(struct addresses *a);

#endif
