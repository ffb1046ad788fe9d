/* HTTP/1 client connections: reading. Writing is respond.c's.
 *
 * While an exchange runs whose request is complete nothing is read: pipelined requests wait in the
 * kernel. The client's end (FIN) shows all the same, as an event; it means that the client has
 * left, and ends the exchange. Only an end that comes together with the request itself is taken for
 * a half-close by a client that still listens. */
#include "proxy/client/client.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/text.h"
#include "proxy/client/admission.h"
#include "proxy/client/redirect.h"
#include "proxy/client/respond.h"
#include "proxy/exchange/account.h"
#include "proxy/tls/tls.h"

enum { READS_PER_EVENT = 4, LINGER_MS = 2000, LINGER_BYTES = 1024 * 1024, SUBJECT_MAX = 1024 };

/* A client that has just connected, or just got a response, may be sending its next request: while
 * weir drains, its connection is kept open so long. */
enum { DRAIN_GRACE_MS = 500 };

static void on_ready(struct loop *loop, struct io *io, uint32_t events);
static void on_deadline(struct deadline *deadline);

/* ---- Life ------------------------------------------------------------------------------------ */

void client_set_deadline(struct client *c, uint32_t in_ms)
{
    struct loop *loop = &c->worker->loop;

    wheel_set(&loop->wheel, &c->deadline.node, loop->now_ms + in_ms);
}

struct request_caller client_from(const struct client *c)
{
    return (struct request_caller){
        .address = {c->peer.text, c->peer.text_len},
        .certificate_subject = {c->certificate_subject, c->certificate_len},
        .is_tls = c->listener->is_tls,
    };
}

static void free_client(struct loop_garbage *garbage)
{
    struct client *c = (struct client *)((char *)garbage - offsetof(struct client, garbage));

    partial_free(&c->partial);
    leftover_fini(&c->leftover);
    free(c->certificate_subject);
    free(c);
}

static void free_exchange(struct loop_garbage *garbage)
{
    struct exchange *ex = (struct exchange *)((char *)garbage - offsetof(struct exchange, garbage));

    freelist_put(&ex->worker->exchanges, ex);
}

static void drop_exchange(struct client *c, enum metrics_error why)
{
    struct exchange *ex = c->exchange;

    if (!ex)
        return;
    c->exchange = NULL;
    exchange_abort(ex, why);
    loop_discard(&c->worker->loop, &ex->garbage, free_exchange);
}

/* Has the client part of a response of which it cannot get the rest? */
static bool is_response_cut(const struct client *c)
{
    return c->is_cut || !backlog_is_empty(&c->backlog) ||
           (c->exchange && c->exchange->state == EXCHANGE_RESPONDING);
}

/* Is nothing under way that the end of the connection would cut short? */
static bool is_at_rest(const struct client *c)
{
    switch ((enum client_state)c->state) {
    case CLIENT_IDLE:
    case CLIENT_HEAD:
    case CLIENT_FINISHING:
    case CLIENT_DISCARD:
        return !c->is_cut && !c->is_broken && backlog_is_empty(&c->backlog);
    default:
        return false;
    }
}

static void leave(struct clients *clients)
{
    if (--clients->nr == 0 && clients->on_empty)
        clients->on_empty(clients);
}

/* why is the outcome of an exchange that still runs. */
static void close_for(struct client *c, enum metrics_error why)
{
    struct worker *w = c->worker;

    if (c->state == CLIENT_CLOSED)
        return;
    if (c->io.layer && is_at_rest(c))
        io_shutdown(&c->io); /* without a farewell the client would take what it has for cut */
    /* A response that ends with the connection must not seem complete when it is not. */
    bool is_reset = c->framing == CLIENT_FRAMING_CLOSE && is_response_cut(c);
    drop_exchange(c, why);
    c->state = CLIENT_CLOSED;
    wheel_forget(&w->loop.wheel, &c->deadline.node);
    if (is_reset)
        io_reset(&w->loop, &c->io);
    io_close(&w->loop, &c->io);
    backlog_fini(&c->backlog);
    http1_fini(&c->parser);
    LIST_REMOVE(c, link);
    if (c->is_admitted)
        admission_leave(w->shared->admission, &c->peer.number);
    tuning_unref(&c->tuning);
    loop_discard(&w->loop, &c->garbage, free_client);
    metrics_sub(&w->metrics->client_connections, 1);
    leave(c->listener->all->clients);
}

void client_close(struct client *c)
{
    close_for(c, METRICS_ERROR_CLIENT_ABORT);
}

void client_cut(struct client *c)
{
    close_for(c, METRICS_ERROR_DRAIN_TIMEOUT);
}

static void begin_idle(struct client *c)
{
    struct worker *w = c->worker;

    c->state = CLIENT_IDLE;
    c->idle_since_ms = w->loop.now_ms;
    c->is_paused = c->is_body_read = c->is_expecting = c->is_head_request = false;
    http1_init_request(&c->parser, &w->request_head, &c->tuning->request_limits);
    client_set_deadline(c, w->is_draining ? DRAIN_GRACE_MS
                                          : c->tuning->settings->timeouts.client_idle_ms);
}

/* What a reload has changed holds for the next request of every connection, from the moment on that
 * the reload is answered. */
static void take_newest_settings(struct client *c)
{
    struct worker *w = c->worker;

    listener_take_settings(c->listener->all);
    if (c->tuning == w->tuning)
        return;
    tuning_unref(&c->tuning);
    c->tuning = tuning_ref(w->tuning);
    http1_init_request(&c->parser, &w->request_head, &c->tuning->request_limits);
}

static bool is_admitted(struct client *c)
{
    const struct settings *s = c->tuning->settings;

    if (s->limits.connections == 0 && s->limits.connections_per_address == 0)
        return true;
    c->is_admitted = admission_enter(c->worker->shared->admission, &c->peer.number,
                                     s->limits.connections, s->limits.connections_per_address);
    return c->is_admitted;
}

static void start(struct client *c)
{
    begin_idle(c);
    if (!c->worker->is_draining)
        client_set_deadline(c, c->tuning->settings->timeouts.request_head_ms);
}

static void start_plain(struct client *c)
{
    start(c);
    if (!is_admitted(c))
        client_refuse(c, 503, "ServiceException", "Too many connections are open.",
                      METRICS_REJECTION_CONNECTIONS);
}

/* Handshakes are what a flood would be made of: who is over a limit gets none, and so no answer. */
static int start_tls(struct client *c)
{
    c->state = CLIENT_HANDSHAKE;
    if (!is_admitted(c)) {
        metrics_add(&c->worker->metrics->rejections[METRICS_REJECTION_CONNECTIONS], 1);
        client_close(c);
        return 0;
    }
    client_set_deadline(c, c->tuning->settings->timeouts.tls_handshake_ms);
    if (tls_accept(&c->io, c->worker->tls, c->listener->index) < 0) {
        client_close(c);
        return -1;
    }
    return 0;
}

int client_open(struct listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct worker *w = listener->all->worker;
    struct clients *clients = listener->all->clients;
    struct client *c = calloc(1, sizeof(*c));

    if (!c) {
        close(fd);
        return -1;
    }
    if (io_open(&w->loop, &c->io, fd, on_ready) < 0) {
        free(c);
        return -1;
    }
    c->worker = w;
    c->listener = listener;
    c->tuning = tuning_ref(w->tuning);
    c->deadline.expired = on_deadline;
    LIST_INSERT_HEAD(&clients->list, c, link);
    clients->nr++;
    metrics_add(&w->metrics->client_connections, 1);
    metrics_add(&w->metrics->client_connections_accepted, 1);
    peer_take(&c->peer, peer);
    if (listener->is_tls)
        return start_tls(c);
    start_plain(c);
    return 0;
}

static void linger(struct client *c);

static void shake_hands(struct client *c)
{
    const char *reason = NULL;
    char subject[SUBJECT_MAX];
    int r = tls_handshake(&c->io, &reason);

    if (r == -EAGAIN)
        return;
    if (r < 0) {
        log_debug("TLS handshake with %s failed: %s", c->peer.text, reason ? reason : "unknown");
        metrics_add(&c->worker->metrics->rejections[METRICS_REJECTION_TLS_HANDSHAKE], 1);
        linger(c); /* for the alert to arrive */
        return;
    }
    tls_peer_subject(&c->io, subject, sizeof(subject));
    if (subject[0])
        c->certificate_subject = strdup(subject);
    c->certificate_len = c->certificate_subject ? (uint32_t)strlen(subject) : 0;
    start(c);
}

/* ---- The end of a request -------------------------------------------------------------------- */

static void linger(struct client *c)
{
    c->state = CLIENT_LINGER;
    c->discarded = 0;
    io_shutdown(&c->io);
    client_set_deadline(c, LINGER_MS);
    if (c->io.is_readable)
        io_again(&c->worker->loop, &c->io);
}

/* The response has been sent to the last byte. */
static void after_response(struct client *c)
{
    if (c->is_cut) {
        client_close(c);
        return;
    }
    if (!c->is_last && !c->is_body_read && client_is_rest_small(c)) {
        c->state = CLIENT_DISCARD;
        client_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
        if (c->io.is_readable)
            io_again(&c->worker->loop, &c->io);
        return;
    }
    if (c->is_last || !c->is_body_read) {
        /* Closing on unread bytes would reset the connection and could destroy the response on its
         * way. */
        if (!c->is_body_read || !leftover_is_empty(&c->leftover) || c->io.is_readable)
            linger(c);
        else
            client_close(c);
        return;
    }
    http1_fini(&c->parser);
    begin_idle(c);
    if (!leftover_is_empty(&c->leftover) || c->io.is_readable)
        io_again(&c->worker->loop, &c->io);
}

void client_next(struct client *c)
{
    struct exchange *ex = c->exchange;

    if (ex) {
        c->exchange = NULL;
        loop_discard(&c->worker->loop, &ex->garbage, free_exchange);
    }
    if (c->is_broken) {
        io_again(&c->worker->loop, &c->io);
        c->state = CLIENT_FINISHING;
        return;
    }
    c->state = CLIENT_FINISHING;
    if (!backlog_is_empty(&c->backlog)) {
        client_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
        return;
    }
    after_response(c);
}

void client_refuse(struct client *c, int status, const char *type, const char *message,
                   enum metrics_rejection why)
{
    char id[ID_LENGTH];
    struct request_caller from = client_from(c);
    struct reply reply = {
        .status = status,
        .type = type,
        .message = message,
        .request_id = id,
        .hsts_line = c->listener->hsts_line,
        .is_head = c->is_head_request,
        .is_close = true,
    };

    id_make(&c->worker->rng, id);
    c->is_last = true;
    account_unread(c->worker, &from, id, status, respond_own(c, &reply), why);
    client_next(c);
}

/* ---- Reading requests ------------------------------------------------------------------------ */

static enum metrics_rejection rejection_of(enum http1_error error)
{
    switch (error) {
    case HTTP1_ERROR_LINE_TOO_LONG:
        return METRICS_REJECTION_URI_TOO_LONG;
    case HTTP1_ERROR_HEAD_TOO_LARGE:
        return METRICS_REJECTION_HEAD_TOO_LARGE;
    case HTTP1_ERROR_NOT_IMPLEMENTED:
        return METRICS_REJECTION_NOT_IMPLEMENTED;
    case HTTP1_ERROR_VERSION:
        return METRICS_REJECTION_VERSION;
    case HTTP1_ERROR_NO_MEMORY:
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
    enum http1_error error = (enum http1_error)c->parser.error;

    c->is_body_read = false;
    c->is_head_request = begins_with_head(c, data, n);
    client_refuse(c, http1_error_status(error), "BadRequestException", c->parser.detail,
                  rejection_of(error));
}

/* The request's body broke a rule: the upstream work ends; the client is told why if its answer has
 * not begun. */
static void refuse_body(struct client *c, int status, const char *type, const char *message)
{
    struct exchange *ex = c->exchange;

    if (!ex) {
        c->is_last = true;
        if (c->state == CLIENT_DISCARD) /* else the answer waits to be sent */
            linger(c);
        return;
    }
    bool has_begun = ex->state >= EXCHANGE_RESPONDING;
    struct reply reply = {
        .status = status,
        .type = type,
        .message = message,
        .request_id = ex->request.request_id,
        .hsts_line = c->listener->hsts_line,
        .is_head = ex->is_head,
        .is_close = true,
    };
    c->is_last = true;
    /* What was read before the fault waits to be sent to the endpoint; the answer must not stand
     * behind it. */
    outbox_drop(&c->worker->outbox);
    if (has_begun) {
        c->is_cut = true;
    } else {
        ex->status = status;
        ex->bytes_out = respond_own(c, &reply);
    }
    exchange_abort(ex, METRICS_ERROR_BAD_REQUEST_BODY);
    client_next(c);
}

/* Over limits.body_bytes, or under limits.body_min_rate. False when the request was refused. */
static bool check_body(struct client *c, size_t n)
{
    const struct settings *s = c->tuning->settings;
    uint64_t elapsed_ms = c->worker->loop.now_ms - c->rate_since_ms;

    c->body_bytes += n;
    c->rate_bytes += n;
    if (s->limits.body_bytes > 0 && c->body_bytes > s->limits.body_bytes) {
        refuse_body(c, 413, "RequestEntityTooLargeException",
                    "The body is larger than this proxy takes.");
        return false;
    }
    if (s->limits.body_min_rate > 0 && elapsed_ms > s->limits.body_min_rate_grace_ms &&
        c->rate_bytes < (uint64_t)s->limits.body_min_rate * elapsed_ms / 1000) {
        refuse_body(c, 408, "RequestTimeoutException", "The body arrives too slowly.");
        return false;
    }
    return true;
}

static void on_body_failed(struct client *c)
{
    refuse_body(c, http1_error_status((enum http1_error)c->parser.error), "BadRequestException",
                c->parser.detail);
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
    c->is_half_closed = c->io.is_hangup;
    if (backlog_is_empty(&c->backlog))
        wheel_clear(&c->deadline.node);
    if (leftover_keep(&c->leftover, cursor, (size_t)(end - cursor)) < 0) {
        client_close(c);
        return;
    }
    if (c->exchange) {
        exchange_end(c->exchange, (struct str){c->parser.trailers, c->parser.trailers_len});
        if (c->exchange)
            exchange_flush(c->exchange);
    } else if (c->state == CLIENT_DISCARD) {
        after_response(c);
    }
}

static void begin_exchange(struct client *c, const struct http1_head *head)
{
    struct worker *w = c->worker;
    struct exchange *ex = freelist_get(&w->exchanges, sizeof(*ex));
    struct request_caller from = client_from(c);

    if (!ex) {
        client_refuse(c, 503, "ServiceException", "weir is out of memory.",
                      METRICS_REJECTION_NO_MEMORY);
        return;
    }
    ex->worker = w;
    ex->front = &respond_front;
    ex->client = c;
    ex->tuning = c->tuning;
    c->exchange = ex;
    if (exchange_start(ex, head, &from) < 0)
        return; /* answered; client_next has been here */
    if (!c->is_body_read)
        client_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
}

/* A complete head. */
static void on_head(struct client *c, const struct http1_head *head)
{
    const struct settings *s = c->tuning->settings;

    c->state = CLIENT_EXCHANGE;
    c->nr_requests++;
    c->is_body_read = head->body == HTTP1_BODY_NONE;
    c->is_half_closed = c->is_body_read && c->io.is_hangup;
    c->is_expecting = head->is_expect_continue && head->minor >= 1 && !c->is_body_read;
    c->body_bytes = c->rate_bytes = 0;
    c->rate_since_ms = c->worker->loop.now_ms;
    c->is_last =
        head->is_close || (head->minor == 0 && !head->is_keep_alive) || c->worker->is_draining ||
        (s->limits.keepalive_requests > 0 && c->nr_requests >= s->limits.keepalive_requests);
    wheel_clear(&c->deadline.node);
    if (c->listener->is_redirect)
        redirect_answer(c, head);
    else
        begin_exchange(c, head);
}

static void read_head(struct client *c, const char *data, const char *end)
{
    struct http1_head *head = c->parser.head;
    enum http1_result r = http1_head_feed(&c->parser, data, (size_t)(end - data));

    if (r == HTTP1_FAILED) {
        refuse_head(c, data, (size_t)(end - data));
        return;
    }
    if (r == HTTP1_MORE) {
        if (c->state == CLIENT_IDLE) {
            c->state = CLIENT_HEAD;
            client_set_deadline(c, c->tuning->settings->timeouts.request_head_ms);
        }
        if (partial_keep(&c->partial, &c->parser, data, (size_t)(end - data)) < 0)
            client_close(c);
        return;
    }
    const char *rest = data + head->bytes;
    c->is_head_request = head->is_head;
    if (head->is_upgrade && head->body == HTTP1_BODY_NONE && rest < end) {
        /* Whether these bytes belong to the old protocol or the new one, the endpoint alone could
         * tell. */
        client_refuse(c, 400, "BadRequestException",
                      "Bytes follow a request to upgrade before it was answered.",
                      METRICS_REJECTION_BAD_REQUEST);
        return;
    }
    if (head->authority_len > 0 && head->is_https != c->listener->is_tls) {
        client_refuse(c, 400, "BadRequestException",
                      "The request target's scheme is not this listener's.",
                      METRICS_REJECTION_BAD_REQUEST);
        return;
    }
    on_head(c, head);
    if (c->state == CLIENT_CLOSED || c->state == CLIENT_LINGER)
        return;
    if (!c->is_body_read && (c->state == CLIENT_EXCHANGE || c->state == CLIENT_DISCARD)) {
        read_body(c, rest, end);
        return;
    }
    /* Answered already (idle again), or the answer waits to be sent, or the exchange runs: what
     * follows is the next request, or, if this one's body is unread, belongs to nobody. */
    c->is_last |= !c->is_body_read;
    if (c->is_body_read && leftover_keep(&c->leftover, rest, (size_t)(end - rest)) < 0) {
        client_close(c);
        return;
    }
    if (c->exchange)
        exchange_flush(c->exchange);
    else if (c->state == CLIENT_IDLE && !leftover_is_empty(&c->leftover))
        io_again(&c->worker->loop, &c->io);
}

/* ---- Events ---------------------------------------------------------------------------------- */

static bool wants_bytes(const struct client *c)
{
    switch ((enum client_state)c->state) {
    case CLIENT_IDLE:
    case CLIENT_HEAD:
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

static void on_end(struct client *c)
{
    if (c->state == CLIENT_TUNNEL)
        exchange_on_tunnel_end(c->exchange);
    else
        client_close(c); /* also in the middle of a body: the client has left */
}

static void take_bytes(struct client *c, const char *data, size_t n)
{
    switch ((enum client_state)c->state) {
    case CLIENT_IDLE:
        take_newest_settings(c);
        read_head(c, data, data + n);
        return;
    case CLIENT_HEAD:
        read_head(c, data, data + n);
        return;
    case CLIENT_EXCHANGE:
    case CLIENT_DISCARD:
        client_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
        read_body(c, data, data + n);
        return;
    case CLIENT_TUNNEL:
        exchange_tunnel_bytes(c->exchange, (struct str){data, n});
        return;
    case CLIENT_LINGER:
        c->discarded += n;
        if (c->discarded > LINGER_BYTES)
            client_close(c);
        return;
    default:
        return;
    }
}

/* Pipelined bytes, before anything is read. They may hold many requests: one is served per call. */
static void use_leftover(struct client *c)
{
    struct str bytes = leftover_begin(&c->leftover);

    take_bytes(c, bytes.p, bytes.n);
    leftover_finish(&c->leftover);
}

static void read_some(struct client *c)
{
    struct worker *w = c->worker;

    for (int i = 0; i < READS_PER_EVENT && wants_bytes(c) && c->io.is_readable; i++) {
        struct partial *partial = c->partial;
        char *at = w->read_buffer;
        size_t room = c->tuning->read_bytes;
        if (partial && partial_room(partial, &at, &room) < 0) {
            client_close(c);
            return;
        }
        ssize_t n = io_read(&c->io, at, room);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            on_end(c);
            return;
        }
        if (partial) {
            partial_begin(partial, (size_t)n);
            take_bytes(c, partial->bytes, partial->len);
            if (c->state != CLIENT_CLOSED)
                partial_finish(&c->partial);
        } else {
            take_bytes(c, at, (size_t)n);
        }
        if (!leftover_is_empty(&c->leftover))
            break;
    }
    if (wants_bytes(c) && (c->io.is_readable || !leftover_is_empty(&c->leftover)))
        io_again(&w->loop, &c->io);
}

static void send_backlog(struct client *c)
{
    int r = backlog_send(&c->backlog, &c->io);

    if (r < 0) {
        client_close(c);
        return;
    }
    if (r == 1) {
        client_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
        return;
    }
    if (c->state == CLIENT_FINISHING) {
        after_response(c);
        return;
    }
    if (c->is_body_read || c->is_paused)
        wheel_clear(&c->deadline.node);
    if (c->exchange)
        exchange_on_client_drained(c->exchange);
}

static void handle(struct client *c, uint32_t events)
{
    if (c->state == CLIENT_HANDSHAKE) {
        shake_hands(c);
        if (c->state == CLIENT_HANDSHAKE || c->state == CLIENT_CLOSED)
            return;
    }
    if (c->is_broken) {
        client_close(c);
        return;
    }
    if ((events & EPOLLOUT) && !backlog_is_empty(&c->backlog))
        send_backlog(c);
    if (c->state == CLIENT_CLOSED)
        return;
    bool has_left = (events & (EPOLLHUP | EPOLLERR)) ||
                    ((events & EPOLLRDHUP) && c->state == CLIENT_EXCHANGE && !c->is_half_closed);
    if (has_left && !wants_bytes(c) && (c->is_body_read || (events & (EPOLLHUP | EPOLLERR)))) {
        client_close(c);
        return;
    }
    if (!leftover_is_empty(&c->leftover) && wants_bytes(c)) {
        use_leftover(c);
        if (c->state != CLIENT_CLOSED && !leftover_is_empty(&c->leftover) && wants_bytes(c))
            io_again(&c->worker->loop, &c->io);
        if (c->state == CLIENT_CLOSED || !leftover_is_empty(&c->leftover))
            return;
    }
    if (c->io.is_readable && wants_bytes(c))
        read_some(c);
}

static void on_ready(struct loop *loop, struct io *io, uint32_t events)
{
    (void)loop;
    handle((struct client *)io, events);
    outbox_must_be_empty(&((struct client *)io)->worker->outbox);
}

/* ---- Deadlines and draining ------------------------------------------------------------------ */

/* Read once more: closing on bytes that arrived in this moment would reset the connection. */
static void close_idle(struct client *c)
{
    c->io.is_readable = true;
    read_some(c);
    if (c->state == CLIENT_IDLE)
        client_close(c);
}

static void expire(struct client *c)
{
    switch ((enum client_state)c->state) {
    case CLIENT_IDLE:
        close_idle(c);
        return;
    case CLIENT_HANDSHAKE:
        log_debug("TLS handshake with %s took too long", c->peer.text);
        metrics_add(&c->worker->metrics->rejections[METRICS_REJECTION_TLS_HANDSHAKE], 1);
        client_close(c);
        return;
    case CLIENT_HEAD:
        c->is_body_read = false;
        c->is_head_request = begins_with_head(c, c->partial->bytes, c->partial->len);
        client_refuse(c, 408, "RequestTimeoutException", "The request head did not arrive in time.",
                      METRICS_REJECTION_HEAD_TIMEOUT);
        return;
    case CLIENT_EXCHANGE:
        if (backlog_is_empty(&c->backlog) && !c->is_body_read) {
            refuse_body(c, 408, "RequestTimeoutException", "The body did not arrive in time.");
            return;
        }
        c->is_cut = true;
        client_close(c);
        return;
    case CLIENT_FINISHING:
        c->is_cut = true;
        client_close(c);
        return;
    default:
        client_close(c);
        return;
    }
}

static void on_deadline(struct deadline *deadline)
{
    struct client *c = (struct client *)((char *)deadline - offsetof(struct client, deadline));

    expire(c);
    outbox_must_be_empty(&c->worker->outbox);
}

void client_drain(struct client *c)
{
    uint64_t idle_ms = c->worker->loop.now_ms - c->idle_since_ms;

    if (c->state == CLIENT_IDLE)
        client_set_deadline(c, idle_ms < DRAIN_GRACE_MS ? DRAIN_GRACE_MS - (uint32_t)idle_ms : 0);
    else if (c->state == CLIENT_HANDSHAKE)
        client_set_deadline(c, DRAIN_GRACE_MS);
}
