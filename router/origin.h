/* Where to connect: one origin per distinct scheme, host, port and TLS options, shared by every
 * endpoint of every function and by all tables. Workers keep their connection pools by origin id.
 *
 *     endpoint --> origin of an address              <-- pool of connections
 *     endpoint --> origin of a name --> its set --> origins of its addresses  <-- pools
 *
 * The origin of a name is never connected to: its set says which addresses the name has at present,
 * each of which is an origin of its own. proxy/upstream/names.h keeps sets up to date. */
#ifndef WEIR_ROUTER_ORIGIN_H
#define WEIR_ROUTER_ORIGIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/qsbr.h"
#include "base/str.h"

enum { ORIGIN_WEIGHT = 256, ORIGIN_NO_PARENT = UINT32_MAX };

/* How an endpoint is spoken to over TLS; strings are NULL where not set. Part of an origin's
 * identity. */
struct origin_tls {
    bool verify;       /* default true */
    char *ca_file;     /* PEM; NULL: the system's store */
    char *server_name; /* SNI and the name verified; NULL: the URL's host */
    char *certificate; /* client certificate, PEM */
    char *key;         /* its key, PEM */
};

struct origin;

/* One address of a name. */
struct origin_place {
    struct origin *origin; /* counted by the set */
    uint16_t priority;     /* of its SRV record, the lowest goes first; else 0 */
    uint32_t weight;       /* ORIGIN_WEIGHT: as much as those of its priority have on average */
};

/* The addresses that a name has at present, in the order of their priority; frozen. Whoever reads
 * it is online in the qsbr domain, or the control thread. */
struct origin_set {
    struct qsbr_node retired;
    uint32_t serial; /* another one for each set of the process */
    int nr;          /* 1 or more */
    struct origin_place places[];
};

struct origin_name {
    char *text; /* what is looked up: with a final dot where it was written so */
    bool is_srv;
    _Atomic(struct origin_set *) set; /* NULL: no address is known yet */
    _Atomic uint64_t failed_at_ms;    /* clock_ms of the last look-up, if it failed; else 0 */
    _Atomic bool is_asked_for;        /* a worker waits for its first address */
    /* Control thread: who looks it up (names.h) and who checks its addresses (health.h) */
    struct follower *follower;
    LIST_HEAD(origin_checkers, health_checker) checkers;
};

struct origin {
    uint32_t id;        /* small and dense; of an address of a name: used again when it is gone */
    uint32_t parent;    /* id of the name that this is an address of, or ORIGIN_NO_PARENT */
    uint32_t listed_at; /* the registry's */
    bool is_tls;
    uint16_t port; /* to connect to */
    /* an address that the name has no more: nothing is kept for later */
    _Atomic bool is_gone;
    char *host;               /* name without final dot, or address, IPv6 without brackets */
    const char *address;      /* to connect to; NULL: of a name */
    struct origin_name *name; /* NULL where there is an address */
    uint32_t authority_len;
    /* as Host names it: the port left out where it is the scheme's default, IPv6 in brackets */
    char *authority;
    struct origin_tls tls;
    /* one of them is the registry's: it alone frees, on the control thread */
    _Atomic uint32_t refs;
    /* pools of workers, and who looks names up; they count apart, to see when nobody else wants
     * the origin */
    _Atomic uint32_t pools;
    /* connections of all workers, and who waits for one (proxy/worker/slots.h) */
    _Atomic uint32_t nr_connections, nr_waiting;
};

/* Any thread that already has a reference, by itself or through a table. */
struct origin *origin_ref(struct origin *origin);

/* Ends the reference and clears the pointer; any thread. */
void origin_unref(struct origin **origin);

/* The same for a worker's pool: the origin stays as long as it has one. */
struct origin *origin_ref_pool(struct origin *origin);
void origin_unref_pool(struct origin **origin);

/* Whether a table, a set or anything else but pools has it: what it has not, no exchange can be
 * about to use. */
bool origin_is_wanted(const struct origin *origin);

static inline bool origin_is_gone(const struct origin *origin)
{
    return atomic_load_explicit(&origin->is_gone, memory_order_relaxed);
}

/* The number under which connections are counted: those to all addresses of a name together. */
static inline uint32_t origin_counted_as(const struct origin *origin)
{
    return origin->parent == ORIGIN_NO_PARENT ? origin->id : origin->parent;
}

/* The present addresses of a name's origin, or NULL. */
static inline struct origin_set *origin_set(const struct origin *origin)
{
    return atomic_load_explicit(&origin->name->set, memory_order_acquire);
}

/* Puts a set, or none, in the place of the one before. Takes over the references of its places,
 * which end when it is retired. Control thread. */
void origin_set_take(struct origin *origin, struct origin_set *set, struct qsbr *domain);

#endif
