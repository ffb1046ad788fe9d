/* The table file beside what the API made of it. */
#include "conf/tabledoc_merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define V "{\"endpoints\": [\"http://h\"]}"
/* Functions f (three versions, these aliases) and g. */
#define DOCUMENT(aliases)                                                                          \
    "{\"functions\": {\"f\": {\"versions\": {\"1\": " V ", \"2\": " V ", \"3\": " V                \
    "}, \"aliases\": {" aliases "}}, \"g\": {\"versions\": {\"1\": " V "}}},"                      \
    " \"routes\": [{\"path\": \"/\", \"function\": \"f\", \"qualifier\": \"1\"}]}"
#define LIVE(weights) DOCUMENT("\"live\": {\"weights\": {" weights "}}")
#define CANARY        LIVE("\"1\": 95, \"2\": 5")
#define ONE_ARM(name) ((struct arm_spec[]){{STR(name), SPLIT_ONE}})

/* A running weir, as far as this goes: what is in force and what the file last said. */
struct running {
    struct table *table;
    struct merge_said *said;
    struct problems changes, problems; /* of the last reading */
    bool is_reread;                    /* it was not the same text */
};

static bool reads(struct running *r, const char *text)
{
    struct tabledoc_merge merge = {.base = r->said, .ours = r->table, .file = "t.json"};
    struct table *table;

    problems_fini(&r->changes);
    problems_fini(&r->problems);
    table = tabledoc_take(fixture.registry, r->table, &merge, text, strlen(text), "t.json",
                          &r->problems);
    if (table) {
        r->is_reread = merge.theirs != NULL;
        if (merge.theirs) {
            merge_said_free(&r->said);
            r->said = merge.theirs;
            merge.theirs = NULL;
        }
        if (r->table)
            table_unref(&r->table);
        r->table = table;
        r->changes = merge.changes;
        merge.changes = (struct problems){0};
    }
    tabledoc_merge_fini(&merge);
    return table != NULL;
}

static void starts(struct running *r, const char *text)
{
    *r = (struct running){0};
    assert_true(reads(r, text));
    assert_int_equal(problems_count(&r->changes), 0);
}

static void ends(struct running *r)
{
    problems_fini(&r->changes);
    problems_fini(&r->problems);
    merge_said_free(&r->said);
    fixture_drop(&r->table);
}

static void set(struct running *r, const struct arm_spec *arms, int nr)
{
    struct target *target = table_find(r->table, STR("f"), STR("live"), NULL);
    struct alias_spec spec = {.name = STR("live"), .arms = arms, .nr_arms = nr};
    struct table *table = table_with_alias(r->table, target, &spec);

    assert_non_null(table);
    table_unref(&r->table);
    r->table = table;
}

static uint32_t weight(const struct running *r, const char *version)
{
    const struct target *target = table_find(r->table, STR("f"), STR("live"), NULL);

    assert_non_null(target);
    for (int i = 0; i < target->nr_arms; i++)
        if (str_eq(target->arms[i].version->name, str_of(version)))
            return target->arms[i].weight / (SPLIT_ONE / 100);
    return 0;
}

/* The sentence stands among the changes. */
static void says(const struct running *r, const char *sentence)
{
    for (size_t i = 0; i < r->changes.nr; i++)
        if (strcmp(r->changes.list[i].message, sentence) == 0)
            return;
    for (size_t i = 0; i < r->changes.nr; i++)
        print_error("%s\n", r->changes.list[i].message);
    fail_msg("not said: %s", sentence);
}

static void only_says(const struct running *r, const char *sentence)
{
    says(r, sentence);
    assert_int_equal(problems_count(&r->changes), 1);
}

static void a_file_that_says_the_same_leaves_the_table_alone(void **state)
{
    static const char *const same[] = {
        CANARY,
        CANARY " \n",
        /* other order, defaults written out, numbers otherwise */
        "{\"routes\": [{\"qualifier\": \"1\", \"path\": \"/\", \"function\": \"f\"}],"
        " \"functions\": {\"g\": {\"versions\": {\"1\": " V "}}, \"f\": {\"aliases\": {\"live\":"
        " {\"split\": \"exact\", \"weights\": {\"1\": 95.0, \"2\": 5e0}}},"
        " \"versions\": {\"3\": " V ", \"2\": {\"kind\": \"http\", \"endpoints\": [\"http://h\"]},"
        " \"1\": " V "}}}}",
    };
    struct running r;

    (void)state;
    starts(&r, CANARY);
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct table *before = r.table;
        assert_true(reads(&r, same[i]));
        assert_ptr_equal(r.table, before);
        assert_int_equal(r.is_reread, i > 0); /* the same bytes are not even parsed */
        assert_int_equal(problems_count(&r.changes), 0);
    }
    ends(&r);
}

static void what_the_api_set_stays_while_the_file_says_the_same_of_it(void **state)
{
    struct running r;

    (void)state;
    starts(&r, CANARY);
    set(&r, ONE_ARM("1"), 1);
    assert_true(reads(&r, CANARY));
    assert_int_equal(weight(&r, "1"), 100);
    /* another alias, another version, another function */
    assert_true(reads(&r, DOCUMENT("\"live\": {\"weights\": {\"1\": 95, \"2\": 5}},"
                                   " \"new\": {\"weights\": {\"3\": 100}}")));
    only_says(&r, "f:new is new");
    assert_int_equal(weight(&r, "1"), 100);
    assert_non_null(table_find(r.table, STR("f"), STR("new"), NULL));
    assert_true(reads(&r, CANARY));
    only_says(&r, "f:new is gone");
    assert_int_equal(weight(&r, "1"), 100);
    ends(&r);
}

static void the_file_wins_where_it_says_something_else_than_it_said(void **state)
{
    struct running r;

    (void)state;
    starts(&r, CANARY);
    assert_true(reads(&r, LIVE("\"1\": 80, \"2\": 20")));
    only_says(&r, "f:live 95/5 -> 80/20");
    set(&r, ONE_ARM("1"), 1);
    assert_true(reads(&r, LIVE("\"1\": 50, \"2\": 50")));
    only_says(&r, "f:live 1:100 -> 1:50 2:50, over what the API had set");
    assert_int_equal(weight(&r, "2"), 50);
    /* Back to what it said first: that is an edit as well. */
    assert_true(reads(&r, CANARY));
    only_says(&r, "f:live 50/50 -> 95/5");
    ends(&r);
}

static void a_file_that_follows_the_api_changes_nothing(void **state)
{
    struct running r;
    struct table *before;

    (void)state;
    starts(&r, CANARY);
    set(&r, ONE_ARM("1"), 1);
    before = r.table;
    assert_true(reads(&r, LIVE("\"1\": 100")));
    assert_ptr_equal(r.table, before);
    assert_int_equal(problems_count(&r.changes), 0);
    /* From here on the file's word is the last one again. */
    assert_true(reads(&r, CANARY));
    only_says(&r, "f:live 1:100 -> 1:95 2:5");
    ends(&r);
}

static void the_rest_of_an_alias_counts_as_well(void **state)
{
    struct running r;

    (void)state;
    starts(&r, CANARY);
    assert_true(reads(&r, DOCUMENT("\"live\": {\"weights\": {\"1\": 95, \"2\": 5}, \"split\":"
                                   " \"random\", \"on_unavailable\": \"failover\","
                                   " \"description\": \"a\"}")));
    only_says(&r, "f:live split exact -> random on_unavailable reject -> failover "
                  "description \"\" -> \"a\"");
    ends(&r);
}

static void every_kind_of_change_is_named(void **state)
{
    struct running r;

    (void)state;
    starts(&r, CANARY);
    assert_true(reads(
        &r, "{\"functions\": {\"f\": {\"limits\": {\"max_in_flight\": 5}, \"versions\": {\"1\": " V
            ", \"2\": {\"endpoints\": [\"http://other\"]}, \"4\": " V "}},"
            " \"h\": {\"versions\": {\"1\": " V "}, \"aliases\": {\"live\": {\"weights\":"
            " {\"1\": 100}}}}},"
            " \"routes\": [{\"host\": \"a\", \"path\": \"/x\", \"function\": \"f\","
            " \"qualifier\": \"1\"}]}"));
    says(&r, "f is changed");
    says(&r, "f version 2 is changed");
    says(&r, "f version 4 is new");
    says(&r, "f version 3 is gone");
    says(&r, "f:live is gone");
    says(&r, "h is new");
    says(&r, "g is gone");
    says(&r, "route a/x is new");
    says(&r, "route / is gone");
    assert_int_equal(problems_count(&r.changes), 9); /* nothing of the parts of g and h */
    ends(&r);
}

static void an_alias_that_the_file_deletes_goes_also_where_the_api_had_changed_it(void **state)
{
    struct running r;

    (void)state;
    starts(&r, CANARY);
    set(&r, ONE_ARM("3"), 1);
    assert_true(reads(&r, DOCUMENT("")));
    only_says(&r, "f:live is gone, over what the API had set: 3:100");
    assert_null(table_find(r.table, STR("f"), STR("live"), NULL));
    ends(&r);
}

#define WITHOUT_3(weights)                                                                         \
    "{\"functions\": {\"f\": {\"versions\": {\"1\": " V ", \"2\": " V "}, \"aliases\": {\"live\":" \
    " {\"weights\": {" weights "}}}}, \"g\": {\"versions\": {\"1\": " V "}}}}"

static void a_version_that_an_alias_got_from_the_api_can_not_be_taken_away(void **state)
{
    struct running r;
    struct table *before;

    (void)state;
    starts(&r, CANARY);
    set(&r, ONE_ARM("3"), 1);
    before = r.table;
    assert_false(reads(&r, WITHOUT_3("\"1\": 95, \"2\": 5")));
    assert_int_equal(r.problems.nr, 1);
    assert_string_equal(r.problems.list[0].code, "version_in_use");
    assert_string_equal(r.problems.list[0].path, "$.functions.f.aliases.live");
    assert_non_null(strstr(r.problems.list[0].message, "version 3"));
    assert_ptr_equal(r.table, before);
    /* A file that says something else of the alias too is taken. */
    assert_true(reads(&r, WITHOUT_3("\"1\": 100")));
    says(&r, "f:live 3:100 -> 1:100, over what the API had set");
    says(&r, "f version 3 is gone");
    ends(&r);
}

static void a_rejected_file_is_no_word_of_the_file(void **state)
{
    struct running r;

    (void)state;
    starts(&r, CANARY);
    set(&r, ONE_ARM("1"), 1);
    assert_false(reads(&r, LIVE("\"1\": 80, \"2\": 21")));
    assert_true(reads(&r, CANARY));
    assert_int_equal(weight(&r, "1"), 100);
    ends(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_file_that_says_the_same_leaves_the_table_alone),
        test(what_the_api_set_stays_while_the_file_says_the_same_of_it),
        test(the_file_wins_where_it_says_something_else_than_it_said),
        test(a_file_that_follows_the_api_changes_nothing),
        test(the_rest_of_an_alias_counts_as_well),
        test(every_kind_of_change_is_named),
        test(an_alias_that_the_file_deletes_goes_also_where_the_api_had_changed_it),
        test(a_version_that_an_alias_got_from_the_api_can_not_be_taken_away),
        test(a_rejected_file_is_no_word_of_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
