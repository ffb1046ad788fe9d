/* Exchanges: what others call, and how they begin. What happens between a version and a response is
 * in course.c.
 *
 * Request bodies go into the block that holds the head as long as they fit there, so that they can
 * be sent again; after that they stream. What must be whole before a version is drawn is
 * gathered. */
#include "proxy/exchange/exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "base/network.h"
#include "proxy/exchange/callerkey.h"
#include "proxy/exchange/compose.h"
#include "proxy/exchange/course.h"
#include "proxy/exchange/failure.h"
#include "proxy/exchange/fixed.h"
#include "proxy/exchange/framed.h"
#include "proxy/exchange/furl.h"
#include "proxy/exchange/gathered.h"
#include "proxy/exchange/issue.h"
#include "proxy/exchange/logged.h"
#include "proxy/exchange/mapped.h"
#include "proxy/exchange/observe.h"
#include "proxy/exchange/pick.h"
#include "proxy/exchange/standin.h"
#include "proxy/exchange/upgrade.h"
#include "proxy/exchange/upload.h"
#include "proxy/exchange/urlanswer.h"
#include "proxy/exchange/warden.h"

static int end_gathering(struct exchange *ex);

void exchange_abort(struct exchange *ex, enum metrics_error why)
{
    if (ex->state == EXCHANGE_OVER)
        return;
    ex->outcome = why;
    /* Pieces of the request refer to its block, and would reach whoever is sent to next. */
    outbox_drop(&ex->worker->outbox);
    course_finish(ex, str_of(metrics_error_labels[why]));
}

/* ---- The request ----------------------------------------------------------------------------- */

static bool takes_body(const struct exchange *ex)
{
    return ex->state != EXCHANGE_OVER && (ex->upstream || ex->state == EXCHANGE_WAITING);
}

/* An Invoke in chunks has announced no length: what it may have is known on the way. Nothing of it
 * counts as sent; the endpoint's connection ends with the exchange. */
static __attribute__((noinline)) bool is_over_limit(struct exchange *ex)
{
    uint64_t limit = ex->tuning->settings->limits.invoke_body_bytes;
    struct choice choice;

    if (!ex->is_invoke || ex->state == EXCHANGE_OVER || ex->bytes_in <= limit)
        return false;
    pick_refuse_size(&choice, false, ex->bytes_in, limit);
    course_refuse(ex, METRICS_ERROR_BAD_REQUEST_BODY,
                  (struct failure){choice.status, choice.type_name, choice.message});
    return true;
}

void exchange_body(struct exchange *ex, struct str span)
{
    ex->bytes_in += span.n;
    if (ex->request_body == BODY_CHUNKED && is_over_limit(ex))
        return;
    if (takes_body(ex)) {
        if (upload_body(ex, span) < 0)
            course_give_up(ex, METRICS_ERROR_INTERNAL);
    } else if (ex->state == EXCHANGE_GATHERING) {
        if (ex->furl)
            furl_body(ex, span);
        if (gathered_add(ex->gathered, span) < 0)
            course_give_up(ex, METRICS_ERROR_INTERNAL);
    }
}

void exchange_end(struct exchange *ex, struct str trailers)
{
    ex->is_request_complete = true;
    if (takes_body(ex)) {
        if (upload_end(ex, trailers) < 0)
            course_give_up(ex, METRICS_ERROR_INTERNAL);
    } else if (ex->state == EXCHANGE_GATHERING && end_gathering(ex) < 0) {
        return; /* it is over */
    }
}

void exchange_flush(struct exchange *ex)
{
    if (ex->state != EXCHANGE_OVER && ex->state != EXCHANGE_GATHERING)
        upload_flush(ex);
}

/* ---- Starting -------------------------------------------------------------------------------- */

static int reject(struct exchange *ex, int status, const char *type, const char *message,
                  enum metrics_rejection why)
{
    if (ex->order) { /* nobody's request was refused */
        memcpy(ex->request.request_id, ex->order->request_id.p, ID_LENGTH);
    } else {
        id_make(&ex->worker->rng, ex->request.request_id);
        metrics_add(&ex->worker->metrics->rejections[why], 1);
    }
    course_answer(ex, status, type, message, str_of(metrics_rejection_labels[why]));
    return -1;
}

/* For the log, where no request is made: request_make says the same, and this would be work for
 * nothing. */
static void describe(struct exchange *ex, const struct head *head)
{
    struct request *r = &ex->request;

    r->user_agent = r->upgrade = r->host = (struct str){NULL, 0};
    r->method = head_method(head);
    r->target = head_target(head);
    if (head->host >= 0)
        r->host = head_value(head, &head->fields[head->host]);
    r->has_trace_id = false;
}

static int reject_choice(struct exchange *ex, const struct choice *choice)
{
    return reject(ex, choice->status, choice->type_name, choice->message, choice->rejection);
}

static void take_clients_address(struct exchange *ex, const struct head *head)
{
    struct network_address address;

    if (callerkey_address(head, &ex->from, ex->tuning, &address))
        ex->client_text_len = (uint8_t)network_write_address(&address, ex->client_text);
}

static void init(struct exchange *ex, const struct head *head, const struct request_caller *from)
{
    ex->from = *from;
    ex->from.is_trusted = tuning_trusts(ex->tuning, from->address);
    ex->client_text_len = 0;
    ex->trace.whose = TRACEID_NONE;
    if (ex->from.is_trusted)
        take_clients_address(ex, head);
    ex->lease = NULL;
    ex->target = NULL;
    ex->arm = ex->run = NULL;
    ex->wards = NULL;
    ex->endpoint = NULL;
    ex->cell = NULL;
    ex->upstream = NULL;
    ex->pool = NULL;
    ex->filter = NULL;
    ex->gathered = NULL;
    ex->furl = NULL;
    ex->fault = NULL;
    ex->extras = NULL;
    ex->event = NULL;
    ex->acceptance = NULL;
    ex->picked = PICKED_NAMED;
    ex->caller.is_known = false;
    ex->is_functions_word = false;
    ex->is_function_error = false;
    ex->is_invoke = ex->wants_log = ex->is_stream = false;
    ex->in_flight = (struct in_flight){.function = NULL};
    ex->visit.period = NULL;
    ex->waiter.on = &course_waiter_events;
    ex->waiter.pool = NULL;
    ex->waiter.has_turn = ex->waiter.has_slot = false;
    atomic_init(&ex->waiter.slots.state, SLOTS_NONE); /* nobody sees it yet: a plain store */
    ex->user.on = ex->next = &course_events;
    ex->user.related = ex->client;
    ex->user.limits = &ex->tuning->response_limits;
    ex->user.is_head = head->is_head;
    ex->user.is_upgrade = false;
    ex->user.end_by_ms = 0;
    ex->names = (struct exchange_names){.function = {NULL, 0}};
    ex->request.block = NULL;
    ex->state = EXCHANGE_WAITING;
    ex->request_body = head->body;
    ex->minor = head->minor;
    ex->is_idempotent = head->is_idempotent;
    ex->is_request_complete = head->body == BODY_NONE;
    ex->is_request_sent = false;
    ex->is_request_replayable = true;
    ex->is_client_paused = ex->is_retry_fresh = ex->was_reused = false;
    ex->status = 0;
    ex->outcome = METRICS_ERROR_NONE;
    ex->nr_retries = 0;
    ex->start_us = ex->worker->loop.now_us;
    ex->start_unix_us = loop_unix_us(&ex->worker->loop);
    ex->bytes_in = ex->bytes_out = 0;
    ex->connect_us = ex->head_us = -1;
    if (!ex->order)
        metrics_add(&ex->worker->metrics->requests, 1);
}

/* The first invocation of the arm on this worker, or at all. */
static __attribute__((noinline)) struct metrics_cell *make_cell(struct exchange *ex,
                                                                struct arm *arm)
{
    return metrics_cell(ex->worker->metrics, table_series(ex->lease->table, ex->target, arm));
}

static struct metrics_cell *cell_of(struct exchange *ex, struct arm *arm)
{
    uint32_t series = atomic_load_explicit(&arm->series, memory_order_relaxed);
    struct metrics_cell *cell = metrics_slots_find(&ex->worker->metrics->cells, series);

    return cell ? cell : make_cell(ex, arm);
}

/* The endpoint to use; a version without a healthy one runs elsewhere only if the alias asks for
 * that. */
static inline void find_endpoint(struct exchange *ex)
{
    struct place place = balance_choose(ex->worker, ex->arm->version, NULL);

    ex->run = ex->arm;
    course_take_place(ex, &place);
    if (ex->endpoint || !ex->target->is_failover || ex->picked == PICKED_OVERRIDE ||
        (ex->order && ex->order->table))
        return;
    struct arm *other = pick_other_arm(ex->worker, ex->target, ex->arm);
    if (!other || !warden_may_move(ex, other))
        return;
    ex->run = other;
    place = balance_choose(ex->worker, other->version, NULL);
    course_take_place(ex, &place);
    struct metrics_cell *cell = assign_counts(ex->picked) ? cell_of(ex, other) : NULL;
    if (cell)
        metrics_add(&cell->runs, 1);
}

/* Method and size are refused before a version is drawn: such a request is no invocation. */
static int check_request(struct exchange *ex, const struct head *head)
{
    const struct settings *s = ex->tuning->settings;
    bool is_large = s->limits.body_bytes > 0 && head->body == BODY_LENGTH &&
                    head->content_length > s->limits.body_bytes;
    bool is_method = head->is_connect || (head->is_trace && !s->allow_trace);
    bool is_last = head->has_max_forwards && head->max_forwards == 0;

    if (!is_large && !is_method && !is_last)
        return 0;
    describe(ex, head);
    if (is_method)
        return reject(ex, 501, "NotImplementedException", "CONNECT and TRACE are not served here.",
                      METRICS_REJECTION_METHOD);
    if (is_last) {
        id_make(&ex->worker->rng, ex->request.request_id);
        course_answer(ex, 200, NULL,
                      "The request was to go no further than this proxy (Max-Forwards: 0).",
                      STR("ok"));
        return -1;
    }
    return reject(ex, 413, "RequestEntityTooLargeException",
                  "The body is larger than this proxy takes.", METRICS_REJECTION_BODY_TOO_LARGE);
}

/* weir answers for the function whether a page of another origin may ask. */
static int answer_preflight(struct exchange *ex, const struct head *head,
                            const struct choice *choice)
{
    const struct exchange_front *front = ex->front;

    id_make(&ex->worker->rng, ex->request.request_id);
    furl_answer_preflight(ex, head, choice);
    course_finish(ex, STR("preflight"));
    front->over(ex);
    return -1;
}

/* No version is to run: something is wrong, or it is a preflight or a dry run. */
static int refuse(struct exchange *ex, const struct head *head, const struct choice *choice)
{
    describe(ex, head);
    request_find_trace(&ex->request, head);
    if (choice->is_preflight)
        return answer_preflight(ex, head, choice);
    if (choice->status == 204 || choice->status == 429)
        ex->target = choice->target;
    if (choice->status == 429)
        ex->reason = choice->reason;
    if (choice->status != 204)
        return reject_choice(ex, choice);
    id_make(&ex->worker->rng, ex->request.request_id);
    traceid_begin(&ex->trace, choice->trace);
    course_answer(ex, choice->status, NULL, NULL, STR("dry_run"));
    return -1;
}

static const struct exchange_filter *filter_of(const struct exchange *ex)
{
    if (ex->furl && ex->furl->is_event)
        return &urlanswer_filter;
    switch (ex->run->version->kind) {
    case VERSION_RIE:
        return ex->is_stream ? &framed_rie : &mapped_rie;
    case VERSION_HTTP:
        if (ex->is_stream)
            return &framed_http;
        return ex->wants_log ? &logged_http : NULL;
    default: /* Lambda's own answers are right already */
        return NULL;
    }
}

/* How the response to an Invoke goes on. */
static void choose_way(struct exchange *ex, const struct choice *choice)
{
    ex->is_invoke = true;
    ex->wants_log = choice->wants_log;
    ex->is_stream = choice->operation == INVOKE_STREAM;
    ex->user.on = ex->next = &course_invoke_events;
    ex->filter = filter_of(ex);
    if (ex->filter)
        ex->user.on = &course_filtered_events;
    if (ex->run->version->kind != VERSION_HTTP || ex->is_stream)
        ex->next = &course_events; /* their limits are looked at elsewhere */
    if (!ex->filter)
        ex->user.on = ex->next;
}

/* An attempt is no invocation of its own: it belongs to the pick that was made for its event. What
 * is drawn only now counts as if it had been then. Letter boxes count nowhere. */
static void count_attempt(struct exchange *ex, bool is_drawn)
{
    if (ex->order->is_to_letter_box || (ex->order->is_fixed && !is_drawn))
        return;
    ex->cell = cell_of(ex, ex->arm);
    if (!ex->cell)
        return;
    metrics_add(&ex->cell->attempts, 1);
    if (!is_drawn)
        return;
    metrics_add(&ex->cell->picks, 1);
    metrics_end(ex->cell);
}

/* is_drawn: else it is another attempt of a call that was counted. */
static void count_pick(struct exchange *ex, bool is_drawn)
{
    if (!assign_counts(ex->picked)) { /* in no figure of the alias */
        if (fixed_is(ex->picked) && is_drawn)
            fixed_count(ex, ex->picked);
        return;
    }
    ex->cell = cell_of(ex, ex->arm);
    if (ex->cell)
        metrics_add(is_drawn ? &ex->cell->picks : &ex->cell->repeats, 1);
}

/* ---- Gathering ------------------------------------------------------------------------------- */

/* 0, or -1 with the refusal. */
static int describe_event(struct exchange *ex, const struct head *head, struct choice *choice)
{
    struct acceptor *acceptor = ex->worker->acceptor;

    if (!acceptor)
        return pick_refuse(choice, 400, "InvalidParameterValueException",
                           METRICS_REJECTION_EVENT_STORE,
                           "The invocation type Event needs a place where events are kept: set "
                           "state.directory, or use RequestResponse.");
    ex->event = acceptor->describe(ex, head);
    return ex->event ? 0
                     : pick_refuse(choice, 503, "ServiceException", METRICS_REJECTION_NO_MEMORY,
                                   "weir is out of memory.");
}

/* What the log says of it lasts as long as the copy of its head. */
static void keep_description(struct exchange *ex, const char *base)
{
    const char *copy = buffer_text(&ex->gathered->head).p;
    struct request *r = &ex->request;

    r->method.p = copy + (r->method.p - base);
    r->target.p = copy + (r->target.p - base);
    if (r->host.p)
        r->host.p = copy + (r->host.p - base);
}

/* Nothing is drawn, and no table held, until the payload is complete. */
static int begin_gathering(struct exchange *ex, const struct head *head, struct choice *choice)
{
    uint64_t limit = pick_body_limit(choice, ex->tuning->settings);
    bool is_event = choice->type == PICK_EVENT;
    /* The payload of an order was looked at when it came; a body that goes into an event, or on as
     * it is, may be anything. */
    bool is_checked = !ex->order && (choice->target->is_gathered || choice->has_other_kind) &&
                      !(choice->terms && choice->terms->is_event);

    describe(ex, head);
    ex->gathered = gathered_make(head, ex->order ? UINT64_MAX : limit, is_checked);
    if (!ex->gathered)
        return reject(ex, 503, "ServiceException", "weir is out of memory.",
                      METRICS_REJECTION_NO_MEMORY);
    keep_description(ex, head->base);
    if ((is_event && describe_event(ex, head, choice) < 0) ||
        (choice->terms && furl_begin(ex, head, choice) < 0))
        return reject_choice(ex, choice);
    if (ex->lease)
        lease_unref(&ex->lease);
    course_goto(ex, EXCHANGE_GATHERING);
    if (ex->is_request_complete)
        return end_gathering(ex);
    if (head->is_expect_continue && head->minor >= 1)
        standin_continue(ex);
    return 0;
}

/* The version that was drawn before; where there is none, or it has gone, one is drawn now. */
static enum pick_result pick_ordered(struct exchange *ex, struct choice *out, bool *is_drawn)
{
    const struct exchange_order *order = ex->order;
    enum pick_result r;

    *is_drawn = false;
    if (order->table)
        return pick_pinned(out, ex->worker, order->table, order->function, order->qualifier,
                           order->version);
    if (order->is_to_letter_box)
        return pick_letter_box(out, ex->worker, order->function);
    if (order->version.n > 0) {
        r = pick_again(out, ex->worker, order->function, order->qualifier, order->version);
        if (r == PICK_DONE || out->status == 429)
            return r;
        lease_unref(&out->lease);
    }
    *is_drawn = true;
    return pick_named(out, ex->worker, order->function, order->qualifier);
}

void exchange_accepted(struct exchange *ex, const char *failure)
{
    struct choice choice;

    ex->acceptance = NULL;
    if (!failure) {
        course_answer(ex, 202, NULL, NULL, STR("accepted"));
        return;
    }
    pick_refuse(&choice, 503, "ServiceException", METRICS_REJECTION_EVENT_STORE,
                "The event could not be stored: %s.", failure);
    metrics_add(&ex->worker->metrics->rejections[choice.rejection], 1);
    course_answer(ex, choice.status, choice.type_name, choice.message,
                  str_of(metrics_rejection_labels[choice.rejection]));
}

/* That an event is accepted says nothing of its version, but that it was picked. */
static void begin_event(struct exchange *ex, bool is_drawn)
{
    ex->run = ex->arm;
    count_pick(ex, is_drawn);
    if (ex->cell)
        metrics_end(ex->cell);
    ex->cell = NULL;
}

/* Hands an event over: the client is answered when it is durable. 0, or -1 where it is over. */
static int accept_event(struct exchange *ex)
{
    struct acceptor *acceptor = ex->worker->acceptor;
    const char *why = acceptor->put(acceptor, ex, buffer_text(&ex->gathered->payload));

    if (!why)
        return 0;
    exchange_accepted(ex, why);
    return -1;
}

static int refuse_for_memory(struct choice *choice)
{
    return pick_refuse(choice, 503, "ServiceException", METRICS_REJECTION_NO_MEMORY,
                       "weir is out of memory.");
}

/* Where it runs, and how the response comes back. 0, or -1 with the refusal. */
static inline int begin_run(struct exchange *ex, struct head *head, struct choice *choice,
                            bool is_drawn)
{
    bool is_pinned = ex->order && ex->order->table;

    if (!is_pinned)
        warden_begin(ex, choice, is_drawn);
    if (is_pinned) {
        ex->is_retry_fresh = true; /* no idle connection that is just being closed */
    } else if (ex->order && !ex->order->is_execution) {
        count_attempt(ex, is_drawn);
    } else {
        count_pick(ex, is_drawn);
        observe_begin(ex, choice);
    }
    find_endpoint(ex);
    if (choice->asked && !ex->order && !fixed_answer(ex, choice))
        return refuse_for_memory(choice);
    if (choice->terms && furl_run(ex, head, choice) < 0)
        return -1;
    if (choice->request.is_invoke)
        choose_way(ex, choice);
    else
        ex->user.is_upgrade = ex->run->version->allow_upgrade && upgrade_may_pass(head);
    ex->user.stream_idle_ms = ex->run->version->stream_idle_ms
                                  ? ex->run->version->stream_idle_ms
                                  : ex->tuning->settings->timeouts.stream_idle_ms;
    if (is_pinned)
        ex->user.stream_idle_ms = UPSTREAM_NO_LIMIT;
    choice->request.is_upgrade = ex->user.is_upgrade;
    return 0;
}

/* A version is known: sends the request there. is_drawn: it was drawn for this, and counts. 0, or
 * -1 where the exchange is over. */
static inline int run(struct exchange *ex, struct head *head, struct choice *choice, bool is_drawn)
{
    ex->target = choice->target;
    ex->arm = choice->arm;
    ex->picked = choice->picked;
    ex->caller = choice->caller;
    if (choice->issued.source && !ex->event)
        issue_cookie(ex, &choice->issued);
    if (choice->request.is_invoke && !choice->terms)
        traceid_begin(&ex->trace, choice->trace);
    if (ex->event)
        begin_event(ex, is_drawn);
    else if (begin_run(ex, head, choice, is_drawn) < 0) {
        describe(ex, head);
        return reject_choice(ex, choice);
    }
    /* Without an endpoint the request is made for any, for the log's sake. */
    if (compose_request(ex, head, ex->endpoint ? ex->endpoint : &ex->run->version->endpoints[0],
                        &choice->request) < 0) {
        describe(ex, head);
        course_give_up(ex, METRICS_ERROR_INTERNAL);
        return -1;
    }
    if (ex->event)
        return accept_event(ex);
    if (!ex->endpoint) {
        course_give_up(ex, METRICS_ERROR_UNAVAILABLE);
        return -1;
    }
    ex->reason = in_flight_enter_version(&ex->in_flight, ex->run->version);
    if (ex->reason) {
        ex->outcome = METRICS_ERROR_OVERLOAD;
        course_answer(ex, 429, "TooManyRequestsException", "Rate Exceeded.",
                      str_of(metrics_error_labels[METRICS_ERROR_OVERLOAD]));
        return -1;
    }
    course_acquire(ex);
    return ex->state == EXCHANGE_OVER ? -1 : 0;
}

static int begin_order(struct exchange *ex, const struct head *head)
{
    struct choice choice = {.type = PICK_SYNC, .terms = NULL};

    return begin_gathering(ex, head, &choice);
}

/* Picks and runs. from: of a request that begins; NULL: what had to be gathered has been. Both
 * come through here, so that the compiler makes one piece of the usual one. 0, or -1 where the
 * exchange is over. */
static __attribute__((noinline)) int proceed(struct exchange *ex, struct head *head,
                                             const struct request_caller *from)
{
    struct choice choice;
    bool is_drawn = true, is_whole = !from;
    enum pick_result r;

    if (from) {
        init(ex, head, from);
        if (check_request(ex, head) < 0)
            return -1;
        if (ex->order)
            return begin_order(ex, head);
    }
    choice.key = ex->furl ? ex->furl->key : NULL;
    choice.from = &ex->from;
    choice.in_flight = &ex->in_flight;
    r = ex->order ? pick_ordered(ex, &choice, &is_drawn)
                  : pick_version(&choice, ex->worker, head, is_whole);
    ex->lease = choice.lease;
    if (r != PICK_DONE)
        return r == PICK_GATHER ? begin_gathering(ex, head, &choice) : refuse(ex, head, &choice);
    is_drawn &= !choice.is_pinned;
    if (is_whole && ex->order)
        choice.request.request_id = ex->order->request_id;
    return run(ex, head, &choice, is_drawn);
}

/* The payload is complete: what is wrong with it is said, or the invocation runs. 0, or -1 where
 * the exchange is over. */
static int end_gathering(struct exchange *ex)
{
    struct gathered *g = ex->gathered;
    struct choice choice;
    struct head *head;

    if (gathered_complain(g, ex->event != NULL, &choice) < 0 ||
        (ex->furl && furl_end(ex, &choice) < 0))
        return reject_choice(ex, &choice);
    head = gathered_head(g, ex->worker);
    assert(head);
    course_goto(ex, EXCHANGE_WAITING);
    ex->is_request_complete = true;
    ex->request_body = head->body;
    return proceed(ex, head, NULL);
}

int exchange_start(struct exchange *ex, struct head *head, const struct request_caller *from)
{
    return proceed(ex, head, from);
}

void exchange_on_client_left(struct exchange *ex)
{
    ex->outcome = METRICS_ERROR_CLIENT_ABORT;
    exchange_on_client_drained(ex);
}

void exchange_on_client_drained(struct exchange *ex)
{
    if (ex->upstream)
        upstream_resume(ex->upstream);
}

void exchange_tunnel_bytes(struct exchange *ex, struct str bytes)
{
    course_tunnel_bytes(ex, bytes);
}

void exchange_tunnel_end(struct exchange *ex)
{
    course_tunnel_end(ex);
}
