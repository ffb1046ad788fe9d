/* Intervals against values reckoned from the paper's formula and the definition of a ratio's
 * variance (Python), and whether they hold at every look. */
#include "experiment/confseq.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "near.h"

static void the_reach_is_the_papers(void **state)
{
    (void)state;
    assert_near(confseq_reach(100, .05), 3.855054633530311, 1e-9);
    assert_near(confseq_reach(1000, .05), 3.035208990376253, 1e-9);
    assert_near(confseq_reach(100000, .05), 3.5616410409189005, 1e-9);
}

static void a_mean_is_per_invocation_and_its_variance_by_caller(void **state)
{
    static const double data[][2] = {{1, 0}, {2, 1}, {4, 4}, {1, 1}, {3, 0}};
    struct confseq_sums sums = {0};
    struct confseq_interval i;

    (void)state;
    for (int k = 0; k < 5; k++)
        confseq_add(&sums, data[k][0], data[k][1]);
    i = confseq_mean(&sums, sums.min, sums.max, .05);
    assert_true(i.is_known);
    assert_near(i.estimate, 6.0 / 11, 1e-12);
    assert_near(i.high - i.estimate, 2.895004841462286, 1e-9);
    assert_near(i.estimate - i.low, 2.895004841462286, 1e-9);
}

static struct confseq_sums flips(int nr_ones, int nr)
{
    struct confseq_sums sums = {0};

    for (int i = 0; i < nr; i++)
        confseq_add(&sums, 1, i < nr_ones);
    return sums;
}

static void a_difference_has_one_bound(void **state)
{
    struct confseq_sums base = flips(40, 400), arm = flips(70, 500);
    struct confseq_interval i = confseq_difference(&arm, &base, 0, 1, .05);

    (void)state;
    assert_true(i.is_known);
    assert_near(i.estimate, .04, 1e-12);
    assert_near(i.high - i.estimate, 0.0750319155389228, 1e-9);
}

/* The same from the one invocation that each of many callers had, and from many of few. */
static void callers_who_come_often_count_as_callers(void **state)
{
    struct confseq_sums once = flips(100, 1000), often = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        confseq_add(&often, 10, i < 10 ? 10 : 0);
    struct confseq_interval a = confseq_mean(&once, 0, 1, .05);
    struct confseq_interval b = confseq_mean(&often, 0, 1, .05);
    assert_near(a.estimate, b.estimate, 1e-12);
    assert_true(b.high - b.estimate > 3 * (a.high - a.estimate));
}

static void sums_join(void **state)
{
    struct confseq_sums a = {0}, b = {0}, all = {0};

    (void)state;
    for (int i = 0; i < 20; i++) {
        confseq_add(i % 2 ? &a : &b, i % 3 + 1, i - 7);
        confseq_add(&all, i % 3 + 1, i - 7);
    }
    confseq_join(&a, &b);
    assert_memory_equal(&a, &all, sizeof(a));
}

static void too_little_has_no_interval(void **state)
{
    struct confseq_sums none = {0}, one = flips(1, 1), zeros = flips(0, 50), some = flips(5, 50);

    (void)state;
    assert_false(confseq_mean(&none, 0, 1, .05).is_known);
    assert_false(confseq_mean(&one, 0, 1, .05).is_known);
    assert_false(confseq_mean(&zeros, 0, 0, .05).is_known); /* of any size, for all that is known */
    assert_true(confseq_mean(&zeros, 0, 1, .05).is_known);
    assert_false(confseq_difference(&one, &some, 0, 1, .05).is_known);
    assert_true(confseq_difference(&zeros, &some, 0, 1, .05).is_known);
}

/* Of 100 experiments without a difference, seen after each 100 callers: how many ever show one.
 * bench/experiments does 1 000 of 100 000 callers. */
static int count_false(double share, double rate, int nr_callers, uint64_t seed)
{
    struct prng rng;
    int nr = 0;

    prng_seed(&rng, seed);
    for (int run = 0; run < 100; run++) {
        struct confseq_sums arms[2] = {0};
        bool is_false = false;

        for (int i = 1; i <= nr_callers; i++) {
            int arm = (double)(prng_next(&rng) >> 11) * 0x1p-53 < share;
            confseq_add(&arms[arm], 1, (double)(prng_next(&rng) >> 11) * 0x1p-53 < rate);
            if (i % 100 > 0)
                continue;
            struct confseq_interval d = confseq_difference(&arms[1], &arms[0], 0, 1, .05);
            is_false |= d.is_known && (d.low > 0 || d.high < 0);
        }
        nr += is_false;
    }
    return nr;
}

static void no_difference_is_hardly_ever_seen_in_none(void **state)
{
    (void)state;
    assert_in_range(count_false(.5, .1, 10000, 1), 0, 5);
    assert_in_range(count_false(.05, .1, 10000, 2), 0, 5);
    assert_in_range(count_false(.5, .01, 10000, 3), 0, 5);
    assert_in_range(count_false(.05, .01, 10000, 4), 0, 5);
}

static void twelve_percent_are_told_from_ten(void **state)
{
    struct confseq_sums base = flips(1000, 10000), arm = flips(1200, 10000);

    (void)state;
    assert_true(confseq_difference(&arm, &base, 0, 1, .05).low > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reach_is_the_papers),
        cmocka_unit_test(a_mean_is_per_invocation_and_its_variance_by_caller),
        cmocka_unit_test(a_difference_has_one_bound),
        cmocka_unit_test(callers_who_come_often_count_as_callers),
        cmocka_unit_test(sums_join),
        cmocka_unit_test(too_little_has_no_interval),
        cmocka_unit_test(no_difference_is_hardly_ever_seen_in_none),
        cmocka_unit_test(twelve_percent_are_told_from_ten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
