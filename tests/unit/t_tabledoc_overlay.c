/* The table file with the API's rows over it: functions, versions, aliases, URLs, one by one. */
#include "conf/tabledoc_overlay.h"

#include "tests/unit/laid_world.h"

#define F(more)       "{\"functions\": {\"f\": {\"versions\": {\"1\": " V ", \"2\": " V "}" more "}}}"
#define LIVE(w)       ", \"aliases\": {\"live\": {\"weights\": {" w "}}}"
#define FILE_SAYS     F(LIVE("\"1\": 95, \"2\": 5"))
#define API_SAYS      F(LIVE("\"1\": 50, \"2\": 50"))
#define FILE_ANEW     F(LIVE("\"1\": 10, \"2\": 90"))
#define FILE_IS_LOUD  F(LIVE("\"1\": 95, \"2\": 5") ", \"tags\": {\"a\": \"b\"}")
#define BOTH_TOGETHER F(LIVE("\"1\": 50, \"2\": 50") ", \"tags\": {\"a\": \"b\"}")

/* At a reload, and at a start. */
typedef bool reading(const char *text);
static reading *const ways[] = {laid_reads, laid_starts};

static void begin(const char *file)
{
    overlay_free(&laid.overlay);
    laid.overlay = overlay_make();
    assert_true(laid_starts(file));
}

static void what_the_api_said_stays_beside_what_else_the_file_says(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(FILE_SAYS);
        laid_changes(API_SAYS);
        assert_true(ways[i](FILE_IS_LOUD));
        laid_is(BOTH_TOGETHER);
        assert_int_equal(laid.nr_lost, 0);
    }
}

static void the_file_wins_where_it_says_something_new_and_both_are_named(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(FILE_SAYS);
        laid_changes(API_SAYS);
        assert_true(ways[i](FILE_ANEW));
        laid_is(FILE_ANEW);
        assert_int_equal(laid.nr_lost, 1);
        assert_non_null(strstr(laid.changes.list[0].message, "over what the API had set"));
        assert_true(laid_starts(FILE_SAYS)); /* what is lost does not come back */
        laid_is(FILE_SAYS);
    }
}

static void what_the_api_deleted_is_gone_until_the_file_says_something_else(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(FILE_SAYS);
        laid_changes(F(""));
        assert_true(ways[i](FILE_SAYS));
        laid_is(F(""));
        assert_true(ways[i](FILE_ANEW));
        laid_is(FILE_ANEW);
    }
}

static void what_only_the_api_made_stays_whatever_the_file_says_of_others(void **state)
{
    const char *both =
        "{\"functions\": {\"f\": {\"versions\": {\"1\": " V ", \"2\": " V "}}, \"g\": {"
        "\"concurrency\": 3, \"versions\": {\"1\": " V "}, \"aliases\": {\"a\": {\"weights\": "
        "{\"1\": 100}}}, \"urls\": {\"a\": {\"auth_type\": \"NONE\"}}}}}";

    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(FILE_SAYS);
        laid_changes(both);
        assert_true(ways[i](FILE_SAYS));
        laid_is(both);
        laid_changes(F(""));
        assert_true(ways[i](FILE_SAYS));
        laid_is(F(""));
    }
}

static void a_function_that_was_deleted_takes_its_parts_with_it(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(FILE_SAYS);
        laid_changes(API_SAYS);
        laid_changes("{\"functions\": {}}");
        assert_true(ways[i](FILE_SAYS));
        laid_is("{\"functions\": {}}");
        assert_true(ways[i](FILE_IS_LOUD));
        laid_is(FILE_IS_LOUD);
    }
}

static void of_numbers_the_largest_counts_whoever_says_it(void **state)
{
    (void)state;
    begin(F(", \"last_version\": 4"));
    laid_changes(F(", \"last_version\": 9"));
    assert_true(laid_starts(F(", \"last_version\": 5")));
    laid_is(F(", \"last_version\": 9"));
    assert_true(laid_starts(F(", \"last_version\": 12")));
    laid_is(F(", \"last_version\": 12"));
}

static void a_version_that_an_alias_of_the_api_has_may_not_go(void **state)
{
    (void)state;
    begin(FILE_SAYS);
    laid_changes(F(", \"aliases\": {\"live\": {\"weights\": {\"1\": 95, \"2\": 5}}, \"made\": "
                   "{\"weights\": {\"2\": 100}}}"));
    assert_false(laid_starts("{\"functions\": {\"f\": {\"versions\": {\"1\": " V "}}}}"));
    assert_string_equal(laid.problems.list[0].path, "$.functions.f.aliases.made");
    assert_string_equal(laid.problems.list[0].code, "version_in_use");
}

#define test(f) cmocka_unit_test_setup_teardown(f, laid_setup, laid_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_the_api_said_stays_beside_what_else_the_file_says),
        test(the_file_wins_where_it_says_something_new_and_both_are_named),
        test(what_the_api_deleted_is_gone_until_the_file_says_something_else),
        test(what_only_the_api_made_stays_whatever_the_file_says_of_others),
        test(a_function_that_was_deleted_takes_its_parts_with_it),
        test(of_numbers_the_largest_counts_whoever_says_it),
        test(a_version_that_an_alias_of_the_api_has_may_not_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
