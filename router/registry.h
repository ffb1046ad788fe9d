/* What lives longer than any table and is found again by name: origins, and the numbers of
 * counters. One per process. (Splits, gauges and endpoints' health go from one table to the next
 * directly.)
 *
 * Threads: a table may be built on one thread, changed on another and freed on a third; whatever
 * they need here is locked. Only the control thread frees origins (registry_tidy and
 * registry_sweep_addresses), so it may look at one that it has no reference to. */
#ifndef WEIR_ROUTER_REGISTRY_H
#define WEIR_ROUTER_REGISTRY_H

#include <stdint.h>

#include "base/qsbr.h"
#include "base/str.h"
#include "router/origin.h"

enum { REGISTRY_NO_SERIES = UINT32_MAX };

struct registry;
struct logbook;
struct wardbook;

/* Gives the number of the counters of (function, alias, version); the same names always give the
 * same number. REGISTRY_NO_SERIES when out of memory. release is called for each get, when the last
 * table with it is gone. Both are called on any thread, several at a time. */
struct series_hooks {
    uint32_t (*get)(void *context, struct str function, struct str alias, struct str version);
    void (*release)(void *context, uint32_t series);
    void *context;
};

/* NULL when out of memory. domain must outlive the registry and every table. seed: a number that
 * nobody foresees, from which the first places of splits are drawn. */
struct registry *registry_make(struct qsbr *domain, struct series_hooks hooks, uint64_t seed);

/* Ends the owner's interest and clears the pointer. Tables that are not freed yet keep it alive;
 * the pools have let go of their origins. */
void registry_free(struct registry **registry);

/* Frees origins that nobody but the registry holds any more, a bounded number at a time: call it
 * every now and then. Control thread. */
void registry_tidy(struct registry *registry);

/* ---- For the other files of router/ ---------------------------------------------------------- */

/* Skeletons hold the registry. */
struct registry *registry_ref(struct registry *registry);
void registry_unref(struct registry **registry);

struct qsbr *registry_domain(const struct registry *registry);

/* Where the orders of splits are kept beyond the process' end, and where those of the processes
 * before are found; before the first table. It outlives all tables. Without it none are kept. */
void registry_set_logbook(struct registry *registry, struct logbook *logbook);
/* NULL: none. Any thread. */
struct logbook *registry_logbook(const struct registry *registry);

/* The same for what budgets and guards have seen. */
void registry_set_wardbook(struct registry *registry, struct wardbook *wardbook);
struct wardbook *registry_wardbook(const struct registry *registry);

/* Draws where a split's order begins if it has nothing to continue from (router/split.h). Any
 * thread. */
uint64_t registry_place(struct registry *registry);

/* The place of this process in a fleet, from which its splits begin (router/fleetsplit.h); -1: it
 * is none. Before the first table. */
void registry_set_slot(struct registry *registry, int slot);
/* Any thread. */
int registry_slot(const struct registry *registry);

/* What tells an origin apart; strings are copied. */
struct origin_spec {
    bool is_tls;
    bool is_srv;     /* name is that of a service */
    struct str host; /* in lower case: a name without final dot, or an address without brackets */
    struct str name; /* what is looked up; empty: host is an address */
    uint16_t port;
    struct origin_tls tls; /* counts where is_tls */
};

/* The one origin of this kind, made if there was none, with a reference for the caller. NULL when
 * out of memory. */
struct origin *registry_origin(struct registry *registry, const struct origin_spec *spec);

/* The one origin of this address of a name, likewise. */
struct origin *registry_address(struct registry *registry, const struct origin *name,
                                struct str address, uint16_t port);

/* The origins that are names, one after the other: NULL begins, NULL is the end. What is swept
 * meanwhile ends it early. Control thread. */
struct origin *registry_next_name(struct registry *registry, uint32_t *at);

/* Says that a table is gone: registry_tidy will look through all origins again. */
void registry_want_tidy(struct registry *registry);

/* As registry_tidy, of addresses of names alone, all at once: it takes no time that grows with the
 * table. Control thread. */
void registry_sweep_addresses(struct registry *registry);

/* REGISTRY_NO_SERIES when out of memory. */
uint32_t registry_series_get(struct registry *registry, struct str function, struct str alias,
                             struct str version);
void registry_series_release(struct registry *registry, uint32_t series);

#endif
