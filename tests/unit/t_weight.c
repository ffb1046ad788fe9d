/* Weights: which numbers are one, exactly which one, and that text, double and integer agree on all
 * of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/prng.h"
#include "conf/weight.h"

struct pair {
    const char *text;
    int64_t billionths;
};

static const struct pair goods[] = {
    {"0", 0},
    {"0.0", 0},
    {"0e99999999999999999999", 0},
    {"1", 10000000},
    {"5", 50000000},
    {"95", 950000000},
    {"100", 1000000000},
    {"100.000000000000000000000000", 1000000000},
    {"0.5", 5000000},
    {"33.3333333", 333333333},
    {"66.6666667", 666666667},
    {"14.2857143", 142857143},
    {"0.0000001", 1},
    {"99.9999999", 999999999},
    {"12.50000000000000", 125000000},
    {"1e1", 100000000},
    {"1E+2", 1000000000},
    {"10000000e-5", 1000000000},
    {"0.00001e2", 10000},
    {"1e-7", 1},
    {"50.05", 500500000},
    {"10.0000001", 100000001},
};

static const char *const bads[] = {
    "",
    " ",
    "-1",
    "-0",
    "+1",
    "1 ",
    " 1",
    "01",
    "00",
    ".5",
    "5.",
    "1.e1",
    "1e",
    "1e+",
    "0x10",
    "1,5",
    "nan",
    "inf",
    "100.1",
    "101",
    "1e3",
    "100.0000001",
    "33.33333333",
    "0.00000001",
    "1e-8",
    "99.99999999",
    "1.00000005",
    "100000000000000000000000",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "0.000000000000000000000000001e0",
    "5%",
    "five",
    "33.33333330000001",
    "0.1234567890123456789012345678901234567890",
};

static void texts_are_read_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        if (weight_parse(goods[i].text) != goods[i].billionths)
            fail_msg("%s: %ld", goods[i].text, (long)weight_parse(goods[i].text));
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        if (weight_parse(bads[i]) != -1)
            fail_msg("%s: %ld", bads[i], (long)weight_parse(bads[i]));
}

static void doubles_of_seven_places_are_recovered(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        if (weight_of_double(strtod(goods[i].text, NULL)) != goods[i].billionths)
            fail_msg("%s", goods[i].text);
    assert_int_equal(weight_of_double(-0.0), 0);
}

static void other_doubles_are_refused(void **state)
{
    static const double numbers[] = {-1,          -1e-300,    100.00000000000001, 1e300,
                                     33.33333333, 0.00000001, 33.33333330000001,  1e-300,
                                     1.00000005,  100.0 / 3,  0.1 + 0.2,          5e-324};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (weight_of_double(numbers[i]) != -1)
            fail_msg("%.17g", numbers[i]);
    assert_int_equal(weight_of_double((double)NAN), -1);
    assert_int_equal(weight_of_double((double)INFINITY), -1);
}

/* The next double above or below one that is not negative (IEEE 754: their bits are in the same
 * order). */
static double neighbour(double x, int64_t step)
{
    int64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    bits += step;
    memcpy(&x, &bits, sizeof(bits));
    return x;
}

/* Integer to text to double to integer, and each double's neighbours are something else. */
static void check_all_ways(int64_t billionths)
{
    struct weight_text text = weight_text(billionths);
    double percent = strtod(text.s, NULL);

    if (weight_parse(text.s) != billionths || weight_of_double(percent) != billionths)
        fail_msg("%s", text.s);
    if (weight_of_double(neighbour(percent, 1)) != -1 ||
        (billionths > 0 && weight_of_double(neighbour(percent, -1)) != -1))
        fail_msg("a neighbour of %s is taken for a weight", text.s);
}

static void text_double_and_integer_agree(void **state)
{
    struct prng rng;

    (void)state;
    prng_seed(&rng, 7);
    for (int64_t n = 0; n <= 2000; n++) {
        check_all_ways(n);
        check_all_ways(WEIGHT_ONE - n);
    }
    for (int i = 0; i < 300000; i++)
        check_all_ways(prng_below(&rng, WEIGHT_ONE + 1));
}

static void texts_have_no_needless_zeros(void **state)
{
    static const struct pair pairs[] = {{"0", 0},
                                        {"100", WEIGHT_ONE},
                                        {"-0.5", -5000000},
                                        {"0.0000001", 1},
                                        {"10", 100000000},
                                        {"33.3333333", 333333333},
                                        {"640", 64 * (int64_t)WEIGHT_ONE / 10}};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_string_equal(weight_text(pairs[i].billionths).s, pairs[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_exactly),
        cmocka_unit_test(doubles_of_seven_places_are_recovered),
        cmocka_unit_test(other_doubles_are_refused),
        cmocka_unit_test(text_double_and_integer_agree),
        cmocka_unit_test(texts_have_no_needless_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
