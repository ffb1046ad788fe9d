/* What is well-formed UTF-8. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void well_formed_text_is_valid(void **state)
{
    static const char *const good[] = {
        "",
        "a",
        "plain ASCII of more than eight bytes",
        "\xc3\xa4",
        "12345678\xe2\x82\xac",
        "\xf0\x9f\x98\x80 1234567\xf4\x8f\xbf\xbf",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(utf8_is_valid(str_of(good[i])));
    assert_true(utf8_is_valid((struct str){"a\0b", 3}));
}

static void everything_else_is_not(void **state)
{
    static const char *const bad[] = {
        "\x80",
        "1234567\xff",
        "\xc3",
        "\xc0\xaf",
        "\xe0\x80\xaf",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "12345678\xe2\x82z1234567",
        "\xf5\x80\x80\x80",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(utf8_is_valid(str_of(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_text_is_valid),
        cmocka_unit_test(everything_else_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
