/* Reading functions' answers. */
#include "proxy/exchange/urlanswer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "proxy/exchange/course.h"
#include "proxy/exchange/furl.h"
#include "proxy/exchange/gathered.h"
#include "proxy/exchange/mapped.h"
#include "proxy/exchange/standin.h"
#include "proxy/exchange/warden.h"
#include "proxy/http/eventreader.h"
#include "proxy/http/eventstream.h"
#include "proxy/http/reply.h"
#include "proxy/payload/payload_answer.h"

/* ---- Giving ---------------------------------------------------------------------------------- */

static const struct str stream_line = {"Transfer-Encoding: chunked\r\n", 28};

/* The head of a response in the worker's made_head, over text, which must last as long. False where
 * it is more than a head may be. */
static bool make_head(struct exchange *ex, struct buffer *text, int status, struct str fields,
                      struct str framing, enum body_kind *kind)
{
    struct http1 parser;

    buffer_lit(text, "HTTP/1.1 ");
    buffer_number(text, (uint64_t)status);
    buffer_char(text, ' ');
    buffer_add(text, str_of(reply_phrase(status)));
    buffer_lit(text, "\r\n");
    buffer_add(text, fields);
    buffer_add(text, framing);
    buffer_lit(text, "\r\n");
    if (text->is_out)
        return false;
    http1_init_response(&parser, &ex->worker->made_head, &ex->worker->tuning->response_limits);
    if (http1_head_feed(&parser, text->p, text->n) != HTTP1_HEAD)
        return false;
    http1_response_to(&parser, ex->furl->is_head);
    *kind = parser.body;
    return true;
}

static struct str length_line(char out[48], size_t n)
{
    return (struct str){out, (size_t)snprintf(out, 48, "Content-Length: %zu\r\n", n)};
}

static bool give_head(struct exchange *ex, int status, struct str fields, struct str framing)
{
    struct buffer text = {0};
    enum body_kind kind;
    bool is_made = make_head(ex, &text, status, fields, framing, &kind);

    if (is_made)
        (void)ex->next->head(&ex->user, &ex->worker->made_head, kind);
    buffer_fini(&text);
    return is_made;
}

/* All of a response. False, and nothing is given, where its head is too large. */
static bool give(struct exchange *ex, int status, struct str fields, struct str body)
{
    bool has_body = status != 204 && status != 304;
    char line[48];

    if (!give_head(ex, status, fields, has_body ? length_line(line, body.n) : STR("")))
        return false;
    if (has_body && body.n > 0 && !ex->furl->is_head)
        (void)ex->next->body(&ex->user, body);
    return true;
}

/* Lambda's word for a function that failed, whatever the reason; and API Gateway's. */
static struct standin failed_response(const struct exchange *ex)
{
    bool is_gateway = ex->furl->is_gateway;

    return (struct standin){.status = 502,
                            .content_type = is_gateway ? "application/json" : "text/plain",
                            .payload = is_gateway ? STR("{\"message\":\"Internal server error\"}")
                                                  : STR("Internal Server Error"),
                            .is_http = true};
}

static void give_failure(struct exchange *ex)
{
    struct standin failure = failed_response(ex);
    bool is_given = give(ex, failure.status,
                         ex->furl->is_gateway ? STR("Content-Type: application/json\r\n")
                                              : STR("Content-Type: text/plain\r\n"),
                         failure.payload);

    assert(is_given);
    (void)is_given;
}

static void log_refusal(const struct exchange *ex, const char *why)
{
    log_warning_limited(&ex->worker->url_warnings, ex->worker->loop.now_ms,
                        "%.*s answered a request by its URL with what is no response: %s",
                        STR_ARG(ex->target->function->name), why);
}

/* ---- Whole answers --------------------------------------------------------------------------- */

static void give_answer(struct exchange *ex, struct str payload)
{
    struct payload_answer answer;
    int r = payload_answer_read(&answer, payload);

    ex->is_functions_word = true;
    if (r == -EBADMSG)
        log_refusal(ex, answer.why);
    if (r < 0 || !give(ex, answer.status, buffer_text(&answer.fields), answer.body))
        give_failure(ex);
    (void)ex->front->flush(ex); /* the body ends with the answer */
    payload_answer_fini(&answer);
}

/* Lambda's own answer to an Invoke: what failed is told by its status and a field. */
static struct standin read_lambda(const struct exchange *ex)
{
    struct gathered *g = ex->gathered;

    return (struct standin){.status = g->status,
                            .is_function_error = g->is_marked || g->is_too_large,
                            .payload = buffer_text(&g->payload)};
}

static void end_whole(struct exchange *ex)
{
    char error[STANDIN_ERROR_MAX];
    struct standin answer =
        ex->run->version->kind == VERSION_RIE ? mapped_answer(ex, error) : read_lambda(ex);

    ex->is_function_error = answer.is_function_error;
    if (answer.status == 200 && !answer.is_function_error) {
        give_answer(ex, answer.payload);
        return;
    }
    ex->is_functions_word = answer.status == 200 || answer.status == 429;
    if (answer.status == 429)
        (void)give(ex, 429,
                   STR("x-amzn-ErrorType: TooManyRequestsException\r\n"
                       "Content-Type: application/json\r\n"),
                   STR("{\"Type\":\"User\",\"message\":\"Rate Exceeded.\"}"));
    else
        give_failure(ex);
}

/* ---- Streamed answers ------------------------------------------------------------------------ */

static bool is_streamed(const struct head *head, enum body_kind body)
{
    return head->status == 200 && (body == BODY_CHUNKED || body == BODY_UNTIL_CLOSE);
}

static const struct head_field *find(const struct head *head, struct str name)
{
    for (int i = 0; i < head->nr_fields; i++)
        if (str_ieq(head_name(head, &head->fields[i]), name))
            return &head->fields[i];
    return NULL;
}

static bool has_prelude(const struct head *head)
{
    const struct head_field *type = find(head, STR("content-type"));

    return type && str_ieq(str_until(head_value(head, type), ';'),
                           STR("application/vnd.awslambda.http-integration-response"));
}

/* There is no response to be had: what still comes of the stream is thrown away. */
static void fail_stream(struct exchange *ex)
{
    ex->furl->stage = FURL_BODY;
    ex->furl->is_cut = true;
    ex->is_functions_word = true;
    give_failure(ex);
}

/* Without a prelude the bytes are the body. */
static bool begin_plain_stream(struct exchange *ex, struct str value)
{
    struct buffer fields = {0};
    bool is_given;

    buffer_lit(&fields, "Content-Type: ");
    buffer_add(&fields, value);
    buffer_lit(&fields, "\r\n");
    ex->furl->stage = FURL_BODY;
    is_given = !fields.is_out && give_head(ex, 200, buffer_text(&fields), stream_line);
    buffer_fini(&fields);
    if (!is_given)
        fail_stream(ex);
    return true;
}

/* What came of the prelude is a whole one: the head goes out, and what follows it. */
static bool end_prelude(struct exchange *ex, size_t n)
{
    struct str all = buffer_text(&ex->gathered->payload);
    struct str rest = {all.p + n + PAYLOAD_PRELUDE_END_BYTES,
                       all.n - n - PAYLOAD_PRELUDE_END_BYTES};
    struct payload_answer answer;
    int r = payload_answer_read_prelude(&answer, (struct str){all.p, n});
    bool is_going = true;

    ex->furl->stage = FURL_BODY;
    ex->is_functions_word = true;
    if (r == -EBADMSG)
        log_refusal(ex, answer.why);
    bool has_body = answer.status != 204 && answer.status != 304;
    ex->furl->is_cut = ex->furl->is_head || !has_body;
    if (r < 0 || !give_head(ex, answer.status, buffer_text(&answer.fields),
                            has_body ? stream_line : STR("")))
        fail_stream(ex);
    else if (rest.n > 0 && !ex->furl->is_cut)
        is_going = ex->next->body(&ex->user, rest);
    payload_answer_fini(&answer);
    return is_going;
}

static bool give_body(struct exchange *ex, struct str span)
{
    return ex->furl->is_cut || ex->furl->is_head || ex->next->body(&ex->user, span);
}

/* What has come begins with no prelude. */
static bool begin_as_it_is(struct exchange *ex)
{
    return begin_plain_stream(ex, STR("application/octet-stream")) &&
           give_body(ex, buffer_text(&ex->gathered->payload));
}

static bool take_prelude(struct exchange *ex, struct str span)
{
    struct gathered *g = ex->gathered;
    bool is_object;
    ptrdiff_t n;

    if (gathered_add(g, span) < 0)
        g->is_too_large = true;
    is_object = g->payload.n > 0 && g->payload.p[0] == '{';
    if (!ex->furl->is_typed && !is_object)
        return begin_as_it_is(ex);
    n = payload_answer_find_body(buffer_text(&g->payload));
    if (n < 0 && g->payload.n <= PAYLOAD_PRELUDE_MAX + PAYLOAD_PRELUDE_END_BYTES)
        return true;
    if (n >= 0 && n <= PAYLOAD_PRELUDE_MAX)
        return end_prelude(ex, (size_t)n);
    if (!ex->furl->is_typed)
        return begin_as_it_is(ex);
    log_refusal(ex, "its prelude is too long");
    fail_stream(ex);
    return true;
}

/* ---- Event streams --------------------------------------------------------------------------- */

static bool is_event_stream(const struct head *head)
{
    const struct head_field *type = find(head, STR("content-type"));

    return type && head->status == 200 &&
           str_ieq(str_until(head_value(head, type), ';'), STR(EVENTSTREAM_TYPE));
}

/* What goes on as it comes has no limit; what is held back is bounded by take_prelude. */
static bool begin_events(struct exchange *ex)
{
    ex->furl->reader = calloc(1, sizeof(*ex->furl->reader));
    ex->furl->stage = FURL_PRELUDE;
    ex->gathered->limit = UINT64_MAX;
    if (!ex->furl->reader)
        course_give_up(ex, METRICS_ERROR_INTERNAL);
    return ex->state != EXCHANGE_OVER;
}

/* The stream is over, and the response is not what it began to be. False: so is the exchange. */
static bool break_off(struct exchange *ex, enum metrics_error why)
{
    ex->furl->is_complete = true;
    if (ex->furl->stage == FURL_PRELUDE) {
        fail_stream(ex);
        return true;
    }
    if (ex->furl->is_cut)
        return true;
    course_give_up(ex, why);
    return false;
}

/* The last frame: how it went. */
static bool end_events(struct exchange *ex)
{
    struct eventreader *reader = ex->furl->reader;

    ex->furl->is_complete = true;
    if (!reader->is_exception && !payload_answer_is_failure(buffer_text(&reader->last)))
        return true;
    ex->is_function_error = true;
    warden_failed(ex);
    return break_off(ex, METRICS_ERROR_BAD_RESPONSE);
}

static bool take_events(struct exchange *ex, struct str span)
{
    struct str piece;

    for (;;) {
        bool is_going = true;

        switch (eventreader_next(ex->furl->reader, &span, &piece)) {
        case EVENTREADER_MORE:
            return true;
        case EVENTREADER_PIECE:
            is_going =
                ex->furl->stage == FURL_PRELUDE ? take_prelude(ex, piece) : give_body(ex, piece);
            break;
        case EVENTREADER_END:
            return end_events(ex);
        case EVENTREADER_BROKEN:
            return ex->furl->is_complete || break_off(ex, METRICS_ERROR_BAD_RESPONSE);
        }
        if (!is_going)
            return false;
    }
}

/* ---- What a connection tells ----------------------------------------------------------------- */

static bool head(struct exchange *ex, const struct head *h, enum body_kind body)
{
    struct gathered *g = ex->gathered;
    bool is_lambda = ex->run->version->kind == VERSION_LAMBDA;
    struct str mark = is_lambda ? STR("x-amz-function-error") : STR("error-type");

    gathered_turn(g, ex->tuning->settings->limits.invoke_response_bytes);
    g->status = h->status;
    g->is_marked = find(h, mark) != NULL;
    if (ex->is_stream && is_event_stream(h))
        return begin_events(ex);
    if (!ex->furl->is_streamed || !is_streamed(h, body) || g->is_marked)
        return true;
    if (!has_prelude(h)) {
        const struct head_field *type = find(h, STR("content-type"));
        return begin_plain_stream(ex, type ? head_value(h, type) : STR("application/octet-stream"));
    }
    g->limit = UINT64_MAX;
    ex->furl->is_typed = true;
    ex->furl->stage = FURL_PRELUDE;
    return true;
}

/* Out of memory it is as if it were too large. */
static bool body(struct exchange *ex, struct str span)
{
    struct gathered *g = ex->gathered;

    if (ex->furl->reader)
        return take_events(ex, span);
    switch ((enum furl_stage)ex->furl->stage) {
    case FURL_WHOLE:
        if (gathered_add(g, span) < 0)
            g->is_too_large = true;
        return true;
    case FURL_PRELUDE:
        return take_prelude(ex, span);
    case FURL_BODY:
        break;
    }
    return give_body(ex, span);
}

static bool flush(struct exchange *ex)
{
    return ex->furl->stage != FURL_BODY || ex->next->flush(&ex->user);
}

static void end(struct exchange *ex, struct str trailers, bool is_reusable)
{
    (void)trailers;
    if (ex->furl->reader && !ex->furl->is_complete && !break_off(ex, METRICS_ERROR_RESET))
        return;
    if (ex->furl->stage == FURL_WHOLE)
        end_whole(ex);
    else if (ex->furl->stage == FURL_PRELUDE) /* it ended before its prelude did */
        give_answer(ex, buffer_text(&ex->gathered->payload));
    ex->next->end(&ex->user, (struct str){NULL, 0}, is_reusable);
}

/* A function that ran too long has failed. */
static bool gave_up(struct exchange *ex, enum metrics_error why)
{
    struct standin answer = failed_response(ex);

    if (!standin_has_timed_out(ex, why) ||
        (ex->state >= EXCHANGE_RESPONDING && !ex->front->retract(ex)))
        return false;
    ex->bytes_out = 0;
    standin_give(ex, &answer);
    return true;
}

const struct exchange_filter urlanswer_filter = {
    .head = head,
    .body = body,
    .flush = flush,
    .end = end,
    .gave_up = gave_up,
};
