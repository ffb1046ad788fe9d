/* The configurations that are always there. */
#include "control/codedeploy_config.h"

#include <string.h>

#include "control/plan.h"
#include "router/split.h"

/* A second of a plan is a minute's sixtieth. */
enum { MINUTE_MS = 60000 };

static json_t *steps_of(const struct plan *plan)
{
    json_t *steps = json_array();

    for (int i = 0; steps && i + 1 < plan->nr; i++)
        json_array_append_new(steps, json_pack("[I, f]", (json_int_t)plan->steps[i].weight,
                                               (double)plan->steps[i].hold_ms / 1000));
    return steps;
}

json_t *codedeploy_config_steps(const struct api_hooks *hooks, const char *name)
{
    const struct plan_rule *rule = plan_find(name);
    struct plan plan;

    (void)hooks;
    if (!rule)
        return NULL;
    plan_make(&plan, rule, MINUTE_MS);
    return steps_of(&plan);
}

static json_t *write_routing(const struct plan_rule *rule)
{
    switch (rule->kind) {
    case PLAN_CANARY:
        return json_pack("{s:s, s:{s:i, s:i}}", "type", "TimeBasedCanary", "timeBasedCanary",
                         "canaryPercentage", (int)rule->percent, "canaryInterval",
                         (int)rule->minutes);
    case PLAN_LINEAR:
        return json_pack("{s:s, s:{s:i, s:i}}", "type", "TimeBasedLinear", "timeBasedLinear",
                         "linearPercentage", (int)rule->percent, "linearInterval",
                         (int)rule->minutes);
    default:
        return json_pack("{s:s}", "type", "AllAtOnce");
    }
}

void codedeploy_config_get(struct codedeploy_call *call)
{
    const char *name = codedeploy_call_name(call, "deploymentConfigName", "DeploymentConfigName");
    const struct plan_rule *rule = name ? plan_find(name) : NULL;

    if (call->is_over)
        return;
    if (rule)
        codedeploy_call_answer_take(
            call, json_pack("{s:{s:s, s:s, s:f, s:s, s:o}}", "deploymentConfigInfo",
                            "deploymentConfigId", "00000000-0000-0000-0000-000000000000",
                            "deploymentConfigName", name, "createTime", 0.0, "computePlatform",
                            "Lambda", "trafficRoutingConfig", write_routing(rule)));
    else
        codedeploy_call_fail(call, "DeploymentConfigDoesNotExistException",
                             "No Deployment Configuration found for name: %s", name);
}

void codedeploy_config_list(struct codedeploy_call *call)
{
    json_t *names = json_array();

    for (int i = 0; i < PLAN_BUILTINS; i++)
        json_array_append_new(names, json_string(plan_builtins[i].name));
    codedeploy_call_page_take(call, "deploymentConfigsList", names, NULL);
}
