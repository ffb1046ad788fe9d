/* Answers of emulators become Lambda's, whatever pieces they come in. */
#include "proxy/exchange/mapped.h"

#include <stdio.h>

#include "answer_lab.h"

#define ID   "01234567-89ab-cdef-0123-456789abcdef"
#define TYPE "Content-Type: text/plain; charset=utf-8\r\n"

static void begin(void)
{
    answer_begin(VERSION_RIE, &mapped_rie);
}

static void each_answer_has_its_meaning(void **state)
{
    static const struct {
        int status;
        const char *fields, *body;
        int is_status;
        bool is_error;
        const char *is_body;
    } cases[] = {
        {200, TYPE, "{\"a\":1}", 200, false, "{\"a\":1}"},
        {200, TYPE, "null", 200, false, "null"},
        {200, TYPE, "", 200, false, ""},
        {200, TYPE, "no JSON", 200, false, "no JSON"},
        {200, TYPE, "{\"errorType\":\"E\",\"errorMessage\":\"m\"}", 200, true,
         "{\"errorType\":\"E\",\"errorMessage\":\"m\"}"},
        {200, TYPE, "{\"errorType\":\"E\"}", 200, false, "{\"errorType\":\"E\"}"},
        {200, TYPE, "[{\"errorType\":\"E\",\"errorMessage\":\"m\"}]", 200, false,
         "[{\"errorType\":\"E\",\"errorMessage\":\"m\"}]"},
        {200, TYPE, "Task timed out after 3.00 seconds", 200, true,
         "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: " ID
         " Error: Task timed out after 3.00 seconds\"}"},
        {200, TYPE, "Task timed out after 0.00 seconds", 200, false,
         "Task timed out after 0.00 seconds"},
        {200, TYPE, "Task timed out after ", 200, false, "Task timed out after "},
        {200, "Error-Type: Runtime.X\r\n", "{\"errorType\":\"X\"}", 200, true,
         "{\"errorType\":\"X\"}"},
        {502, TYPE, "{\"errorType\":\"Runtime.ExitError\"}", 200, true,
         "{\"errorType\":\"Runtime.ExitError\"}"},
        {502, TYPE, "", 200, true,
         "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: " ID
         " Error: Runtime exited without providing a reason\"}"},
        {504, TYPE, "cancelled", 200, true,
         "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: " ID
         " Error: Runtime exited without providing a reason\"}"},
        {400, "Error-Type: Client.ExecutionEnvironmentShutDown\r\n", "{}", 200, true, "{}"},
        {404, TYPE, "404 page not found", 502, false, NULL},
        {500, TYPE, "", 502, false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t step = 1; step <= 64; step += 21) {
            begin();
            answer.settings.limits.invoke_response_bytes = 64;
            answer_in(cases[i].status, cases[i].fields, str_of(cases[i].body), step);
            assert_int_equal(answer.status, cases[i].is_status);
            assert_int_equal(answer.ex.is_function_error, cases[i].is_error);
            assert_int_equal(answer_has_field("X-Amz-Function-Error: Unhandled"),
                             cases[i].is_error);
            assert_true(answer_has_field("Content-Type: application/json"));
            assert_int_equal(answer_has_field("x-amzn-ErrorType: ServiceException"),
                             cases[i].is_status == 502);
            if (cases[i].is_body)
                answer_expect_body(str_of(cases[i].is_body));
            assert_int_equal(answer.nr_ends, 1);
            answer_over(state);
        }
}

/* The last byte that fits, and the first that does not. */
static void a_response_over_its_limit_is_an_error(void **state)
{
    char text[128];
    struct str body = STR("\"0123456789\"");

    (void)state;
    for (uint64_t limit = body.n - 1; limit <= body.n; limit++)
        for (size_t step = 1; step <= body.n; step++) {
            begin();
            answer.settings.limits.invoke_response_bytes = limit;
            answer_in(200, TYPE, body, step);
            assert_int_equal(answer.ex.is_function_error, limit < body.n);
            if (limit == body.n) {
                answer_expect_body(body);
            } else {
                snprintf(text, sizeof(text), "allowed payload size (%zu bytes).", body.n - 1);
                answer.body[answer.nr_body] = '\0';
                assert_non_null(strstr(answer.body, text));
                assert_non_null(strstr(answer.body, "Function.ResponseSizeTooLarge"));
            }
            answer_over(state);
        }
}

static void a_log_is_added_where_it_is_wanted(void **state)
{
    (void)state;
    begin();
    answer.ex.wants_log = true;
    answer_in(200, TYPE, STR("1"), 1);
    assert_non_null(strstr(answer.head, "\r\nX-Amz-Log-Result: "));
}

/* Nothing of the response is passed on before it is whole. */
static void nothing_goes_out_before_the_end(void **state)
{
    (void)state;
    begin();
    answer_head(200, TYPE);
    answer_body(STR("{\"errorType\":1,"));
    assert_int_equal(answer.nr_heads, 0);
    answer_body(STR("\"errorMessage\":2}"));
    assert_int_equal(answer.nr_heads + answer.nr_flushes, 0);
    answer_end();
    assert_true(answer.ex.is_function_error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_meaning),
        cmocka_unit_test(a_response_over_its_limit_is_an_error),
        cmocka_unit_test_teardown(a_log_is_added_where_it_is_wanted, answer_over),
        cmocka_unit_test_teardown(nothing_goes_out_before_the_end, answer_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
