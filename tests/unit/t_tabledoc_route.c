/* Routes with function URLs, stage variables and CORS: what is built, what GET /table shows, and
 * what is said about a bad one. Plain routes are t_tabledoc.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/jsondoc.h"
#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define FUNCTIONS                                                                                  \
    "{\"functions\": {\"hello\": {\"versions\": {"                                                 \
    "\"$LATEST\": {\"endpoints\": [\"http://127.0.0.1:9000\"]},"                                   \
    "\"1\": {\"endpoints\": [\"http://127.0.0.1:9001\"]}},"                                        \
    "\"aliases\": {\"PROD\": {\"weights\": {\"1\": 100}}}}}, \"routes\": [{"
#define ROUTE(members) FUNCTIONS "\"path\": \"/\", " members "}]}"
#define TO_HELLO       "\"function\": \"hello\", \"qualifier\": \"PROD\""

static const struct route *first_route(const struct table *table)
{
    const struct route *routes;

    assert_int_equal(table_routes(table, &routes), 1);
    return &routes[0];
}

static void a_plain_route_has_no_url(void **state)
{
    struct table *table = fixture_good(ROUTE(TO_HELLO ", \"function_url\": false, "
                                                      "\"authorization\": \"none\""));

    (void)state;
    assert_null(first_route(table)->terms);
    fixture_drop(&table);
}

static void all_of_a_url_is_kept(void **state)
{
    struct table *table = fixture_good(
        ROUTE("\"function\": \"${stageVariables.fn}\", \"qualifier\": \"${stageVariables.a}\", "
              "\"function_url\": true, \"authorization\": \"aws_iam\", \"invoke_mode\": "
              "\"RESPONSE_STREAM\", \"stage\": \"prod\", \"stage_variables\": {\"fn\": \"hello\", "
              "\"a\": \"PROD\"}, "
              "\"cors\": {\"AllowOrigins\": [\"https://a.test\", \"https://*.b.test\"], "
              "\"AllowMethods\": [\"GET\"], \"AllowHeaders\": [\"x-a\"], "
              "\"ExposeHeaders\": [\"x-b\"], \"AllowCredentials\": true, \"MaxAge\": 60}"));
    const struct route *route = first_route(table);
    const struct url_terms *terms = route->terms;

    (void)state;
    assert_ptr_equal(table_target(table, route->target),
                     table_find(table, STR("hello"), STR("PROD"), NULL));
    assert_true(terms->is_event && terms->is_iam && terms->is_streamed);
    assert_true(str_eq(terms->stage, STR("prod")));
    assert_int_equal(terms->nr_variables, 2);
    assert_true(str_eq(terms->variables[1].name, STR("a")));
    assert_true(str_eq(terms->variables[1].value, STR("PROD")));
    assert_int_equal(terms->cors->allow_origins.nr, 2);
    assert_true(str_eq(terms->cors->allow_origins.items[1], STR("https://*.b.test")));
    assert_true(str_eq(terms->cors->allow_methods.items[0], STR("GET")));
    assert_true(str_eq(terms->cors->allow_headers.items[0], STR("x-a")));
    assert_true(str_eq(terms->cors->expose_headers.items[0], STR("x-b")));
    assert_true(terms->cors->allow_credentials && terms->cors->has_max_age);
    assert_int_equal(terms->cors->max_age_s, 60);
    fixture_drop(&table);
}

static void expect_aim(const char *members, const char *qualifier)
{
    char text[2048];
    struct table *table;

    snprintf(text, sizeof(text), "%s\"path\": \"/\", %s}]}", FUNCTIONS, members);
    table = fixture_good(text);
    assert_ptr_equal(table_target(table, first_route(table)->target),
                     table_find(table, STR("hello"), str_of(qualifier), NULL));
    fixture_drop(&table);
}

#define VARIABLES(members) "\"stage_variables\": {" members "}"

static void variables_stand_for_their_values(void **state)
{
    (void)state;
    expect_aim(TO_HELLO ", " VARIABLES("\"unused\": \"x\""), "PROD");
    expect_aim("\"function\": \"hello\", \"qualifier\": \"${stageVariables.a}\", " VARIABLES(
                   "\"a\": \"1\""),
               "1");
}

static void variables_may_be_parts_and_name_function_and_qualifier(void **state)
{
    (void)state;
    expect_aim("\"function\": \"hel${stageVariables.b}\", \"qualifier\": "
               "\"${stageVariables.a}OD\", " VARIABLES("\"a\": \"PR\", \"b\": \"lo\""),
               "PROD");
    expect_aim("\"function\": \"${stageVariables.fn}\", " VARIABLES("\"fn\": \"hello:PROD\""),
               "PROD");
    expect_aim("\"function\": \"${stageVariables.fn}\", \"qualifier\": \"1\", " VARIABLES(
                   "\"fn\": \"hello:1\""),
               "1");
    expect_aim("\"function\": \"${stageVariables.fn}\", " VARIABLES("\"fn\": \"hello\""),
               "$LATEST");
}

/* What the table in force is shown as builds the same table, which is shown the same. */
static void expect_shown(const char *text, const char *part)
{
    struct table *table = fixture_good(text), *again;
    char *dump = tabledoc_dump(table), *second;

    if (!strstr(dump, part))
        fail_msg("no %s in %s", part, dump);
    again = fixture_good(dump);
    second = tabledoc_dump(again);
    assert_string_equal(second, dump);
    free(dump);
    free(second);
    fixture_drop(&again);
    fixture_drop(&table);
}

static void a_route_is_shown_as_it_was_written(void **state)
{
    (void)state;
    expect_shown(
        ROUTE("\"function\": \"${stageVariables.fn}\", " VARIABLES("\"fn\": \"hello:PROD\"")),
        "\"function\": \"${stageVariables.fn}\"");
    expect_shown(
        ROUTE("\"function\": \"hello\", \"qualifier\": \"${stageVariables.a}\", " VARIABLES(
            "\"a\": \"PROD\"")),
        "\"qualifier\": \"${stageVariables.a}\"");
    expect_shown(ROUTE(TO_HELLO ", \"function_url\": true"), "\"function_url\": true");
    expect_shown(ROUTE(TO_HELLO ", \"authorization\": \"aws_iam\""),
                 "\"authorization\": \"aws_iam\"");
    expect_shown(ROUTE(TO_HELLO ", \"function_url\": true, \"invoke_mode\": \"RESPONSE_STREAM\""),
                 "\"invoke_mode\": \"RESPONSE_STREAM\"");
    expect_shown(ROUTE(TO_HELLO ", \"function_url\": true, \"stage\": \"$default\""),
                 "\"stage\": \"$default\"");
    expect_shown(ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": {\"AllowOrigins\": [\"*\"], "
                                "\"ExposeHeaders\": [\"a\"], \"AllowCredentials\": true, "
                                "\"MaxAge\": 0}"),
                 "\"MaxAge\": 0");
}

static const struct fixture_bad bads[] = {
    {ROUTE(TO_HELLO ", \"function_url\": 1"), "wrong_type", "$.routes[0].function_url",
     "must be true or false"},
    {ROUTE(TO_HELLO ", \"authorization\": \"iam\""), "bad_value", "$.routes[0].authorization",
     "aws_iam"},
    {ROUTE(TO_HELLO ", \"invoke_mode\": \"RESPONSE_STREAM\""), "conflict",
     "$.routes[0].invoke_mode", "\"function_url\": true"},
    {ROUTE(TO_HELLO ", \"cors\": {}"), "conflict", "$.routes[0].cors", "\"function_url\": true"},
    {ROUTE(TO_HELLO ", \"stage\": \"prod\""), "conflict", "$.routes[0].stage",
     "\"function_url\": true"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"stage\": \"a b\""), "bad_value",
     "$.routes[0].stage", "letters, digits, '-' and '_'"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"stage\": \"\""), "bad_value", "$.routes[0].stage",
     "stage"},
    /* variables */
    {ROUTE(TO_HELLO ", \"stage_variables\": []"), "wrong_type", "$.routes[0].stage_variables",
     "an object of names and texts"},
    {ROUTE(TO_HELLO ", " VARIABLES("\"a-b\": \"x\"")), "bad_name",
     "$.routes[0].stage_variables.a-b", "letters, digits or '_'"},
    {ROUTE(TO_HELLO ", " VARIABLES("\"a\": 1")), "wrong_type", "$.routes[0].stage_variables.a",
     "must be a string"},
    {ROUTE(TO_HELLO ", " VARIABLES("\"a\": \"\"")), "bad_value", "$.routes[0].stage_variables.a",
     "1 to 512"},
    {ROUTE(TO_HELLO ", " VARIABLES("\"a\": \"x y\"")), "bad_value", "$.routes[0].stage_variables.a",
     "characters of -._~:/?#&=,"},
    {ROUTE("\"function\": \"hello\", \"qualifier\": \"${stageVariables.alas}\", " VARIABLES(
         "\"alias\": \"PROD\"")),
     "unknown_variable", "$.routes[0].qualifier",
     "no string \"alas\" among its stage_variables; did you mean \"alias\"?"},
    {ROUTE("\"function\": \"hello\", \"qualifier\": \"${stageVariables.a}\""), "unknown_variable",
     "$.routes[0].qualifier", "(none is known)"},
    {ROUTE("\"function\": \"hello\", \"qualifier\": \"${stageVariables.a}\", " VARIABLES(
         "\"a\": \"PRD\"")),
     "unknown_qualifier", "$.routes[0].qualifier",
     "no alias or version \"PRD\"; did you mean \"PROD\"?"},
    {ROUTE("\"function\": \"${stageVariables.f}\", " VARIABLES("\"f\": \"helo\"")),
     "unknown_function", "$.routes[0].function", "no function \"helo\"; did you mean \"hello\"?"},
    {ROUTE("\"function\": \"${stageVariables.f}\", " VARIABLES("\"f\": \"hello:PRD\"")),
     "unknown_qualifier", "$.routes[0].qualifier", "no alias or version \"PRD\""},
    {ROUTE("\"function\": \"${stageVariables.f}\", \"qualifier\": \"1\", " VARIABLES(
         "\"f\": \"hello:PROD\"")),
     "conflict", "$.routes[0].qualifier", "already names the qualifier \"PROD\""},
    {ROUTE("\"function\": \"hello\", \"qualifier\": \"${stage.a}\""), "bad_value",
     "$.routes[0].qualifier", "the form is ${stageVariables.NAME}"},
    {ROUTE("\"function\": \"hello\", \"qualifier\": \"${stageVariables.a\""), "bad_value",
     "$.routes[0].qualifier", "the form is ${stageVariables.NAME}"},
    {ROUTE("\"function\": \"hello:PROD\""), "unknown_function", "$.routes[0].function",
     "no function \"hello:PROD\""},
    /* CORS */
    {ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": []"), "wrong_type", "$.routes[0].cors",
     "an object such as"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": {\"AllowOrigin\": []}"), "unknown_key",
     "$.routes[0].cors.AllowOrigin", "did you mean \"AllowOrigins\"?"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": {\"AllowOrigins\": \"*\"}"), "wrong_type",
     "$.routes[0].cors.AllowOrigins", "an array of origins"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": {\"AllowOrigins\": [1]}"), "wrong_type",
     "$.routes[0].cors.AllowOrigins[0]", "must be a string"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": {\"AllowOrigins\": [\"a*b*\"]}"),
     "bad_value", "$.routes[0].cors.AllowOrigins[0]", "more than one '*'"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": {\"AllowHeaders\": [\"a\\r\\nb\"]}"),
     "bad_value", "$.routes[0].cors.AllowHeaders[0]", "has spaces"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": {\"AllowMethods\": [\"OPTIONS\"]}"),
     "bad_value", "$.routes[0].cors.AllowMethods[0]", "too long"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": {\"AllowMethods\": "
                    "[\"A\",\"B\",\"C\",\"D\",\"E\",\"F\",\"G\"]}"),
     "too_many", "$.routes[0].cors.AllowMethods", "6 are the most"},
    {ROUTE(TO_HELLO ", \"function_url\": true, \"cors\": {\"MaxAge\": 86401}"), "out_of_range",
     "$.routes[0].cors.MaxAge", "86400"},
};

static void each_mistake_is_reported_at_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        fixture_expect(&bads[i], 1);
}

static void values_that_grow_too_long_are_refused(void **state)
{
    char value[513], text[8192];
    struct fixture_bad bad = {text, "bad_value", "$.routes[0].qualifier", "too long"};

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    snprintf(text, sizeof(text),
             ROUTE("\"function\": \"hello\", \"qualifier\": "
                   "\"${stageVariables.a}${stageVariables.a}${stageVariables.a}\", " VARIABLES(
                       "\"a\": \"%s\"")),
             value);
    fixture_expect(&bad, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_plain_route_has_no_url),
        test(all_of_a_url_is_kept),
        test(variables_stand_for_their_values),
        test(variables_may_be_parts_and_name_function_and_qualifier),
        test(a_route_is_shown_as_it_was_written),
        test(each_mistake_is_reported_at_its_place),
        test(values_that_grow_too_long_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
