/* Making responses. They are written as text and read by the parser, so that a front finds in their
 * head what it finds in an endpoint's. */
#include "proxy/exchange/standin.h"

#include <assert.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/text.h"
#include "proxy/http/reply.h"

const struct head *standin_head(struct worker *w, const struct standin *answer,
                                struct standin_text *text, enum body_kind *body)
{
    struct head *head = &w->made_head;
    const char *type = answer->content_type ? answer->content_type : "application/json";
    struct http1 parser;
    char *p = text->text;

    assert(answer->fields.n <= STANDIN_FIELDS_MAX);
    p = text_lit(p, "HTTP/1.1 ");
    p = decimal_put(p, (uint64_t)answer->status);
    p = text_char(p, ' ');
    p = text_str(p, str_of(reply_phrase(answer->status)));
    p = text_lit(p, "\r\n");
    if (*type) {
        p = text_lit(p, "Content-Type: ");
        p = text_str(p, str_of(type));
        p = text_lit(p, "\r\n");
    }
    if (answer->is_function_error)
        p = text_lit(p, "X-Amz-Function-Error: Unhandled\r\n");
    if (answer->error_type) {
        p = text_lit(p, "x-amzn-ErrorType: ");
        p = text_str(p, str_of(answer->error_type));
        p = text_lit(p, "\r\n");
    }
    if (!answer->is_http)
        p = text_lit(p, "x-amzn-Remapped-Content-Length: 0\r\n");
    p = text_str(p, answer->fields);
    if (answer->is_stream) {
        p = text_lit(p, "Transfer-Encoding: chunked\r\n\r\n");
    } else {
        p = text_lit(p, "Content-Length: ");
        p = decimal_put(p, answer->payload.n);
        p = text_lit(p, "\r\n\r\n");
    }
    http1_init_response(&parser, head, &w->tuning->response_limits);
    enum http1_result r = http1_head_feed(&parser, text->text, (size_t)(p - text->text));
    assert(r == HTTP1_HEAD);
    (void)r;
    http1_response_to(&parser, false);
    *body = parser.body;
    return head;
}

void standin_give(struct exchange *ex, const struct standin *answer)
{
    struct standin_text text;
    enum body_kind body;
    const struct head *head = standin_head(ex->worker, answer, &text, &body);

    ex->status = answer->status;
    ex->is_function_error |= answer->is_function_error;
    if (ex->head_us < 0)
        ex->head_us = (int64_t)(ex->worker->loop.now_us - ex->start_us);
    ex->front->head(ex, head, body);
    if (answer->payload.n > 0) {
        ex->bytes_out += answer->payload.n;
        ex->front->body(ex, answer->payload);
    }
    in_flight_leave(&ex->in_flight);
    ex->front->end(ex, (struct str){NULL, 0});
}

struct str standin_timed_out(const struct exchange *ex, uint32_t timeout_ms,
                             char out[STANDIN_ERROR_MAX])
{
    int n =
        snprintf(out, STANDIN_ERROR_MAX,
                 "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: %.*s Error: "
                 "Task timed out after %u.%02u seconds\"}",
                 ID_LENGTH, ex->request.request_id, timeout_ms / 1000, timeout_ms % 1000 / 10);

    return (struct str){out, (size_t)n};
}

struct str standin_too_large(uint64_t limit, char out[STANDIN_ERROR_MAX])
{
    int n = snprintf(out, STANDIN_ERROR_MAX,
                     "{\"errorMessage\":\"Response payload size exceeded maximum allowed payload "
                     "size (%llu bytes).\",\"errorType\":\"Function.ResponseSizeTooLarge\"}",
                     (unsigned long long)limit);

    return (struct str){out, (size_t)n};
}

struct str standin_log(const struct exchange *ex, char out[STANDIN_ERROR_MAX])
{
    struct str version = ex->run ? ex->run->version->name : STR("$LATEST");
    uint64_t us = clock_us() - ex->start_us;
    const char *id = ex->request.request_id;
    char text[STANDIN_ERROR_MAX / 2];
    int n = snprintf(text, sizeof(text),
                     "START RequestId: %.*s Version: %.*s\nEND RequestId: %.*s\nREPORT RequestId: "
                     "%.*s\tDuration: %llu.%02llu ms\tBilled Duration: %llu ms\t\n",
                     ID_LENGTH, id, STR_ARG(version), ID_LENGTH, id, ID_LENGTH, id,
                     (unsigned long long)us / 1000, (unsigned long long)us % 1000 / 10,
                     (unsigned long long)(us + 999) / 1000);

    assert(n > 0 && (size_t)n < sizeof(text));
    return (struct str){out, (size_t)(base64_put(out, (struct str){text, (size_t)n}) - out)};
}

struct str standin_log_line(const struct exchange *ex, char out[STANDIN_ERROR_MAX])
{
    char log[STANDIN_ERROR_MAX];
    char *p = text_lit(out, "X-Amz-Log-Result: ");

    p = text_str(p, standin_log(ex, log));
    p = text_lit(p, "\r\n");
    return (struct str){out, (size_t)(p - out)};
}

void standin_continue(struct exchange *ex)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct head *head = &ex->worker->made_head;
    struct http1 parser;

    http1_init_response(&parser, head, &ex->tuning->response_limits);
    enum http1_result r = http1_head_feed(&parser, text, sizeof(text) - 1);
    assert(r == HTTP1_HEAD);
    (void)r;
    (void)ex->front->interim(ex, head);
    (void)ex->front->flush(ex);
}

bool standin_has_timed_out(const struct exchange *ex, enum metrics_error why)
{
    const struct version *version = ex->run ? ex->run->version : NULL;

    return why == METRICS_ERROR_RESPONSE_TIMEOUT && ex->is_invoke && version &&
           version->timeout_ms > 0 &&
           (version->timeout_ms == version->head_wait_ms ||
            (ex->user.end_by_ms > 0 && ex->user.end_by_ms <= ex->worker->loop.now_ms));
}

bool standin_for_timeout(struct exchange *ex, enum metrics_error why)
{
    char error[STANDIN_ERROR_MAX], log[STANDIN_ERROR_MAX];

    if (!standin_has_timed_out(ex, why))
        return false;
    struct standin answer = {
        .status = 200,
        .is_function_error = true,
        .payload = standin_timed_out(ex, ex->run->version->timeout_ms, error),
        .fields = ex->wants_log ? standin_log_line(ex, log) : STR(""),
    };
    standin_give(ex, &answer);
    return true;
}
