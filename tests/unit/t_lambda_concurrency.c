/* Reserved and provisioned concurrency, and the account's settings. */
#include "tests/unit/api_fixture.h"

#define PUT         "/2017-10-31/functions/hello/concurrency"
#define GET         "/2019-09-30/functions/hello/concurrency"
#define PROVISIONED "/2019-09-30/functions/hello/provisioned-concurrency"
#define ACCOUNT     "/2016-08-19/account-settings"

static void concurrency_is_reserved(void **state)
{
    const struct function *hello;

    (void)state;
    api_expect("GET", GET, NULL, 200, NULL, "{}");
    api_expect("PUT", PUT, "{\"ReservedConcurrentExecutions\": 7}", 200, NULL,
               "{\"ReservedConcurrentExecutions\":7}");
    hello = table_function(api.table, STR("hello"));
    assert_int_equal(hello->concurrency, 7);
    api_expect("GET", "/2015-03-31/functions/hello", NULL, 200, NULL,
               "\"Concurrency\":{\"ReservedConcurrentExecutions\":7}");
    api_expect("GET", ACCOUNT, NULL, 200, NULL,
               "\"ConcurrentExecutions\":1000000,\"UnreservedConcurrentExecutions\":999993}");
    api_expect("PUT", PUT, "{\"ReservedConcurrentExecutions\": 0}", 200, NULL, ":0}");
    api_expect("GET", GET, NULL, 200, NULL, "{\"ReservedConcurrentExecutions\":0}");
    api_expect("DELETE", PUT, NULL, 204, NULL, NULL);
    api_expect("DELETE", PUT, NULL, 204, NULL, NULL);
    api_expect("GET", GET, NULL, 200, NULL, "{}");
}

static void a_hundred_stay_unreserved(void **state)
{
    (void)state;
    api_expect("PUT", PUT, "{\"ReservedConcurrentExecutions\": 999901}", 400,
               "InvalidParameterValueException",
               "{\"message\":\"Specified ReservedConcurrentExecutions for function decreases "
               "account's UnreservedConcurrentExecution below its minimum value of [100].\"}");
    api_expect("PUT", PUT, "{\"ReservedConcurrentExecutions\": 999900}", 200, NULL, NULL);
    api_expect("PUT", PUT, "{\"ReservedConcurrentExecutions\": 999899}", 200, NULL, NULL);
    api_expect("PUT", "/2017-10-31/functions/bare/concurrency",
               "{\"ReservedConcurrentExecutions\": 2}", 400, "InvalidParameterValueException",
               NULL);
}

static void what_cannot_be_reserved_is_told(void **state)
{
    (void)state;
    api_expect("PUT", PUT, "{}", 400, "ValidationException",
               "Value null at 'reservedConcurrentExecutions'");
    api_expect("PUT", PUT, "{\"ReservedConcurrentExecutions\": -1}", 400, "ValidationException",
               "Value '-1' at 'reservedConcurrentExecutions' failed to satisfy constraint: Member "
               "must have value greater than or equal to 0");
    api_expect("PUT", "/2017-10-31/functions/hello:live/concurrency",
               "{\"ReservedConcurrentExecutions\": 1}", 400, "InvalidParameterValueException",
               "This operation is permitted on Lambda functions only. Aliases and versions do not "
               "support this operation. Please specify either a function name or an unqualified "
               "function ARN.");
    api_expect("PUT", "/2017-10-31/functions/nobody/concurrency",
               "{\"ReservedConcurrentExecutions\": 1}", 404, "ResourceNotFoundException",
               "function:nobody:$LATEST\"");
    api_expect("GET", "/2019-09-30/functions/nobody/concurrency", NULL, 404,
               "ResourceNotFoundException", "function:nobody\"");
}

static void nothing_is_provisioned(void **state)
{
    const char *one = "{\"ProvisionedConcurrentExecutions\": 1}";

    (void)state;
    api_expect("PUT", PROVISIONED "?Qualifier=live", one, 400, "InvalidParameterValueException",
               "Alias with weights can not be used with Provisioned Concurrency");
    api_expect("PUT", PROVISIONED "?Qualifier=beta", one, 400, "InvalidParameterValueException",
               "Provisioned Concurrency is not supported");
    api_expect("PUT", PROVISIONED "?Qualifier=1", one, 400, "InvalidParameterValueException", NULL);
    api_expect("PUT", PROVISIONED "?Qualifier=%24LATEST", one, 400,
               "InvalidParameterValueException",
               "Provisioned Concurrency Configs cannot be applied to unpublished function "
               "versions.");
    api_expect("PUT", PROVISIONED "?Qualifier=1", "{\"ProvisionedConcurrentExecutions\": 0}", 400,
               "ValidationException", "greater than or equal to 1");
    api_expect("PUT", PROVISIONED, one, 400, "ValidationException", "Value null at 'qualifier'");
    api_expect("PUT", PROVISIONED "?Qualifier=nope", one, 404, "ResourceNotFoundException",
               "function:hello:nope\"");
    api_expect("GET", PROVISIONED "?Qualifier=beta", NULL, 404,
               "ProvisionedConcurrencyConfigNotFoundException",
               "No Provisioned Concurrency Config found for this function");
    api_expect("GET", PROVISIONED "?List=ALL", NULL, 200, NULL,
               "{\"ProvisionedConcurrencyConfigs\":[]}");
    api_expect("DELETE", PROVISIONED "?Qualifier=beta", NULL, 204, NULL, NULL);
}

static void the_account_is_told(void **state)
{
    (void)state;
    api_expect("GET", ACCOUNT, NULL, 200, NULL,
               "\"AccountUsage\":{\"TotalCodeSize\":0,\"FunctionCount\":2}");
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(concurrency_is_reserved),
        test(a_hundred_stay_unreserved),
        test(what_cannot_be_reserved_is_told),
        test(nothing_is_provisioned),
        test(the_account_is_told),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
