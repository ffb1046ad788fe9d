/* Lines and columns of JSON paths, as editors count them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/jsondoc.h"
#include "conf/position.h"

static void expect(const char *text, const char *path, int line, int column)
{
    struct problems problems = {0};

    problems_add(&problems, "c", "f", path, "m");
    position_find(&problems, "f", str_of(text));
    if (problems.list[0].line != line || problems.list[0].column != column)
        print_error("%s: %d:%d\n", path, problems.list[0].line, problems.list[0].column);
    assert_int_equal(problems.list[0].line, line);
    assert_int_equal(problems.list[0].column, column);
    problems_fini(&problems);
}

static const char document[] = "\xef\xbb\xbf{\n"
                               "  \"a\": {\"b\": [1,\n"
                               "     {\"c\": 2}], \"bb\": 3},\n"
                               "  \"x y\": {\"d\\u0065\": 1}, \"é\": 1, \"$LATEST\": 2\n"
                               "}\n";

static void keys_and_elements_are_found(void **state)
{
    (void)state;
    expect(document, "$", 1, 1);
    expect(document, "$.a", 2, 3);
    expect(document, "$.a.b", 2, 9);
    expect(document, "$.a.b[0]", 2, 15);
    expect(document, "$.a.b[1]", 3, 6);
    expect(document, "$.a.b[1].c", 3, 7);
    expect(document, "$.a.bb", 3, 17);
    expect(document, "$[\"x y\"]", 4, 3);
    expect(document, "$[\"x y\"].de", 4, 11);
    expect(document, "$[\"é\"]", 4, 26);
    expect(document, "$.$LATEST", 4, 34);
}

static void what_is_not_there_is_at_the_nearest_above(void **state)
{
    (void)state;
    expect(document, "$.a.missing.deeper", 2, 3);
    expect(document, "$.a.b[7]", 2, 9);
    expect(document, "$.nothing", 1, 1);
    expect("{\"a\": {\"b\": ", "$.a.b.c", 1, 1);
    expect("", "$.a", 1, 1);
    expect("[", "$.a", 1, 1);
}

static void a_key_that_a_path_cuts_is_found(void **state)
{
    char key[400], text[500], path[JSONDOC_PATH_MAX];
    struct place root = JSONDOC_ROOT, at = JSONDOC_KEY(&root, key);

    (void)state;
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    snprintf(text, sizeof(text), "{\n \"%s\": 1}", key);
    jsondoc_path(&at, path);
    expect(text, path, 2, 2);
}

static void many_are_found_at_once_and_only_those_of_the_file(void **state)
{
    struct problems problems = {0};
    char text[4096], path[32];
    size_t n = 1;

    (void)state;
    text[0] = '{';
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "\n\"k%d\": [{\"a\": 1}],", i);
    for (int i = 99; i >= 0; i--) {
        snprintf(path, sizeof(path), "$.k%d[0].a", i);
        problems_add(&problems, "c", i % 2 ? "f" : NULL, path, "m");
    }
    problems_add(&problems, "c", "f", "$", "m");
    problems_point(&problems, 100, 7, 8);
    position_find(&problems, "f", (struct str){text, n});
    for (int i = 0; i < 100; i++)
        assert_int_equal(problems.list[99 - i].line, i % 2 ? i + 2 : 0);
    assert_int_equal(problems.list[100].line, 7);
    problems_fini(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_elements_are_found),
        cmocka_unit_test(what_is_not_there_is_at_the_nearest_above),
        cmocka_unit_test(a_key_that_a_path_cuts_is_found),
        cmocka_unit_test(many_are_found_at_once_and_only_those_of_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
