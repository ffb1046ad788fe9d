/* Framing responses. Errors that are known before the first byte are ordinary responses. */
#include "proxy/exchange/framed.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/text.h"
#include "proxy/exchange/gathered.h"
#include "proxy/exchange/mapped.h"
#include "proxy/exchange/standin.h"
#include "proxy/exchange/warden.h"
#include "proxy/http/eventstream.h"

/* How much of a response may be held back as one that may yet be an error. */
enum { HELD_MAX = 65536 };

/* ---- Frames ---------------------------------------------------------------------------------- */

/* The three parts of a frame, to whom they go. */
static bool put_frame(struct exchange *ex, enum eventstream_event event, struct str payload,
                      bool (*put)(struct exchange *ex, struct str span))
{
    char before[EVENTSTREAM_BEFORE_MAX], behind[EVENTSTREAM_BEHIND];
    char *end = eventstream_frame(before, event, payload, behind);

    return put(ex, (struct str){before, (size_t)(end - before)}) &&
           (payload.n == 0 || put(ex, payload)) &&
           put(ex, (struct str){behind, EVENTSTREAM_BEHIND});
}

/* As if it had come from the connection. */
static bool pass_on(struct exchange *ex, struct str span)
{
    return ex->next->body(&ex->user, span);
}

/* Where there is no connection any more. */
static bool give(struct exchange *ex, struct str span)
{
    ex->bytes_out += span.n;
    return ex->front->body(ex, span) >= 0;
}

static bool put_chunk(struct exchange *ex, struct str span)
{
    return span.n == 0 || put_frame(ex, EVENTSTREAM_CHUNK, span, pass_on);
}

/* The last frame's payload; code NULL: it went well. details is what failed, as it came. */
static void write_complete(const struct exchange *ex, const char *code, struct str details,
                           struct buffer *out)
{
    char log[STANDIN_ERROR_MAX];

    buffer_lit(out, "{");
    if (code) {
        buffer_lit(out, "\"ErrorCode\":");
        buffer_json(out, str_of(code));
        buffer_lit(out, ",\"ErrorDetails\":");
        buffer_json(out, details);
    }
    if (ex->wants_log) {
        buffer_add(out, code ? STR(",\"LogResult\":") : STR("\"LogResult\":"));
        buffer_json(out, standin_log(ex, log));
    }
    buffer_lit(out, "}");
}

static void put_complete(struct exchange *ex, const char *code, struct str details,
                         bool (*put)(struct exchange *ex, struct str span))
{
    struct buffer payload = {.p = NULL};

    if (code)
        warden_failed(ex);
    write_complete(ex, code, details, &payload);
    put_frame(ex, EVENTSTREAM_COMPLETE,
              payload.is_out ? STR("{\"ErrorCode\":\"OutOfMemory\"}") : buffer_text(&payload), put);
    if (put == pass_on) /* what was put may be sent from where it is */
        ex->next->flush(&ex->user);
    else
        ex->front->flush(ex);
    buffer_fini(&payload);
}

static const struct head *stream_head(struct exchange *ex, struct standin_text *text,
                                      enum body_kind *body)
{
    const struct standin standin = {
        .status = 200, .content_type = EVENTSTREAM_TYPE, .is_http = true, .is_stream = true};

    return standin_head(ex->worker, &standin, text, body);
}

static bool begin(struct exchange *ex)
{
    struct standin_text text;
    enum body_kind body;
    const struct head *head = stream_head(ex, &text, &body);

    return ex->next->head(&ex->user, head, body);
}

static bool flush(struct exchange *ex)
{
    return ex->next->flush(&ex->user);
}

static void end(struct exchange *ex)
{
    in_flight_leave(&ex->in_flight);
    ex->front->end(ex, (struct str){NULL, 0});
}

/* The endpoint is lost, or took too long: in a frame, if the stream has begun or is what the client
 * waits for. */
static bool gave_up(struct exchange *ex, enum metrics_error why)
{
    char error[STANDIN_ERROR_MAX];
    struct standin_text text;
    enum body_kind body;

    if (ex->state >= EXCHANGE_RESPONDING && standin_has_timed_out(ex, why)) {
        put_complete(ex, "Sandbox.Timedout",
                     standin_timed_out(ex, ex->run->version->timeout_ms, error), give);
        end(ex);
        return true;
    }
    if (ex->state >= EXCHANGE_RESPONDING) {
        put_complete(ex, "Runtime.ResponseEnded",
                     STR("The endpoint's response ended before it was complete."), give);
        end(ex);
        return true;
    }
    if (!standin_has_timed_out(ex, why))
        return false;
    ex->status = 200;
    const struct head *head = stream_head(ex, &text, &body);
    ex->front->head(ex, head, body);
    put_complete(ex, "Sandbox.Timedout", standin_timed_out(ex, ex->run->version->timeout_ms, error),
                 give);
    end(ex);
    return true;
}

/* ---- http ------------------------------------------------------------------------------------ */

/* What the endpoint says of its own failure stays its own response. */
static bool http_head(struct exchange *ex, const struct head *head, enum body_kind body)
{
    if (head->status < 200 || head->status >= 300) {
        ex->user.on = ex->next;
        ex->filter = NULL;
        return ex->next->head(&ex->user, head, body);
    }
    return begin(ex);
}

static void http_end(struct exchange *ex, struct str trailers, bool is_reusable)
{
    (void)trailers;
    put_complete(ex, NULL, STR(""), pass_on);
    ex->next->end(&ex->user, (struct str){NULL, 0}, is_reusable);
}

const struct exchange_filter framed_http = {
    .head = http_head,
    .body = put_chunk,
    .flush = flush,
    .end = http_end,
    .gave_up = gave_up,
};

/* ---- rie ------------------------------------------------------------------------------------- */

/* s is the beginning of text, or the other way round. */
static bool may_become(struct str s, struct str text)
{
    return memcmp(s.p, text.p, s.n < text.n ? s.n : text.n) == 0;
}

static struct str skip_space(struct str s)
{
    while (s.n > 0 && (*s.p == ' ' || *s.p == '\n' || *s.p == '\r' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    return s;
}

/* Whether these first bytes may be those of an error: an object whose first key begins as those of
 * errors do, or the text that tells of a time-out. */
static bool may_be_error(struct str s)
{
    if (s.n > HELD_MAX)
        return false;
    s = skip_space(s);
    if (s.n == 0)
        return true;
    if (*s.p != '{')
        return may_become(s, STR("Task timed out after "));
    s.p++;
    s.n--;
    s = skip_space(s);
    return s.n == 0 || may_become(s, STR("\"error"));
}

static bool rie_head(struct exchange *ex, const struct head *head, enum body_kind body)
{
    mapped_rie.head(ex, head, body);
    ex->gathered->is_held = true;
    if (head->status != 200 || ex->gathered->is_marked)
        return true; /* an error, or no emulator */
    ex->gathered->has_begun = true;
    return begin(ex);
}

static bool rie_body(struct exchange *ex, struct str span)
{
    struct gathered *g = ex->gathered;
    bool is_wanted;

    if (!g->is_held)
        return put_chunk(ex, span);
    mapped_rie.body(ex, span);
    if (!g->has_begun || (!g->is_too_large && may_be_error(buffer_text(&g->payload))))
        return true;
    g->is_held = false;
    is_wanted = put_chunk(ex, buffer_text(&g->payload)) && flush(ex);
    buffer_fini(&g->payload);
    return is_wanted;
}

/* A response that was held back to its end. */
static void end_held(struct exchange *ex)
{
    char error[STANDIN_ERROR_MAX];
    struct standin standin = mapped_answer(ex, error);

    if (!ex->gathered->has_begun)
        begin(ex);
    ex->is_function_error = standin.is_function_error;
    if (!standin.is_function_error) {
        put_chunk(ex, standin.payload);
        put_complete(ex, NULL, STR(""), pass_on);
    } else {
        put_complete(ex, "Unhandled", standin.payload, pass_on);
    }
}

static void rie_end(struct exchange *ex, struct str trailers, bool is_reusable)
{
    struct gathered *g = ex->gathered;
    char error[STANDIN_ERROR_MAX];

    if (!g->has_begun && mapped_answer(ex, error).status != 200) {
        mapped_rie.end(ex, trailers, is_reusable);
        return;
    }
    if (g->is_held)
        end_held(ex);
    else
        put_complete(ex, NULL, STR(""), pass_on);
    ex->next->end(&ex->user, (struct str){NULL, 0}, is_reusable);
}

const struct exchange_filter framed_rie = {
    .head = rie_head,
    .body = rie_body,
    .flush = flush,
    .end = rie_end,
    .gave_up = gave_up,
};
