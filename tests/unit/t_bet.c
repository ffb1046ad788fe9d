/* E-values: against exact fractions, one by one against all at once, and how often they err. */
#include "splitcheck/bet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"

static void an_e_value_is_the_product_of_its_bets(void **state)
{
    static const double share[] = {0.7, 0.2, 0.1};
    static const uint32_t arms[] = {0, 0, 1, 0, 2, 0, 0, 1, 0, 0};
    struct bet e = {0};

    (void)state;
    for (size_t i = 0; i < 10; i++)
        bet_add(&e, share, 3, arms[i]);
    assert_true(fabs(exp(e.log_now) - 0.9080296601211096) < 1e-12);
    assert_true(e.log_max >= 0 && e.total == 10 && e.counts[0] == 7);
}

static void all_at_once_is_the_same_as_one_by_one(void **state)
{
    static const double share[] = {0.95, 0.04, 0.01};
    struct bet e = {0};
    struct prng g;

    (void)state;
    prng_seed(&g, 1);
    for (int i = 0; i < 20000; i++) {
        uint32_t draw = prng_below(&g, 100);

        bet_add(&e, share, 3, draw < 90 ? 0 : draw < 97 ? 1 : 2);
    }
    assert_true(e.log_now > 50);
    assert_true(fabs(bet_on_counts(e.counts, share, 3, BET_PRIOR) - e.log_now) < 1e-6);
}

/* With a prior of 2 around one half the mixture is uniform, and all is a binomial coefficient. */
static void a_uniform_mixture_is_the_closed_form(void **state)
{
    static const double share[] = {0.5, 0.5};
    static const uint64_t counts[] = {3, 7};

    (void)state;
    assert_true(fabs(exp(bet_on_counts(counts, share, 2, 2)) - 1024.0 / (11 * 120)) < 1e-12);
}

static void a_version_that_should_have_nothing_ends_the_bet(void **state)
{
    static const double share[] = {1, 0};
    static const uint64_t counts[] = {5, 1}, none[] = {5, 0};
    struct bet e = {0};

    (void)state;
    bet_add(&e, share, 2, 0);
    assert_true(e.log_now == 0);
    bet_add(&e, share, 2, 1);
    bet_add(&e, share, 2, 0);
    assert_true(isinf(e.log_now) && e.log_now > 0 && e.log_max == e.log_now);
    assert_true(isinf(bet_on_counts(counts, share, 2, 10)));
    assert_true(bet_on_counts(none, share, 2, 10) == 0);
}

static void a_dead_version_of_5_percent_shows_within_2000(void **state)
{
    static const double share[] = {0.95, 0.05};
    struct bet e = {0};

    (void)state;
    while (e.log_now < log(1000))
        bet_add(&e, share, 2, 0);
    assert_in_range(e.total, 100, 500);
}

/* Looked at after each of 2 000 draws whose shares change all the time, it passes 20 in at most one
 * run of twenty. */
static void true_shares_are_seldom_doubted_at_any_time(void **state)
{
    static const double shares[2][3] = {{0.9, 0.05, 0.05}, {0.5, 0.25, 0.25}};
    enum { RUNS = 2000 };
    struct prng g;
    int alarms = 0;

    (void)state;
    prng_seed(&g, 2);
    for (int run = 0; run < RUNS; run++) {
        struct bet e = {0};

        for (int i = 0; i < 2000; i++) {
            const double *share = shares[i / 300 % 2];
            double draw = (double)(prng_next(&g) >> 11) * 0x1p-53;

            bet_add(&e, share, 3, draw < share[0] ? 0 : draw < share[0] + share[1] ? 1 : 2);
        }
        alarms += e.log_max >= log(20);
    }
    assert_in_range(alarms, 1, RUNS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_e_value_is_the_product_of_its_bets),
        cmocka_unit_test(all_at_once_is_the_same_as_one_by_one),
        cmocka_unit_test(a_uniform_mixture_is_the_closed_form),
        cmocka_unit_test(a_version_that_should_have_nothing_ends_the_bet),
        cmocka_unit_test(a_dead_version_of_5_percent_shows_within_2000),
        cmocka_unit_test(true_shares_are_seldom_doubted_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
