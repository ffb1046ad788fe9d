/* Answers of functions, as responses. */
#include "proxy/payload/payload_answer.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JSON_TYPE "content-type: application/json\r\n"

static void expect_bytes(struct str payload, int status, const char *fields, struct str body)
{
    struct payload_answer answer;

    assert_int_equal(payload_answer_read(&answer, payload), 0);
    assert_null(answer.why);
    assert_int_equal(answer.status, status);
    assert_int_equal(answer.fields.n, strlen(fields));
    if (answer.fields.n > 0)
        assert_memory_equal(answer.fields.p, fields, answer.fields.n);
    assert_int_equal(answer.body.n, body.n);
    if (body.n > 0)
        assert_memory_equal(answer.body.p, body.p, body.n);
    payload_answer_fini(&answer);
}

static void expect(const char *payload, int status, const char *fields, const char *body)
{
    expect_bytes(str_of(payload), status, fields, str_of(body));
}

static void expect_refused(const char *payload, const char *why)
{
    struct payload_answer answer;

    assert_int_equal(payload_answer_read(&answer, str_of(payload)), -EBADMSG);
    assert_non_null(answer.why);
    if (!strstr(answer.why, why))
        fail_msg("\"%s\" is not in \"%s\"", why, answer.why);
    payload_answer_fini(&answer);
}

static void an_object_with_a_status_is_a_response(void **state)
{
    (void)state;
    expect("{\"statusCode\":201,\"headers\":{\"X-A\":\"b\",\"Content-Type\":\"text/plain\"},"
           "\"body\":\"hi\"}",
           201, "X-A: b\r\nContent-Type: text/plain\r\n", "hi");
    expect("{\"statusCode\":200}", 200, JSON_TYPE, "");
    expect("{\"statusCode\":200,\"headers\":null,\"cookies\":null,\"body\":null}", 200, JSON_TYPE,
           "");
    expect("{\"statusCode\":\"404\",\"body\":\"no\"}", 404, JSON_TYPE, "no");
    expect("{\"statusCode\":200.0,\"body\":\"x\"}", 200, JSON_TYPE, "x");
    expect("{\"statusCode\":200,\"body\":{\"a\":[1,true]}}", 200, JSON_TYPE, "{\"a\":[1,true]}");
    expect("{\"statusCode\":200,\"body\":7}", 200, JSON_TYPE, "7");
}

static void header_values_may_be_numbers_and_truth_values(void **state)
{
    (void)state;
    expect("{\"statusCode\":200,\"headers\":{\"a\":1,\"b\":true,\"c\":false,\"d\":0.5,\"e\":null,"
           "\"f\":\" trimmed\\t\",\"g\":\"\"}}",
           200, "a: 1\r\nb: true\r\nc: false\r\nd: 0.5\r\nf: trimmed\r\ng: \r\n" JSON_TYPE, "");
}

static void cookies_and_values_each_have_a_line(void **state)
{
    (void)state;
    expect("{\"statusCode\":200,\"cookies\":[\"a=1; Path=/\",\"b=2\"]}", 200,
           "set-cookie: a=1; Path=/\r\nset-cookie: b=2\r\n" JSON_TYPE, "");
    expect("{\"statusCode\":200,\"headers\":{\"x\":\"lost\",\"y\":\"kept\"},"
           "\"multiValueHeaders\":{\"X\":[\"1\",\"2\"],\"content-type\":[\"text/css\"]}}",
           200, "y: kept\r\nX: 1\r\nX: 2\r\ncontent-type: text/css\r\n", "");
    expect("{\"statusCode\":200,\"headers\":{\"x\":[\"1\",2]}}", 200, "x: 1\r\nx: 2\r\n" JSON_TYPE,
           "");
}

static void framing_is_not_the_functions(void **state)
{
    (void)state;
    expect("{\"statusCode\":200,\"headers\":{\"Content-Length\":\"999\",\"connection\":\"close\","
           "\"Transfer-Encoding\":\"chunked\",\"content-type\":\"a/b\"},\"body\":\"x\"}",
           200, "content-type: a/b\r\n", "x");
    expect("{\"statusCode\":204,\"body\":\"x\"}", 204, "", "");
    expect("{\"statusCode\":304,\"headers\":{\"etag\":\"\\\"1\\\"\"},\"body\":\"x\"}", 304,
           "etag: \"1\"\r\n", "");
}

static void base64_is_decoded(void **state)
{
    (void)state;
    expect_bytes(STR("{\"statusCode\":200,\"headers\":{\"content-type\":\"image/png\"},"
                     "\"body\":\"AP/+\",\"isBase64Encoded\":true}"),
                 200, "content-type: image/png\r\n", STR("\x00\xff\xfe"));
    expect("{\"statusCode\":200,\"body\":\"Zm9v\",\"isBase64Encoded\":false}", 200, JSON_TYPE,
           "Zm9v");
    expect("{\"statusCode\":200,\"body\":\"\",\"isBase64Encoded\":true}", 200, JSON_TYPE, "");
    expect_bytes(STR("{\"statusCode\":200,\"body\":\"a\\u0000b\"}"), 200, JSON_TYPE, STR("a\0b"));
    expect_refused("{\"statusCode\":200,\"body\":\"a b\",\"isBase64Encoded\":true}", "base64");
}

static void anything_else_is_a_body(void **state)
{
    (void)state;
    expect("\"a \\\"string\\\"\"", 200, JSON_TYPE, "a \"string\"");
    expect("{\"k\": 1}", 200, JSON_TYPE, "{\"k\": 1}");
    expect("{\"body\":\"x\",\"headers\":{}}", 200, JSON_TYPE, "{\"body\":\"x\",\"headers\":{}}");
    expect("[1,2]", 200, JSON_TYPE, "[1,2]");
    expect("12.5", 200, JSON_TYPE, "12.5");
    expect("true", 200, JSON_TYPE, "true");
    expect("null", 200, JSON_TYPE, "null");
    expect("no JSON", 200, JSON_TYPE, "no JSON");
    expect("", 200, JSON_TYPE, "");
}

static void what_breaks_a_rule_is_refused(void **state)
{
    (void)state;
    expect_refused("{\"statusCode\":99}", "status");
    expect_refused("{\"statusCode\":100}", "status");
    expect_refused("{\"statusCode\":600}", "status");
    expect_refused("{\"statusCode\":200.5}", "status");
    expect_refused("{\"statusCode\":1e300}", "status");
    expect_refused("{\"statusCode\":\"abc\"}", "status");
    expect_refused("{\"statusCode\":\"2000\"}", "status");
    expect_refused("{\"statusCode\":null}", "status");
    expect_refused("{\"statusCode\":{}}", "status");
    expect_refused("{\"statusCode\":200,\"headers\":[]}", "headers");
    expect_refused("{\"statusCode\":200,\"headers\":{\"a\":{}}}", "string nor a number");
    expect_refused("{\"statusCode\":200,\"headers\":{\"a\":[{}]}}", "string nor a number");
    expect_refused("{\"statusCode\":200,\"headers\":{\"a b\":\"c\"}}", "name");
    expect_refused("{\"statusCode\":200,\"headers\":{\"\":\"c\"}}", "name");
    expect_refused("{\"statusCode\":200,\"headers\":{\"a:\":\"c\"}}", "name");
    expect_refused("{\"statusCode\":200,\"headers\":{\"a\":\"b\\r\\nc: d\"}}", "control");
    expect_refused("{\"statusCode\":200,\"headers\":{\"a\":\"b\\nc\"}}", "control");
    expect_refused("{\"statusCode\":200,\"headers\":{\"a\":\"b\\u0000\"}}", "control");
    expect_refused("{\"statusCode\":200,\"cookies\":\"a=b\"}", "cookies");
    expect_refused("{\"statusCode\":200,\"cookies\":[1]}", "cookie");
    expect_refused("{\"statusCode\":200,\"cookies\":[\"a\\r\\nb\"]}", "control");
}

#define ZEROS "\0\0\0\0\0\0\0\0"

static void a_streamed_answer_is_read_all_at_once(void **state)
{
    (void)state;
    expect_bytes(STR("{\"statusCode\":201,\"headers\":{\"content-type\":\"text/html\"},"
                     "\"cookies\":[\"a=b\"]}" ZEROS "<p>\0</p>"),
                 201, "content-type: text/html\r\nset-cookie: a=b\r\n", STR("<p>\0</p>"));
    expect_bytes(STR("{}" ZEROS), 200, "content-type: application/octet-stream\r\n", STR(""));
    expect_bytes(STR("no prelude\0\0\0\0\0\0\0 seven zeros"), 200, JSON_TYPE,
                 STR("no prelude\0\0\0\0\0\0\0 seven zeros"));
}

static void a_prelude_is_an_object(void **state)
{
    struct payload_answer answer;

    (void)state;
    assert_int_equal(payload_answer_read_prelude(&answer, STR("{\"statusCode\":302}")), 0);
    assert_int_equal(answer.status, 302);
    payload_answer_fini(&answer);
    assert_int_equal(payload_answer_read_prelude(&answer, STR("[1]")), -EBADMSG);
    assert_non_null(strstr(answer.why, "prelude"));
    payload_answer_fini(&answer);
    assert_int_equal(payload_answer_read_prelude(&answer, STR("")), -EBADMSG);
    payload_answer_fini(&answer);
    assert_int_equal(payload_answer_find_body(STR("ab" ZEROS "c")), 2);
    assert_int_equal(payload_answer_find_body(STR("ab\0\0\0\0\0\0\0c")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_with_a_status_is_a_response),
        cmocka_unit_test(header_values_may_be_numbers_and_truth_values),
        cmocka_unit_test(cookies_and_values_each_have_a_line),
        cmocka_unit_test(framing_is_not_the_functions),
        cmocka_unit_test(base64_is_decoded),
        cmocka_unit_test(anything_else_is_a_body),
        cmocka_unit_test(what_breaks_a_rule_is_refused),
        cmocka_unit_test(a_streamed_answer_is_read_all_at_once),
        cmocka_unit_test(a_prelude_is_an_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
