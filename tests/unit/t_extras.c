/* Which fields of a response are taken off, and what is added. */
#include "proxy/exchange/extras.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/exchange/exchange.h"

static struct exchange ex;

static int tear_down(void **state)
{
    (void)state;
    extras_free(&ex.extras);
    return 0;
}

static bool takes(const char *name, const char *value)
{
    return extras_takes(ex.extras, str_of(name), str_of(value));
}

static void names_are_taken_in_any_case_and_whole(void **state)
{
    struct extras *e = extras_of(&ex);

    (void)state;
    extras_take(e, STR("x-weir-pin"));
    assert_true(takes("X-Weir-Pin", ""));
    assert_false(takes("x-weir-pin2", ""));
    assert_false(takes("x-weir-pi", ""));
    assert_false(takes("set-cookie", "x-weir-pin=1"));
}

static void a_cookie_is_taken_as_clients_read_it(void **state)
{
    struct extras *e = extras_of(&ex);

    (void)state;
    extras_take_cookie(e, STR("pin"));
    assert_true(takes("Set-Cookie", "pin=1"));
    assert_true(takes("set-cookie", "pin=; Path=/"));
    assert_true(takes("set-cookie", " pin\t = 1; Path=/"));
    assert_false(takes("set-cookie", "Pin=1"));
    assert_false(takes("set-cookie", "pin2=1"));
    assert_false(takes("set-cookie", "a=pin"));
    assert_false(takes("set-cookie", "a=1; pin=2"));
    assert_false(takes("set-cookie", ""));
    assert_false(takes("cookie", "pin=1"));
    assert_false(takes("pin", "1"));
}

static void cross_origin_fields_are_taken_where_weir_decides_them(void **state)
{
    struct extras *e = extras_of(&ex);

    (void)state;
    assert_false(takes("Access-Control-Allow-Origin", "*"));
    e->has_cors = true;
    assert_true(takes("Access-Control-Allow-Origin", "*"));
}

static void trailers_lose_the_same_fields(void **state)
{
    struct extras *e = extras_of(&ex);
    char out[128];

    (void)state;
    extras_take(e, STR("x-pin"));
    extras_take_cookie(e, STR("pin"));
    char *end = extras_put_trailers(
        out, e, STR("X-Pin: 1\r\nA: b\r\nSet-Cookie: pin=1\r\nSet-Cookie: pon=1\r\nx-pin: \r\n"));
    *end = 0;
    assert_string_equal(out, "A: b\r\nSet-Cookie: pon=1\r\n");
    assert_ptr_equal(extras_put_trailers(out, e, STR("")), out);
}

static void what_is_added_is_bounded(void **state)
{
    struct extras *e = extras_of(&ex);
    char value[4096];

    (void)state;
    memset(value, 'v', sizeof(value));
    extras_add(e, STR("a"), STR("1"));
    extras_add(e, STR("B"), STR(""));
    assert_int_equal(extras_lines(e).n, 11);
    assert_memory_equal(extras_lines(e).p, "a: 1\r\nB: \r\n", 11);
    for (int i = 0; i < 100; i++)
        extras_add(e, STR("c"), (struct str){value, sizeof(value)});
    assert_true(extras_lines(e).n <= EXTRAS_LINES_MAX);
    assert_true(extras_lines(e).n > EXTRAS_LINES_MAX - 2 * (int)sizeof(value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(names_are_taken_in_any_case_and_whole, tear_down),
        cmocka_unit_test_teardown(a_cookie_is_taken_as_clients_read_it, tear_down),
        cmocka_unit_test_teardown(cross_origin_fields_are_taken_where_weir_decides_them, tear_down),
        cmocka_unit_test_teardown(trailers_lose_the_same_fields, tear_down),
        cmocka_unit_test_teardown(what_is_added_is_bounded, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
