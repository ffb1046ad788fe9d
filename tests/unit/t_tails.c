/* Tail probabilities against values that exact fractions and closed forms give. */
#include "splitcheck/tails.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/chisquared.h"

static void expect_near(double got, double due, double relative)
{
    if (!(fabs(got - due) <= relative * fabs(due)))
        fail_msg("%.17g where %.17g is due", got, due);
}

static void binomial_tails_are_those_of_exact_fractions(void **state)
{
    (void)state;
    expect_near(tails_binomial_low(1000, 30, 0.05), 0.0012770679174798373, 1e-9);
    expect_near(tails_binomial_low(1000, 80, 0.05), 0.9999795125630899, 1e-12);
    expect_near(tails_binomial_high(50, 48, 0.9), 0.11172875634634716, 1e-9);
    assert_true(tails_binomial_low(10, 10, 0.5) == 1 && tails_binomial_high(10, 0, 0.5) == 1);
    assert_true(tails_binomial_high(10, 11, 0.5) == 0);
    for (uint64_t x = 0; x <= 40; x++)
        expect_near(tails_binomial_low(40, x, 0.3) + tails_binomial_high(40, x + 1, 0.3), 1, 1e-12);
}

static void two_sided_binomial_tests_are_those_of_exact_fractions(void **state)
{
    static const struct {
        uint64_t n, x;
        double p, due;
    } cases[] = {
        {10, 2, 0.5, 0.109375},
        {235, 51, 1.0 / 6, 0.0437479701823998},
        {925, 682, 0.75, 0.3824915595748517},
        {1000, 35, 0.05, 0.02915036411789438},
        {1000, 350, 0.3, 0.0007121167095081664},
        {20, 0, 0.05, 0.6226463974646924},
        {10000, 600, 0.05, 8.42459858900499e-06},
        {100, 3, 0.049, 0.4916948610510943},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_near(tails_binomial(cases[i].n, cases[i].x, cases[i].p), cases[i].due, 1e-9);
    assert_true(tails_binomial(10, 5, 0.5) == 1);
    assert_true(tails_binomial(10, 1, 0) == 0 && tails_binomial(10, 0, 0) == 1);
    assert_true(tails_binomial(10, 9, 1) == 0 && tails_binomial(10, 10, 1) == 1);
}

/* The chance that the test says less than alpha is less than alpha: for every alpha, all n small. */
static void the_two_sided_test_never_errs_more_often_than_it_says(void **state)
{
    static const double chances[] = {0.5, 0.3, 0.05, 0.001};

    (void)state;
    for (size_t c = 0; c < sizeof(chances) / sizeof(chances[0]); c++)
        for (uint64_t n = 1; n <= 60; n++)
            for (uint64_t edge = 0; edge <= n; edge++) {
                double alpha = tails_binomial(n, edge, chances[c]), wrong = 0;

                for (uint64_t x = 0; x <= n; x++)
                    if (tails_binomial(n, x, chances[c]) <= alpha)
                        wrong += tails_binomial_at(n, x, chances[c]);
                assert_true(wrong <= alpha * (1 + 1e-6));
            }
}

static void many_draws_are_no_trouble(void **state)
{
    (void)state;
    /* By the normal law, which is good to some parts in 10 000 here. */
    expect_near(tails_binomial(10000000, 5000000 + 5000, 0.5), erfc(5000 / sqrt(2.5e6) / sqrt(2)),
                0.01);
    expect_near(tails_binomial_low(10000000, 500000, 0.05), 0.5, 0.001);
    assert_true(tails_binomial(10000000, 600000, 0.05) < 1e-300);
}

/* All outcomes of 60 draws from three classes. */
static void the_bound_on_g_holds_where_chi_squared_does_not(void **state)
{
    static const double share[] = {0.34, 0.33, 0.33};
    enum { N = 60 };
    double worst = 0;

    (void)state;
    for (double g = 4; g < 60; g += 2) {
        double tail = 0;

        for (int a = 0; a <= N; a++)
            for (int b = 0; a + b <= N; b++) {
                int counts[] = {a, b, N - a - b};
                double chance = lgamma(N + 1), statistic = 0;

                for (int i = 0; i < 3; i++) {
                    chance += counts[i] * log(share[i]) - lgamma(counts[i] + 1);
                    if (counts[i] > 0)
                        statistic += 2 * counts[i] * log(counts[i] / (N * share[i]));
                }
                tail += statistic >= g ? exp(chance) : 0;
            }
        assert_true(tail <= tails_g_bound(g, 3));
        if (tail / chisquared_tail(g, 2) > worst)
            worst = tail / chisquared_tail(g, 2);
    }
    assert_true(worst > 3); /* which is why there is a bound */
    assert_true(tails_g_bound(1, 3) == 1 && tails_g_bound(INFINITY, 3) == 0);
}

static void quantile_ranks_are_those_of_exact_fractions(void **state)
{
    static const struct {
        uint64_t n;
        double q;
        uint64_t low, high;
    } cases[] = {{50, 0.5, 18, 33},
                 {1000, 0.9, 881, 919},
                 {50, 0.99, 48, 50},
                 {5, 0.5, 1, 5},
                 {1000, 0.99, 983, 997}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t low, high;

        tails_quantile_ranks(cases[i].n, cases[i].q, 0.95, &low, &high);
        assert_int_equal(low, cases[i].low);
        assert_int_equal(high, cases[i].high);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binomial_tails_are_those_of_exact_fractions),
        cmocka_unit_test(two_sided_binomial_tests_are_those_of_exact_fractions),
        cmocka_unit_test(the_two_sided_test_never_errs_more_often_than_it_says),
        cmocka_unit_test(many_draws_are_no_trouble),
        cmocka_unit_test(the_bound_on_g_holds_where_chi_squared_does_not),
        cmocka_unit_test(quantile_ranks_are_those_of_exact_fractions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
