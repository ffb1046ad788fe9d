/* The section state_machines: what it may say, what is wrong with it, and what the table has. */
#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define V1           "\"versions\": {\"1\": {\"endpoints\": [\"http://h\"]}}"
#define HELLO        "\"hello\": {" V1 ", \"aliases\": {\"live\": {\"weights\": {\"1\": 100}}}}"
#define MACHINES     "{\"functions\": {" HELLO "}, \"state_machines\": "
#define MACHINE(...) MACHINES "{\"m\": {" __VA_ARGS__ "}}}"
#define VERSION(...) MACHINE("\"versions\": {\"1\": {" __VA_ARGS__ "}}")
#define AT           "$.state_machines.m"

static void the_table_has_machines_beside_functions(void **state)
{
    struct table *table = fixture_good(
        "{\"state_machines\": {\"ab\": {\"type\": \"EXPRESS\", \"versions\": {"
        "\"$LATEST\": {\"endpoints\": [\"http://h\"], \"timeouts\": {\"execution_ms\": 5}},"
        "\"1\": {\"kind\": \"function\", \"function\": \"f\", \"qualifier\": \"1\"},"
        "\"2\": {\"kind\": \"sfn\", \"endpoints\": [\"http://h/p\"], \"state_machine\":"
        "\"arn:aws:states:local:1:stateMachine:x\"}},"
        "\"aliases\": {\"PROD.1\": {\"weights\": {\"1\": 1, \"2\": 99}}}}},"
        "\"functions\": {\"ab\": {" V1 "}, \"f\": {" V1 "}}}");
    const struct function *machine = table_function(table, STR("stateMachine:ab"));
    const struct target *target = table_find(table, STR("stateMachine:ab"), STR("PROD.1"), NULL);

    (void)state;
    assert_non_null(machine);
    assert_true(machine->machine && machine->machine->is_express);
    assert_null(table_function(table, STR("ab"))->machine);
    assert_non_null(target);
    assert_int_equal(target->nr_arms, 2);
    assert_int_equal(target->arms[0].version->kind, VERSION_FUNCTION);
    assert_int_equal(target->arms[0].version->nr_endpoints, 0);
    assert_string_equal(target->arms[0].version->task->function, "f");
    assert_string_equal(target->arms[0].version->task->qualifier, "1");
    assert_int_equal(target->arms[1].version->kind, VERSION_SFN);
    assert_string_equal(target->arms[1].version->task->state_machine,
                        "arn:aws:states:local:1:stateMachine:x");
    target = table_find(table, STR("stateMachine:ab"), STR(""), NULL);
    assert_int_equal(target->arms[0].version->task->execution_ms, 5);
    fixture_drop(&table);
}

static const struct fixture_bad bads[] = {
    {MACHINES "[]}", "wrong_type", "$.state_machines", "an object of state machines"},
    {MACHINES "{\"a b\": {" V1 "}}}", "bad_name", "$.state_machines[\"a b\"]", "no white space"},
    {MACHINES "{\"\": {" V1 "}}}", "bad_name", "$.state_machines[\"\"]", "1 to 80 characters"},
    {MACHINE("\"type\": \"express\", " V1), "bad_value", AT ".type", "\"EXPRESS\""},
    {MACHINE("\"urls\": {}, " V1), "unknown_key", AT ".urls", "type, versions, aliases"},
    {MACHINE("\"type\": \"EXPRESS\""), "missing", AT, "\"versions\" is missing"},
    {MACHINE("\"versions\": {}"), "empty", AT ".versions", "a state machine needs a version"},
    {MACHINE(V1 ", \"aliases\": {\"1\": {\"weights\": {\"1\": 100}}}"), "bad_name", AT ".aliases.1",
     "not digits alone"},
    {MACHINE(V1 ", \"aliases\": {\"a\": {\"weights\": {\"$LATEST\": 100}}}"), "latest_shared",
     AT ".aliases.a.weights", "published versions only"},
    {VERSION("\"endpoints\": [\"http://h\"], \"kind\": \"rie\""), "bad_value",
     AT ".versions.1.kind", "\"http\", \"function\" or \"sfn\""},
    {VERSION("\"kind\": \"function\""), "missing", AT ".versions.1", "\"function\" is missing"},
    {VERSION("\"kind\": \"function\", \"function\": \"helo\""), "unknown_function",
     AT ".versions.1.function", "did you mean \"hello\"?"},
    {VERSION("\"kind\": \"function\", \"function\": \"hello\", \"qualifier\": \"x\""),
     "unknown_qualifier", AT ".versions.1.qualifier", "no alias or version \"x\""},
    {VERSION("\"kind\": \"function\", \"function\": \"hello\""), "unknown_qualifier",
     AT ".versions.1", "no alias or version \"$LATEST\""},
    {VERSION("\"kind\": \"function\", \"function\": \"hello\", \"qualifier\": \"live\","
             "\"endpoints\": [\"http://h\"]"),
     "conflict", AT ".versions.1.endpoints", "kind \"http\" or \"sfn\""},
    {VERSION("\"kind\": \"sfn\", \"endpoints\": [\"http://h\"]"), "missing", AT ".versions.1",
     "\"state_machine\" is missing"},
    {VERSION("\"kind\": \"sfn\", \"endpoints\": [\"http://h\"], \"state_machine\": \"x\""),
     "bad_value", AT ".versions.1.state_machine", "no ARN"},
    {VERSION("\"endpoints\": [\"http://h\"], \"function\": \"hello\""), "conflict",
     AT ".versions.1.function", "kind \"function\""},
    {VERSION("\"endpoints\": [\"http://h\"], \"timeouts\": {\"execution_ms\": 99999999001}"),
     "out_of_range", AT ".versions.1.timeouts.execution_ms", "99999999000"},
    {"{\"functions\": {\"f\": {\"versions\": {\"1\": {\"endpoints\": [\"http://h\"], \"kind\":"
     "\"sfn\"}}}}}",
     "bad_value", "$.functions.f.versions.1.kind", "only versions of state machines"},
    {"{\"functions\": {\"f\": {\"versions\": {\"1\": {\"endpoints\": [\"http://h\"], \"timeouts\":"
     "{\"execution_ms\": 1}}}}}}",
     "conflict", "$.functions.f.versions.1", "timeout_ms"},
    {"{\"functions\": {\"stateMachine:f\": {" V1 "}}}", "bad_name",
     "$.functions[\"stateMachine:f\"]", "no function name"},
    {"{\"functions\": {}, \"state_machines\": {\"m\": {" V1 "}}, \"routes\": [{\"path\": \"/\","
     "\"function\": \"stateMachine:m\", \"qualifier\": \"1\"}]}",
     "unknown_function", "$.routes[0].function", ""},
};

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        fixture_expect(&bads[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_table_has_machines_beside_functions),
        test(what_is_wrong_is_said_with_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
