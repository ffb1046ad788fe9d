/* Connections to endpoints: connecting, sending, reading responses. One function changes a state
 * (goto_state), and with it the gauge that counts connections in it. */
#include "proxy/upstream/upstream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "proxy/http/partial.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/timeleft.h"

/* Reads in a row, of 32 KiB: 16 take some 0.2 ms, which is the longest that a large response makes
 * others wait, and cost 3 % less CPU than 4 do (1 MiB down, 16 connections). */
enum { READS_PER_EVENT = 16, INTERIM_MAX = 100, AVOID_MS = 1000 };

static void on_ready(struct loop *loop, struct io *io, uint32_t events);
static void on_deadline(struct deadline *deadline);

/* ---- States ---------------------------------------------------------------------------------- */

/* The partial head goes last: pieces of it may wait in the outbox when the connection is closed. */
static void free_upstream(struct loop_garbage *garbage)
{
    struct upstream *u = (struct upstream *)((char *)garbage - offsetof(struct upstream, garbage));

    partial_free(&u->partial);
    free(u);
}

static void set_deadline(struct upstream *u, uint32_t in_ms)
{
    struct loop *loop = &u->worker->loop;

    wheel_set(&loop->wheel, &u->deadline.node, loop->now_ms + in_ms);
}

/* The gauge that counts a connection in that state; METRICS_CONNECTION_STATE_COUNT: none does. */
static enum metrics_connection_state gauge_of(enum upstream_state state)
{
    switch (state) {
    case UPSTREAM_CONNECTING:
    case UPSTREAM_HANDSHAKE:
        return METRICS_CONNECTING;
    case UPSTREAM_ACTIVE:
    case UPSTREAM_TUNNEL:
        return METRICS_ACTIVE;
    case UPSTREAM_IDLE:
        return METRICS_IDLE;
    default:
        return METRICS_CONNECTION_STATE_COUNT;
    }
}

static void goto_state(struct upstream *u, enum upstream_state state)
{
    enum metrics_connection_state from = gauge_of(u->state), to = gauge_of(state);
    struct metrics_pool_cell *cell = u->to->cell;

    assert(u->state != UPSTREAM_CLOSED);
    u->state = state;
    if (from == to)
        return;
    metrics_sub(&cell->connections[from], 1);
    if (to != METRICS_CONNECTION_STATE_COUNT)
        metrics_add(&cell->connections[to], 1);
}

static void belong_to(struct upstream *u, struct upstream_user *user)
{
    u->user = user;
    u->io.related[0] = user;
    u->io.related[1] = user ? user->related : NULL;
}

void upstream_close(struct upstream **upstream)
{
    struct upstream *u = *upstream;

    *upstream = NULL;
    assert(u->user);
    if (u->state == UPSTREAM_IDLE && u->io.layer && !u->io.is_readable)
        io_shutdown(&u->io); /* a farewell to who still listens */
    goto_state(u, UPSTREAM_CLOSED);
    belong_to(u, NULL);
    wheel_forget(&u->worker->loop.wheel, &u->deadline.node);
    io_close(&u->worker->loop, &u->io);
    backlog_fini(&u->backlog);
    http1_fini(&u->parser);
    loop_discard(&u->worker->loop, &u->garbage, free_upstream);
}

static void fail(struct upstream *u, enum metrics_error why, bool is_silent)
{
    struct upstream_user *user = u->user;

    user->on->failed(user, u, why, is_silent);
    assert(u->state == UPSTREAM_CLOSED || u->user != user);
}

/* The limits are the user's, who counts itself on the settings that hold them. */
static void begin_response(struct upstream *u)
{
    http1_init_response(&u->parser, &u->worker->response_head, u->user->limits);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void on_deadline(struct deadline *deadline);

/* A pause that doubles while connections fail, so that an address which is dead costs few
 * invocations the time to find that out. */
static void note_refused(struct upstream_target *to, uint64_t now_ms)
{
    uint32_t doublings = to->nr_refused < 5 ? to->nr_refused : 5;

    to->nr_refused++;
    to->avoid_until_ms = now_ms + ((uint64_t)AVOID_MS << doublings);
}

struct upstream *upstream_open(struct worker *w, struct upstream_target *to,
                               struct upstream_user *user, uint32_t connect_ms,
                               enum metrics_error *error)
{
    struct upstream *u = calloc(1, sizeof(*u));
    int fd;

    *error = METRICS_ERROR_INTERNAL;
    if (!u)
        return NULL;
    fd = address_connect(&to->address);
    if (fd < 0 || io_open(&w->loop, &u->io, fd, on_ready) < 0) {
        if (fd == -EMFILE || fd == -ENFILE)
            log_warning_limited(&to->warnings, w->loop.now_ms,
                                "no descriptor is free for a connection to %s",
                                to->origin->authority);
        else if (fd < 0)
            *error = METRICS_ERROR_CONNECT;
        if (fd < 0)
            note_refused(to, w->loop.now_ms);
        free(u);
        return NULL;
    }
    u->worker = w;
    u->to = to;
    belong_to(u, user);
    u->state = UPSTREAM_CONNECTING;
    metrics_add(&to->cell->opened, 1);
    metrics_add(&to->cell->connections[METRICS_CONNECTING], 1);
    u->opened_ms = w->loop.now_ms;
    u->deadline.expired = on_deadline;
    set_deadline(u, connect_ms);
    return u;
}

static void become_active(struct upstream *u)
{
    goto_state(u, UPSTREAM_ACTIVE);
    wheel_clear(&u->deadline.node);
    u->nr_exchanges++;
    u->to->nr_refused = 0;
    u->to->avoid_until_ms = 0;
    begin_response(u);
    /* What came together with the connection makes no event of its own. From an endpoint that
     * answers before it is asked, nobody can tell what it will answer to the next request; under
     * TLS it may as well be a session ticket. */
    u->has_spoken_first = u->io.is_readable && !u->io.layer;
    if (u->io.is_readable)
        io_again(&u->worker->loop, &u->io);
    u->user->on->connected(u->user);
}

static void shake_hands(struct upstream *u)
{
    const char *reason = NULL;
    int r = tls_handshake(&u->io, &reason);

    if (r == -EAGAIN)
        return;
    if (r < 0) {
        log_warning_limited(&u->to->warnings, u->worker->loop.now_ms, "TLS with %s failed: %s",
                            u->to->origin->authority, reason ? reason : "unknown");
        note_refused(u->to, u->worker->loop.now_ms);
        fail(u, METRICS_ERROR_TLS, true);
        return;
    }
    become_active(u);
}

static void on_connecting(struct upstream *u, uint32_t events)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
        return;
    if (getsockopt(u->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error) {
        note_refused(u->to, u->worker->loop.now_ms);
        fail(u, METRICS_ERROR_CONNECT, true);
        return;
    }
    if (!u->to->tls) {
        become_active(u);
        return;
    }
    if (tls_connect(&u->io, u->to->tls) < 0) {
        fail(u, METRICS_ERROR_INTERNAL, true);
        return;
    }
    goto_state(u, UPSTREAM_HANDSHAKE);
    shake_hands(u);
}

/* ---- Lending --------------------------------------------------------------------------------- */

void upstream_use(struct upstream *u, struct upstream_user *user)
{
    assert(u->state == UPSTREAM_IDLE);
    belong_to(u, user);
    goto_state(u, UPSTREAM_ACTIVE);
    u->nr_exchanges++;
    wheel_clear(&u->deadline.node);
    begin_response(u);
}

void upstream_give(struct upstream *u, struct upstream_user *user)
{
    assert(u->state == UPSTREAM_ACTIVE);
    belong_to(u, user);
    u->parser.limits = user->limits;
    u->is_paused = false;
    wheel_clear(&u->deadline.node);
    if (u->io.is_readable)
        io_again(&u->worker->loop, &u->io);
}

static uint32_t idle_limit(const struct upstream *u)
{
    uint32_t idle_ms = u->worker->tuning->settings->upstream.idle_ms;

    return u->keep_alive_ms > 0 && u->keep_alive_ms < idle_ms ? u->keep_alive_ms : idle_ms;
}

bool upstream_is_clean(struct upstream *u)
{
    char byte;

    return !u->io.is_hangup && io_read(&u->io, &byte, 1) == -EAGAIN;
}

bool upstream_rest(struct upstream *u, struct upstream_user *user)
{
    /* A read that filled the buffer to its last byte may have left nothing behind it. */
    if (u->state != UPSTREAM_ACTIVE || u->io.is_hangup ||
        (u->io.is_readable && !upstream_is_clean(u)) || upstream_has_unsent(u))
        return false;
    belong_to(u, user);
    goto_state(u, UPSTREAM_IDLE);
    u->is_paused = u->has_response_bytes = u->is_in_body = false;
    u->nr_interim = 0;
    u->idle_since_us = u->worker->loop.now_us;
    set_deadline(u, idle_limit(u));
    return true;
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* The endpoint takes no more. It may have answered before it stopped reading (RFC 9112
 * section 9.6), so that what it sent is still read; only its end decides. */
static void stop_sending(struct upstream *u)
{
    u->is_write_broken = true;
    backlog_fini(&u->backlog);
    u->io.is_readable = true;
    io_again(&u->worker->loop, &u->io);
}

int upstream_flush(struct upstream *u)
{
    struct outbox *out = upstream_outbox(u);

    if (u->is_write_broken) {
        outbox_drop(out);
        return 0;
    }
    int r = outbox_flush(out, &u->io, &u->backlog);
    /* A tunnel in which the client alone speaks does not stand still either. */
    if (r == 1 || u->state == UPSTREAM_TUNNEL)
        set_deadline(u, u->user->stream_idle_ms);
    if (r != -ENOMEM)
        return r;
    /* What could not be kept is lost, and the endpoint would wait for it: it fails, but not within
     * this call. */
    u->is_out_of_memory = true;
    stop_sending(u);
    return 0;
}

void upstream_break_sending(struct upstream *u)
{
    stop_sending(u);
}

static void send_backlog(struct upstream *u)
{
    int r = backlog_send(&u->backlog, &u->io);

    if (r == 1) {
        set_deadline(u, u->user->stream_idle_ms);
        return;
    }
    if (r < 0)
        stop_sending(u);
    u->user->on->drained(u->user);
}

void upstream_wait(struct upstream *u, uint32_t response_head_ms)
{
    if (response_head_ms == 0)
        wheel_clear(&u->deadline.node);
    else if (!u->is_in_body)
        set_deadline(u, response_head_ms);
}

/* ---- Reading --------------------------------------------------------------------------------- */

void upstream_pause(struct upstream *u)
{
    if (!u->is_paused)
        timeleft_stop(u->user, u->worker->loop.now_ms);
    u->is_paused = true;
    wheel_clear(&u->deadline.node);
}

void upstream_resume(struct upstream *u)
{
    if (!u->is_paused)
        return;
    u->is_paused = false;
    timeleft_go_on(u->user, u->worker->loop.now_ms);
    set_deadline(u, timeleft_ms(u->user, u->worker->loop.now_ms));
    if (u->io.is_readable)
        io_again(&u->worker->loop, &u->io);
}

void upstream_tunnel(struct upstream *u)
{
    goto_state(u, UPSTREAM_TUNNEL);
    set_deadline(u, u->user->stream_idle_ms);
}

/* "timeout=5" in Keep-Alive: the endpoint will close then, so the pool does a second earlier. */
static void read_keep_alive(struct upstream *u, const struct head *head)
{
    for (int i = 0; head->has_keep_alive && i < head->nr_fields; i++) {
        if (head->fields[i].id != FIELD_KEEP_ALIVE)
            continue;
        struct str v = head_value(head, &head->fields[i]);
        uint32_t seconds = 0;
        if (v.n < 9 || !str_ieq((struct str){v.p, 8}, STR("timeout=")))
            continue;
        for (size_t k = 8; k < v.n && k < 13 && v.p[k] >= '0' && v.p[k] <= '9'; k++)
            seconds = seconds * 10 + (uint32_t)(v.p[k] - '0');
        u->keep_alive_ms = seconds > 1 ? (seconds - 1) * 1000 : 1;
    }
}

/* A final head: how the message ends, and whether the connection outlives it. */
static bool on_final_head(struct upstream *u, struct head *head)
{
    struct upstream_user *user = u->user;

    http1_response_to(&u->parser, user->is_head);
    u->may_persist = head->minor >= 1 ? !head->is_close : head->is_keep_alive && !head->is_close;
    read_keep_alive(u, head);
    u->is_in_body = true;
    set_deadline(u, timeleft_ms(user, u->worker->loop.now_ms));
    return user->on->head(user, head, u->parser.body) && u->user == user;
}

/* One head was read. False when this connection is to be read no further now. */
static bool on_head(struct upstream *u, struct head *head)
{
    struct upstream_user *user = u->user;

    if (head->status == 101 && user->is_upgrade)
        return user->on->head(user, head, BODY_NONE) && u->user == user;
    if (head->status >= 200)
        return on_final_head(u, head);
    if (head->status == 101 || ++u->nr_interim > INTERIM_MAX || head->minor == 0) {
        u->parser.detail = head->status == 101 ? "it switches protocols, which was not asked for"
                                               : "there are too many interim responses";
        fail(u, METRICS_ERROR_BAD_RESPONSE, false);
        return false;
    }
    return user->on->interim(user, head) && u->user == user;
}

static void on_complete(struct upstream *u, bool has_more_bytes)
{
    struct str trailers = {u->parser.trailers, u->parser.trailers_len};
    bool is_reusable = u->may_persist && !has_more_bytes && !u->is_write_broken &&
                       !u->has_spoken_first && u->parser.body != BODY_UNTIL_CLOSE;

    u->user->on->end(u->user, trailers, is_reusable);
    http1_fini(&u->parser);
}

static void read_body(struct upstream *u, const char *cursor, const char *end)
{
    struct upstream_user *user = u->user;

    for (;;) {
        struct str span;
        switch (http1_body_next(&u->parser, &cursor, end, &span)) {
        case HTTP1_SPAN:
            if (!user->on->body(user, span) || u->user != user)
                return;
            continue;
        case HTTP1_END:
            on_complete(u, cursor < end);
            return;
        case HTTP1_MORE:
            user->on->flush(user);
            return;
        default:
            fail(u, METRICS_ERROR_BAD_RESPONSE, false);
            return;
        }
    }
}

/* Bytes of heads at data; what is left of them goes on as body. Interim responses may precede the
 * final one. */
static void read_heads(struct upstream *u, const char *data, const char *end)
{
    for (;;) {
        struct head *head = u->parser.head;
        enum http1_result r = http1_head_feed(&u->parser, data, (size_t)(end - data));
        if (r == HTTP1_MORE) {
            if (partial_keep(&u->partial, &u->parser, data, (size_t)(end - data)) < 0)
                fail(u, METRICS_ERROR_INTERNAL, false);
            else if (u->nr_interim > 0)
                u->user->on->flush(u->user);
            return;
        }
        if (r == HTTP1_FAILED) {
            log_debug("%s: %s", u->to->origin->authority, u->parser.detail);
            fail(u, METRICS_ERROR_BAD_RESPONSE, false);
            return;
        }
        if (!on_head(u, head))
            return;
        data += head->bytes;
        if (u->state == UPSTREAM_TUNNEL) {
            if (data == end ||
                u->user->on->tunnel_bytes(u->user, (struct str){data, (size_t)(end - data)}))
                u->user->on->flush(u->user);
            return;
        }
        if (u->is_in_body) {
            read_body(u, data, end);
            return;
        }
        begin_response(u);
        if (data == end) {
            u->user->on->flush(u->user);
            return;
        }
    }
}

/* The connection's end, orderly (n == 0) or not. */
static void on_end(struct upstream *u, ssize_t n)
{
    if (u->state == UPSTREAM_TUNNEL) {
        u->user->on->tunnel_end(u->user);
        assert(u->state == UPSTREAM_CLOSED);
        return;
    }
    if (n == 0 && u->is_in_body && http1_body_eof(&u->parser)) {
        u->may_persist = false;
        on_complete(u, false);
        assert(u->state == UPSTREAM_CLOSED);
        return;
    }
    fail(u, METRICS_ERROR_RESET, !u->has_response_bytes);
}

static void take_bytes(struct upstream *u, const char *data, size_t n)
{
    u->has_response_bytes = true;
    if (u->state == UPSTREAM_TUNNEL) {
        set_deadline(u, u->user->stream_idle_ms);
        if (u->user->on->tunnel_bytes(u->user, (struct str){data, n}))
            u->user->on->flush(u->user);
        return;
    }
    if (u->is_in_body) {
        set_deadline(u, timeleft_ms(u->user, u->worker->loop.now_ms));
        read_body(u, data, data + n);
        return;
    }
    read_heads(u, data, data + n);
}

static void read_some(struct upstream *u)
{
    struct worker *w = u->worker;
    struct upstream_user *user = u->user;

    for (int i = 0; i < READS_PER_EVENT && u->user == user && !u->is_paused && u->io.is_readable;
         i++) {
        struct str bytes;
        ssize_t n = partial_read(u->partial, &u->io, w->read_buffer, w->tuning->read_bytes, &bytes);
        if (n == -EAGAIN)
            return;
        if (n == -ENOMEM) {
            fail(u, METRICS_ERROR_INTERNAL, false);
            return;
        }
        if (n <= 0) {
            on_end(u, n);
            return;
        }
        take_bytes(u, bytes.p, bytes.n);
        partial_finish(&u->partial);
    }
    if (u->user == user && !u->is_paused && u->io.is_readable)
        io_again(&w->loop, &u->io);
}

static void handle(struct upstream *u, uint32_t events)
{
    const struct upstream_user *user = u->user;

    switch (u->state) {
    case UPSTREAM_CONNECTING:
        on_connecting(u, events);
        return;
    case UPSTREAM_HANDSHAKE:
        shake_hands(u);
        return;
    case UPSTREAM_IDLE:
        if (u->io.is_readable)
            fail(u, METRICS_ERROR_NONE, true);
        return;
    case UPSTREAM_ACTIVE:
    case UPSTREAM_TUNNEL:
        if (u->is_out_of_memory) {
            fail(u, METRICS_ERROR_INTERNAL, false);
            return;
        }
        if ((events & EPOLLOUT) && !backlog_is_empty(&u->backlog))
            send_backlog(u);
        if (u->user == user && u->io.is_readable && !u->is_paused)
            read_some(u);
        return;
    case UPSTREAM_CLOSED:
        return;
    }
}

static void on_ready(struct loop *loop, struct io *io, uint32_t events)
{
    (void)loop;
    handle((struct upstream *)io, events);
    outbox_must_be_empty(&((struct upstream *)io)->worker->outbox);
}

/* ---- Deadlines ------------------------------------------------------------------------------- */

static void expire(struct upstream *u)
{
    switch (u->state) {
    case UPSTREAM_CONNECTING:
        note_refused(u->to, u->worker->loop.now_ms);
        fail(u, METRICS_ERROR_CONNECT_TIMEOUT, true);
        return;
    case UPSTREAM_HANDSHAKE:
        note_refused(u->to, u->worker->loop.now_ms);
        fail(u, METRICS_ERROR_CONNECT_TIMEOUT, true);
        return;
    case UPSTREAM_ACTIVE:
        fail(u,
             (u->is_in_body || !backlog_is_empty(&u->backlog)) &&
                     !timeleft_is_up(u->user, u->worker->loop.now_ms)
                 ? METRICS_ERROR_STREAM_TIMEOUT
                 : METRICS_ERROR_RESPONSE_TIMEOUT,
             false);
        return;
    case UPSTREAM_TUNNEL:
        fail(u, METRICS_ERROR_STREAM_TIMEOUT, false);
        return;
    case UPSTREAM_IDLE:
        fail(u, METRICS_ERROR_NONE, true);
        return;
    case UPSTREAM_CLOSED:
        return;
    }
}

static void on_deadline(struct deadline *deadline)
{
    struct upstream *u =
        (struct upstream *)((char *)deadline - offsetof(struct upstream, deadline));

    expire(u);
    outbox_must_be_empty(&u->worker->outbox);
}
