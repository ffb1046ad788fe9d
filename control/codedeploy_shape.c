/* A member's name has one type wherever it stands, so that one list serves all operations. */
#include "control/codedeploy_shape.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* DEPTH: objects within objects of the deepest member there is, and one more. */
enum { DEPTH = 6, PATH_MAX_BYTES = 128 };

/* of: what a list has in it. JSON_NULL: it is no list, or is not looked into. */
static const struct shape {
    const char *name;
    json_type type, of;
} shapes[] = {
    {"ResourceArn", JSON_STRING, JSON_NULL},
    {"TagKeys", JSON_ARRAY, JSON_STRING},
    {"Tags", JSON_ARRAY, JSON_OBJECT},
    {"tags", JSON_ARRAY, JSON_OBJECT},
    {"Key", JSON_STRING, JSON_NULL},
    {"Value", JSON_STRING, JSON_NULL},

    {"applicationName", JSON_STRING, JSON_NULL},
    {"applicationNames", JSON_ARRAY, JSON_STRING},
    {"newApplicationName", JSON_STRING, JSON_NULL},
    {"computePlatform", JSON_STRING, JSON_NULL},

    {"currentDeploymentGroupName", JSON_STRING, JSON_NULL},
    {"deploymentGroupName", JSON_STRING, JSON_NULL},
    {"deploymentGroupNames", JSON_ARRAY, JSON_STRING},
    {"newDeploymentGroupName", JSON_STRING, JSON_NULL},
    {"serviceRoleArn", JSON_STRING, JSON_NULL},
    {"alarmConfiguration", JSON_OBJECT, JSON_NULL},
    {"overrideAlarmConfiguration", JSON_OBJECT, JSON_NULL},
    {"alarms", JSON_ARRAY, JSON_OBJECT},
    {"name", JSON_STRING, JSON_NULL},
    {"enabled", JSON_TRUE, JSON_NULL},
    {"ignorePollAlarmFailure", JSON_TRUE, JSON_NULL},
    {"autoRollbackConfiguration", JSON_OBJECT, JSON_NULL},
    {"events", JSON_ARRAY, JSON_STRING},
    {"deploymentStyle", JSON_OBJECT, JSON_NULL},
    {"deploymentType", JSON_STRING, JSON_NULL},
    {"deploymentOption", JSON_STRING, JSON_NULL},
    {"ec2TagFilters", JSON_ARRAY, JSON_OBJECT},
    {"ec2TagSet", JSON_OBJECT, JSON_NULL},
    {"onPremisesInstanceTagFilters", JSON_ARRAY, JSON_OBJECT},
    {"onPremisesTagSet", JSON_OBJECT, JSON_NULL},
    {"autoScalingGroups", JSON_ARRAY, JSON_STRING},
    {"blueGreenDeploymentConfiguration", JSON_OBJECT, JSON_NULL},
    {"loadBalancerInfo", JSON_OBJECT, JSON_NULL},
    {"ecsServices", JSON_ARRAY, JSON_OBJECT},
    {"outdatedInstancesStrategy", JSON_STRING, JSON_NULL},
    {"terminationHookEnabled", JSON_TRUE, JSON_NULL},
    {"triggerConfigurations", JSON_ARRAY, JSON_OBJECT},

    {"deploymentConfigName", JSON_STRING, JSON_NULL},
    {"minimumHealthyHosts", JSON_OBJECT, JSON_NULL},
    {"trafficRoutingConfig", JSON_OBJECT, JSON_NULL},
    {"zonalConfig", JSON_OBJECT, JSON_NULL},
    {"type", JSON_STRING, JSON_NULL},
    {"timeBasedCanary", JSON_OBJECT, JSON_NULL},
    {"canaryPercentage", JSON_INTEGER, JSON_NULL},
    {"canaryInterval", JSON_INTEGER, JSON_NULL},
    {"timeBasedLinear", JSON_OBJECT, JSON_NULL},
    {"linearPercentage", JSON_INTEGER, JSON_NULL},
    {"linearInterval", JSON_INTEGER, JSON_NULL},

    {"revision", JSON_OBJECT, JSON_NULL},
    {"revisionType", JSON_STRING, JSON_NULL},
    {"appSpecContent", JSON_OBJECT, JSON_NULL},
    {"string", JSON_OBJECT, JSON_NULL},
    {"content", JSON_STRING, JSON_NULL},
    {"sha256", JSON_STRING, JSON_NULL},
    {"s3Location", JSON_OBJECT, JSON_NULL},
    {"gitHubLocation", JSON_OBJECT, JSON_NULL},
    {"description", JSON_STRING, JSON_NULL},
    {"fileExistsBehavior", JSON_STRING, JSON_NULL},
    {"ignoreApplicationStopFailures", JSON_TRUE, JSON_NULL},
    {"updateOutdatedInstancesOnly", JSON_TRUE, JSON_NULL},
    {"targetInstances", JSON_OBJECT, JSON_NULL},

    {"deploymentId", JSON_STRING, JSON_NULL},
    {"deploymentIds", JSON_ARRAY, JSON_STRING},
    {"deploymentWaitType", JSON_STRING, JSON_NULL},
    {"autoRollbackEnabled", JSON_TRUE, JSON_NULL},
    {"lifecycleEventHookExecutionId", JSON_STRING, JSON_NULL},
    {"status", JSON_STRING, JSON_NULL},
    {"targetId", JSON_STRING, JSON_NULL},
    {"targetIds", JSON_ARRAY, JSON_STRING},
    {"targetFilters", JSON_OBJECT, JSON_NULL},
    {"TargetStatus", JSON_ARRAY, JSON_STRING},
    {"ServerInstanceLabel", JSON_ARRAY, JSON_STRING},
    {"includeOnlyStatuses", JSON_ARRAY, JSON_STRING},
    {"createTimeRange", JSON_OBJECT, JSON_NULL},
    {"start", JSON_REAL, JSON_NULL},
    {"end", JSON_REAL, JSON_NULL},
    {"externalId", JSON_STRING, JSON_NULL},
    {"nextToken", JSON_STRING, JSON_NULL},
    {"NextToken", JSON_STRING, JSON_NULL},
};

const char *codedeploy_shape_type(json_type type)
{
    static const char *const types[] = {"an object",      "a list",   "a text",
                                        "a whole number", "a number", "true or false",
                                        "true or false",  "null"};

    return types[type];
}

bool codedeploy_shape_is(const json_t *value, json_type type)
{
    if (type == JSON_TRUE)
        return json_is_boolean(value);
    if (type == JSON_REAL)
        return json_is_number(value);
    return json_typeof(value) == type;
}

static const struct shape *find(const char *name)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    return NULL;
}

struct checking {
    char *reason;
    int depth;
};

static bool check_object(struct checking *c, const char *path, const json_t *object);

static bool check_value(struct checking *c, const char *path, const json_t *value, json_type type)
{
    if (!codedeploy_shape_is(value, type)) {
        snprintf(c->reason, CODEDEPLOY_SHAPE_REASON_MAX, "%s must be %s.", path,
                 codedeploy_shape_type(type));
        return false;
    }
    return type != JSON_OBJECT || check_object(c, path, value);
}

/* Null stands for nothing. */
static bool check_member(struct checking *c, const char *path, const json_t *value,
                         const struct shape *shape)
{
    char place[PATH_MAX_BYTES + 32];

    if (json_is_null(value))
        return true;
    if (!check_value(c, path, value, shape->type))
        return false;
    for (size_t i = 0; shape->of != JSON_NULL && i < json_array_size(value); i++) {
        snprintf(place, sizeof(place), "%s[%zu]", path, i);
        if (!check_value(c, place, json_array_get(value, i), shape->of))
            return false;
    }
    return true;
}

static bool check_object(struct checking *c, const char *path, const json_t *object)
{
    bool is_right = true;
    const char *key;
    json_t *value;

    if (c->depth == DEPTH)
        return true;
    c->depth++;
    /* The macro is for readers as well, but wants a pointer to what may be written. */
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct shape *shape = find(key);
        char place[PATH_MAX_BYTES];

        snprintf(place, sizeof(place), "%s%s%s", path, *path ? "." : "", key);
        is_right = !shape || check_member(c, place, value, shape);
        if (!is_right)
            break;
    }
    c->depth--;
    return is_right;
}

bool codedeploy_shape_check(const json_t *body, char reason[CODEDEPLOY_SHAPE_REASON_MAX])
{
    struct checking c = {reason, 0};

    reason[0] = '\0';
    return check_object(&c, "", body);
}
