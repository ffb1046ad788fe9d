/* What is wrong with the form of a deployment is told at once; what is wrong with its target shows
 * later, as its end (control/shift.c). */
#include "control/codedeploy_deployment.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "control/codedeploy_config.h"
#include "control/codedeploy_group.h"

enum { DESCRIPTION_MAX = 1000, SHA256 = 32 };

/* ---- One deployment -------------------------------------------------------------------------- */

/* Names follow the application and the group, which may have got others. */
static void add_names(const struct codedeploy_call *call, const struct deployment *d, json_t *json)
{
    const json_t *application =
        ledger_application_by(call->ledger, deployment_text(d, "applicationId"));
    const char *name = json_string_value(json_object_get(application, "applicationName"));
    const json_t *group =
        ledger_group_by(call->ledger, name ? name : "", deployment_text(d, "deploymentGroupId"));

    json_object_set_new(json, "applicationName",
                        json_string(name ? name : deployment_text(d, "applicationName")));
    json_object_set(json, "deploymentGroupName",
                    json_object_get(group ? group : d->info, "deploymentGroupName"));
}

static json_t *write_overview(enum deployment_status status)
{
    bool is_pending = status == DEPLOYMENT_CREATED || status == DEPLOYMENT_QUEUED;

    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "Pending", is_pending, "InProgress",
                     status == DEPLOYMENT_IN_PROGRESS, "Succeeded", status == DEPLOYMENT_SUCCEEDED,
                     "Failed", status == DEPLOYMENT_FAILED, "Skipped", status == DEPLOYMENT_STOPPED,
                     "Ready", 0);
}

static void add_rollback(const struct deployment *d, json_t *json)
{
    const char *triggering = deployment_text(d, "triggering");
    char message[160];

    if (triggering[0]) {
        snprintf(message, sizeof(message), "Deployment %s is rolled back by this one.", triggering);
        json_object_set_new(json, "rollbackInfo",
                            json_pack("{s:s, s:s}", "rollbackTriggeringDeploymentId", triggering,
                                      "rollbackMessage", message));
    } else if (d->state.rollback_id[0]) {
        snprintf(message, sizeof(message), "Rolled back by deployment %s.", d->state.rollback_id);
        json_object_set_new(json, "rollbackInfo",
                            json_pack("{s:s, s:s}", "rollbackDeploymentId", d->state.rollback_id,
                                      "rollbackMessage", message));
    }
}

static void copy_members(const struct deployment *d, json_t *json)
{
    static const char *const members[] = {"deploymentConfigName",
                                          "createTime",
                                          "description",
                                          "creator",
                                          "revision",
                                          "previousRevision",
                                          "autoRollbackConfiguration",
                                          "ignoreApplicationStopFailures",
                                          "overrideAlarmConfiguration"};

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_t *value = json_object_get(d->info, members[i]);
        if (value)
            json_object_set(json, members[i], value);
    }
}

static json_t *show(const struct codedeploy_call *call, const struct deployment *d)
{
    const struct deployment_state *s = &d->state;
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:o, s:{s:s, s:s}, s:b, s:b, s:s, s:b}", "deploymentId", d->id,
                  "status", deployment_status_names[s->status], "computePlatform", "Lambda",
                  "deploymentOverview", write_overview(s->status), "deploymentStyle",
                  "deploymentType", "BLUE_GREEN", "deploymentOption", "WITH_TRAFFIC_CONTROL",
                  "instanceTerminationWaitTimeStarted", 0, "updateOutdatedInstancesOnly", 0,
                  "fileExistsBehavior", "DISALLOW", "ignoreApplicationStopFailures", 0);

    if (!json)
        return NULL;
    copy_members(d, json);
    add_names(call, d, json);
    add_rollback(d, json);
    if (s->started_s > 0)
        json_object_set_new(json, "startTime", json_real(s->started_s));
    if (s->completed_s > 0)
        json_object_set_new(json, "completeTime", json_real(s->completed_s));
    if (s->code[0])
        json_object_set_new(json, "errorInformation",
                            json_pack("{s:s, s:s}", "code", s->code, "message", s->message));
    return json;
}

/* d- and nine capital letters or digits. */
static bool is_id(const char *id)
{
    return strlen(id) == DEPLOYMENT_ID && strncmp(id, "d-", 2) == 0 &&
           strspn(id + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == DEPLOYMENT_ID - 2;
}

static struct deployment *find(struct codedeploy_call *call, const char *id)
{
    struct deployment *d = is_id(id) ? ledger_deployment(call->ledger, id) : NULL;

    if (!is_id(id))
        codedeploy_call_fail(call, "InvalidDeploymentIdException",
                             "The deployment id %.60s is not in the form d-XXXXXXXXX, of capital "
                             "letters and digits.",
                             id);
    else if (!d)
        codedeploy_call_fail(call, "DeploymentDoesNotExistException",
                             "The deployment %s could not be found", id);
    return d;
}

struct deployment *codedeploy_deployment_named(struct codedeploy_call *call)
{
    const char *id = codedeploy_call_text(call, call->body, "deploymentId");

    if (id && *id)
        return find(call, id);
    codedeploy_call_fail(call, "DeploymentIdRequiredException", "deploymentId is required.");
    return NULL;
}

void codedeploy_deployment_get(struct codedeploy_call *call)
{
    const struct deployment *d = codedeploy_deployment_named(call);

    if (d)
        codedeploy_call_answer_take(call, json_pack("{s:o}", "deploymentInfo", show(call, d)));
}

void codedeploy_deployment_batch(struct codedeploy_call *call)
{
    json_t *ids = codedeploy_call_texts(call, call->body, "deploymentIds");
    json_t *list = json_array();

    if (json_array_size(ids) == 0)
        codedeploy_call_fail(call, "DeploymentIdRequiredException", "deploymentIds is required.");
    if (json_array_size(ids) > CODEDEPLOY_BATCH_MAX)
        codedeploy_call_fail(call, "BatchLimitExceededException",
                             "At most %d deployments can be asked for at once.",
                             CODEDEPLOY_BATCH_MAX);
    for (size_t i = 0; !call->is_over && i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        const struct deployment *d = is_id(id) ? ledger_deployment(call->ledger, id) : NULL;

        if (!is_id(id))
            (void)find(call, id);
        else if (d)
            json_array_append_new(list, show(call, d));
    }
    if (call->is_over)
        json_decref(list);
    else
        codedeploy_call_answer_take(call, json_pack("{s:o}", "deploymentsInfo", list));
}

void codedeploy_deployment_continue(struct codedeploy_call *call)
{
    const struct deployment *d = codedeploy_deployment_named(call);

    if (d)
        codedeploy_call_fail(call, "UnsupportedActionForDeploymentTypeException",
                             "A deployment of a Lambda function goes on by itself: %s waits for "
                             "nobody.",
                             d->id);
}

/* ---- ListDeployments ------------------------------------------------------------------------- */

struct filter {
    const char *application_id, *group_id; /* NULL: any */
    const json_t *statuses;
    double start_s, end_s; /* 0: no bound */
};

static bool passes(const struct filter *f, const struct deployment *d)
{
    double created_s = json_number_value(json_object_get(d->info, "createTime"));
    bool is_status = json_array_size(f->statuses) == 0;

    for (size_t i = 0; i < json_array_size(f->statuses); i++)
        is_status |= deployment_status_of(json_string_value(json_array_get(f->statuses, i))) ==
                     (int)d->state.status;
    return is_status &&
           (!f->application_id ||
            strcmp(f->application_id, deployment_text(d, "applicationId")) == 0) &&
           (!f->group_id || strcmp(f->group_id, deployment_text(d, "deploymentGroupId")) == 0) &&
           created_s >= f->start_s && (f->end_s == 0 || created_s <= f->end_s);
}

static void read_times(struct codedeploy_call *call, struct filter *f)
{
    const json_t *range = codedeploy_call_member(call, call->body, "createTimeRange", JSON_OBJECT);

    f->start_s = json_number_value(codedeploy_call_member(call, range, "start", JSON_REAL));
    f->end_s = json_number_value(codedeploy_call_member(call, range, "end", JSON_REAL));
    if (f->end_s != 0 && f->end_s < f->start_s)
        codedeploy_call_fail(call, "InvalidTimeRangeException",
                             "The end of createTimeRange comes before its start.");
}

static void read_statuses(struct codedeploy_call *call, struct filter *f)
{
    f->statuses = codedeploy_call_texts(call, call->body, "includeOnlyStatuses");
    for (size_t i = 0; !call->is_over && i < json_array_size(f->statuses); i++) {
        const char *status = json_string_value(json_array_get(f->statuses, i));

        if (deployment_status_of(status) < 0 && strcmp(status, "Ready") != 0 &&
            strcmp(status, "Baking") != 0)
            codedeploy_call_fail(call, "InvalidDeploymentStatusException",
                                 "There is no status \"%.60s\".", status);
    }
}

static void read_names(struct codedeploy_call *call, struct filter *f)
{
    bool has_application = json_is_string(json_object_get(call->body, "applicationName"));
    bool has_group = json_is_string(json_object_get(call->body, "deploymentGroupName"));
    const json_t *application = has_application ? codedeploy_call_application(call) : NULL;
    const json_t *group = NULL;

    if (has_group && !has_application)
        codedeploy_call_fail(call, "ApplicationNameRequiredException",
                             "deploymentGroupName without applicationName says nothing.");
    else if (has_application && !has_group)
        codedeploy_call_fail(call, "DeploymentGroupNameRequiredException",
                             "applicationName without deploymentGroupName says nothing: give both, "
                             "or neither.");
    if (application && has_group && !call->is_over)
        group = codedeploy_call_group(call, "deploymentGroupName");
    f->application_id = json_string_value(json_object_get(application, "applicationId"));
    f->group_id = json_string_value(json_object_get(group, "deploymentGroupId"));
}

void codedeploy_deployment_list(struct codedeploy_call *call)
{
    const char *external = codedeploy_call_text(call, call->body, "externalId");
    struct filter filter = {0};
    const struct deployment *d;
    json_t *ids;

    read_names(call, &filter);
    read_statuses(call, &filter);
    read_times(call, &filter);
    if (call->is_over)
        return;
    ids = json_array();
    TAILQ_FOREACH(d, &call->ledger->deployments, link)
    {
        /* None was asked for by another service, with an id of its own. */
        if (!(external && *external) && passes(&filter, d))
            json_array_append_new(ids, json_string(d->id));
    }
    codedeploy_call_page_take(call, "deployments", ids, NULL);
}

/* ---- CreateDeployment ------------------------------------------------------------------------ */

static bool is_sha256(struct str text, const char *hex)
{
    unsigned char digest[SHA256];
    char own[2 * SHA256 + 1];

    if (EVP_Digest(text.p, text.n, digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    for (size_t i = 0; i < SHA256; i++)
        snprintf(own + 2 * i, 3, "%02x", digest[i]);
    return strcasecmp(own, hex) == 0;
}

static void check_content(struct codedeploy_call *call, const json_t *content, const char *member)
{
    const char *text = codedeploy_call_text(call, content, "content");
    const char *sha256 = codedeploy_call_text(call, content, "sha256");
    char reason[APPSPEC_REASON_MAX];
    struct appspec spec;

    if (call->is_over)
        return;
    if (!text)
        codedeploy_call_fail(call, "InvalidRevisionException", "The revision has no %s.content.",
                             member);
    else if (sha256 && *sha256 && !is_sha256(str_of(text), sha256))
        codedeploy_call_fail(
            call, "InvalidRevisionException",
            "sha256 is another than that of the %zu bytes of content, as they came "
            "(in hexadecimal; it may be left out).",
            strlen(text));
    else if (appspec_read(&spec, str_of(text), reason) < 0)
        codedeploy_call_fail(call, "InvalidRevisionException", "The AppSpec is malformed. %s",
                             reason);
}

/* NULL where it fails. Borrowed. */
static json_t *read_revision(struct codedeploy_call *call)
{
    json_t *revision = codedeploy_call_member(call, call->body, "revision", JSON_OBJECT);
    const char *type = codedeploy_call_text(call, revision, "revisionType");
    const char *member = "appSpecContent";

    if (!revision) {
        codedeploy_call_fail(call, "RevisionRequiredException", "revision is required.");
        return NULL;
    }
    if (type && (strcmp(type, "S3") == 0 || strcmp(type, "GitHub") == 0))
        codedeploy_call_fail(call, "InvalidRevisionException",
                             "weir reads no revisions from %s: give the text itself, revisionType "
                             "AppSpecContent.",
                             type);
    else if (!type || (strcmp(type, "AppSpecContent") != 0 && strcmp(type, "String") != 0))
        codedeploy_call_fail(call, "InvalidRevisionException",
                             "revisionType must be AppSpecContent or String, not \"%.60s\".",
                             type ? type : "");
    if (type && strcmp(type, "String") == 0)
        member = "string";
    if (!call->is_over)
        check_content(call, codedeploy_call_member(call, revision, member, JSON_OBJECT), member);
    return call->is_over ? NULL : revision;
}

/* What servers have, and functions have not. */
static void check_others(struct codedeploy_call *call)
{
    if (json_is_string(json_object_get(call->body, "fileExistsBehavior")))
        codedeploy_call_fail(call, "InvalidFileExistsBehaviorException",
                             "For Lambda and ECS deployment, fileExistsBehavior can not be "
                             "specified");
    if (json_object_size(json_object_get(call->body, "targetInstances")) > 0)
        codedeploy_call_fail(call, "InvalidTargetInstancesException",
                             "For Lambda deployment, targetInstances can not be specified");
}

/* The alarms that count: a list of names, taken; NULL where it fails. */
static json_t *read_alarms(struct codedeploy_call *call, const json_t *group)
{
    const json_t *rule = codedeploy_group_alarms(call, "overrideAlarmConfiguration");
    json_t *names = json_array();

    if (!rule)
        rule = json_object_get(group, "alarmConfiguration");
    for (size_t i = 0; json_is_true(json_object_get(rule, "enabled")) &&
                       i < json_array_size(json_object_get(rule, "alarms"));
         i++)
        json_array_append(
            names, json_object_get(json_array_get(json_object_get(rule, "alarms"), i), "name"));
    return names;
}

/* Puts what may be left out into the info. */
static void add_optional(struct codedeploy_call *call, const json_t *group, json_t *info)
{
    const char *description = codedeploy_call_text(call, call->body, "description");
    json_t *rollback = codedeploy_group_rollback(call);
    json_t *alarms =
        codedeploy_call_member(call, call->body, "overrideAlarmConfiguration", JSON_OBJECT);
    int ignores = codedeploy_call_flag(call, call->body, "ignoreApplicationStopFailures");

    if (description && strlen(description) > DESCRIPTION_MAX)
        codedeploy_call_fail(call, "DescriptionTooLongException",
                             "description has %zu bytes; at most %d may be.", strlen(description),
                             DESCRIPTION_MAX);
    if (description)
        json_object_set_new(info, "description", json_string(description));
    if (!rollback)
        rollback = json_object_get(group, "autoRollbackConfiguration");
    json_object_set(info, "autoRollbackConfiguration", rollback);
    if (alarms)
        json_object_set(info, "overrideAlarmConfiguration", alarms);
    json_object_set_new(info, "ignoreApplicationStopFailures", json_boolean(ignores == 1));
    json_object_set_new(info, "alarms", read_alarms(call, group));
}

static void add_config(struct codedeploy_call *call, const json_t *group, json_t *info)
{
    const char *name = codedeploy_call_text(call, call->body, "deploymentConfigName");
    json_t *steps;

    if (!name)
        name = json_string_value(json_object_get(group, "deploymentConfigName"));
    steps = codedeploy_config_steps(call->hooks->table(call->hooks->context), name);
    if (!steps) {
        codedeploy_call_fail(call, "DeploymentConfigDoesNotExistException",
                             "No Deployment Configuration found for name: %.120s", name);
        return;
    }
    json_object_set_new(info, "deploymentConfigName", json_string(name));
    json_object_set_new(info, "steps", steps);
}

static json_t *make_info(struct codedeploy_call *call, const json_t *application,
                         const json_t *group, json_t *revision)
{
    char id[DEPLOYMENT_ID + 1];

    ledger_new_id(call->ledger, id);
    return json_pack("{s:s, s:I, s:O, s:O, s:O, s:O, s:O, s:f, s:s}", "deploymentId", id, "serial",
                     (json_int_t)ledger_new_serial(call->ledger), "applicationName",
                     json_object_get(application, "applicationName"), "applicationId",
                     json_object_get(application, "applicationId"), "deploymentGroupName",
                     json_object_get(group, "deploymentGroupName"), "deploymentGroupId",
                     json_object_get(group, "deploymentGroupId"), "revision", revision,
                     "createTime", codedeploy_call_now_s(), "creator", "user");
}

void codedeploy_deployment_create(struct codedeploy_call *call)
{
    const json_t *application = codedeploy_call_application(call);
    const json_t *group = application ? codedeploy_call_group(call, "deploymentGroupName") : NULL;
    const char *group_id = json_string_value(json_object_get(group, "deploymentGroupId"));
    json_t *revision = group ? read_revision(call) : NULL, *info;
    const struct deployment *active;

    check_others(call);
    if (call->is_over)
        return;
    active = ledger_active(call->ledger, group_id);
    if (active) {
        codedeploy_call_fail(call, "DeploymentLimitExceededException",
                             "The Deployment Group '%s' already has an active Deployment '%s'",
                             json_string_value(json_object_get(group, "deploymentGroupName")),
                             active->id);
        return;
    }
    info = make_info(call, application, group, revision);
    add_config(call, group, info);
    add_optional(call, group, info);
    ledger_add_previous(call->ledger, group_id, info);
    if (call->is_over) {
        json_decref(info);
        return;
    }
    call->answer = json_pack("{s:O}", "deploymentId", json_object_get(info, "deploymentId"));
    call->created = deployment_make_take(info);
    if (call->created)
        codedeploy_call_submit(call);
    else
        codedeploy_call_fail_memory(call);
}

/* ---- Running ones ---------------------------------------------------------------------------- */

void codedeploy_deployment_stop(struct codedeploy_call *call)
{
    struct deployment *d = codedeploy_deployment_named(call);
    int is_rollback = codedeploy_call_flag(call, call->body, "autoRollbackEnabled");

    if (call->is_over)
        return;
    if (deployment_is_over(d)) {
        codedeploy_call_fail(call, "DeploymentAlreadyCompletedException",
                             "The deployment %s is already in the terminal status %s", d->id,
                             deployment_status_names[d->state.status]);
        return;
    }
    if (is_rollback < 0)
        is_rollback = shift_rule_has(d, "DEPLOYMENT_STOP_ON_REQUEST");
    shift_stop(&call->move, call->hooks->shifts, d, is_rollback);
    call->answer = json_pack("{s:s, s:s}", "status", "Succeeded", "statusMessage",
                             call->move.other ? "The deployment has stopped, and is rolled back."
                                              : "The deployment has stopped.");
    codedeploy_call_submit(call);
}

static bool is_event_open(const struct deployment *d, enum appspec_hook hook)
{
    enum deployment_event event = hook == APPSPEC_BEFORE ? DEPLOYMENT_BEFORE : DEPLOYMENT_AFTER;

    return !deployment_is_over(d) && d->state.events[event].mark == DEPLOYMENT_MARK_IN_PROGRESS;
}

void codedeploy_deployment_report(struct codedeploy_call *call)
{
    struct deployment *d = codedeploy_deployment_named(call);
    const char *id = codedeploy_call_text(call, call->body, "lifecycleEventHookExecutionId");
    const char *status = codedeploy_call_text(call, call->body, "status");
    int hook = 0;

    if (call->is_over)
        return;
    while (id && *id && hook < APPSPEC_HOOKS && strcmp(id, d->state.hook_ids[hook]) != 0)
        hook++;
    if (!id || !*id || hook == APPSPEC_HOOKS)
        codedeploy_call_fail(call, "InvalidLifecycleEventHookExecutionIdException",
                             "The deployment %s has called no hook under this "
                             "lifecycleEventHookExecutionId.",
                             d->id);
    else if (!status || (strcmp(status, "Succeeded") != 0 && strcmp(status, "Failed") != 0))
        codedeploy_call_fail(call, "InvalidLifecycleEventHookExecutionStatusException",
                             "status must be Succeeded or Failed, not \"%.60s\".",
                             status ? status : "");
    else if (!is_event_open(d, (enum appspec_hook)hook))
        codedeploy_call_fail(call, "LifecycleEventAlreadyCompletedException",
                             "The lifecycle event %s of deployment %s has already completed",
                             appspec_hook_names[hook], d->id);
    if (call->is_over)
        return;
    shift_report(&call->move, call->hooks->shifts, d, (enum appspec_hook)hook,
                 strcmp(status, "Succeeded") == 0, NULL);
    call->answer = json_pack("{s:s}", "lifecycleEventHookExecutionId", id);
    codedeploy_call_submit(call);
}
