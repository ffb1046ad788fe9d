/* The multinomial e-value against values from an independent reckoning: the same mixture, one
 * invocation after the other (Python, in the comments' order). */
#include "experiment/evalue.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

static double of(int nr, const double *counts, const double *shares)
{
    return evalue_log(counts, shares, nr);
}

#define COUNTS(...) ((const double[]){__VA_ARGS__})

static void it_is_what_a_sequence_of_predictions_gives(void **state)
{
    (void)state;
    assert_near(of(2, COUNTS(90, 10), COUNTS(.95, .05)), -1.3235722957115277, 1e-9);
    assert_near(of(2, COUNTS(1000, 0), COUNTS(.95, .05)), 50.916914081926244, 1e-8);
    assert_near(of(2, COUNTS(9500, 500), COUNTS(.95, .05)), -5.360965017416032, 1e-7);
    assert_near(of(3, COUNTS(50, 30, 20), COUNTS(.5, .3, .2)), -4.662668207396108, 1e-9);
    assert_near(of(4, COUNTS(10, 20, 30, 40), COUNTS(.25, .25, .25, .25)), 4.184152715054861, 1e-9);
}

static void nothing_counted_says_nothing(void **state)
{
    (void)state;
    assert_near(of(2, COUNTS(0, 0), COUNTS(.95, .05)), 0, 0);
    assert_near(of(2, COUNTS(-3, 0), COUNTS(.95, .05)), 0, 0);
    assert_near(of(1, COUNTS(1e6), COUNTS(1)), 0, 1e-6);
}

static void the_expectation_is_one(void **state)
{
    double sum = 0;
    int sign;

    (void)state;
    /* over all outcomes of 40 invocations, by their probabilities */
    for (int k = 0; k <= 40; k++) {
        double log_p = lgamma_r(41, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(41 - k, &sign) +
                       k * log(.05) + (40 - k) * log(.95);
        sum += exp(log_p + of(2, COUNTS(40 - k, k), COUNTS(.95, .05)));
    }
    assert_near(sum, 1, 1e-12);
}

static void one_answer_of_a_version_without_weight_proves_nothing_and_two_do(void **state)
{
    (void)state;
    assert_true(of(2, COUNTS(100, 1), COUNTS(1, 0)) < log(1000));
    assert_true(of(2, COUNTS(100, 2), COUNTS(1, 0)) > log(1000));
}

static void logarithms_are_added_and_subtracted(void **state)
{
    (void)state;
    assert_near(evalue_log_add(log(2), log(3)), log(5), 1e-15);
    assert_near(evalue_log_add(-INFINITY, log(3)), log(3), 1e-15);
    assert_near(evalue_log_add(1000, 1000), 1000 + log(2), 1e-12);
    assert_near(evalue_log_sub(log(5), log(3)), log(2), 1e-15);
    assert_true(isinf(evalue_log_sub(1, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_a_sequence_of_predictions_gives),
        cmocka_unit_test(nothing_counted_says_nothing),
        cmocka_unit_test(the_expectation_is_one),
        cmocka_unit_test(one_answer_of_a_version_without_weight_proves_nothing_and_two_do),
        cmocka_unit_test(logarithms_are_added_and_subtracted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
