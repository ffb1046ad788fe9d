/* Groups are documents of the ledger:
 *   {deploymentGroupId, deploymentGroupName, deploymentConfigName, serviceRoleArn,
 *    alarmConfiguration, autoRollbackConfiguration, deploymentStyle, tags}
 * What AWS has for servers and containers alone is refused where it says something. */
#include "control/codedeploy_group.h"

#include <stdio.h>
#include <string.h>

#include "control/alarm.h"
#include "control/codedeploy_config.h"
#include "control/codedeploy_tags.h"
#include "control/plan.h"

enum { ALARMS_MAX = 10 };

/* ---- What a group says ----------------------------------------------------------------------- */

static void check_alarm(struct codedeploy_call *call, const json_t *alarm)
{
    const char *name = json_string_value(json_object_get(alarm, "name"));
    char known[ALARM_NAMES_MAX];

    if (!name)
        codedeploy_call_fail(call, "InvalidAlarmConfigException",
                             "An alarm is an object, {\"name\": \"...\"}.");
    else if (!alarm_is_known(call->hooks, name))
        codedeploy_call_fail(call, "InvalidAlarmConfigException",
                             "There is no alarm \"%.120s\" in the section alarms of the table; "
                             "there are: %s.",
                             name, alarm_names(call->hooks, known));
}

json_t *codedeploy_group_alarms(struct codedeploy_call *call, const char *member)
{
    json_t *json = codedeploy_call_member(call, call->body, member, JSON_OBJECT);
    json_t *alarms = codedeploy_call_member(call, json, "alarms", JSON_ARRAY);
    int enabled = codedeploy_call_flag(call, json, "enabled");

    (void)codedeploy_call_flag(call, json, "ignorePollAlarmFailure");
    if (json_array_size(alarms) > ALARMS_MAX)
        codedeploy_call_fail(call, "AlarmsLimitExceededException",
                             "There are %zu alarms; at most %d may be.", json_array_size(alarms),
                             ALARMS_MAX);
    if (!call->is_over && enabled == 1 && json_array_size(alarms) == 0)
        codedeploy_call_fail(call, "InvalidAlarmConfigException",
                             "%s is enabled, but names no alarm.", member);
    for (size_t i = 0; !call->is_over && i < json_array_size(alarms); i++)
        check_alarm(call, json_array_get(alarms, i));
    return call->is_over ? NULL : json;
}

json_t *codedeploy_group_rollback(struct codedeploy_call *call)
{
    static const char *const known[] = {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM",
                                        "DEPLOYMENT_STOP_ON_REQUEST"};
    json_t *json =
        codedeploy_call_member(call, call->body, "autoRollbackConfiguration", JSON_OBJECT);
    json_t *events = codedeploy_call_texts(call, json, "events");
    int enabled = codedeploy_call_flag(call, json, "enabled");

    for (size_t i = 0; !call->is_over && i < json_array_size(events); i++) {
        const char *event = json_string_value(json_array_get(events, i));
        int k = 0;

        while (k < 3 && strcmp(event, known[k]) != 0)
            k++;
        if (k == 3)
            codedeploy_call_fail(call, "InvalidAutoRollbackConfigException",
                                 "There is no event \"%.80s\": there are %s, %s and %s.", event,
                                 known[0], known[1], known[2]);
    }
    if (!call->is_over && enabled == 1 && json_array_size(events) == 0)
        codedeploy_call_fail(call, "InvalidAutoRollbackConfigException",
                             "autoRollbackConfiguration is enabled, but has no events: %s, %s, %s.",
                             known[0], known[1], known[2]);
    return call->is_over ? NULL : json;
}

static void check_style(struct codedeploy_call *call)
{
    const json_t *style = codedeploy_call_member(call, call->body, "deploymentStyle", JSON_OBJECT);
    const char *type = codedeploy_call_text(call, style, "deploymentType");
    const char *option = codedeploy_call_text(call, style, "deploymentOption");

    if ((type && strcmp(type, "BLUE_GREEN") != 0) ||
        (option && strcmp(option, "WITH_TRAFFIC_CONTROL") != 0))
        codedeploy_call_fail(call, "InvalidDeploymentStyleException",
                             "For Lambda, deploymentType is BLUE_GREEN and deploymentOption is "
                             "WITH_TRAFFIC_CONTROL.");
}

/* What says nothing for an alias of a function. */
static void check_others(struct codedeploy_call *call)
{
    static const struct {
        const char *member, *type;
    } others[] = {
        {"ec2TagFilters", "InvalidEC2TagException"},
        {"ec2TagSet", "InvalidEC2TagException"},
        {"onPremisesInstanceTagFilters", "InvalidTagException"},
        {"onPremisesTagSet", "InvalidTagException"},
        {"autoScalingGroups", "InvalidAutoScalingGroupException"},
        {"loadBalancerInfo", "InvalidLoadBalancerInfoException"},
        {"ecsServices", "InvalidECSServiceException"},
        {"triggerConfigurations", "InvalidTriggerConfigException"},
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const json_t *value = json_object_get(call->body, others[i].member);
        if (json_array_size(value) + json_object_size(value) > 0)
            codedeploy_call_fail(call, others[i].type,
                                 "%s is not served: weir deploys aliases of functions, and its "
                                 "log and metrics tell of deployments.",
                                 others[i].member);
    }
}

static void read_config(struct codedeploy_call *call, json_t *document)
{
    const char *name = codedeploy_call_text(call, call->body, "deploymentConfigName");
    json_t *steps;

    if (!name || call->is_over)
        return;
    steps = codedeploy_config_steps(call->hooks->table(call->hooks->context), name);
    if (steps)
        json_object_set_new(document, "deploymentConfigName", json_string(name));
    else
        codedeploy_call_fail(call, "DeploymentConfigDoesNotExistException",
                             "No Deployment Configuration found for name: %.120s", name);
    json_decref(steps);
}

void codedeploy_group_read(struct codedeploy_call *call, json_t *document)
{
    const char *role = codedeploy_call_text(call, call->body, "serviceRoleArn");
    bool has_one = json_object_get(document, "serviceRoleArn");
    json_t *alarms, *rollback;

    if (role && *role)
        json_object_set_new(document, "serviceRoleArn", json_string(role));
    else if (!has_one || role)
        codedeploy_call_fail(call, has_one ? "InvalidRoleException" : "RoleRequiredException",
                             "serviceRoleArn is required; weir does nothing with it.");
    read_config(call, document);
    check_style(call);
    check_others(call);
    alarms = codedeploy_group_alarms(call, "alarmConfiguration");
    if (alarms)
        json_object_set(document, "alarmConfiguration", alarms);
    rollback = codedeploy_group_rollback(call);
    if (rollback)
        json_object_set(document, "autoRollbackConfiguration", rollback);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static json_t *write_last(const struct deployment *d)
{
    json_t *json = json_pack("{s:s, s:s, s:O}", "deploymentId", d->id, "status",
                             deployment_status_names[d->state.status], "createTime",
                             json_object_get(d->info, "createTime"));

    if (d->state.completed_s > 0)
        json_object_set_new(json, "endTime", json_real(d->state.completed_s));
    return json;
}

static void add_last(const struct codedeploy_call *call, const char *id, json_t *json)
{
    const struct deployment *d;

    TAILQ_FOREACH(d, &call->ledger->deployments, link)
    {
        if (strcmp(deployment_text(d, "deploymentGroupId"), id) != 0)
            continue;
        if (!json_object_get(json, "lastAttemptedDeployment"))
            json_object_set_new(json, "lastAttemptedDeployment", write_last(d));
        if (d->state.status != DEPLOYMENT_SUCCEEDED)
            continue;
        json_object_set_new(json, "lastSuccessfulDeployment", write_last(d));
        json_object_set(json, "targetRevision", json_object_get(d->info, "revision"));
        return;
    }
}

static json_t *show(const struct codedeploy_call *call, const char *application,
                    const json_t *group)
{
    json_t *json = json_deep_copy(group);
    json_t *more =
        json_pack("{s:s, s:s, s:[], s:[], s:[], s:[]}", "applicationName", application,
                  "computePlatform", "Lambda", "ec2TagFilters", "onPremisesInstanceTagFilters",
                  "autoScalingGroups", "triggerConfigurations");

    json_object_del(json, "tags");
    json_object_update(json, more);
    json_decref(more);
    add_last(call, json_string_value(json_object_get(group, "deploymentGroupId")), json);
    return json;
}

static const char *application_of(const struct codedeploy_call *call)
{
    return json_string_value(json_object_get(call->body, "applicationName"));
}

void codedeploy_group_get(struct codedeploy_call *call)
{
    const json_t *group = codedeploy_call_application(call)
                              ? codedeploy_call_group(call, "deploymentGroupName")
                              : NULL;

    if (group)
        codedeploy_call_answer_take(call, json_pack("{s:o}", "deploymentGroupInfo",
                                                    show(call, application_of(call), group)));
}

void codedeploy_group_batch(struct codedeploy_call *call)
{
    const json_t *application = codedeploy_call_application(call);
    json_t *names = codedeploy_call_texts(call, call->body, "deploymentGroupNames");
    json_t *list = json_array();

    if (application && json_array_size(names) == 0)
        codedeploy_call_fail(call, "DeploymentGroupNameRequiredException",
                             "deploymentGroupNames is required.");
    if (json_array_size(names) > CODEDEPLOY_PAGE)
        codedeploy_call_fail(call, "BatchLimitExceededException",
                             "At most %d groups can be asked for at once.", CODEDEPLOY_PAGE);
    for (size_t i = 0; !call->is_over && i < json_array_size(names); i++) {
        const json_t *group = ledger_group(call->ledger, application_of(call),
                                           json_string_value(json_array_get(names, i)));
        if (group)
            json_array_append_new(list, show(call, application_of(call), group));
    }
    if (call->is_over)
        json_decref(list);
    else
        codedeploy_call_answer_take(call, json_pack("{s:o}", "deploymentGroupsInfo", list));
}

void codedeploy_group_list(struct codedeploy_call *call)
{
    json_t *names, *value;
    const char *key;

    if (!codedeploy_call_application(call))
        return;
    names = json_array();
    json_object_foreach(json_object_get(call->ledger->groups, application_of(call)), key, value)
    {
        json_array_append_new(names, json_string(key));
    }
    codedeploy_call_page_take(call, "deploymentGroups", names,
                              json_pack("{s:s}", "applicationName", application_of(call)));
}

/* ---- Writing --------------------------------------------------------------------------------- */

static json_t *make(struct codedeploy_call *call, const char *name)
{
    char id[ID_LENGTH + 1];

    ledger_new_uuid(call->ledger, id);
    return json_pack("{s:s, s:s, s:s, s:{s:b, s:b, s:[]}, s:{s:b, s:[]}, s:{s:s, s:s}}",
                     "deploymentGroupId", id, "deploymentGroupName", name, "deploymentConfigName",
                     plan_default, "alarmConfiguration", "enabled", 0, "ignorePollAlarmFailure", 0,
                     "alarms", "autoRollbackConfiguration", "enabled", 0, "events",
                     "deploymentStyle", "deploymentType", "BLUE_GREEN", "deploymentOption",
                     "WITH_TRAFFIC_CONTROL");
}

void codedeploy_group_create(struct codedeploy_call *call)
{
    const char *name =
        codedeploy_call_application(call)
            ? codedeploy_call_name(call, "deploymentGroupName", &codedeploy_call_kind_group)
            : NULL;
    json_t *group, *tags;

    if (!name)
        return;
    if (ledger_group(call->ledger, application_of(call), name)) {
        codedeploy_call_fail(call, "DeploymentGroupAlreadyExistsException",
                             "Deployment group name: %s already exists for the application.", name);
        return;
    }
    group = make(call, name);
    codedeploy_group_read(call, group);
    tags = codedeploy_tags_read(call);
    if (call->is_over) {
        json_decref(tags);
        json_decref(group);
        return;
    }
    json_object_set_new(group, "tags", tags);
    call->answer =
        json_pack("{s:O}", "deploymentGroupId", json_object_get(group, "deploymentGroupId"));
    ledger_edits_add(&call->edits, LEDGER_GROUP, application_of(call), name, group);
    codedeploy_call_submit(call);
}

/* The name that it is to have; NULL where it fails. */
static const char *read_new_name(struct codedeploy_call *call, const char *name)
{
    const char *new_name = codedeploy_call_text(call, call->body, "newDeploymentGroupName");

    if (!new_name || strcmp(new_name, name) == 0)
        return name;
    new_name = codedeploy_call_name(call, "newDeploymentGroupName", &codedeploy_call_kind_group);
    if (new_name && ledger_group(call->ledger, application_of(call), new_name))
        codedeploy_call_fail(call, "DeploymentGroupAlreadyExistsException",
                             "Deployment group name: %s already exists for the application.",
                             new_name);
    return call->is_over ? NULL : new_name;
}

void codedeploy_group_update(struct codedeploy_call *call)
{
    const json_t *group = codedeploy_call_application(call)
                              ? codedeploy_call_group(call, "currentDeploymentGroupName")
                              : NULL;
    const char *name = json_string_value(json_object_get(group, "deploymentGroupName"));
    const char *new_name = group ? read_new_name(call, name) : NULL;
    json_t *changed;

    if (!new_name)
        return;
    changed = json_deep_copy(group);
    codedeploy_group_read(call, changed);
    if (call->is_over) {
        json_decref(changed);
        return;
    }
    json_object_set_new(changed, "deploymentGroupName", json_string(new_name));
    if (strcmp(name, new_name) != 0)
        ledger_edits_add(&call->edits, LEDGER_GROUP, application_of(call), name, NULL);
    ledger_edits_add(&call->edits, LEDGER_GROUP, application_of(call), new_name, changed);
    call->answer = json_pack("{s:[]}", "hooksNotCleanedUp");
    codedeploy_call_submit(call);
}

/* One that is not there is gone already. Its deployments run on. */
void codedeploy_group_delete(struct codedeploy_call *call)
{
    const char *application =
        codedeploy_call_name(call, "applicationName", &codedeploy_call_kind_application);
    const char *name =
        application ? codedeploy_call_name(call, "deploymentGroupName", &codedeploy_call_kind_group)
                    : NULL;

    if (!name)
        return;
    call->answer = json_pack("{s:[]}", "hooksNotCleanedUp");
    if (!ledger_group(call->ledger, application, name)) {
        codedeploy_call_answer_take(call, json_incref(call->answer));
        return;
    }
    ledger_edits_add(&call->edits, LEDGER_GROUP, application, name, NULL);
    codedeploy_call_submit(call);
}
