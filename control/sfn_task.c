/* SendTaskSuccess, -Failure and -Heartbeat: how an execution ends whose endpoint has only taken
 * it. */
#include <stdlib.h>
#include <string.h>

#include "control/lambda_check.h"
#include "control/sfn_engine.h"
#include "control/sfn_execution.h"
#include "control/tasktoken.h"

enum { TOKEN_MAX = 2048, ERROR_MAX = 256, CAUSE_MAX = 32768 };

/* asked->arn is the token. */
static void answer_reported(struct execution_asked *asked, const struct execution_told *told,
                            struct sfn_call *call)
{
    enum execution_result result = told->result;
    struct str id;
    uint64_t key;

    if (result == EXECUTION_ENDED && told->execution &&
        (!tasktoken_read(str_of(asked->arn), &key, &id) || !tasktoken_is(id, told->execution->id)))
        result = EXECUTION_BAD_TOKEN;
    switch (result) {
    case EXECUTION_OK:
    case EXECUTION_BEATS:
        sfn_call_answer_empty(call);
        return;
    case EXECUTION_BAD_TOKEN:
        sfn_call_fail(call, "InvalidToken", "Invalid Token: 'Invalid token'");
        return;
    case EXECUTION_ENDED:
        sfn_call_fail(call, "TaskTimedOut",
                      "Task Timed Out: 'Provided task does not exist anymore'");
        return;
    case EXECUTION_NONE:
        sfn_call_fail(call, "TaskDoesNotExist",
                      "Task Does Not Exist: 'Provided task does not exist'");
        return;
    default:
        if (!sfn_asked_fail(asked, told, call))
            sfn_call_fail_memory(call);
        return;
    }
}

static enum api_outcome report(struct sfn_call *call, struct api_waiter *waiter,
                               enum execution_report what, struct str output, const char *error,
                               const char *cause)
{
    const char *token = sfn_call_text(call, "taskToken");
    struct execution_asked *asked;
    enum execution_result result;

    sfn_call_require(call, token, "taskToken");
    lambda_check_length(&call->check, token, "taskToken", 1, TOKEN_MAX);
    if (sfn_call_is_wrong(call))
        return API_ANSWERED;
    asked = sfn_asked_make(call, waiter, token, answer_reported);
    if (!asked)
        return API_ANSWERED;
    result = execution_report(call->hooks->executions, what, str_of(token), output, error, cause,
                              &asked->wait);
    if (result == EXECUTION_BAD_TOKEN && sfn_engine_offer(asked, call->operation->name, call->body))
        return API_LATER;
    return sfn_asked_result(asked, call, result);
}

enum api_outcome sfn_task_success(struct sfn_call *call, struct api_waiter *waiter)
{
    struct str output = sfn_asked_json(call, "output", "InvalidOutput", "Invalid Output");

    sfn_call_require(call, output.p, "output");
    return report(call, waiter, EXECUTION_SUCCESS, output, NULL, NULL);
}

enum api_outcome sfn_task_failure(struct sfn_call *call, struct api_waiter *waiter)
{
    const char *error = sfn_call_text(call, "error"), *cause = sfn_call_text(call, "cause");

    lambda_check_length(&call->check, error, "error", 0, ERROR_MAX);
    lambda_check_length(&call->check, cause, "cause", 0, CAUSE_MAX);
    return report(call, waiter, EXECUTION_FAILURE, STR(""), error, cause);
}

enum api_outcome sfn_task_heartbeat(struct sfn_call *call, struct api_waiter *waiter)
{
    return report(call, waiter, EXECUTION_HEARTBEAT, STR(""), NULL, NULL);
}
