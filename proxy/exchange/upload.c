/* Sending requests. Bodies go into the block that holds the head as long as they fit there, so that
 * they can be sent again; after that they stream. */
#include "proxy/exchange/upload.h"

#include <errno.h>

#include "base/text.h"
#include "proxy/exchange/extras.h"

enum { CHUNK_ROOM = 24 };

/* How long the endpoint may take to begin its response. */
static uint32_t response_head_ms(const struct exchange *ex)
{
    uint32_t own = ex->run->version->head_wait_ms;

    return own ? own : ex->tuning->settings->timeouts.response_head_ms;
}

/* The function's own time counts from here: it ends the response, too, where it only dribbles. */
void upload_wait(struct exchange *ex)
{
    uint32_t timeout_ms = ex->run->version->timeout_ms;

    if (!ex->is_request_complete || (ex->order && ex->order->table)) {
        upstream_wait(ex->upstream, ex->is_request_complete ? ex->order->limit_ms : 0);
        return;
    }
    if (timeout_ms > 0 && ex->is_invoke)
        ex->user.end_by_ms = ex->worker->loop.now_ms + timeout_ms;
    upstream_wait(ex->upstream, response_head_ms(ex));
}

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

void upload_flush(struct exchange *ex)
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
        !upstream_has_unsent(ex->upstream))
        upload_wait(ex);
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
    bool is_chunked = ex->request_body == BODY_CHUNKED;
    bool is_small = span.n <= OUTBOX_COPY_MAX;

    push_request_with(ex, span.n);
    ex->is_request_replayable = false;
    if (!outbox_has_room(out, (is_small ? span.n : 0) + CHUNK_ROOM)) {
        upload_flush(ex);
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

int upload_body(struct exchange *ex, struct str span)
{
    bool is_chunked = ex->request_body == BODY_CHUNKED;
    char *start = keep_room(ex, span.n + (is_chunked ? CHUNK_ROOM : 0)), *p;

    if (!start && ex->state == EXCHANGE_WAITING)
        return -ENOMEM;
    if (!start) {
        stream_body(ex, span);
        return 0;
    }
    p = is_chunked ? write_chunk_head(start, span.n) : start;
    p = text_str(p, span);
    if (is_chunked)
        p = text_lit(p, "\r\n");
    ex->request.body_len += (uint32_t)(p - start);
    return 0;
}

/* What a response may not say without weir, a request may not either. */
static char *write_last_chunk(char *p, const struct exchange *ex, struct str trailers)
{
    p = text_lit(p, "0\r\n");
    if (trailers.n > 0)
        p = ex->extras ? extras_put_trailers(p, ex->extras, trailers) : text_str(p, trailers);
    return text_lit(p, "\r\n");
}

static void stream_last_chunk(struct exchange *ex, struct str trailers)
{
    struct outbox *out = upstream_outbox(ex->upstream);

    push_request(ex);
    ex->is_request_replayable = false;
    if (!outbox_has_room(out, trailers.n + CHUNK_ROOM)) {
        upload_flush(ex);
    }
    char *p = outbox_reserve(out);
    outbox_claim(out, (size_t)(write_last_chunk(p, ex, trailers) - p));
}

int upload_end(struct exchange *ex, struct str trailers)
{
    if (ex->request_body != BODY_CHUNKED)
        return 0;
    char *start = keep_room(ex, trailers.n + CHUNK_ROOM);
    if (!start && ex->state == EXCHANGE_WAITING)
        return -ENOMEM;
    if (start)
        ex->request.body_len += (uint32_t)(write_last_chunk(start, ex, trailers) - start);
    else
        stream_last_chunk(ex, trailers);
    return 0;
}
