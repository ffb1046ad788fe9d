/* HTTP/1 client connections: their events and deadlines.
 *
 * While an exchange runs whose request is complete nothing is read. The client's end (FIN) shows
 * all the same, as an event; what it means, look_for_end says. A reset, or a write that fails,
 * means that the client has left: its exchange then runs to its end without it (conn_leave). */
#include "proxy/client/client.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "proxy/client/admission.h"
#include "proxy/client/hold.h"
#include "proxy/client/intake.h"
#include "proxy/tls/tls.h"
#include "proxy/worker/handover.h"

enum { READS_PER_EVENT = 4, SUBJECT_MAX = 1024 };

static void on_ready(struct loop *loop, struct io *io, uint32_t events);
static void on_deadline(struct deadline *deadline);

/* ---- Life ------------------------------------------------------------------------------------ */

static bool is_admitted(struct client *c)
{
    const struct settings *s = c->tuning->settings;
    bool is_proxy;

    if (s->limits.connections == 0 && s->limits.connections_per_address == 0)
        return true;
    /* A proxy of ours has the connections of all its clients. */
    is_proxy = s->limits.connections_per_address > 0 &&
               tuning_trusts(c->tuning, (struct str){c->peer.text, c->peer.text_len});
    c->is_admitted =
        admission_enter(c->worker->shared->admission, &c->peer.number, s->limits.connections,
                        is_proxy ? 0 : s->limits.connections_per_address);
    return c->is_admitted;
}

static void start(struct client *c)
{
    conn_begin_idle(c);
    if (!c->worker->is_draining)
        conn_set_deadline(c, c->tuning->settings->timeouts.request_head_ms);
}

static void start_plain(struct client *c)
{
    start(c);
    if (!is_admitted(c))
        intake_refuse(c, 503, "ServiceException", "Too many connections are open.",
                      METRICS_REJECTION_CONNECTIONS);
}

/* Handshakes are what a flood would be made of: who is over a limit gets none, and so no answer. */
static int start_tls(struct client *c)
{
    conn_goto(c, CLIENT_HANDSHAKE);
    if (!is_admitted(c)) {
        metrics_add(&c->worker->metrics->rejections[METRICS_REJECTION_CONNECTIONS], 1);
        conn_close(c);
        return 0;
    }
    if (tls_accept(&c->io, c->worker->tls, c->listener->index) < 0) {
        conn_close(c);
        return -1;
    }
    return 0;
}

/* A connection that has a socket is one of the worker's from now on. */
static void add(struct clients *clients, struct client *c, struct listener *listener,
                const struct sockaddr_storage *peer)
{
    c->worker = listener->all->worker;
    c->listener = listener;
    c->tuning = tuning_ref(c->worker->tuning);
    c->deadline.expired = on_deadline;
    LIST_INSERT_HEAD(&clients->list, c, link);
    clients->nr++;
    metrics_add(&c->worker->metrics->client_connections, 1);
    peer_take(&c->peer, peer);
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
    add(clients, c, listener, peer);
    metrics_add(&w->metrics->client_connections_accepted, 1);
    if (listener->is_tls)
        return start_tls(c);
    start_plain(c);
    return 0;
}

static void start_adopted(struct client *c, struct handover *h)
{
    c->has_certificate = h->has_certificate;
    start(c);
    if (leftover_keep(&c->leftover, h->bytes, h->n) < 0)
        conn_close(c);
    else if (!is_admitted(c))
        intake_refuse(c, 503, "ServiceException", "Too many connections are open.",
                      METRICS_REJECTION_CONNECTIONS);
    else
        io_again(&c->worker->loop, &c->io);
}

void client_adopt_take(struct listeners *all, struct handover **handover)
{
    struct worker *w = all->worker;
    struct handover *h = *handover;
    struct client *c = calloc(1, sizeof(*c));
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(peer);

    *handover = NULL;
    listener_take_settings(all);
    if (!c || io_arrive(&w->loop, &c->io, &h->io, on_ready) < 0) {
        metrics_add(&w->metrics->rejections[METRICS_REJECTION_NO_MEMORY], 1);
        free(c);
        handover_free(&h);
        return;
    }
    (void)getpeername(c->io.fd, (struct sockaddr *)&peer, &length); /* it may have gone already */
    if (peer.ss_family == AF_UNIX)                                  /* weir itself */
        memcpy(&peer, &(struct sockaddr_in){AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {0}},
               sizeof(struct sockaddr_in));
    add(all->clients, c, &all->admin[c->io.layer != NULL], &peer);
    start_adopted(c, h);
    handover_free(&h);
}

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
        conn_linger(c); /* for the alert to arrive */
        return;
    }
    tls_peer_subject(&c->io, subject, sizeof(subject));
    if (subject[0])
        c->certificate_subject = strdup(subject);
    c->certificate_len = c->certificate_subject ? (uint32_t)strlen(subject) : 0;
    start(c);
}

/* ---- Events ---------------------------------------------------------------------------------- */

/* The end of what the client sends: in order (n is 0), or by a reset. In the middle of a body the
 * request can't be completed, whatever the client still waits for. */
static void on_end(struct client *c, ssize_t n)
{
    assert(c->state != CLIENT_TUNNEL || c->exchange);
    if (c->state == CLIENT_TUNNEL)
        exchange_tunnel_end(c->exchange);
    else if ((c->state == CLIENT_EXCHANGE || c->state == CLIENT_HELD) && n == 0)
        intake_refuse_half_body(c);
    else
        conn_close(c);
}

/* Can what the client sends be used now? What was held comes first. */
static bool takes_more(const struct client *c)
{
    return intake_wants(c) && !(c->hold && hold_has_passed(c->hold));
}

/* Pipelined bytes, before anything is read. They may hold many requests: one is served per call. */
static void use_leftover(struct client *c)
{
    struct str bytes = leftover_begin(&c->leftover);

    intake_take(c, bytes.p, bytes.n);
    leftover_finish(&c->leftover);
}

static void read_some(struct client *c)
{
    struct worker *w = c->worker;

    for (int i = 0; i < READS_PER_EVENT && takes_more(c) && c->io.is_readable; i++) {
        struct str bytes;
        ssize_t n = partial_read(c->partial, &c->io, w->read_buffer, c->tuning->read_bytes, &bytes);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            on_end(c, n);
            return;
        }
        intake_take(c, bytes.p, bytes.n);
        partial_finish(&c->partial);
        if (!leftover_is_empty(&c->leftover))
            break;
    }
    if (takes_more(c) && (c->io.is_readable || !leftover_is_empty(&c->leftover)))
        io_again(&w->loop, &c->io);
}

static void send_backlog(struct client *c)
{
    int r;

    if (backlog_is_held(&c->backlog))
        return;
    r = backlog_send(&c->backlog, &c->io);
    if (r < 0) {
        conn_leave(c);
        return;
    }
    if (r == 1) {
        conn_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
        return;
    }
    if (c->state == CLIENT_FINISHING) {
        conn_after_response(c);
        return;
    }
    if (c->is_body_read || c->is_paused)
        wheel_clear(&c->deadline.node);
    if (c->exchange)
        exchange_on_client_drained(c->exchange);
}

/* An exchange runs, whose request is complete, and the client has ended its sending side. That
 * may be all that it does (RFC 9112 section 9.6 names half-closed connections), so it gets its
 * answer, unless the operator wants that end to be taken for a departure. Under TLS the end is to
 * be read: bytes before it are the next request's. */
static void look_for_end(struct client *c)
{
    struct worker *w = c->worker;

    if (c->tuning->settings->client_half_close == SETTINGS_HALF_CLOSE_ANSWER)
        return;
    size_t waiting = c->leftover.len - c->leftover.at;
    if (c->io.layer && c->io.is_readable && waiting < c->tuning->read_bytes) {
        ssize_t n = io_read(&c->io, w->read_buffer, c->tuning->read_bytes - waiting);
        if (n > 0 && leftover_add(&c->leftover, w->read_buffer, (size_t)n) < 0)
            n = -ENOMEM;
        if (n <= 0 && n != -EAGAIN) {
            conn_close(c);
            return;
        }
    }
    if (c->io.is_hangup)
        conn_close(c);
}

/* What was held comes before all else that the client has sent. */
static void use_held(struct client *c)
{
    struct str piece;

    if (!intake_wants(c))
        return;
    piece = hold_next(c->hold);
    intake_take(c, piece.p, piece.n);
    if (hold_is_over(c->hold))
        hold_free(&c->hold);
    if (intake_wants(c) && (c->hold || !leftover_is_empty(&c->leftover) || c->io.is_readable))
        io_again(&c->worker->loop, &c->io);
}

static void handle(struct client *c, uint32_t events)
{
    if (c->state == CLIENT_HANDSHAKE) {
        shake_hands(c);
        if (c->state == CLIENT_HANDSHAKE || c->state == CLIENT_CLOSED)
            return;
    }
    bool is_reset = events & (EPOLLHUP | EPOLLERR);
    if (c->output == CLIENT_OUTPUT_BROKEN || (is_reset && !intake_wants(c))) {
        conn_leave(c);
        return;
    }
    if ((events & EPOLLOUT) && !backlog_is_empty(&c->backlog))
        send_backlog(c);
    if (c->hold && hold_has_passed(c->hold)) {
        use_held(c);
        return;
    }
    if (!leftover_is_empty(&c->leftover) && takes_more(c)) {
        use_leftover(c);
        if (!leftover_is_empty(&c->leftover) && takes_more(c))
            io_again(&c->worker->loop, &c->io);
    }
    if (c->io.is_readable && takes_more(c) && leftover_is_empty(&c->leftover))
        read_some(c);
    if (conn_is_waiting(c) && (c->io.is_hangup || c->io.is_readable))
        look_for_end(c);
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
        conn_close(c);
}

static void release(struct client *c)
{
    backlog_release(&c->backlog);
    send_backlog(c);
}

void client_release_all(struct clients *clients)
{
    struct client *c, *next;

    for (c = LIST_FIRST(&clients->list); c; c = next) {
        next = LIST_NEXT(c, link);
        if (backlog_is_held(&c->backlog)) {
            release(c);
            outbox_must_be_empty(&c->worker->outbox);
        }
    }
}

static void expire(struct client *c)
{
    if (backlog_is_held(&c->backlog)) {
        release(c);
        return;
    }
    switch ((enum client_state)c->state) {
    case CLIENT_IDLE:
        close_idle(c);
        return;
    case CLIENT_HANDSHAKE:
        if (!c->worker->is_draining) {
            log_debug("TLS handshake with %s took too long", c->peer.text);
            metrics_add(&c->worker->metrics->rejections[METRICS_REJECTION_TLS_HANDSHAKE], 1);
        }
        conn_close(c);
        return;
    case CLIENT_HEAD:
        intake_refuse_late_head(c);
        return;
    case CLIENT_HELD:
        intake_refuse_late_body(c);
        return;
    case CLIENT_EXCHANGE:
        if (backlog_is_empty(&c->backlog) && !c->is_body_read) {
            intake_refuse_late_body(c);
            return;
        }
        conn_limit_output(c, CLIENT_OUTPUT_CUT);
        conn_close(c);
        return;
    case CLIENT_FINISHING:
        conn_limit_output(c, CLIENT_OUTPUT_CUT);
        conn_close(c);
        return;
    default:
        conn_close(c);
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
        conn_set_deadline(c, idle_ms < CONN_DRAIN_GRACE_MS ? CONN_DRAIN_GRACE_MS - (uint32_t)idle_ms
                                                           : 0);
    else if (c->state == CLIENT_HANDSHAKE)
        conn_set_deadline(c, CONN_DRAIN_GRACE_MS);
}
