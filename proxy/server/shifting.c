/* Turns of the driver, when it wants them. */
#include "proxy/server/shifting.h"

#include "base/log.h"
#include "control/publish.h"
#include "control/shift.h"
#include "control/shift_check.h"
#include "proxy/server/membership.h"
#include "proxy/server/state.h"

/* A wait that is longer is looked at again on the way. */
enum { WAIT_MAX_MS = 60000 };
/* So often a member looks whether it leads. */
enum { LEADER_LOOK_MS = 200 };

static void on_timer(uv_timer_t *timer);

static void turn(struct server *s)
{
    uint64_t wait_ms;

    if (!s->shifting.is_running)
        return;
    if (s->storage.is_shared && !membership_leads(s)) {
        uv_update_time(&s->loop.uv);
        uv_timer_start(&s->shifting.timer, on_timer, LEADER_LOOK_MS, 0);
        return;
    }
    wait_ms = shift_turn(s->shifting.shifts);
    if (wait_ms == UINT64_MAX) {
        uv_timer_stop(&s->shifting.timer);
        return;
    }
    uv_update_time(&s->loop.uv);
    uv_timer_start(&s->shifting.timer, on_timer, wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct server *s = timer->data;

    loop_wake_up(&s->loop);
    turn(s);
}

static void on_soon(uv_async_t *async)
{
    struct server *s = async->data;

    loop_wake_up(&s->loop);
    turn(s);
}

int shifting_init(struct server *s, struct api_hooks *hooks)
{
    struct shifting *own = &s->shifting;
    struct store_reason reason;

    own->timer.data = own->soon.data = s;
    if (uv_timer_init(&s->loop.uv, &own->timer) < 0 ||
        uv_async_init(&s->loop.uv, &own->soon, on_soon) < 0) {
        log_error("deployments cannot be driven: out of descriptors");
        return -1;
    }
    own->shifts = shift_make(hooks, s->store, &reason);
    hooks->shifts = own->shifts;
    if (own->shifts)
        return 0;
    log_error("the deployments cannot be read: %s", reason.text);
    return -1;
}

void shifting_begin(struct server *s)
{
    s->shifting.is_running = true;
    shifting_soon(s);
}

void shifting_drain(struct server *s)
{
    s->shifting.is_running = false;
}

void shifting_fini(struct server *s)
{
    s->shifting.is_running = false;
    shift_free(&s->shifting.shifts);
}

void shifting_publish(struct server *s, const struct table *before, const struct table *after)
{
    if (s->shifting.is_running)
        publish_reloaded(s->shifting.shifts->hooks, before, after);
}

bool shifting_allows(struct server *s, const struct table *before, const struct table *after,
                     struct problems *problems)
{
    return !s->shifting.is_running || before == after ||
           !shift_check_versions(s->shifting.shifts, before, after, s->shared.settings->table_file,
                                 problems);
}

void shifting_name(struct server *s, struct problems *problems)
{
    if (s->shifting.is_running)
        shift_check_name(s->shifting.shifts, problems);
}

void shifting_soon(struct server *s)
{
    if (s->shifting.is_running)
        uv_async_send(&s->shifting.soon);
}
