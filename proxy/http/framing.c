/* What fields say about the message that they stand in, read as they come by. */
#include "proxy/http/framing.h"

#include <assert.h>

static enum head_error fail(struct head *head, enum head_error error, const char *fault)
{
    head->fault = fault;
    return error;
}

static bool read_content_length(struct head *head, struct str value)
{
    uint64_t length = 0;

    for (; value.n > 1 && *value.p == '0'; value.p++)
        value.n--;
    if (value.n == 0 || value.n > 18)
        return false;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(value.p[i] - '0');
    }
    head->content_length = length;
    head->body = BODY_LENGTH;
    return true;
}

/* A last coding other than chunked leaves the body without an end (400, RFC 9112 section 6.3);
 * before it stand codings that weir would have to know (501, section 6.1), but chunked only once.
 */
static enum head_error refuse_coding(struct head *head, struct str value)
{
    struct str token = {NULL, 0};
    int nr_chunked = 0, nr = 0;
    bool is_last_chunked = false;

    for (; fields_next_token(&value, &token); nr++) {
        is_last_chunked = str_ieq(token, STR("chunked"));
        nr_chunked += is_last_chunked;
    }
    return fail(head,
                is_last_chunked && nr_chunked == 1 && nr > 1 ? HEAD_ERROR_NOT_IMPLEMENTED
                                                             : HEAD_ERROR_BAD,
                "the only transfer coding spoken here is 'chunked', once");
}

static enum head_error read_transfer_encoding(struct head *head, struct str value)
{
    if (head->body == BODY_CHUNKED)
        return fail(head, HEAD_ERROR_BAD, "there is more than one Transfer-Encoding");
    if (head->minor == 0)
        return fail(head, HEAD_ERROR_BAD, "Transfer-Encoding has no place in HTTP/1.0");
    if (!str_ieq(value, STR("chunked")))
        return refuse_coding(head, value);
    head->body = BODY_CHUNKED;
    return HEAD_ERROR_NONE;
}

/* What Connection lists goes no further, among the trailers neither (RFC 9110 section 7.6.1). They
 * come when the head is gone, so all of them are dropped then, as RFC 9112 section 7.1.2 allows. */
static enum head_error read_connection(struct head *head, struct str list)
{
    struct str token;

    while (fields_next_token(&list, &token)) {
        if (++head->nr_connection_options > FRAMING_OPTIONS_MAX)
            return fail(head, HEAD_ERROR_BAD, "Connection lists too many options");
        if (str_ieq(token, STR("keep-alive")))
            head->is_keep_alive = true;
        else if (str_ieq(token, STR("close")))
            head->is_close = true;
        else if (str_ieq(token, STR("upgrade")))
            head->is_upgrade = true;
        else {
            head->has_connection_options = true;
            head->drops_trailers |= !fields_is_forbidden_trailer(fields_id(token));
        }
    }
    return HEAD_ERROR_NONE;
}

static bool is_in(const struct str *options, int nr, struct str name)
{
    for (int i = 0; i < nr; i++)
        if (str_ieq(options[i], name))
            return true;
    return false;
}

void framing_mark_listed(struct head *head)
{
    struct str options[FRAMING_OPTIONS_MAX];
    int nr = 0;

    for (int i = 0; i < head->nr_fields; i++) {
        if (head->fields[i].id != FIELD_CONNECTION)
            continue;
        struct str list = head_value(head, &head->fields[i]);
        while (nr < FRAMING_OPTIONS_MAX && fields_next_token(&list, &options[nr]))
            nr++;
    }
    assert(nr == head->nr_connection_options);
    for (int i = 0; i < head->nr_fields; i++)
        head->fields[i].is_listed = is_in(options, nr, head_name(head, &head->fields[i]));
}

/* Only OPTIONS and TRACE count their steps (RFC 9110 section 7.6.2). */
static void read_max_forwards(struct head *head, struct str value)
{
    uint32_t n = 0;

    if (value.n == 0 || value.n > 9 || head->has_max_forwards ||
        (!head->is_trace && !str_eq(head_method(head), STR("OPTIONS"))))
        return;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return;
        n = n * 10 + (uint32_t)(value.p[i] - '0');
    }
    head->has_max_forwards = true;
    head->max_forwards = n;
}

enum head_error framing_read(struct head *head, const struct head_field *f)
{
    struct str value = head_at(head, f->value_at, f->value_len);

    switch (f->id) {
    case FIELD_CONTENT_LENGTH:
        if (head->body != BODY_NONE || !read_content_length(head, value))
            return fail(
                head, HEAD_ERROR_BAD,
                "Content-Length must be one decimal number, and no Transfer-Encoding beside it");
        return HEAD_ERROR_NONE;
    case FIELD_TRANSFER_ENCODING:
        if (head->body == BODY_LENGTH)
            return fail(head, HEAD_ERROR_BAD,
                        "Content-Length and Transfer-Encoding exclude each other");
        return read_transfer_encoding(head, value);
    case FIELD_CONNECTION:
        return read_connection(head, value);
    case FIELD_HOST:
        if (head->host >= 0 && !head->is_response)
            return fail(head, HEAD_ERROR_BAD, "there is more than one Host");
        head->host = (int16_t)head->nr_fields;
        return HEAD_ERROR_NONE;
    case FIELD_EXPECT:
        if (head->is_response)
            return HEAD_ERROR_NONE;
        if (!str_ieq(value, STR("100-continue")))
            return fail(head, HEAD_ERROR_EXPECT, "the only expectation known here is 100-continue");
        head->is_expect_continue = true;
        return HEAD_ERROR_NONE;
    case FIELD_MAX_FORWARDS:
        read_max_forwards(head, value);
        return HEAD_ERROR_NONE;
    case FIELD_KEEP_ALIVE:
        head->has_keep_alive = true;
        return HEAD_ERROR_NONE;
    default:
        return HEAD_ERROR_NONE;
    }
}
