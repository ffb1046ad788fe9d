/* Writing responses to HTTP/1 clients: framing by the client's version, back-pressure, and
 * visible incompleteness (RFC 9112 sections 6.3 and 8). */
#include "proxy/client/respond.h"

#include "base/text.h"
#include "proxy/client/respond_head.h"
#include "proxy/exchange/extras.h"
#include "proxy/tls/tls.h"

/* DISCARD_MAX: of the response to a client that has left. */
enum { CHUNK_ROOM = 24, DISCARD_MAX = 1024 * 1024 };

static struct client *client_of(struct exchange *ex)
{
    return ex->client;
}

static struct outbox *outbox_for(struct client *c)
{
    return outbox_of(&c->worker->outbox, &c->io);
}

/* Sends the outbox. 0, or 1 when the client is behind. What nobody takes any more is thrown away:
 * the exchange goes on to its end, if the client's event (client.c) lets it. */
static inline __attribute__((always_inline)) int flush(struct client *c)
{
    struct outbox *out = outbox_for(c);

    c->is_head_unsent = false;
    if (c->output == CLIENT_OUTPUT_BROKEN) {
        outbox_drop(out);
        return 0;
    }
    if (outbox_is_empty(out))
        return backlog_is_empty(&c->backlog) ? 0 : 1;
    int r = outbox_flush(out, &c->io, &c->backlog);
    if (r == 0)
        return 0;
    if (r < 0) {
        conn_limit_output(c, CLIENT_OUTPUT_BROKEN);
        backlog_fini(&c->backlog);
        io_again(&c->worker->loop, &c->io);
        return 0;
    }
    if (!backlog_is_held(&c->backlog))
        conn_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
    return 1;
}

/* A body that nobody gets is read to its end, but not without an end. 0, or 1 when that is
 * enough. */
static int discard(struct client *c, size_t n)
{
    if (c->state != CLIENT_LEFT)
        return 0;
    c->discarded += n;
    if (c->discarded <= DISCARD_MAX)
        return 0;
    conn_set_deadline(c, 0); /* ends it */
    return 1;
}

static int interim(struct exchange *ex, const struct head *head)
{
    struct client *c = client_of(ex);
    struct outbox *out = outbox_for(c);
    struct respond_head how = {.request_id = ex->request.request_id,
                               .hsts_line = "",
                               .minor = 1,
                               .is_interim = true,
                               .extras = ex->extras};

    if (c->output == CLIENT_OUTPUT_BROKEN)
        return 0;
    if (head->status == 100)
        c->is_expecting = false;
    if (!outbox_has_room(out, respond_head_room(c->tuning, head, NULL)))
        flush(c);
    char *start = outbox_reserve(out);
    outbox_claim(out,
                 (size_t)(respond_head_write(start, c->worker, c->tuning, head, &how) - start));
    return 0;
}

static void choose_framing(struct client *c, const struct exchange *ex, const struct head *head,
                           enum body_kind body, struct respond_head *how)
{
    bool may_have_length = head->body == BODY_LENGTH && head->status != 204 && head->status >= 200;

    c->framing = CLIENT_FRAMING_NONE;
    switch (body) {
    case BODY_NONE: /* to HEAD and in 304: the length that the body would have */
        how->has_length = may_have_length;
        break;
    case BODY_LENGTH:
        how->has_length = true;
        c->framing = CLIENT_FRAMING_LENGTH;
        break;
    case BODY_CHUNKED:
    case BODY_UNTIL_CLOSE:
        how->is_chunked = ex->minor >= 1;
        c->framing = how->is_chunked ? CLIENT_FRAMING_CHUNKED : CLIENT_FRAMING_CLOSE;
        break;
    }
    how->length = head->content_length;
    /* A client that waits for 100 (Continue) and gets its final answer instead may or may not
     * send the body now: nobody can tell what comes next. */
    if (c->framing == CLIENT_FRAMING_CLOSE || c->worker->is_draining ||
        (!c->is_body_read && (c->is_expecting || (head->status >= 400 && !conn_is_rest_small(c)))))
        conn_limit_output(c, CLIENT_OUTPUT_LAST);
}

static int head(struct exchange *ex, const struct head *response, enum body_kind body)
{
    struct client *c = client_of(ex);
    struct outbox *out = outbox_for(c);
    struct respond_head how = {
        .executed_version = ex->run ? ex->run->version->name : STR(""),
        .request_id = ex->request.request_id,
        .hsts_line = c->listener->hsts_line,
        .minor = ex->minor,
        .is_upgrade = response->status == 101,
    };

    if (c->output == CLIENT_OUTPUT_BROKEN) {
        if (c->state == CLIENT_LEFT)
            conn_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
        return 0;
    }
    assert(c->exchange == ex);
    choose_framing(c, ex, response, body, &how);
    how.is_close = conn_is_last(c);
    how.extras = ex->extras;
    if (ex->trace.whose != TRACEID_NONE) {
        how.trace = &ex->trace;
        how.is_remapped = !ex->is_stream;
    }
    if (!outbox_has_room(out, respond_head_room(c->tuning, response, how.extras)))
        flush(c);
    c->is_head_unsent = outbox_is_empty(out);
    char *start = outbox_reserve(out);
    outbox_claim(out,
                 (size_t)(respond_head_write(start, c->worker, c->tuning, response, &how) - start));
    return 0;
}

static int body(struct exchange *ex, struct str span)
{
    struct client *c = client_of(ex);
    struct outbox *out = outbox_for(c);
    bool is_small = span.n <= OUTBOX_COPY_MAX;
    bool is_chunked = c->framing == CLIENT_FRAMING_CHUNKED && c->state != CLIENT_TUNNEL;

    if (c->output == CLIENT_OUTPUT_BROKEN)
        return discard(c, span.n);
    if (!outbox_has_room(out, (is_small ? span.n : 0) + CHUNK_ROOM))
        flush(c);
    if (is_chunked) {
        char *start = outbox_reserve(out);
        char *p = text_lit(text_hex(start, span.n), "\r\n");
        outbox_claim(out, (size_t)(p - start));
    }
    if (is_small)
        outbox_copy(out, span.p, span.n);
    else
        outbox_refer(out, span.p, span.n);
    if (is_chunked)
        outbox_copy(out, "\r\n", 2);
    return 0;
}

static int flush_exchange(struct exchange *ex)
{
    return flush(client_of(ex));
}

static void end(struct exchange *ex, struct str trailers)
{
    struct client *c = client_of(ex);
    struct outbox *out = outbox_for(c);

    if (c->framing == CLIENT_FRAMING_CHUNKED && c->state != CLIENT_TUNNEL) {
        if (!outbox_has_room(out, trailers.n + CHUNK_ROOM))
            flush(c);
        char *start = outbox_reserve(out);
        char *p = text_lit(start, "0\r\n");
        if (trailers.n > 0)
            p = ex->extras ? extras_put_trailers(p, ex->extras, trailers) : text_str(p, trailers);
        p = text_lit(p, "\r\n");
        outbox_claim(out, (size_t)(p - start));
    }
    flush(c);
}

size_t respond_own(struct client *c, const struct reply *reply)
{
    struct outbox *out = outbox_for(c);
    size_t body_bytes;

    if (!outbox_has_room(out, REPLY_MAX))
        flush(c);
    if (reply->is_close)
        conn_limit_output(c, CLIENT_OUTPUT_LAST);
    c->framing = CLIENT_FRAMING_LENGTH;
    char *start = outbox_reserve(out);
    outbox_claim(out,
                 (size_t)(reply_write(start, worker_date(c->worker), reply, &body_bytes) - start));
    flush(c);
    return body_bytes;
}

static void error(struct exchange *ex, int status, const char *type, const char *message)
{
    struct client *c = client_of(ex);
    struct reply reply = {
        .status = status,
        .type = type,
        .message = message,
        .reason = ex->reason,
        .request_id = ex->request.request_id,
        .trace = ex->trace.whose != TRACEID_NONE && status < 300 ? &ex->trace : NULL,
        .second = worker_second(c->worker),
        .hsts_line = c->listener->hsts_line,
        .is_head = c->is_head_request,
        .is_http10 = ex->minor == 0,
    };

    reply.is_close = conn_is_last(c) || status == 413 || c->worker->is_draining ||
                     (!c->is_body_read && !conn_is_rest_small(c));
    ex->bytes_out = respond_own(c, &reply);
}

static bool retract(struct exchange *ex)
{
    struct client *c = client_of(ex);
    struct outbox *out = outbox_for(c);

    if (!c->is_head_unsent)
        return false;
    outbox_drop(out);
    c->is_head_unsent = false;
    return true;
}

static void cut(struct exchange *ex)
{
    struct client *c = client_of(ex);

    flush(c);
    conn_limit_output(c, CLIENT_OUTPUT_CUT);
}

static void pause_reading(struct exchange *ex)
{
    struct client *c = client_of(ex);

    c->is_paused = true;
    if (backlog_is_empty(&c->backlog))
        wheel_clear(&c->deadline.node);
}

static void resume_reading(struct exchange *ex)
{
    struct client *c = client_of(ex);

    if (!c->is_paused)
        return;
    c->is_paused = false;
    c->rate_since_ms = c->worker->loop.now_ms;
    c->rate_bytes = 0;
    if (c->state == CLIENT_EXCHANGE)
        conn_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
    if (c->io.is_readable || c->hold)
        io_again(&c->worker->loop, &c->io);
}

static void tunnel(struct exchange *ex)
{
    struct client *c = client_of(ex);

    assert(c->exchange == ex);
    conn_goto(c, CLIENT_TUNNEL);
    conn_limit_output(c, CLIENT_OUTPUT_LAST);
    if (c->io.is_readable || !leftover_is_empty(&c->leftover))
        io_again(&c->worker->loop, &c->io);
}

static void describe(const struct exchange *ex, struct exchange_peer *out)
{
    const struct client *c = ex->client;
    struct sockaddr_storage here;
    socklen_t n = sizeof(here);

    if (getsockname(c->io.fd, (struct sockaddr *)&here, &n) == 0)
        out->port = ntohs(here.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&here)->sin6_port
                                                     : ((struct sockaddr_in *)&here)->sin_port);
    tls_describe(&c->io, &out->tls_version, &out->tls_cipher);
}

/* A head that still lies in the outbox may be taken back, so nothing is sent here. Where something
 * waits for the client already, the rest of that response is of no use to anybody who waits. */
static void withhold(struct exchange *ex)
{
    struct client *c = client_of(ex);

    if (c->output == CLIENT_OUTPUT_BROKEN || !backlog_is_empty(&c->backlog))
        return;
    backlog_hold(&c->backlog);
    conn_set_deadline(c, CONN_WITHHELD_MS);
}

static void over(struct exchange *ex)
{
    assert(client_of(ex)->exchange == ex);
    conn_next(client_of(ex));
}

const struct exchange_front respond_front = {
    .interim = interim,
    .head = head,
    .body = body,
    .flush = flush_exchange,
    .end = end,
    .error = error,
    .retract = retract,
    .cut = cut,
    .pause = pause_reading,
    .resume = resume_reading,
    .tunnel = tunnel,
    .describe = describe,
    .withhold = withhold,
    .over = over,
};
