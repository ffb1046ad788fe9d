/* Exchanges. What the states mean for a failure of the endpoint decides everything else:
 *
 *     WAITING     nothing was sent: try again on the same version, whatever the method
 *     REQUESTING  the endpoint may have the request: try again only if it is idempotent, all of it
 *                 is still here, and the connection was a pooled one that said nothing (it was
 * dead) RESPONDING  the client has part of the answer: it is cut off, visibly
 *
 * Request bodies go into the block that holds the head as long as they fit there, so that they can
 * be sent again; after that they stream. */
#include "proxy/exchange/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "proxy/exchange/account.h"
#include "proxy/exchange/choose.h"

enum { CHUNK_ROOM = 24, CHUNKED_BODY_ROOM = 512 };

static void acquire(struct exchange *ex);

/* ---- Ending ---------------------------------------------------------------------------------- */

/* In-flight limits of a version and of its function; the gauges move only where there is a limit.
 */
static uint32_t function_limit(const struct exchange *ex)
{
    uint32_t own = ex->target->function->max_in_flight;

    return own ? own : ex->tuning->settings->limits.in_flight;
}

static bool take_gauge(struct gauge *gauge, uint32_t limit)
{
    if (atomic_fetch_add_explicit(&gauge->value, 1, memory_order_relaxed) < limit)
        return true;
    atomic_fetch_sub_explicit(&gauge->value, 1, memory_order_relaxed);
    return false;
}

static bool enter(struct exchange *ex)
{
    struct version *version = ex->run->version;
    uint32_t limit = function_limit(ex);

    if (limit > 0) {
        if (!take_gauge(ex->target->function->in_flight, limit))
            return false;
        ex->in_function = ex->target->function->in_flight;
    }
    if (version->max_in_flight > 0) {
        if (!take_gauge(version->in_flight, version->max_in_flight))
            return false;
        ex->in_version = version->in_flight;
    }
    return true;
}

static void leave(struct exchange *ex)
{
    if (ex->in_function)
        atomic_fetch_sub_explicit(&ex->in_function->value, 1, memory_order_relaxed);
    if (ex->in_version)
        atomic_fetch_sub_explicit(&ex->in_version->value, 1, memory_order_relaxed);
    ex->in_function = ex->in_version = NULL;
}

/* The end of every exchange: account, then let go of everything. A connection that may carry others
 * has gone back to its pool before; one that is still here is closed, whatever it was about. */
static void finish(struct exchange *ex, struct str outcome)
{
    struct worker *w = ex->worker;
    uint64_t total_us = clock_us() - ex->start_us;

    assert(ex->state != EXCHANGE_OVER);
    if (ex->waiter.is_waiting)
        pool_forget_waiter(ex->pool, &ex->waiter);
    if (ex->upstream)
        upstream_release(&ex->upstream, false);
    assert(!ex->upstream && !ex->waiter.is_waiting);
    if (ex->state == EXCHANGE_TUNNEL)
        metrics_sub(&w->metrics->upgrades_open, 1);
    ex->state = EXCHANGE_OVER;
    account_exchange(ex, total_us, outcome);
    leave(ex);
    request_fini(&ex->request, w);
    if (ex->lease)
        lease_unref(&ex->lease);
}

/* ---- Failing --------------------------------------------------------------------------------- */

struct failure {
    int status;
    const char *type, *message;
};

static struct failure failure_of(enum metrics_error why)
{
    switch (why) {
    case METRICS_ERROR_CONNECT:
        return (struct failure){502, "BadGatewayException", "The endpoint refused the connection."};
    case METRICS_ERROR_RESOLVE:
        return (struct failure){502, "BadGatewayException",
                                "The endpoint's host name could not be resolved."};
    case METRICS_ERROR_TLS:
        return (struct failure){502, "BadGatewayException",
                                "The TLS handshake with the endpoint failed."};
    case METRICS_ERROR_RESET:
        return (struct failure){502, "BadGatewayException",
                                "The endpoint closed the connection before it had answered."};
    case METRICS_ERROR_BAD_RESPONSE:
        return (struct failure){502, "BadGatewayException",
                                "The endpoint's answer is not valid HTTP."};
    case METRICS_ERROR_CONNECT_TIMEOUT:
        return (struct failure){504, "GatewayTimeoutException",
                                "The endpoint could not be connected to in time."};
    case METRICS_ERROR_RESPONSE_TIMEOUT:
    case METRICS_ERROR_STREAM_TIMEOUT:
        return (struct failure){504, "GatewayTimeoutException",
                                "The endpoint did not answer in time."};
    case METRICS_ERROR_OVERLOAD:
        return (struct failure){
            503, "ServiceException",
            "All connections to the endpoint are in use, and none came free in time."};
    case METRICS_ERROR_UNAVAILABLE:
        return (struct failure){503, "ServiceException", "The version has no healthy endpoint."};
    default:
        return (struct failure){503, "ServiceException", "weir is out of memory or descriptors."};
    }
}

/* weir's own answer where the client has none yet. The exchange is over. */
static void answer(struct exchange *ex, int status, const char *type, const char *message,
                   struct str outcome)
{
    const struct exchange_front *front = ex->front;

    ex->status = status;
    front->error(ex, status, type, message);
    finish(ex, outcome);
    front->over(ex);
}

static void give_up(struct exchange *ex, enum metrics_error why)
{
    const struct exchange_front *front = ex->front;
    struct failure failure = failure_of(why);

    ex->outcome = why;
    if (ex->state < EXCHANGE_RESPONDING ||
        (ex->state == EXCHANGE_RESPONDING && front->retract(ex))) {
        answer(ex, failure.status, failure.type, failure.message,
               str_of(metrics_error_labels[why]));
        return;
    }
    front->cut(ex);
    finish(ex, str_of(metrics_error_labels[why]));
    front->over(ex);
}

static bool is_before_sending(enum metrics_error why)
{
    return why == METRICS_ERROR_CONNECT || why == METRICS_ERROR_CONNECT_TIMEOUT ||
           why == METRICS_ERROR_TLS || why == METRICS_ERROR_RESOLVE;
}

static bool may_retry(const struct exchange *ex, enum metrics_error why, bool is_silent)
{
    if (ex->state >= EXCHANGE_RESPONDING || !ex->is_request_replayable ||
        ex->nr_retries >= ex->tuning->settings->upstream.retries)
        return false;
    if (ex->state == EXCHANGE_WAITING)
        return is_before_sending(why);
    return why == METRICS_ERROR_RESET && is_silent && ex->was_reused &&
           (ex->is_idempotent || !ex->is_request_sent);
}

/* Another attempt on the same version: another endpoint if there is one, else the same. False when
 * that fails at once for want of memory. */
static bool retry(struct exchange *ex)
{
    struct endpoint *other = choose_endpoint(ex->worker, ex->run->version, ex->endpoint);

    ex->nr_retries++;
    if (ex->cell)
        metrics_add(&ex->cell->retries, 1);
    ex->is_retry_fresh = ex->was_reused;
    ex->was_reused = ex->is_request_sent = false;
    ex->state = EXCHANGE_WAITING;
    if (other) {
        if (request_retarget(&ex->request, ex->worker, other) < 0)
            return false;
        ex->endpoint = other;
    }
    exchange_on_turn(ex); /* a kept connection serves at once */
    return true;
}

void exchange_on_upstream_failed(struct exchange *ex, enum metrics_error why, bool is_silent)
{
    bool is_endpoints_fault = why != METRICS_ERROR_OVERLOAD && why != METRICS_ERROR_INTERNAL;

    if (ex->upstream)
        upstream_release(&ex->upstream, false);
    if (is_endpoints_fault && ex->endpoint && !(is_silent && ex->was_reused))
        choose_on_failure(ex->worker, ex->endpoint);
    if (may_retry(ex, why, is_silent) && worker_may_retry(ex->worker) && retry(ex))
        return;
    give_up(ex, why);
}

void exchange_abort(struct exchange *ex, enum metrics_error why)
{
    if (ex->state == EXCHANGE_OVER)
        return;
    ex->outcome = why;
    /* Pieces of the request refer to its block, and would reach whoever is sent to next. */
    outbox_drop(&ex->worker->outbox);
    finish(ex, str_of(metrics_error_labels[why]));
}

/* ---- Sending the request --------------------------------------------------------------------- */

/* Puts head and kept body into the outbox, in front of all that streams. */
static void push_request(struct exchange *ex)
{
    struct request *r = &ex->request;

    if (ex->is_request_sent)
        return;
    ex->is_request_sent = true;
    outbox_refer(upstream_outbox(ex->upstream), r->block + r->head_at, r->head_len + r->body_len);
}

static void on_sending_failed(struct exchange *ex)
{
    /* Whether the endpoint has answered, its end of the connection tells. */
    upstream_break_sending(ex->upstream);
    if (ex->is_client_paused && ex->state != EXCHANGE_OVER) {
        ex->is_client_paused = false;
        ex->front->resume(ex);
    }
}

static void pause_client(struct exchange *ex)
{
    if (ex->is_client_paused || ex->is_request_complete)
        return;
    ex->is_client_paused = true;
    ex->front->pause(ex);
}

void exchange_flush(struct exchange *ex)
{
    if (ex->state == EXCHANGE_OVER)
        return;
    if (ex->state == EXCHANGE_WAITING) {
        pause_client(ex);
        return;
    }
    push_request(ex);
    if (!outbox_is_empty(upstream_outbox(ex->upstream))) {
        int r = upstream_flush(ex->upstream);
        if (r < 0)
            on_sending_failed(ex);
        else if (r == 1)
            pause_client(ex);
    }
    if (ex->is_request_complete && ex->state == EXCHANGE_REQUESTING &&
        backlog_is_empty(&ex->upstream->backlog))
        upstream_await_response(ex->upstream, exchange_response_head_ms(ex));
}

/* Bytes behind the head in its block, growing it while there is no connection. Answers where they
 * go, NULL if they have to stream: nothing is kept for a repetition that would not be allowed.
 * (With 512 connections the blocks are not in the cache, the outbox is.) */
static char *keep_room(struct exchange *ex, size_t n)
{
    struct request *r = &ex->request;
    size_t used = r->head_at + r->head_len + r->body_len;

    if (ex->is_request_sent || (ex->state != EXCHANGE_WAITING && !ex->is_idempotent))
        return NULL;
    if (used + n > r->room) {
        if (ex->state != EXCHANGE_WAITING || request_grow(r, ex->worker, used + n) < 0)
            return NULL;
    }
    return r->block + used;
}

/* The same, in one piece with a small body that follows. */
static void push_request_with(struct exchange *ex, size_t body_bytes)
{
    struct request *r = &ex->request;
    struct outbox *out = upstream_outbox(ex->upstream);
    size_t n = r->head_len + r->body_len;

    if (ex->is_request_sent || n > OUTBOX_COPY_MAX || body_bytes > OUTBOX_COPY_MAX ||
        !outbox_has_room(out, n + body_bytes + CHUNK_ROOM)) {
        push_request(ex);
        return;
    }
    ex->is_request_sent = true;
    outbox_copy(out, r->block + r->head_at, n);
}

static char *write_chunk_head(char *p, size_t n)
{
    p = text_hex(p, n);
    return text_lit(p, "\r\n");
}

static void stream_body(struct exchange *ex, struct str span)
{
    struct outbox *out = upstream_outbox(ex->upstream);
    bool is_chunked = ex->request_body == HTTP1_BODY_CHUNKED;
    bool is_small = span.n <= OUTBOX_COPY_MAX;

    push_request_with(ex, span.n);
    ex->is_request_replayable = false;
    if (!outbox_has_room(out, (is_small ? span.n : 0) + CHUNK_ROOM)) {
        exchange_flush(ex);
        if (ex->state == EXCHANGE_OVER)
            return;
    }
    if (is_chunked) {
        char *p = outbox_reserve(out);
        outbox_claim(out, (size_t)(write_chunk_head(p, span.n) - p));
    }
    if (is_small)
        outbox_copy(out, span.p, span.n);
    else
        outbox_refer(out, span.p, span.n);
    if (is_chunked)
        outbox_copy(out, "\r\n", 2);
}

void exchange_body(struct exchange *ex, struct str span)
{
    bool is_chunked = ex->request_body == HTTP1_BODY_CHUNKED;
    char *start, *p;

    ex->bytes_in += span.n;
    if (ex->state == EXCHANGE_OVER || !(ex->upstream || ex->state == EXCHANGE_WAITING))
        return;
    start = keep_room(ex, span.n + (is_chunked ? CHUNK_ROOM : 0));
    if (!start) {
        if (ex->state == EXCHANGE_WAITING)
            give_up(ex, METRICS_ERROR_INTERNAL);
        else
            stream_body(ex, span);
        return;
    }
    p = is_chunked ? write_chunk_head(start, span.n) : start;
    p = text_str(p, span);
    if (is_chunked)
        p = text_lit(p, "\r\n");
    ex->request.body_len += (uint32_t)(p - start);
}

static char *write_last_chunk(char *p, struct str trailers)
{
    p = text_lit(p, "0\r\n");
    if (trailers.n > 0)
        p = text_str(p, trailers);
    return text_lit(p, "\r\n");
}

static void stream_last_chunk(struct exchange *ex, struct str trailers)
{
    struct outbox *out = upstream_outbox(ex->upstream);

    push_request(ex);
    ex->is_request_replayable = false;
    if (!outbox_has_room(out, trailers.n + CHUNK_ROOM)) {
        exchange_flush(ex);
        if (ex->state == EXCHANGE_OVER)
            return;
    }
    char *p = outbox_reserve(out);
    outbox_claim(out, (size_t)(write_last_chunk(p, trailers) - p));
}

static void end_chunked(struct exchange *ex, struct str trailers)
{
    char *start = keep_room(ex, trailers.n + CHUNK_ROOM);

    if (start)
        ex->request.body_len += (uint32_t)(write_last_chunk(start, trailers) - start);
    else if (ex->state == EXCHANGE_WAITING)
        give_up(ex, METRICS_ERROR_INTERNAL);
    else
        stream_last_chunk(ex, trailers);
}

void exchange_end(struct exchange *ex, struct str trailers)
{
    ex->is_request_complete = true;
    if (ex->state == EXCHANGE_OVER || !(ex->upstream || ex->state == EXCHANGE_WAITING))
        return;
    if (ex->request_body == HTTP1_BODY_CHUNKED)
        end_chunked(ex, trailers);
}

/* ---- Getting a connection -------------------------------------------------------------------- */

struct exchange *exchange_of_waiter(struct pool_waiter *waiter)
{
    return (struct exchange *)((char *)waiter - offsetof(struct exchange, waiter));
}

uint32_t exchange_max_connections(const struct exchange *ex)
{
    uint32_t own = ex->run->version->max_connections;

    return own ? own : ex->tuning->settings->limits.upstream_connections;
}

uint32_t exchange_stream_idle_ms(const struct exchange *ex)
{
    uint32_t own = ex->run->version->stream_idle_ms;

    return own ? own : ex->tuning->settings->timeouts.stream_idle_ms;
}

uint32_t exchange_response_head_ms(const struct exchange *ex)
{
    uint32_t own = ex->run->version->response_head_ms;

    return own ? own : ex->tuning->settings->timeouts.response_head_ms;
}

static void begin_request(struct exchange *ex)
{
    ex->state = EXCHANGE_REQUESTING;
    ex->connect_us = (int64_t)(ex->worker->loop.now_us - ex->start_us);
}

static void acquire(struct exchange *ex)
{
    uint32_t connect_ms = ex->run->version->connect_ms;
    enum metrics_error error = METRICS_ERROR_INTERNAL;
    enum pool_result result;

    if (connect_ms == 0)
        connect_ms = ex->tuning->settings->timeouts.connect_ms;
    assert(ex->endpoint);
    ex->pool = pool_of(ex->worker, ex->endpoint->origin);
    if (!ex->pool) {
        give_up(ex, METRICS_ERROR_INTERNAL);
        return;
    }
    result = pool_acquire(ex->pool, ex, ex->is_retry_fresh, exchange_max_connections(ex),
                          connect_ms, &ex->upstream, &error);
    if (result == POOL_READY) {
        ex->was_reused = true;
        begin_request(ex);
    } else if (result == POOL_REFUSED) {
        exchange_on_upstream_failed(ex, error, true);
    }
}

void exchange_on_turn(struct exchange *ex)
{
    acquire(ex);
    if (ex->state == EXCHANGE_REQUESTING)
        exchange_on_connected(ex);
}

void exchange_on_connected(struct exchange *ex)
{
    begin_request(ex);
    exchange_flush(ex);
    if (ex->state == EXCHANGE_REQUESTING && ex->is_client_paused &&
        backlog_is_empty(&ex->upstream->backlog))
        exchange_on_request_drained(ex);
}

void exchange_on_request_drained(struct exchange *ex)
{
    if (ex->state == EXCHANGE_REQUESTING) {
        if (ex->is_request_complete)
            upstream_await_response(ex->upstream, exchange_response_head_ms(ex));
        else
            wheel_clear(&ex->upstream->deadline.node);
    }
    if (ex->is_client_paused) {
        ex->is_client_paused = false;
        ex->front->resume(ex);
    }
}

/* ---- Starting -------------------------------------------------------------------------------- */

static int reject(struct exchange *ex, int status, const char *type, const char *message,
                  enum metrics_rejection why)
{
    id_make(&ex->worker->rng, ex->request.request_id);
    metrics_add(&ex->worker->metrics->rejections[why], 1);
    answer(ex, status, type, message, str_of(metrics_rejection_labels[why]));
    return -1;
}

static void init(struct exchange *ex, const struct http1_head *head,
                 const struct request_caller *from)
{
    ex->from = *from;
    ex->lease = NULL;
    ex->target = NULL;
    ex->arm = ex->run = NULL;
    ex->endpoint = NULL;
    ex->cell = NULL;
    ex->upstream = NULL;
    ex->pool = NULL;
    ex->in_function = ex->in_version = NULL;
    ex->waiter.is_waiting = ex->waiter.has_turn = false;
    ex->request.block = NULL;
    ex->request.user_agent = ex->request.upgrade = (struct str){NULL, 0};
    ex->request.has_trace_id = false;
    ex->request.host = (struct str){NULL, 0};
    ex->request.method = http1_method(head);
    ex->request.target = http1_target(head);
    if (head->host >= 0)
        ex->request.host = http1_value(head, &head->fields[head->host]);
    ex->state = EXCHANGE_WAITING;
    ex->request_body = head->body;
    ex->minor = head->minor;
    ex->is_head = head->is_head;
    ex->is_idempotent = head->is_idempotent;
    ex->is_request_complete = head->body == HTTP1_BODY_NONE;
    ex->is_request_sent = false;
    ex->is_request_replayable = true;
    ex->is_client_paused = ex->is_retry_fresh = ex->was_reused = false;
    ex->is_upgrade = false;
    ex->status = 0;
    ex->outcome = METRICS_ERROR_NONE;
    ex->nr_retries = 0;
    ex->start_us = ex->worker->loop.now_us;
    ex->start_unix_us = loop_unix_us(&ex->worker->loop);
    ex->bytes_in = ex->bytes_out = 0;
    ex->connect_us = ex->head_us = -1;
    metrics_add(&ex->worker->metrics->requests, 1);
}

/* The endpoint to use; a version without a healthy one runs elsewhere only if the alias asks for
 * that. */
static bool find_endpoint(struct exchange *ex)
{
    ex->run = ex->arm;
    ex->endpoint = choose_endpoint(ex->worker, ex->arm->version, NULL);
    if (ex->endpoint || !ex->target->is_failover)
        return ex->endpoint != NULL;
    struct arm *other = choose_other_arm(ex->worker, ex->target, ex->arm);
    if (!other)
        return false;
    ex->run = other;
    ex->endpoint = choose_endpoint(ex->worker, other->version, NULL);
    struct metrics_cell *cell = metrics_cell(ex->worker->metrics, other->series);
    if (cell)
        metrics_add(&cell->runs, 1);
    return ex->endpoint != NULL;
}

static size_t body_room(const struct http1_head *head)
{
    if (head->body == HTTP1_BODY_CHUNKED)
        return CHUNKED_BODY_ROOM;
    return head->body == HTTP1_BODY_LENGTH && head->content_length <= OUTBOX_COPY_MAX
               ? (size_t)head->content_length
               : 0;
}

/* h2c, its drafts' names, and HTTP/2.0 as RFC 7230 spelt it. */
static bool is_http(struct str protocol)
{
    return (protocol.n >= 2 && str_lower(protocol.p[0]) == 'h' && protocol.p[1] == '2') ||
           (protocol.n >= 4 && str_ieq((struct str){protocol.p, 4}, STR("http")));
}

/* An upgrade is passed on where the version allows it. Never one to HTTP/2 in clear text: what
 * flows then would be requests that nobody here sees (h2c smuggling). */
static bool wants_upgrade(const struct exchange *ex, const struct http1_head *head, bool is_invoke)
{
    if (!head->is_upgrade || head->minor == 0 || head->body != HTTP1_BODY_NONE || is_invoke ||
        !ex->run->version->allow_upgrade)
        return false;
    for (int i = 0; i < head->nr_fields; i++) {
        struct str list = http1_value(head, &head->fields[i]), protocol;
        while (head->fields[i].id == FIELD_UPGRADE && fields_next_token(&list, &protocol))
            if (is_http(protocol))
                return false;
    }
    return true;
}

/* Method and size are refused before a version is drawn: such a request is no invocation. */
static int check_request(struct exchange *ex, const struct http1_head *head)
{
    const struct settings *s = ex->tuning->settings;

    if (head->is_connect || (head->is_trace && !s->allow_trace))
        return reject(ex, 501, "NotImplementedException", "CONNECT and TRACE are not served here.",
                      METRICS_REJECTION_METHOD);
    if (head->has_max_forwards && head->max_forwards == 0) {
        ex->request.method = http1_method(head);
        id_make(&ex->worker->rng, ex->request.request_id);
        answer(ex, 200, NULL, "The request was to go no further than this proxy (Max-Forwards: 0).",
               STR("ok"));
        return -1;
    }
    if (s->limits.body_bytes > 0 && head->body == HTTP1_BODY_LENGTH &&
        head->content_length > s->limits.body_bytes)
        return reject(ex, 413, "RequestEntityTooLargeException",
                      "The body is larger than this proxy takes.",
                      METRICS_REJECTION_BODY_TOO_LARGE);
    return 0;
}

/* No version is to run: something is wrong, or it is a dry run. */
static int refuse(struct exchange *ex, const struct http1_head *head, const struct choice *choice)
{
    request_find_trace(&ex->request, head);
    if (choice->status != 204)
        return reject(ex, choice->status, choice->type, choice->message, choice->rejection);
    ex->target = choice->target;
    id_make(&ex->worker->rng, ex->request.request_id);
    answer(ex, choice->status, NULL, NULL, STR("dry_run"));
    return -1;
}

int exchange_start(struct exchange *ex, const struct http1_head *head,
                   const struct request_caller *from)
{
    struct worker *w = ex->worker;
    struct choice choice;
    int r;

    init(ex, head, from);
    if (check_request(ex, head) < 0)
        return -1;
    r = choose_version(&choice, w, head);
    ex->lease = choice.lease;
    if (r < 0)
        return refuse(ex, head, &choice);
    ex->target = choice.target;
    ex->arm = choice.arm;
    ex->cell = metrics_cell(w->metrics, ex->arm->series);
    if (ex->cell)
        metrics_add(&ex->cell->picks, 1);
    bool has_endpoint = find_endpoint(ex);
    ex->is_upgrade = wants_upgrade(ex, head, choice.request.is_invoke);
    choice.request.is_upgrade = ex->is_upgrade;
    choice.request.body_room = body_room(head);
    /* Without an endpoint the request is made for any, for the log's sake. */
    const struct endpoint *endpoint = has_endpoint ? ex->endpoint : &ex->run->version->endpoints[0];
    if (request_make(&ex->request, w, ex->tuning, head, endpoint, from, &choice.request) < 0) {
        id_make(&w->rng, ex->request.request_id);
        give_up(ex, METRICS_ERROR_INTERNAL);
        return -1;
    }
    if (!has_endpoint) {
        give_up(ex, METRICS_ERROR_UNAVAILABLE);
        return -1;
    }
    if (!enter(ex)) {
        ex->outcome = METRICS_ERROR_OVERLOAD;
        answer(ex, 429, "TooManyRequestsException", "Rate Exceeded.",
               str_of(metrics_error_labels[METRICS_ERROR_OVERLOAD]));
        return -1;
    }
    acquire(ex);
    return ex->state == EXCHANGE_OVER ? -1 : 0;
}

/* ---- The response ---------------------------------------------------------------------------- */

/* What the front answers decides whether the endpoint is read on. */
static bool go_on(struct exchange *ex, int r)
{
    if (r == 0)
        return true;
    if (ex->upstream)
        upstream_pause(ex->upstream);
    return r > 0;
}

bool exchange_on_interim(struct exchange *ex, const struct http1_head *head)
{
    return ex->minor == 0 || go_on(ex, ex->front->interim(ex, head));
}

static bool is_gateway_error(int status)
{
    return status == 502 || status == 503 || status == 504;
}

/* A switch of protocols is to one that the client asked for (RFC 9110 section 7.8). */
static bool is_switch_asked_for(const struct exchange *ex, const struct http1_head *head)
{
    for (int i = 0; head->is_upgrade && i < head->nr_fields; i++) {
        struct str asked = ex->request.upgrade, protocol;
        if (head->fields[i].id != FIELD_UPGRADE)
            continue;
        while (fields_next_token(&asked, &protocol))
            if (str_ieq(protocol, http1_value(head, &head->fields[i])))
                return true;
    }
    return false;
}

bool exchange_on_response_head(struct exchange *ex, const struct http1_head *head,
                               enum http1_body_kind body)
{
    if (head->status == 101 && !is_switch_asked_for(ex, head)) {
        exchange_on_upstream_failed(ex, METRICS_ERROR_BAD_RESPONSE, false);
        return false;
    }
    ex->head_us = (int64_t)(ex->worker->loop.now_us - ex->start_us);
    ex->status = head->status;
    /* What goes well is known at its end: else one that always dies in its body would count as
     * well. */
    if (is_gateway_error(head->status))
        choose_on_failure(ex->worker, ex->endpoint);
    else if (head->status == 101)
        choose_on_success(ex->worker, ex->endpoint);
    ex->state = EXCHANGE_RESPONDING;
    int r = ex->front->head(ex, head, body);
    if (r >= 0 && head->status == 101) {
        ex->state = EXCHANGE_TUNNEL;
        metrics_add(&ex->worker->metrics->upgrades, 1);
        metrics_add(&ex->worker->metrics->upgrades_open, 1);
        upstream_tunnel(ex->upstream);
        ex->front->tunnel(ex);
    }
    return go_on(ex, r);
}

bool exchange_on_response_body(struct exchange *ex, struct str span)
{
    ex->bytes_out += span.n;
    return go_on(ex, ex->front->body(ex, span));
}

bool exchange_on_response_flush(struct exchange *ex)
{
    return ex->state != EXCHANGE_OVER && go_on(ex, ex->front->flush(ex));
}

void exchange_on_response_end(struct exchange *ex, struct str trailers, bool is_reusable)
{
    const struct exchange_front *front = ex->front;

    if (!is_gateway_error(ex->status))
        choose_on_success(ex->worker, ex->endpoint);
    front->end(ex, trailers);
    upstream_release(&ex->upstream, is_reusable && ex->is_request_complete);
    finish(ex, STR("ok"));
    front->over(ex);
}

void exchange_on_client_drained(struct exchange *ex)
{
    if (ex->upstream)
        upstream_resume(ex->upstream);
}

/* ---- Tunnels --------------------------------------------------------------------------------- */

void exchange_tunnel_bytes(struct exchange *ex, struct str bytes)
{
    ex->bytes_in += bytes.n;
    outbox_refer(upstream_outbox(ex->upstream), bytes.p, bytes.n);
    int r = upstream_flush(ex->upstream);
    if (r == 1) {
        ex->is_client_paused = true;
        ex->front->pause(ex);
    } else if (r < 0) {
        exchange_on_tunnel_end(ex);
    }
}

bool exchange_on_tunnel_bytes(struct exchange *ex, struct str bytes)
{
    ex->bytes_out += bytes.n;
    return go_on(ex, ex->front->body(ex, bytes));
}

void exchange_on_tunnel_end(struct exchange *ex)
{
    const struct exchange_front *front = ex->front;

    front->end(ex, (struct str){NULL, 0});
    finish(ex, STR("ok"));
    front->over(ex);
}
