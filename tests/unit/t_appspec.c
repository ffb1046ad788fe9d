/* AppSpecs in both languages, and everything malformed with a reason. */
#include "control/appspec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char yaml[] =
    "version: 0.0\n"
    "Resources:\n"
    "  - anyName:\n"
    "      Type: AWS::Lambda::Function\n"
    "      Properties:\n"
    "        Name: \"hello\"\n"
    "        Alias: live\n"
    "        CurrentVersion: \"1\"\n"
    "        TargetVersion: 2\n"
    "Hooks:\n"
    "  - BeforeAllowTraffic: CodeDeployHook_pre\n"
    "  - AfterAllowTraffic: 'arn:aws:lambda:us-east-1:123456789012:function:post:live'\n";

#define RESOURCE                                                                                   \
    "{\"f\":{\"Type\":\"AWS::Lambda::Function\",\"Properties\":{\"Name\":\"hello\","               \
    "\"Alias\":\"live\",\"CurrentVersion\":\"1\",\"TargetVersion\":\"2\"}}}"

static void take(struct appspec *spec, const char *text)
{
    char reason[APPSPEC_REASON_MAX];

    if (appspec_read(spec, str_of(text), reason) < 0)
        fail_msg("%s: %s", text, reason);
}

static void test_yaml(void **state)
{
    struct appspec spec;

    (void)state;
    take(&spec, yaml);
    assert_string_equal(spec.function, "hello");
    assert_string_equal(spec.alias, "live");
    assert_string_equal(spec.current, "1");
    assert_string_equal(spec.target, "2");
    assert_string_equal(spec.hooks[APPSPEC_BEFORE], "CodeDeployHook_pre");
    assert_string_equal(spec.hooks[APPSPEC_AFTER],
                        "arn:aws:lambda:us-east-1:123456789012:function:post:live");
}

static void test_forms_that_mean_the_same(void **state)
{
    static const char *const forms[] = {
        "{\"version\":0.0,\"Resources\":[" RESOURCE "]}",
        "{\"version\":\"0.0\",\"Resources\":" RESOURCE "}",
        "{\"version\":0,\"resources\":[{\"x\":{\"type\":\"AWS::Lambda::Function\",\"properties\":{"
        "\"name\":\"hello\",\"alias\":\"live\",\"currentversion\":1,\"targetversion\":2}}}],"
        "\"hooks\":[]}",
        "VERSION: '0.0'\nRESOURCES:\n- x:\n    TYPE: AWS::Lambda::Function\n    PROPERTIES: {NAME: "
        "'arn:aws:lambda:us-east-1:123456789012:function:hello', ALIAS: live, CURRENTVERSION: 1, "
        "TARGETVERSION: 2}\nHOOKS:\n",
        "\t{\"version\": 0.0,\n\t\"Resources\": [" RESOURCE "],\n\t\"Hooks\": {}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct appspec spec;

        take(&spec, forms[i]);
        assert_string_equal(spec.function, "hello");
        assert_string_equal(spec.alias, "live");
        assert_string_equal(spec.current, "1");
        assert_string_equal(spec.target, "2");
        assert_string_equal(spec.hooks[0], "");
    }
}

#define MACHINE(name, alias)                                                                       \
    "{\"version\":0.0,\"Resources\":[{\"a\":{\"Type\":\"AWS::StepFunctions::StateMachine\","       \
    "\"Properties\":{\"Name\":\"" name "\",\"Alias\":\"" alias "\",\"CurrentVersion\":\"1\","      \
    "\"TargetVersion\":\"2\"}}}]}"

static void test_state_machines(void **state)
{
    struct appspec spec;

    (void)state;
    take(&spec, MACHINE("my.machine", "PROD.1"));
    assert_string_equal(spec.function, "stateMachine:my.machine");
    assert_string_equal(spec.alias, "PROD.1");
    assert_string_equal(appspec_type(spec.function), "AWS::StepFunctions::StateMachine");
    take(&spec, MACHINE("arn:aws:states:us-east-1:000000000000:stateMachine:m", "live"));
    assert_string_equal(spec.function, "stateMachine:m");
    assert_string_equal(appspec_type("m"), "AWS::Lambda::Function");
}

static void test_hooks(void **state)
{
    struct appspec spec;

    (void)state;
    take(&spec, "{\"version\":0.0,\"Resources\":[" RESOURCE "],\"Hooks\":["
                "{\"beforeallowtraffic\":\"http://127.0.0.1:8000/check?a=b\"},"
                "{\"AFTERALLOWTRAFFIC\":\"post:live\"}]}");
    assert_string_equal(spec.hooks[APPSPEC_BEFORE], "http://127.0.0.1:8000/check?a=b");
    assert_string_equal(spec.hooks[APPSPEC_AFTER], "post:live");
    assert_true(hookname_is_url(spec.hooks[APPSPEC_BEFORE]));
    assert_false(hookname_is_url(spec.hooks[APPSPEC_AFTER]));
    assert_true(hookname_is("https://hooks.example/x"));
    assert_false(hookname_is("http://"));
    assert_false(hookname_is("http://a b/"));
    assert_false(hookname_is(""));
    assert_false(hookname_is("a b"));
    assert_false(hookname_is("f:1:2:3"));
}

static void test_what_is_malformed_says_why(void **state)
{
#define OF(properties)                                                                             \
    "{\"version\":0.0,\"Resources\":[{\"f\":{\"Type\":\"AWS::Lambda::Function\","                  \
    "\"Properties\":" properties "}}]}"
#define REST "\"Alias\":\"live\",\"CurrentVersion\":\"1\",\"TargetVersion\":\"2\""
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "empty"},
        {" ", "neither JSON nor YAML"},
        {"{", "neither JSON nor YAML"},
        {"a: [b", "neither JSON nor YAML"},
        {"a: &x b\nc: *x\n", "anchor"},
        {"--- {}\n--- {}\n", "second document"},
        {"a: 1\na: 2\n", "twice"},
        {"[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]x", "levels"},
        {"[]", "object"},
        {"text", "object"},
        {"{}", "version must be there"},
        {"{\"version\":1.0,\"Resources\":[" RESOURCE "]}", "0.0"},
        {"{\"version\":0.0}", "Resources is missing"},
        {"{\"version\":0.0,\"Resources\":[]}", "one resource"},
        {"{\"version\":0.0,\"Resources\":\"x\"}", "one resource"},
        {"{\"version\":0.0,\"Resources\":[" RESOURCE "," RESOURCE "]}", "one alias"},
        {"{\"version\":0.0,\"Resources\":[{\"a\":1}]}", "Type and Properties"},
        {"{\"version\":0.0,\"Resources\":[{\"a\":{}}]}", "AWS::Lambda::Function"},
        {"{\"version\":0.0,\"Resources\":[{\"a\":{\"Type\":\"AWS::ECS::Service\"}}]}",
         "AWS::Lambda::Function"},
        {"{\"version\":0.0,\"Resources\":[{\"a\":{\"Type\":\"AWS::StepFunctions::StateMachine\"}}]"
         "}",
         "Properties"},
        {MACHINE("a b", "live"), "of a state machine"},
        {MACHINE("m", "1 2"), "Alias must be"},
        {"{\"version\":0.0,\"Resources\":[{\"a\":{\"Type\":\"AWS::Lambda::Function\"}}]}",
         "Properties"},
        {"{\"version\":0.0,\"Resources\":[{\"a\":{\"Type\":\"AWS::Lambda::Function\",\"X\":1}}]}",
         "no key \"X\""},
        {"{\"version\":0.0,\"Resources\":[" RESOURCE "],\"Files\":1}", "no key \"Files\""},
        {"{\"version\":0.0,\"Version\":0.0,\"Resources\":[" RESOURCE "]}", "twice"},
        {OF("{" REST "}"), "Name"},
        {OF("{\"Name\":\"a b\"," REST "}"), "Name must be"},
        {OF("{\"Name\":\"hello:live\"," REST "}"), "without a qualifier"},
        {OF("{\"Name\":7," REST "}"), "Name"},
        {OF("{\"Name\":\"f\",\"CurrentVersion\":\"1\",\"TargetVersion\":\"2\"}"), "Alias"},
        {OF("{\"Name\":\"f\",\"Alias\":\"12\",\"CurrentVersion\":\"1\",\"TargetVersion\":\"2\"}"),
         "Alias must"},
        {OF("{\"Name\":\"f\",\"Alias\":\"a\",\"TargetVersion\":\"2\"}"), "CurrentVersion"},
        {OF("{\"Name\":\"f\",\"Alias\":\"a\",\"CurrentVersion\":\"1\"}"), "TargetVersion"},
        {OF("{\"Name\":\"f\",\"Alias\":\"a\",\"CurrentVersion\":\"1\",\"TargetVersion\":\"$"
            "LATEST\"}"),
         "TargetVersion must be the number"},
        {OF("{\"Name\":\"f\",\"Alias\":\"a\",\"CurrentVersion\":\"0\",\"TargetVersion\":\"2\"}"),
         "CurrentVersion must be the number"},
        {OF("{\"Name\":\"f\",\"Alias\":\"a\",\"CurrentVersion\":-1,\"TargetVersion\":\"2\"}"),
         "CurrentVersion must be the number"},
        {OF("{\"Name\":\"f\",\"Alias\":\"a\",\"CurrentVersion\":\"1\",\"TargetVersion\":true}"),
         "TargetVersion must be the number"},
        {"{\"version\":0.0,\"Resources\":[" RESOURCE "],\"Hooks\":7}", "Hooks must be a list"},
        {"{\"version\":0.0,\"Resources\":[" RESOURCE "],\"Hooks\":[7]}", "list of objects"},
        {"{\"version\":0.0,\"Resources\":[" RESOURCE "],\"Hooks\":[{\"Before\":\"f\"}]}",
         "no hook \"Before\""},
        {"{\"version\":0.0,\"Resources\":[" RESOURCE "],\"Hooks\":[{\"BeforeAllowTraffic\":7}]}",
         "must be the name or ARN"},
        {"{\"version\":0.0,\"Resources\":[" RESOURCE "],\"Hooks\":[{\"BeforeAllowTraffic\":\"\"}]}",
         "must be the name or ARN"},
        {"{\"version\":0.0,\"Resources\":[" RESOURCE "],\"Hooks\":[{\"BeforeAllowTraffic\":\"f\"},"
         "{\"beforeallowtraffic\":\"g\"}]}",
         "there twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char reason[APPSPEC_REASON_MAX] = "";
        struct appspec spec;

        if (appspec_read(&spec, str_of(cases[i].text), reason) == 0)
            fail_msg("taken: %s", cases[i].text);
        if (!strstr(reason, cases[i].reason))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, reason, cases[i].reason);
    }
}

/* Each beginning of a right one is wrong or right, and never more than that. */
static void test_cut_texts(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(yaml); n++) {
        char reason[APPSPEC_REASON_MAX];
        struct appspec spec;
        char *copy = malloc(n + 1);

        assert_non_null(copy);
        memcpy(copy, yaml, n);
        int r = appspec_read(&spec, (struct str){copy, n}, reason);
        assert_true(r == 0 || reason[0] != '\0');
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml),      cmocka_unit_test(test_forms_that_mean_the_same),
        cmocka_unit_test(test_hooks),     cmocka_unit_test(test_what_is_malformed_says_why),
        cmocka_unit_test(test_cut_texts), cmocka_unit_test(test_state_machines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
