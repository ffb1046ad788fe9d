/* The steps of a member's life. */
#include "proxy/server/membership.h"

#include "control/change.h"
#include "proxy/server/state.h"
#include "store/store_etcd.h"

void membership_begin(struct server *s, struct api_hooks *hooks)
{
    if (!s->storage.is_shared)
        return;
    store_set_watch(s->store, (struct store_watch){change_follow, hooks});
    store_etcd_join(s->store);
    accounting_begin(s, hooks);
}

bool membership_leads(const struct server *s)
{
    struct store_etcd_fleet fleet;

    store_etcd_fleet(s->store, &fleet);
    return fleet.leads;
}

void membership_drain(struct server *s)
{
    if (s->storage.is_shared)
        store_etcd_leave(s->store);
}

static void on_left(void *context)
{
    struct server *s = context;

    loop_stop(&s->loop);
}

static void on_accounted(struct server *s)
{
    store_etcd_end(s->store, on_left, s);
}

void membership_end(struct server *s)
{
    if (!s->storage.is_shared)
        loop_stop(&s->loop);
    else if (!s->storage.is_ending)
        accounting_end(s, on_accounted);
    s->storage.is_ending = true;
}
