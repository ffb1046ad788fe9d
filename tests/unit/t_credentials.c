/* The credentials document: what it may say, what it allows, and that no message shows a secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/credentials.h"
#include "control/permit.h"

#define NR(list) (sizeof(list) / sizeof((list)[0]))

static struct credentials *parse(const char *text, struct problems *problems)
{
    return credentials_parse(text, strlen(text), "keys.json", problems);
}

static struct credentials *parse_good(const char *text)
{
    struct problems problems = {0};
    struct credentials *c = parse(text, &problems);

    if (!c)
        fail_msg("%s: %s", problems.list[0].path, problems.list[0].message);
    assert_int_equal(problems_count(&problems), 0);
    return c;
}

static const char two_keys[] =
    "{\"keys\": ["
    "{\"access_key_id\": \"OPS\", \"secret_access_key\": \"s/1+\", \"allow\": [\"read\", "
    "\"write\"], \"functions\": [\"*\"]},"
    "{\"access_key_id\": \"CI\", \"secret_access_key\": \"s2\", \"session_token\": \"t\", "
    "\"allow\": [\"invoke\"], \"functions\": [\"orders\", \"shop-*\"]}]}";

static void keys_are_found_by_their_ids(void **state)
{
    struct credentials *c = parse_good(two_keys);
    const struct credentials_key *ci = credentials_find(c, STR("CI"));

    (void)state;
    assert_int_equal(c->nr_keys, 2);
    assert_non_null(ci);
    assert_string_equal(ci->secret_access_key, "s2");
    assert_string_equal(ci->session_token, "t");
    assert_string_equal(credentials_find(c, STR("OPS"))->secret_access_key, "s/1+");
    assert_null(credentials_find(c, STR("OPS"))->session_token);
    assert_null(credentials_find(c, STR("C")));
    assert_null(credentials_find(c, STR("CIA")));
    assert_null(credentials_find(c, STR("")));
    assert_null(credentials_find(NULL, STR("CI")));
    credentials_free(&c);
    assert_null(c);
    credentials_free(&c);
}

static void rights_and_functions_decide_together(void **state)
{
    struct credentials *c = parse_good(two_keys);
    const struct credentials_key *ci = credentials_find(c, STR("CI"));
    const struct credentials_key *ops = credentials_find(c, STR("OPS"));

    (void)state;
    assert_true(credentials_allow(ci, CREDENTIALS_INVOKE, STR("orders")));
    assert_true(credentials_allow(ci, CREDENTIALS_INVOKE, STR("shop-cart")));
    assert_true(credentials_allow(ci, CREDENTIALS_INVOKE, STR("shop-")));
    assert_false(credentials_allow(ci, CREDENTIALS_INVOKE, STR("orders2")));
    assert_false(credentials_allow(ci, CREDENTIALS_INVOKE, STR("order")));
    assert_false(credentials_allow(ci, CREDENTIALS_INVOKE, STR("shop")));
    assert_false(credentials_allow(ci, CREDENTIALS_INVOKE, STR("")));
    assert_false(credentials_allow(ci, CREDENTIALS_READ, STR("orders")));
    assert_true(credentials_allow(ops, CREDENTIALS_WRITE, STR("orders")));
    assert_true(credentials_allow(ops, CREDENTIALS_READ, STR("")));
    assert_false(credentials_allow(ops, CREDENTIALS_INVOKE, STR("orders")));
    credentials_free(&c);
}

static void a_refusal_names_user_action_and_resource(void **state)
{
    struct credentials *c = parse_good(two_keys);
    struct permit permit = {.right = CREDENTIALS_INVOKE,
                            .action = "lambda:InvokeFunction",
                            .function = STR("hello"),
                            .home = {STR("us-east-1"), STR("000000000000")}};
    struct sigv4_refusal refusal;
    const struct credentials_key *ci = credentials_find(c, STR("CI"));

    (void)state;
    assert_false(permit_check(ci, &permit, &refusal));
    assert_string_equal(refusal.type, "AccessDeniedException");
    assert_string_equal(refusal.message,
                        "User: arn:aws:iam::000000000000:user/CI is not authorized to perform: "
                        "lambda:InvokeFunction on resource: "
                        "arn:aws:lambda:us-east-1:000000000000:function:hello");
    permit.qualifier = STR("live");
    assert_false(permit_check(ci, &permit, &refusal));
    assert_non_null(strstr(refusal.message, ":function:hello:live"));
    permit.function = permit.qualifier = STR("");
    assert_false(permit_check(ci, &permit, &refusal));
    assert_non_null(strstr(refusal.message, "on resource: *"));
    permit.function = STR("orders");
    assert_true(permit_check(ci, &permit, &refusal));
    credentials_free(&c);
}

#define KEY(more) "{\"keys\": [{" more "}]}"
#define IDS       "\"access_key_id\": \"A\", \"secret_access_key\": \"hush\""
#define REST      "\"allow\": [\"read\"], \"functions\": [\"*\"]"

static void what_is_wrong_is_said_with_its_place(void **state)
{
    static const struct {
        const char *text, *path, *code;
    } cases[] = {
        {"{}", "$", "missing"},
        {"[]", "$", "wrong_type"},
        {"{\"keys\": []}", "$.keys", "empty"},
        {"{\"keys\": {}}", "$.keys", "wrong_type"},
        {"{\"key\": 1, \"keys\": []}", "$.key", "unknown_key"},
        {"{\"keys\": [1]}", "$.keys[0]", "wrong_type"},
        {KEY(IDS ", \"functions\": [\"*\"]"), "$.keys[0]", "missing"},
        {KEY(IDS ", \"allow\": [\"read\"]"), "$.keys[0]", "missing"},
        {KEY("\"access_key_id\": \"A\", " REST), "$.keys[0]", "missing"},
        {KEY("\"secret_access_key\": \"hush\", " REST), "$.keys[0]", "missing"},
        {KEY(IDS ", " REST ", \"secret\": \"hush\""), "$.keys[0].secret", "unknown_key"},
        {KEY(IDS ", " REST ", \"session_token\": \"hush hush\""), "$.keys[0].session_token",
         "bad_value"},
        {KEY(IDS ", " REST ", \"session_token\": null"), "$.keys[0].session_token", "wrong_type"},
        {KEY("\"access_key_id\": \"A/B\", \"secret_access_key\": \"hush\", " REST),
         "$.keys[0].access_key_id", "bad_value"},
        {KEY("\"access_key_id\": \"A\", \"secret_access_key\": \"\", " REST),
         "$.keys[0].secret_access_key", "bad_value"},
        {KEY("\"access_key_id\": \"A\", \"secret_access_key\": 12, " REST),
         "$.keys[0].secret_access_key", "wrong_type"},
        {KEY(IDS ", \"allow\": [\"admin\"], \"functions\": [\"*\"]"), "$.keys[0].allow[0]",
         "bad_value"},
        {KEY(IDS ", \"allow\": \"read\", \"functions\": [\"*\"]"), "$.keys[0].allow", "wrong_type"},
        {KEY(IDS ", \"allow\": [\"read\"], \"functions\": [\"a*b\"]"), "$.keys[0].functions[0]",
         "bad_value"},
        {KEY(IDS ", \"allow\": [\"read\"], \"functions\": [\"\"]"), "$.keys[0].functions[0]",
         "bad_value"},
        {"{\"keys\": [{" IDS ", " REST "}, {" IDS ", " REST "}]}", "$.keys", "duplicate"},
        {"{\"keys\": [{\"access_key_id\": \"A\", \"secret_access_key\" \"hush\"}]}", "$", "syntax"},
    };

    (void)state;
    for (size_t i = 0; i < NR(cases); i++) {
        struct problems problems = {0};
        bool is_found = false;

        if (parse(cases[i].text, &problems))
            fail_msg("%s is taken", cases[i].text);
        for (size_t k = 0; k < problems.nr; k++) {
            assert_null(strstr(problems.list[k].message, "hush"));
            assert_string_equal(problems.list[k].file, "keys.json");
            is_found |= strcmp(problems.list[k].path, cases[i].path) == 0 &&
                        strcmp(problems.list[k].code, cases[i].code) == 0;
        }
        if (!is_found)
            fail_msg("%s: not %s at %s but %s at %s", cases[i].text, cases[i].code, cases[i].path,
                     problems.list[0].code, problems.list[0].path);
        problems_fini(&problems);
    }
}

static void two_documents_that_say_the_same_are_equal(void **state)
{
    static const char *const others[] = {
        KEY("\"access_key_id\": \"B\", \"secret_access_key\": \"hush\", " REST),
        KEY("\"access_key_id\": \"A\", \"secret_access_key\": \"hash\", " REST),
        KEY(IDS ", \"session_token\": \"t\", " REST),
        KEY(IDS ", \"allow\": [\"write\"], \"functions\": [\"*\"]"),
        KEY(IDS ", \"allow\": [\"read\"], \"functions\": [\"a\"]"),
        KEY(IDS ", \"allow\": [\"read\"], \"functions\": [\"*\", \"a\"]"),
    };
    struct credentials *a = parse_good(KEY(IDS ", " REST)), *b = parse_good(KEY(REST "," IDS));

    (void)state;
    assert_true(credentials_equal(a, b));
    assert_true(credentials_equal(NULL, NULL));
    assert_false(credentials_equal(a, NULL));
    credentials_free(&b);
    for (size_t i = 0; i < NR(others); i++) {
        b = parse_good(others[i]);
        assert_false(credentials_equal(a, b));
        credentials_free(&b);
    }
    credentials_free(&a);
}

static void a_token_is_one_line(void **state)
{
    static const char *const bad[] = {"", "\n", "two words", "two\nlines", "caf\xc3\xa9"};
    struct problems problems = {0};
    char *token = credentials_token(" abc=\r\n", 7, "t", &problems);

    (void)state;
    assert_string_equal(token, "abc=");
    credentials_free_secret(&token);
    assert_null(token);
    for (size_t i = 0; i < NR(bad); i++) {
        assert_null(credentials_token(bad[i], strlen(bad[i]), "t", &problems));
        assert_int_equal(problems.nr, i + 1);
        assert_string_equal(problems.list[i].code, "bad_token");
        assert_null(strstr(problems.list[i].message, "two"));
    }
    problems_fini(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_by_their_ids),
        cmocka_unit_test(rights_and_functions_decide_together),
        cmocka_unit_test(a_refusal_names_user_action_and_resource),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(two_documents_that_say_the_same_are_equal),
        cmocka_unit_test(a_token_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
