/* Which operation of the Lambda API a request means, and whose functions are meant. */
#include "tests/unit/api_fixture.h"

#define FUNCTION "/2015-03-31/functions/hello"

static void what_is_not_served_is_an_unknown_operation(void **state)
{
    static const char *const paths[] = {"/2015-03-31/",
                                        "/2015-03-31/event-source-mappings",
                                        "/2015-03-31/functions/hello/policy",
                                        "/2015-03-31/functions/hello/aliases/live/x",
                                        "/2015-03-31/functions/hello/aliasesx",
                                        "/2015-03-31/functions//aliases",
                                        "/2018-10-31/layers",
                                        "/2019-09-25/functions/hello/event-invoke-config",
                                        "/2099-01-01/anything/at/all"};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        api_expect("GET", paths[i], NULL, 404, "UnknownOperationException", "docs/lambda.md");
        api_expect("DELETE", paths[i], NULL, 404, "UnknownOperationException", NULL);
        api_expect("POST", paths[i], "{}", 404, "UnknownOperationException", NULL);
    }
}

static void other_methods_are_told_which_there_are(void **state)
{
    struct api_response response = api_ask("PATCH", FUNCTION "/aliases/live", "{}");

    (void)state;
    assert_int_equal(response.status, 405);
    assert_string_equal(response.error_type, "UnknownOperationException");
    assert_int_equal(response.nr_fields, 1);
    assert_string_equal(response.fields[0].name, "Allow");
    assert_string_equal(response.fields[0].value, "GET, HEAD, PUT, DELETE");
    free(response.body);
}

static void other_places_are_refused(void **state)
{
    static const char *const regions[] = {"arn:aws:lambda:eu-west-1:000000000000:function:hello",
                                          "eu-west-1:000000000000:function:hello",
                                          "eu-west-1%3A000000000000%3Ahello"};
    static const char *const accounts[] = {"arn:aws:lambda:us-east-1:123456789012:function:hello",
                                           "123456789012:function:hello", "123456789012:hello",
                                           "arn:aws:lambda:eu-west-1:123456789012:function:hello"};
    char target[256];

    (void)state;
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        snprintf(target, sizeof(target), "/2015-03-31/functions/%s/aliases/live", regions[i]);
        api_expect("GET", target, NULL, 404, "ResourceNotFoundException",
                   "{\"Message\":\"Functions from 'eu-west-1' are not reachable in this region "
                   "('us-east-1')\",\"Type\":\"User\"}");
    }
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
        snprintf(target, sizeof(target), "/2015-03-31/functions/%s/aliases", accounts[i]);
        api_expect("GET", target, NULL, 403, "AccessDeniedException",
                   "is not authorized to perform: lambda:ListAliases on resource: ");
    }
}

static void a_slash_at_the_end_does_not_count(void **state)
{
    (void)state;
    api_expect("GET", "/2015-03-31/functions/", NULL, 200, NULL, "{\"Functions\":[");
    api_expect("GET", FUNCTION "/aliases/", NULL, 200, NULL, "{\"Aliases\":[");
    api_expect("HEAD", FUNCTION "/aliases/live/", NULL, 200, NULL, NULL);
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_is_not_served_is_an_unknown_operation),
        test(other_methods_are_told_which_there_are),
        test(other_places_are_refused),
        test(a_slash_at_the_end_does_not_count),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
