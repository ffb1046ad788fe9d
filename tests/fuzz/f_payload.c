/* Payload format 2.0. The input is what a function answers: what is taken must be a response whose
 * head HTTP's own parser reads, with the body as long as it says. The same bytes as a request's
 * path, query, body and a header must give an event that is JSON. */
#include <errno.h>
#include <string.h>

#include "base/jsoncheck.h"
#include "proxy/http/http1.h"
#include "proxy/payload/payload_answer.h"
#include "proxy/payload/payload_event.h"
#include "tests/fuzz/fuzz.h"

static const struct head_limits limits = {
    .line_bytes = HEAD_LINE_MAX, .header_bytes = 1 << 20, .header_count = HEAD_FIELDS_MAX - 1};

static void check_head(const struct payload_answer *answer)
{
    static struct head head;
    struct buffer text = {0};
    struct http1 parser;
    enum http1_result r;

    buffer_lit(&text, "HTTP/1.1 ");
    buffer_number(&text, (uint64_t)answer->status);
    buffer_lit(&text, " X\r\n");
    buffer_add(&text, buffer_text(&answer->fields));
    buffer_lit(&text, "Content-Length: 7\r\n\r\n");
    FUZZ_CHECK(!text.is_out);
    http1_init_response(&parser, &head, &limits);
    r = http1_head_feed(&parser, text.p, text.n);
    FUZZ_CHECK(r == HTTP1_HEAD || parser.error == HEAD_ERROR_HEAD_TOO_LARGE);
    if (r == HTTP1_HEAD) {
        FUZZ_CHECK(head.bytes == text.n);
        FUZZ_CHECK(head.content_length == 7);
        FUZZ_CHECK(head.status == answer->status);
    }
    http1_fini(&parser);
    buffer_fini(&text);
}

static void check_answer(struct str payload)
{
    struct payload_answer answer;
    int r = payload_answer_read(&answer, payload);

    FUZZ_CHECK(r == 0 || (r == -EBADMSG && answer.why));
    if (r == 0) {
        FUZZ_CHECK(answer.status >= 200 && answer.status <= 599);
        FUZZ_CHECK((answer.status != 204 && answer.status != 304) || answer.body.n == 0);
        check_head(&answer);
    }
    payload_answer_fini(&answer);
}

static void check_event(struct str bytes)
{
    static struct jsoncheck check;
    const struct payload_pair fields[] = {{STR("content-type"), STR("text/plain")},
                                          {STR("X-Any"), bytes},
                                          {STR("cookie"), bytes},
                                          {STR("x-any"), bytes}};
    const struct payload_event event = {
        .method = STR("GET"),
        .path = bytes,
        .query = bytes,
        .body = bytes,
        .domain = bytes,
        .fields = fields,
        .nr_fields = 4,
        .unix_ms = fuzz_hash((const uint8_t *)bytes.p, bytes.n) % UINT64_C(4102444800000),
    };
    struct buffer out = {0};

    payload_event_write(&out, &event);
    FUZZ_CHECK(!out.is_out);
    check = (struct jsoncheck){0};
    jsoncheck_feed(&check, buffer_text(&out));
    FUZZ_CHECK(jsoncheck_end(&check) && check.is_object);
    buffer_fini(&out);
}

int fuzz_payload(const uint8_t *data, size_t n)
{
    char *text = fuzz_text(data, n);
    struct str bytes = {text, n};

    check_answer(bytes);
    check_event(bytes);
    free(text);
    return 0;
}
