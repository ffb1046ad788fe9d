/* The configurations that are always there, and those of the table's section deployment_configs,
 * where CreateDeploymentConfig puts what it makes: as steps. AWS's form is read off them, where it
 * can say them. */
#include "control/codedeploy_config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "conf/tabledoc_publish.h"
#include "control/plan.h"
#include "router/hash.h"
#include "router/split.h"

/* A second of a plan is a minute's sixtieth. */
enum { MINUTE_MS = 60000, CONFIGS_MAX = 200 };

/* ---- Steps ----------------------------------------------------------------------------------- */

static const struct table *in_force(const struct codedeploy_call *call)
{
    return call->hooks->table(call->hooks->context);
}

/* The section; a new reference. */
static json_t *read_section(const struct table *table)
{
    json_t *configs = json_loads(table_section(table, MODEL_DEPLOYMENT_CONFIGS), 0, NULL);

    return configs ? configs : json_object();
}

static json_t *steps_of(const struct plan *plan)
{
    json_t *steps = json_array();

    for (int i = 0; steps && i + 1 < plan->nr; i++)
        json_array_append_new(steps, json_pack("[I, f]", (json_int_t)plan->steps[i].weight,
                                               (double)plan->steps[i].hold_ms / 1000));
    return steps;
}

/* [{"weight": 10, "hold_s": 300}] as [[100000000, 300.0]]. */
static json_t *convert(const json_t *steps)
{
    json_t *out = json_array();

    for (size_t i = 0; out && i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        double weight = json_number_value(json_object_get(step, "weight"));

        if (weight < 100)
            json_array_append_new(out,
                                  json_pack("[I, f]", (json_int_t)llround(weight * SPLIT_ONE / 100),
                                            json_number_value(json_object_get(step, "hold_s"))));
    }
    return out;
}

json_t *codedeploy_config_steps(const struct table *table, const char *name)
{
    const struct plan_rule *rule = plan_find(name);
    struct plan plan;
    json_t *configs, *config, *steps = NULL;

    if (rule) {
        plan_make(&plan, rule, MINUTE_MS);
        return steps_of(&plan);
    }
    configs = read_section(table);
    config = json_object_get(configs, name);
    if (config)
        steps = convert(json_object_get(config, "steps"));
    json_decref(configs);
    return steps;
}

/* ---- AWS's form ------------------------------------------------------------------------------ */

static bool is_same(const struct plan *a, const json_t *steps)
{
    if ((size_t)a->nr != json_array_size(steps) + 1)
        return false;
    for (int i = 0; i + 1 < a->nr; i++) {
        const json_t *step = json_array_get(steps, (size_t)i);
        if (json_integer_value(json_array_get(step, 0)) != (json_int_t)a->steps[i].weight ||
            json_number_value(json_array_get(step, 1)) * 1000 != (double)a->steps[i].hold_ms)
            return false;
    }
    return true;
}

/* The rule that makes these steps; false where there is none. */
static bool find_rule(const json_t *steps, struct plan_rule *rule)
{
    const json_t *first = json_array_get(steps, 0);
    double percent = (double)json_integer_value(json_array_get(first, 0)) * 100 / SPLIT_ONE;
    double minutes = json_number_value(json_array_get(first, 1)) / 60;
    struct plan plan;

    *rule = (struct plan_rule){PLAN_ALL_AT_ONCE, 0, 0};
    if (!first)
        return true;
    for (int kind = PLAN_CANARY; kind <= PLAN_LINEAR; kind++) {
        *rule = (struct plan_rule){(enum plan_kind)kind, (uint32_t)percent, (uint32_t)minutes};
        if (plan_check(rule))
            continue;
        plan_make(&plan, rule, MINUTE_MS);
        if (is_same(&plan, steps))
            return true;
    }
    return false;
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

/* Made from the name, as the table has no place for one. */
static json_t *write_id(const char *name)
{
    struct prng rng;
    char id[ID_LENGTH];

    prng_seed(&rng, hash_str(str_of(name), 0));
    id_make(&rng, id);
    return json_stringn(id, ID_LENGTH);
}

/* AWS's own are as old as CodeDeploy's platform Lambda (28 November 2017); what the table file says
 * is as old as the process. */
static double created_s(const struct codedeploy_call *call, const char *name)
{
    const json_t *config = ledger_config(call->ledger, name);

    if (config)
        return json_number_value(json_object_get(config, "createTime"));
    return plan_find(name) ? 1511827200 : call->ledger->began_s;
}

void codedeploy_config_get(struct codedeploy_call *call)
{
    const char *name =
        codedeploy_call_name(call, "deploymentConfigName", &codedeploy_call_kind_config);
    json_t *steps = name ? codedeploy_config_steps(in_force(call), name) : NULL, *info;
    struct plan_rule rule;

    if (call->is_over)
        return;
    if (!steps) {
        codedeploy_call_fail(call, "DeploymentConfigDoesNotExistException",
                             "No Deployment Configuration found for name: %s", name);
        return;
    }
    info = json_pack("{s:o, s:s, s:f, s:s}", "deploymentConfigId", write_id(name),
                     "deploymentConfigName", name, "createTime", created_s(call, name),
                     "computePlatform", "Lambda");
    if (find_rule(steps, &rule))
        json_object_set_new(info, "trafficRoutingConfig", write_routing(&rule));
    json_decref(steps);
    codedeploy_call_answer_take(call, json_pack("{s:o}", "deploymentConfigInfo", info));
}

void codedeploy_config_list(struct codedeploy_call *call)
{
    json_t *names = json_array(), *configs = read_section(in_force(call)), *value;
    const char *key;

    for (int i = 0; i < PLAN_BUILTINS; i++)
        json_array_append_new(names, json_string(plan_builtins[i].name));
    json_object_foreach(configs, key, value)
    {
        json_array_append_new(names, json_string(key));
    }
    json_decref(configs);
    codedeploy_call_page_take(call, "deploymentConfigsList", names, NULL);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void read_numbers(struct codedeploy_call *call, const json_t *routing, const char *member,
                         const char *percentage, const char *interval, struct plan_rule *rule)
{
    const json_t *object = codedeploy_call_member(call, routing, member, JSON_OBJECT);
    const json_t *percent = codedeploy_call_member(call, object, percentage, JSON_INTEGER);
    const json_t *minutes = codedeploy_call_member(call, object, interval, JSON_INTEGER);
    json_int_t p = json_integer_value(percent), m = json_integer_value(minutes);

    if (!call->is_over && (!percent || !minutes))
        codedeploy_call_fail(call, "InvalidTrafficRoutingConfigurationException",
                             "%s must have %s and %s.", member, percentage, interval);
    rule->percent = p >= 0 && p <= 100 ? (uint32_t)p : 0;
    rule->minutes = m >= 0 && m <= 1000000 ? (uint32_t)m : 1000000;
}

static void read_rule(struct codedeploy_call *call, struct plan_rule *rule)
{
    const json_t *routing =
        codedeploy_call_member(call, call->body, "trafficRoutingConfig", JSON_OBJECT);
    const char *type = codedeploy_call_text(call, routing, "type");
    const char *wrong;

    *rule = (struct plan_rule){PLAN_ALL_AT_ONCE, 0, 0};
    if (type && strcmp(type, "TimeBasedCanary") == 0) {
        rule->kind = PLAN_CANARY;
        read_numbers(call, routing, "timeBasedCanary", "canaryPercentage", "canaryInterval", rule);
    } else if (type && strcmp(type, "TimeBasedLinear") == 0) {
        rule->kind = PLAN_LINEAR;
        read_numbers(call, routing, "timeBasedLinear", "linearPercentage", "linearInterval", rule);
    } else if (!type || strcmp(type, "AllAtOnce") != 0) {
        codedeploy_call_fail(
            call, "InvalidTrafficRoutingConfigurationException",
            "trafficRoutingConfig.type must be TimeBasedCanary, TimeBasedLinear or "
            "AllAtOnce.");
    }
    wrong = call->is_over ? NULL : plan_check(rule);
    if (wrong)
        codedeploy_call_fail(call, "InvalidTrafficRoutingConfigurationException", "%s", wrong);
}

static json_t *write_config(const struct plan_rule *rule)
{
    json_t *steps = json_array();
    struct plan plan;

    plan_make(&plan, rule, MINUTE_MS);
    for (int i = 0; i + 1 < plan.nr; i++)
        json_array_append_new(steps,
                              json_pack("{s:I, s:I}", "weight",
                                        (json_int_t)(plan.steps[i].weight / (SPLIT_ONE / 100)),
                                        "hold_s", (json_int_t)(plan.steps[i].hold_ms / 1000)));
    return json_pack("{s:o}", "steps", steps);
}

void codedeploy_config_create(struct codedeploy_call *call)
{
    const char *name =
        codedeploy_call_name(call, "deploymentConfigName", &codedeploy_call_kind_config);
    json_t *configs = read_section(in_force(call));
    struct plan_rule rule;

    codedeploy_call_platform(call);
    if (!call->is_over && strncmp(name, "CodeDeployDefault.", 18) == 0)
        codedeploy_call_fail(call, "InvalidDeploymentConfigNameException",
                             "Names that begin with CodeDeployDefault. are AWS's own.");
    if (!call->is_over && json_object_get(configs, name))
        codedeploy_call_fail(call, "DeploymentConfigAlreadyExistsException",
                             "Deployment Configuration already exists with the given name: %s",
                             name);
    if (!call->is_over && json_object_size(configs) >= CONFIGS_MAX)
        codedeploy_call_fail(call, "DeploymentConfigLimitExceededException",
                             "There are %d configurations, and no more may be.", CONFIGS_MAX);
    read_rule(call, &rule);
    if (call->is_over) {
        json_decref(configs);
        return;
    }
    json_object_set_new(configs, name, write_config(&rule));
    ledger_edits_add(&call->edits, LEDGER_CONFIG, name, "",
                     json_pack("{s:f}", "createTime", codedeploy_call_now_s()));
    call->answer = json_pack("{s:o}", "deploymentConfigId", write_id(name));
    call->edit = (struct change_edit){
        .kind = CHANGE_SECTION, .name = "deployment_configs", .document = configs};
    codedeploy_call_submit(call);
}

/* The group that names it; NULL: none. */
static const char *find_user(const struct codedeploy_call *call, const char *config)
{
    const char *application, *name;
    json_t *groups, *group;

    json_object_foreach(call->ledger->groups, application, groups)
    {
        json_object_foreach(groups, name, group)
        {
            const char *its = json_string_value(json_object_get(group, "deploymentConfigName"));
            if (strcmp(its, config) == 0)
                return name;
        }
    }
    return NULL;
}

/* The function, or state machine, that is brought in by it (control/publish.h), into out; false:
 * none. */
static bool find_publisher(const struct codedeploy_call *call, const char *config,
                           char out[MACHINE_BYTES_MAX + 1])
{
    struct function *const *functions;
    int nr = table_functions(in_force(call), &functions);

    for (int i = 0; i < nr; i++) {
        const struct function_more *more = functions[i]->more;
        char name[TABLEDOC_PUBLISH_CONFIG];
        json_t *preference;

        if (!more || !more->deployment_preference)
            continue;
        preference = json_loads(more->deployment_preference, 0, NULL);
        tabledoc_publish_config(preference, name);
        json_decref(preference);
        snprintf(out, MACHINE_BYTES_MAX + 1, "%.*s", STR_ARG(machine_bare(functions[i]->name)));
        if (strcmp(name, config) == 0)
            return true;
    }
    return false;
}

/* One that is not there is gone already. */
void codedeploy_config_delete(struct codedeploy_call *call)
{
    const char *name =
        codedeploy_call_name(call, "deploymentConfigName", &codedeploy_call_kind_config);
    const char *user = name ? find_user(call, name) : NULL;
    char publisher[MACHINE_BYTES_MAX + 1];
    json_t *configs;

    if (call->is_over)
        return;
    if (strncmp(name, "CodeDeployDefault.", 18) == 0)
        codedeploy_call_fail(call, "InvalidOperationException",
                             "The configurations CodeDeployDefault.* cannot be deleted.");
    else if (user)
        codedeploy_call_fail(call, "DeploymentConfigInUseException",
                             "The deployment group %s has this configuration.", user);
    else if (find_publisher(call, name, publisher))
        codedeploy_call_fail(call, "DeploymentConfigInUseException",
                             "The deployment_preference of %s has this "
                             "configuration.",
                             publisher);
    if (call->is_over)
        return;
    configs = read_section(in_force(call));
    if (json_object_del(configs, name) < 0) {
        json_decref(configs);
        codedeploy_call_answer_empty(call);
        return;
    }
    if (ledger_config(call->ledger, name))
        ledger_edits_add(&call->edits, LEDGER_CONFIG, name, "", NULL);
    call->edit = (struct change_edit){
        .kind = CHANGE_SECTION, .name = "deployment_configs", .document = configs};
    codedeploy_call_submit(call);
}
