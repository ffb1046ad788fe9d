/* Function URL configs. */
#include "tests/unit/api_fixture.h"

#define URL  "/2021-10-31/functions/hello/url"
#define LIVE URL "?Qualifier=live"
#define ARN  "arn:aws:lambda:us-east-1:000000000000:function:hello"

static void a_url_is_made_shown_changed_and_removed(void **state)
{
    (void)state;
    api_expect("POST", LIVE,
               "{\"AuthType\": \"NONE\", \"Cors\": {\"AllowOrigins\": [\"*\"], \"MaxAge\": 5}}",
               201, NULL,
               "\"FunctionArn\":\"" ARN ":live\",\"AuthType\":\"NONE\",\"CreationTime\":\"");
    api_expect("GET", LIVE, NULL, 200, NULL, ".lambda-url.us-east-1.on.aws/\"");
    api_expect("GET", LIVE, NULL, 200, NULL, "\"Cors\":{\"AllowOrigins\":[\"*\"],\"MaxAge\":5}");
    api_expect("GET", LIVE, NULL, 200, NULL, "\"LastModifiedTime\":\"");
    api_expect("POST", LIVE, "{\"AuthType\": \"NONE\"}", 409, "ResourceConflictException",
               "Failed to create function url config for [functionArn = " ARN
               ":live]. Error message:  FunctionUrlConfig exists for this Lambda function");
    api_expect("PUT", LIVE, "{\"AuthType\": \"AWS_IAM\", \"InvokeMode\": \"RESPONSE_STREAM\"}", 200,
               NULL, "\"InvokeMode\":\"RESPONSE_STREAM\",\"Cors\":{\"AllowOrigins\"");
    api_expect("PUT", LIVE, "{\"Cors\": {}}", 200, NULL, "\"AuthType\":\"AWS_IAM\"");
    api_expect("POST", URL, "{\"AuthType\": \"NONE\"}", 201, NULL, "\"FunctionArn\":\"" ARN "\"");
    api_expect("GET", URL "s", NULL, 200, NULL, "{\"FunctionUrlConfigs\":[{");
    api_expect("GET", URL "s?MaxItems=1", NULL, 200, NULL, "\"NextMarker\":\"$LATEST\"");
    api_expect("GET", URL "s?MaxItems=1&Marker=%24LATEST", NULL, 200, NULL, ARN ":live\"");
    api_expect("DELETE", URL, NULL, 204, NULL, NULL);
    api_expect("GET", URL, NULL, 404, "ResourceNotFoundException",
               "{\"Message\":\"The resource you requested does not exist.\",\"Type\":\"User\"}");
    api_expect("GET", LIVE, NULL, 200, NULL, NULL); /* stays */
    api_expect("DELETE", URL, NULL, 404, "ResourceNotFoundException", "does not exist");
}

static const struct {
    const char *method, *target, *body;
    int status;
    const char *type, *part;
} bads[] = {
    {"POST", URL, "{}", 400, "ValidationException",
     "Value null at 'authType' failed to satisfy constraint: Member must not be null"},
    {"POST", URL, "{\"AuthType\": \"X\", \"InvokeMode\": \"UNKNOWN\"}", 400, "ValidationException",
     "Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum value "
     "set: [RESPONSE_STREAM, BUFFERED]"},
    {"POST", URL "?Qualifier=%24LATEST", "{\"AuthType\": \"NONE\"}", 400, "ValidationException",
     "Value '$LATEST' at 'qualifier'"},
    {"POST", URL "?Qualifier=1", "{\"AuthType\": \"NONE\"}", 400, "ValidationException",
     "Value '1' at 'qualifier'"},
    {"POST", URL "?Qualifier=nope", "{\"AuthType\": \"NONE\"}", 404, "ResourceNotFoundException",
     "Function does not exist"},
    {"POST", "/2021-10-31/functions/nobody/url", "{\"AuthType\": \"NONE\"}", 404,
     "ResourceNotFoundException", "Function does not exist"},
    {"GET", "/2021-10-31/functions/nobody/urls", NULL, 404, "ResourceNotFoundException",
     "Function does not exist"},
    {"PUT", URL, "{\"AuthType\": \"NONE\"}", 404, "ResourceNotFoundException",
     "The resource you requested does not exist."},
    {"POST", URL, "{\"AuthType\": \"NONE\", \"Cors\": {\"MaxAge\": 86401}}", 400,
     "ValidationException", "cors.maxAge"},
    {"POST", URL, "{\"AuthType\": \"NONE\", \"Cors\": {\"AllowMethods\": [\"OPTIONS\"]}}", 400,
     "ValidationException", "cors.allowMethods"},
    {"POST", URL, "{\"AuthType\": \"NONE\", \"Cors\": {\"AllowOrigins\": \"*\"}}", 400,
     "SerializationException", "AllowOrigins"},
    {"GET", URL "s?MaxItems=51", NULL, 400, "ValidationException", "less than or equal to 50"},
};

static void what_a_url_cannot_be_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        api_expect(bads[i].method, bads[i].target, bads[i].body, bads[i].status, bads[i].type,
                   bads[i].part);
}

static void a_url_goes_with_its_alias(void **state)
{
    (void)state;
    api_expect("POST", URL "?Qualifier=beta", "{\"AuthType\": \"NONE\"}", 201, NULL, NULL);
    api_expect("DELETE", "/2015-03-31/functions/hello/aliases/beta", NULL, 204, NULL, NULL);
    api_expect("GET", URL "s", NULL, 200, NULL, "{\"FunctionUrlConfigs\":[]}");
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_url_is_made_shown_changed_and_removed),
        test(what_a_url_cannot_be_is_told),
        test(a_url_goes_with_its_alias),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
