/* PublishVersion and ListVersionsByFunction. */
#include "tests/unit/api_fixture.h"

#define HELLO    "/2015-03-31/functions/hello"
#define VERSIONS HELLO "/versions"
#define ARN      "arn:aws:lambda:us-east-1:000000000000:function:hello"

static const struct version *version_of(const char *name)
{
    return model_version(table_function(api.table, STR("hello")), str_of(name), 0);
}

static void a_version_is_published(void **state)
{
    (void)state;
    api_expect("POST", VERSIONS, "{\"Description\": \"first\"}", 201, NULL, ARN ":4\"");
    assert_string_equal(version_of("4")->endpoints[0].url, "http://h:1");
    api_expect("GET", HELLO "?Qualifier=4", NULL, 200, NULL, "\"Description\":\"first\"");
    api_expect("GET", HELLO, NULL, 200, NULL, "\"Description\":\"\"");
}

static void nothing_new_is_no_new_version(void **state)
{
    (void)state;
    api_expect("POST", VERSIONS, "{\"Description\": \"first\"}", 201, NULL, "\"Version\":\"4\"");
    api_expect("POST", VERSIONS, "", 201, NULL, "\"Version\":\"4\"");
    api_expect("POST", VERSIONS, "{\"Description\": \"other\"}", 201, NULL,
               "\"Description\":\"first\"");
    api_expect("PUT", HELLO "/configuration", "{\"Description\": \"of the function\"}", 200, NULL,
               NULL);
    api_expect("POST", VERSIONS, "{}", 201, NULL, "\"Version\":\"5\"");
    api_expect("POST", VERSIONS, "{}", 201, NULL, "\"Version\":\"5\"");
    api_expect("PUT", HELLO "/code", "{\"ImageUri\": \"http://h:9\", \"Publish\": true}", 200, NULL,
               ARN ":6\"");
    /* The same code is no change. */
    api_expect("PUT", HELLO "/code", "{\"ImageUri\": \"http://h:9\", \"Publish\": true}", 200, NULL,
               ARN ":6\"");
    assert_string_equal(version_of("5")->endpoints[0].url, "http://h:1");
}

static void the_code_may_be_named(void **state)
{
    json_t *json = api_get("GET", HELLO "/configuration", NULL);
    const char *sha256 = json_string_value(json_object_get(json, "CodeSha256"));
    char body[128], part[256];

    (void)state;
    snprintf(
        part, sizeof(part),
        "CodeSHA256 (x) is different from current CodeSHA256 in $LATEST (%s). Please try again "
        "with the CodeSHA256 in $LATEST.",
        sha256);
    snprintf(body, sizeof(body), "{\"CodeSha256\": \"%s\"}", sha256);
    api_expect("POST", VERSIONS, "{\"CodeSha256\": \"x\"}", 400, "InvalidParameterValueException",
               part);
    api_expect("POST", VERSIONS, body, 201, NULL, "\"Version\":\"4\"");
    json_decref(json);
}

static void what_cannot_be_published_is_told(void **state)
{
    char body[512];

    (void)state;
    api_expect("POST", "/2015-03-31/functions/nobody/versions", "{}", 404,
               "ResourceNotFoundException", "function:nobody\"");
    api_expect("POST", "/2015-03-31/functions/bare/versions", "{}", 404,
               "ResourceNotFoundException", "function:bare:$LATEST\"");
    snprintf(body, sizeof(body), "{\"Description\": \"%0257d\"}", 0);
    api_expect("POST", VERSIONS, body, 400, "ValidationException", "'description'");
    api_expect("POST", HELLO ":1/versions", "{}", 400, "InvalidParameterValueException", NULL);
}

static void numbers_end_somewhere(void **state)
{
    (void)state;
    api_reload(
        "{\"functions\": {\"hello\": {\"versions\": {\"$LATEST\": {\"endpoints\": "
        "[\"http://h:1\"]}, \"99999999999999999999\": {\"endpoints\": [\"http://h:2\"]}}}}}");
    api_expect("POST", VERSIONS, "{}", 400, "InvalidParameterValueException", "last_version");
}

static void expect_list(const char *query, const char *versions, const char *marker)
{
    char target[256], got[1024] = "";
    json_t *page, *item;
    size_t i;

    snprintf(target, sizeof(target), VERSIONS "%s", query);
    page = api_get("GET", target, NULL);
    json_array_foreach(json_object_get(page, "Versions"), i, item)
    {
        const char *version = json_string_value(json_object_get(item, "Version"));
        const char *arn = json_string_value(json_object_get(item, "FunctionArn"));

        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", version);
        assert_string_equal(arn + strlen(ARN ":"), version);
        assert_null(json_object_get(item, "State"));
    }
    assert_string_equal(got, versions);
    if (marker)
        assert_string_equal(json_string_value(json_object_get(page, "NextMarker")), marker);
    else
        assert_null(json_object_get(page, "NextMarker"));
    json_decref(page);
}

static void versions_are_listed_by_number(void **state)
{
    (void)state;
    expect_list("", "$LATEST 1 2 3 ", NULL);
    expect_list("?MaxItems=2", "$LATEST 1 ", "1");
    expect_list("?MaxItems=2&Marker=1", "2 3 ", NULL);
    expect_list("?Marker=3", "", NULL);
    for (int i = 0; i < 60; i++) {
        char body[64];
        snprintf(body, sizeof(body), "{\"ImageUri\": \"h:%d\", \"Publish\": true}", 100 + i);
        api_expect("PUT", HELLO "/code", body, 200, NULL, NULL);
    }
    expect_list("?Marker=61", "62 63 ", NULL);
    expect_list("?Marker=8&MaxItems=3", "9 10 11 ", "11");
    expect_list("?Marker=2&MaxItems=10000",
                "3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 "
                "32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 ",
                "52");
    api_expect("GET", "/2015-03-31/functions/nobody/versions", NULL, 404,
               "ResourceNotFoundException", NULL);
    api_expect("GET", VERSIONS "?MaxItems=0", NULL, 400, "ValidationException", "maxItems");
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_version_is_published), test(nothing_new_is_no_new_version),
        test(the_code_may_be_named),  test(what_cannot_be_published_is_told),
        test(numbers_end_somewhere),  test(versions_are_listed_by_number),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
