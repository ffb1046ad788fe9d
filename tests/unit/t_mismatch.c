/* The chi-squared test against closed forms (Python's math.erfc and sums). */
#include "experiment/mismatch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/chisquared.h"
#include "near.h"

static double test_of(int nr, const double *counts, const double *shares)
{
    struct mismatch *m = mismatch_make(nr);
    int places[8];
    double p;

    assert_non_null(m);
    for (int i = 0; i < nr; i++)
        places[i] = i;
    mismatch_add(m, counts, shares, places, nr);
    p = mismatch_p_value(m);
    mismatch_free(&m);
    assert_null(m);
    return p;
}

/* Sum of (counted - expected)^2 / expected, one degree less than versions. */
static void one_period_is_pearsons_test(void **state)
{
    (void)state;
    double two = test_of(2, (double[]){940, 60}, (double[]){.95, .05});
    double three = test_of(3, (double[]){480, 310, 210}, (double[]){.5, .3, .2});
    assert_near(two, chisquared_tail(100.0 / 950 + 100.0 / 50, 1), 1e-10);
    assert_near(three, chisquared_tail(400.0 / 500 + 100.0 / 300 + 100.0 / 200, 2), 1e-10);
}

static void a_version_without_weight_takes_no_part(void **state)
{
    (void)state;
    assert_near(test_of(2, (double[]){100, 0}, (double[]){1, 0}), 1, 0);
    assert_near(test_of(3, (double[]){940, 60, 0}, (double[]){.95, .05, 0}),
                test_of(2, (double[]){940, 60}, (double[]){.95, .05}), 1e-12);
}

/* Too many in one period and too few in the other are no mismatch of all. */
static void periods_are_summed_by_version(void **state)
{
    struct mismatch *m = mismatch_make(3);

    (void)state;
    mismatch_add(m, (double[]){510, 490}, (double[]){.5, .5}, (int[]){0, 1}, 2);
    mismatch_add(m, (double[]){190, 810}, (double[]){.2, .8}, (int[]){0, 1}, 2);
    assert_near(mismatch_p_value(m), 1, 1e-9);
    mismatch_free(&m);
    m = mismatch_make(3);
    mismatch_add(m, (double[]){510, 490}, (double[]){.5, .5}, (int[]){0, 1}, 2);
    mismatch_add(m, (double[]){490, 510}, (double[]){.5, .5}, (int[]){2, 0}, 2);
    assert_near(mismatch_p_value(m), chisquared_tail(20 * 20 / 500.0, 2), 1e-9);
    mismatch_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_period_is_pearsons_test),
        cmocka_unit_test(a_version_without_weight_takes_no_part),
        cmocka_unit_test(periods_are_summed_by_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
