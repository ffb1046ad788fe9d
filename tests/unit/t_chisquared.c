/* The tail of chi-squared against closed forms (Python's math.erfc and sums). */
#include "base/chisquared.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

static void expect_near(double got, double due, double relative)
{
    if (!(fabs(got - due) <= relative * fabs(due)))
        fail_msg("%.17g where %.17g is due", got, due);
}

static void chi_squared_tails_are_those_of_closed_forms(void **state)
{
    (void)state;
    expect_near(chisquared_tail(3.841458820694124, 1), 0.05, 1e-12);
    expect_near(chisquared_tail(30, 1), erfc(sqrt(15)), 1e-12);
    expect_near(chisquared_tail(10, 2), exp(-5), 1e-12);
    expect_near(chisquared_tail(6, 3), erfc(sqrt(3)) + sqrt(12 / M_PI) * exp(-3), 1e-12);
    expect_near(chisquared_tail(80, 8), exp(-40) * (1 + 40 + 800 + 64000.0 / 6), 1e-12);
    expect_near(chisquared_tail(0.5, 4), exp(-0.25) * 1.25, 1e-12);
    assert_true(chisquared_tail(0, 5) == 1);
    assert_true(chisquared_tail(INFINITY, 5) == 0);
}

static void it_is_right_far_out_as_well(void **state)
{
    (void)state;
    assert_near(chisquared_tail(3.841458820694124, 1), .05, 1e-12);
    assert_near(chisquared_tail(3.5, 1), 0.061368829139402156, 1e-12);
    assert_near(chisquared_tail(3.5, 2), 0.17377394345044514, 1e-12);
    assert_near(chisquared_tail(3.5, 5), 0.623387627749582, 1e-12);
    assert_near(chisquared_tail(100, 1) / 1.5239706048320995e-23, 1, 1e-8);
    assert_near(chisquared_tail(120, 20) / 2.85150775555202e-16, 1, 1e-8);
    assert_near(chisquared_tail(0, 3), 1, 0);
    assert_near(chisquared_tail(INFINITY, 3), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chi_squared_tails_are_those_of_closed_forms),
        cmocka_unit_test(it_is_right_far_out_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
