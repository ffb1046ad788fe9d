/* Composing requests. */
#include "proxy/exchange/compose.h"

#include <errno.h>

#include "base/text.h"
#include "proxy/exchange/gathered.h"

/* STREAM_PATH_MAX: longer ones are no paths of Lambda's. */
enum { CHUNKED_BODY_ROOM = 512, STREAM_PATH_MAX = 1024 };

static size_t body_room(const struct head *head)
{
    if (head->body == BODY_CHUNKED)
        return CHUNKED_BODY_ROOM;
    return head->body == BODY_LENGTH && head->content_length <= OUTBOX_COPY_MAX
               ? (size_t)head->content_length
               : 0;
}

/* Credentials are for weir. What they signed is another request than the one that an emulator, or
 * another Lambda, gets. */
static void drop_credentials(struct head *head)
{
    static const char *const names[] = {"authorization", "x-amz-date", "x-amz-security-token",
                                        "x-amz-content-sha256"};

    for (int i = 0; i < head->nr_fields; i++)
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
            if (str_ieq(head_name(head, &head->fields[i]), str_of(names[k])))
                head_drop(head, &head->fields[i]);
}

/* The client's fields that the version has its own of. */
static void drop_replaced(struct head *head, const struct version_headers *headers)
{
    for (int i = 0; i < head->nr_fields; i++)
        for (int k = 0; k < headers->nr; k++)
            if (str_ieq(head_name(head, &head->fields[i]), headers->list[k].name))
                head_drop(head, &head->fields[i]);
}

/* The payload goes behind the head, as a body that came before the connection was there. 0, or
 * -ENOMEM. */
static int attach_payload(struct exchange *ex)
{
    struct request *r = &ex->request;
    struct str payload = buffer_text(&ex->gathered->payload);
    size_t used = r->head_at + r->head_len;

    if (used + payload.n > r->room && request_grow(r, ex->worker, used + payload.n) < 0)
        return -ENOMEM;
    text_str(r->block + used, payload);
    r->body_len = (uint32_t)payload.n;
    return 0;
}

/* The endpoint as an InvokeWithResponseStream goes to it. Where the path is not one that Lambda's
 * Invoke has, it is left as it is. */
static const struct endpoint *stream_endpoint(const struct endpoint *endpoint,
                                              struct endpoint *copy, char *path)
{
    const struct str head = STR("/2015-03-31/functions/"), tail = STR("/invocations");
    struct str rest = endpoint->base_path, name;
    const char *slash;
    char *p = path;

    if (rest.n < head.n || rest.n > STREAM_PATH_MAX || memcmp(rest.p, head.p, head.n) != 0)
        return endpoint;
    rest.p += head.n;
    rest.n -= head.n;
    slash = memchr(rest.p, '/', rest.n);
    if (!slash)
        return endpoint;
    name = (struct str){rest.p, (size_t)(slash - rest.p)};
    rest.p = slash;
    rest.n -= name.n;
    if (rest.n < tail.n || memcmp(rest.p, tail.p, tail.n) != 0)
        return endpoint;
    p = text_lit(p, "/2021-11-15/functions/");
    p = text_str(p, name);
    p = text_lit(p, "/response-streaming-invocations");
    p = text_str(p, (struct str){rest.p + tail.n, rest.n - tail.n});
    *copy = *endpoint;
    copy->base_path = (struct str){path, (size_t)(p - path)};
    return copy;
}

int compose_retarget(struct exchange *ex, const struct endpoint *endpoint)
{
    struct endpoint copy;
    char path[STREAM_PATH_MAX + 64];

    if (ex->is_stream && endpoint->version->kind == VERSION_LAMBDA)
        endpoint = stream_endpoint(endpoint, &copy, path);
    return request_retarget(&ex->request, ex->worker, endpoint);
}

int compose_request(struct exchange *ex, struct head *head, const struct endpoint *endpoint,
                    struct request_options *options)
{
    const struct version *version = endpoint->version;
    struct endpoint copy;
    char path[STREAM_PATH_MAX + 64];

    options->body_room = body_room(head);
    if (version->headers) {
        drop_replaced(head, version->headers);
        options->headers = version->headers;
        options->body_room += version->headers->lines.n;
    }
    if (ex->gathered) {
        if (version->kind != VERSION_HTTP)
            drop_credentials(head);
        if (ex->is_stream && version->kind == VERSION_LAMBDA)
            endpoint = stream_endpoint(endpoint, &copy, path);
        options->body_room += ex->gathered->payload.n;
    }
    if (request_make(&ex->request, ex->worker, ex->tuning, head, endpoint, &ex->from, options) ==
            0 &&
        (!ex->gathered || attach_payload(ex) == 0))
        return 0;
    id_make(&ex->worker->rng, ex->request.request_id);
    return -ENOMEM;
}
