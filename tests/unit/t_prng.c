/* The generator: known outputs, uniformity of prng_below at awkward bounds, seeds that differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"

/* The recurrence as its authors print it, one operation at a time, beside the inline one. */
static uint64_t model_next(uint64_t s[4])
{
    uint64_t times5 = s[1] * 5;
    uint64_t result = ((times5 << 7) | (times5 >> 57)) * 9;
    uint64_t t = s[1] << 17;

    s[2] = s[2] ^ s[0];
    s[3] = s[3] ^ s[1];
    s[1] = s[1] ^ s[2];
    s[0] = s[0] ^ s[3];
    s[2] = s[2] ^ t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

static void test_first_outputs_from_a_plain_state_are_the_published_ones(void **state)
{
    /* From the state 1, 2, 3, 4: 2 * 5 = 10, rotated by 7 is 1280, times 9 is 11520; then the
     * second word is 2 ^ (3 ^ 1) = 0, so that the second output is 0. */
    struct prng g = {{1, 2, 3, 4}};
    uint64_t model[4] = {1, 2, 3, 4};

    (void)state;
    assert_int_equal(prng_next(&g), 11520);
    assert_int_equal(prng_next(&g), 0);
    g = (struct prng){{1, 2, 3, 4}};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(prng_next(&g), model_next(model));
}

static void test_seeding_repeats_and_separates(void **state)
{
    struct prng a, b, c;

    (void)state;
    prng_seed(&a, 1);
    prng_seed(&b, 1);
    prng_seed(&c, 2);
    for (int i = 0; i < 100; i++) {
        uint64_t x = prng_next(&a);

        assert_int_equal(x, prng_next(&b));
        assert_int_not_equal(x, prng_next(&c));
    }
    prng_seed(&a, 0);
    assert_true((a.s[0] | a.s[1] | a.s[2] | a.s[3]) != 0);
}

static void test_init_gives_another_state_each_time(void **state)
{
    struct prng a, b;

    (void)state;
    prng_init(&a);
    prng_init(&b);
    assert_int_not_equal(prng_next(&a), prng_next(&b));
}

/* 3 * 2^30 is where multiplication without rejection would be most unfair: every third of the lower
 * part would come up twice as often. */
static void test_below_is_fair_where_the_bound_is_no_divisor(void **state)
{
    enum { DRAWS = 300000 };
    const uint32_t n = 3u << 30;
    struct prng g;
    int by_rest[3] = {0}, by_third[3] = {0};

    (void)state;
    prng_seed(&g, 42);
    for (int i = 0; i < DRAWS; i++) {
        uint32_t x = prng_below(&g, n);

        assert_true(x < n);
        by_rest[x % 3]++;
        by_third[x / (1u << 30)]++;
    }
    /* Five standard deviations of a count with p = 1/3 are 1291. */
    for (int i = 0; i < 3; i++) {
        assert_in_range(by_rest[i], DRAWS / 3 - 1291, DRAWS / 3 + 1291);
        assert_in_range(by_third[i], DRAWS / 3 - 1291, DRAWS / 3 + 1291);
    }
}

static void test_below_one_is_zero_and_small_bounds_are_reached(void **state)
{
    struct prng g;
    unsigned seen = 0;

    (void)state;
    prng_seed(&g, 7);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(prng_below(&g, 1), 0);
        seen |= 1u << prng_below(&g, 5);
    }
    assert_int_equal(seen, 0x1f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_outputs_from_a_plain_state_are_the_published_ones),
        cmocka_unit_test(test_seeding_repeats_and_separates),
        cmocka_unit_test(test_init_gives_another_state_each_time),
        cmocka_unit_test(test_below_is_fair_where_the_bound_is_no_divisor),
        cmocka_unit_test(test_below_one_is_zero_and_small_bounds_are_reached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
