/* Addresses of Invoke: every form of the contract by example, and the grammar against a regular
 * expression. */
#include "router/invoke.h"

#include <ctype.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/prng.h"

/* Region and account of the names in this file, which are weir's own. */
static struct arn_home home = {{"us-east-1", 9}, {"000000000000", 12}};

static enum invoke_result parse_path(struct invoke_address *out, const char *name,
                                     const char *query)
{
    static char path[4096]; /* the address's parts are in it */

    snprintf(path, sizeof(path), "/2015-03-31/functions/%s/invocations", name);
    return invoke_parse(out, &home, str_of(path), str_of(query));
}

static void check(const char *name, const char *query, const char *function, const char *qualifier)
{
    struct invoke_address a;

    if (parse_path(&a, name, query) != INVOKE_OK)
        fail_msg("%s?%s is not understood", name, query);
    if (!str_eq(a.function, str_of(function)) || !str_eq(a.qualifier, str_of(qualifier)))
        fail_msg("%s?%s is %.*s and %.*s", name, query, STR_ARG(a.function), STR_ARG(a.qualifier));
}

static void check_not(const char *name, const char *query, enum invoke_result expected)
{
    struct invoke_address a;
    enum invoke_result result = parse_path(&a, name, query);

    if (result != expected)
        fail_msg("%s?%s gives %d, not %d", name, query, (int)result, (int)expected);
}

/* The same, of a name in another region, where weir is for once. */
static void check_abroad(const char *name, const char *query, const char *function,
                         const char *qualifier)
{
    const struct arn_home before = home;
    struct str region = str_of(name);

    if (strncmp(name, "arn:", 4) == 0)
        for (int i = 0; i < 3; i++) {
            struct str field = str_until(region, ':');
            region.p += field.n + 1;
            region.n -= field.n + 1;
        }
    home.region = str_until(region, ':');
    check_not(name, query, INVOKE_OK);
    home = before;
    check_not(name, query, INVOKE_OTHER_REGION);
    home.region = str_until(region, ':');
    check(name, query, function, qualifier);
    home = before;
}

static void other_paths_are_not_this(void **state)
{
    static const char *const paths[] = {
        "/",
        "",
        "*",
        "/hello",
        "/2015-03-31/functions/hello",
        "/2015-03-31/functions/hello/",
        "/2015-03-31/functions/hello/invocations/",
        "/2015-03-31/functions/hello/invocation",
        "/2015-03-31/functions/invocations",
        "/2015-03-31/functions/a/b/invocations",
        "/2015-03-31/functions/hello/invocations/invocations",
        "/2015-03-31/Functions/hello/invocations",
        "/2014-11-13/functions/hello/invoke-async/x",
        "/2014-11-13/functions/hello/invocations",
        "/2021-11-15/functions/hello/invocations",
        "/2015-03-31/functions/hello/response-streaming-invocations",
        "/2021-10-31/functions/hello/url",
        "/x/2015-03-31/functions/hello/invocations",
        "/2015-03-31/functions//hello/invocations",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct invoke_address a;

        assert_int_equal(invoke_parse(&a, &home, str_of(paths[i]), STR("Qualifier=live")),
                         INVOKE_NOT_THIS);
    }
}

static void every_form_of_a_name_is_understood(void **state)
{
    (void)state;
    check("hello", "", "hello", "");
    check("hello:live", "", "hello", "live");
    check("hello:2", "", "hello", "2");
    check("hello:$LATEST", "", "hello", "$LATEST");
    check("hello:$LATEST.PUBLISHED", "", "hello", "$LATEST.PUBLISHED");
    check("000000000000:function:hello", "", "hello", "");
    check("000000000000:function:hello:live", "", "hello", "live");
    check("000000000000:hello", "", "hello", "");
    check("000000000000:hello:3", "", "hello", "3");
    check("us-east-1:000000000000:function:hello", "", "hello", "");
    check_abroad("us-gov-west-1:000000000000:hello:live", "", "hello", "live");
    check("function:hello", "", "hello", "");
    check("function:hello:live", "", "hello", "live");
    check("arn:aws:lambda:us-east-1:000000000000:function:hello", "", "hello", "");
    check("arn:aws:lambda:us-east-1:000000000000:function:hello:live", "", "hello", "live");
    check_abroad("arn:aws-us-gov:lambda:us-gov-east-1:000000000000:function:hello:$LATEST", "",
                 "hello", "$LATEST");
    check_abroad("arn:aws-cn:lambda:cn-north-1:000000000000:hello", "", "hello", "");
    check_abroad("arn:aws-eusc:lambda:eusc-de-east-1:000000000000:function:hello", "", "hello", "");
    check_abroad("arn:aws-iso-b:lambda:us-isob-east-1:000000000000:function:hello", "", "hello",
                 "");
    check_abroad("arn:aws-iso:lambda:us-iso-east-1:000000000000:function:hello", "", "hello", "");
}

static void names_that_look_like_parts_are_names(void **state)
{
    (void)state;
    check("function", "", "function", "");
    check("arn", "", "arn", "");
    check("arn:live", "", "arn", "live");
    check("arn:aws:lambda:us-east-1:000000000000:function", "", "function", "");
    check("function:function", "", "function", "");
    check("function:function:function", "", "function", "function");
    check("function:$LATEST", "", "function", "$LATEST");
    check("000000000000:function:$LATEST", "", "function", "$LATEST");
    check("000000000000", "", "000000000000", "");
    check("000000000000:$LATEST", "", "000000000000", "$LATEST");
    check("us-east-1", "", "us-east-1", "");
    check("my-app-1:live", "", "my-app-1", "live");
    check("us-east-1:000000000000", "", "us-east-1", "000000000000");
    check("0000000000001:live", "", "0000000000001", "live");
    check("with.dots_and-more", "", "with.dots_and-more", "");
}

static void names_may_be_percent_encoded(void **state)
{
    (void)state;
    check("hello%3Alive", "", "hello", "live");
    check("hello%3a%24LATEST", "", "hello", "$LATEST");
    check("%68ello", "", "hello", "");
    check("arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello%3A7", "", "hello", "7");
    check_not("hello%2Fworld", "", INVOKE_BAD_NAME);
    check_not("hello%00", "", INVOKE_BAD_NAME);
    check_not("hello%0d%0a", "", INVOKE_BAD_NAME);
    check_not("hello%", "", INVOKE_BAD_NAME);
    check_not("hello%3", "", INVOKE_BAD_NAME);
    check_not("hello%zz", "", INVOKE_BAD_NAME);
    check_not("hello%253Alive", "", INVOKE_BAD_NAME);
}

static void malformed_names_are_told(void **state)
{
    static const char *const names[] = {
        "",
        ":",
        ":live",
        "hello:",
        "*",
        "my-function!",
        "hello world",
        "hello:$LATES",
        "hello:$latest",
        "hello:live.x",
        "hello:1:2",
        "hello:$LATEST:extra",
        "bad:function:f",
        "function:",
        "function:hello:",
        "000000000000:",
        "000000000000:function:",
        "00000000000:function:hello",
        "us-east-1:function:hello",
        "us-east:000000000000:function:hello",
        "us-east-12:000000000000:function:hello",
        "US-east-1:000000000000:function:hello",
        "arn:aws:lambda:us-east-1:function:hello",
        "arn:aws:lambda:000000000000:function:hello",
        "arn:aws:lambda:function:hello",
        "arn:aws:s3:us-east-1:000000000000:function:hello",
        "arn:gcp:lambda:us-east-1:000000000000:function:hello",
        "arn:aws1:lambda:us-east-1:000000000000:function:hello",
        "arn:aws:lambda:us-east-1:000000000000",
        "arn:aws:lambda:us-east-1:000000000000:",
        "arn:aws:lambda:us-east-1:000000000000:function:hello:1:2",
        "arn:aws:lambda:us-east-1:000000000000:layer:hello:1:2",
        "::::::::::::::::::::::::",
        "a:a:a:a:a:a:a:a:a:a:a:a",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_not(names[i], "", INVOKE_BAD_NAME);
}

static void lengths_have_limits(void **state)
{
    char text[600];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[170] = '\0';
    check(text, "", text, "");
    text[170] = 'a';
    text[171] = '\0';
    check_not(text, "", INVOKE_BAD_NAME);
    text[1] = ':'; /* a qualifier of 128 is the longest */
    text[130] = '\0';
    check(text, "", "a", text + 2);
    text[130] = 'a';
    text[131] = '\0';
    check_not(text, "", INVOKE_BAD_NAME);
    memset(text, 'a', sizeof(text));
    memcpy(text, "Qualifier=", 10);
    text[138] = '\0';
    check("hello", text, "hello", text + 10);
    text[138] = 'a';
    text[139] = '\0';
    check_not("hello", text, INVOKE_BAD_QUALIFIER);
    text[599] = '\0';
    check_not("hello", text, INVOKE_BAD_QUALIFIER);
}

static void the_query_may_name_the_qualifier(void **state)
{
    (void)state;
    check("hello", "Qualifier=live", "hello", "live");
    check("hello", "Qualifier=%24LATEST", "hello", "$LATEST");
    check("hello", "Qualifier=$LATEST.PUBLISHED", "hello", "$LATEST.PUBLISHED");
    check("hello", "Qualifier=$latest", "hello", "$latest"); /* well-formed, if not to be found */
    check("hello", "%51ualifier=l%69ve", "hello", "live");
    check("hello", "a=b&Qualifier=live&c=d", "hello", "live");
    check("hello", "&&Qualifier=live&", "hello", "live");
    check("hello", "qualifier=other&Qualifiers=x&Qualifie=y&=z", "hello", "");
    check("hello", "a=Qualifier=live", "hello", "");
    check("hello", "x%zz=%", "hello", "");
    check_not("hello", "Qualifier", INVOKE_BAD_QUALIFIER);
    check_not("hello", "Qualifier=", INVOKE_BAD_QUALIFIER);
    check_not("hello", "Qualifier=a+b", INVOKE_BAD_QUALIFIER);
    check_not("hello", "Qualifier=a.b", INVOKE_BAD_QUALIFIER);
    check_not("hello", "Qualifier=%", INVOKE_BAD_QUALIFIER);
    check_not("hello", "Qualifier=%00", INVOKE_BAD_QUALIFIER);
    check_not("hello", "Qualifier=a=b", INVOKE_BAD_QUALIFIER);
}

static void each_operation_has_its_path(void **state)
{
    static const struct {
        const char *path;
        enum invoke_operation operation;
    } cases[] = {
        {"/2015-03-31/functions/hello%3Alive/invocations", INVOKE_BUFFERED},
        {"/2021-11-15/functions/hello:live/response-streaming-invocations", INVOKE_STREAM},
        {"/2014-11-13/functions/hello:live/invoke-async/", INVOKE_ASYNC},
        {"/2014-11-13/functions/hello:live/invoke-async", INVOKE_ASYNC},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct invoke_address a;

        assert_int_equal(invoke_parse(&a, &home, str_of(cases[i].path), STR("")), INVOKE_OK);
        assert_int_equal(a.operation, cases[i].operation);
        assert_true(str_eq(a.function, STR("hello")) && str_eq(a.qualifier, STR("live")));
    }
}

static void other_regions_and_accounts_are_told(void **state)
{
    (void)state;
    check_not("arn:aws:lambda:eu-west-1:000000000000:function:hello", "", INVOKE_OTHER_REGION);
    check_not("arn:aws:lambda:eu-west-1:111111111111:function:hello", "", INVOKE_OTHER_REGION);
    check_not("arn:aws:lambda:us-east-1:111111111111:function:hello:1", "", INVOKE_OTHER_ACCOUNT);
    check_not("111111111111:function:hello", "", INVOKE_OTHER_ACCOUNT);
    check_not("eu-west-1:000000000000:function:hello", "", INVOKE_OTHER_REGION);
}

static void explain(const char *name, const char *query, const char *expected)
{
    static char path[4096], text[INVOKE_REASON_MAX];
    struct invoke_address a;
    enum invoke_result result;

    snprintf(path, sizeof(path), "/2015-03-31/functions/%s/invocations", name);
    result = invoke_parse(&a, &home, str_of(path), str_of(query));
    assert_int_not_equal(result, INVOKE_OK);
    assert_int_not_equal(result, INVOKE_NOT_THIS);
    memset(text, 'x', sizeof(text));
    invoke_explain(result, &home, str_of(path), str_of(query), text);
    assert_non_null(memchr(text, '\0', sizeof(text)));
    assert_string_equal(text, expected);
}

#define CONSTRAINT        "' failed to satisfy constraint: Member must "
#define PATTERN           CONSTRAINT "satisfy regular expression pattern: "
#define QUALIFIER_PATTERN "\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
#define NAME_PATTERN                                                                               \
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?"    \
    "(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"

static void what_is_wrong_is_said_in_lambdas_words(void **state)
{
    char name[400], query[300], expected[1600];

    (void)state;
    explain(
        "hello:$LATES", "",
        "1 validation error detected: Value 'hello:$LATES' at 'functionName" PATTERN NAME_PATTERN);
    explain("my%2Dfunction!", "Qualifier=a.b",
            "2 validation errors detected: Value 'a.b' at 'qualifier" PATTERN QUALIFIER_PATTERN
            "; Value 'my-function!' at 'functionName" PATTERN NAME_PATTERN);
    explain(
        "hello", "Qualifier=",
        "2 validation errors detected: Value '' at 'qualifier" CONSTRAINT
        "have length greater than or equal to 1; Value '' at 'qualifier" PATTERN QUALIFIER_PATTERN);
    memset(name, 'a', 200);
    name[200] = '\0';
    snprintf(expected, sizeof(expected),
             "1 validation error detected: Value '%s' at 'functionName" CONSTRAINT
             "have length less than or equal to 170",
             name);
    explain(name, "", expected);
    memset(name, 'a', 129);
    name[129] = '\0';
    snprintf(query, sizeof(query), "Qualifier=%.200s", name);
    snprintf(expected, sizeof(expected),
             "1 validation error detected: Value '%s' at 'qualifier" CONSTRAINT
             "have length less than or equal to 128",
             name);
    explain("hello", query, expected);
    explain("hello:1", "Qualifier=2",
            "The derived qualifier from the function name does not match the specified qualifier.");
    explain("arn:aws:lambda:eu-west-1:000000000000:function:hello", "",
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')");
    explain("111111111111:function:hello:live", "",
            "User: arn:aws:iam::000000000000:root is not authorized to perform: "
            "lambda:InvokeFunction on resource: "
            "arn:aws:lambda:us-east-1:111111111111:function:hello because no resource-based policy "
            "allows the lambda:InvokeFunction action");
}

static void two_qualifiers_must_be_the_same(void **state)
{
    (void)state;
    check("hello:1", "Qualifier=1", "hello", "1");
    check("hello:%24LATEST", "Qualifier=$LATEST", "hello", "$LATEST");
    check("hello", "Qualifier=live&Qualifier=l%69ve", "hello", "live");
    check_not("hello:$LATEST", "Qualifier=1", INVOKE_MISMATCH);
    check_not("hello:live", "Qualifier=Live", INVOKE_MISMATCH);
    check_not("hello", "Qualifier=live&Qualifier=beta", INVOKE_MISMATCH);
    check_not("hello:live", "Qualifier=live&Qualifier=beta", INVOKE_MISMATCH);
    /* What is malformed comes first. */
    check_not("hello!", "Qualifier=", INVOKE_BAD_QUALIFIER);
    check_not("hello:1", "Qualifier=2&Qualifier=!", INVOKE_BAD_QUALIFIER);
    check_not("hello!", "Qualifier=1&Qualifier=2", INVOKE_BAD_NAME);
}

/* Lambda's published pattern. What is added here is that a full ARN names region and account, as
 * the service wants it. */
static const char pattern[] =
    "^((arn:(aws[a-zA-Z-]*)?:lambda:((eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-[0-9]:)([0-9]{12}:))"
    "|"
    "((eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-[0-9]:[0-9]{12}:)|([0-9]{12}:))?"
    "(function:)?[a-zA-Z0-9_.-]+(:([$]LATEST([.]PUBLISHED)?|[a-zA-Z0-9_-]+))?$";

static void names_follow_the_published_pattern(void **state)
{
    static const char *const pieces[] = {"arn",
                                         "aws",
                                         "lambda",
                                         "us-east-1",
                                         "000000000000",
                                         "function",
                                         "hello",
                                         "live",
                                         "7",
                                         "$LATEST",
                                         ":",
                                         ":",
                                         ":",
                                         ":",
                                         ".",
                                         "-",
                                         "",
                                         "eusc-de-east-1",
                                         "aws-cn",
                                         "$",
                                         "us-isob-west-2",
                                         "us-gov-east-1",
                                         ".PUBLISHED",
                                         "!"};
    static const char *const heads[] = {"",
                                        "arn:aws:lambda:us-east-1:000000000000:",
                                        "us-east-1:000000000000:",
                                        "000000000000:function:",
                                        "function:",
                                        "arn:aws:lambda:"};
    regex_t regex;
    struct prng g;
    int nr_good = 0;

    (void)state;
    prng_seed(&g, 1);
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    for (int i = 0; i < 60000; i++) {
        struct invoke_address a;
        enum invoke_result result;
        char name[256];
        int n = snprintf(name, sizeof(name), "%s", heads[prng_below(&g, 6)]);
        bool is_good;

        for (uint32_t k = prng_below(&g, 7); k > 0; k--)
            n += snprintf(name + n, sizeof(name) - (size_t)n, "%s",
                          pieces[prng_below(&g, sizeof(pieces) / sizeof(pieces[0]))]);
        is_good = regexec(&regex, name, 0, NULL, 0) == 0;
        nr_good += is_good;
        result = parse_path(&a, name, "");
        if (result == INVOKE_OTHER_REGION || result == INVOKE_OTHER_ACCOUNT)
            result = INVOKE_OK; /* well-formed */
        if (result != (is_good ? INVOKE_OK : INVOKE_BAD_NAME))
            fail_msg("%s gives %d, but the pattern says %d", name, (int)result, is_good);
    }
    regfree(&regex);
    assert_true(nr_good > 5000);
}

static void arbitrary_bytes_do_no_harm(void **state)
{
    static const char alphabet[] = "%%%%:$&=Qualifier2F3A24/.-_ahzAZ09\x80\xff";
    struct prng g;

    (void)state;
    prng_seed(&g, 2);
    for (int i = 0; i < 60000; i++) {
        struct invoke_address a;
        char name[64], query[64];
        size_t n = prng_below(&g, sizeof(name)), m = prng_below(&g, sizeof(query));

        for (size_t k = 0; k < n; k++)
            name[k] = alphabet[prng_below(&g, sizeof(alphabet) - 1)];
        for (size_t k = 0; k < m; k++)
            query[k] = alphabet[prng_below(&g, sizeof(alphabet) - 1)];
        name[n] = query[m] = '\0';
        if (parse_path(&a, name, query) != INVOKE_OK)
            continue;
        assert_true(a.function.n >= 1 && a.function.n <= INVOKE_NAME_MAX);
        assert_true(a.qualifier.n <= INVOKE_QUALIFIER_MAX);
        for (size_t k = 0; k < a.function.n; k++)
            assert_true(isalnum((unsigned char)a.function.p[k]) || strchr("-_.", a.function.p[k]));
    }
}

static void document_names_have_their_own_grammar(void **state)
{
    char text[130];

    (void)state;
    memset(text, '1', sizeof(text));
    assert_true(invoke_is_function_name(STR("a-Z_09")));
    assert_true(invoke_is_function_name((struct str){text, 64}));
    assert_false(invoke_is_function_name((struct str){text, 65}));
    assert_false(invoke_is_function_name(STR("")));
    assert_false(invoke_is_function_name(STR("a.b")));
    assert_false(invoke_is_function_name(STR("a:b")));
    assert_true(invoke_is_alias_name(STR("live")));
    assert_true(invoke_is_alias_name(STR("1a")));
    assert_true(invoke_is_alias_name(STR("-")));
    assert_false(invoke_is_alias_name(STR("12")));
    assert_false(invoke_is_alias_name(STR("")));
    assert_false(invoke_is_alias_name(STR("$LATEST")));
    text[0] = 'a';
    assert_true(invoke_is_alias_name((struct str){text, 128}));
    assert_false(invoke_is_alias_name((struct str){text, 129}));
    assert_true(invoke_is_version_name(STR("$LATEST")));
    assert_true(invoke_is_version_name(STR("1")));
    assert_true(invoke_is_version_name(STR("18446744073709551615")));
    assert_false(invoke_is_version_name(STR("118446744073709551615")));
    assert_false(invoke_is_version_name(STR("0")));
    assert_false(invoke_is_version_name(STR("01")));
    assert_false(invoke_is_version_name(STR("")));
    assert_false(invoke_is_version_name(STR("1a")));
    assert_false(invoke_is_version_name(STR("$latest")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_paths_are_not_this),
        cmocka_unit_test(every_form_of_a_name_is_understood),
        cmocka_unit_test(names_that_look_like_parts_are_names),
        cmocka_unit_test(names_may_be_percent_encoded),
        cmocka_unit_test(malformed_names_are_told),
        cmocka_unit_test(lengths_have_limits),
        cmocka_unit_test(the_query_may_name_the_qualifier),
        cmocka_unit_test(each_operation_has_its_path),
        cmocka_unit_test(other_regions_and_accounts_are_told),
        cmocka_unit_test(what_is_wrong_is_said_in_lambdas_words),
        cmocka_unit_test(two_qualifiers_must_be_the_same),
        cmocka_unit_test(names_follow_the_published_pattern),
        cmocka_unit_test(arbitrary_bytes_do_no_harm),
        cmocka_unit_test(document_names_have_their_own_grammar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
