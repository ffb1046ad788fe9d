/* proxy/http/traceid.h: the root of the trace that the answer to an Invoke names. */
#include "proxy/http/traceid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char id[] = "6b54dbf6-8335-4ea5-bc73-95c5c0b59f90";

static void expect(const char *value, const char *line)
{
    struct traceid trace;
    char out[TRACEID_LINE_MAX + 1];

    memset(&trace, 'x', sizeof(trace));
    traceid_begin(&trace, str_of(value));
    *traceid_put(out, &trace, id, "692ced0a") = '\0';
    assert_string_equal(out, line);
}

#define OWN  "X-Amzn-Trace-Id: root=1-692ced0a-83354ea5bc7395c5c0b59f90;sampled=0\r\n"
#define ROOT "1-5759e988-bd862e3fe1be46a994272793"

static void without_a_callers_it_is_made_of_the_second_and_the_request(void **state)
{
    (void)state;
    expect("", OWN);
}

static void a_callers_root_is_kept(void **state)
{
    (void)state;
    expect("Root=" ROOT, "X-Amzn-Trace-Id: root=" ROOT ";sampled=0\r\n");
    expect("Root=" ROOT ";Parent=53995c3f42cd8ad8;Sampled=1",
           "X-Amzn-Trace-Id: root=" ROOT ";sampled=1\r\n");
    expect("Sampled=1; root=" ROOT, "X-Amzn-Trace-Id: root=" ROOT ";sampled=1\r\n");
}

static void what_is_no_root_is_not_repeated(void **state)
{
    static const char *const bad[] = {
        "Root=",         "Root",           ";;=;",
        "Root=1-2-3",    "Root=" ROOT "0", "Root=1-5759e988-bd862e3fe1be46a99427279\xff",
        ("Parent=" ROOT)};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect(bad[i], OWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_callers_it_is_made_of_the_second_and_the_request),
        cmocka_unit_test(a_callers_root_is_kept),
        cmocka_unit_test(what_is_no_root_is_not_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
