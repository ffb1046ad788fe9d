/* How executions end. */
#include "control/ending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct table *some_table = (struct table *)"not looked at";

/* "STATUS error|cause|output" */
static const char *said(struct run run, const char *body)
{
    static char text[1000];
    struct ending out;

    run.body = body ? strdup(body) : NULL;
    run.body_bytes = body ? strlen(body) : 0;
    ending_of_run(&out, &run);
    assert_false(out.is_short);
    snprintf(text, sizeof(text), "%s %s|%s|%s%s", execution_rows_statuses[out.status],
             out.error ? out.error : "-", out.cause ? out.cause : "-",
             out.output ? out.output : "-", out.is_blamed ? " blamed" : "");
    ending_fini(&out);
    free(run.body);
    return text;
}

#define endpoint(status_, body)      said((struct run){.table = some_table, .status = status_}, body)
#define function(status_, body, ...) said((struct run){.status = status_, __VA_ARGS__}, body)

static void an_endpoints_answer_decides(void **state)
{
    (void)state;
    assert_string_equal(endpoint(200, " {\"a\": 1.0}\n"), "SUCCEEDED -|-| {\"a\": 1.0}\n");
    assert_string_equal(endpoint(201, "7"), "SUCCEEDED -|-|7");
    assert_string_equal(endpoint(200, "hello \"x\""), "SUCCEEDED -|-|\"hello \\\"x\\\"\"");
    assert_string_equal(endpoint(204, NULL), "SUCCEEDED -|-|\"\"");
    assert_string_equal(endpoint(202, "{}"), "RUNNING -|-|-");
    assert_string_equal(endpoint(302, "go"), "FAILED States.Http.StatusCode.302|go|-");
    assert_string_equal(endpoint(404, ""), "FAILED States.Http.StatusCode.404||-");
    assert_string_equal(endpoint(500, "\xff"),
                        "FAILED States.Http.StatusCode.500|\xef\xbf\xbd|- blamed");
}

static void no_answer_is_a_failure(void **state)
{
    (void)state;
    assert_string_equal(
        said((struct run){.table = some_table, .end = RUN_NO_ANSWER, .reason = "why"}, NULL),
        "FAILED States.Http.Socket|why|- blamed");
}

static void a_functions_error_is_the_executions(void **state)
{
    (void)state;
    assert_string_equal(function(200, "null"), "SUCCEEDED -|-|null");
    assert_string_equal(function(202, "1"), "SUCCEEDED -|-|1");
    assert_string_equal(function(200, "{\"errorType\":\"E\"}", .is_function_error = true),
                        "FAILED E|{\"errorType\":\"E\"}|- blamed");
    assert_string_equal(function(200, "x", .is_function_error = true),
                        "FAILED Lambda.Unknown|x|- blamed");
    assert_string_equal(function(404, NULL, .end = RUN_REFUSED, .type = "ResourceNotFoundException",
                                 .reason = "Function not found: x"),
                        "FAILED Lambda.ResourceNotFoundException|Function not found: x|- blamed");
}

static void what_is_too_long_is_a_failure(void **state)
{
    char *text = malloc(ENDING_OUTPUT_MAX + 2);
    struct ending out = {.status = EXECUTION_RUNNING};

    (void)state;
    memset(text, '1', ENDING_OUTPUT_MAX + 1);
    ending_succeed(&out, (struct str){text, ENDING_OUTPUT_MAX});
    assert_int_equal(out.status, EXECUTION_SUCCEEDED);
    assert_int_equal(out.output_bytes, ENDING_OUTPUT_MAX);
    ending_succeed(&out, (struct str){text, ENDING_OUTPUT_MAX + 1});
    assert_string_equal(out.error, "States.DataLimitExceeded");
    text[0] = 'x'; /* as a string it has quotes more */
    ending_succeed(&out, (struct str){text, ENDING_OUTPUT_MAX - 1});
    assert_string_equal(out.error, "States.DataLimitExceeded");
    text[ENDING_OUTPUT_MAX] = '\0';
    ending_fail(&out, EXECUTION_FAILED, text, text);
    assert_int_equal(strlen(out.error), ENDING_ERROR_MAX);
    assert_int_equal(strlen(out.cause), ENDING_CAUSE_MAX);
    ending_fini(&out);
    free(text);
    assert_string_equal(
        said((struct run){.table = some_table, .end = RUN_TOO_LARGE, .status = 200}, "xx") + 7,
        "States.DataLimitExceeded|The output has a size exceeding the maximum "
        "number of bytes service limit (262144).|-");
}

static void a_text_is_cut_between_characters(void **state)
{
    struct ending out = {.status = EXECUTION_RUNNING};
    char text[ENDING_ERROR_MAX + 2];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + ENDING_ERROR_MAX - 1, "\xc3\xa9", 3);
    ending_fail(&out, EXECUTION_ABORTED, text, NULL);
    assert_int_equal(strlen(out.error), ENDING_ERROR_MAX - 1);
    assert_null(out.cause);
    ending_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endpoints_answer_decides),
        cmocka_unit_test(no_answer_is_a_failure),
        cmocka_unit_test(a_functions_error_is_the_executions),
        cmocka_unit_test(what_is_too_long_is_a_failure),
        cmocka_unit_test(a_text_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
