/* Lambda's record of an invocation that failed. */
#include "proxy/async/letter.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/jsoncheck.h"
#include "base/utf8.h"

static bool is_json(struct str s)
{
    struct jsoncheck check = {0};

    return jsoncheck_feed(&check, s) && jsoncheck_end(&check);
}

/* The bytes of somebody else as a JSON value. */
static void put_value(struct buffer *out, struct str s, bool is_whole)
{
    if (is_whole && is_json(s)) {
        buffer_add(out, s);
    } else if (utf8_is_valid(s) || !is_whole) { /* cut, it may end within a character */
        buffer_json(out, s);
    } else {
        buffer_lit(out, "{\"base64\":\"");
        buffer_base64(out, s);
        buffer_lit(out, "\"}");
    }
}

static void put_time(struct buffer *out, uint64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char text[64];
    size_t n;

    gmtime_r(&s, &tm);
    n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    buffer_add(out, (struct str){text, n});
    snprintf(text, sizeof(text), ".%03uZ", (unsigned)(ms % 1000));
    buffer_add(out, str_of(text));
}

static void put_arn(struct buffer *out, const struct store_event *event,
                    const struct arn_home *home)
{
    struct str function = str_of(event->function), qualifier = str_of(event->qualifier);
    char *p = buffer_reserve(out, ARN_ADDED_MAX + function.n + qualifier.n);

    if (p)
        out->n += (size_t)(arn_write(p, home, function, qualifier) - p);
}

static void put_response(struct buffer *out, const struct event *event)
{
    const struct event_last *last = &event->last;
    struct str body = {last->body, last->body_bytes};

    buffer_lit(out, ",\"responseContext\":{\"statusCode\":");
    buffer_number(out, (uint64_t)last->status);
    buffer_lit(out, ",\"executedVersion\":");
    buffer_json(out, str_of(event->version));
    if (last->is_function) {
        buffer_lit(out, ",\"functionError\":");
        buffer_json(out, last->error[0] ? str_of(last->error) : STR("Unhandled"));
    }
    buffer_lit(out, "},\"responsePayload\":");
    if (last->is_function) {
        if (body.n == 0)
            buffer_lit(out, "null");
        else
            put_value(out, body, last->is_whole);
        return;
    }
    buffer_lit(out, "{\"errorType\":");
    buffer_json(out, last->error[0] ? str_of(last->error) : STR("ServiceException"));
    buffer_lit(out, ",\"errorMessage\":");
    buffer_json(out, body);
    buffer_lit(out, "}");
}

void letter_write(struct buffer *out, const struct event *event, const char *condition,
                  const struct arn_home *home, uint64_t now_ms)
{
    const struct store_event *stored = &event->put.event;
    struct str payload = {stored->payload, stored->payload_bytes};

    buffer_lit(out, "{\"version\":\"1.0\",\"timestamp\":\"");
    put_time(out, now_ms);
    buffer_lit(out, "\",\"requestContext\":{\"requestId\":");
    buffer_json(out, str_of(event->id));
    buffer_lit(out, ",\"functionArn\":\"");
    put_arn(out, stored, home);
    buffer_lit(out, "\",\"condition\":\"");
    buffer_add(out, str_of(condition));
    buffer_lit(out, "\",\"approximateInvokeCount\":");
    buffer_number(out, event->past.attempts);
    buffer_lit(out, "},\"requestPayload\":");
    if (payload.n == 0)
        buffer_lit(out, "null");
    else
        put_value(out, payload, true);
    if (event->last.status > 0)
        put_response(out, event);
    buffer_lit(out, "}");
}
