/* Loading JSON: every way in which a text is none, with its code, place and advice; and how places
 * are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/jsondoc.h"

struct bad {
    const char *text;
    size_t length; /* 0: strlen */
    const char *code, *part_of_message;
};

static void load_bad(const struct bad *bad)
{
    struct problems problems = {0};
    struct jsondoc doc = {.file = "d.json", .problems = &problems};
    json_t *json = jsondoc_load(&doc, bad->text, bad->length ? bad->length : strlen(bad->text));

    if (json || problems.nr != 1 || !doc.is_bad)
        fail_msg("%.60s: accepted, or %zu problems", bad->text, problems.nr);
    if (strcmp(problems.list[0].code, bad->code) != 0 ||
        !strstr(problems.list[0].message, bad->part_of_message))
        fail_msg("%.60s: %s [%s]", bad->text, problems.list[0].message, problems.list[0].code);
    assert_string_equal(problems.list[0].path, "$");
    assert_string_equal(problems.list[0].file, "d.json");
    problems_fini(&problems);
}

static void what_is_no_json_is_refused_with_place_and_advice(void **state)
{
    static const struct bad bads[] = {
        {"", 0, "empty", "{}"},
        {" \n\t ", 0, "empty", "empty"},
        {"\xef\xbb\xbf", 0, "empty", "empty"},
        {"{\"a\": 1,\n}", 0, "syntax", "line 2, column 1: not valid JSON"},
        {"{\"a\": 1,\n}", 0, "syntax", "remove the comma before it"},
        {"{\"a\": [1, ]}", 0, "syntax", "remove the comma before it"},
        {"{'a': 1}", 0, "syntax", "JSON wants double quotes"},
        {"{\"a\": // one\n1}", 0, "syntax", "JSON has no comments"},
        {"# c\n{}", 0, "syntax", "JSON has no comments"},
        {"listen: 80", 0, "syntax", "a document begins with '{'"},
        {"{\"a\" 1}", 0, "syntax", "missing comma, colon or quote"},
        {"{\"a\": 1 \"b\": 2}", 0, "syntax", "line 1, column 11"},
        {"{\"a\": tru}", 0, "syntax", "not valid JSON"},
        {"{\"a\": NaN}", 0, "syntax", "not valid JSON"},
        {"{\"a\": 01}", 0, "syntax", "not valid JSON"},
        {"{\"a\": \"x\ny\"}", 0, "syntax", "line 1"},
        {"{\"a\": \"\\q\"}", 0, "syntax", "not valid JSON"},
        {"{\"a\": \"\\ud800\"}", 0, "syntax", "not valid JSON"},
        {"{\"a\": {\n\"b\": 1", 0, "syntax", "line 2, column 6: the document ends too early"},
        {"{\"a\": \"x", 0, "syntax", "ends too early"},
        {"{\"a\": 1}}", 0, "trailing_text", "line 1, column 9"},
        {"{} {}", 0, "trailing_text", "more text follows"},
        {"{\"a\": 1, \"a\": 2}", 0, "duplicate_key", "stands twice"},
        {"{\"x\": {\"a\": 1,\n \"a\": 2}}", 0, "duplicate_key", "line 2"},
        {"{\"a\": 1e999}", 0, "number_range", "too large"},
        {"{\"a\": 99999999999999999999}", 0, "number_range", "too large"},
        {"{\"a\": \"\xff\"}", 0, "invalid_utf8", "not UTF-8"},
        {"{\"a\": \"\xc0\xaf\"}", 0, "invalid_utf8", "not UTF-8"},
        {"{\"a\": \"\xed\xa0\x80\"}", 0, "invalid_utf8", "not UTF-8"},
        {"{\"a\": \"\\u0000\"}", 0, "nul_character", "\\u0000"},
        {"{\"\\u0000\": 1}", 0, "nul_character", "in a key"},
        {"{\n \"a\": \0}", 10, "nul_character", "line 2, column 7: there is a NUL byte"},
        {"{}\0", 3, "nul_character", "line 1, column 3"},
        {"[]", 0, "wrong_type", "must be an object, {...}, not an array"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        load_bad(&bads[i]);
}

static void depth_is_bounded(void **state)
{
    enum { DEPTH = 1000000 };
    struct bad bad = {NULL, DEPTH, "too_deep", "nested thousands deep"};
    char *text = malloc(DEPTH + 1);

    (void)state;
    assert_non_null(text);
    text[DEPTH] = '\0';
    memset(text, '[', DEPTH);
    bad.text = text;
    load_bad(&bad);
    for (size_t i = 0; i + 5 <= DEPTH; i += 5)
        memcpy(text + i, "{\"a\":", 5);
    load_bad(&bad);
    free(text);
}

static void a_byte_order_mark_is_passed_over(void **state)
{
    static const char text[] = "\xef\xbb\xbf{\"a\": 1}";
    struct problems problems = {0};
    struct jsondoc doc = {.problems = &problems};
    json_t *json = jsondoc_load(&doc, text, sizeof(text) - 1);

    (void)state;
    assert_non_null(json);
    assert_int_equal(json_object_size(json), 1);
    json_decref(json);
    assert_int_equal(problems.nr, 0);
}

static void places_become_paths(void **state)
{
    struct place root = JSONDOC_ROOT;
    struct place a = JSONDOC_KEY(&root, "functions");
    struct place b = JSONDOC_KEY(&a, "my-fn_1");
    struct place c = JSONDOC_KEY(&b, "$LATEST");
    struct place d = JSONDOC_ITEM(&c, 12);
    struct place e = JSONDOC_KEY(&d, "two words");
    struct place f = JSONDOC_KEY(&root, "");
    char path[JSONDOC_PATH_MAX];

    (void)state;
    jsondoc_path(&root, path);
    assert_string_equal(path, "$");
    jsondoc_path(&e, path);
    assert_string_equal(path, "$.functions.my-fn_1.$LATEST[12][\"two words\"]");
    jsondoc_path(&f, path);
    assert_string_equal(path, "$[\"\"]");
}

static void long_keys_are_cut_between_characters(void **state)
{
    char key[1000] = "";
    struct place root = JSONDOC_ROOT;
    struct place a = JSONDOC_KEY(&root, key);
    struct place many[20];
    char path[JSONDOC_PATH_MAX];

    (void)state;
    for (int i = 0; i < 300; i++)
        memcpy(key + 3 * i, "日", 4); /* three bytes each */
    jsondoc_path(&a, path);
    assert_int_equal(strlen(path), strlen("$[\"\"]") + 120);
    assert_true(jsondoc_is_utf8(path));
    memset(key, 'x', 200);
    key[200] = '\0';
    many[0] = a;
    for (size_t i = 1; i < 20; i++)
        many[i] = JSONDOC_KEY(&many[i - 1], key);
    jsondoc_path(&many[19], path);
    assert_int_equal(strlen(path), JSONDOC_PATH_MAX - 1);
    assert_string_equal(path + JSONDOC_PATH_MAX - 4, "...");
}

static void utf8_is_told_from_other_bytes(void **state)
{
    static const char *const goods[] = {
        "", "a", "é", "日", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"};
    static const char *const bads[] = {"\x80",
                                       "\xc3",
                                       "\xc1\x81",
                                       "\xe0\x9f\xbf",
                                       "\xed\xa0\x80",
                                       "\xe6\x97",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "\xff",
                                       "é\xa9"};

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        assert_true(jsondoc_is_utf8(goods[i]));
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        if (jsondoc_is_utf8(bads[i]))
            fail_msg("accepted the bad sequence number %zu", i);
}

static void every_kind_has_a_name(void **state)
{
    static const char text[] = "{\"a\": [{}, [], \"\", 1, 1.5, true, false, null]}";
    static const char *const kinds[] = {"an object",
                                        "an array",
                                        "a string",
                                        "a whole number",
                                        "a number with a fraction or exponent",
                                        "true",
                                        "false",
                                        "null"};
    struct problems problems = {0};
    struct jsondoc doc = {.problems = &problems};
    json_t *json = jsondoc_load(&doc, text, sizeof(text) - 1);
    json_t *list = json_object_get(json, "a");

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        assert_string_equal(jsondoc_kind(json_array_get(list, i)), kinds[i]);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_json_is_refused_with_place_and_advice),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_byte_order_mark_is_passed_over),
        cmocka_unit_test(places_become_paths),
        cmocka_unit_test(long_keys_are_cut_between_characters),
        cmocka_unit_test(utf8_is_told_from_other_bytes),
        cmocka_unit_test(every_kind_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
