/* Requests and what they are about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/action.h"

struct example {
    const char *method, *path, *target, *body;
    const char *name, *service, *function;
    enum credentials_right right;
};

#define F "/2015-03-31/functions"

static const struct example examples[] = {
    {"GET", F, "", "", "lambda:ListFunctions", "lambda", "", CREDENTIALS_READ},
    {"GET", F "/", "", "", "lambda:ListFunctions", "lambda", "", CREDENTIALS_READ},
    {"POST", F, "", "{\"FunctionName\": \"hello\"}", "lambda:CreateFunction", "lambda", "hello",
     CREDENTIALS_WRITE},
    {"POST", F, "", "{\"FunctionName\": \"arn:aws:lambda:us-east-1:000000000000:function:hello\"}",
     "lambda:CreateFunction", "lambda", "hello", CREDENTIALS_WRITE},
    {"POST", F, "", "{\"FunctionName\": 1}", "lambda:CreateFunction", "lambda", "",
     CREDENTIALS_WRITE},
    {"POST", F, "", "{", "lambda:CreateFunction", "lambda", "", CREDENTIALS_WRITE},
    {"GET", F "/hello", "", "", "lambda:GetFunction", "lambda", "hello", CREDENTIALS_READ},
    {"HEAD", F "/hello", "", "", "lambda:GetFunction", "lambda", "hello", CREDENTIALS_READ},
    {"DELETE", F "/hello", "", "", "lambda:DeleteFunction", "lambda", "hello", CREDENTIALS_WRITE},
    {"PUT", F "/hello%3A1/code", "", "", "lambda:UpdateFunctionCode", "lambda", "hello",
     CREDENTIALS_WRITE},
    {"PUT", F "/hello/aliases/live", "", "", "lambda:UpdateAlias", "lambda", "hello",
     CREDENTIALS_WRITE},
    {"PUT", F "/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello/aliases/live", "",
     "", "lambda:UpdateAlias", "lambda", "hello", CREDENTIALS_WRITE},
    {"DELETE", F "/hello/aliases/live", "", "", "lambda:DeleteAlias", "lambda", "hello",
     CREDENTIALS_WRITE},
    {"POST", F "/hello/versions", "", "", "lambda:PublishVersion", "lambda", "hello",
     CREDENTIALS_WRITE},
    {"GET", "/2017-10-31/functions/hello/concurrency", "", "", "lambda:GetFunctionConcurrency",
     "lambda", "hello", CREDENTIALS_READ},
    {"POST", F "/hello/invocations", "", "", "lambda:InvokeFunction", "lambda", "hello",
     CREDENTIALS_INVOKE},
    {"POST", "/2014-11-13/functions/hello/invoke-async/", "", "", "lambda:InvokeFunction", "lambda",
     "hello", CREDENTIALS_INVOKE},
    {"POST", "/2021-11-15/functions/hello/response-streaming-invocations", "", "",
     "lambda:InvokeFunction", "lambda", "hello", CREDENTIALS_INVOKE},
    {"GET", "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello", "",
     "", "lambda:ListTags", "lambda", "hello", CREDENTIALS_READ},
    {"GET", "/2016-08-19/account-settings", "", "", "lambda:GetAccountSettings", "lambda", "",
     CREDENTIALS_READ},
    {"PATCH", F "/hello", "", "", "lambda:Put", "lambda", "hello", CREDENTIALS_WRITE},
    {"GET", F "/a!b", "", "", "lambda:GetFunction", "lambda", "", CREDENTIALS_READ},
    {"GET", "/functions/hello/aliases/live", "", "", "weir:Read", "lambda", "hello",
     CREDENTIALS_READ},
    {"PUT", "/functions/hello/aliases/live", "", "", "weir:Write", "lambda", "hello",
     CREDENTIALS_WRITE},
    {"PUT", "/table", "", "", "weir:Write", "lambda", "", CREDENTIALS_WRITE},
    {"POST", "/reload", "", "", "weir:Write", "lambda", "", CREDENTIALS_WRITE},
    {"GET", "/metrics", "", "", "weir:Read", "lambda", "", CREDENTIALS_READ},
    {"OPTIONS", "*", "", "", "weir:Write", "lambda", "", CREDENTIALS_WRITE},
    {"POST", "/", "AWSStepFunctions.ListStateMachines", "{}", "states:ListStateMachines", "states",
     "", CREDENTIALS_READ},
    {"POST", "/", "AWSStepFunctions.StartExecution", "{}", "states:StartExecution", "states", "",
     CREDENTIALS_INVOKE},
    {"POST", "/", "AWSStepFunctions.StopExecution", "{}", "states:StopExecution", "states", "",
     CREDENTIALS_INVOKE},
    {"POST", "/", "AWSStepFunctions.SendTaskSuccess", "{}", "states:SendTaskSuccess", "states", "",
     CREDENTIALS_INVOKE},
    {"POST", "/", "AWSStepFunctions.RedriveExecution", "{}", "states:RedriveExecution", "states",
     "", CREDENTIALS_INVOKE},
    {"POST", "/", "AWSStepFunctions.CreateStateMachine", "{}", "states:CreateStateMachine",
     "states", "", CREDENTIALS_WRITE},
    {"POST", "/", "AWSStepFunctions.DescribeExecution", "{}", "states:DescribeExecution", "states",
     "", CREDENTIALS_READ},
    {"POST", "/", "AWSStepFunctions.StartSyncExecution", "{}", "states:StartSyncExecution",
     "states", "", CREDENTIALS_INVOKE},
    {"POST", "/", "AWSStepFunctions.UpdateStateMachineAlias", "{}",
     "states:UpdateStateMachineAlias", "states", "", CREDENTIALS_WRITE},
    {"POST", "/", "CodeDeploy_20141006.GetDeployment", "{}", "codedeploy:GetDeployment",
     "codedeploy", "", CREDENTIALS_READ},
    {"POST", "/", "DynamoDB_20120810.GetItem", "{}", "weir:Write", "lambda", "", CREDENTIALS_WRITE},
};

static void requests_become_actions(void **state)
{
    struct action action;

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        const struct example *e = &examples[i];

        action_read(&action, str_of(e->method), str_of(e->path), str_of(e->target),
                    str_of(e->body));
        assert_string_equal(action.name, e->name);
        assert_string_equal(action.service, e->service);
        assert_int_equal(action.right, e->right);
        if (!str_eq(action.function, str_of(e->function)))
            fail_msg("%s %s is about %.*s", e->method, e->path, STR_ARG(action.function));
        assert_int_equal(action.json != NULL, strcmp(e->service, "lambda") != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests_become_actions)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
