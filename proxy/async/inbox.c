/* A list under a lock, and a wake-up for the first one that comes into an empty list. */
#include "proxy/async/inbox.h"

static void on_wake(uv_async_t *wake)
{
    struct inbox *inbox = wake->data;

    loop_wake_up(inbox->loop);
    inbox_empty(inbox);
}

int inbox_open(struct inbox *inbox, struct loop *loop)
{
    int r = uv_async_init(&loop->uv, &inbox->wake, on_wake);

    if (r < 0)
        return r;
    pthread_mutex_init(&inbox->lock, NULL);
    STAILQ_INIT(&inbox->events);
    inbox->wake.data = inbox;
    inbox->is_closed = false;
    inbox->loop = loop;
    return 0;
}

bool inbox_post_take(struct inbox *inbox, struct event *event)
{
    bool is_first, is_closed;

    pthread_mutex_lock(&inbox->lock);
    is_closed = inbox->is_closed;
    is_first = STAILQ_EMPTY(&inbox->events);
    if (!is_closed)
        STAILQ_INSERT_TAIL(&inbox->events, event, link);
    if (is_first && !is_closed)
        uv_async_send(&inbox->wake);
    pthread_mutex_unlock(&inbox->lock);
    return !is_closed;
}

void inbox_nudge(struct inbox *inbox)
{
    uv_async_send(&inbox->wake);
}

void inbox_empty(struct inbox *inbox)
{
    struct inbox_events events = STAILQ_HEAD_INITIALIZER(events);
    struct event *event;

    pthread_mutex_lock(&inbox->lock);
    STAILQ_CONCAT(&events, &inbox->events);
    pthread_mutex_unlock(&inbox->lock);
    while ((event = STAILQ_FIRST(&events))) {
        STAILQ_REMOVE_HEAD(&events, link);
        inbox->take(inbox, event);
    }
    if (inbox->turn)
        inbox->turn(inbox);
}

void inbox_close(struct inbox *inbox)
{
    struct event *event;

    if (!inbox->loop || inbox->is_closed)
        return;
    pthread_mutex_lock(&inbox->lock);
    inbox->is_closed = true;
    pthread_mutex_unlock(&inbox->lock);
    while ((event = STAILQ_FIRST(&inbox->events))) {
        STAILQ_REMOVE_HEAD(&inbox->events, link);
        event_free(&event);
    }
    if (!uv_is_closing((uv_handle_t *)&inbox->wake))
        uv_close((uv_handle_t *)&inbox->wake, NULL);
}
