/* The operations by name. */
#include "control/codedeploy.h"

#include <stdlib.h>
#include <string.h>

#include "conf/jsondoc.h"
#include "control/answer.h"
#include "control/change.h"
#include "control/codedeploy_application.h"
#include "control/codedeploy_call.h"
#include "control/codedeploy_config.h"
#include "control/codedeploy_deployment.h"
#include "control/codedeploy_group.h"
#include "control/codedeploy_shape.h"
#include "control/codedeploy_tags.h"
#include "control/codedeploy_target.h"

static const struct codedeploy_operation operations[] = {
    {"BatchGetApplications", codedeploy_application_batch, false},
    {"CreateApplication", codedeploy_application_create, true},
    {"DeleteApplication", codedeploy_application_delete, true},
    {"GetApplication", codedeploy_application_get, false},
    {"ListApplications", codedeploy_application_list, false},
    {"UpdateApplication", codedeploy_application_update, true},

    {"BatchGetDeploymentGroups", codedeploy_group_batch, false},
    {"CreateDeploymentGroup", codedeploy_group_create, true},
    {"DeleteDeploymentGroup", codedeploy_group_delete, true},
    {"GetDeploymentGroup", codedeploy_group_get, false},
    {"ListDeploymentGroups", codedeploy_group_list, false},
    {"UpdateDeploymentGroup", codedeploy_group_update, true},

    {"CreateDeploymentConfig", codedeploy_config_create, true},
    {"DeleteDeploymentConfig", codedeploy_config_delete, true},
    {"GetDeploymentConfig", codedeploy_config_get, false},
    {"ListDeploymentConfigs", codedeploy_config_list, false},

    {"BatchGetDeployments", codedeploy_deployment_batch, false},
    {"ContinueDeployment", codedeploy_deployment_continue, false},
    {"CreateDeployment", codedeploy_deployment_create, true},
    {"GetDeployment", codedeploy_deployment_get, false},
    {"ListDeployments", codedeploy_deployment_list, false},
    {"PutLifecycleEventHookExecutionStatus", codedeploy_deployment_report, true},
    {"StopDeployment", codedeploy_deployment_stop, true},

    {"BatchGetDeploymentTargets", codedeploy_target_batch, false},
    {"GetDeploymentTarget", codedeploy_target_get, false},
    {"ListDeploymentTargets", codedeploy_target_list, false},

    {"ListTagsForResource", codedeploy_tags_list, false},
    {"TagResource", codedeploy_tags_add, true},
    {"UntagResource", codedeploy_tags_remove, true},
};

static const struct str prefix = {"CodeDeploy_20141006.", 20};

static const struct codedeploy_operation *find(const struct api_request *request)
{
    struct str name = {request->target.p + prefix.n, request->target.n - prefix.n};

    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (str_eq(name, str_of(operations[i].name)))
            return &operations[i];
    return NULL;
}

static void run(struct codedeploy_call *call)
{
    struct str body = call->request->body;
    char reason[CODEDEPLOY_SHAPE_REASON_MAX];
    json_error_t error;

    call->body = json_loadb(body.n > 0 ? body.p : "{}", body.n > 0 ? body.n : 2,
                            JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(call->body))
        codedeploy_call_fail(call, "SerializationException", "The body is no JSON object: %s.",
                             call->body ? "it is something else" : error.text);
    else if (!codedeploy_shape_check(call->body, reason))
        codedeploy_call_fail(call, "SerializationException", "%s", reason);
    else
        call->operation->handle(call);
}

static void free_call(void *state)
{
    codedeploy_call_fini(state);
    free(state);
}

static void take_turn(struct change *change)
{
    struct codedeploy_call *call = calloc(1, sizeof(*call));

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
    run(call);
}

enum api_outcome codedeploy_handle(const struct api_hooks *hooks, const struct api_request *request,
                                   struct api_waiter *waiter, struct api_response *response)
{
    struct codedeploy_call call = {.hooks = hooks, .request = request, .out = response};

    if (!str_eq(request->path, STR("/")) || request->target.n < prefix.n ||
        memcmp(request->target.p, prefix.p, prefix.n) != 0)
        return API_NOT_MINE;
    if (!str_eq(request->method, STR("POST"))) {
        answer_not_allowed(response, "POST", "Operations of CodeDeploy are asked for by POST.");
        return API_ANSWERED;
    }
    call.ledger = &hooks->shifts->ledger;
    call.operation = find(request);
    if (!call.operation)
        codedeploy_call_fail(&call, "UnknownOperationException",
                             "weir serves no such operation of CodeDeploy; docs/shifts.md lists "
                             "those that it serves.");
    else if (call.operation->is_write)
        return change_begin(hooks, request, waiter, response, take_turn) ? API_ANSWERED : API_LATER;
    else
        run(&call);
    codedeploy_call_fini(&call);
    return API_ANSWERED;
}
