/* For tests of filters (struct exchange_filter): an exchange whose connection, front and next filter are in the test's hand. What a
 * filter passes on, and what it gives to the front, is noted in one place. */
#ifndef WEIR_TESTS_UNIT_ANSWER_LAB_H
#define WEIR_TESTS_UNIT_ANSWER_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/gathered.h"
#include "proxy/http/http1.h"

enum { ANSWER_BODY_MAX = 262144 };

struct answer_lab {
    struct worker worker;
    struct settings settings;
    struct tuning tuning;
    struct function function;
    struct version version;
    struct arm arm;
    struct exchange ex;
    struct http1 parser;
    struct head parsed;
    /* What came out: */
    char head[16384], body[ANSWER_BODY_MAX];
    size_t nr_body;
    int status, nr_heads, nr_ends, nr_flushes;
    enum body_kind kind;
    bool was_given; /* to the front, and not by way of next */
};

static struct answer_lab answer;

static inline void answer_note_head(const struct head *h, enum body_kind kind)
{
    assert_int_equal(answer.nr_heads++, 0);
    assert_true(h->bytes < sizeof(answer.head));
    memcpy(answer.head, h->base, h->bytes);
    answer.head[h->bytes] = '\0';
    answer.status = h->status;
    answer.kind = kind;
}

static inline void answer_note_body(struct str span)
{
    assert_int_equal(answer.nr_heads, 1);
    assert_true(answer.nr_body + span.n <= sizeof(answer.body));
    memcpy(answer.body + answer.nr_body, span.p, span.n);
    answer.nr_body += span.n;
}

static inline bool answer_next_head(struct upstream_user *user, const struct head *h,
                                    enum body_kind kind)
{
    assert_ptr_equal(user, &answer.ex.user);
    answer_note_head(h, kind);
    answer.ex.state = EXCHANGE_RESPONDING;
    return true;
}

static inline bool answer_next_body(struct upstream_user *user, struct str span)
{
    assert_ptr_equal(user, &answer.ex.user);
    answer_note_body(span);
    return true;
}

static inline bool answer_next_flush(struct upstream_user *user)
{
    assert_ptr_equal(user, &answer.ex.user);
    answer.nr_flushes++;
    return true;
}

static inline void answer_next_end(struct upstream_user *user, struct str trailers,
                                   bool is_reusable)
{
    assert_ptr_equal(user, &answer.ex.user);
    assert_int_equal(trailers.n, 0);
    assert_true(is_reusable);
    answer.nr_ends++;
}

static inline int answer_front_head(struct exchange *ex, const struct head *h, enum body_kind kind)
{
    assert_ptr_equal(ex, &answer.ex);
    answer.was_given = true;
    answer_note_head(h, kind);
    return 0;
}

static inline int answer_front_body(struct exchange *ex, struct str span)
{
    assert_ptr_equal(ex, &answer.ex);
    answer_note_body(span);
    return 0;
}

static inline int answer_front_flush(struct exchange *ex)
{
    assert_ptr_equal(ex, &answer.ex);
    answer.nr_flushes++;
    return 0;
}

static inline void answer_front_end(struct exchange *ex, struct str trailers)
{
    assert_ptr_equal(ex, &answer.ex);
    assert_int_equal(trailers.n, 0);
    answer.nr_ends++;
}

static inline void answer_begin(enum version_kind kind, const struct exchange_filter *filter)
{
    static const struct upstream_events next = {.head = answer_next_head,
                                                .body = answer_next_body,
                                                .flush = answer_next_flush,
                                                .end = answer_next_end};
    static const struct exchange_front front = {.head = answer_front_head,
                                                .body = answer_front_body,
                                                .flush = answer_front_flush,
                                                .end = answer_front_end};
    static const char id[] = "01234567-89ab-cdef-0123-456789abcdef";

    memset(&answer, 0, sizeof(answer));
    http1_global_init();
    answer.settings.limits.invoke_response_bytes = 200000;
    answer.tuning.settings = &answer.settings;
    answer.tuning.response_limits =
        (struct head_limits){.line_bytes = 1000, .header_bytes = 20000, .header_count = 50};
    answer.worker.tuning = &answer.tuning;
    answer.function.name = STR("hello");
    answer.version = (struct version){.kind = kind, .name = STR("7"), .function = &answer.function};
    answer.arm.version = &answer.version;
    answer.ex = (struct exchange){.worker = &answer.worker,
                                  .tuning = &answer.tuning,
                                  .front = &front,
                                  .next = &next,
                                  .filter = filter,
                                  .run = &answer.arm,
                                  .arm = &answer.arm,
                                  .state = EXCHANGE_REQUESTING,
                                  .is_invoke = true,
                                  .head_us = -1};
    memcpy(answer.ex.request.request_id, id, sizeof(answer.ex.request.request_id));
    answer.ex.gathered = calloc(1, sizeof(*answer.ex.gathered));
    assert_non_null(answer.ex.gathered);
}

static inline int answer_over(void **state)
{
    (void)state;
    gathered_free(&answer.ex.gathered);
    http1_fini(&answer.parser);
    return 0;
}

/* The endpoint answers with this head: field lines behind the status. */
static inline void answer_head(int status, const char *fields)
{
    char text[4096];
    int n = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\n%s\r\n", status, fields);

    assert_true(n > 0 && (size_t)n < sizeof(text));
    http1_init_response(&answer.parser, &answer.parsed, &answer.tuning.response_limits);
    assert_int_equal(http1_head_feed(&answer.parser, text, (size_t)n), HTTP1_HEAD);
    http1_response_to(&answer.parser, false);
    assert_true(answer.ex.filter->head(&answer.ex, &answer.parsed, answer.parser.body));
}

static inline void answer_body(struct str span)
{
    assert_true(answer.ex.filter->body(&answer.ex, span));
    assert_true(answer.ex.filter->flush(&answer.ex));
}

static inline void answer_end(void)
{
    answer.ex.filter->end(&answer.ex, (struct str){NULL, 0}, true);
}

/* All of a response, in pieces of so many bytes. */
static inline void answer_in(int status, const char *fields, struct str body, size_t step)
{
    answer_head(status, fields);
    for (size_t at = 0; at < body.n; at += step)
        answer_body((struct str){body.p + at, body.n - at < step ? body.n - at : step});
    answer_end();
}

static inline bool answer_has_field(const char *line)
{
    char text[512];

    snprintf(text, sizeof(text), "\r\n%s\r\n", line);
    return strstr(answer.head, text) != NULL;
}

static inline void answer_expect_body(struct str body)
{
    assert_int_equal(answer.nr_body, body.n);
    assert_memory_equal(answer.body, body.p, body.n);
}

#endif
