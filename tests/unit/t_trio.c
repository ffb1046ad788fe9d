/* Three versions: never a whole invocation off, and right on average, whatever their weights and
 * however those change. */
#include "router/trio.h"

#include "past.h"
#include "weights.h"

/* From errors that no segment has come to by itself, one pick at a time. */
static void from_any_errors_three_arms_stay_below_one(void **state)
{
    struct prng g;

    (void)state;
    prng_seed(&g, 41);
    for (int round = 0; round < 20000; round++) {
        uint32_t weights[3];
        int64_t errors[3];
        uint8_t picks[20];

        do {
            errors[0] = prng_below(&g, 2 * SEGMENT_ONE - 1) - (SEGMENT_ONE - 1);
            errors[1] = prng_below(&g, 2 * SEGMENT_ONE - 1) - (SEGMENT_ONE - 1);
            errors[2] = -errors[0] - errors[1];
        } while (!is_below_one(errors, 3));
        do
            random_weights(&g, 3, true, weights);
        while (weights[0] == SEGMENT_ONE || weights[1] == SEGMENT_ONE || weights[2] == SEGMENT_ONE);
        trio_order(picks, 20, weights, errors, &g);
        for (int t = 0; t < 20; t++) {
            assert_in_range(picks[t], 0, 2);
            errors[picks[t]] -= SEGMENT_ONE;
            for (int i = 0; i < 3; i++)
                errors[i] += weights[i];
            assert_true(is_below_one(errors, 3));
        }
    }
}

/* One has had nearly a whole invocation too many, or is owed nearly one: a billionth decides,
 * whichever arm it is. */
static void at_the_edge_three_arms_stay_below_one(void **state)
{
    struct prng g;

    (void)state;
    prng_seed(&g, 43);
    for (int round = 0; round < 3000; round++) {
        int64_t sign = round % 2 ? 1 : -1, edge = SEGMENT_ONE - 1 - round / 2 % 3;
        int64_t other = prng_below(&g, SEGMENT_ONE - 3), errors[3];
        int at = round % 3;
        uint32_t weights[3];
        uint8_t picks[6];

        errors[at] = sign * edge;
        errors[(at + 1) % 3] = -sign * other;
        errors[(at + 2) % 3] = -sign * (edge - other);
        do
            random_weights(&g, 3, true, weights);
        while (weights[0] == SEGMENT_ONE || weights[1] == SEGMENT_ONE || weights[2] == SEGMENT_ONE);
        trio_order(picks, 6, weights, errors, &g);
        for (int t = 0; t < 6; t++) {
            errors[picks[t]] -= SEGMENT_ONE;
            for (int i = 0; i < 3; i++)
                errors[i] += weights[i];
            assert_true(is_below_one(errors, 3));
        }
    }
}

static void three_arms_have_their_shares_through_changes(void **state)
{
    static const struct phase phases[] = {
        {9, {700000000, 250000000, 50000000}, 0}, {12, {100000000, 450000000, 450000000}, 0},
        {11, {0, 612345678, 387654322}, 0},       {13, {333333333, 333333333, 333333334}, 0},
        {7, {612345678, 387654322, 0}, 0},        {30, {940000000, 59999999, 1}, 0},
        {5, {50000000, 0, 950000000}, 0},         {25, {412345678, 287654322, 300000000}, 0}};

    (void)state;
    check_means(phases, 8, 3, 40000, 31);
}

static void two_arms_have_their_shares_though_others_are_forgotten(void **state)
{
    static const struct phase phases[] = {{9, {700000000, 300000000, 0}, 0},
                                          {12, {0, 612345678, 387654322}, 0},
                                          {11, {0, 123456789, 876543211}, 1},
                                          {11, {0, 912345678, 87654322}, 0}};

    (void)state;
    check_means(phases, 4, 3, 40000, 33);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_any_errors_three_arms_stay_below_one),
        cmocka_unit_test(at_the_edge_three_arms_stay_below_one),
        cmocka_unit_test(three_arms_have_their_shares_through_changes),
        cmocka_unit_test(two_arms_have_their_shares_though_others_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
