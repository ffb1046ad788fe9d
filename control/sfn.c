/* The operations by name. */
#include "control/sfn.h"

#include <stdlib.h>
#include <string.h>

#include "control/answer.h"
#include "control/change.h"
#include "control/ledger.h"
#include "control/sfn_alias.h"
#include "control/sfn_call.h"
#include "control/sfn_execution.h"
#include "control/sfn_machine.h"
#include "control/sfn_tags.h"
#include "control/sfn_version.h"
#include "control/shift.h"

#define READ(step)  .read = (step)
#define WRITE(step) .write = (step)
#define RUN(step)   .run = (step)

static const struct sfn_operation operations[] = {
    {"CreateStateMachine", WRITE(sfn_machine_create), .before = sfn_machine_before},
    {"DeleteStateMachine", WRITE(sfn_machine_delete)},
    {"DescribeStateMachine", READ(sfn_machine_describe)},
    {"ListStateMachines", READ(sfn_machine_list)},
    {"UpdateStateMachine", WRITE(sfn_machine_update), .before = sfn_machine_before},
    {"ValidateStateMachineDefinition", READ(sfn_machine_validate)},

    {"DeleteStateMachineVersion", WRITE(sfn_version_delete)},
    {"ListStateMachineVersions", READ(sfn_version_list)},
    {"PublishStateMachineVersion", WRITE(sfn_version_publish)},

    {"CreateStateMachineAlias", WRITE(sfn_alias_create)},
    {"DeleteStateMachineAlias", WRITE(sfn_alias_delete)},
    {"DescribeStateMachineAlias", READ(sfn_alias_describe)},
    {"ListStateMachineAliases", READ(sfn_alias_list)},
    {"UpdateStateMachineAlias", WRITE(sfn_alias_update)},

    {"DescribeExecution", RUN(sfn_execution_describe)},
    {"DescribeStateMachineForExecution", RUN(sfn_execution_describe_machine)},
    {"GetExecutionHistory", RUN(sfn_execution_history)},
    {"ListExecutions", RUN(sfn_execution_list)},
    {"RedriveExecution", RUN(sfn_execution_redrive)},
    {"StartExecution", RUN(sfn_execution_start)},
    {"StartSyncExecution", RUN(sfn_execution_start_sync)},
    {"StopExecution", RUN(sfn_execution_stop)},

    {"SendTaskFailure", RUN(sfn_task_failure)},
    {"SendTaskHeartbeat", RUN(sfn_task_heartbeat)},
    {"SendTaskSuccess", RUN(sfn_task_success)},

    {"ListTagsForResource", READ(sfn_tags_list)},
    {"TagResource", WRITE(sfn_tags_add)},
    {"UntagResource", WRITE(sfn_tags_remove)},
};

static const struct str prefix = {"AWSStepFunctions.", 17};

static const struct sfn_operation *find(const struct api_request *request)
{
    struct str name = {request->target.p + prefix.n, request->target.n - prefix.n};

    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (str_eq(name, str_of(operations[i].name)))
            return &operations[i];
    return NULL;
}

/* False: it has failed. */
static bool read_body(struct sfn_call *call)
{
    struct str body = call->request->body;
    json_error_t error;

    call->body = json_loadb(body.n > 0 ? body.p : "{}", body.n > 0 ? body.n : 2,
                            JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (json_is_object(call->body))
        return true;
    sfn_call_fail(call, "SerializationException", "The body is no JSON object: %s.",
                  call->body ? "it is something else" : error.text);
    return false;
}

static void free_call(void *state)
{
    sfn_call_fini(state);
    free(state);
}

static void take_turn(struct change *change)
{
    struct sfn_call *call = calloc(1, sizeof(*call));

    if (!call) {
        answer_json(&change->response, 503, NULL);
        return;
    }
    change->state = call;
    change->state_free = free_call;
    call->hooks = change->hooks;
    call->ledger = &change->hooks->shifts->ledger;
    call->request = &change->request;
    call->out = &change->response;
    call->change = change;
    call->operation = find(call->request);
    if (read_body(call))
        call->operation->write(call);
}

static enum api_outcome answer_now(struct sfn_call *call, struct api_waiter *waiter)
{
    enum api_outcome outcome = API_ANSWERED;

    if (!call->operation)
        sfn_call_fail(call, "UnknownOperationException",
                      "weir serves no such operation of Step Functions; docs/stepfunctions.md "
                      "lists those that it serves.");
    else if (read_body(call) && call->operation->run)
        outcome = call->operation->run(call, waiter);
    else if (!call->is_over)
        call->operation->read(call);
    sfn_call_fini(call);
    return outcome;
}

enum api_outcome sfn_handle(const struct api_hooks *hooks, const struct api_request *request,
                            struct api_waiter *waiter, struct api_response *response)
{
    struct sfn_call call = {.hooks = hooks, .request = request, .out = response};

    if (!str_eq(request->path, STR("/")) || request->target.n < prefix.n ||
        memcmp(request->target.p, prefix.p, prefix.n) != 0)
        return API_NOT_MINE;
    if (!str_eq(request->method, STR("POST"))) {
        answer_not_allowed(response, "POST", "Operations of Step Functions are asked for by POST.");
        return API_ANSWERED;
    }
    call.ledger = &hooks->shifts->ledger;
    call.operation = find(request);
    if (!call.operation || !call.operation->write)
        return answer_now(&call, waiter);
    if (call.operation->before) {
        enum api_outcome outcome = API_NOT_MINE;

        if (read_body(&call))
            outcome = call.operation->before(&call, waiter, take_turn);
        sfn_call_fini(&call);
        if (call.is_over || outcome != API_NOT_MINE)
            return call.is_over ? API_ANSWERED : outcome;
    }
    return change_begin(hooks, request, waiter, response, take_turn) ? API_ANSWERED : API_LATER;
}
