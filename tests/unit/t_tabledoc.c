/* The table document: functions, routes, and the whole; what is built from a good one, and what is
 * said about a bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/jsondoc.h"
#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define VERSIONS "\"versions\": {\"1\": {\"endpoints\": [\"http://127.0.0.1:9001\"]}}"
/* A document with one function and more. */
#define HELLO(more)    "{\"functions\": {\"hello\": {" VERSIONS "}}" more "}"
#define ROUTE(members) HELLO(", \"routes\": [{" members "}]")
#define TO_HELLO       "\"function\": \"hello\", \"qualifier\": \"1\""

/* The document of the design. */
static const char design[] =
    "{\"functions\": {\"hello\": {"
    "   \"aliases\": {" /* before the versions, as an object's keys have no order */
    "     \"live\": {\"weights\": {\"1\": 95, \"2\": 5}},"
    "     \"beta\": {\"weights\": {\"2\": 100}, \"split\": \"random\", \"description\": \"for "
    "x\"}},"
    "   \"versions\": {"
    "     \"1\": {\"endpoints\": [\"http://127.0.0.1:9001\"]},"
    "     \"2\": {\"endpoints\": [\"http://127.0.0.1:9002\", \"http://127.0.0.1:9003/base\"]}},"
    "   \"limits\": {\"max_in_flight\": 7}}},"
    " \"routes\": ["
    "   {\"path\": \"/hello\", \"function\": \"hello\", \"qualifier\": \"live\"},"
    "   {\"host\": \"Shop.example.com\", \"path\": \"/\", \"function\": \"hello\","
    "    \"qualifier\": \"beta\", \"strip_prefix\": true}]}";

static void the_designs_document_is_built(void **state)
{
    struct table *table = fixture_good(design);
    struct function *const *functions;
    const struct target *live, *beta, *one;
    const struct route *route;

    (void)state;
    assert_int_equal(table->generation, 1);
    assert_int_equal(table_functions(table, &functions), 1);
    assert_true(str_eq(functions[0]->name, STR("hello")));
    assert_int_equal(functions[0]->max_in_flight, 7);
    assert_int_equal(functions[0]->nr_versions, 2);
    live = table_find(table, STR("hello"), STR("live"), NULL);
    assert_non_null(live);
    assert_int_equal(live->nr_arms, 2);
    assert_int_equal(live->mode, SPLIT_EXACT);
    assert_true(str_eq(live->arms[0].version->name, STR("1")));
    assert_int_equal(live->arms[0].weight, 950000000);
    assert_int_equal(live->arms[1].weight, 50000000);
    beta = table_find(table, STR("hello"), STR("beta"), NULL);
    assert_non_null(beta);
    assert_int_equal(beta->mode, SPLIT_RANDOM);
    assert_true(str_eq(beta->description, STR("for x")));
    one = table_find(table, STR("hello"), STR("1"), NULL);
    assert_non_null(one);
    assert_null(table_find(table, STR("hello"), STR(""), NULL)); /* no $LATEST */
    route = table_route(table, STR("any.example"), STR("/hello/x"));
    assert_non_null(route);
    assert_ptr_equal(table_target(table, route->target), live);
    assert_false(route->strip_prefix);
    route = table_route(table, STR("shop.example.com"), STR("/y"));
    assert_non_null(route);
    assert_ptr_equal(table_target(table, route->target), beta);
    assert_true(route->strip_prefix);
    assert_null(table_route(table, STR("any.example"), STR("/other")));
    fixture_drop(&table);
}

static void a_route_without_qualifier_leads_to_latest(void **state)
{
    struct table *table = fixture_good(
        "{\"functions\": {\"f\": {\"versions\": {\"$LATEST\": {\"endpoints\": [\"http://h\"]}}}},"
        " \"routes\": [{\"path\": \"/\", \"function\": \"f\"}]}");
    const struct route *route = table_route(table, STR(""), STR("/x"));
    bool knows;

    (void)state;
    assert_non_null(route);
    assert_ptr_equal(table_target(table, route->target),
                     table_find(table, STR("f"), STR(""), &knows));
    assert_true(knows);
    fixture_drop(&table);
}

static void every_kind_of_host_can_be_routed(void **state)
{
    static const char text[] =
        HELLO(", \"routes\": [{\"path\": \"/\", " TO_HELLO "},"
              "{\"host\": \"*.Example.com\", \"path\": \"/\", " TO_HELLO "},"
              "{\"host\": \"a.example.com\", \"path\": \"/\", " TO_HELLO "},"
              "{\"host\": \"10.0.0.1\", \"path\": \"/\", " TO_HELLO "},"
              "{\"host\": \"[2001:DB8::1]\", \"path\": \"/\", " TO_HELLO "},"
              "{\"host\": \"a.example.com\", \"path\": \"/a\", " TO_HELLO "},"
              "{\"host\": \"a.example.com.\", \"path\": \"/a/\", " TO_HELLO "}]");
    static const struct {
        const char *host, *path;
        int route;
    } cases[] = {
        {"", "/", 0},
        {"other", "/", 0},
        {"b.example.com", "/a", 1},
        {"A.EXAMPLE.COM", "/b", 2},
        {"10.0.0.1", "/", 3},
        {"[2001:db8::1]", "/", 4},
        {"a.example.com", "/a", 5},
        {"a.example.com.", "/a", 5},
        {"a.example.com", "/a/b", 6},
    };
    struct table *table = fixture_good(text);
    const struct route *routes;

    (void)state;
    assert_int_equal(table_routes(table, &routes), 7);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct route *route =
            table_route(table, str_of(cases[i].host), str_of(cases[i].path));
        if (route != &routes[cases[i].route])
            fail_msg("%s%s", cases[i].host, cases[i].path);
    }
    fixture_drop(&table);
}

static const struct fixture_bad bads[] = {
    /* the whole */
    {"{", "syntax", "$", "line 1, column 1: the document ends too early"},
    {"[]", "wrong_type", "$", "must be an object, {...}, not an array"},
    {"", "empty", "$", "the smallest table is {\"functions\": {}}"},
    {"{}", "missing", "$", "\"functions\" is missing"},
    {"{\"functions\": []}", "wrong_type", "$.functions", "must be an object of functions"},
    {HELLO(", \"routes\": {}"), "wrong_type", "$.routes", "must be an array of routes"},
    {HELLO(", \"route\": []"), "unknown_key", "$.route", "did you mean \"routes\"?"},
    {HELLO(", \"hello\": {}"), "unknown_key", "$.hello",
     "(known here: functions, state_machines, routes, deployment_configs, alarms)"},
    /* functions */
    {"{\"functions\": {\"a b\": {" VERSIONS "}}}", "bad_name", "$.functions[\"a b\"]",
     "\"a b\" is no function name; those have 1 to 64 letters"},
    {"{\"functions\": {\"\": {" VERSIONS "}}}", "bad_name", "$.functions[\"\"]", "1 to 64"},
    {"{\"functions\": {\"a12345678901234567890123456789012345678901234567890123456789012345\": "
     "{" VERSIONS "}}}",
     "bad_name", "$.functions.a12345678901234567890123456789012345678901234567890123456789012345",
     "1 to 64"},
    {"{\"functions\": {\"f\": 1}}", "wrong_type", "$.functions.f", "must be an object such as"},
    {"{\"functions\": {\"f\": {}}}", "missing", "$.functions.f", "\"versions\" is missing"},
    {"{\"functions\": {\"f\": {\"versions\": {}}}}", "empty", "$.functions.f.versions",
     "a function needs a version"},
    {"{\"functions\": {\"f\": {\"versions\": [1]}}}", "wrong_type", "$.functions.f.versions",
     "must be an object of versions"},
    {"{\"functions\": {\"f\": {" VERSIONS ", \"aliases\": []}}}", "wrong_type",
     "$.functions.f.aliases", "must be an object of aliases"},
    {"{\"functions\": {\"f\": {" VERSIONS ", \"alias\": {}}}}", "unknown_key",
     "$.functions.f.alias", "did you mean \"aliases\"?"},
    {"{\"functions\": {\"f\": {" VERSIONS ", \"max_in_flight\": 1}}}", "unknown_key",
     "$.functions.f.max_in_flight", "it belongs in \"limits\""},
    {"{\"functions\": {\"f\": {" VERSIONS ", \"limits\": {\"max_in_flight\": -1}}}}",
     "out_of_range", "$.functions.f.limits.max_in_flight", "not -1"},
    {"{\"functions\": {\"f\": {\"versions\": {\"v1\": {\"endpoints\": [\"http://h\"]}}}}}",
     "bad_name", "$.functions.f.versions.v1", "versions are $LATEST and numbers"},
    {"{\"functions\": {\"f\": {\"versions\": {\"01\": {\"endpoints\": [\"http://h\"]}}}}}",
     "bad_name", "$.functions.f.versions.01", "without leading zeros"},
    {"{\"functions\": {\"f\": {\"versions\": {\"0\": {\"endpoints\": [\"http://h\"]}}}}}",
     "bad_name", "$.functions.f.versions.0", "is no version"},
    {"{\"functions\": {\"f\": {\"versions\": {\"$latest\": {\"endpoints\": [\"http://h\"]}}}}}",
     "bad_name", "$.functions.f.versions.$latest", "$LATEST"},
    /* routes */
    {HELLO(", \"routes\": [1]"), "wrong_type", "$.routes[0]", "must be an object such as"},
    {ROUTE(TO_HELLO), "missing", "$.routes[0]", "\"path\" is missing"},
    {ROUTE("\"path\": \"/\""), "missing", "$.routes[0]", "\"function\" is missing"},
    {ROUTE("\"path\": \"/\", \"prefix\": 1, " TO_HELLO), "unknown_key", "$.routes[0].prefix",
     "(known here: host, path, function, qualifier, strip_prefix, function_url, "},
    {ROUTE("\"path\": \"hello\", " TO_HELLO), "bad_value", "$.routes[0].path",
     "does not begin with '/'; it must be a path such as"},
    {ROUTE("\"path\": \"/a?b\", " TO_HELLO), "bad_value", "$.routes[0].path", "query"},
    {ROUTE("\"path\": \"/a/../b\", " TO_HELLO), "bad_value", "$.routes[0].path", "\"..\""},
    {ROUTE("\"path\": \"/%2e%2e\", " TO_HELLO), "bad_value", "$.routes[0].path", "needs none"},
    {ROUTE("\"path\": \"/a%2Fb\", " TO_HELLO), "bad_value", "$.routes[0].path", "slash"},
    {ROUTE("\"path\": 7, " TO_HELLO), "wrong_type", "$.routes[0].path", "must be a path such as"},
    {ROUTE("\"path\": \"/\", \"host\": \"*\", " TO_HELLO), "bad_value", "$.routes[0].host",
     "leaving host out"},
    {ROUTE("\"path\": \"/\", \"host\": \"\", " TO_HELLO), "bad_value", "$.routes[0].host",
     "too short"},
    {ROUTE("\"path\": \"/\", \"host\": \"*example.com\", " TO_HELLO), "bad_value",
     "$.routes[0].host", "elsewhere than in front"},
    {ROUTE("\"path\": \"/\", \"host\": \"a.*.com\", " TO_HELLO), "bad_value", "$.routes[0].host",
     "elsewhere than in front"},
    {ROUTE("\"path\": \"/\", \"host\": \"*.\", " TO_HELLO), "bad_value", "$.routes[0].host",
     "no host name after"},
    {ROUTE("\"path\": \"/\", \"host\": \"*.1.2.3.4\", " TO_HELLO), NULL, NULL, NULL},
    {ROUTE("\"path\": \"/\", \"host\": \"a.com:80\", " TO_HELLO), "bad_value", "$.routes[0].host",
     "has a port, which is not compared"},
    {ROUTE("\"path\": \"/\", \"host\": \"http://a.com\", " TO_HELLO), "bad_value",
     "$.routes[0].host", "it must be a host such as"},
    {ROUTE("\"path\": \"/\", \"function\": \"helo\", \"qualifier\": \"1\""), "unknown_function",
     "$.routes[0].function",
     "there is no function \"helo\"; did you mean \"hello\"? (known: hello)"},
    {ROUTE("\"path\": \"/\", \"function\": \"hello\", \"qualifier\": \"live\""),
     "unknown_qualifier", "$.routes[0].qualifier",
     "the function has no alias or version \"live\" (known: 1)"},
    {ROUTE("\"path\": \"/\", \"function\": \"hello\""), "unknown_qualifier", "$.routes[0]",
     "without \"qualifier\" a route leads to $LATEST, which this function has not"},
    {ROUTE("\"path\": \"/\", \"strip_prefix\": 1, " TO_HELLO), "wrong_type",
     "$.routes[0].strip_prefix", "must be true or false"},
    {HELLO(", \"routes\": [{\"path\": \"/a\", " TO_HELLO "}, {\"path\": \"/a\", " TO_HELLO "}]"),
     "duplicate_route", "$.routes[1]", "routes[0] has the same host and path"},
    {HELLO(", \"routes\": [{\"path\": \"/b\", " TO_HELLO "},"
           "{\"host\": \"A.b\", \"path\": \"/a\", " TO_HELLO "},"
           "{\"host\": \"a.B\", \"path\": \"/a\", " TO_HELLO "}]"),
     "duplicate_route", "$.routes[2]", "routes[1] has the same host and path"},
};

static void what_is_wrong_is_said_once_with_place_and_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        if (bads[i].code) {
            fixture_expect(&bads[i], 1);
        } else {
            struct table *table = fixture_good(bads[i].text);
            fixture_drop(&table);
        }
    }
}

static void all_problems_are_reported_in_one_go(void **state)
{
    static const char text[] =
        "{\"functions\": {"
        "  \"a!\": {\"versions\": {\"1\": {\"endpoints\": [\"ftp://h\"]}, \"x\": {}},"
        "           \"aliases\": {\"9\": {\"weights\": {\"1\": 50}}, \"l\": {\"weights\": {\"3\": "
        "100}}}},"
        "  \"b\": {\"versions\": {\"1\": {\"endpoints\": [\"http://h\"], \"hosst\": 1}}}},"
        " \"routes\": [{\"path\": \"/\", \"function\": \"c\"}, {\"path\": \"x\", \"function\": "
        "\"b\","
        "  \"qualifier\": \"1\"}], \"extra\": 1}";
    static const char *const paths[] = {
        "$.extra",
        "$.functions[\"a!\"]",
        "$.functions[\"a!\"].versions.1.endpoints[0]",
        "$.functions[\"a!\"].versions.x",
        "$.functions[\"a!\"].versions.x",
        "$.functions[\"a!\"].aliases.9",
        "$.functions[\"a!\"].aliases.9.weights",
        "$.functions[\"a!\"].aliases.l.weights.3",
        "$.functions.b.versions.1.hosst",
        "$.routes[0].function",
        "$.routes[1].path",
    };
    struct problems problems = {0};

    (void)state;
    assert_null(fixture_build(text, NULL, &problems));
    assert_int_equal(problems.nr, sizeof(paths) / sizeof(paths[0]));
    for (size_t i = 0; i < problems.nr; i++)
        assert_string_equal(problems.list[i].path, paths[i]);
    problems_fini(&problems);
}

static void hopeless_documents_end_soon(void **state)
{
    enum { NR = 20000 };
    char *text = malloc(NR * 64 + 200), *p = text;
    struct problems problems = {0};

    (void)state;
    assert_non_null(text);
    p += snprintf(p, 100, "{\"functions\": {");
    for (int i = 0; i < NR; i++)
        p += snprintf(p, 32, "%s\"function%d\": 1", i ? "," : "", i);
    p += snprintf(p, 32, "}, \"routes\": [");
    for (int i = 0; i < NR; i++)
        p += snprintf(p, 32, "%s{\"function\": \"f%d\"}", i ? "," : "", i);
    snprintf(p, 8, "]}");
    assert_null(fixture_build(text, NULL, &problems));
    assert_int_equal(problems.nr, PROBLEMS_MAX);
    assert_int_equal(problems_count(&problems), 3 * NR);
    problems_fini(&problems);
    free(text);
}

static void generations_count_and_splits_carry_over(void **state)
{
    static const char other[] =
        "{\"functions\": {\"hello\": {"
        " \"versions\": {\"1\": {\"endpoints\": [\"http://127.0.0.1:9001\"]},"
        "              \"2\": {\"endpoints\": [\"http://127.0.0.1:9002\"]}},"
        " \"aliases\": {\"live\": {\"weights\": {\"1\": 95, \"2\": 5}},"
        "             \"beta\": {\"weights\": {\"1\": 1, \"2\": 99}}}}}}";
    struct problems problems = {0};
    struct table *first = fixture_good(design);
    struct table *second = fixture_build(other, first, &problems);
    const struct target *before, *after;

    (void)state;
    assert_non_null(second);
    assert_int_equal(second->generation, 2);
    before = table_find(first, STR("hello"), STR("live"), NULL);
    after = table_find(second, STR("hello"), STR("live"), NULL);
    assert_ptr_equal(before->split, after->split); /* unchanged */
    before = table_find(first, STR("hello"), STR("beta"), NULL);
    after = table_find(second, STR("hello"), STR("beta"), NULL);
    assert_ptr_not_equal(before->split, after->split);
    assert_int_equal(table_open(second), 0);
    fixture_drop(&first);
    fixture_drop(&second);
}

static void a_refused_document_leaves_the_previous_table_alone(void **state)
{
    struct problems problems = {0};
    struct table *table = fixture_good(design);
    long series = fixture.nr_series;

    (void)state;
    assert_null(fixture_build("{\"functions\": {\"hello\": {}}}", table, &problems));
    assert_int_equal(fixture.nr_series, series);
    assert_int_equal(table->refs, 1);
    assert_non_null(table_find(table, STR("hello"), STR("live"), NULL));
    problems_fini(&problems);
    fixture_drop(&table);
}

/* The problems of a text, which has some, as one line each. */
static void problems_of(const char *text, size_t n, struct problems *problems)
{
    struct registry *registry = fixture.registry;

    assert_null(tabledoc_build(registry, NULL, text, n, "t.json", problems));
    assert_true(problems->nr > 0);
}

/* Reading in pieces finds what jansson finds in the whole, at the same line and column: here for
 * every text that begins as a good one, and every one that has one byte replaced. */
static void a_broken_document_is_explained_as_if_it_were_read_as_a_whole(void **state)
{
    static const char others[] = "{}[],:\"\\x0 \n\x01\xff";
    size_t length = sizeof(design) - 1, nr_broken = 0;
    char text[sizeof(design)];

    (void)state;
    for (size_t i = 0; i < length * sizeof(others); i++) {
        size_t at = i / sizeof(others), n = length;
        struct problems expected = {0}, found = {0};
        struct jsondoc doc = {.file = "t.json", .problems = &expected};
        json_t *json;

        memcpy(text, design, sizeof(design));
        if (i % sizeof(others) == 0)
            n = at;
        else
            text[at] = others[i % sizeof(others) - 1];
        json = jsondoc_load(&doc, text, n);
        json_decref(json);
        if (json)
            continue;
        problems_of(text, n, &found);
        assert_int_equal(found.nr, 1);
        if (strcmp(found.list[0].message, expected.list[0].message) != 0 ||
            strcmp(found.list[0].code, expected.list[0].code) != 0)
            fail_msg("byte %zu as %d: %s instead of %s", at, text[at], found.list[0].message,
                     expected.list[0].message);
        problems_fini(&found);
        problems_fini(&expected);
        nr_broken++;
    }
    assert_true(nr_broken > length * 5);
}

static void what_was_wrong_before_the_place_where_a_document_breaks_is_not_said(void **state)
{
    static const char text[] = "{\"functions\": {\"a b\": {}, \"c\": {\"versions\": 1 1}}}";
    struct problems problems = {0};

    (void)state;
    problems_add(&problems, "other", NULL, "$", "what was there before stays");
    problems_of(text, sizeof(text) - 1, &problems);
    assert_int_equal(problems.nr, 2);
    assert_string_equal(problems.list[0].code, "other");
    assert_string_equal(problems.list[1].code, "syntax");
    problems_fini(&problems);
}

static void names_with_escapes_are_the_same_names(void **state)
{
    static const char good[] =
        "{\"functions\": {\"\\u0066\": {\"versions\": {\"1\": {\"endpoints\": [\"http://h\"]}}}},"
        " \"r\\u006futes\": [{\"path\": \"/\", \"function\": \"f\", \"qualifier\": \"1\"}]}";
    static const char twice[] = "{\"functions\": {\"f\": {}, \"\\u0066\": {}}}";
    struct table *table = fixture_good(good);
    struct problems problems = {0};

    (void)state;
    assert_non_null(table_find(table, STR("f"), STR("1"), NULL));
    assert_non_null(table_route(table, STR(""), STR("/")));
    fixture_drop(&table);
    problems_of(twice, sizeof(twice) - 1, &problems);
    assert_string_equal(problems.list[0].code, "duplicate_key");
    problems_fini(&problems);
}

enum { MANY = 150, MANY_VERSIONS = 20 };

/* So many functions with twenty versions and an alias each: more than are cut, or filed, together.
 * The last one has this name. */
static char *write_many(const char *last)
{
    char *text = malloc(MANY * 2048), *p = text;

    assert_non_null(text);
    p += snprintf(p, 64, "{\"functions\": {");
    for (int i = 0; i < MANY; i++) {
        p += i < MANY - 1 ? snprintf(p, 64, "%s\"f%d\": {\"versions\": {", i > 0 ? "}, " : "", i)
                          : snprintf(p, 64, "}, \"%s\": {\"versions\": {", last);
        for (int v = 1; v <= MANY_VERSIONS; v++)
            p += snprintf(p, 128, "%s\"%d\": {\"endpoints\": [\"http://h\"]}", v > 1 ? "," : "", v);
        p += snprintf(p, 128, "}, \"aliases\": {\"live\": {\"weights\": {\"1\": 50, \"%d\": 50}}}",
                      i % MANY_VERSIONS + 2 > MANY_VERSIONS ? 2 : i % MANY_VERSIONS + 2);
    }
    snprintf(p, 128,
             "}}, \"routes\": [{\"path\": \"/\", \"function\": \"f7\", \"qualifier\": \"20\"}]}");
    return text;
}

static void all_names_of_a_large_table_are_found(void **state)
{
    char *text = write_many("last");
    struct table *table = fixture_good(text);
    char function[16], version[8];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(function, sizeof(function), i < MANY - 1 ? "f%d" : "last", i);
        assert_non_null(table_function(table, str_of(function)));
        assert_non_null(table_find(table, str_of(function), STR("live"), NULL));
        for (int v = 1; v <= MANY_VERSIONS; v++) {
            const struct target *target;
            snprintf(version, sizeof(version), "%d", v);
            target = table_find(table, str_of(function), str_of(version), NULL);
            assert_non_null(target);
            assert_true(str_eq(target->function->name, str_of(function)));
            assert_true(str_eq(target->arms[0].version->name, str_of(version)));
        }
    }
    assert_non_null(table_route(table, STR(""), STR("/")));
    fixture_drop(&table);
    free(text);
}

static void a_name_that_stands_twice_far_apart_is_the_one_problem(void **state)
{
    static const char *const names[] = {"f0", "f20", "f148"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *text = write_many(names[i]);
        struct problems problems = {0};

        problems_of(text, strlen(text), &problems);
        assert_int_equal(problems.nr, 1);
        assert_string_equal(problems.list[0].code, "duplicate_key");
        problems_fini(&problems);
        free(text);
    }
}

/* Wherever a text ends, that is the one problem, and no function behind it is read. */
static void a_large_document_that_is_cut_short_is_one_problem(void **state)
{
    char *text = write_many("last");
    size_t n = strlen(text);

    (void)state;
    for (size_t cut = 1; cut < n; cut += n / 40) {
        struct problems problems = {0};

        problems_of(text, cut, &problems);
        assert_int_equal(problems.nr, 1);
        assert_string_equal(problems.list[0].code, "syntax");
        problems_fini(&problems);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(all_names_of_a_large_table_are_found),
        test(a_name_that_stands_twice_far_apart_is_the_one_problem),
        test(a_large_document_that_is_cut_short_is_one_problem),
        test(the_designs_document_is_built),
        test(a_route_without_qualifier_leads_to_latest),
        test(every_kind_of_host_can_be_routed),
        test(what_is_wrong_is_said_once_with_place_and_advice),
        test(all_problems_are_reported_in_one_go),
        test(hopeless_documents_end_soon),
        test(generations_count_and_splits_carry_over),
        test(a_refused_document_leaves_the_previous_table_alone),
        test(a_broken_document_is_explained_as_if_it_were_read_as_a_whole),
        test(what_was_wrong_before_the_place_where_a_document_breaks_is_not_said),
        test(names_with_escapes_are_the_same_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
