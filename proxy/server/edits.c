/* The engine's turns on the control loop. */
#include "proxy/server/edits.h"

#include <assert.h>

#include "control/change.h"
#include "proxy/server/state.h"

static bool have_all_taken(const struct server *s)
{
    for (int i = 0; i < s->nr_running; i++)
        if (!thread_has_taken(&s->threads[i], s->shared.table->serial))
            return false;
    return true;
}

static void settle(struct server *s)
{
    if (!s->edits.is_settling || !have_all_taken(s))
        return;
    s->edits.is_settling = false;
    change_engine_settled(s->edits.changes);
}

static void on_soon(uv_async_t *async)
{
    struct server *s = async->data;

    loop_wake_up(&s->loop);
    settle(s); /* where there is no worker to wait for */
    change_engine_turn(s->edits.changes);
}

static void on_taken(uv_async_t *async)
{
    struct server *s = async->data;

    loop_wake_up(&s->loop);
    settle(s);
}

static void work(uv_work_t *request)
{
    struct server *s = request->data;

    documents_build(s->registry, s->edits.build);
}

static void on_worked(uv_work_t *request, int status)
{
    struct server *s = request->data;

    (void)status; /* nobody cancels it */
    loop_wake_up(&s->loop);
    s->edits.build = NULL;
    change_engine_built(s->edits.changes);
}

void edits_build(struct server *s, struct api_build *build)
{
    assert(!s->edits.build && !s->reload.is_running);
    s->edits.build = build;
    s->edits.work.data = s;
    /* It can only refuse a function that is NULL. */
    (void)uv_queue_work(&s->loop.uv, &s->edits.work, work, on_worked);
}

int edits_init(struct server *s, struct change_engine *changes)
{
    int r;

    s->edits.changes = changes;
    s->edits.soon.data = s->edits.taken.data = s;
    r = uv_async_init(&s->loop.uv, &s->edits.soon, on_soon);
    return r < 0 ? r : uv_async_init(&s->loop.uv, &s->edits.taken, on_taken);
}

void edits_end(struct server *s)
{
    if (s->edits.changes)
        change_engine_end(s->edits.changes);
}

void edits_fini(struct server *s)
{
    change_engine_free(&s->edits.changes);
}

void edits_soon(struct server *s)
{
    uv_async_send(&s->edits.soon);
}

void edits_soon_on_all(struct server *s)
{
    s->edits.is_settling = true;
    uv_async_send(&s->edits.soon);
}

void edits_on_thread_ended(struct server *s)
{
    settle(s);
}
