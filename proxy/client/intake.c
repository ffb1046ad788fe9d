/* Reading requests: heads, bodies, and what is wrong with them.
 *
 * While an exchange runs whose request is complete nothing is read: pipelined requests wait in
 * the kernel. */
#include "proxy/client/intake.h"

#include "base/text.h"
#include "proxy/client/hold.h"
#include "proxy/client/redirect.h"
#include "proxy/client/respond.h"
#include "proxy/exchange/account.h"
#include "proxy/worker/handover.h"
#include "router/invoke.h"

enum { LINGER_BYTES = 16 * 1024 * 1024 };

/* ---- Refusing ---- */

void intake_refuse(struct client *c, int status, const char *type, const char *message,
                   enum metrics_rejection why)
{
    char id[ID_LENGTH];
    struct request_caller from = conn_from(c);
    struct reply reply = {
        .status = status,
        .type = type,
        .message = message,
        .request_id = id,
        .hsts_line = c->listener->hsts_line,
        .is_head = c->is_head_request,
        .is_close = true,
    };

    assert(!c->exchange); /* an exchange answers for itself */
    id_make(&c->worker->rng, id);
    conn_limit_output(c, CLIENT_OUTPUT_LAST);
    account_unread(c->worker, &from, id, status, respond_own(c, &reply), why, message);
    conn_next(c);
}

static enum metrics_rejection rejection_of(enum head_error error)
{
    switch (error) {
    case HEAD_ERROR_LINE_TOO_LONG:
        return METRICS_REJECTION_URI_TOO_LONG;
    case HEAD_ERROR_HEAD_TOO_LARGE:
        return METRICS_REJECTION_HEAD_TOO_LARGE;
    case HEAD_ERROR_NOT_IMPLEMENTED:
        return METRICS_REJECTION_NOT_IMPLEMENTED;
    case HEAD_ERROR_VERSION:
        return METRICS_REJECTION_VERSION;
    case HEAD_ERROR_NO_MEMORY:
        return METRICS_REJECTION_NO_MEMORY;
    default:
        return METRICS_REJECTION_BAD_REQUEST;
    }
}

/* Also where the line was not read to its end: whoever asked with HEAD reads no body. */
static bool begins_with_head(const struct client *c, const char *data, size_t n)
{
    uint32_t at = c->parser.head->line_at;

    return n >= at + 5u && memcmp(data + at, "HEAD ", 5) == 0;
}

static void refuse_head(struct client *c, const char *data, size_t n)
{
    enum head_error error = (enum head_error)c->parser.error;

    c->is_body_read = false;
    c->is_head_request = begins_with_head(c, data, n);
    intake_refuse(c, http1_error_status(error), "BadRequestException", c->parser.detail,
                  rejection_of(error));
}

void intake_refuse_late_head(struct client *c)
{
    c->is_body_read = false;
    c->is_head_request = begins_with_head(c, c->partial->bytes, c->partial->len);
    intake_refuse(c, 408, "RequestTimeoutException", "The request head did not arrive in time.",
                  METRICS_REJECTION_HEAD_TIMEOUT);
}

/* The request's body broke a rule: the upstream work ends; the client is told why if its answer
 * has not begun. */
static void refuse_body(struct client *c, int status, const char *type, const char *message,
                        enum metrics_error why)
{
    struct exchange *ex = c->exchange;

    if (!ex) {
        conn_limit_output(c, CLIENT_OUTPUT_LAST);
        if (c->state == CLIENT_DISCARD) /* else the answer waits to be sent */
            conn_linger(c);
        return;
    }
    bool has_begun = ex->state >= EXCHANGE_RESPONDING;
    struct reply reply = {
        .status = status,
        .type = type,
        .message = message,
        .request_id = ex->request.request_id,
        .hsts_line = c->listener->hsts_line,
        .is_head = c->is_head_request,
        .is_close = true,
    };
    conn_limit_output(c, CLIENT_OUTPUT_LAST);
    ex->fault = message;
    /* What was read before the fault waits to be sent to the endpoint; the answer must not stand
     * behind it. */
    outbox_drop(&c->worker->outbox);
    if (has_begun) {
        conn_limit_output(c, CLIENT_OUTPUT_CUT);
    } else {
        ex->status = status;
        ex->bytes_out = respond_own(c, &reply);
    }
    exchange_abort(ex, why);
    conn_next(c);
}

/* ---- Bodies ---- */

/* Over limits.body_bytes, or under limits.body_min_rate. False when the request was refused. */
static bool check_body(struct client *c, size_t n)
{
    const struct settings *s = c->tuning->settings;
    uint64_t elapsed_ms = c->worker->loop.now_ms - c->rate_since_ms;

    c->body_bytes += n;
    c->rate_bytes += n;
    if (s->limits.body_bytes > 0 && c->body_bytes > s->limits.body_bytes) {
        refuse_body(c, 413, "RequestEntityTooLargeException",
                    "The body is larger than this proxy takes.", METRICS_ERROR_BAD_REQUEST_BODY);
        return false;
    }
    if (s->limits.body_min_rate > 0 && elapsed_ms > s->limits.body_min_rate_grace_ms &&
        c->rate_bytes < (uint64_t)s->limits.body_min_rate * elapsed_ms / 1000) {
        refuse_body(c, 408, "RequestTimeoutException", "The body arrives too slowly.",
                    METRICS_ERROR_BAD_REQUEST_BODY);
        return false;
    }
    return true;
}

static void on_body_failed(struct client *c)
{
    refuse_body(c, http1_error_status((enum head_error)c->parser.error), "BadRequestException",
                c->parser.detail, METRICS_ERROR_BAD_REQUEST_BODY);
}

/* Body bytes for the exchange; what follows the body is left over. */
static void read_body(struct client *c, const char *cursor, const char *end)
{
    for (;;) {
        struct str span;
        enum http1_result r = http1_body_next(&c->parser, &cursor, end, &span);
        if (r == HTTP1_SPAN) {
            if (!check_body(c, span.n))
                return;
            if (c->exchange)
                exchange_body(c->exchange, span);
            if (c->state == CLIENT_CLOSED || c->state == CLIENT_LINGER)
                return;
            continue;
        }
        if (r == HTTP1_FAILED) {
            on_body_failed(c);
            return;
        }
        if (r == HTTP1_END)
            break;
        if (c->exchange)
            exchange_flush(c->exchange);
        return;
    }
    c->is_body_read = true;
    if (backlog_is_empty(&c->backlog))
        wheel_clear(&c->deadline.node);
    if (cursor < end && leftover_keep(&c->leftover, cursor, (size_t)(end - cursor)) < 0) {
        conn_close(c);
        return;
    }
    if (c->exchange) {
        exchange_end(c->exchange, (struct str){c->parser.trailers, c->parser.trailers_len});
        if (c->exchange)
            exchange_flush(c->exchange);
    } else if (c->state == CLIENT_DISCARD) {
        conn_after_response(c);
    }
}

/* Nothing of a request that is held has gone anywhere. */
static bool refuse_held(struct client *c, int status, const char *type, const char *message)
{
    if (c->state != CLIENT_HELD)
        return false;
    hold_free(&c->hold);
    intake_refuse(c, status, type, message, METRICS_REJECTION_BAD_REQUEST);
    return true;
}

void intake_refuse_late_body(struct client *c)
{
    if (refuse_held(c, 408, "RequestTimeoutException", "The body did not arrive in time."))
        return;
    refuse_body(c, 408, "RequestTimeoutException", "The body did not arrive in time.",
                METRICS_ERROR_BAD_REQUEST_BODY);
}

void intake_refuse_half_body(struct client *c)
{
    if (refuse_held(c, 400, "BadRequestException", "The request ended before its body did."))
        return;
    refuse_body(c, 400, "BadRequestException", "The request ended before its body did.",
                METRICS_ERROR_CLIENT_ABORT);
}

/* ---- Heads ---- */

/* What a reload has changed holds for the next request of every connection, from the moment on
 * that the reload is answered. */
static void take_newest_settings(struct client *c)
{
    struct worker *w = c->worker;

    if (!worker_has_newest_settings(w))
        listener_take_settings(c->listener->all);
    if (c->tuning == w->tuning)
        return;
    tuning_unref(&c->tuning);
    c->tuning = tuning_ref(w->tuning);
    http1_init_request(&c->parser, &w->request_head, &c->tuning->request_limits);
}

static void begin_exchange(struct client *c, struct head *head)
{
    struct worker *w = c->worker;
    struct exchange *ex = freelist_get(&w->exchanges, sizeof(*ex));
    struct request_caller from = conn_from(c);

    if (!ex) {
        intake_refuse(c, 503, "ServiceException", "weir is out of memory.",
                      METRICS_REJECTION_NO_MEMORY);
        return;
    }
    assert(!c->exchange);
    ex->worker = w;
    ex->front = &respond_front;
    ex->client = c;
    ex->order = NULL;
    ex->tuning = c->tuning;
    c->exchange = ex;
    if (exchange_start(ex, head, &from) < 0)
        return; /* answered; conn_next has been here */
    if (!c->is_body_read)
        conn_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
}

/* Answers on a listener that only sends people to https. */
static void redirect(struct client *c, const struct head *head)
{
    char location[REPLY_LOCATION_MAX + 1], id[ID_LENGTH];
    struct request_caller from = conn_from(c);
    struct reply reply = {.status = 308,
                          .message = "Use https.",
                          .request_id = id,
                          .location = location,
                          .hsts_line = "",
                          .is_head = head->is_head,
                          .is_http10 = head->minor == 0,
                          .is_close = conn_is_last(c) || !c->is_body_read};

    switch (redirect_location(location, sizeof(location), head, c->listener->redirect_port)) {
    case REDIRECT_NO_ADDRESS:
        intake_refuse(c, 400, "BadRequestException",
                      "A request without Host or without a path can't be sent to https.",
                      METRICS_REJECTION_BAD_REQUEST);
        return;
    case REDIRECT_TOO_LONG:
        intake_refuse(c, 414, "BadRequestException", "The address is too long to be redirected.",
                      METRICS_REJECTION_URI_TOO_LONG);
        return;
    case REDIRECT_WRITTEN:
        id_make(&c->worker->rng, id);
        account_unread(c->worker, &from, id, 308, respond_own(c, &reply),
                       METRICS_REJECTION_REDIRECTED, NULL);
        conn_next(c);
        return;
    }
}

/* ---- Requests that have to show who asks ---- */

static void refuse_asker(struct client *c, const struct hold_refusal *refusal)
{
    hold_free(&c->hold);
    intake_refuse(c, refusal->status, refusal->text.type, refusal->text.message, refusal->why);
}

/* The client waits for this word before it sends the body. */
static bool send_continue(struct client *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec piece = {(void *)(uintptr_t)go_on, sizeof(go_on) - 1};

    c->is_expecting = false;
    return backlog_is_empty(&c->backlog) && io_write(&c->io, &piece, 1) == (ssize_t)piece.iov_len;
}

/* Whether the request may go on at once. Else it is held, or has been refused. */
static bool is_admitted(struct client *c, const struct head *head)
{
    struct hold_asker asker = {
        .settings = c->tuning->settings,
        .is_admin = c->listener->guard == LISTENER_ADMIN,
        .has_certificate = c->has_certificate,
        .now_s = loop_unix_us(&c->worker->loop) / 1000000,
    };
    struct hold_refusal refusal;

    if (c->hold) /* it was held, and is read again */
        return true;
    switch (hold_begin(&c->hold, &asker, head, &refusal)) {
    case HOLD_PASSES:
        return true;
    case HOLD_REFUSES:
        refuse_asker(c, &refusal);
        return false;
    case HOLD_KEEPS:
        conn_goto(c, CLIENT_HELD);
        if (c->is_expecting && !send_continue(c))
            conn_close(c);
        return false;
    }
    return false;
}

/* What follows the head of a request that is held. */
static void take_held(struct client *c, const char *cursor, const char *end)
{
    struct hold_refusal refusal;
    enum hold_result result = hold_take(c->hold, &c->parser, &cursor, end, &refusal);

    conn_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
    if (result == HOLD_KEEPS)
        return;
    if (result == HOLD_REFUSES) {
        refuse_asker(c, &refusal);
        return;
    }
    if (cursor < end && leftover_keep(&c->leftover, cursor, (size_t)(end - cursor)) < 0) {
        conn_close(c);
        return;
    }
    c->nr_requests--; /* it comes again */
    http1_fini(&c->parser);
    conn_begin_idle(c);
    io_again(&c->worker->loop, &c->io);
}

/* A complete head. */
static void on_head(struct client *c, struct head *head)
{
    const struct settings *s = c->tuning->settings;

    conn_goto(c, CLIENT_EXCHANGE);
    c->nr_requests++;
    c->is_body_read = head->body == BODY_NONE;
    c->is_expecting = head->is_expect_continue && head->minor >= 1 && !c->is_body_read;
    c->body_bytes = c->rate_bytes = 0;
    c->rate_since_ms = c->worker->loop.now_ms;
    if (head->is_close || (head->minor == 0 && !head->is_keep_alive) || c->worker->is_draining ||
        (s->limits.keepalive_requests > 0 && c->nr_requests >= s->limits.keepalive_requests))
        conn_limit_output(c, CLIENT_OUTPUT_LAST);
    if (c->listener->is_redirect)
        redirect(c, head);
    else if (c->listener->guard == LISTENER_OPEN || is_admitted(c, head))
        begin_exchange(c, head);
}

/* What the admin listener has handed over is an Invoke; this is not, and goes back with all that
 * has come behind it. */
static void hand_back(struct client *c, const char *data, const char *end)
{
    struct listeners *all = c->listener->all;
    struct handover *h = handover_make((struct str){data, (size_t)(end - data)});

    if (!h || !all->hand_back) {
        handover_free(&h);
        conn_close(c);
        return;
    }
    h->has_certificate = c->has_certificate;
    conn_depart(c, &h->io);
    all->hand_back(all->hand_back_context, &h);
}

static void read_head(struct client *c, const char *data, const char *end)
{
    struct head *head = c->parser.head;
    enum http1_result r = http1_head_feed(&c->parser, data, (size_t)(end - data));

    if (r == HTTP1_FAILED) {
        refuse_head(c, data, (size_t)(end - data));
        return;
    }
    if (r == HTTP1_MORE) {
        if (c->state == CLIENT_IDLE)
            conn_goto(c, CLIENT_HEAD);
        if (partial_keep(&c->partial, &c->parser, data, (size_t)(end - data)) < 0)
            conn_close(c);
        return;
    }
    if (c->listener->guard == LISTENER_ADMIN && !invoke_is_path(head_path(head))) {
        hand_back(c, data, end);
        return;
    }
    const char *rest = data + head->bytes;
    c->is_head_request = head->is_head;
    if (head->authority_len > 0 && head->is_https != c->listener->is_tls) {
        intake_refuse(c, 400, "BadRequestException",
                      "The request target's scheme is not this listener's.",
                      METRICS_REJECTION_BAD_REQUEST);
        return;
    }
    on_head(c, head);
    if (c->state == CLIENT_CLOSED || c->state == CLIENT_LINGER)
        return;
    if (c->state == CLIENT_HELD) {
        take_held(c, rest, end);
        return;
    }
    if (!c->is_body_read && (c->state == CLIENT_EXCHANGE || c->state == CLIENT_DISCARD)) {
        read_body(c, rest, end);
        return;
    }
    /* Answered already (idle again), or the answer waits to be sent, or the exchange runs: what
     * follows is the next request, or, if this one's body is unread, belongs to nobody. Behind a
     * request to upgrade it waits for the endpoint's word, too: after 101 it is the tunnel's. */
    if (!c->is_body_read)
        conn_limit_output(c, CLIENT_OUTPUT_LAST);
    if (c->is_body_read && rest < end &&
        leftover_keep(&c->leftover, rest, (size_t)(end - rest)) < 0) {
        conn_close(c);
        return;
    }
    if (c->exchange)
        exchange_flush(c->exchange);
    else if (c->state == CLIENT_IDLE && !leftover_is_empty(&c->leftover))
        io_again(&c->worker->loop, &c->io);
}

/* ---- Bytes ---- */

bool intake_wants(const struct client *c)
{
    switch ((enum client_state)c->state) {
    case CLIENT_IDLE:
    case CLIENT_HEAD:
    case CLIENT_HELD:
    case CLIENT_DISCARD:
    case CLIENT_LINGER:
        return true;
    case CLIENT_EXCHANGE:
        return !c->is_body_read && !c->is_paused;
    case CLIENT_TUNNEL:
        return !c->is_paused;
    default:
        return false;
    }
}

void intake_take(struct client *c, const char *data, size_t n)
{
    switch ((enum client_state)c->state) {
    case CLIENT_IDLE:
        take_newest_settings(c);
        read_head(c, data, data + n);
        return;
    case CLIENT_HEAD:
        read_head(c, data, data + n);
        return;
    case CLIENT_HELD:
        take_held(c, data, data + n);
        return;
    case CLIENT_EXCHANGE:
    case CLIENT_DISCARD:
        conn_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
        read_body(c, data, data + n);
        return;
    case CLIENT_TUNNEL:
        assert(c->exchange);
        exchange_tunnel_bytes(c->exchange, (struct str){data, n});
        return;
    case CLIENT_LINGER:
        c->discarded += n;
        if (c->discarded > LINGER_BYTES)
            conn_close(c);
        return;
    default:
        return;
    }
}
