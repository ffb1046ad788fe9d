/* The list of problems: what it keeps, shows, cuts and counts, and that memory running out loses
 * text but not the fact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/problems.h"
#include "failmalloc.h"

static void strings_are_copied(void **state)
{
    struct problems problems = {0};
    char code[] = "weight_sum", file[] = "t.json", path[] = "$.a";

    (void)state;
    problems_add(&problems, code, file, path, "they total %d", 99);
    memset(code, 'x', sizeof(code) - 1);
    memset(file, 'x', sizeof(file) - 1);
    memset(path, 'x', sizeof(path) - 1);
    assert_int_equal(problems.nr, 1);
    assert_string_equal(problems.list[0].code, "weight_sum");
    assert_string_equal(problems.list[0].file, "t.json");
    assert_string_equal(problems.list[0].path, "$.a");
    assert_string_equal(problems.list[0].message, "they total 99");
    problems_fini(&problems);
    assert_int_equal(problems.nr, 0);
    assert_null(problems.list);
}

static void a_line_names_file_path_message_and_code(void **state)
{
    struct problems problems = {0};
    char *line;

    (void)state;
    problems_add(&problems, "c", "f.json", "$.p", "m");
    problems_add(&problems, "c", NULL, "$", "m 2");
    line = problems_line(&problems.list[0]);
    assert_string_equal(line, "f.json: $.p: m [c]");
    free(line);
    line = problems_line(&problems.list[1]);
    assert_string_equal(line, "$: m 2 [c]");
    free(line);
    problems_fini(&problems);
}

static void control_characters_are_shown_as_escapes(void **state)
{
    struct problems problems = {0};

    (void)state;
    problems_add(&problems, "c", "a\nb", "$.\x1b[2J", "%s",
                 "x\r\n\x7f\xc2\x9b"
                 "é \xc2\xa0");
    assert_string_equal(problems.list[0].file, "a\\u000ab");
    assert_string_equal(problems.list[0].path, "$.\\u001b[2J");
    assert_string_equal(problems.list[0].message, "x\\u000d\\u000a\\u007f\\u009bé \xc2\xa0");
    problems_fini(&problems);
}

static void a_long_message_is_cut(void **state)
{
    struct problems problems = {0};

    (void)state;
    problems_add(&problems, "c", NULL, "$", "%05000d", 1);
    assert_int_equal(strlen(problems.list[0].message), PROBLEMS_MESSAGE_MAX - 1);
    problems_fini(&problems);
}

static void a_message_grows_up_to_the_limit(void **state)
{
    struct problems problems = {0};

    (void)state;
    problems_add(&problems, "c", NULL, "$", "it is %s", "gone");
    problems_append(&problems.list[0], "; wait for %s\n", "d-1");
    assert_string_equal(problems.list[0].message, "it is gone; wait for d-1\\u000a");
    problems_append(&problems.list[0], "%*d", 2 * PROBLEMS_MESSAGE_MAX, 1);
    problems_append(&problems.list[0], "more");
    assert_int_equal(strlen(problems.list[0].message), PROBLEMS_MESSAGE_MAX - 1);
    problems_fini(&problems);
}

static void what_is_beyond_the_limit_is_counted(void **state)
{
    struct problems problems = {0};

    (void)state;
    for (int i = 0; i < PROBLEMS_MAX + 7; i++)
        problems_add(&problems, "c", NULL, "$", "%d", i);
    assert_int_equal(problems.nr, PROBLEMS_MAX);
    assert_int_equal(problems.nr_lost, 7);
    assert_int_equal(problems_count(&problems), PROBLEMS_MAX + 7);
    assert_string_equal(problems.list[PROBLEMS_MAX - 1].message, "999");
    problems_fini(&problems);
    assert_int_equal(problems_count(&problems), 0);
}

static void a_failed_allocation_counts_the_problem_and_leaks_nothing(void **state)
{
    long before = failmalloc_live();

    (void)state;
    failmalloc_skip();
    for (long n = 1; n < 100; n++) {
        struct problems problems = {0};
        failmalloc_arm(n);
        problems_add(&problems, "c", "f", "$", "m");
        if (!failmalloc_disarm()) {
            assert_true(n > 1);
            assert_int_equal(problems.nr, 1);
            problems_fini(&problems);
            break;
        }
        assert_int_equal(problems.nr, 0);
        assert_int_equal(problems.nr_lost, 1);
        assert_int_equal(problems_count(&problems), 1);
        problems_fini(&problems);
    }
    assert_int_equal(failmalloc_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(a_line_names_file_path_message_and_code),
        cmocka_unit_test(control_characters_are_shown_as_escapes),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(a_message_grows_up_to_the_limit),
        cmocka_unit_test(what_is_beyond_the_limit_is_counted),
        cmocka_unit_test(a_failed_allocation_counts_the_problem_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
