/* The plain reader beside jansson: what it reads is what jansson reads, and it reads what is
 * usual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "conf/jsonplain.h"

static const char *const plain[] = {
    "{\"versions\":{\"1\":{\"endpoints\":[\"http://127.0.0.1:9001\"]},\"2\":{\"endpoints\":"
    "[\"http://127.0.0.1:9002\", \"https://fn.example.com/base\"], \"timeout_ms\": 3000}},"
    "\"aliases\":{\"live\":{\"weights\":{\"1\":99.5,\"2\":0.5},\"split\":\"random\"}}}",
    " { \"a\" :\t[1, -2.5 ,true,\r\n false,null, {} , [ ], \"\"] } ",
    "{}",
    "[]",
    "\"text\"",
    "true",
    "false",
    "null",
    "0",
    "-0",
    "-0.0",
    "0.0000001",
    "33.3333333",
    "999999999999999",
    "-999999999999999",
    "9.99999999999999",
    "0.00000000000001",
    "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
};

static const char *const others[] = {
    "",
    " ",
    "{",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "{\"a\":1]",
    "{\"a\"}",
    "{\"a\" 1}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{\"a\":1,\"a\":2}", /* twice */
    "{} {}",
    "1 1",
    "\"",
    "\"a",
    "\"a\\n\"",
    "\"\\u0041\"",
    "\"\x01\"",
    "\"\x7f\"",
    "\"\xc3\xa9\"",
    "01",
    "-",
    "-01",
    "1.",
    ".5",
    "+1",
    "1e3",
    "1.5E3",
    "1000000000000000",
    "0.000000000000001",
    "tru",
    "truex",
    "nul",
    "NaN",
    "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
};

#define NR(list) (sizeof(list) / sizeof((list)[0]))

static json_t *by_jansson(struct str text)
{
    return json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
}

/* Was it plain? Then jansson has to make the same of it. */
static bool is_read_alike(struct str text)
{
    json_t *json = jsonplain_read(text), *other;
    bool is_plain = json != NULL;

    if (is_plain) {
        other = by_jansson(text);
        if (!other || !json_equal(json, other))
            fail_msg("read otherwise by jansson: %.*s", STR_ARG(text));
        json_decref(other);
    }
    json_decref(json);
    return is_plain;
}

static void what_is_plain_is_read_as_jansson_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < NR(plain); i++)
        if (!is_read_alike(str_of(plain[i])))
            fail_msg("not read: %s", plain[i]);
}

static void what_is_not_plain_is_left_to_jansson(void **state)
{
    (void)state;
    for (size_t i = 0; i < NR(others); i++)
        if (is_read_alike(str_of(others[i])))
            fail_msg("read: %s", others[i]);
}

/* The sign of a zero, which json_equal does not see. */
static void a_negative_zero_stays_one(void **state)
{
    char text[32];
    json_t *json = jsonplain_read(STR("-0.0"));

    (void)state;
    snprintf(text, sizeof(text), "%g", json_real_value(json));
    assert_string_equal(text, "-0");
    json_decref(json);
}

/* Each text cut short, and with each of its characters in turn replaced, left out or doubled. */
static void every_broken_text_is_read_as_jansson_reads_it(void **state)
{
    static const char instead[] = "\"\\{}[],: \n0179.-+eEtn/\x7f\xc3";
    char text[512];
    int nr_plain = 0;

    (void)state;
    for (size_t i = 0; i < NR(plain) + NR(others); i++) {
        const char *from = i < NR(plain) ? plain[i] : others[i - NR(plain)];
        size_t n = strlen(from);

        for (size_t at = 0; at < n; at++) {
            is_read_alike((struct str){from, at});
            memcpy(text, from, at);
            memcpy(text + at, from + at + 1, n - at - 1);
            nr_plain += is_read_alike((struct str){text, n - 1});
            memcpy(text + at + 1, from + at, n - at);
            text[at] = from[at];
            nr_plain += is_read_alike((struct str){text, n + 1});
            memcpy(text, from, n);
            for (size_t k = 0; k < sizeof(instead) - 1; k++) {
                text[at] = instead[k];
                nr_plain += is_read_alike((struct str){text, n});
            }
        }
    }
    assert_true(nr_plain > 1000);
}

static void numbers_are_the_doubles_that_jansson_reads(void **state)
{
    struct prng rng;
    char text[64];

    (void)state;
    prng_seed(&rng, 7);
    for (int i = 0; i < 200000; i++) {
        uint64_t random = prng_next(&rng);
        int digits = 1 + (int)(random % 15), places = (int)(random >> 8) % (16 - digits);
        uint64_t whole = 1, part = 1;

        for (int k = 0; k < digits; k++)
            whole *= 10;
        for (int k = 0; k < places; k++)
            part *= 10;
        if (places > 0)
            snprintf(text, sizeof(text), "%s%llu.%0*llu", random >> 63 ? "-" : "",
                     (unsigned long long)(prng_next(&rng) % whole), places,
                     (unsigned long long)(prng_next(&rng) % part));
        else
            snprintf(text, sizeof(text), "%llu", (unsigned long long)(prng_next(&rng) % whole));
        if (!is_read_alike(str_of(text)))
            fail_msg("not read: %s", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plain_is_read_as_jansson_reads_it),
        cmocka_unit_test(what_is_not_plain_is_left_to_jansson),
        cmocka_unit_test(a_negative_zero_stays_one),
        cmocka_unit_test(every_broken_text_is_read_as_jansson_reads_it),
        cmocka_unit_test(numbers_are_the_doubles_that_jansson_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
