/* CreateAlias, GetAlias, ListAliases, UpdateAlias and DeleteAlias: shapes, errors and texts as Lambda has them. */
#include "tests/unit/api_fixture.h"

#define FUNCTION "/2015-03-31/functions/hello"
#define LIVE     FUNCTION "/aliases/live"
#define BETA     FUNCTION "/aliases/beta"
#define ARN      "arn:aws:lambda:us-east-1:000000000000:function:hello"

static const struct target *find(const char *alias)
{
    return table_find(api.table, STR("hello"), str_of(alias), NULL);
}

static char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    assert_non_null(text);
    return (char *)(uintptr_t)text;
}

static double share_of(const json_t *alias, const char *version)
{
    json_t *routing = json_object_get(alias, "RoutingConfig");
    json_t *weights = json_object_get(routing, "AdditionalVersionWeights");

    assert_int_equal(json_object_size(routing), 1);
    return json_number_value(json_object_get(weights, version));
}

/* Returns the revision, which is to be freed. */
static char *update(const char *target, const char *body)
{
    json_t *json = api_get("PUT", target, body);
    char *revision = strdup(text_of(json, "RevisionId"));

    json_decref(json);
    return revision;
}

static void put(const char *target, const char *body)
{
    free(update(target, body));
}

/* ---- GetAlias -------------------------------------------------------------------------------- */

static void an_alias_has_lambdas_shape(void **state)
{
    json_t *live = api_get("GET", LIVE, NULL), *beta = api_get("GET", BETA, NULL);

    (void)state;
    assert_int_equal(json_object_size(live), 6);
    assert_string_equal(text_of(live, "AliasArn"), ARN ":live");
    assert_string_equal(text_of(live, "Name"), "live");
    assert_string_equal(text_of(live, "FunctionVersion"), "1");
    assert_string_equal(text_of(live, "Description"), "");
    assert_true(share_of(live, "2") == 0.05);
    assert_int_equal(json_object_size(beta), 5); /* one version: no RoutingConfig */
    assert_string_equal(text_of(beta, "Description"), "for testers");
    assert_string_equal(text_of(beta, "FunctionVersion"), "2");
    api_expect("GET", LIVE, NULL, 200, NULL, "\"2\":0.05}");
    json_decref(live);
    json_decref(beta);
}

static void a_revision_is_a_uuid(void **state)
{
    json_t *live = api_get("GET", LIVE, NULL), *beta = api_get("GET", BETA, NULL);
    const char *revision = text_of(live, "RevisionId");

    (void)state;
    assert_int_equal(strlen(revision), 36);
    assert_int_equal(strspn(revision, "0123456789abcdef-"), 36);
    for (int i = 0; i < 36; i++)
        assert_int_equal(revision[i] == '-', i == 8 || i == 13 || i == 18 || i == 23);
    assert_int_equal(revision[14], '4');
    assert_non_null(strchr("89ab", revision[19]));
    assert_string_not_equal(revision, text_of(beta, "RevisionId"));
    json_decref(live);
    json_decref(beta);
}

static void every_form_of_a_function_name_is_understood(void **state)
{
    static const char *const names[] = {
        "hello",
        "h%65llo",
        "function:hello",
        "000000000000:function:hello",
        "000000000000%3Afunction%3Ahello",
        "arn:aws:lambda:us-east-1:000000000000:function:hello",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello"};
    char target[256];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(target, sizeof(target), "/2015-03-31/functions/%s/aliases/l%%69ve", names[i]);
        api_expect("GET", target, NULL, 200, NULL, ARN ":live");
        snprintf(target, sizeof(target), "/2015-03-31/functions/%s/aliases", names[i]);
        api_expect("GET", target, NULL, 200, NULL, ARN ":live");
    }
    api_expect("GET", FUNCTION ":live/aliases/live", NULL, 400, "InvalidParameterValueException",
               "qualifier");
}

static void arns_have_the_settings_region_and_account(void **state)
{
    const char *text =
        "{\"aws\": {\"region\": \"eu-central-1\", \"account_id\": \"123456789012\"}}";

    (void)state;
    settings_unref(&api.settings);
    api.settings = settings_parse(text, strlen(text), "s.json", NULL);
    api_expect("GET", LIVE, NULL, 200, NULL,
               "\"arn:aws:lambda:eu-central-1:123456789012:function:hello:live\"");
    api_expect("GET", FUNCTION "/aliases/nope", NULL, 404, "ResourceNotFoundException",
               "arn:aws:lambda:eu-central-1:123456789012:function:hello:nope");
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    api_expect("GET", FUNCTION "/aliases/nope", NULL, 404, "ResourceNotFoundException",
               "\"Message\":\"Cannot find alias arn: " ARN ":nope\"");
    api_expect("PUT", FUNCTION "/aliases/nope", "{}", 404, "ResourceNotFoundException",
               "\"Message\":\"Alias not found: " ARN ":nope\"");
    api_expect("GET", "/2015-03-31/functions/other/aliases/live", NULL, 404,
               "ResourceNotFoundException",
               "Function not found: arn:aws:lambda:us-east-1:000000000000:function:other");
    api_expect("GET", "/2015-03-31/functions/other/aliases", NULL, 404, "ResourceNotFoundException",
               "Function not found");
    api_expect("GET", FUNCTION "/aliases/1", NULL, 400, "ValidationException", "at 'name'");
    api_expect("GET", FUNCTION "/aliases/a%20b", NULL, 400, "ValidationException",
               "{\"message\":\"1 validation error detected: Value 'a b' at 'name' failed to "
               "satisfy constraint: Member must satisfy regular expression pattern: "
               "(?!^[0-9]+$)([a-zA-Z0-9-_]+)\"}");
    api_expect("GET", "/2015-03-31/functions/b!d/aliases/1", NULL, 400, "ValidationException",
               "2 validation errors detected");
    api_expect("GET", "/2015-03-31/functions/\xff\xfe/aliases/live", NULL, 400,
               "ValidationException", "at 'functionName' failed");
}

/* ---- ListAliases ----------------------------------------------------------------------------- */

static void expect_list(const char *query, const char *names, const char *marker)
{
    char target[256], got[256] = "";
    json_t *page, *alias;
    size_t i;

    snprintf(target, sizeof(target), FUNCTION "/aliases%s", query);
    page = api_get("GET", target, NULL);
    json_array_foreach(json_object_get(page, "Aliases"), i, alias)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", text_of(alias, "Name"));
    assert_string_equal(got, names);
    if (marker)
        assert_string_equal(text_of(page, "NextMarker"), marker);
    else
        assert_int_equal(json_object_size(page), 1);
    json_decref(page);
}

static void lists_come_in_pages(void **state)
{
    (void)state;
    expect_list("", "beta edge live ", NULL);
    expect_list("?MaxItems=3", "beta edge live ", NULL);
    expect_list("?MaxItems=10000", "beta edge live ", NULL);
    expect_list("?MaxItems=2", "beta edge ", "edge");
    expect_list("?MaxItems=2&Marker=edge", "live ", NULL);
    expect_list("?Marker=b%65ta&MaxItems=1", "edge ", "edge");
    expect_list("?Marker=gone", "live ", NULL); /* an alias that was removed since */
    expect_list("?Marker=live", "", NULL);
    expect_list("?FunctionVersion=2", "beta ", NULL);
    expect_list("?FunctionVersion=%24LATEST", "edge ", NULL);
    expect_list("?FunctionVersion=9", "", NULL);
    api_expect("GET", "/2015-03-31/functions/bare/aliases", NULL, 200, NULL, "{\"Aliases\":[]}");
}

static void what_a_list_cannot_be_is_told(void **state)
{
    static const char *const bads[] = {"MaxItems=0",
                                       "MaxItems=10001",
                                       "MaxItems=",
                                       "MaxItems=-1",
                                       "MaxItems=%2b1",
                                       "MaxItems=1x",
                                       "MaxItems=99999999999999999999999",
                                       "FunctionVersion=live",
                                       "FunctionVersion=",
                                       "FunctionVersion=%zz"};
    char target[256];

    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        snprintf(target, sizeof(target), FUNCTION "/aliases?%s", bads[i]);
        api_expect("GET", target, NULL, 400, "ValidationException", "1 validation error detected");
    }
    api_expect("GET", FUNCTION "/aliases?MaxItems=0&FunctionVersion=a", NULL, 400,
               "ValidationException", "2 validation errors detected");
}

/* ---- UpdateAlias ----------------------------------------------------------------------------- */

static void weights_are_shifted(void **state)
{
    json_t *json =
        api_get("PUT", LIVE, "{\"RoutingConfig\": {\"AdditionalVersionWeights\": {\"3\": 0.1}}}");

    (void)state;
    assert_string_equal(text_of(json, "FunctionVersion"), "1");
    assert_true(share_of(json, "3") == 0.1);
    json_decref(json);
    assert_int_equal(find("live")->nr_arms, 2);
    assert_int_equal(find("live")->arms[0].weight, 900000000);
    assert_true(str_eq(find("live")->arms[1].version->name, STR("3")));
    api_expect("GET", "/table", NULL, 200, NULL, "\"3\": 10");
}

static void a_promotion_is_one_update(void **state)
{
    (void)state;
    put(LIVE,
        "{\"FunctionVersion\": \"2\", \"RoutingConfig\": {\"AdditionalVersionWeights\": {}}}");
    assert_int_equal(find("live")->nr_arms, 1);
    assert_true(str_eq(find("live")->arms[0].version->name, STR("2")));
    assert_int_equal(find("live")->arms[0].weight, SPLIT_ONE);
    put(LIVE, "{\"FunctionVersion\": \"$LATEST\"}");
    assert_true(str_eq(find("live")->arms[0].version->name, STR("$LATEST")));
}

static void what_is_left_out_stays(void **state)
{
    static const char *const nothing[] = {
        "", "{}",
        ("{\"FunctionVersion\": null, \"RoutingConfig\": null, \"Description\": null,"
         " \"RevisionId\": null}"),
        "{\"Name\": \"other\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        put(LIVE, nothing[i]);
        assert_int_equal(find("live")->nr_arms, 2);
        assert_int_equal(find("live")->arms[1].weight, 50000000);
    }
    put(LIVE, "{\"FunctionVersion\": \"3\"}");
    assert_true(str_eq(find("live")->arms[0].version->name, STR("3")));
    assert_int_equal(find("live")->arms[0].weight, 950000000);
    assert_true(str_eq(find("live")->arms[1].version->name, STR("2")));
    put(LIVE, "{\"RoutingConfig\": {}}");
    assert_int_equal(find("live")->nr_arms, 1);
    put(BETA, "{\"Description\": \"other\"}");
    assert_true(str_eq(find("beta")->description, STR("other")));
    put(BETA, "{\"FunctionVersion\": \"1\"}");
    assert_true(str_eq(find("beta")->description, STR("other")));
    assert_true(find("beta")->mode == SPLIT_RANDOM && find("beta")->is_failover);
    put(BETA, "{\"Description\": \"\"}");
    assert_int_equal(find("beta")->description.n, 0);
}

static void shares_of_all_and_nothing_are_kept(void **state)
{
    (void)state;
    put(LIVE, "{\"RoutingConfig\": {\"AdditionalVersionWeights\": {\"2\": 1}}}");
    assert_int_equal(find("live")->arms[0].weight, 0);
    assert_int_equal(find("live")->arms[1].weight, SPLIT_ONE);
    put(LIVE, "{\"RoutingConfig\": {\"AdditionalVersionWeights\": {\"2\": 0.0}}}");
    assert_int_equal(find("live")->nr_arms, 2);
    assert_int_equal(find("live")->arms[0].weight, SPLIT_ONE);
    /* Rounded to a billionth. */
    put(LIVE, "{\"RoutingConfig\": {\"AdditionalVersionWeights\": {\"2\": 0.33333333333}}}");
    assert_int_equal(find("live")->arms[1].weight, 333333333);
    api_expect("GET", LIVE, NULL, 200, NULL, "{\"2\":0.333333333}");
    /* weir's own API lets aliases have more versions, which then are all shown. */
    api_expect("PUT", "/functions/hello/aliases/live",
               "{\"weights\": {\"1\": 0, \"2\": 30, \"3\": 70}}", 200, NULL, NULL);
    api_expect("GET", LIVE, NULL, 200, NULL, "{\"2\":0.3,\"3\":0.7}");
    put(LIVE, "{\"Description\": \"kept\"}");
    assert_int_equal(find("live")->nr_arms, 3);
}

static void a_revision_guards_an_update(void **state)
{
    char *first = update(LIVE, "{}"), *second, body[128];
    json_t *json;

    (void)state;
    snprintf(body, sizeof(body), "{\"FunctionVersion\": \"3\", \"RevisionId\": \"%s\"}", first);
    second = update(LIVE, body);
    assert_string_not_equal(first, second);
    assert_true(str_eq(find("live")->arms[0].version->name, STR("3")));
    /* The first is out of date, whatever it asks for. */
    api_expect("PUT", LIVE, body, 412, "PreconditionFailedException",
               "\"message\":\"The Revision Id provided does not match the latest Revision Id. Call "
               "the GetFunction/GetAlias API to retrieve the latest Revision Id\"");
    api_expect("PUT", LIVE, "{\"RevisionId\": \"\"}", 412, "PreconditionFailedException", NULL);
    json = api_get("GET", LIVE, NULL);
    assert_string_equal(text_of(json, "RevisionId"), second);
    json_decref(json);
    free(first);
    free(second);
}

static void every_update_is_another_revision(void **state)
{
    char *first = update(LIVE, "{}"), *second = update(LIVE, "{}");

    (void)state;
    assert_string_not_equal(first, second);
    free(first);
    free(second);
}

static void a_reload_that_leaves_an_alias_keeps_its_revision(void **state)
{
    char *beta = update(BETA, "{}"), *live = update(LIVE, "{\"FunctionVersion\": \"3\"}");
    json_t *json;

    (void)state;
    api_reload_changed("\"1\": 95, \"2\": 5", "\"1\": 90, \"2\": 10");
    json = api_get("GET", BETA, NULL);
    assert_string_equal(text_of(json, "RevisionId"), beta);
    json_decref(json);
    json = api_get("GET", LIVE, NULL);
    assert_string_not_equal(text_of(json, "RevisionId"), live);
    json_decref(json);
    free(beta);
    free(live);
}

/* ---- CreateAlias, DeleteAlias ---------------------------------------------------------------- */

#define ALIASES FUNCTION "/aliases"

static void an_alias_is_created(void **state)
{
    struct api_response response = api_ask("POST", ALIASES,
                                           "{\"Name\": \"new\", \"FunctionVersion\": \"1\", "
                                           "\"Description\": \"d\", \"RoutingConfig\": "
                                           "{\"AdditionalVersionWeights\": {\"2\": 0.25}}}");

    (void)state;
    assert_int_equal(response.status, 201);
    assert_non_null(strstr(response.body,
                           "{\"AliasArn\":\"" ARN ":new\",\"Name\":\"new\",\"FunctionVersion\":"
                           "\"1\",\"Description\":\"d\",\"RevisionId\":\""));
    free(response.body);
    assert_int_equal(find("new")->nr_arms, 2);
    assert_int_equal(find("new")->arms[1].weight, 250000000);
    api_expect("POST", ALIASES, "{\"Name\": \"2024-01-02\", \"FunctionVersion\": \"$LATEST\"}", 201,
               NULL, "\"FunctionVersion\":\"$LATEST\",\"Description\":\"\"");
}

static void a_deleted_alias_is_gone(void **state)
{
    (void)state;
    api_expect("DELETE", BETA, NULL, 204, NULL, NULL);
    assert_null(find("beta"));
    api_expect("GET", BETA, NULL, 404, "ResourceNotFoundException", "Cannot find alias arn");
    api_expect("DELETE", BETA, NULL, 204, NULL, NULL); /* as Lambda has it */
    assert_int_equal(find("edge")->nr_arms, 1);
    api_expect("DELETE", "/2015-03-31/functions/nobody/aliases/x", NULL, 404,
               "ResourceNotFoundException", "Function not found: ");
    /* A route leads to it. */
    api_expect("DELETE", LIVE, NULL, 409, "ResourceConflictException", "$.routes[0]");
    assert_non_null(find("live"));
}

static void what_an_alias_cannot_be_is_told(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *type, *part;
    } list[] = {
        {"{}", 400, "ValidationException",
         "2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member "
         "must not be null; Value null at 'functionVersion' failed"},
        {"{\"Name\": \"123\", \"FunctionVersion\": \"1\"}", 400, "ValidationException",
         "Value '123' at 'name'"},
        {"{\"Name\": \"a b\", \"FunctionVersion\": \"live\"}", 400, "ValidationException",
         "2 validation errors"},
        {"{\"Name\": 1, \"FunctionVersion\": \"1\"}", 400, "SerializationException", "Name"},
        {"{\"Name\": \"live\", \"FunctionVersion\": \"1\"}", 409, "ResourceConflictException",
         "{\"message\":\"Alias already exists: " ARN ":live\",\"Type\":\"User\"}"},
        {"{\"Name\": \"live\", \"FunctionVersion\": \"9\"}", 404, "ResourceNotFoundException",
         "Function not found: " ARN ":9"},
        {"{\"Name\": \"n\", \"FunctionVersion\": \"$LATEST\", \"RoutingConfig\": "
         "{\"AdditionalVersionWeights\": {\"1\": 0.5}}}",
         400, "InvalidParameterValueException",
         "{\"message\":\"$LATEST is not supported for an alias pointing to more than 1 version\"}"},
        {"{\"Name\": \"n\", \"FunctionVersion\": \"1\", \"RoutingConfig\": "
         "{\"AdditionalVersionWeights\": {\"1\": 0.5}}}",
         400, "InvalidParameterValueException", "Invalid function version 1."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        api_expect("POST", ALIASES, list[i].body, list[i].status, list[i].type, list[i].part);
    assert_null(find("n"));
    api_expect("POST", "/2015-03-31/functions/nobody/aliases",
               "{\"Name\": \"n\", \"FunctionVersion\": \"1\"}", 404, "ResourceNotFoundException",
               "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:1");
}

/* ---- What is wrong --------------------------------------------------------------------------- */

#define WEIGHTS(w) "{\"RoutingConfig\": {\"AdditionalVersionWeights\": {" w "}}}"

static const struct {
    const char *body;
    int status;
    const char *type, *part;
} bads[] = {
    {"{", 400, "InvalidRequestContentException", "Could not parse request body into json: line 1"},
    {"[]", 400, "InvalidRequestContentException", NULL},
    {"{\"FunctionVersion\": 1}", 400, "SerializationException", "FunctionVersion"},
    {"{\"RoutingConfig\": []}", 400, "SerializationException", "RoutingConfig"},
    {"{\"RoutingConfig\": {\"AdditionalVersionWeights\": 1}}", 400, "SerializationException",
     "AdditionalVersionWeights"},
    {"{\"Description\": {}}", 400, "SerializationException", "Description"},
    {"{\"RevisionId\": 3}", 400, "SerializationException", "RevisionId"},
    {"{\"FunctionVersion\": \"(created)\"}", 400, "ValidationException",
     "Value '(created)' at 'functionVersion'"},
    {"{\"FunctionVersion\": \"$LATEST.PUBLISHED\"}", 404, "ResourceNotFoundException",
     "Function not found: " ARN ":$LATEST.PUBLISHED"},
    {"{\"FunctionVersion\": \"live\"}", 400, "ValidationException", "functionVersion"},
    {"{\"FunctionVersion\": \"\"}", 400, "ValidationException", "functionVersion"},
    {"{\"FunctionVersion\": \"10\"}", 404, "ResourceNotFoundException",
     "Function not found: " ARN ":10"},
    {WEIGHTS("\"10\": 0.5"), 404, "ResourceNotFoundException", "Function not found: " ARN ":10"},
    {WEIGHTS("\"02\": 0.5"), 404, "ResourceNotFoundException", "Function not found: " ARN ":02"},
    {WEIGHTS("\"2\": 2.0"), 400, "ValidationException",
     "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' "
     "failed "
     "to satisfy constraint: Map value must satisfy constraint: [Member must have value less than "
     "or "
     "equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"},
    {WEIGHTS("\"2\": -0.1"), 400, "ValidationException", "{2=-0.1}"},
    {WEIGHTS("\"2\": null"), 400, "ValidationException", "{2=null}"},
    {WEIGHTS("\"$LATEST\": 0.5"), 400, "ValidationException",
     "Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
     "constraint: Map keys must satisfy constraint: [Member must have length less than or equal to "
     "1024, Member must have length greater than or equal to 1, Member must satisfy regular "
     "expression pattern: [0-9]+]"},
    {WEIGHTS("\"live\": 3"), 400, "ValidationException", "2 validation errors detected"},
    {WEIGHTS("\"\": \"x\""), 400, "ValidationException", "2 validation errors detected"},
    {WEIGHTS("\"1\": 0.5"), 400, "InvalidParameterValueException",
     "Invalid function version 1. Function version 1 is already included in routing "
     "configuration."},
    {"{\"FunctionVersion\": \"2\"}", 400, "InvalidParameterValueException",
     "Function version 2 is already included"},
    {"{\"FunctionVersion\": \"$LATEST\"}", 400, "InvalidParameterValueException",
     "$LATEST is not supported for an alias pointing to more than 1 version"},
    {WEIGHTS("\"2\": 0.6, \"3\": 0.5"), 400, "InvalidParameterValueException",
     "Number of items in AdditionalVersionWeights cannot be greater than 1"},
};

static void mistakes_have_lambdas_types_and_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        api_expect("PUT", LIVE, bads[i].body, bads[i].status, bads[i].type, bads[i].part);
    assert_int_equal(api.nr_changes, 0);
    api_expect("GET", LIVE, NULL, 200, NULL, "\"2\":0.05}");
}

static void what_is_too_much_is_refused(void **state)
{
    char body[8192] = "{\"RoutingConfig\": {\"AdditionalVersionWeights\": {";
    size_t n = strlen(body);

    (void)state;
    for (int i = 2; i < SPLIT_ARMS_MAX + 2; i++)
        n += (size_t)snprintf(body + n, sizeof(body) - n, "%s\"%d\": 0.01", i > 2 ? ", " : "", i);
    snprintf(body + n, sizeof(body) - n, "}}}");
    api_expect("PUT", LIVE, body, 400, "InvalidParameterValueException",
               "Number of items in AdditionalVersionWeights cannot be greater than");
    snprintf(body, sizeof(body), "{\"Description\": \"%0257d\"}", 0);
    api_expect("PUT", LIVE, body, 400, "ValidationException", "less than or equal to 256");
    snprintf(body, sizeof(body), "{\"Description\": \"%0256d\"}", 0);
    put(LIVE, body);
    for (int characters = 256; characters <= 257; characters++) { /* not bytes */
        n = (size_t)snprintf(body, sizeof(body), "{\"Description\": \"");
        for (int i = 0; i < characters; i++)
            n += (size_t)snprintf(body + n, sizeof(body) - n, "é");
        snprintf(body + n, sizeof(body) - n, "\"}");
        if (characters == 256)
            put(LIVE, body);
        else
            api_expect("PUT", LIVE, body, 400, "ValidationException", "less than or equal to 256");
    }
    snprintf(body, sizeof(body), "{\"FunctionVersion\": \"%05000d\"}", 0);
    api_expect("PUT", LIVE, body, 400, "ValidationException", "functionVersion");
    /* Cut between the two bytes of a character: still text. */
    n = (size_t)snprintf(body, sizeof(body), "{\"FunctionVersion\": \"x");
    for (int i = 0; i < 400; i++)
        n += (size_t)snprintf(body + n, sizeof(body) - n, "é");
    snprintf(body + n, sizeof(body) - n, "\"}");
    api_expect("PUT", LIVE, body, 400, "ValidationException", "'x??");
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    api.is_out_of_memory = true;
    api_expect("PUT", LIVE, "{\"FunctionVersion\": \"3\"}", 503, "ServiceException", NULL);
    api_expect("GET", LIVE, NULL, 200, NULL, "\"FunctionVersion\":\"1\"");
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_alias_has_lambdas_shape),
        test(a_revision_is_a_uuid),
        test(every_form_of_a_function_name_is_understood),
        test(arns_have_the_settings_region_and_account),
        test(what_is_not_there_is_not_found),
        test(lists_come_in_pages),
        test(what_a_list_cannot_be_is_told),
        test(weights_are_shifted),
        test(a_promotion_is_one_update),
        test(what_is_left_out_stays),
        test(shares_of_all_and_nothing_are_kept),
        test(a_revision_guards_an_update),
        test(every_update_is_another_revision),
        test(a_reload_that_leaves_an_alias_keeps_its_revision),
        test(an_alias_is_created),
        test(a_deleted_alias_is_gone),
        test(what_an_alias_cannot_be_is_told),
        test(mistakes_have_lambdas_types_and_texts),
        test(what_is_too_much_is_refused),
        test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
