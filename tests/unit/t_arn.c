/* Regions, accounts and partitions, and the ARNs that are made of them. */
#include "router/arn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void regions_have_their_form(void **state)
{
    static const char *const goods[] = {"us-east-1",      "eu-central-1",   "cn-north-1",
                                        "us-gov-east-1",  "us-isob-east-1", "us-iso-east-1",
                                        "eusc-de-east-1", "ap-southeast-7", "us-isof-south-1"};
    static const char *const bads[] = {"",
                                       "us",
                                       "us-east",
                                       "us-east-",
                                       "us-east-12",
                                       "US-EAST-1",
                                       "u-east-1",
                                       "us--1",
                                       "us-east-1 ",
                                       "eusc-east-1",
                                       "us_east_1",
                                       "Frankfurt",
                                       "us-averyveryveryveryverylongname-1"};

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        if (!arn_is_region(str_of(goods[i])))
            fail_msg("refused: %s", goods[i]);
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        if (arn_is_region(str_of(bads[i])))
            fail_msg("accepted: %s", bads[i]);
}

static void accounts_are_twelve_digits(void **state)
{
    (void)state;
    assert_true(arn_is_account(STR("000000000000")));
    assert_false(arn_is_account(STR("00000000000")));
    assert_false(arn_is_account(STR("0000000000000")));
    assert_false(arn_is_account(STR("00000000000a")));
    assert_false(arn_is_account(STR("")));
}

static void partitions_are_aws_and_what_follows(void **state)
{
    (void)state;
    assert_true(arn_is_partition(STR("aws")));
    assert_true(arn_is_partition(STR("aws-cn")));
    assert_true(arn_is_partition(STR("aws-us-gov")));
    assert_true(arn_is_partition(STR(""))); /* by Lambda's pattern */
    assert_false(arn_is_partition(STR("azure")));
    assert_false(arn_is_partition(STR("aws1")));
}

static void expect(const char *region, const char *qualifier, const char *expected)
{
    struct arn_home home = {str_of(region), STR("123456789012")};
    char text[ARN_ADDED_MAX + 64], *end;

    end = arn_write(text, &home, STR("hello"), str_of(qualifier));
    assert_true(end - text < (ptrdiff_t)sizeof(text));
    *end = '\0';
    assert_string_equal(text, expected);
}

static void an_arn_names_home_function_and_qualifier(void **state)
{
    (void)state;
    expect("us-east-1", "", "arn:aws:lambda:us-east-1:123456789012:function:hello");
    expect("eu-west-3", "live", "arn:aws:lambda:eu-west-3:123456789012:function:hello:live");
    expect("us-east-1", "$LATEST", "arn:aws:lambda:us-east-1:123456789012:function:hello:$LATEST");
    expect("cn-north-1", "1", "arn:aws-cn:lambda:cn-north-1:123456789012:function:hello:1");
    expect("us-gov-east-1", "1",
           "arn:aws-us-gov:lambda:us-gov-east-1:123456789012:function:hello:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_have_their_form),
        cmocka_unit_test(accounts_are_twelve_digits),
        cmocka_unit_test(partitions_are_aws_and_what_follows),
        cmocka_unit_test(an_arn_names_home_function_and_qualifier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
