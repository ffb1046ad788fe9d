/* Escaping for log lines: every byte at every place of strings of many lengths, against an escaper
 * without a fast path; UTF-8; limits. */
#include "base/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

enum { OUT = 4096 };

static const struct escape_limit plenty = {OUT, 4};

/* The escaper's result, terminated; checks that nothing beyond the limit was touched. */
static const char *escape(struct str s, bool is_bare, const struct escape_limit *limit,
                          uint32_t *cuts)
{
    static char out[OUT + 16];
    char *end;

    memset(out, '~', sizeof(out));
    end = is_bare ? escape_bare(out, s, limit, cuts) : escape_quoted(out, s, limit, cuts);
    assert_true(end <= out + limit->bytes);
    assert_int_equal(out[limit->bytes], '~');
    *end = '\0';
    return out;
}

static void assert_escaped(const char *z, const char *quoted, const char *bare)
{
    uint32_t cuts = 0;

    assert_string_equal(escape(str_of(z), false, &plenty, &cuts), quoted);
    assert_string_equal(escape(str_of(z), true, &plenty, &cuts), bare);
    assert_int_equal(cuts, 0);
}

static void assert_both(const char *z, const char *expected)
{
    assert_escaped(z, expected, expected);
}

static void clean_strings_stay_as_they_are(void **state)
{
    (void)state;
    assert_both("a", "a");
    assert_both("/hello?x=1&y=%20", "/hello?x=1&y=%20");
    assert_both("[::1]:443", "[::1]:443");
    assert_both("!", "!");
    assert_both("a\x7f", "a\x7f");
    assert_escaped("Mozilla/5.0 (X11; Linux) x", "Mozilla/5.0 (X11; Linux) x",
                   "Mozilla/5.0\\u0020(X11;\\u0020Linux)\\u0020x");
}

static void what_json_forbids_is_escaped(void **state)
{
    (void)state;
    assert_escaped("say \"hi\"", "say \\\"hi\\\"", "say\\u0020\\\"hi\\\"");
    assert_both("a\\b", "a\\\\b");
    assert_both("a\r\nb\tc", "a\\u000d\\u000ab\\u0009c");
    assert_both("\x1b[31m", "\\u001b[31m");
}

#define BAD "\xef\xbf\xbd"

static void utf8_stays_and_other_bytes_are_replaced(void **state)
{
    (void)state;
    assert_both("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
    assert_both("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
    assert_both("\xe2\x82\xac", "\xe2\x82\xac");
    assert_both("\xed\x9f\xbf", "\xed\x9f\xbf");
    assert_both("a\xff", "a" BAD);
    assert_both("\xc3", BAD);
    assert_both("\xc3(", BAD "(");
    assert_both("\xf0\x9f\x98", BAD BAD BAD);
    assert_both("\xf0\x9f\x98z", BAD BAD BAD "z");
    /* Overlong forms, a surrogate, something beyond U+10FFFF. */
    assert_both("\xc0\xaf", BAD BAD);
    assert_both("\xe0\x9f\xbf", BAD BAD BAD);
    assert_both("\xf0\x8f\xbf\xbf", BAD BAD BAD BAD);
    assert_both("\xed\xa0\x80", BAD BAD BAD);
    assert_both("\xf4\x90\x80\x80", BAD BAD BAD BAD);
    /* The control characters above ASCII: U+009B begins commands to a terminal. */
    assert_both("\xc2\x9b", "\\u009b");
    assert_both("\xc2\xa0", "\xc2\xa0");
}

/* One byte at a time; here no byte from 0x80 on belongs to a character. */
static void plain_escape(char *out, const unsigned char *s, size_t n, bool is_bare)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] == '\\')
            out += snprintf(out, 8, "\\%c", s[i]);
        else if (s[i] < 0x20 || (s[i] == ' ' && is_bare))
            out += snprintf(out, 8, "\\u%04x", (unsigned)s[i]);
        else if (s[i] >= 0x80)
            out += snprintf(out, 8, BAD);
        else
            *out++ = (char)s[i];
    }
    *out = '\0';
}

/* A copy of exactly the string's size, so that a sanitizer sees a read beyond it. */
static void check_string(const unsigned char *s, size_t n)
{
    char expected[1024];
    char *copy = malloc(n);
    uint32_t cuts = 0;

    assert_non_null(copy);
    memcpy(copy, s, n);
    for (int is_bare = 0; is_bare < 2; is_bare++) {
        plain_escape(expected, s, n, is_bare);
        assert_string_equal(escape((struct str){copy, n}, is_bare, &plenty, &cuts), expected);
    }
    assert_int_equal(cuts, 0);
    free(copy);
}

static void every_byte_at_every_place_agrees_with_a_plain_escaper(void **state)
{
    unsigned char s[70];

    (void)state;
    for (size_t n = 1; n <= sizeof(s); n += n < 36 ? 1 : 11) {
        for (size_t place = 0; place < n; place++) {
            for (unsigned c = 1; c < 256; c += c == '0' ? 10 : 1) {
                memset(s, 'x', n);
                s[place] = (unsigned char)c;
                check_string(s, n);
            }
        }
    }
}

static void random_bytes_agree_with_a_plain_escaper(void **state)
{
    unsigned char s[100];
    struct prng random;

    (void)state;
    prng_seed(&random, 5);
    for (int i = 0; i < 20000; i++) {
        size_t n = 1 + prng_below(&random, sizeof(s));

        /* No byte below 0xc0 beyond ASCII: nothing continues a character. */
        for (size_t k = 0; k < n; k++) {
            s[k] = (unsigned char)(1 + prng_below(&random, 127));
            if (prng_below(&random, 10) == 0)
                s[k] = (unsigned char)(0xc0 + prng_below(&random, 64));
        }
        check_string(s, n);
    }
}

static void a_long_string_is_cut_at_a_character_and_named(void **state)
{
    static const struct escape_limit ten = {10, 8};
    uint32_t cuts = 1;

    (void)state;
    assert_string_equal(escape(STR("0123456789"), false, &ten, &cuts), "0123456789");
    assert_int_equal(cuts, 1);
    assert_string_equal(escape(STR("0123456789a"), false, &ten, &cuts), "0123456789");
    assert_int_equal(cuts, 1 | 8);
    cuts = 0;
    assert_string_equal(escape(STR("12345\n7"), true, &ten, &cuts), "12345");
    assert_int_equal(cuts, 8);
    cuts = 0;
    assert_string_equal(escape(STR("123456789\""), true, &ten, &cuts), "123456789");
    assert_int_equal(cuts, 8);
    cuts = 0;
    assert_string_equal(escape(STR("12345678\xe2\x82\xac"), false, &ten, &cuts), "12345678");
    assert_int_equal(cuts, 8);
    cuts = 0;
    assert_string_equal(escape(STR("1234567\xe2\x82\xac"), false, &ten, &cuts),
                        "1234567\xe2\x82\xac");
    assert_int_equal(cuts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_strings_stay_as_they_are),
        cmocka_unit_test(what_json_forbids_is_escaped),
        cmocka_unit_test(utf8_stays_and_other_bytes_are_replaced),
        cmocka_unit_test(every_byte_at_every_place_agrees_with_a_plain_escaper),
        cmocka_unit_test(random_bytes_agree_with_a_plain_escaper),
        cmocka_unit_test(a_long_string_is_cut_at_a_character_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
