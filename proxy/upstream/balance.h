/* Which endpoint of a version an invocation goes to, and which of its addresses: the least busy
 * one on this worker that may be used now. Passive health: what an endpoint's failures in a row
 * lead to. Worker thread. */
#ifndef WEIR_PROXY_UPSTREAM_BALANCE_H
#define WEIR_PROXY_UPSTREAM_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/upstream/pool.h"
#include "proxy/worker/worker.h"
#include "router/table.h"

enum { BALANCE_TRIED_MAX = 64 };

struct place {
    struct endpoint *endpoint; /* NULL: there is none */
    /* Where to connect: the endpoint's own origin, or that of one of its name's addresses; the
     * name itself where no address is known yet. Valid within the turn, and as long as its pool
     * has a connection or somebody who waits. */
    struct origin *origin;
};

/* The addresses of a name that an invocation has tried. Zero at first. */
struct tried {
    uint32_t serial; /* of the set that places is about */
    int nr;          /* over all sets */
    uint64_t places; /* a bit for each */
};

/* The least busy place over all endpoints of the version and their addresses, other than except
 * (NULL: any). Of an endpoint that is written as an address, all that except's endpoint has is
 * one place. */
struct place balance_choose_among(struct worker *w, const struct version *version,
                                  const struct place *except);

/* The same: the usual version has one endpoint, which is an address and always up. */
static inline struct place balance_choose(struct worker *w, const struct version *version,
                                          const struct place *except)
{
    if (version->nr_endpoints == 1 && !version->has_names && !version->may_fail && !except)
        return (struct place){&version->endpoints[0], version->endpoints[0].origin};
    return balance_choose_among(w, version, except);
}

/* Whether balance_choose would find a place. */
bool balance_has_place(struct worker *w, const struct version *version);

/* The least busy address of an endpoint whose origin is a name, of those not tried, which is
 * among them from then on. The name itself where no address is known yet; NULL where there is
 * none to use. */
struct origin *balance_next_address(struct worker *w, struct endpoint *endpoint,
                                    struct tried *tried);

/* Counts an address that balance_choose gave as tried. */
void balance_note_tried(const struct place *place, struct tried *tried);

/* How many addresses of the endpoint are not tried. */
int balance_nr_untried(const struct endpoint *endpoint, const struct tried *tried);

/* Passive health: how an exchange with the endpoint went. pool: of the connection, or that was
 * waited for; NULL: none. */
void balance_on_success(struct worker *w, const struct endpoint *endpoint, const struct pool *pool);
void balance_on_failure(struct worker *w, const struct endpoint *endpoint, const struct pool *pool);

#endif
