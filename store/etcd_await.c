/* Who waits until all members have a table in force: looked at whenever the members were read,
 * which is more often meanwhile. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/etcd_share.h"

enum { LATE_MS = 10000, REASON_MAX = 700 };

struct etcd_wait {
    TAILQ_ENTRY(etcd_wait) link;
    uint64_t generation, until_ms;
    store_told *told;
    void *context;
};

/* Generations of an etcd that has lost its data are higher than any of its revisions. */
static bool has_taken(const struct store_etcd_member *m, uint64_t generation)
{
    return m->generation == generation ||
           (m->generation > generation && m->revision >= m->generation);
}

/* A member that does not have it; NULL: all have. */
static const struct store_etcd_member *find_late(const struct store_etcd *e, uint64_t generation)
{
    for (int i = 0; i < e->members.nr; i++)
        if (!has_taken(&e->members.list[i], generation))
            return &e->members.list[i];
    return NULL;
}

static void tell(struct store_etcd *e, struct etcd_wait *wait, enum store_outcome outcome,
                 const char *reason)
{
    TAILQ_REMOVE(&e->waits, wait, link);
    wait->told(wait->context, outcome, reason);
    free(wait);
}

static void look(struct store_etcd *e, struct etcd_wait *wait)
{
    bool is_seen = e->members.seen_revision >= wait->generation;
    const struct store_etcd_member *late = is_seen ? find_late(e, wait->generation) : NULL;
    char reason[REASON_MAX];

    if (!e->view.is_up) {
        tell(e, wait, STORE_UNKNOWN, e->view.reason);
    } else if (is_seen && !late) {
        tell(e, wait, STORE_DONE, "");
    } else if (clock_ms() >= wait->until_ms) {
        snprintf(reason, sizeof(reason), "%s does not have it", late ? late->id : "a member");
        tell(e, wait, STORE_UNKNOWN, reason);
    }
}

void etcd_await_look(struct store_etcd *e)
{
    struct etcd_wait *wait, *next;

    for (wait = TAILQ_FIRST(&e->waits); wait; wait = next) {
        next = TAILQ_NEXT(wait, link);
        look(e, wait);
    }
}

int etcd_await_begin(struct store_etcd *e, uint64_t generation, store_told *told, void *context)
{
    struct etcd_wait *wait = calloc(1, sizeof(*wait));

    if (!wait)
        return -1;
    *wait = (struct etcd_wait){.generation = generation,
                               .until_ms = clock_ms() + e->members.lease_ms + LATE_MS,
                               .told = told,
                               .context = context};
    TAILQ_INSERT_TAIL(&e->waits, wait, link);
    etcd_view_read(e);
    return 0;
}

void etcd_await_fini(struct store_etcd *e)
{
    struct etcd_wait *wait;

    while ((wait = TAILQ_FIRST(&e->waits))) {
        TAILQ_REMOVE(&e->waits, wait, link);
        free(wait);
    }
}
