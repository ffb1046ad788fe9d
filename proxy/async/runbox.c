/* A list under a lock, and a wake-up. */
#include "proxy/async/runbox.h"

static void on_wake(uv_async_t *wake)
{
    struct runbox *box = wake->data;

    loop_wake_up(box->loop);
    runbox_empty(box);
}

int runbox_open(struct runbox *box, struct loop *loop)
{
    int r = uv_async_init(&loop->uv, &box->wake, on_wake);

    if (r < 0)
        return r;
    pthread_mutex_init(&box->lock, NULL);
    STAILQ_INIT(&box->runs);
    box->wake.data = box;
    box->is_closed = false;
    box->loop = loop;
    return 0;
}

bool runbox_post_take(struct runbox *box, struct run *run)
{
    bool is_closed;

    pthread_mutex_lock(&box->lock);
    is_closed = box->is_closed;
    if (!is_closed) {
        STAILQ_INSERT_TAIL(&box->runs, run, link);
        uv_async_send(&box->wake);
    }
    pthread_mutex_unlock(&box->lock);
    return !is_closed;
}

void runbox_nudge(struct runbox *box)
{
    uv_async_send(&box->wake);
}

void runbox_empty(struct runbox *box)
{
    struct runbox_runs runs = STAILQ_HEAD_INITIALIZER(runs);
    struct run *run;

    pthread_mutex_lock(&box->lock);
    STAILQ_CONCAT(&runs, &box->runs);
    pthread_mutex_unlock(&box->lock);
    while ((run = STAILQ_FIRST(&runs))) {
        STAILQ_REMOVE_HEAD(&runs, link);
        box->take(box, run);
    }
    if (box->turn)
        box->turn(box);
}

void runbox_close(struct runbox *box, struct runbox *home)
{
    struct run *run;

    if (!box->loop || box->is_closed)
        return;
    pthread_mutex_lock(&box->lock);
    box->is_closed = true;
    pthread_mutex_unlock(&box->lock);
    while ((run = STAILQ_FIRST(&box->runs))) {
        STAILQ_REMOVE_HEAD(&box->runs, link);
        run->end = RUN_CUT;
        if (!home || !runbox_post_take(home, run))
            run_free(&run);
    }
    if (!uv_is_closing((uv_handle_t *)&box->wake))
        uv_close((uv_handle_t *)&box->wake, NULL);
}
