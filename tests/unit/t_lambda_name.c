/* FunctionName: what it says of function, qualifier, region and account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/lambda_name.h"

static const struct {
    const char *text, *function, *qualifier, *region, *account;
} goods[] = {
    {"hello", "hello", "", "", ""},
    {"hello:live", "hello", "live", "", ""},
    {"hello:$LATEST", "hello", "$LATEST", "", ""},
    {"function:hello", "hello", "", "", ""},
    {"000000000000:function:hello:2", "hello", "2", "", "000000000000"},
    {"000000000000:hello", "hello", "", "", "000000000000"},
    {"000000000000:$LATEST", "000000000000", "$LATEST", "", ""},
    {"eu-west-1:000000000000:function:hello", "hello", "", "eu-west-1", "000000000000"},
    {"my-app-1:live", "my-app-1", "live", "", ""},
    {"eu-west-1:live", "eu-west-1", "live", "", ""},
    {"arn:aws:lambda:us-east-1:123456789012:function:hello:live", "hello", "live", "us-east-1",
     "123456789012"},
    {"arn:aws:lambda:us-east-1:123456789012:function", "function", "", "us-east-1", "123456789012"},
    {"arn:live", "arn", "live", "", ""},
    {"with.dot", "with.dot", "", "", ""},
};

static void names_are_cut(void **state)
{
    struct lambda_name name;

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        if (!lambda_name_parse(str_of(goods[i].text), &name))
            fail_msg("%s is refused", goods[i].text);
        assert_string_equal(name.text, goods[i].text);
        assert_string_equal(name.function, goods[i].function);
        assert_string_equal(name.qualifier, goods[i].qualifier);
        assert_string_equal(name.region, goods[i].region);
        assert_string_equal(name.account, goods[i].account);
    }
}

static void other_texts_are_none(void **state)
{
    static const char *const bads[] = {"",
                                       "*",
                                       "my-function!",
                                       "bad:function:f",
                                       "hello:1:2",
                                       "hello:$LATEST:extra",
                                       "hello:$LATES",
                                       "h%65llo",
                                       "he llo",
                                       "arn:aws:lambda:us-east-1:function:hello",
                                       "arn:aws:sqs:us-east-1:123456789012:function:hello"};
    struct lambda_name name;

    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        assert_false(lambda_name_parse(str_of(bads[i]), &name));
        assert_string_equal(name.text, bads[i]);
        assert_string_equal(name.function, "");
    }
    assert_false(lambda_name_parse(STR("a\0b"), &name));
}

static void what_is_too_long_is_cut(void **state)
{
    char text[2048];
    struct lambda_name name;

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_false(lambda_name_parse((struct str){text, sizeof(text)}, &name));
    assert_int_equal(strlen(name.text), sizeof(name.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_cut),
        cmocka_unit_test(other_texts_are_none),
        cmocka_unit_test(what_is_too_long_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
