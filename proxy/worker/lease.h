/* A table as one worker holds it: exchanges count themselves here, without atomics. The worker
 * is one user of the lease in force; when it has moved on to another and the last exchange has
 * ended, the lease releases the table.
 *
 * The worker's own thread. */
#ifndef WEIR_PROXY_WORKER_LEASE_H
#define WEIR_PROXY_WORKER_LEASE_H

#include <stdint.h>

#include "router/table.h"

struct lease {
    struct table *table;
    uint32_t nr_users;
};

/* A lease with one user, the caller, which takes over a reference to the table; NULL when out of
 * memory, and then the reference is released too. */
struct lease *lease_make_take(struct table *table) __attribute__((warn_unused_result));

/* Counts one more user. */
static inline struct lease *lease_ref(struct lease *lease)
{
    lease->nr_users++;
    return lease;
}

/* Ends a use and clears the pointer; the last one releases the table. */
void lease_unref(struct lease **lease);

#endif
