/* Plain lines: what is one, and that whoever reads a head by them reads it as llhttp does. */
#include "proxy/http/plainline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "proxy/http/http1.h"

static const struct head_limits limits = {
    .line_bytes = 1000, .header_bytes = 8000, .header_count = 20};

/* ---- One line -------------------------------------------------------------------------------- */

static const char *read_at_end_of_memory(const char *text, size_t n, struct plainline *out)
{
    static const char before[] = "GET / HTTP/1.1\r\n";
    size_t start = sizeof(before) - 1;
    char *bytes = malloc(start + n); /* exactly: a sanitizer sees what is read behind it */
    const char *next;

    assert_non_null(bytes);
    memcpy(bytes, before, start);
    memcpy(bytes + start, text, n);
    next = plainline_read(bytes, bytes + start, bytes + start + n, out);
    next = next ? text + (next - (bytes + start)) : NULL;
    free(bytes);
    return next;
}

static void lines_are_plain_or_not(void **state)
{
    static const struct {
        const char *text;
        uint32_t name_len, value_len; /* 0: not plain */
    } cases[] = {
        {"Host: a\r\nX", 4, 1},
        {"Host: a\r\n\r\n", 4, 1},
        {"X-Longer-Than-One-Block-Of-Bytes: and a value that is longer, too\r\n\r", 32, 31},
        {"a: b c\r\n\r", 1, 3},
        {"A9-: ~\r\n\r", 3, 1},
        {"Host: a\r\n", 0, 0}, /* what comes next may continue it */
        {"Host: a\r\n more\r\n\r\n", 0, 0},
        {"Host: a\r\n\tmore\r\n\r\n", 0, 0},
        {"Host: a\r", 0, 0},
        {"Host: a\n\r\n", 0, 0},
        {"Host: a\rb\r\n\r\n", 0, 0},
        {"Host:a\r\n\r\n", 0, 0},
        {"Host:  a\r\n\r\n", 0, 0},
        {"Host:\ta\r\n\r\n", 0, 0},
        {"Host: a \r\n\r\n", 0, 0},
        {"Host: \r\n\r\n", 0, 0},
        {"Host:\r\n\r\n", 0, 0},
        {"Host : a\r\n\r\n", 0, 0},
        {" Host: a\r\n\r\n", 0, 0},
        {": a\r\n\r\n", 0, 0},
        {"\r\n\r\n", 0, 0},
        {"X_Y: a\r\n\r\n", 0, 0},
        {"X.Y: a\r\n\r\n", 0, 0},
        {"X: a\tb\r\n\r\n", 0, 0},
        {"X: a\x7f\r\n\r\n", 0, 0},
        {"X: a\x80\r\n\r\n", 0, 0},
        {"X\x80: a\r\n\r\n", 0, 0},
        {"X: a\x01\r\n\r\n", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct plainline line = {0, 0};
        const char *text = cases[i].text;
        const char *next = read_at_end_of_memory(text, strlen(text), &line);

        if (cases[i].name_len == 0) {
            assert_null(next);
            continue;
        }
        assert_non_null(next);
        assert_int_equal(line.name_len, cases[i].name_len);
        assert_int_equal(line.value_len, cases[i].value_len);
        assert_int_equal(next - text, line.name_len + 2 + line.value_len + 2);
        for (size_t n = 0; n <= (size_t)(next - text); n++) /* cut anywhere it is not all there */
            assert_null(read_at_end_of_memory(text, n, &line));
    }
}

static void zero_bytes_are_not_plain(void **state)
{
    struct plainline line;

    (void)state;
    assert_null(read_at_end_of_memory("X: a\0b\r\n\r\n", 10, &line));
    assert_null(read_at_end_of_memory("X\0Y: a\r\n\r\n", 10, &line));
}

/* ---- Whole heads, by plain lines and by llhttp ----------------------------------------------- */

static char *put_random(char *p, struct prng *random, const char *const *pieces, uint32_t nr)
{
    const char *piece = pieces[prng_below(random, nr)];
    size_t n = strlen(piece);

    memcpy(p, piece, n);
    return p + n;
}

static size_t make_head(char *out, struct prng *random, bool is_response)
{
    static const char *const names[] = {"Host",
                                        "host",
                                        "X-A",
                                        "X_A",
                                        "Accept",
                                        "Expect",
                                        "Connection",
                                        "Upgrade",
                                        "X.Y",
                                        "Te",
                                        "X A",
                                        "",
                                        "X\x80",
                                        "Date",
                                        "Via",
                                        "Content-Length",
                                        "Transfer-Encoding",
                                        "X-Long-Name-Of-A-Field"};
    static const char *const colons[] = {": ", ": ", ": ", ": ", ": ", ":", ":  ", " : ", ":\t"};
    static const char *const values[] = {
        "a",    "a.example", "close",   "keep-alive",
        "5",    "chunked",   "upgrade", "a b",
        "a\tb", "",          "a ",      "100-continue",
        "\x80", "a\x01",     "0",       "a value that takes more than one block of bytes"};
    static const char *const ends[] = {"\r\n", "\r\n", "\r\n", "\r\n", "\r\n",  "\r\n",
                                       "\r\n", "\r\n", "\n",   "\r",   "\r\n ", "\r\n\t"};
    char *p = out;
    int nr = (int)prng_below(random, 7);

    p += snprintf(p, 64, "%s\r\n", is_response ? "HTTP/1.1 200 OK" : "PUT /path HTTP/1.1");
    if (!is_response && prng_below(random, 4))
        p += snprintf(p, 64, "Host: a.example\r\n");
    for (int i = 0; i < nr; i++) {
        p = put_random(p, random, names, sizeof(names) / sizeof(names[0]));
        p = put_random(p, random, colons, sizeof(colons) / sizeof(colons[0]));
        p = put_random(p, random, values, sizeof(values) / sizeof(values[0]));
        p = put_random(p, random, ends, sizeof(ends) / sizeof(ends[0]));
    }
    p += snprintf(p, 64, "\r\nbody");
    return (size_t)(p - out);
}

/* Feeds the start line and the first byte behind it alone: then nothing of it is taken as plain. */
static enum http1_result feed(struct http1 *p, const char *text, size_t n, bool by_llhttp)
{
    if (by_llhttp) {
        size_t first = (size_t)((const char *)memchr(text, '\n', n) - text) + 2;
        enum http1_result r = http1_head_feed(p, text, first);

        if (r != HTTP1_MORE)
            return r;
    }
    return http1_head_feed(p, text, n);
}

static void assert_same_head(const struct head *a, const struct head *b)
{
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->is_close, b->is_close);
    assert_int_equal(a->is_keep_alive, b->is_keep_alive);
    assert_int_equal(a->is_upgrade, b->is_upgrade);
    assert_int_equal(a->has_connection_options, b->has_connection_options);
    assert_int_equal(a->has_underscores, b->has_underscores);
    assert_int_equal(a->is_expect_continue, b->is_expect_continue);
    assert_int_equal(a->body, b->body);
    assert_true(a->content_length == b->content_length);
    assert_int_equal(a->host, b->host);
    assert_int_equal(a->nr_fields, b->nr_fields);
    for (int i = 0; i < a->nr_fields; i++) {
        assert_int_equal(a->fields[i].id, b->fields[i].id);
        assert_int_equal(a->fields[i].name_at, b->fields[i].name_at);
        assert_int_equal(a->fields[i].name_len, b->fields[i].name_len);
        assert_int_equal(a->fields[i].value_len, b->fields[i].value_len);
        if (a->fields[i].value_len > 0)
            assert_int_equal(a->fields[i].value_at, b->fields[i].value_at);
    }
}

static void plain_lines_read_as_llhttp_reads_them(void **state)
{
    static struct head heads[2];
    static char text[8192];
    struct prng random;
    int nr_good = 0, nr_bad = 0;

    (void)state;
    http1_global_init();
    prng_seed(&random, 20);
    for (int round = 0; round < 60000; round++) {
        bool is_response = round & 1;
        size_t n = make_head(text, &random, is_response);
        struct http1 parsers[2];
        enum http1_result results[2];

        for (int i = 0; i < 2; i++) {
            if (is_response)
                http1_init_response(&parsers[i], &heads[i], &limits);
            else
                http1_init_request(&parsers[i], &heads[i], &limits);
            results[i] = feed(&parsers[i], text, n, i == 1);
        }
        if (results[0] != results[1])
            fail_msg("%d by plain lines, %d by llhttp: %.*s", results[0], results[1], (int)n, text);
        if (results[0] == HTTP1_HEAD) {
            assert_same_head(&heads[0], &heads[1]);
            nr_good++;
        } else if (results[0] == HTTP1_FAILED) {
            assert_int_equal(http1_error_status(parsers[0].error),
                             http1_error_status(parsers[1].error));
            nr_bad++;
        }
        for (int i = 0; i < 2; i++)
            http1_fini(&parsers[i]);
    }
    assert_true(nr_good > 5000 && nr_bad > 5000);
}

/* ---- Heads that are like the one before -------------------------------------------------------
 */

/* What it came to, or the status it is refused with, negative. */
static int read_into(struct head *head, const char *text, size_t n, bool is_response,
                     const struct head_limits *how)
{
    struct http1 p;

    if (is_response)
        http1_init_response(&p, head, how);
    else
        http1_init_request(&p, head, how);
    int r = (int)http1_head_feed(&p, text, n);
    if (r == HTTP1_FAILED)
        r = -http1_error_status(p.error);
    http1_fini(&p);
    return r;
}

static char *line_at(char *text, size_t n, uint32_t nr)
{
    char *p = text;

    for (; nr > 0; nr--) {
        char *lf = memchr(p, '\n', (size_t)(text + n - p));
        if (!lf)
            break;
        p = lf + 1;
    }
    return p;
}

/* A line twice, a line less, another byte, a byte more, a line that goes on, or all as it was. */
static size_t change(char *text, size_t n, struct prng *random)
{
    char *line = line_at(text, n, prng_below(random, 8));
    char *next = line_at(line, (size_t)(text + n - line), 1);
    size_t length = (size_t)(next - line), rest = (size_t)(text + n - next);
    char *byte = text + prng_below(random, (uint32_t)n);

    switch (prng_below(random, 6)) {
    case 0:
        memmove(next + length, next, rest);
        memcpy(next, line, length);
        return n + length;
    case 1:
        memmove(line, next, rest);
        return n - length;
    case 2:
        *byte = "Xx: \r\n\t1"[prng_below(random, 8)];
        return n;
    case 3:
        memmove(byte + 1, byte, (size_t)(text + n - byte));
        return n + 1;
    case 4:
        memmove(line + 1, line, (size_t)(text + n - line));
        *line = ' ';
        return n + 1;
    default:
        return n;
    }
}

/* One reader keeps what it has read; the other one is new each time. Changes pile up as long as the
 * head stays good. */
static void a_head_reads_the_same_whatever_was_read_before(void **state)
{
    static struct head used[2], fresh;
    static char good[2][8192], text[8192];
    size_t nr_bytes[2] = {0, 0};
    struct prng random;
    int nr_kept = 0, nr_good = 0, nr_bad = 0;

    (void)state;
    http1_global_init();
    prng_seed(&random, 21);
    for (int round = 0; round < 200000; round++) {
        int kind = round & 1;
        size_t n = nr_bytes[kind];

        memcpy(text, good[kind], n);
        if (n == 0 || n > 4000 || prng_below(&random, 30) == 0)
            n = make_head(text, &random, kind);
        else
            n = change(text, n, &random);
        memset(&fresh, 0, sizeof(fresh));
        int a = read_into(&used[kind], text, n, kind, &limits);
        int b = read_into(&fresh, text, n, kind, &limits);
        if (a != b)
            fail_msg("%d, and %d afresh: %.*s", a, b, (int)n, text);
        if (a != HTTP1_HEAD) {
            nr_bad++;
            continue;
        }
        assert_same_head(&used[kind], &fresh);
        assert_int_equal(used[kind].host_at, fresh.host_at);
        assert_int_equal(used[kind].host_len, fresh.host_len);
        assert_int_equal(used[kind].is_plain, fresh.is_plain);
        nr_kept += used[kind].memo.nr > 0;
        nr_good++;
        nr_bytes[kind] = n;
        memcpy(good[kind], text, n);
    }
    assert_true(nr_good > 50000 && nr_kept > 20000 && nr_bad > 20000);
}

static void limits_hold_for_lines_that_are_known(void **state)
{
    static struct head head;
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\nX-A: c\r\n\r\n";
    struct head_limits few = limits, small = limits;

    (void)state;
    http1_global_init();
    few.header_count = 2;
    small.header_bytes = 20;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_into(&head, text, sizeof(text) - 1, false, &limits), HTTP1_HEAD);
        assert_int_equal(head.memo.nr, 3);
        assert_int_equal(read_into(&head, text, sizeof(text) - 1, false, i ? &few : &small), -431);
        assert_int_equal(head.memo.nr, 0);
    }
}

/* A section that is larger than a memo is read as well, and again. */
static void what_is_too_large_to_keep_is_read_anew(void **state)
{
    static struct head head;
    static char text[4096];
    size_t n = (size_t)snprintf(text, sizeof(text),
                                "GET / HTTP/1.1\r\nHost: a\r\nX-A: %0*d\r\n\r\n", 2000, 7);

    (void)state;
    http1_global_init();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_into(&head, text, n, false, &limits), HTTP1_HEAD);
        assert_int_equal(head.memo.nr, 0);
        assert_int_equal(head.nr_fields, 2);
        assert_int_equal(head.fields[1].value_len, 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_plain_or_not),
        cmocka_unit_test(zero_bytes_are_not_plain),
        cmocka_unit_test(plain_lines_read_as_llhttp_reads_them),
        cmocka_unit_test(a_head_reads_the_same_whatever_was_read_before),
        cmocka_unit_test(limits_hold_for_lines_that_are_known),
        cmocka_unit_test(what_is_too_large_to_keep_is_read_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
