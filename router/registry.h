/* What lives longer than any table and is found again by name: origins, endpoints' health, the gauges of invocations in flight,
 * and the numbers of counters. One per process, made by main; all calls on the control thread. */
#ifndef WEIR_ROUTER_REGISTRY_H
#define WEIR_ROUTER_REGISTRY_H

#include <stdint.h>

#include "base/qsbr.h"
#include "base/str.h"
#include "router/origin.h"

enum { REGISTRY_NO_SERIES = UINT32_MAX };

struct registry;
struct endpoint_health;
struct gauge;

/* Gives the number of the counters of (function, alias, version); the same names always give the same number.
 * REGISTRY_NO_SERIES when out of memory. release is called for each get, when the last table with it is gone. */
struct series_hooks {
    uint32_t (*get)(void *context, struct str function, struct str alias, struct str version);
    void (*release)(void *context, uint32_t series);
    void *context;
};

/* NULL when out of memory. domain must outlive the registry and every table. */
struct registry *registry_make(struct qsbr *domain, struct series_hooks hooks);

/* Ends the owner's interest and clears the pointer. What tables still use stays until the last of them is freed. */
void registry_free(struct registry **registry);

#endif
