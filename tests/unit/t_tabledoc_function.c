/* What a table document says of a function as a whole, and of its URLs. */
#include "tabledoc_fixture.h"

#include "conf/tabledoc_function.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define AT "$.functions.f"
#define FUNCTION(more)                                                                             \
    "{\"functions\": {\"f\": {\"versions\": {\"$LATEST\": {\"endpoints\": [\"http://h\"]}},"       \
    "\"aliases\": {\"live\": {\"weights\": {\"$LATEST\": 100}}}, " more "}}}"

static const struct function *only(const struct table *table)
{
    struct function *const *list;

    assert_int_equal(table_functions(table, &list), 1);
    return list[0];
}

static void all_of_it_is_read(void **state)
{
    struct table *table = fixture_good(
        FUNCTION("\"concurrency\": 0, \"last_version\": 7, \"tags\": {\"b\": \"2\", \"a\": \"1\"},"
                 "\"dead_letter\": \"failed:live\", \"urls\": {"
                 "\"$LATEST\": {}, \"live\": {\"auth_type\": \"AWS_IAM\","
                 " \"invoke_mode\": \"RESPONSE_STREAM\", \"cors\": {\"AllowOrigins\": [\"*\"]}}}"));
    const struct function_more *more = only(table)->more;

    (void)state;
    assert_int_equal(only(table)->concurrency, 0);
    assert_int_equal(more->last_version, 7);
    assert_string_equal(more->tags, "{\"a\":\"1\",\"b\":\"2\"}");
    assert_string_equal(more->dead_letter, "failed:live");
    assert_int_equal(more->nr_urls, 2);
    assert_true(str_eq(more->urls[0].qualifier, STR("$LATEST")));
    assert_false(more->urls[0].terms->is_iam || more->urls[0].terms->is_streamed);
    assert_true(more->urls[1].terms->is_iam && more->urls[1].terms->is_streamed);
    fixture_drop(&table);
}

static void most_functions_have_nothing_of_it(void **state)
{
    struct table *table = fixture_good(FUNCTION("\"limits\": {\"max_in_flight\": 1}"));

    (void)state;
    assert_true(only(table)->concurrency == FUNCTION_NO_CONCURRENCY);
    assert_null(only(table)->more);
    fixture_drop(&table);
}

static void what_is_written_reads_back_to_the_same(void **state)
{
    const char *text = FUNCTION(
        "\"concurrency\": 5, \"last_version\": 9, \"tags\": {\"a\": \"1\"},"
        "\"auto_publish_alias\": \"live\", \"deployment_preference\": {\"type\": \"AllAtOnce\","
        " \"hooks\": {\"post_traffic\": \"http://h/x?y=z\"}, \"enabled\": false},"
        "\"dead_letter\": \"http://127.0.0.1:1/x\", \"urls\": {\"live\": {\"created\": \"now\"}}");
    struct table *table = fixture_good(text);
    json_t *document = json_loads(text, 0, NULL);
    json_t *said = json_object_get(json_object_get(document, "functions"), "f");
    json_t *written = tabledoc_function_write(table, only(table));

    (void)state;
    assert_true(json_equal(said, written));
    json_decref(written);
    json_decref(document);
    fixture_drop(&table);
}

#define LIVE "\"auto_publish_alias\": \"live\", \"deployment_preference\": "

static const struct fixture_bad bads[] = {
    {FUNCTION("\"concurrency\": -1"), "out_of_range", AT ".concurrency", "0 to 4294967294"},
    {FUNCTION("\"concurency\": 1"), "unknown_key", AT ".concurency",
     "did you mean \"concurrency\""},
    {FUNCTION("\"last_version\": \"1\""), "wrong_type", AT ".last_version", "a whole number"},
    {FUNCTION("\"tags\": []"), "wrong_type", AT ".tags", "an object of texts"},
    {FUNCTION("\"tags\": {\"a\": 1}"), "wrong_type", AT ".tags.a", "a text"},
    {FUNCTION("\"tags\": {\"\": \"1\"}"), "bad_name", AT ".tags[\"\"]", "1 to 128 characters"},
    {FUNCTION("\"dead_letter\": \"a b\""), "bad_value", AT ".dead_letter", "names no function"},
    {FUNCTION("\"dead_letter\": \"f:\""), "bad_value", AT ".dead_letter", "behind the colon"},
    {FUNCTION("\"dead_letter\": \"ftp://h\""), "bad_value", AT ".dead_letter", "http://"},
    {FUNCTION("\"auto_publish_alias\": \"12\""), "bad_value", AT ".auto_publish_alias", "number"},
    {FUNCTION("\"deployment_preference\": {}"), "missing", AT ".deployment_preference",
     "auto_publish_alias"},
    {FUNCTION(LIVE "{\"tpye\": \"AllAtOnce\"}"), "unknown_key", AT ".deployment_preference.tpye",
     "did you mean \"type\"?"},
    {FUNCTION(LIVE "{\"type\": \"AllatOnce\"}"), "unknown_config", AT ".deployment_preference.type",
     "did you mean \"AllAtOnce\"?"},
    {FUNCTION(LIVE "{\"hooks\": {\"pre_traffic\": \"f:1:2\"}}"), "bad_value",
     AT ".deployment_preference.hooks.pre_traffic", "is no hook"},
    {FUNCTION(LIVE "{\"alarms\": [\"a\"]}"), "unknown_alarm", AT ".deployment_preference.alarms[0]",
     "no alarm \"a\""},
    {FUNCTION("\"urls\": {\"lve\": {}}"), "unknown_qualifier", AT ".urls.lve",
     "did you mean \"live\"?"},
    {FUNCTION("\"urls\": {\"live\": 1}"), "wrong_type", AT ".urls.live", "an object such as"},
    {FUNCTION("\"urls\": {\"live\": {\"auth\": 1}}"), "unknown_key", AT ".urls.live.auth",
     "auth_type"},
    {FUNCTION("\"urls\": {\"live\": {\"auth_type\": \"none\"}}"), "bad_value",
     AT ".urls.live.auth_type", "\"NONE\" or \"AWS_IAM\""},
};

static void what_is_wrong_is_said_once_with_place_and_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        fixture_expect(&bads[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(all_of_it_is_read),
        test(most_functions_have_nothing_of_it),
        test(what_is_written_reads_back_to_the_same),
        test(what_is_wrong_is_said_once_with_place_and_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
