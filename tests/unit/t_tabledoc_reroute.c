/* Routes of the table file with those of the API over them, one by one. */
#include "conf/tabledoc_reroute.h"

#include "tests/unit/laid_world.h"

#define TABLE(routes)                                                                              \
    "{\"functions\": {\"f\": {\"versions\": {\"1\": " V ", \"2\": " V "}}}, \"routes\": [" routes  \
    "]}"
#define ROUTE(path, version)                                                                       \
    "{\"path\": \"" path "\", \"function\": \"f\", \"qualifier\": \"" version "\"}"
#define AT(host, path, version)                                                                    \
    "{\"host\": \"" host "\", \"path\": \"" path                                                   \
    "\", \"function\": \"f\", \"qualifier\": \"" version "\"}"

typedef bool reading(const char *text);
static reading *const ways[] = {laid_reads, laid_starts};

static void begin(const char *file)
{
    overlay_free(&laid.overlay);
    laid.overlay = overlay_make();
    assert_true(laid_starts(file));
}

static void each_route_is_a_thing_by_itself(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(TABLE(ROUTE("/a", "1") ", " ROUTE("/b", "1") ", " AT("h.test", "/a", "1")));
        /* One is changed, one deleted, one made, one left alone. */
        laid_changes(TABLE(ROUTE("/a", "2") ", " AT("h.test", "/a", "1") ", " ROUTE("/new", "1")));
        /* The file has a new word of the one that was left alone, and one more. */
        assert_true(ways[i](TABLE(ROUTE("/a", "1") ", " ROUTE("/b", "1") ", " AT(
            "h.test", "/a", "2") ", " ROUTE("/c", "1"))));
        laid_is(TABLE(ROUTE("/a", "2") ", " AT("h.test", "/a",
                                               "2") ", " ROUTE("/c", "1") ", " ROUTE("/new", "1")));
        assert_int_equal(laid.nr_lost, 0);
    }
}

static bool is_told(const char *words)
{
    for (size_t i = 0; i < laid.changes.nr; i++)
        if (strcmp(laid.changes.list[i].path, "$.routes") == 0 &&
            strstr(laid.changes.list[i].message, words))
            return true;
    return false;
}

static void the_file_wins_where_it_says_something_new_of_that_route(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(TABLE(ROUTE("/a", "1") ", " ROUTE("/b", "1")));
        laid_changes(TABLE(ROUTE("/a", "2")));
        assert_true(ways[i](TABLE("{\"path\": \"/a\", \"function\": \"f\", \"qualifier\": \"1\", "
                                  "\"strip_prefix\": true}, " ROUTE("/b", "2"))));
        laid_is(TABLE("{\"path\": \"/a\", \"function\": \"f\", \"qualifier\": \"1\", "
                      "\"strip_prefix\": true}, " ROUTE("/b", "2")));
        assert_int_equal(laid.nr_lost, 2);
        assert_true(is_told("route /a: the file says {"));
        assert_true(is_told("over what the API had set: {"));
    }
}

static void what_the_file_takes_away_goes_also_where_the_api_had_changed_it(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(TABLE(ROUTE("/a", "1") ", " ROUTE("/b", "1")));
        laid_changes(TABLE(ROUTE("/a", "2")));
        assert_true(ways[i](TABLE("")));
        laid_is("{\"functions\": {\"f\": {\"versions\": {\"1\": " V ", \"2\": " V "}}}}");
        assert_int_equal(laid.nr_lost, 2);
        assert_true(ways[i](TABLE(ROUTE("/b", "1"))));
        laid_is(TABLE(ROUTE("/b", "1")));
    }
}

static void what_the_api_made_and_the_file_then_says_is_the_files(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(TABLE(ROUTE("/a", "1")));
        laid_changes(TABLE(ROUTE("/a", "1") ", " ROUTE("/new", "1")));
        assert_true(ways[i](TABLE(ROUTE("/a", "1") ", " ROUTE("/new", "2"))));
        laid_is(TABLE(ROUTE("/a", "1") ", " ROUTE("/new", "2")));
        assert_int_equal(laid.nr_lost, 1);
    }
}

static void hosts_are_told_apart_however_they_are_written(void **state)
{
    (void)state;
    begin(TABLE(AT("H.Test.", "/a", "1")));
    laid_changes(TABLE(AT("h.test", "/a", "2")));
    assert_true(laid_starts(TABLE(AT("h.TEST", "/a", "1"))));
    laid_is(TABLE(AT("h.test", "/a", "2")));
    assert_true(laid_starts(TABLE(AT("h.test", "/a", "1") ", " AT("i.test", "/a", "1"))));
    laid_is(TABLE(AT("h.test", "/a", "2") ", " AT("i.test", "/a", "1")));
}

static void twins_are_still_found(void **state)
{
    (void)state;
    begin(TABLE(ROUTE("/a", "1")));
    laid_changes(TABLE(ROUTE("/a", "2")));
    assert_false(laid_starts(TABLE(ROUTE("/a", "1") ", " ROUTE("/a", "1"))));
    assert_string_equal(laid.problems.list[0].code, "duplicate_route");
}

static void a_route_of_the_api_to_what_the_file_took_away_is_a_problem(void **state)
{
    (void)state;
    begin(TABLE(ROUTE("/a", "1")));
    laid_changes(TABLE(ROUTE("/a", "1") ", " ROUTE("/new", "2")));
    assert_false(laid_starts("{\"functions\": {\"f\": {\"versions\": {\"1\": " V
                             "}}}, \"routes\": [" ROUTE("/a", "1") "]}"));
    assert_string_equal(laid.problems.list[0].code, "unknown_qualifier");
}

#define test(f) cmocka_unit_test_setup_teardown(f, laid_setup, laid_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(each_route_is_a_thing_by_itself),
        test(the_file_wins_where_it_says_something_new_of_that_route),
        test(what_the_file_takes_away_goes_also_where_the_api_had_changed_it),
        test(what_the_api_made_and_the_file_then_says_is_the_files),
        test(hosts_are_told_apart_however_they_are_written),
        test(twins_are_still_found),
        test(a_route_of_the_api_to_what_the_file_took_away_is_a_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
