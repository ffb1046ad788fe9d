/* The request is made up as text, and read as a client's would be: what holds for requests holds
 * for events. */
#include "proxy/async/delivery.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proxy/async/meta.h"
#include "proxy/http/http1.h"

/* FEED_BYTES: of a payload at once. */
enum { HEAD_MAX = META_MAX + 1024, FEED_BYTES = 65536 };

static const struct exchange_front front;

static struct delivery *of(struct exchange *ex)
{
    return ex->client;
}

/* ---- The end --------------------------------------------------------------------------------- */

static void free_delivery(struct loop_garbage *garbage)
{
    struct exchange *ex = (struct exchange *)((char *)garbage - offsetof(struct exchange, garbage));

    free(ex); /* the first member of its delivery */
}

/* Lets go of the event; what remains is freed when no event of the turn can name it. */
static struct event *end(struct delivery *d)
{
    struct event *event = d->event;

    d->event = NULL;
    LIST_REMOVE(d, link);
    d->owner->nr--;
    free(d->body);
    d->body = NULL;
    tuning_unref(&d->tuning);
    loop_discard(&d->owner->worker->loop, &d->ex.garbage, free_delivery);
    return event;
}

/* A version's own errors are the function's where they are a client's (4xx), and nobody's where
 * they are a server's: it may be overloaded, or just starting. */
static enum verdict_attempt judge(int status, bool has_failed)
{
    if (status == 429 || status >= 500 || status < 200)
        return VERDICT_SYSTEM_ERROR;
    return has_failed || status >= 400 ? VERDICT_FUNCTION_ERROR : VERDICT_RAN;
}

static void over(struct exchange *ex)
{
    struct delivery *d = of(ex);
    struct delivery_owner *owner = d->owner;
    enum verdict_attempt attempt =
        d->is_own ? VERDICT_SYSTEM_ERROR : judge(ex->status, d->has_failed);
    struct str version = ex->names.version;

    if (version.n > 0 && version.n <= EVENT_VERSION_MAX && version.p != d->event->version) {
        memcpy(d->event->version, version.p, version.n);
        d->event->version[version.n] = 0;
    }
    if (attempt != VERDICT_RAN) {
        event_set_last(d->event, ex->status, str_of(d->error), !d->is_own,
                       (struct str){d->body, d->body_bytes});
        d->event->last.is_whole &= d->body_all == d->body_bytes;
    }
    owner->over(owner, end(d), attempt);
}

/* ---- The response ---------------------------------------------------------------------------- */

static int on_interim(struct exchange *ex, const struct head *head)
{
    (void)ex;
    (void)head;
    return 0;
}

static void note_error(struct delivery *d, struct str error)
{
    snprintf(d->error, sizeof(d->error), "%.*s", STR_ARG(error));
}

static int on_head(struct exchange *ex, const struct head *head, enum body_kind body)
{
    const struct str name = STR("x-amz-function-error");
    struct delivery *d = of(ex);

    (void)body;
    for (int i = 0; i < head->nr_fields; i++) {
        const struct head_field *f = &head->fields[i];
        if (f->name_len != name.n || !str_ieq(head_name(head, f), name))
            continue;
        d->has_failed = true;
        note_error(d, head_value(head, f));
    }
    return 0;
}

static void keep_body(struct delivery *d, struct str span)
{
    size_t n = span.n < EVENT_BODY_MAX - d->body_bytes ? span.n : EVENT_BODY_MAX - d->body_bytes;

    d->body_all += span.n;
    if (!d->body)
        d->body = malloc(EVENT_BODY_MAX);
    if (!d->body)
        return;
    memcpy(d->body + d->body_bytes, span.p, n);
    d->body_bytes += n;
}

static int on_body(struct exchange *ex, struct str span)
{
    struct delivery *d = of(ex);

    if (d->has_failed || judge(ex->status, false) != VERDICT_RAN)
        keep_body(d, span);
    return 0;
}

static int on_flush(struct exchange *ex)
{
    (void)ex;
    return 0;
}

static void on_end(struct exchange *ex, struct str trailers)
{
    (void)ex;
    (void)trailers;
}

static void on_error(struct exchange *ex, int status, const char *type, const char *message)
{
    struct delivery *d = of(ex);

    (void)status; /* the exchange has it */
    d->body_bytes = d->body_all = 0;
    d->has_failed = false;
    d->is_own = true;
    note_error(d, type ? str_of(type) : STR(""));
    if (message)
        keep_body(d, str_of(message));
}

static bool on_retract(struct exchange *ex)
{
    (void)ex;
    return true; /* nobody has seen it */
}

static void on_cut(struct exchange *ex)
{
    on_error(ex, 0, "BadGatewayException", "The response was cut off.");
    ex->status = 502;
}

static void on_pause(struct exchange *ex)
{
    of(ex)->is_paused = true;
}

static void on_resume(struct exchange *ex)
{
    struct delivery *d = of(ex);

    d->is_paused = false;
    if (!d->is_fed)
        d->owner->resumed(d->owner);
}

static void on_tunnel(struct exchange *ex)
{
    (void)ex;
    assert(!"an event asks for no upgrade");
}

static const struct exchange_front front = {
    .interim = on_interim,
    .head = on_head,
    .body = on_body,
    .flush = on_flush,
    .end = on_end,
    .error = on_error,
    .retract = on_retract,
    .cut = on_cut,
    .pause = on_pause,
    .resume = on_resume,
    .tunnel = on_tunnel,
    .over = over,
};

/* ---- The request ----------------------------------------------------------------------------- */

/* Over by the time that it returns, perhaps. */
static void feed(struct delivery *d)
{
    const struct store_event *event = &d->event->put.event;

    while (!d->is_fed && !d->is_paused && d->ex.state != EXCHANGE_OVER) {
        size_t rest = event->payload_bytes - d->fed;
        struct str piece = {(const char *)event->payload + d->fed,
                            rest < FEED_BYTES ? rest : FEED_BYTES};

        d->fed += piece.n;
        d->is_fed = piece.n == rest;
        if (piece.n > 0)
            exchange_body(&d->ex, piece);
        if (d->is_fed && d->ex.state != EXCHANGE_OVER)
            exchange_end(&d->ex, STR(""));
        exchange_flush(&d->ex);
    }
}

void delivery_feed(struct delivery_owner *owner)
{
    struct delivery *d, *next;

    for (d = LIST_FIRST(&owner->list); d; d = next) {
        next = LIST_NEXT(d, link); /* only d can end by it */
        feed(d);
    }
}

/* Where the attempt goes: an event to its function, a letter to where its function's letters go. */
static void address(struct exchange_order *order, const struct event *event)
{
    struct str to = str_of(event->to);

    order->function = str_of(event->put.event.function);
    order->qualifier = str_of(event->put.event.qualifier);
    if (!event->past.is_letter)
        return;
    order->is_to_letter_box = to.n == 0;
    order->qualifier = STR("");
    if (to.n == 0)
        return;
    order->function = str_until(to, ':');
    if (order->function.n < to.n)
        order->qualifier = str_of(event->to + order->function.n + 1);
}

static size_t write_head(char *p, const struct delivery *d, struct str fields)
{
    const struct exchange_order *order = &d->order;
    int n = snprintf(p, HEAD_MAX,
                     "POST /2015-03-31/functions/%.*s/invocations%s%.*s HTTP/1.1\r\n%.*s"
                     "Content-Length: %zu\r\n\r\n",
                     STR_ARG(order->function), order->qualifier.n > 0 ? "?Qualifier=" : "",
                     STR_ARG(order->qualifier), STR_ARG(fields), d->event->put.event.payload_bytes);

    return n > 0 && n < HEAD_MAX ? (size_t)n : 0;
}

static void start(struct delivery *d)
{
    static const struct head_limits limits = {
        .line_bytes = HEAD_MAX, .header_bytes = HEAD_MAX, .header_count = META_FIELDS_MAX + 2};
    struct worker *w = d->owner->worker;
    struct request_caller from = {.is_tls = false};
    bool is_fixed = false;
    struct str fields = meta_read(d->event->put.event.meta, &from, &is_fixed);
    struct http1 parser;
    char text[HEAD_MAX];
    size_t n = write_head(text, d, fields);

    d->order.is_fixed = is_fixed && !d->event->past.is_letter;
    http1_init_request(&parser, &w->request_head, &limits);
    if (n == 0 || http1_head_feed(&parser, text, n) != HTTP1_HEAD) {
        /* What the store told was never put there by weir. */
        note_error(d, STR("InvalidEvent"));
        d->is_own = true;
        d->ex.status = 400;
        d->ex.outcome = METRICS_ERROR_INTERNAL;
        over(&d->ex);
        http1_fini(&parser);
        return;
    }
    if (exchange_start(&d->ex, &w->request_head, &from) == 0)
        feed(d);
    http1_fini(&parser);
}

void delivery_begin_take(struct delivery_owner *owner, struct event *event)
{
    struct worker *w = owner->worker;
    struct delivery *d = calloc(1, sizeof(*d));

    if (!d) {
        event_set_last(event, 503, STR("ServiceException"), false, STR("weir is out of memory."));
        owner->over(owner, event, VERDICT_SYSTEM_ERROR);
        return;
    }
    d->event = event;
    d->owner = owner;
    d->tuning = tuning_ref(w->tuning);
    d->order = (struct exchange_order){
        .request_id = {event->id, ID_LENGTH},
        .version = str_of(event->version),
        .attempt = event->past.attempts + 1,
    };
    address(&d->order, event);
    d->ex.worker = w;
    d->ex.front = &front;
    d->ex.client = d;
    d->ex.order = &d->order;
    d->ex.tuning = d->tuning;
    LIST_INSERT_HEAD(&owner->list, d, link);
    owner->nr++;
    start(d);
}

void delivery_abort_all(struct delivery_owner *owner)
{
    while (!LIST_EMPTY(&owner->list)) {
        struct delivery *d = LIST_FIRST(&owner->list);
        struct event *event;

        exchange_abort(&d->ex, METRICS_ERROR_DRAIN_TIMEOUT);
        event = end(d);
        event_free(&event);
    }
}
