/* The target of a deployment is FUNCTION:ALIAS. */
#include "control/codedeploy_target.h"

#include <stdio.h>
#include <string.h>

#include "control/codedeploy_deployment.h"
#include "router/arn.h"
#include "router/split.h"

enum { TARGET_ID_MAX = APPSPEC_FUNCTION_MAX + INVOKE_QUALIFIER_MAX + 2 };
enum { TARGET_ARN_MAX = ARN_ADDED_MAX + 2 * TARGET_ID_MAX };

static const char *write_id(const struct deployment *d, char out[TARGET_ID_MAX])
{
    struct str name = machine_bare(str_of(d->spec.function));

    snprintf(out, TARGET_ID_MAX, "%.*s:%s", STR_ARG(name), d->spec.alias);
    return out;
}

static void write_arn(const struct codedeploy_call *call, const struct deployment *d,
                      char out[TARGET_ARN_MAX])
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);
    struct arn_home home = {str_of(settings->aws.region), str_of(settings->aws.account_id)};

    if (machine_is(str_of(d->spec.function)))
        snprintf(out, TARGET_ARN_MAX, "arn:aws:states:%.*s:%.*s:%s:%s", STR_ARG(home.region),
                 STR_ARG(home.account), d->spec.function, d->spec.alias);
    else
        *arn_write(out, &home, str_of(d->spec.function), str_of(d->spec.alias)) = '\0';
}

/* ---- The target ------------------------------------------------------------------------------ */

static json_t *write_event(const struct deployment *d, int i)
{
    const struct deployment_state *s = &d->state;
    enum deployment_mark mark = s->events[i].mark;
    json_t *json = json_pack("{s:s, s:s}", "lifecycleEventName", deployment_event_names[i],
                             "status", deployment_mark_names[mark]);

    if (s->events[i].began_s > 0)
        json_object_set_new(json, "startTime", json_real(s->events[i].began_s));
    if (s->events[i].ended_s > 0)
        json_object_set_new(json, "endTime", json_real(s->events[i].ended_s));
    if (mark == DEPLOYMENT_MARK_FAILED)
        json_object_set_new(json, "diagnostics",
                            json_pack("{s:s, s:s, s:s, s:s}", "errorCode",
                                      i == DEPLOYMENT_BEFORE || i == DEPLOYMENT_AFTER
                                          ? "ScriptFailed"
                                          : "UnknownError",
                                      "scriptName", "", "message", s->message, "logTail", ""));
    return json;
}

static const char *status_of(enum deployment_status status)
{
    switch (status) {
    case DEPLOYMENT_CREATED:
    case DEPLOYMENT_QUEUED:
        return "Pending";
    case DEPLOYMENT_STOPPED:
        return "Skipped";
    default:
        return deployment_status_names[status];
    }
}

static json_t *show(const struct codedeploy_call *call, const struct deployment *d)
{
    struct str name = machine_bare(str_of(d->spec.function));
    char id[TARGET_ID_MAX], arn[TARGET_ARN_MAX];
    double updated_s = d->state.updated_s > 0
                           ? d->state.updated_s
                           : json_number_value(json_object_get(d->info, "createTime"));
    json_t *events = json_array();

    for (int i = 0; i < DEPLOYMENT_EVENTS; i++)
        json_array_append_new(events, write_event(d, i));
    write_arn(call, d, arn);
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:s, s:f, s:o, s:{s:s%, s:s, s:s, s:s, s:f}}}",
        "deploymentTargetType", "LambdaTarget", "lambdaTarget", "deploymentId", d->id, "targetId",
        write_id(d, id), "targetArn", arn, "status", status_of(d->state.status), "lastUpdatedAt",
        updated_s, "lifecycleEvents", events, "lambdaFunctionInfo", "functionName", name.p, name.n,
        "functionAlias", d->spec.alias, "currentVersion", d->spec.current, "targetVersion",
        d->spec.target, "targetVersionWeight", (double)d->state.weight * 100 / SPLIT_ONE);
}

/* The deployment that is named, and has begun; NULL where it fails. */
static const struct deployment *find(struct codedeploy_call *call)
{
    const struct deployment *d = codedeploy_deployment_named(call);

    if (!d || d->state.status != DEPLOYMENT_QUEUED)
        return d;
    codedeploy_call_fail(call, "DeploymentNotStartedException",
                         "The deployment %s has not started: another one of its group runs.",
                         d->id);
    return NULL;
}

static bool check_id(struct codedeploy_call *call, const struct deployment *d, const char *id)
{
    char own[TARGET_ID_MAX];

    if (strcmp(id, write_id(d, own)) == 0)
        return true;
    codedeploy_call_fail(call, "DeploymentTargetDoesNotExistException",
                         "The deployment %s has the one target %s, and not \"%.200s\".", d->id, own,
                         id);
    return false;
}

void codedeploy_target_get(struct codedeploy_call *call)
{
    const struct deployment *d = find(call);
    const char *id = d ? codedeploy_call_text(call, call->body, "targetId") : NULL;

    if (d && (!id || !*id))
        codedeploy_call_fail(call, "DeploymentTargetIdRequiredException", "targetId is required.");
    if (!call->is_over && check_id(call, d, id))
        codedeploy_call_answer_take(call, json_pack("{s:o}", "deploymentTarget", show(call, d)));
}

void codedeploy_target_batch(struct codedeploy_call *call)
{
    const struct deployment *d = find(call);
    const json_t *ids = d ? codedeploy_call_texts(call, call->body, "targetIds") : NULL;
    json_t *list = json_array();

    if (d && json_array_size(ids) == 0)
        codedeploy_call_fail(call, "DeploymentTargetIdRequiredException", "targetIds is required.");
    if (json_array_size(ids) > CODEDEPLOY_BATCH_MAX)
        codedeploy_call_fail(call, "DeploymentTargetListSizeExceededException",
                             "At most %d targets can be asked for at once.", CODEDEPLOY_BATCH_MAX);
    for (size_t i = 0; !call->is_over && i < json_array_size(ids); i++)
        if (check_id(call, d, json_string_value(json_array_get(ids, i))))
            json_array_append_new(list, show(call, d));
    if (call->is_over)
        json_decref(list);
    else
        codedeploy_call_answer_take(call, json_pack("{s:o}", "deploymentTargets", list));
}

/* targetFilters of {"TargetStatus": [...]}: others say nothing of functions. */
static bool passes(struct codedeploy_call *call, const struct deployment *d)
{
    const json_t *filters = codedeploy_call_member(call, call->body, "targetFilters", JSON_OBJECT);
    const json_t *statuses = json_object_get(filters, "TargetStatus");
    bool does_pass = json_array_size(statuses) == 0;

    for (size_t i = 0; i < json_array_size(statuses); i++) {
        const char *status = json_string_value(json_array_get(statuses, i));
        does_pass |= status && strcmp(status, status_of(d->state.status)) == 0;
    }
    return does_pass;
}

void codedeploy_target_list(struct codedeploy_call *call)
{
    const struct deployment *d = find(call);
    bool does_pass = d && passes(call, d);
    char id[TARGET_ID_MAX];
    json_t *ids;

    if (call->is_over)
        return;
    ids = json_array();
    if (does_pass)
        json_array_append_new(ids, json_string(write_id(d, id)));
    codedeploy_call_page_take(call, "targetIds", ids, NULL);
}
