/* The chairman assignment against exact integers: its bound at every prefix, and a second
 * implementation of the rule. docs/split.md states what is asserted here. */
#include "router/chairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "weights.h"

enum { ARMS = SEGMENT_ARMS_MAX, PICKS_MAX = 60000 };
static const int64_t ONE = SEGMENT_ONE;

/* No error ever exceeds 1 - 1/(2k-2). */
static void check_tijdeman(const uint32_t *weights, int k, uint32_t nr)
{
    static uint8_t picks[PICKS_MAX];
    int64_t errors[ARMS] = {0};

    chairs_order(picks, nr, weights, errors, k, 0);
    for (uint32_t t = 0; t < nr; t++) {
        assert_in_range(picks[t], 0, k - 1);
        errors[picks[t]] -= ONE;
        for (int i = 0; i < k; i++) {
            errors[i] += weights[i];
            assert_true(llabs(errors[i]) * (2 * k - 2) <= (2 * k - 3) * ONE);
        }
    }
}

static void three_and_more_arms_stay_within_tijdemans_bound(void **state)
{
    struct prng g;

    (void)state;
    prng_seed(&g, 3);
    for (int k = 3; k <= 16; k++)
        for (int round = 0; round < 24; round++) {
            uint32_t weights[ARMS];

            random_weights(&g, k, false, weights);
            check_tijdeman(weights, k, 4000);
        }
    for (int k = 17; k <= ARMS; k += 47) { /* 17 and 64 */
        uint32_t weights[ARMS];

        random_weights(&g, k, false, weights);
        check_tijdeman(weights, k, 4000);
    }
}

static void awkward_weights_stay_within_tijdemans_bound(void **state)
{
    static const struct {
        int k;
        uint32_t weights[6];
    } cases[] = {
        {3, {1, 1, 999999998}},                            /* 1e-7 percent, the smallest */
        {3, {333333333, 333333333, 333333334}},            /* thirds as people write them */
        {3, {500000000, 499999999, 1}},                    /* two halves but for one billionth */
        {4, {123456789, 234567891, 345678912, 296296408}}, /* seven places after the point */
        {5, {950000000, 49999997, 1, 1, 1}},               /* a canary and three new ones */
        {6, {166666667, 166666667, 166666667, 166666667, 166666666, 166666666}},
        {6, {500000000, 250000000, 125000000, 62500000, 31250000, 31250000}},
        {3, {750000000, 249999999, 1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_tijdeman(cases[i].weights, cases[i].k, 60000);
}

/* How many turns each of the others must have had by the pick that comes t picks after this one, so
 * that none is owed more than 1 - 1/(2k-2) behind it. */
static int64_t turns_due(const uint32_t *weights, int k, const int64_t *errors, int now, int64_t t)
{
    int64_t scale = 2 * k - 2, sum = 0;

    for (int i = 0; i < k; i++) {
        int64_t over = (errors[i] + t * weights[i]) * scale - (2 * k - 3) * ONE;

        if (i != now && over > 0)
            sum += (over + scale * ONE - 1) / (scale * ONE);
    }
    return sum;
}

/* Can it go before all others, up to the pick that would be its last one? At most 32 picks are
 * looked at one by one; see docs/split.md for what has to hold behind them. */
static bool model_may_go(const uint32_t *weights, int k, const int64_t *errors, int i)
{
    double lacking = 0, c = 1 - 1.0 / (2 * k - 2);

    for (int64_t t = 1; t <= 32; t++) {
        if ((errors[i] + t * weights[i]) * (2 * k - 2) > (2 * k - 3) * ONE)
            return true; /* here at the latest it is picked, first or not */
        if (turns_due(weights, k, errors, i, t) > t)
            return false;
    }
    for (int j = 0; j < k; j++) {
        double owed = (double)(errors[j] + (int64_t)32 * weights[j]) / (double)ONE;

        if (j != i && owed < c - 1)
            lacking += c - 1 - owed;
    }
    return (double)(errors[i] + (int64_t)32 * weights[i]) / (double)ONE - lacking >= 0.5;
}

/* The rule in plain words, on errors in billionths, without the scaling and centring of segment.c.
 */
static int model_pick(const uint32_t *weights, int k, int64_t *errors)
{
    int64_t scale = 2 * k - 2;
    int soonest = -1, best = -1;

    for (int i = 0; i < k; i++) {
        errors[i] += weights[i];
        if (errors[i] * scale < ONE) /* owed less than 1/(2k-2): not yet */
            continue;
        /* What is left until it is owed 1 - 1/(2k-2), over its weight: the smallest goes first...
         */
        if (soonest < 0 || (__int128)((2 * k - 3) * ONE - errors[i] * scale) * weights[soonest] <
                               (__int128)((2 * k - 3) * ONE - errors[soonest] * scale) * weights[i])
            soonest = i;
    }
    /* ... unless one that is owed more can go before it, or it is late. */
    best = soonest;
    for (int i = 0; i < k && errors[soonest] * scale <= (2 * k - 3) * ONE; i++)
        if ((errors[i] > errors[best] || (errors[i] == errors[best] && i < best)) &&
            errors[i] * scale >= ONE && model_may_go(weights, k, errors, i))
            best = i;
    errors[best] -= ONE;
    return best;
}

static void picks_are_those_of_the_rule_in_plain_words(void **state)
{
    const int64_t zeros[ARMS] = {0};
    struct prng g;

    (void)state;
    prng_seed(&g, 5);
    for (int round = 0; round < 200; round++) {
        int k = 3 + (int)prng_below(&g, 14);
        int64_t errors[ARMS] = {0};
        uint32_t weights[ARMS];
        uint8_t picks[2000];

        random_weights(&g, k, false, weights);
        chairs_order(picks, 2000, weights, zeros, k, 0);
        for (uint32_t t = 0; t < 2000; t++)
            assert_int_equal(picks[t], model_pick(weights, k, errors));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_and_more_arms_stay_within_tijdemans_bound),
        cmocka_unit_test(awkward_weights_stay_within_tijdemans_bound),
        cmocka_unit_test(picks_are_those_of_the_rule_in_plain_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
