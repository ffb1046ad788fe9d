/* When accounts are looked at, and which of them a process begins with: those in state.directory
 * where it had the slot before, else those that the slot's member before it left in the store. */
#include "proxy/server/accounting.h"

#include "base/log.h"
#include "control/api.h"
#include "proxy/server/state.h"
#include "router/logbook.h"
#include "store/store_etcd.h"

enum { TEND_MS = 250 };

static int slot_of(struct server *s, bool *is_new)
{
    struct store_etcd_fleet fleet;

    store_etcd_fleet(s->store, &fleet);
    if (is_new)
        *is_new = fleet.is_slot_new;
    return fleet.slot;
}

/* The mark is taken off first and set last, so that whatever ends the process in between the next
 * one does it again. */
static void take_over(struct server *s, int slot, bool is_read)
{
    struct logbook *logbook = s->storage.logbook;

    logbook_set_slot(logbook, -1);
    logbook_forget(logbook);
    fleetbook_take_over(&s->accounting.book, slot, logbook);
    if (is_read)
        logbook_set_slot(logbook, slot);
}

int accounting_open(struct server *s)
{
    struct accounting *a = &s->accounting;
    bool is_new, is_other, is_read;
    int slot;

    if (!s->storage.is_shared)
        return 0;
    if (fleetbook_init(&a->book, s->store) < 0) {
        log_error("cannot start: out of memory");
        return -1;
    }
    a->is_open = true;
    slot = slot_of(s, &is_new);
    is_other = slot >= 0 && (is_new || logbook_slot(s->storage.logbook) != slot);
    is_read = etcd_accounts_follow(s->store, fleetbook_see, &a->book, is_other);
    if (is_new || (is_other && is_read))
        take_over(s, slot, is_read);
    loop_rest(&s->loop);
    registry_set_slot(s->registry, slot);
    return 0;
}

/* While nothing is freed that splits have left behind. */
static void tend(struct server *s, bool all)
{
    int slot = slot_of(s, NULL);

    /* One that had none at its start has it for splits that begin from now on. */
    if (slot >= 0 && registry_slot(s->registry) < 0)
        registry_set_slot(s->registry, slot);
    if (slot >= 0 && s->shared.table && (all || !s->reclaim.is_running))
        fleetbook_tend(&s->accounting.book, s->shared.table, slot, all);
}

static void on_time(uv_timer_t *timer)
{
    struct server *s = timer->data;

    tend(s, false);
}

void accounting_begin(struct server *s, struct api_hooks *hooks)
{
    struct accounting *a = &s->accounting;

    if (!a->is_open)
        return;
    hooks->book = &a->book;
    a->has_begun = true;
    a->timer.data = s;
    uv_timer_init(&s->loop.uv, &a->timer);
    uv_timer_start(&a->timer, on_time, TEND_MS, TEND_MS);
}

static void on_published(void *context)
{
    struct server *s = context;
    struct accounting *a = &s->accounting;

    /* The account is the slot's now, no longer that of this state.directory. */
    if (fleetbook_is_published(&a->book))
        logbook_set_slot(s->storage.logbook, -1);
    a->ended(s);
}

void accounting_end(struct server *s, void (*ended)(struct server *s))
{
    struct accounting *a = &s->accounting;

    a->ended = ended;
    if (!a->has_begun) {
        ended(s);
        return;
    }
    uv_timer_stop(&a->timer);
    tend(s, true);
    if (!fleetbook_end(&a->book, on_published, s))
        on_published(s);
}

void accounting_fini(struct server *s)
{
    if (s->accounting.is_open)
        fleetbook_fini(&s->accounting.book);
    s->accounting.is_open = false;
}
