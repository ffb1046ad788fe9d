/* Responses that weir makes in the place of an endpoint's, as a front finds them. */
#include "proxy/exchange/standin.h"

#include <stdio.h>

#include "answer_lab.h"
#include "base/base64.h"
#include "base/jsoncheck.h"

#define ID "01234567-89ab-cdef-0123-456789abcdef"

static int begin(void **state)
{
    (void)state;
    answer_begin(VERSION_RIE, NULL);
    return 0;
}

static void a_usual_one_is_lambdas_answer(void **state)
{
    (void)state;
    standin_give(&answer.ex, &(struct standin){.status = 200, .payload = STR("[1]")});
    assert_string_equal(answer.head, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                     "x-amzn-Remapped-Content-Length: 0\r\n"
                                     "Content-Length: 3\r\n\r\n");
    answer_expect_body(STR("[1]"));
    assert_int_equal(answer.kind, BODY_LENGTH);
    assert_int_equal(answer.ex.bytes_out, 3);
    assert_int_equal(answer.ex.status, 200);
    assert_false(answer.ex.is_function_error);
    assert_true(answer.ex.head_us >= 0);
    assert_int_equal(answer.nr_ends, 1);
}

static void each_part_is_a_line(void **state)
{
    (void)state;
    standin_give(&answer.ex, &(struct standin){.status = 502,
                                               .is_function_error = true,
                                               .content_type = "text/plain",
                                               .error_type = "ServiceException",
                                               .fields = STR("A: b\r\nC: d\r\n"),
                                               .payload = STR("x"),
                                               .is_http = true});
    assert_string_equal(answer.head, "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\n"
                                     "X-Amz-Function-Error: Unhandled\r\n"
                                     "x-amzn-ErrorType: ServiceException\r\nA: b\r\nC: d\r\n"
                                     "Content-Length: 1\r\n\r\n");
    assert_true(answer.ex.is_function_error);
}

static void an_empty_one_has_no_body_and_may_have_no_type(void **state)
{
    (void)state;
    standin_give(&answer.ex, &(struct standin){.status = 200, .content_type = "", .is_http = true});
    assert_string_equal(answer.head, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(answer.nr_body, 0);
    assert_int_equal(answer.nr_ends, 1);
}

static void a_stream_is_in_chunks(void **state)
{
    static struct standin_text text;
    const struct standin stream = {.status = 200, .is_http = true, .is_stream = true};
    enum body_kind kind;
    const struct head *head = standin_head(&answer.worker, &stream, &text, &kind);

    (void)state;
    assert_int_equal(kind, BODY_CHUNKED);
    assert_ptr_equal(head, &answer.worker.made_head);
}

/* The head has room for as many fields as may be. */
static void all_room_for_fields_may_be_used(void **state)
{
    static char fields[STANDIN_FIELDS_MAX];
    char *p = fields;

    (void)state;
    for (int i = 0; i < 12; i++) { /* 1024 bytes each */
        memset(p, 'x', 1024);
        memcpy(p, "a: ", 3);
        memcpy(p + 1022, "\r\n", 2);
        p += 1024;
    }
    standin_give(&answer.ex, &(struct standin){.status = 200,
                                               .error_type = "InvalidRequestContentException",
                                               .is_function_error = true,
                                               .fields = {fields, sizeof(fields)}});
    assert_int_equal(answer.nr_heads, 1);
}

static void errors_have_lambdas_words(void **state)
{
    static const struct {
        uint32_t ms;
        const char *seconds;
    } cases[] = {{1, "0.00"},    {10, "0.01"},       {999, "0.99"},         {1000, "1.00"},
                 {3009, "3.00"}, {900000, "900.00"}, {86400000, "86400.00"}};
    char out[STANDIN_ERROR_MAX], expected[STANDIN_ERROR_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(expected, sizeof(expected),
                 "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: " ID
                 " Error: Task timed out after %s seconds\"}",
                 cases[i].seconds);
        assert_true(str_eq(standin_timed_out(&answer.ex, cases[i].ms, out), str_of(expected)));
    }
    assert_true(str_eq(standin_too_large(UINT64_MAX, out),
                       STR("{\"errorMessage\":\"Response payload size exceeded maximum allowed "
                           "payload size (18446744073709551615 bytes).\",\"errorType\":"
                           "\"Function.ResponseSizeTooLarge\"}")));
}

/* Even with the longest name that a version has. */
static void a_log_says_which_version_ran(void **state)
{
    char out[STANDIN_ERROR_MAX], text[STANDIN_ERROR_MAX];
    struct str log;

    (void)state;
    answer.version.name = STR("18446744073709551615");
    log = standin_log(&answer.ex, out);
    ptrdiff_t n = base64_read(text, log);
    assert_true(n > 0);
    text[n] = '\0';
    assert_int_equal(strncmp(text,
                             "START RequestId: " ID " Version: 18446744073709551615\n"
                             "END RequestId: " ID "\nREPORT RequestId: " ID "\tDuration: ",
                             60),
                     0);
    assert_non_null(strstr(text, " ms\tBilled Duration: "));
    answer.ex.run = NULL; /* nothing ran */
    n = base64_read(text, standin_log(&answer.ex, out));
    text[n] = '\0';
    assert_non_null(strstr(text, "Version: $LATEST\n"));
    assert_int_equal(strncmp(standin_log_line(&answer.ex, out).p, "X-Amz-Log-Result: ", 18), 0);
}

static void a_timeout_is_the_functions_where_its_time_was_the_shorter_one(void **state)
{
    struct exchange *ex = &answer.ex;

    (void)state;
    assert_false(standin_has_timed_out(ex, METRICS_ERROR_RESPONSE_TIMEOUT)); /* it has no limit */
    answer.version.timeout_ms = 2000;
    answer.version.head_wait_ms = 1000;
    assert_false(standin_has_timed_out(ex, METRICS_ERROR_RESPONSE_TIMEOUT));
    ex->user.end_by_ms = 5000; /* the response has begun */
    answer.worker.loop.now_ms = 4999;
    assert_false(standin_has_timed_out(ex, METRICS_ERROR_RESPONSE_TIMEOUT));
    answer.worker.loop.now_ms = 5000;
    assert_true(standin_has_timed_out(ex, METRICS_ERROR_RESPONSE_TIMEOUT));
    assert_false(standin_has_timed_out(ex, METRICS_ERROR_RESET));
    ex->is_invoke = false;
    assert_false(standin_has_timed_out(ex, METRICS_ERROR_RESPONSE_TIMEOUT));
    ex->is_invoke = true;
    ex->run = NULL;
    assert_false(standin_has_timed_out(ex, METRICS_ERROR_RESPONSE_TIMEOUT));
    assert_false(standin_for_timeout(ex, METRICS_ERROR_RESPONSE_TIMEOUT));
    assert_int_equal(answer.nr_heads, 0);
}

static void a_timeout_is_answered_as_lambda_answers_it(void **state)
{
    (void)state;
    answer.version.timeout_ms = answer.version.head_wait_ms = 1000;
    answer.ex.wants_log = true;
    assert_true(standin_for_timeout(&answer.ex, METRICS_ERROR_RESPONSE_TIMEOUT));
    assert_true(answer_has_field("X-Amz-Function-Error: Unhandled"));
    assert_non_null(strstr(answer.head, "\r\nX-Amz-Log-Result: "));
    assert_true(answer.ex.is_function_error && answer.was_given);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.nr_ends, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, answer_over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_usual_one_is_lambdas_answer),
        TEST(each_part_is_a_line),
        TEST(an_empty_one_has_no_body_and_may_have_no_type),
        TEST(a_stream_is_in_chunks),
        TEST(all_room_for_fields_may_be_used),
        TEST(errors_have_lambdas_words),
        TEST(a_log_says_which_version_ran),
        TEST(a_timeout_is_the_functions_where_its_time_was_the_shorter_one),
        TEST(a_timeout_is_answered_as_lambda_answers_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
