/* One worker's references to tables, counted without atomics. */
#include "proxy/worker/lease.h"

#include <assert.h>
#include <stdlib.h>

struct lease *lease_make_take(struct table *table)
{
    struct lease *lease = malloc(sizeof(*lease));

    if (!lease) {
        table_unref(&table);
        return NULL;
    }
    *lease = (struct lease){.table = table, .nr_users = 1};
    return lease;
}

void lease_unref(struct lease **lease)
{
    struct lease *l = *lease;

    *lease = NULL;
    assert(l->nr_users > 0);
    if (--l->nr_users > 0)
        return;
    table_unref(&l->table);
    free(l);
}
