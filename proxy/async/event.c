/* Events in memory, and the text in which the store keeps what their attempts said:
 *
 *     errors 1 in_vain 0 version 2 status 200 function 1 whole 1 error Unhandled
 *     {"errorMessage": ...
 *
 * A first line of words and numbers, then the body. */
#include "proxy/async/event.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* A copy with a NUL behind it. */
static const char *keep(char **p, struct str s)
{
    const char *start = *p;

    *p = text_char(text_str(*p, s), 0);
    return start;
}

static void set_version(struct event *e, struct str version)
{
    size_t n = version.n < EVENT_VERSION_MAX ? version.n : EVENT_VERSION_MAX;

    memcpy(e->version, version.p, n);
    e->version[n] = 0;
}

struct event *event_make(const struct event_spec *spec)
{
    struct event *e = calloc(1, sizeof(*e) + spec->function.n + spec->qualifier.n + spec->meta.n +
                                    spec->payload.n + 4);
    char *p;

    if (!e)
        return NULL;
    p = e->text;
    memcpy(e->id, spec->id.p, spec->id.n < ID_LENGTH ? spec->id.n : ID_LENGTH);
    if (spec->version.n > 0)
        set_version(e, spec->version);
    e->put.event = (struct store_event){
        .id = e->id,
        .function = keep(&p, spec->function),
        .qualifier = keep(&p, spec->qualifier),
        .meta = keep(&p, spec->meta),
        .payload = keep(&p, spec->payload),
        .payload_bytes = spec->payload.n,
        .version = e->version,
        .accepted_ms = spec->accepted_ms,
        .due_ms = spec->due_ms,
        .error = "",
    };
    e->past.accepted_ms = spec->accepted_ms;
    e->past.is_letter = event_is_letter(&e->put.event);
    return e;
}

void event_free(struct event **event)
{
    struct event *e = *event;

    *event = NULL;
    if (!e)
        return;
    event_free(&e->failed);
    free(e->last.body);
    free((char *)e->failure);
    free(e);
}

void event_set_last(struct event *e, int status, struct str error, bool is_function,
                    struct str body)
{
    size_t n = body.n < EVENT_BODY_MAX ? body.n : EVENT_BODY_MAX;
    size_t error_n = error.n < EVENT_ERROR_MAX - 1 ? error.n : EVENT_ERROR_MAX - 1;
    char *copy = malloc(n + 1);

    free(e->last.body);
    e->last = (struct event_last){.status = status, .is_function = is_function};
    for (size_t i = 0; i < error_n; i++) /* one word, in the store's line */
        e->last.error[i] = error.p[i] > ' ' && error.p[i] < 127 ? error.p[i] : '_';
    if (!copy)
        return;
    text_str(copy, (struct str){body.p, n});
    e->last.body = copy;
    e->last.body_bytes = n;
    e->last.is_whole = n == body.n;
}

/* ---- The store's text ------------------------------------------------------------------------ */

char *event_write_error(const struct event *e)
{
    const struct event_last *last = &e->last;
    size_t room = 256 + EVENT_ERROR_MAX + last->body_bytes;
    char *text = malloc(room);
    int n;

    if (!text)
        return NULL;
    n = snprintf(
        text, room, "errors %u in_vain %u version %s status %d function %d whole %d error %s\n",
        e->past.function_errors, e->past.in_vain, e->version[0] ? e->version : "-", last->status,
        last->is_function, last->is_whole, last->error[0] ? last->error : "-");
    /* The store keeps text: a NUL would end it. */
    if (last->body && !memchr(last->body, 0, last->body_bytes)) {
        memcpy(text + n, last->body, last->body_bytes);
        n += (int)last->body_bytes;
    }
    text[n] = 0;
    return text;
}

static void read_error(struct event *e, const char *text)
{
    char version[EVENT_VERSION_MAX + 1], error[EVENT_ERROR_MAX];
    const char *body = strchr(text, '\n');
    int status, is_function, is_whole;

    static_assert(EVENT_VERSION_MAX == 24 && EVENT_ERROR_MAX == 64, "the widths below");
    if (!body || sscanf(text,
                        "errors %u in_vain %u version %24s status %d function %d whole %d error "
                        "%63s",
                        &e->past.function_errors, &e->past.in_vain, version, &status, &is_function,
                        &is_whole, error) != 7)
        return;
    if (strcmp(version, "-") != 0)
        set_version(e, str_of(version));
    event_set_last(e, status, strcmp(error, "-") != 0 ? str_of(error) : STR(""), is_function,
                   str_of(body + 1));
    e->last.is_whole = is_whole;
}

struct event *event_load(const struct store_event *stored)
{
    struct event *e = event_make(&(struct event_spec){
        .id = str_of(stored->id),
        .function = str_of(stored->function),
        .qualifier = str_of(stored->qualifier),
        .version = str_of(stored->version),
        .meta = str_of(stored->meta),
        .payload = {stored->payload, stored->payload_bytes},
        .accepted_ms = stored->accepted_ms,
        .due_ms = stored->due_ms,
    });

    if (!e)
        return NULL;
    e->put.event.key = stored->key;
    e->past.attempts = stored->attempts;
    if (stored->error)
        read_error(e, stored->error);
    return e;
}

struct str event_queue_name(char out[EVENT_QUEUE_MAX], const char *function, bool is_letter)
{
    /* No function's name has a space. */
    int n = snprintf(out, EVENT_QUEUE_MAX, is_letter ? "dead letters of %s" : "%s", function);

    return (struct str){out, n < EVENT_QUEUE_MAX ? (size_t)n : EVENT_QUEUE_MAX - 1};
}
