/* Request lines: where a target ends, whatever its length and whichever byte ends it. */
#include "proxy/http/startline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/http/chars.h"

enum { LENGTH_MAX = 70 };

/* The line in memory that ends with it, so that a sanitizer sees what is read behind it. */
static enum head_error read_line(const char *line, size_t n, struct head *head)
{
    char *bytes = malloc(n);
    const char *detail = "";
    enum head_error error;

    assert_non_null(bytes);
    memcpy(bytes, line, n);
    *head = (struct head){.base = bytes};
    error = startline_request(head, n, &detail);
    free(bytes);
    return error;
}

/* A target of n bytes, all of them 'a' but the one at `at`. */
static size_t write_line(char *line, size_t n, size_t at, char byte)
{
    size_t begin = sizeof("GET /") - 1;

    memcpy(line, "GET /", begin);
    memset(line + begin, 'a', n - 1);
    if (at > 0)
        line[begin + at - 1] = byte;
    memcpy(line + begin + n - 1, " HTTP/1.1", sizeof(" HTTP/1.1") - 1);
    return begin + n - 1 + sizeof(" HTTP/1.1") - 1;
}

static void every_byte_at_every_place_is_taken_as_its_class_says(void **state)
{
    char line[LENGTH_MAX + 32];
    struct head head;

    (void)state;
    for (size_t n = 2; n < LENGTH_MAX; n++) {
        for (size_t at = 1; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                size_t len = write_line(line, n, at, (char)c);
                bool is_target = chars_is((char)c, CHARS_TARGET);
                enum head_error error = read_line(line, len, &head);

                if (c == '%') /* the next test's */
                    continue;
                assert_int_equal(error == HEAD_ERROR_NONE, is_target);
                if (!is_target)
                    continue;
                assert_int_equal(head.target_len, n);
                assert_int_equal(head.has_query, c == '?');
                assert_int_equal(head.path_len, c == '?' ? at : n);
                assert_int_equal(head.minor, 1);
            }
        }
    }
}

static void percent_encodings_are_checked_wherever_they_stand(void **state)
{
    char line[LENGTH_MAX + 32];
    struct head head;

    (void)state;
    for (size_t n = 4; n < LENGTH_MAX; n++) {
        for (size_t at = 1; at < n; at++) {
            size_t len = write_line(line, n, at, '%'); /* %aa is one, where it fits */

            assert_int_equal(read_line(line, len, &head) == HEAD_ERROR_NONE, at + 2 < n);
            line[sizeof("GET /") - 1 + at] = 'g';
            assert_int_not_equal(read_line(line, len, &head), HEAD_ERROR_NONE);
        }
    }
}

static void what_ends_the_target_is_not_part_of_it(void **state)
{
    struct head head;

    (void)state;
    /* A '?' behind the end in the same block is none of the target's. */
    assert_int_not_equal(read_line("GET / ?TTP/1.1234567890", 23, &head), HEAD_ERROR_NONE);
    assert_int_equal(read_line("GET / HTTP/1.1", 14, &head), HEAD_ERROR_NONE);
    assert_int_equal(head.target_len, 1);
    assert_false(head.has_query);
    assert_int_not_equal(read_line("GET  HTTP/1.1", 13, &head), HEAD_ERROR_NONE);
    assert_int_not_equal(read_line("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaa", 32, &head), HEAD_ERROR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_at_every_place_is_taken_as_its_class_says),
        cmocka_unit_test(percent_encodings_are_checked_wherever_they_stand),
        cmocka_unit_test(what_ends_the_target_is_not_part_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
