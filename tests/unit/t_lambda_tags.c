/* Tags of functions. */
#include "tests/unit/api_fixture.h"

#define ARN  "arn:aws:lambda:us-east-1:000000000000:function:hello"
#define TAGS "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello"

static void tags_are_added_and_removed(void **state)
{
    (void)state;
    api_expect("GET", TAGS, NULL, 200, NULL, "{\"Tags\":{}}");
    api_expect("POST", TAGS, "{\"Tags\": {\"a\": \"1\", \"b c\": \"\"}}", 204, NULL, NULL);
    api_expect("POST", TAGS, "{\"Tags\": {\"a\": \"2\"}}", 204, NULL, NULL);
    api_expect("GET", "/2017-03-31/tags/" ARN, NULL, 200, NULL, "\"a\":\"2\"");
    api_expect("GET", "/2015-03-31/functions/hello", NULL, 200, NULL, "\"Tags\":{");
    api_expect("DELETE", TAGS "?tagKeys=a&tagKeys=b%20c&tagKeys=none", NULL, 204, NULL, NULL);
    api_expect("GET", TAGS, NULL, 200, NULL, "{\"Tags\":{}}");
}

static void what_cannot_be_tagged_is_told(void **state)
{
    char body[4096];
    size_t n = (size_t)snprintf(body, sizeof(body), "{\"Tags\": {\"k\": \"v\"");

    (void)state;
    api_expect("GET", "/2017-03-31/tags/hello", NULL, 400, "ValidationException",
               "Value 'hello' at 'resource'");
    api_expect("GET", TAGS "%3Alive", NULL, 400, "InvalidParameterValueException",
               "Tags on function aliases and versions are not supported. Please specify a function "
               "ARN.");
    api_expect("GET", "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:nobody",
               NULL, 404, "ResourceNotFoundException", "function:nobody\"");
    api_expect("GET", "/2017-03-31/tags/arn:aws:lambda:eu-west-1:000000000000:function:hello", NULL,
               404, "ResourceNotFoundException", "not reachable in this region");
    api_expect("POST", TAGS, "{}", 400, "ValidationException", "Value null at 'tags'");
    api_expect("POST", TAGS, "{\"Tags\": {\"a\": 1}}", 400, "SerializationException", "Tags");
    api_expect("DELETE", TAGS, NULL, 400, "ValidationException", "Value null at 'tagKeys'");
    for (int i = 0; i < 49; i++)
        n += (size_t)snprintf(body + n, sizeof(body) - n, ", \"k%d\": \"v\"", i);
    snprintf(body + n, sizeof(body) - n, "}}");
    api_expect("POST", TAGS, body, 204, NULL, NULL);
    api_expect("POST", TAGS, "{\"Tags\": {\"more\": \"v\"}}", 400, "InvalidParameterValueException",
               "Number of tags exceeds resource tag limit.");
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(tags_are_added_and_removed),
        test(what_cannot_be_tagged_is_told),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
