/* What a change through the API amounts to: a row for each thing that is another one now, and no
 * more. */
#include "conf/tabledoc_diff.h"

#include "failmalloc.h"
#include "tests/unit/laid_world.h"

#define W(url) "{\"endpoints\": [\"" url "\"]}"
#define BEFORE                                                                                     \
    "{\"functions\": {\"f\": {\"concurrency\": 1, \"versions\": {\"1\": " V ", \"2\": " V          \
    "}, \"aliases\": {\"live\": {\"weights\": {\"1\": 95, \"2\": 5}}}, \"urls\": {\"live\": "      \
    "{\"auth_type\": \"NONE\"}}}}, \"routes\": [{\"path\": \"/\", \"function\": \"f\", "           \
    "\"qualifier\": \"live\"}]}"

static void append_row(struct jsondoc_text *text, const char *mark, const struct overlay_row *row)
{
    jsondoc_append(text, "%s%s%s %s%s%s%s", text->n > 0 ? ", " : "", mark,
                   overlay_kind_name(row->kind), row->function,
                   row->function[0] && row->name[0] ? " " : "", row->name,
                   row->is_deleted ? " deleted"
                   : row->has_base ? " based"
                                   : "");
}

/* Rows that are put, and "-" those that go, in order. */
static void expect(const char *after, const char *expected)
{
    struct tabledoc_diff diff = {.nr_puts = 0};
    struct jsondoc_text text = {0};

    laid_puts(after, &diff);
    for (uint32_t i = 0; i < diff.nr_puts; i++)
        append_row(&text, "", diff.puts[i]);
    for (uint32_t i = 0; i < diff.nr_removes; i++)
        append_row(&text, "-", diff.removes[i]);
    assert_string_equal(text.n > 0 ? text.s : "", expected);
    tabledoc_diff_fini(&diff);
}

static void starts(const char *file)
{
    assert_true(laid_starts(file));
}

static void the_same_is_nothing(void **state)
{
    (void)state;
    starts(BEFORE);
    expect(BEFORE, "");
}

static void each_thing_has_a_row_of_its_own(void **state)
{
    (void)state;
    starts(BEFORE);
    expect("{\"functions\": {\"f\": {\"concurrency\": 2, \"versions\": {\"1\": " W(
               "http://i") ", \"2\": " V ", \"3\": " V
                           "}, \"aliases\": {\"live\": {\"weights\": {\"1\": 90, "
                           "\"2\": 10}}, \"a\": {\"weights\": {\"3\": 100}}}, \"urls\": {\"live\": "
                           "{\"auth_type\": "
                           "\"AWS_IAM\"}}, \"last_version\": 3}}, \"routes\": [{\"path\": \"/\", "
                           "\"function\": "
                           "\"f\", \"qualifier\": \"a\"}, {\"host\": \"h.test\", \"path\": \"/x\", "
                           "\"function\": "
                           "\"f\", \"qualifier\": \"live\"}]}",
           "function f based, version f 1 based, version f 3, alias f live based, alias f a, "
           "url f live based, last_version f, route / based, route h.test/x");
}

static void the_order_of_versions_counts_and_that_of_functions_does_not(void **state)
{
    (void)state;
    starts("{\"functions\": {\"f\": {\"versions\": {\"1\": " V ", \"2\": " V "}, \"aliases\": "
           "{\"live\": {\"weights\": {\"1\": 50, \"2\": 50}}}}, \"g\": {\"versions\": {\"1\": " V
           "}}}}");
    expect("{\"functions\": {\"g\": {\"versions\": {\"1\": " V
           "}}, \"f\": {\"versions\": {\"1\": " V ", \"2\": " V
           "}, \"aliases\": {\"live\": {\"weights\": {\"2\": 50, \"1\": 50}}}}}}",
           "alias f live based");
}

static void what_the_file_has_is_deleted_and_what_it_has_not_goes(void **state)
{
    const char *only = "{\"functions\": {\"f\": {\"concurrency\": 1, \"versions\": {\"1\": " V
                       ", \"2\": " V "}}}}";

    (void)state;
    starts(BEFORE);
    expect(only, "alias f live deleted, url f live deleted, route / deleted");
    starts(only);
    laid_changes(BEFORE);
    expect(only, "-alias f live, -url f live, -route /");
}

static void a_function_is_deleted_as_a_whole(void **state)
{
    (void)state;
    starts(BEFORE);
    expect("{\"functions\": {}}", "replaced f deleted, route / deleted");
    starts("{\"functions\": {}}");
    laid_changes(BEFORE);
    expect("{\"functions\": {}}",
           "-function f, -version f 1, -version f 2, -alias f live, -url f live, -route /");
}

static void an_alias_has_a_row_also_where_it_says_the_same(void **state)
{
    struct tabledoc_diff diff = {.nr_puts = 0};
    struct tabledoc_diff_sources sources;

    (void)state;
    starts(BEFORE);
    sources = (struct tabledoc_diff_sources){
        .before = laid.table, .after = laid.table, .said = laid.said, .overlay = laid.overlay};
    assert_int_equal(tabledoc_diff_alias(&diff, &sources, STR("f"), STR("live")), 0);
    assert_int_equal(diff.nr_puts, 1);
    assert_true(diff.puts[0]->has_base);
    assert_string_equal(diff.puts[0]->document, "{\"weights\":{\"1\":95,\"2\":5}}");
    tabledoc_diff_fini(&diff);
}

static void without_memory_it_says_so(void **state)
{
    struct tabledoc_diff_sources sources;
    struct table *after;
    bool has_failed = true;

    (void)state;
    failmalloc_skip();
    starts(BEFORE);
    after = fixture_good("{\"functions\": {\"g\": {\"versions\": {\"1\": " V
                         "}}}, \"routes\": [{\"path\": \"/\", \"function\": \"g\", "
                         "\"qualifier\": \"1\"}]}");
    sources = (struct tabledoc_diff_sources){
        .before = laid.table, .after = after, .said = laid.said, .overlay = laid.overlay};
    for (long n = 1; has_failed; n++) {
        struct tabledoc_diff diff = {.nr_puts = 0};
        int r;

        failmalloc_arm(n);
        r = tabledoc_diff_table(&diff, &sources);
        has_failed = failmalloc_disarm();
        assert_true(r == 0 ? diff.nr_puts == 4 : has_failed);
        tabledoc_diff_fini(&diff);
    }
    fixture_drop(&after);
}

#define test(f) cmocka_unit_test_setup_teardown(f, laid_setup, laid_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_same_is_nothing),
        test(each_thing_has_a_row_of_its_own),
        test(the_order_of_versions_counts_and_that_of_functions_does_not),
        test(what_the_file_has_is_deleted_and_what_it_has_not_goes),
        test(a_function_is_deleted_as_a_whole),
        test(an_alias_has_a_row_also_where_it_says_the_same),
        test(without_memory_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
