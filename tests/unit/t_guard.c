/* The guard's e-value: against values from the definition, and by simulation. */
#include "experiment/guard.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "near.h"

static double chance(struct prng *rng)
{
    return (double)(prng_next(rng) >> 11) * 0x1p-53;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static void without_errors_there_is_no_evidence(void **state)
{
    struct guard guard = {{0}};

    (void)state;
    assert_near(guard_log(&guard), 0, 1e-15);
    assert_false(guard_is_up(&guard, 0.5));
}

static void it_is_the_mean_of_products(void **state)
{
    static const double risks[] = {1.5, 2, 3, 5, 8, 13, 20, 35, 60, 100, 200, 400};
    static const struct {
        bool is_canary;
        double share;
    } errors[] = {{true, .05}, {false, .05}, {true, .1}, {true, .5}, {false, .5}};
    struct guard guard = {{0}};
    double mean = 0;

    (void)state;
    for (int i = 0; i < GUARD_RISKS; i++) {
        double product = 1;
        for (size_t k = 0; k < sizeof(errors) / sizeof(errors[0]); k++)
            product *=
                (errors[k].is_canary ? risks[i] : 1) / (1 + (risks[i] - 1) * errors[k].share);
        mean += product / GUARD_RISKS;
    }
    for (size_t k = 0; k < sizeof(errors) / sizeof(errors[0]); k++)
        guard_error(&guard, errors[k].is_canary, errors[k].share);
    assert_near(guard_log(&guard), log(mean), 1e-12);
}

static void the_expectation_is_one_whatever_the_share(void **state)
{
    (void)state;
    for (double share = 0; share <= 1; share += .05) {
        struct guard canary = {{0}}, first = {{0}};

        guard_error(&canary, true, share);
        guard_error(&first, false, share);
        assert_near(share * exp(guard_log(&canary)) + (1 - share) * exp(guard_log(&first)), 1,
                    1e-12);
    }
}

static void a_canary_that_gets_all_proves_nothing(void **state)
{
    struct guard guard = {{0}};

    (void)state;
    for (int i = 0; i < 1000; i++)
        guard_error(&guard, true, 1);
    assert_near(guard_log(&guard), 0, 1e-9);
}

static void a_million_errors_leave_it_a_number(void **state)
{
    struct guard guard = {{0}};

    (void)state;
    for (int i = 0; i < 1000000; i++)
        guard_error(&guard, true, .5);
    assert_true(isfinite(guard_log(&guard)) && guard_is_up(&guard, 1e-9));
    for (int i = 0; i < 3000000; i++)
        guard_error(&guard, false, .5);
    assert_true(isfinite(guard_log(&guard)) && !guard_is_up(&guard, .5));
}

/* ---- How soon -------------------------------------------------------------------------------- */

static int failures_until_up(double share, double alpha)
{
    struct guard guard = {{0}};
    int nr = 0;

    while (!guard_is_up(&guard, alpha)) {
        guard_error(&guard, true, share);
        nr++;
    }
    return nr;
}

static void a_canary_that_is_down_is_back_after_a_few_failures(void **state)
{
    (void)state;
    assert_int_equal(failures_until_up(.05, .01), 2);
    assert_true(failures_until_up(.20, .01) <= 14);
    assert_int_equal(failures_until_up(.50, .01), 8);
}

/* The median, over simulated canaries, of invocations of the canary until it is taken back. */
static int median_of(struct prng *rng, double share, double rate, double first_rate, double alpha)
{
    enum { RUNS = 1001, MOST = 4096 };
    int counts[MOST] = {0}, seen = 0;

    for (int run = 0; run < RUNS; run++) {
        struct guard guard = {{0}};
        int nr = 0;

        while (!guard_is_up(&guard, alpha) && nr < MOST - 1) {
            bool is_canary = chance(rng) < share;
            nr += is_canary;
            if (chance(rng) < (is_canary ? rate : first_rate))
                guard_error(&guard, is_canary, share);
        }
        counts[nr]++;
    }
    for (int nr = 0; nr < MOST; nr++) {
        seen += counts[nr];
        if (seen > RUNS / 2)
            return nr;
    }
    return MOST;
}

/* The medians are 12 and 81 in the long run; what is asked for here no seed misses. */
static void worse_canaries_are_found_in_dozens_of_their_invocations(void **state)
{
    struct prng rng;

    (void)state;
    prng_seed(&rng, 1);
    assert_in_range(median_of(&rng, .05, .20, .005, .01), 8, 18);
    assert_in_range(median_of(&rng, .05, .05, .005, .01), 60, 110);
}

/* ---- How often in vain ----------------------------------------------------------------------- */

/* The weight goes up and down, and with it the common rate of errors; each error falls on the
 * canary with its share. The highest e-value that it ever has. */
static double highest_of_healthy(struct prng *rng)
{
    static const double shares[] = {.01, .05, .05, .1, .3, .5, .05};
    struct guard guard = {{0}};
    double highest = 0;

    for (int i = 0; i < 400; i++) {
        double share = shares[i / 60];

        guard_error(&guard, chance(rng) < share, share);
        /* nothing below log 10 is asked for */
        if (guard_is_up(&guard, .1) && guard_log(&guard) > highest)
            highest = guard_log(&guard);
    }
    return highest;
}

static void of_healthy_canaries_at_most_alpha_are_taken_back(void **state)
{
    static const double alphas[] = {.01, .05, .1};
    enum { CANARIES = 10000 };
    struct prng rng;
    int nr_taken_back[3] = {0};

    (void)state;
    prng_seed(&rng, 2);
    for (int i = 0; i < CANARIES; i++) {
        double highest = highest_of_healthy(&rng);
        for (int a = 0; a < 3; a++)
            nr_taken_back[a] += highest >= -log(alphas[a]);
    }
    for (int a = 0; a < 3; a++)
        assert_true(nr_taken_back[a] <= alphas[a] * CANARIES);
    assert_true(nr_taken_back[2] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_errors_there_is_no_evidence),
        cmocka_unit_test(it_is_the_mean_of_products),
        cmocka_unit_test(the_expectation_is_one_whatever_the_share),
        cmocka_unit_test(a_canary_that_gets_all_proves_nothing),
        cmocka_unit_test(a_million_errors_leave_it_a_number),
        cmocka_unit_test(a_canary_that_is_down_is_back_after_a_few_failures),
        cmocka_unit_test(worse_canaries_are_found_in_dozens_of_their_invocations),
        cmocka_unit_test(of_healthy_canaries_at_most_alpha_are_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
