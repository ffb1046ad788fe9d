/* Queries, decoded. */
#include "proxy/payload/payload_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *query, const char *json)
{
    struct buffer out = {0};

    payload_query_write(&out, str_of(query));
    assert_false(out.is_out);
    assert_int_equal(out.n, strlen(json));
    if (out.n > 0)
        assert_memory_equal(out.p, json, out.n);
    buffer_fini(&out);
}

#define MEMBER ",\"queryStringParameters\":"

static void parameters_are_decoded_and_brought_together(void **state)
{
    (void)state;
    expect("b=2&a=1&b=3", MEMBER "{\"a\":\"1\",\"b\":\"2,3\"}");
    expect("a=x%20y+z&%C3%A4=%22", MEMBER "{\"a\":\"x y z\",\"\xc3\xa4\":\"\\\"\"}");
    expect("parameter1=value1&parameter1=value2&parameter2=value",
           MEMBER "{\"parameter1\":\"value1,value2\",\"parameter2\":\"value\"}");
}

static void odd_ones_lose_nothing(void **state)
{
    (void)state;
    expect("", "");
    expect("&&", "");
    expect("a", MEMBER "{\"a\":\"\"}");
    expect("a=&a", MEMBER "{\"a\":\",\"}");
    expect("=v", MEMBER "{\"\":\"v\"}");
    expect("a=b=c", MEMBER "{\"a\":\"b=c\"}");
    expect("a=%zz%4", MEMBER "{\"a\":\"%zz%4\"}");
    expect("a=%ff", MEMBER "{\"a\":\"\xef\xbf\xbd\"}");
    expect("ab=1&a=2&abc=3&a=4", MEMBER "{\"a\":\"2,4\",\"ab\":\"1\",\"abc\":\"3\"}");
    expect("a=%00", MEMBER "{\"a\":\"\\u0000\"}");
}

/* 30 000 names: a comparison of each with each would not end within the test's time. */
static void many_names_take_no_time_to_speak_of(void **state)
{
    struct buffer query = {0}, out = {0};

    (void)state;
    for (uint64_t i = 0; i < 30000; i++) {
        buffer_number(&query, i);
        buffer_char(&query, '&');
    }
    payload_query_write(&out, buffer_text(&query));
    assert_false(out.is_out);
    assert_true(out.n > 30000);
    buffer_fini(&query);
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_decoded_and_brought_together),
        cmocka_unit_test(odd_ones_lose_nothing),
        cmocka_unit_test(many_names_take_no_time_to_speak_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
