/* From answers to outcomes. */
#include "control/ending.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsoncheck.h"
#include "base/utf8.h"

bool ending_is_json(struct str text)
{
    struct jsoncheck check = {0};

    return jsoncheck_feed(&check, text) && jsoncheck_end(&check);
}

/* A copy of at most max bytes, in UTF-8: what is none becomes U+FFFD. NULL when out of memory. */
static char *keep_text(struct ending *out, struct str text, size_t max)
{
    struct buffer copy = {0};
    size_t n = 0;

    while (n < text.n && copy.n < max) {
        const unsigned char *at = (const unsigned char *)text.p + n;
        size_t length = *at >= 0x80 ? utf8_length(at, text.n - n) : 1;

        if (*at == 0 || length == 0) {
            if (copy.n + 3 > max)
                break;
            buffer_lit(&copy, "\xef\xbf\xbd");
            n++;
        } else if (copy.n + length > max) {
            break;
        } else {
            buffer_add(&copy, (struct str){text.p + n, length});
            n += length;
        }
    }
    buffer_char(&copy, '\0');
    if (!copy.is_out)
        return copy.p;
    buffer_fini(&copy);
    out->is_short = true;
    return NULL;
}

void ending_fail(struct ending *out, enum store_execution_status status, const char *error,
                 const char *cause)
{
    ending_fini(out);
    out->status = status;
    out->error = error ? keep_text(out, str_of(error), ENDING_ERROR_MAX) : NULL;
    out->cause = cause ? keep_text(out, str_of(cause), ENDING_CAUSE_MAX) : NULL;
}

static void fail_large(struct ending *out)
{
    ending_fail(out, EXECUTION_FAILED, "States.DataLimitExceeded",
                "The output has a size exceeding the maximum number of bytes service limit "
                "(262144).");
}

void ending_succeed(struct ending *out, struct str output)
{
    struct buffer text = {0};

    ending_fini(out);
    out->status = EXECUTION_SUCCEEDED;
    if (output.n <= ENDING_OUTPUT_MAX && ending_is_json(output))
        buffer_add(&text, output);
    else if (output.n <= ENDING_OUTPUT_MAX)
        buffer_json(&text, output);
    if (output.n > ENDING_OUTPUT_MAX || text.n > ENDING_OUTPUT_MAX) {
        buffer_fini(&text);
        fail_large(out);
        return;
    }
    out->output_bytes = text.n;
    buffer_char(&text, '\0');
    out->is_short = text.is_out;
    out->output = text.p;
}

static struct str body_of(const struct run *run)
{
    return (struct str){run->body ? run->body : "", run->body_bytes};
}

static void fail_status(struct ending *out, const struct run *run)
{
    char error[64];
    struct str body = body_of(run);

    snprintf(error, sizeof(error), "States.Http.StatusCode.%d", run->status);
    ending_fail(out, EXECUTION_FAILED, error, NULL);
    out->cause = keep_text(out, body, ENDING_CAUSE_MAX);
    out->is_blamed = run->status >= 500;
}

static void fail_function(struct ending *out, const struct run *run)
{
    struct str body = body_of(run);
    json_t *json = json_loadb(body.n ? body.p : " ", body.n ? body.n : 1, JSON_DECODE_ANY, NULL);
    const char *type = json_string_value(json_object_get(json, "errorType"));

    ending_fail(out, EXECUTION_FAILED, type && *type ? type : "Lambda.Unknown", NULL);
    out->cause = keep_text(out, body, ENDING_CAUSE_MAX);
    out->is_blamed = true;
    json_decref(json);
}

static void take_answer(struct ending *out, const struct run *run)
{
    bool is_function = !run->table;

    if (is_function && run->is_function_error)
        fail_function(out, run);
    else if (run->status < 200 || run->status > 299)
        fail_status(out, run);
    else if (run->status == 202 && !is_function)
        out->status = EXECUTION_RUNNING;
    else
        ending_succeed(out, body_of(run));
}

void ending_of_run(struct ending *out, const struct run *run)
{
    char type[RUN_TEXT_MAX + 8];

    *out = (struct ending){.status = EXECUTION_RUNNING};
    switch (run->end) {
    case RUN_ANSWERED:
        take_answer(out, run);
        return;
    case RUN_TOO_LARGE:
        if (run->status >= 300)
            fail_status(out, run);
        else
            fail_large(out);
        return;
    case RUN_REFUSED:
        snprintf(type, sizeof(type), "Lambda.%s", run->type);
        ending_fail(out, EXECUTION_FAILED, type, run->reason);
        out->is_blamed = true;
        return;
    default:
        ending_fail(out, EXECUTION_FAILED, "States.Http.Socket", run->reason);
        out->is_blamed = true;
        return;
    }
}

void ending_fini(struct ending *out)
{
    free(out->error);
    free(out->cause);
    free(out->output);
    *out = (struct ending){.status = EXECUTION_RUNNING};
}
