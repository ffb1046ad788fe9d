/* The life of a function by the Lambda API: created, shown, changed, published, deleted. */
#include "tests/unit/api_fixture.h"

#define FUNCTIONS "/2015-03-31/functions"
#define MADE      FUNCTIONS "/made"
#define ARN       "arn:aws:lambda:us-east-1:000000000000:function:made"
#define ROLE      "\"Role\": \"arn:aws:iam::000000000000:role/r\""

static const char create[] = "{\"FunctionName\": \"made\", " ROLE
                             ", \"Code\": {\"ImageUri\": \"h:1\"}, \"PackageType\": \"Image\"}";

static void make(void)
{
    api_expect("POST", FUNCTIONS, create, 201, NULL, "\"Version\":\"$LATEST\"");
}

static char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    if (!text)
        fail_msg("no %s", name);
    return (char *)(uintptr_t)text;
}

static const struct version *version_of(const char *function, const char *name)
{
    const struct function *f = table_function(api.table, str_of(function));

    return f ? model_version(f, str_of(name), 0) : NULL;
}

/* ---- CreateFunction -------------------------------------------------------------------------- */

static void a_function_is_created(void **state)
{
    json_t *json;

    (void)state;
    make();
    assert_string_equal(version_of("made", "$LATEST")->endpoints[0].url, "http://h:1");
    assert_int_equal(version_of("made", "$LATEST")->timeout_ms, 3000);
    json = api_get("GET", MADE "/configuration", NULL);
    assert_string_equal(text_of(json, "FunctionArn"), ARN);
    assert_string_equal(text_of(json, "Role"), "arn:aws:iam::000000000000:role/r");
    assert_string_equal(text_of(json, "State"), "Active");
    assert_string_equal(text_of(json, "LastUpdateStatus"), "Successful");
    assert_string_equal(text_of(json, "PackageType"), "Image");
    assert_int_equal(json_integer_value(json_object_get(json, "Timeout")), 3);
    assert_int_equal(json_integer_value(json_object_get(json, "MemorySize")), 128);
    assert_int_equal(strlen(text_of(json, "LastModified")), strlen("2026-01-02T03:04:05.678+0000"));
    assert_string_equal(text_of(json, "LastModified") + 23, "+0000");
    assert_int_equal(strlen(text_of(json, "RevisionId")), 36);
    json_decref(json);
    api_expect("POST", FUNCTIONS, create, 409, "ResourceConflictException",
               "{\"message\":\"Function already exist: made\",\"Type\":\"User\"}");
}

static void it_may_be_published_at_once(void **state)
{
    (void)state;
    api_expect("POST", FUNCTIONS,
               "{\"FunctionName\": \"made\", \"Publish\": true, " ROLE
               ", \"Code\": {\"ImageUri\": \"rie+http://h:9000\"}}",
               201, NULL, "\"FunctionArn\":\"" ARN "\"");
    assert_int_equal(version_of("made", "1")->kind, VERSION_RIE);
    api_expect("GET", MADE "?Qualifier=1", NULL, 200, NULL, "\"Version\":\"1\"");
}

static void everything_that_is_said_is_kept(void **state)
{
    (void)state;
    api_expect(
        "POST", FUNCTIONS,
        "{\"FunctionName\": \"made\", \"Code\": {\"ImageUri\": \"http://h:1,http://h:2\"}, " ROLE
        ", \"Runtime\": \"python3.12\", \"Handler\": \"a.b\", \"Description\": \"d\", \"Timeout\": "
        "7, "
        "\"MemorySize\": 256, \"Environment\": {\"Variables\": {\"AB\": \"c\"}}, \"Tags\": "
        "{\"k\": \"v\"}, \"Architectures\": [\"arm64\"], \"TracingConfig\": {\"Mode\": "
        "\"Active\"}, "
        "\"EphemeralStorage\": {\"Size\": 1024}, \"LoggingConfig\": {\"LogFormat\": \"JSON\"}}",
        201, NULL, NULL);
    static const char *const parts[] = {
        "\"Runtime\":\"python3.12\"",
        "\"Handler\":\"a.b\"",
        "\"Description\":\"d\"",
        "\"Timeout\":7",
        "\"MemorySize\":256",
        "\"Environment\":{\"Variables\":{\"AB\":\"c\"}}",
        "\"Architectures\":[\"arm64\"]",
        "\"TracingConfig\":{\"Mode\":\"Active\"}",
        "\"EphemeralStorage\":{\"Size\":1024}",
        "\"LoggingConfig\":{\"LogFormat\":\"JSON\",\"LogGroup\":\"/aws/lambda/made\"}",
        "\"Tags\":{\"k\":\"v\"}",
        ("\"Code\":{\"RepositoryType\":\"ECR\",\"ImageUri\":\"http://h:1,http://h:2\","
         "\"ResolvedImageUri\":\"http://h:1,http://h:2\"}")};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        api_expect("GET", MADE, NULL, 200, NULL, parts[i]);
    assert_int_equal(version_of("made", "$LATEST")->timeout_ms, 7000);
}

#define WITH(members)                                                                              \
    "{\"FunctionName\": \"made\", \"Code\": {\"ImageUri\": \"h:1\"}, " ROLE ", " members "}"

static const struct {
    const char *body;
    int status;
    const char *type, *part;
} bads[] = {
    {"{}", 400, "ValidationException",
     "3 validation errors detected: Value null at 'functionName' failed to satisfy constraint: "
     "Member must not be null; Value null at 'code'"},
    {"{\"FunctionName\": \"a b\", " ROLE ", \"Code\": {\"ImageUri\": \"h:1\"}}", 400,
     "InvalidParameterValueException", "Value 'a b' at 'functionName'"},
    {"{\"FunctionName\": \"made:live\", " ROLE ", \"Code\": {\"ImageUri\": \"h:1\"}}", 400,
     "ValidationException", "Value 'made:live' at 'functionName'"},
    {"{\"FunctionName\": \"123456789012:function:made\", " ROLE
     ", \"Code\": {\"ImageUri\": \"h:1\"}}",
     403, "AccessDeniedException", NULL},
    {"{\"FunctionName\": \"made\", \"Role\": \"r\", \"Code\": {\"ImageUri\": \"h:1\"}}", 400,
     "ValidationException", "Value 'r' at 'role'"},
    {"{\"FunctionName\": \"made\", " ROLE ", \"Code\": {\"ZipFile\": \"UEs=\"}}", 400,
     "InvalidParameterValueException", "give Code.ImageUri"},
    {"{\"FunctionName\": \"made\", " ROLE ", \"Code\": {\"S3Bucket\": \"b\", \"S3Key\": \"k\"}}",
     400, "InvalidParameterValueException", "give Code.ImageUri"},
    {"{\"FunctionName\": \"made\", " ROLE ", \"Code\": {\"ImageUri\": \"repo:tag\"}}", 400,
     "InvalidParameterValueException", "Code.ImageUri names no endpoint"},
    {"{\"FunctionName\": \"made\", " ROLE ", \"Code\": \"h:1\"}", 400, "SerializationException",
     "Code"},
    {WITH("\"Timeout\": 0"), 400, "ValidationException",
     "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or "
     "equal to 1"},
    {WITH("\"Timeout\": 901"), 400, "ValidationException", "less than or equal to 900"},
    {WITH("\"Timeout\": \"3\""), 400, "SerializationException", "Timeout"},
    {WITH("\"MemorySize\": 127"), 400, "ValidationException", "greater than or equal to 128"},
    {WITH("\"PackageType\": \"Tar\""), 400, "ValidationException",
     "Value 'Tar' at 'packageType' failed to satisfy constraint: Member must satisfy enum value "
     "set: [Image, Zip]"},
    {WITH("\"PackageType\": \"Zip\""), 400, "InvalidParameterValueException",
     "Runtime and Handler are mandatory"},
    {WITH("\"Architectures\": [\"i386\"]"), 400, "ValidationException", "Value '[i386]'"},
    {WITH("\"Architectures\": []"), 400, "ValidationException", "architectures"},
    {WITH("\"TracingConfig\": {\"Mode\": \"x\"}, \"EphemeralStorage\": {\"Size\": 1}"), 400,
     "ValidationException", "2 validation errors"},
    {WITH("\"Environment\": {\"Variables\": {\"1a\": \"x\"}}"), 400, "ValidationException",
     "environment.variables"},
    {WITH("\"Environment\": {\"Variables\": {\"AB\": 1}}"), 400, "SerializationException",
     "Variables"},
    {WITH("\"Handler\": \"a b\""), 400, "ValidationException", "[^\\\\s]+"},
};

static void what_a_function_cannot_be_is_told(void **state)
{
    char body[6000];

    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        api_expect("POST", FUNCTIONS, bads[i].body, bads[i].status, bads[i].type, bads[i].part);
    snprintf(body, sizeof(body),
             "{\"FunctionName\": \"%065d\", " ROLE ", \"Code\": {\"ImageUri\": \"h:1\"}}", 0);
    api_expect("POST", FUNCTIONS, body, 400, "InvalidParameterValueException",
               "Member must have length less than or equal to 64");
    snprintf(body, sizeof(body), WITH("\"Environment\": {\"Variables\": {\"AB\": \"%05000d\"}}"),
             0);
    api_expect("POST", FUNCTIONS, body, 400, "InvalidParameterValueException",
               "exceeded the 4KB limit");
    assert_int_equal(api.nr_changes, 0);
}

static void dead_letters_go_to_functions_and_urls(void **state)
{
    (void)state;
    make();
    api_expect("PUT", MADE "/configuration",
               "{\"DeadLetterConfig\": {\"TargetArn\": "
               "\"arn:aws:lambda:us-east-1:000000000000:function:hello:live\"}}",
               200, NULL, "\"DeadLetterConfig\":{\"TargetArn\":\"arn:aws:lambda:");
    api_expect("GET", "/table", NULL, 200, NULL, "\"dead_letter\": \"hello:live\"");
    api_expect("PUT", MADE "/configuration",
               "{\"DeadLetterConfig\": {\"TargetArn\": \"http://h:1/failed\"}}", 200, NULL, NULL);
    api_expect("GET", "/table", NULL, 200, NULL, "\"dead_letter\": \"http://h:1/failed\"");
    api_expect("PUT", MADE "/configuration",
               "{\"DeadLetterConfig\": {\"TargetArn\": \"arn:aws:sqs:us-east-1:000000000000:q\"}}",
               400, "InvalidParameterValueException", "DeadLetterConfig.TargetArn must be");
    api_expect("PUT", MADE "/configuration", "{\"DeadLetterConfig\": {\"TargetArn\": 1}}", 400,
               "SerializationException", "TargetArn");
    api_expect("PUT", MADE "/configuration", "{\"DeadLetterConfig\": {\"TargetArn\": \"\"}}", 200,
               NULL, NULL);
    assert_null(table_function(api.table, STR("made"))->more);
}

/* ---- GetFunction ----------------------------------------------------------------------------- */

static void an_alias_shows_its_first_version(void **state)
{
    char path[256];

    (void)state;
    api_expect("GET", FUNCTIONS "/hello:live", NULL, 200, NULL, "function:hello:live\"");
    api_expect("GET", FUNCTIONS "/hello?Qualifier=live", NULL, 200, NULL, "\"Version\":\"1\"");
    api_expect("GET", FUNCTIONS "/hello/configuration?Qualifier=live", NULL, 200, NULL,
               "function:hello:live\"");
    api_expect("GET", FUNCTIONS "/hello:live?Qualifier=1", NULL, 400,
               "InvalidParameterValueException",
               "The derived qualifier from the function name does not match the specified "
               "qualifier.");
    api_expect("GET", FUNCTIONS "/hello?Qualifier=%24LATEST", NULL, 200, NULL,
               "function:hello:$LATEST\"");
    api_expect("GET", FUNCTIONS "/hello?Qualifier=nope", NULL, 404, "ResourceNotFoundException",
               "Function not found: arn:aws:lambda:us-east-1:000000000000:function:hello:nope");
    api_expect("GET", FUNCTIONS "/nobody", NULL, 404, "ResourceNotFoundException",
               "{\"Message\":\"Function not found: "
               "arn:aws:lambda:us-east-1:000000000000:function:nobody\",\"Type\":\"User\"}");
    api_expect("GET", FUNCTIONS "/with.dot", NULL, 400, "ValidationException",
               "1 validation error detected: Value 'with.dot' at 'functionName' failed");
    snprintf(path, sizeof(path), FUNCTIONS "/%0141d", 0);
    api_expect("GET", path, NULL, 400, "ValidationException",
               "Member must have length less than or equal to 140");
    snprintf(path, sizeof(path), FUNCTIONS "/%0141d/aliases", 0);
    api_expect("GET", path, NULL, 400, "ValidationException",
               "Member must have length less than or equal to 140");
    snprintf(path, sizeof(path), FUNCTIONS "/%0140d", 0);
    api_expect("GET", path, NULL, 404, "ResourceNotFoundException", "Function not found");
    api_expect("GET", FUNCTIONS "/h!?Qualifier=a%20b", NULL, 400, "ValidationException",
               "2 validation errors detected: Value 'a b' at 'qualifier' failed");
}

static void functions_of_the_file_have_defaults(void **state)
{
    (void)state;
    api_expect("GET", FUNCTIONS "/hello", NULL, 200, NULL, "\"ImageUri\":\"http://h:1\"");
    api_expect("GET", FUNCTIONS "/hello", NULL, 200, NULL,
               "\"Role\":\"arn:aws:iam::000000000000:role/weir\"");
    api_expect("GET", FUNCTIONS "/bare", NULL, 200, NULL, "\"Version\":\"7\""); /* no $LATEST */
}

/* ---- Updates --------------------------------------------------------------------------------- */

static void code_and_configuration_are_updated(void **state)
{
    (void)state;
    make();
    api_expect("PUT", MADE "/code", "{\"ImageUri\": \"http://h:2\"}", 200, NULL,
               "\"Version\":\"$LATEST\"");
    assert_string_equal(version_of("made", "$LATEST")->endpoints[0].url, "http://h:2");
    api_expect("PUT", MADE "/configuration",
               "{\"Timeout\": 9, \"Description\": \"x\", \"Environment\": {\"Variables\": "
               "{\"AB\": \"c\"}}}",
               200, NULL, "\"Timeout\":9");
    assert_int_equal(version_of("made", "$LATEST")->timeout_ms, 9000);
    api_expect("PUT", MADE "/configuration", "{\"Environment\": {\"Variables\": {}}}", 200, NULL,
               "\"Description\":\"x\"");
    api_expect("PUT", MADE "/code", "{\"ImageUri\": \"http://h:3\", \"DryRun\": true}", 200, NULL,
               "\"CodeSha256\"");
    assert_string_equal(version_of("made", "$LATEST")->endpoints[0].url, "http://h:2");
    api_expect("PUT", MADE ":1/code", "{\"ImageUri\": \"http://h:2\"}", 400,
               "InvalidParameterValueException",
               "Current operation does not support versions other than $LATEST");
    api_expect("PUT", MADE "/code", "{\"ZipFile\": \"UEs=\"}", 400,
               "InvalidParameterValueException", "give ImageUri");
    api_expect("PUT", FUNCTIONS "/nobody/code", "{\"ImageUri\": \"h:1\"}", 404,
               "ResourceNotFoundException", "function:nobody\"");
    /* A function of the file without $LATEST gets one. */
    api_expect("PUT", FUNCTIONS "/bare/code", "{\"ImageUri\": \"h:8\"}", 200, NULL, NULL);
    assert_string_equal(version_of("bare", "$LATEST")->endpoints[0].url, "http://h:8");
    assert_string_equal(version_of("bare", "7")->endpoints[0].url, "http://h:7");
}

static void a_revision_guards_updates(void **state)
{
    json_t *json;
    char body[128];

    (void)state;
    make();
    json = api_get("GET", MADE "/configuration", NULL);
    snprintf(body, sizeof(body), "{\"Timeout\": 5, \"RevisionId\": \"%s\"}",
             text_of(json, "RevisionId"));
    json_decref(json);
    api_expect("PUT", MADE "/configuration", body, 200, NULL, NULL);
    api_expect("PUT", MADE "/configuration", body, 412, "PreconditionFailedException",
               "{\"message\":\"The Revision Id provided does not match the latest Revision Id.");
    api_expect("PUT", MADE "/code", "{\"ImageUri\": \"h:1\", \"RevisionId\": \"x\"}", 412,
               "PreconditionFailedException", NULL);
    api_expect("POST", MADE "/versions", "{\"RevisionId\": \"x\"}", 412,
               "PreconditionFailedException", NULL);
}

/* ---- ListFunctions --------------------------------------------------------------------------- */

static void expect_list(const char *query, const char *arns, const char *marker)
{
    char target[256], got[1024] = "";
    json_t *page, *item;
    size_t i;

    snprintf(target, sizeof(target), FUNCTIONS "%s", query);
    page = api_get("GET", target, NULL);
    json_array_foreach(json_object_get(page, "Functions"), i, item)
    {
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
                 strstr(text_of(item, "FunctionArn"), "function:") + 9);
        assert_null(json_object_get(item, "State"));
        assert_null(json_object_get(item, "LastUpdateStatus"));
    }
    assert_string_equal(got, arns);
    if (marker)
        assert_string_equal(text_of(page, "NextMarker"), marker);
    else
        assert_null(json_object_get(page, "NextMarker"));
    json_decref(page);
}

static void lists_come_in_pages(void **state)
{
    (void)state;
    expect_list("", "bare hello ", NULL);
    expect_list("?MaxItems=1", "bare ", "bare");
    expect_list("?MaxItems=1&Marker=bare", "hello ", NULL);
    expect_list("?Marker=b", "bare hello ", NULL); /* one that was removed since */
    expect_list("?FunctionVersion=ALL", "bare:7 hello:$LATEST hello:1 hello:2 hello:3 ", NULL);
    expect_list("?FunctionVersion=ALL&MaxItems=2", "bare:7 hello:$LATEST ", "hello:$LATEST");
    expect_list("?FunctionVersion=ALL&MaxItems=2&Marker=hello:%24LATEST", "hello:1 hello:2 ",
                "hello:2");
    expect_list("?FunctionVersion=ALL&MaxItems=9&Marker=hello:2", "hello:3 ", NULL);
    expect_list("?FunctionVersion=ALL&MaxItems=1", "bare:7 ", "bare:7");
    api_expect("GET", FUNCTIONS "?FunctionVersion=x", NULL, 400, "ValidationException",
               "Value 'x' at 'functionVersion' failed to satisfy constraint: Member must satisfy "
               "enum value set: [ALL]");
}

/* ---- DeleteFunction -------------------------------------------------------------------------- */

static void a_qualifier_never_deletes_the_function(void **state)
{
    (void)state;
    make();
    api_expect("POST", MADE "/versions", "{}", 201, NULL, "\"Version\":\"1\"");
    api_expect("DELETE", MADE "?Qualifier=9", NULL, 204, NULL, NULL);
    api_expect("DELETE", MADE "?Qualifier=%24LATEST", NULL, 400, "InvalidParameterValueException",
               "$LATEST version cannot be deleted without deleting the function.");
    api_expect("POST", MADE "/aliases", "{\"Name\": \"a\", \"FunctionVersion\": \"1\"}", 201, NULL,
               NULL);
    api_expect("DELETE", MADE "?Qualifier=a", NULL, 400, "InvalidParameterValueException",
               "Deletion of aliases is not currently supported.");
    api_expect("DELETE", MADE ":1", NULL, 409, "ResourceConflictException",
               "{\"message\":\"Unable to delete version because the following aliases reference "
               "it: [a]\",\"Type\":\"User\"}");
    api_expect("DELETE", MADE "/aliases/a", NULL, 204, NULL, NULL);
    api_expect("DELETE", MADE ":1", NULL, 204, NULL, NULL);
    assert_null(version_of("made", "1"));
    /* Its number is not used again. */
    api_expect("POST", MADE "/versions", "{}", 201, NULL, "\"Version\":\"2\"");
}

static void a_function_is_deleted(void **state)
{
    (void)state;
    make();
    api_expect("DELETE", MADE, NULL, 204, NULL, NULL);
    api_expect("DELETE", MADE, NULL, 404, "ResourceNotFoundException", "Function not found: " ARN);
    /* A route leads to it. */
    api_expect("DELETE", FUNCTIONS "/hello", NULL, 409, "ResourceConflictException", "$.routes[0]");
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_function_is_created),
        test(it_may_be_published_at_once),
        test(everything_that_is_said_is_kept),
        test(what_a_function_cannot_be_is_told),
        test(dead_letters_go_to_functions_and_urls),
        test(an_alias_shows_its_first_version),
        test(functions_of_the_file_have_defaults),
        test(code_and_configuration_are_updated),
        test(a_revision_guards_updates),
        test(lists_come_in_pages),
        test(a_qualifier_never_deletes_the_function),
        test(a_function_is_deleted),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
