/* JSON, told piece by piece: by example, at every place where a text can be cut, and against jansson. */
#include "base/jsoncheck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/prng.h"

/* The whole text in one piece, and cut in two at each place: always the same answer. */
static bool is_json(struct str text, struct jsoncheck *last)
{
    bool answer = false;

    for (size_t cut = 0; cut <= text.n; cut++) {
        struct jsoncheck check = {0};
        jsoncheck_feed(&check, (struct str){text.p, cut});
        jsoncheck_feed(&check, (struct str){text.p + cut, text.n - cut});
        bool is = jsoncheck_end(&check);
        if (cut > 0)
            assert_int_equal(is, answer);
        answer = is;
        *last = check;
    }
    return answer;
}

static void texts_are_told_apart(void **state)
{
    static const char *const goods[] = {"{}",
                                        "[]",
                                        "null",
                                        "true",
                                        "false",
                                        "0",
                                        "-0",
                                        "-1.5e+10",
                                        "1E5",
                                        "12",
                                        "1.25",
                                        "\"\"",
                                        "\"a\\n\\u00e9\\\\\\\"\\/\"",
                                        " { \"a\" : [ 1 , { } , [ ] ] } \r\n\t",
                                        "[[[[]]]]",
                                        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
                                        "{\"a\":1,\"a\":2}",
                                        "[1,2,3]",
                                        "\"\\ud800\""};
    static const char *const bads[] = {"",
                                       " ",
                                       "not json",
                                       "{",
                                       "}",
                                       "[",
                                       "]",
                                       "{]",
                                       "[}",
                                       "[1,]",
                                       "{\"a\":1,}",
                                       "{a:1}",
                                       "{\"a\"}",
                                       "{\"a\":}",
                                       "{1:2}",
                                       "01",
                                       "-",
                                       "1.",
                                       ".5",
                                       "1e",
                                       "1e+",
                                       "+1",
                                       "tru",
                                       "nul",
                                       "True",
                                       "'a'",
                                       "\"a",
                                       "\"\\x\"",
                                       "\"\\u12g4\"",
                                       "\"\n\"",
                                       "1 2",
                                       "{}{}",
                                       "[1 2]",
                                       "nullx",
                                       "\"\xff\"",
                                       "\"\xc0\x80\"",
                                       "\"\xed\xa0\x80\"",
                                       "\"\xf4\x90\x80\x80\"",
                                       "\"\xc3\"",
                                       "\xef\xbb\xbf{}",
                                       "{\"a\":1 \"b\":2}",
                                       "[,]",
                                       "NaN",
                                       "// c\n1"};
    struct jsoncheck check;

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        if (!is_json(str_of(goods[i]), &check))
            fail_msg("refused: %s", goods[i]);
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        if (is_json(str_of(bads[i]), &check))
            fail_msg("accepted: %s", bads[i]);
}

static void the_shape_of_errors_is_seen(void **state)
{
    static const struct {
        const char *text;
        bool is_error;
    } cases[] = {
        {"{\"errorType\": \"E\", \"errorMessage\": \"m\"}", true},
        {" {\"errorMessage\":\"m\",\"errorType\":\"E\",\"stackTrace\":[]}", true},
        {"{\"errorType\": \"E\"}", false},
        {"{\"errorMessage\": \"m\"}", false},
        {"{\"a\": {\"errorType\": \"E\", \"errorMessage\": \"m\"}}", false},
        {"[{\"errorType\": \"E\", \"errorMessage\": \"m\"}]", false},
        {"{\"errorType\": \"errorMessage\"}", false},
        {"{\"errorTypes\": 1, \"errorMessage\": \"m\"}", false},
        {"{\"a long key of other things\": 1, \"errorType\": 1, \"errorMessage\": null}", true},
        {"{\"errorType\": \"E\", \"errorMessage\": \"m\"", false},
        {"\"errorType errorMessage\"", false},
    };
    struct jsoncheck check;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_json(str_of(cases[i].text), &check);
        if (jsoncheck_is_error(&check) != cases[i].is_error)
            fail_msg("%s", cases[i].text);
    }
}

static void levels_are_bounded(void **state)
{
    char text[2 * JSONCHECK_DEPTH + 2];
    struct jsoncheck check = {0};

    (void)state;
    memset(text, '[', JSONCHECK_DEPTH);
    memset(text + JSONCHECK_DEPTH, ']', JSONCHECK_DEPTH);
    assert_true(jsoncheck_feed(&check, (struct str){text, 2 * JSONCHECK_DEPTH}));
    assert_true(jsoncheck_end(&check));
    check = (struct jsoncheck){0};
    memset(text, '[', JSONCHECK_DEPTH + 1);
    assert_false(jsoncheck_feed(&check, (struct str){text, JSONCHECK_DEPTH + 1}));
}

static void the_reason_says_what_and_where(void **state)
{
    static const char *const cases[][2] = {
        {"not json",
         "Unexpected character ('o' (code 111)) at byte 2: expected true, false or null"},
        {"{\"a\":1,}", "Unexpected character ('}' (code 125)) at byte 8: expected a key in quotes"},
        {"[1", "Unexpected end of the text after 2 bytes"},
        {"\"a\tb\"", "Unexpected character (code 9) at byte 3: expected an escape"},
    };
    struct jsoncheck check;
    char reason[JSONCHECK_REASON_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(is_json(str_of(cases[i][0]), &check));
        jsoncheck_reason(&check, reason);
        if (strncmp(reason, cases[i][1], strlen(cases[i][1])) != 0)
            fail_msg("%s: %s", cases[i][0], reason);
    }
}

/* Texts of bytes that mean something, most of them nearly JSON. */
static void jansson_says_the_same(void **state)
{
    static const char bytes[] = "{}[]:,\"\\ 01-.eEtrufalsn+au";
    struct prng rng;
    struct jsoncheck check;
    char text[12];

    (void)state;
    prng_seed(&rng, 8);
    for (int i = 0; i < 200000; i++) {
        size_t n = prng_next(&rng) % sizeof(text);
        for (size_t k = 0; k < n; k++)
            text[k] = bytes[prng_next(&rng) % (sizeof(bytes) - 1)];
        json_t *json = json_loadb(text, n, JSON_DECODE_ANY, NULL);
        check = (struct jsoncheck){0};
        jsoncheck_feed(&check, (struct str){text, n});
        if (jsoncheck_end(&check) != (json != NULL))
            fail_msg("%.*s", (int)n, text);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_told_apart),  cmocka_unit_test(the_shape_of_errors_is_seen),
        cmocka_unit_test(levels_are_bounded),    cmocka_unit_test(the_reason_says_what_and_where),
        cmocka_unit_test(jansson_says_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
