/* Cutting objects and arrays into members: every kind of value, every way to break the glue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "conf/jsonscan.h"

struct cut {
    const char *text;
    const char *members; /* as "key=value;", the end of an array or object as "." */
};

static void members_of(const char *text, char *out, size_t size)
{
    struct jsonscan_member member;
    struct jsonscan scan;
    enum jsonscan_step step;
    size_t n = 0;

    if (!jsonscan_open(&scan, str_of(text))) {
        snprintf(out, size, "none");
        return;
    }
    while ((step = jsonscan_next(&scan, &member)) == JSONSCAN_MEMBER)
        n += (size_t)snprintf(out + n, size - n, "%.*s=%.*s;", STR_ARG(member.key),
                              STR_ARG(member.value));
    snprintf(out + n, size - n, "%s",
             step == JSONSCAN_BROKEN  ? "!"
             : jsonscan_is_all(&scan) ? "."
                                      : "..");
}

static void members_are_cut_with_their_keys(void **state)
{
    static const struct cut cuts[] = {
        {" {} ", "."},
        {"[]", "."},
        {"{} x", ".."},
        {"{\"a\":1}", "\"a\"=1;."},
        {"\n{ \"a\" :\t[1, {\"b\": 2}] , \"c\": \"}\\\"]\" }\r\n",
         "\"a\"=[1, {\"b\": 2}];\"c\"=\"}\\\"]\";."},
        {"[true,null , -1.5e3,\"\",{},[[]]]", "=true;=null;=-1.5e3;=\"\";={};=[[]];."},
        /* What is within a value is for its parser. */
        {"[tru, {]]", "=tru;={];."},
        {"", "none"},
        {" 1", "none"},
        {"\"{}\"", "none"},
        {"{", "!"},
        {"[", "!"},
        {"[1", "=1;!"},
        {"[1,", "=1;!"},
        {"[1,]", "=1;!"},
        {"[,1]", "!"},
        {"[1 2]", "=1;!"},
        {"[1}", "=1;!"},
        {"{\"a\":1]", "\"a\"=1;!"},
        {"{\"a\":1,}", "\"a\"=1;!"},
        {"{\"a\"}", "!"},
        {"{\"a\" 1}", "!"},
        {"{\"a\":}", "!"},
        {"{a:1}", "!"},
        {"{\"a", "!"},
        {"{\"a\\", "!"},
        {"{\"a\":\"b}", "!"},
        {"{\"a\":[1,2}", "\"a\"=[1,2};!"},
        {"{\"a\":{\"b\":1}", "\"a\"={\"b\":1};!"},
    };
    char found[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        members_of(cuts[i].text, found, sizeof(found));
        assert_string_equal(found, cuts[i].members);
    }
}

static void a_value_without_end_is_the_rest_of_the_text(void **state)
{
    struct str text = STR("{\"a\": [1, 2");
    struct jsonscan_member member;
    struct jsonscan scan;

    (void)state;
    assert_true(jsonscan_open(&scan, text));
    assert_int_equal(jsonscan_next(&scan, &member), JSONSCAN_BROKEN);
    assert_true(str_eq(member.key, STR("\"a\"")));
    assert_true(str_eq(member.value, STR("[1, 2")));
    assert_true(str_eq(jsonscan_value(STR("[1, 2] , 3")), STR("[1, 2]")));
    assert_int_equal(jsonscan_value(member.value).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_cut_with_their_keys),
        cmocka_unit_test(a_value_without_end_is_the_rest_of_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
