/* Pins: what another program computes, and what is no pin. */
#include "proxy/exchange/pintoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ISSUED = 1764499732 };

static const struct pinkeys one = {1, {{"key-one-0123456789", 18}}};
static const struct pinkeys two = {2, {{"key-two-0123456789", 18}, {"key-one-0123456789", 18}}};
static const struct pinkeys other = {1, {{"key-two-0123456789", 18}}};
static const struct pinkeys jefe = {1, {{"Jefe", 4}}};

#define GOOD "2.1764499732.5LbI4l_1WYrnivfqBZ7vvBNppYPJvbS-eACoIiuFEYI"

static void expect(const struct pinkeys *keys, struct pintoken about, const char *token)
{
    char out[PINTOKEN_MAX];
    struct str s = pintoken_write(out, &about, keys);

    assert_int_equal(s.n, strlen(token));
    assert_memory_equal(s.p, token, s.n);
    struct pintoken read = {.function = about.function, .alias = about.alias};
    assert_true(pintoken_read(&read, s, keys, about.issued_s, 1));
    assert_true(str_eq(read.version, about.version));
    assert_int_equal(read.issued_s, about.issued_s);
}

/* hmac.new(key, b"weir-pin\norders\nlive\n2\n1764499732", "sha256") in Python, and so on. */
static void a_pin_is_what_another_program_computes(void **state)
{
    (void)state;
    expect(&one, (struct pintoken){STR("orders"), STR("live"), STR("2"), ISSUED}, GOOD);
    expect(&jefe, (struct pintoken){STR("f"), STR("a"), STR("$LATEST"), 0},
           "$LATEST.0.w5wXDwFklo6bctRvwoCf8RsecMy95TpFXQK7RuzU6Ko");
    expect(&jefe, (struct pintoken){STR("f"), STR("a"), STR("7"), 1},
           "7.1.xis6YPpIjvnzhevc0W_hiZigk0xdzd4-IHM9qcOWzfU");
}

static bool reads(const char *token, const char *function, const char *alias,
                  const struct pinkeys *keys, uint64_t now_s, uint32_t for_s)
{
    struct pintoken out = {.function = str_of(function), .alias = str_of(alias)};

    return pintoken_read(&out, str_of(token), keys, now_s, for_s);
}

static void a_pin_holds_for_its_alias_and_its_time(void **state)
{
    (void)state;
    assert_true(reads(GOOD, "orders", "live", &one, ISSUED, 60));
    assert_true(reads(GOOD, "orders", "live", &one, ISSUED + 59, 60));
    assert_false(reads(GOOD, "orders", "live", &one, ISSUED + 60, 60));
    assert_false(reads(GOOD, "orders", "live", &one, UINT64_C(1) << 40, UINT32_MAX));
    /* issued by one whose clock is ahead */
    assert_true(reads(GOOD, "orders", "live", &one, ISSUED - 100, 60));
    assert_false(reads(GOOD, "orders", "beta", &one, ISSUED, 60));
    assert_false(reads(GOOD, "order", "slive", &one, ISSUED, 60));
    assert_false(reads(GOOD, "orders\nlive", "", &one, ISSUED, 60));
    assert_false(reads(GOOD, "ordersX", "live", &one, ISSUED, 60));
}

static void every_key_is_accepted_and_the_first_one_signs(void **state)
{
    char out[PINTOKEN_MAX];
    const struct pintoken about = {STR("orders"), STR("live"), STR("2"), ISSUED};
    struct str s = pintoken_write(out, &about, &two);

    (void)state;
    assert_true(reads(GOOD, "orders", "live", &two, ISSUED, 60));
    assert_false(reads(GOOD, "orders", "live", &other, ISSUED, 60));
    struct pintoken read = about;
    assert_true(pintoken_read(&read, s, &other, ISSUED, 60));
    assert_false(pintoken_read(&read, s, &one, ISSUED, 60));
}

static void a_pin_of_which_one_byte_is_other_is_none(void **state)
{
    char token[] = GOOD;

    (void)state;
    for (size_t i = 0; i < sizeof(GOOD) - 1; i++) {
        for (int c = 1; c < 256; c++) {
            if (token[i] == (char)c)
                continue;
            token[i] = (char)c;
            /* with all the time in the world, as a digit of its second may be the other one */
            assert_false(reads(token, "orders", "live", &one, 0, UINT32_MAX));
            token[i] = GOOD[i];
        }
    }
}

static void what_looks_like_a_pin_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "2",
        "2.",
        "2.1764499732",
        "2.1764499732.",
        "2..5LbI4l_1WYrnivfqBZ7vvBNppYPJvbS-eACoIiuFEYI",
        ".1764499732.5LbI4l_1WYrnivfqBZ7vvBNppYPJvbS-eACoIiuFEYI",
        "2.01764499732.5LbI4l_1WYrnivfqBZ7vvBNppYPJvbS-eACoIiuFEYI",
        "2.+1764499732.5LbI4l_1WYrnivfqBZ7vvBNppYPJvbS-eACoIiuFEYI",
        "2.99999999999999999999.5LbI4l_1WYrnivfqBZ7vvBNppYPJvbS-eACoIiuFEYI",
        "2.1764499732.5LbI4l_1WYrnivfqBZ7vvBNppYPJvbS-eACoIiuFEYI=",
        "2.1764499732.5LbI4l_1WYrnivfqBZ7vvBNppYPJvbS-eACoIiuFEY",
        "2.1764499732.5LbI4l/1WYrnivfqBZ7vvBNppYPJvbS+eACoIiuFEYI",
        " " GOOD,
        GOOD " ",
        GOOD "." GOOD,
        "2222222222222222222222222.1.5LbI4l_1WYrnivfqBZ7vvBNppYPJvbS-eACoIiuFEYI",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(reads(bad[i], "orders", "live", &one, 0, UINT32_MAX));
}

static void what_is_too_long_is_not_signed(void **state)
{
    char out[PINTOKEN_MAX], name[300];
    struct pintoken about = {STR("f"), STR("a"), STR("2222222222222222222222222"), 1};

    (void)state;
    assert_int_equal(pintoken_write(out, &about, &one).n, 0);
    memset(name, 'f', sizeof(name));
    about = (struct pintoken){{name, sizeof(name)}, STR("a"), STR("2"), 1};
    assert_int_equal(pintoken_write(out, &about, &one).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pin_is_what_another_program_computes),
        cmocka_unit_test(a_pin_holds_for_its_alias_and_its_time),
        cmocka_unit_test(every_key_is_accepted_and_the_first_one_signs),
        cmocka_unit_test(a_pin_of_which_one_byte_is_other_is_none),
        cmocka_unit_test(what_looks_like_a_pin_is_none),
        cmocka_unit_test(what_is_too_long_is_not_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
