/* Pins of attempts: found while they hold, never more than there is room for. */
#include "proxy/worker/pins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct pins pins;

static int set_up(void **state)
{
    (void)state;
    pins_init(&pins);
    return pins.sets ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    pins_fini(&pins);
    return 0;
}

static void the_first_attempts_version_is_kept(void **state)
{
    uint64_t key = pins_key(&pins, STR("id"), STR("hello"), STR("live")), version = 99;

    (void)state;
    assert_false(pins_find(&pins, key, 1000, &version));
    pins_keep(&pins, key, 1000, 1500, 7);
    pins_keep(&pins, key, 1001, 1501, 8); /* another attempt, at the same time */
    assert_true(pins_find(&pins, key, 1499, &version));
    assert_int_equal(version, 7);
    assert_false(pins_find(&pins, key, 1500, &version));
    pins_keep(&pins, key, 1500, 2000, 8);
    assert_true(pins_find(&pins, key, 1500, &version));
    assert_int_equal(version, 8);
}

static void calls_are_told_apart(void **state)
{
    static const char *const parts[][3] = {{"id", "hello", "live"}, {"id", "hello", ""},
                                           {"id", "hellol", "ive"}, {"idh", "ello", "live"},
                                           {"", "idhello", "live"}, {"i", "hello", "live"}};
    uint64_t keys[6];

    (void)state;
    for (int i = 0; i < 6; i++) {
        keys[i] = pins_key(&pins, str_of(parts[i][0]), str_of(parts[i][1]), str_of(parts[i][2]));
        for (int k = 0; k < i; k++)
            assert_true(keys[i] != keys[k]);
    }
}

static void a_full_set_forgets_the_pin_that_ends_first(void **state)
{
    uint64_t version;

    (void)state;
    for (uint64_t i = 1; i <= PINS_WAYS + 1; i++) /* all of one set */
        pins_keep(&pins, i * PINS_SETS, 10, 1000 + i, i);
    assert_false(pins_find(&pins, 1 * PINS_SETS, 11, &version));
    for (uint64_t i = 2; i <= PINS_WAYS + 1; i++) {
        assert_true(pins_find(&pins, i * PINS_SETS, 11, &version));
        assert_int_equal(version, i);
    }
}

static void versions_are_numbers(void **state)
{
    uint64_t version;

    (void)state;
    assert_true(pins_version(STR("$LATEST"), &version) && version == 0);
    assert_true(pins_version(STR("1"), &version) && version == 1);
    assert_true(pins_version(STR("18446744073709551615"), &version) && version == UINT64_MAX);
    assert_false(pins_version(STR("18446744073709551616"), &version));
    assert_false(pins_version(STR("99999999999999999999"), &version));
    assert_false(pins_version(STR(""), &version));
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_first_attempts_version_is_kept),
        test(calls_are_told_apart),
        test(a_full_set_forgets_the_pin_that_ends_first),
        test(versions_are_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
