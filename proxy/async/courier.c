/* The worker's end. Who ends the process takes care that the store tells nothing after
 * courier_close (proxy/server/). */
#include "proxy/async/courier.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/async/meta.h"
#include "proxy/exchange/fixed.h"

static struct courier *of_inbox(struct inbox *inbox)
{
    return (struct courier *)((char *)inbox - offsetof(struct courier, inbox));
}

static struct courier *of_owner(struct delivery_owner *owner)
{
    return (struct courier *)((char *)owner - offsetof(struct courier, deliveries));
}

/* To the dispatcher; when that has ended the event stays in the store. */
static void pass_on(struct courier *c, struct event *event, enum event_note note)
{
    event->note = note;
    if (!inbox_post_take(c->dispatcher, event))
        event_free(&event);
}

/* ---- New events ------------------------------------------------------------------------------ */

static char *describe(const struct exchange *ex, const struct head *head)
{
    return meta_write(head, &ex->from);
}

/* On the store's thread. */
static void on_put(struct store_event_put *put, enum store_outcome outcome, const char *reason)
{
    struct event *event = put->context;

    event->note = outcome == STORE_DONE ? EVENT_IS_STORED : EVENT_IS_NOT_STORED;
    event->failure = outcome == STORE_DONE ? NULL : strdup(reason);
    if (!inbox_post_take(event->home, event))
        event_free(&event);
}

static const char *put(struct acceptor *acceptor, struct exchange *ex, struct str payload)
{
    struct courier *c = (struct courier *)acceptor;
    uint64_t now_ms = loop_unix_us(&ex->worker->loop) / 1000;
    struct event *event;
    const char *failure;

    if (fixed_is(ex->picked) && meta_fix(&ex->event) < 0)
        return "weir is out of memory";
    event = event_make(&(struct event_spec){
        .id = {ex->request.request_id, ID_LENGTH},
        .function = ex->target->function->name,
        .qualifier = ex->target->alias.n > 0 ? ex->target->alias : ex->arm->version->name,
        .version = ex->arm->version->name,
        .meta = str_of(ex->event),
        .payload = payload,
        .accepted_ms = now_ms,
        .due_ms = now_ms,
    });
    if (!event)
        return "weir is out of memory";
    event->home = &c->inbox;
    event->put.done = on_put;
    event->put.context = event;
    event->acceptance.ex = ex;
    ex->acceptance = &event->acceptance;
    failure = store_event_put(c->store, &event->put);
    if (failure) {
        ex->acceptance = NULL;
        event_free(&event);
    }
    return failure;
}

/* The client is answered first; it may have gone. */
static void answer(struct courier *c, struct event *event)
{
    struct exchange *ex = event->acceptance.ex;
    bool is_stored = event->note == EVENT_IS_STORED;

    event->acceptance.ex = NULL;
    if (ex)
        exchange_accepted(ex, is_stored        ? NULL
                              : event->failure ? event->failure
                                               : "weir is out of memory");
    if (is_stored)
        pass_on(c, event, EVENT_IS_ACCEPTED);
    else
        event_free(&event);
}

/* ---- Attempts -------------------------------------------------------------------------------- */

static void on_over(struct delivery_owner *owner, struct event *event, enum verdict_attempt attempt)
{
    struct courier *c = of_owner(owner);

    event->attempt = attempt;
    pass_on(c, event, EVENT_HAS_RUN);
    if (owner->nr == 0 && c->on_empty)
        c->on_empty(c);
}

static void on_resumed(struct delivery_owner *owner)
{
    struct courier *c = of_owner(owner);

    c->has_resumed = true;
    inbox_nudge(&c->inbox);
}

static void take(struct inbox *inbox, struct event *event)
{
    struct courier *c = of_inbox(inbox);

    if (event->note == EVENT_IS_DUE)
        delivery_begin_take(&c->deliveries, event);
    else
        answer(c, event);
}

static void turn(struct inbox *inbox)
{
    struct courier *c = of_inbox(inbox);

    if (!c->has_resumed)
        return;
    c->has_resumed = false;
    delivery_feed(&c->deliveries);
}

/* ---- Life ------------------------------------------------------------------------------------ */

int courier_open(struct courier *c, struct worker *worker, struct store *store,
                 struct inbox *dispatcher)
{
    int r;

    c->acceptor = (struct acceptor){.describe = describe, .put = put};
    c->deliveries =
        (struct delivery_owner){.worker = worker, .over = on_over, .resumed = on_resumed};
    LIST_INIT(&c->deliveries.list);
    c->inbox.take = take;
    c->inbox.turn = turn;
    c->dispatcher = dispatcher;
    c->store = store;
    r = inbox_open(&c->inbox, &worker->loop);
    if (r == 0)
        worker->acceptor = &c->acceptor;
    return r;
}

void courier_abort(struct courier *c)
{
    if (c->store)
        delivery_abort_all(&c->deliveries);
}

void courier_close(struct courier *c)
{
    if (c->store)
        inbox_close(&c->inbox);
}
