/* Classes of bytes: the table and the rules that it stands for. */
#include "proxy/http/chars.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool is_alphanumeric(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_one_of(int c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static void the_table_says_what_the_rules_say(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool is_ascii = c < 128;

        assert_int_equal(chars_is(byte, CHARS_TOKEN),
                         is_ascii && (is_alphanumeric(c) || is_one_of(c, "!#$%&'*+-.^_`|~")));
        assert_int_equal(chars_is(byte, CHARS_TARGET),
                         c > ' ' && c < 0x7f && !is_one_of(c, "\"#<>\\"));
        assert_int_equal(chars_is(byte, CHARS_HOST_NAME),
                         is_ascii && (is_alphanumeric(c) || is_one_of(c, "-._~!$&'()*+;=")));
        assert_int_equal(chars_is(byte, CHARS_SPECIAL), c == '?' || c == '%');
        assert_int_equal(chars_is(byte, CHARS_HEX), is_one_of(c, "0123456789abcdefABCDEF"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_says_what_the_rules_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
