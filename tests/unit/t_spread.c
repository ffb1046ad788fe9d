/* Quantiles are right to one percent, from a microsecond to an hour. */
#include "experiment/spread.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

static void quantiles_are_right_to_one_percent(void **state)
{
    struct spread spread = {0};

    (void)state;
    for (uint64_t us = 1; us <= 100000; us++)
        spread_add(&spread, us * 37);
    assert_near(spread_quantile(&spread, .5) / (50000 * 37.0), 1, .0101);
    assert_near(spread_quantile(&spread, .9) / (90000 * 37.0), 1, .0101);
    assert_near(spread_quantile(&spread, .99) / (99000 * 37.0), 1, .0101);
}

static void each_single_duration_is_found(void **state)
{
    (void)state;
    for (double us = 1; us < 3.6e9; us *= 1.0137) {
        struct spread spread = {0};

        spread_add(&spread, (uint64_t)us);
        assert_near(spread_quantile(&spread, .5) / floor(us), 1, .0101);
        assert_near(spread_quantile(&spread, .99) / floor(us), 1, .0101);
    }
}

static void nothing_and_too_much_are_borne(void **state)
{
    struct spread none = {0}, all = {0};

    (void)state;
    assert_near(spread_quantile(&none, .5), 0, 0);
    spread_add(&all, 0);
    spread_add(&all, UINT64_MAX);
    assert_near(spread_quantile(&all, .5), 1, 0);
    assert_true(spread_quantile(&all, .99) > 3.6e9);
    spread_join(&none, &all);
    assert_memory_equal(&none, &all, sizeof(all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_right_to_one_percent),
        cmocka_unit_test(each_single_duration_is_found),
        cmocka_unit_test(nothing_and_too_much_are_borne),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
