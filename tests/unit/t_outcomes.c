/* What endpoints say of outcomes, in good form and in bad. */
#include "experiment/outcomes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "near.h"

static struct outcomes parse(const char *text)
{
    struct outcomes out = {0};

    outcomes_parse(&out, str_of(text));
    return out;
}

static void names_with_numbers_are_read(void **state)
{
    struct outcomes out = parse("order=1, revenue=12.5,a.b-c_9 = -3e2 ,x=.5,y=+7.");

    (void)state;
    assert_int_equal(out.nr, 5);
    assert_int_equal(out.nr_bad, 0);
    assert_true(str_eq(out.list[0].name, STR("order")));
    assert_near(out.list[0].value, 1, 0);
    assert_true(str_eq(out.list[1].name, STR("revenue")));
    assert_near(out.list[1].value, 12.5, 0);
    assert_true(str_eq(out.list[2].name, STR("a.b-c_9")));
    assert_near(out.list[2].value, -300, 0);
    assert_near(out.list[3].value, .5, 0);
    assert_near(out.list[4].value, 7, 0);
}

static void bad_items_are_counted_and_others_read(void **state)
{
    static const char *const bad[] = {
        "order",      "order=",     "=1",     "order=x",     "order=1x",  "order=nan", "order=inf",
        "order=0x10", "order=1e13", "9a=1",   "a b=1",       "order=1;2", "order=1 2", "order=.",
        "order=1e",   "order=--1",  "o\"r=1", "order=1e999", "order==1"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "%s, good=2", bad[i]);
        struct outcomes out = parse(text);
        assert_int_equal(out.nr, 1);
        assert_int_equal(out.nr_bad, 1);
        assert_true(str_eq(out.list[0].name, STR("good")));
    }
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse("").nr_bad, 0);
    assert_int_equal(parse(" , ,\t,").nr_bad, 0);
    assert_int_equal(parse(" , ,\t,").nr, 0);
}

static void names_and_their_number_have_limits(void **state)
{
    struct outcomes out = {0};
    char text[OUTCOMES_MAX + 3][16]; /* names stay where they stand */

    (void)state;
    for (int i = 0; i < OUTCOMES_MAX + 3; i++) {
        snprintf(text[i], sizeof(text[i]), "n%d=%d", i, i);
        outcomes_parse(&out, str_of(text[i]));
        if (i == 0)
            outcomes_parse(&out, STR("n0=5")); /* named before: the first one counts */
    }
    assert_int_equal(out.nr, OUTCOMES_MAX);
    assert_int_equal(out.nr_bad, 4);
    assert_int_equal(parse("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1").nr,
                     1);
    assert_int_equal(
        parse("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab=1").nr, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_with_numbers_are_read),
        cmocka_unit_test(bad_items_are_counted_and_others_read),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(names_and_their_number_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
