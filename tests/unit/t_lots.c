/* Four and more versions: never a whole invocation off, and right on average, as long as they
 * begin with nothing owed to anybody. */
#include "router/lots.h"

#include "past.h"
#include "weights.h"

static void weights_that_come_round_are_drawn_as_a_whole(void **state)
{
    static const struct {
        uint32_t length, weights[5];
    } cases[] = {
        {20, {700000000, 200000000, 50000000, 50000000}},
        {5, {200000000, 200000000, 200000000, 200000000, 200000000}},
        {100, {970000000, 10000000, 10000000, 10000000}},
        {400, {970000000, 10000000, 10000000, 7500000, 2500000}},
        {LOTS_FEW, {970000000, 10000000, 10000000, 8000000, 2000000}}, /* 500 */
        {LOTS_FEW, {970000000, 10000000, 10000000, 9999999, 1}},
        {LOTS_FEW, {333333333, 333333333, 333333333, 1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(lots_length(cases[i].weights, cases[i].weights[4] ? 5 : 4),
                         cases[i].length);
}

/* Any number of picks can be asked for, and any number of arms from two on. */
static void every_turn_gets_one_pick_while_it_lasts(void **state)
{
    struct prng g;

    (void)state;
    prng_seed(&g, 42);
    for (int round = 0; round < 300; round++) {
        int k = 2 + round % 20;
        uint32_t weights[WEIGHTS_MAX], nr = 1 + prng_below(&g, k > 8 ? 60 : 150);
        int64_t errors[WEIGHTS_MAX] = {0};
        uint8_t picks[150];

        random_weights(&g, k, false, weights);
        assert_int_equal(lots_order(picks, nr, weights, k, &g), 0);
        for (uint32_t t = 0; t < nr; t++) {
            assert_in_range(picks[t], 0, k - 1);
            errors[picks[t]] -= SEGMENT_ONE;
            for (int i = 0; i < k; i++)
                errors[i] += weights[i];
            assert_true(is_below_one(errors, k));
        }
    }
}

static void more_arms_have_their_shares(void **state)
{
    static const struct phase rounds[] = {{300, {850000000, 100000000, 30000000, 20000000}, 0}};
    static const struct phase few[] = {{64, {812345679, 154320987, 33333333, 1}, 0}};
    static const struct phase sixteen[] = {
        {64,
         {5000000, 10000000, 15000000, 20000000, 25000000, 30000000, 35000000, 40000000, 45000000,
          50000000, 60000000, 70000000, 82500001, 97499999, 200000000, 215000000},
         0}};

    (void)state;
    check_means(rounds, 1, 4, 2000, 34);
    check_means(few, 1, 4, 6000, 35);
    check_means(sixteen, 1, 16, 400, 36);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_that_come_round_are_drawn_as_a_whole),
        cmocka_unit_test(every_turn_gets_one_pick_while_it_lasts),
        cmocka_unit_test(more_arms_have_their_shares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
