/* The log of an invocation is a field of its response, which is passed on as it comes. */
#include "proxy/exchange/logged.h"

#include <stdio.h>

#include "answer_lab.h"
#include "failmalloc.h"

static int begin(void **state)
{
    (void)state;
    answer_begin(VERSION_HTTP, &logged_http);
    answer.ex.wants_log = true;
    return 0;
}

static void a_field_is_added_and_the_rest_goes_on_by_itself(void **state)
{
    (void)state;
    answer_head(418, "A: b\r\nContent-Length: 5\r\nC: d\r\n");
    assert_int_equal(answer.status, 418);
    static const char start[] = "HTTP/1.1 418 X\r\nA: b\r\nContent-Length: 5\r\nC: d\r\n"
                                "X-Amz-Log-Result: ";
    assert_int_equal(strncmp(answer.head, start, sizeof(start) - 1), 0);
    assert_int_equal(answer.kind, BODY_LENGTH);
    assert_null(answer.ex.filter);
    assert_ptr_equal(answer.ex.user.on, answer.ex.next);
}

static void a_response_that_has_no_body_has_a_log_all_the_same(void **state)
{
    (void)state;
    answer_head(204, "");
    assert_int_equal(answer.kind, BODY_NONE);
    assert_non_null(strstr(answer.head, "X-Amz-Log-Result: "));
}

/* One field more than a head may have: the response goes on without it. */
static void a_head_that_is_full_is_passed_on_as_it_is(void **state)
{
    (void)state;
    answer.tuning.response_limits.header_count = 2;
    answer_head(200, "A: b\r\nContent-Length: 0\r\n");
    assert_null(strstr(answer.head, "X-Amz-Log-Result"));
    assert_true(answer_has_field("A: b"));
    assert_null(answer.ex.filter);
}

static void out_of_memory_the_field_is_left_out(void **state)
{
    failmalloc_skip();
    for (long n = 1;; n++) {
        answer_over(state);
        begin(state);
        http1_init_response(&answer.parser, &answer.parsed, &answer.tuning.response_limits);
        assert_int_equal(
            http1_head_feed(&answer.parser, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38),
            HTTP1_HEAD);
        failmalloc_arm(n);
        bool is_wanted = logged_http.head(&answer.ex, &answer.parsed, BODY_LENGTH);
        bool has_failed = failmalloc_disarm();
        assert_true(is_wanted);
        assert_int_equal(strstr(answer.head, "X-Amz-Log-Result") == NULL, has_failed);
        if (!has_failed)
            break;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, answer_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_field_is_added_and_the_rest_goes_on_by_itself),
        TEST(a_response_that_has_no_body_has_a_log_all_the_same),
        TEST(a_head_that_is_full_is_passed_on_as_it_is),
        TEST(out_of_memory_the_field_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
