/* Decimal digits against snprintf: around every power of ten and of two, and random numbers of
 * every length. */
#include "base/decimal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/prng.h"

static void check(uint64_t n)
{
    char expected[32], got[32];
    int length = snprintf(expected, sizeof(expected), "%" PRIu64, n);
    char *end;

    memset(got, '#', sizeof(got));
    end = decimal_put(got, n);
    assert_int_equal(end - got, length);
    assert_memory_equal(got, expected, (size_t)length);
    assert_int_equal(got[length], '#');
    assert_int_equal(decimal_digits(n), length);
}

static void numbers_around_powers_have_their_digits(void **state)
{
    uint64_t ten = 1;

    (void)state;
    for (int i = 0; i < 20; i++, ten *= 10)
        for (uint64_t n = ten - 3; n != ten + 3; n++)
            check(n);
    for (int i = 0; i < 64; i++)
        for (uint64_t n = ((uint64_t)1 << i) - 2; n != ((uint64_t)1 << i) + 2; n++)
            check(n);
    for (uint64_t n = 0; n < 100000; n++)
        check(n);
    check(UINT64_MAX);
}

static void random_numbers_have_their_digits(void **state)
{
    struct prng random;

    (void)state;
    prng_seed(&random, 1);
    for (int i = 0; i < 200000; i++)
        check(prng_next(&random) >> prng_below(&random, 64));
}

static void a_fixed_width_keeps_leading_zeros_and_the_lowest_digits(void **state)
{
    char got[8];

    (void)state;
    assert_ptr_equal(decimal_put_fixed(got, 42, 6), got + 6);
    assert_memory_equal(got, "000042", 6);
    decimal_put_fixed(got, 123456789, 6);
    assert_memory_equal(got, "456789", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_around_powers_have_their_digits),
        cmocka_unit_test(random_numbers_have_their_digits),
        cmocka_unit_test(a_fixed_width_keeps_leading_zeros_and_the_lowest_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
