/* Mapping answers of runtime interface emulators. */
#include "proxy/exchange/mapped.h"

#include <stdio.h>

#include "base/escape.h"
#include "proxy/exchange/gathered.h"
#include "proxy/exchange/standin.h"

static const char timed_out[] = "Task timed out after ";

static bool head(struct exchange *ex, const struct head *h, enum body_kind body)
{
    struct gathered *g = ex->gathered;

    (void)body;
    gathered_turn(g, ex->tuning->settings->limits.invoke_response_bytes);
    g->status = h->status;
    g->is_marked = false;
    for (int i = 0; i < h->nr_fields; i++)
        g->is_marked |= str_ieq(head_name(h, &h->fields[i]), STR("error-type"));
    return true;
}

/* Out of memory it is as if it were too large. */
static bool body(struct exchange *ex, struct str span)
{
    struct gathered *g = ex->gathered;

    if (gathered_add(g, span) < 0)
        g->is_too_large = true;
    return true;
}

static bool flush(struct exchange *ex)
{
    (void)ex;
    return true;
}

/* The whole number of seconds in the text by which an emulator says that its function took too
 * long; 0 where it is another text. */
static uint32_t seconds_of(struct str text)
{
    const size_t n = sizeof(timed_out) - 1;
    uint32_t seconds = 0;

    if (text.n <= n || text.n > n + 24 || memcmp(text.p, timed_out, n) != 0)
        return 0;
    for (size_t i = n; i < text.n && text.p[i] >= '0' && text.p[i] <= '9' && seconds < 100000; i++)
        seconds = seconds * 10 + (uint32_t)(text.p[i] - '0');
    return seconds;
}

static struct str exit_error(const struct exchange *ex, char out[STANDIN_ERROR_MAX])
{
    int n =
        snprintf(out, STANDIN_ERROR_MAX,
                 "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: %.*s Error: "
                 "Runtime exited without providing a reason\"}",
                 ID_LENGTH, ex->request.request_id);

    return (struct str){out, (size_t)n};
}

/* What an emulator never answers to an Invoke. */
static struct str unexpected(int status, char out[STANDIN_ERROR_MAX])
{
    int n =
        snprintf(out, STANDIN_ERROR_MAX,
                 "{\"Type\":\"Service\",\"Message\":\"The endpoint answered %d: it is no runtime "
                 "interface emulator, or one that cannot run its function.\"}",
                 status);

    return (struct str){out, (size_t)n};
}

struct standin mapped_answer(const struct exchange *ex, char out[STANDIN_ERROR_MAX])
{
    const struct gathered *g = ex->gathered;
    struct str payload = buffer_text(&g->payload);
    struct standin answer = {.status = 200, .payload = payload};
    struct jsoncheck check = g->check; /* its end is only tried */
    bool is_json = jsoncheck_end(&check);
    uint32_t seconds = seconds_of(payload);

    if (g->is_too_large) {
        answer.is_function_error = true;
        answer.payload = standin_too_large(g->limit, out);
    } else if (seconds > 0) {
        answer.is_function_error = true;
        answer.payload = standin_timed_out(ex, seconds * 1000, out);
    } else if (g->status == 502 || g->status == 504) { /* its function ended, or could not begin */
        answer.is_function_error = true;
        if (!is_json)
            answer.payload = exit_error(ex, out);
    } else if (g->status != 200 && !g->is_marked) {
        answer.status = 502;
        answer.error_type = "ServiceException";
        answer.payload = unexpected(g->status, out);
    } else {
        answer.is_function_error = g->is_marked || jsoncheck_is_error(&check);
    }
    return answer;
}

static void end(struct exchange *ex, struct str trailers, bool is_reusable)
{
    char error[STANDIN_ERROR_MAX], log[STANDIN_ERROR_MAX];
    struct standin answer = mapped_answer(ex, error);
    struct standin_text text;
    enum body_kind kind;

    (void)trailers;
    if (ex->wants_log)
        answer.fields = standin_log_line(ex, log);
    ex->is_function_error = answer.is_function_error;
    const struct head *made = standin_head(ex->worker, &answer, &text, &kind);
    ex->next->head(&ex->user, made, kind);
    if (answer.payload.n > 0)
        ex->next->body(&ex->user, answer.payload);
    ex->next->end(&ex->user, (struct str){NULL, 0}, is_reusable);
}

const struct exchange_filter mapped_rie = {
    .head = head,
    .body = body,
    .flush = flush,
    .end = end,
};
