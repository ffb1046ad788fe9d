/* One checker: what it is made of, and its way from one check to the next (health_checker.c). Which
 * checkers there are is health.c's. Private to the two; control thread.
 *
 *     WAITING --due--> QUEUED --place--> RESOLVING --address--> PROBING --result--> WAITING
 *
 * The deadline is the next check's time while WAITING and the check's time limit from then on;
 * who is QUEUED has none. */
#ifndef WEIR_PROXY_UPSTREAM_HEALTH_CHECKER_H
#define WEIR_PROXY_UPSTREAM_HEALTH_CHECKER_H

#include <sys/queue.h>

#include "base/prng.h"
#include "proxy/upstream/address.h"
#include "proxy/upstream/health.h"
#include "proxy/upstream/health_state.h"

enum health_checker_state { CHECKER_WAITING, CHECKER_QUEUED, CHECKER_RESOLVING, CHECKER_PROBING };

LIST_HEAD(checkers, health_checker);

struct health_checker {
    struct health *health;
    struct endpoint *endpoint; /* in the table in force */
    struct endpoint_health
        *state_of; /* what it finds out about: the endpoint's, or its own address'; counted */
    struct health_checker *whole; /* of a part: the endpoint's checker; else NULL */
    struct checkers parts;        /* of a whole whose origin is a name */
    struct deadline deadline;
    enum health_checker_state state;
    uint32_t round; /* of the publication, or of the whole's set, that saw it last */
    uint32_t nr_sets;
    LIST_ENTRY(health_checker) link;      /* in the health's checkers, or in parts */
    LIST_ENTRY(health_checker) name_link; /* of a whole, in its name's list */
    TAILQ_ENTRY(health_checker) queue_link;
    struct health_state verdict;
    uint64_t started_ms;
    struct origin *origin;  /* counted */
    union address address;  /* where it is no name */
    struct tls_origin *tls; /* NULL for http */
    struct health_probe *probe;
};

struct health {
    struct loop *loop;
    struct prng rng;
    const struct skeleton *skeleton; /* of the table in force; only to be compared */
    struct qsbr *qsbr;
    uint32_t round;
    int nr_running;
    bool is_serving;
    struct checkers checkers;
    TAILQ_HEAD(, health_checker) queue;
};

static inline const struct health_check *health_checker_rule(const struct health_checker *c)
{
    return &c->endpoint->version->health_check;
}

/* Without its place in a list; NULL when out of memory. */
struct health_checker *health_checker_make(struct health *h, struct endpoint *endpoint,
                                           struct origin *origin);

/* Takes it out of its list. */
void health_checker_free(struct health_checker *c);

void health_checker_set_origin(struct health_checker *c, struct origin *origin);

/* The first check comes soon, if its version asks for any. */
void health_checker_begin(struct health_checker *c);

/* Ends the check that is on its way, if any; none comes. */
void health_checker_abandon(struct health_checker *c);

/* Of one that is RESOLVING and whose name has news. */
void health_checker_look_at_name(struct health_checker *c);

/* Places that came free go to those who wait. */
void health_checker_serve(struct health *h);

#endif
