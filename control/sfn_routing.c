/* Reading, in three steps: types, the model's constraints, the rules between the items. */
#include "control/sfn_routing.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "control/sfn_shape.h"

static const char REASON[] = "INVALID_ROUTING_CONFIGURATION";

/* ---- The model ------------------------------------------------------------------------------- */

static void read_item(struct sfn_call *call, struct sfn_routing *out, size_t i, const json_t *item)
{
    const json_t *arn = sfn_call_member(call, item, "stateMachineVersionArn", JSON_STRING);
    const json_t *weight = sfn_call_member(call, item, "weight", JSON_INTEGER);
    const char *text = json_string_value(arn), *wrong;
    char member[80];

    snprintf(member, sizeof(member), "routingConfiguration.%zu.member.stateMachineVersionArn",
             i + 1);
    sfn_call_require(call, text, member);
    lambda_check_length(&call->check, text, member, 1, SFN_ARN_TEXT_MAX);
    snprintf(member, sizeof(member), "routingConfiguration.%zu.member.weight", i + 1);
    sfn_call_require(call, weight, member);
    lambda_check_range(&call->check, weight, member, 0, 100);
    if (i >= SFN_ROUTING_MAX || !text || call->is_over)
        return;
    out->weights[i] = (int)json_integer_value(weight);
    wrong = sfn_arn_parse(str_of(text), &out->arns[i]);
    if (wrong && call->check.nr == 0)
        sfn_call_fail(call, "InvalidArn", "Invalid Arn: '%s: %s'", wrong, text);
}

/* "[RoutingConfigurationListItem(stateMachineVersionArn=..., weight=50), ...]" */
static void check_length(struct sfn_call *call, const json_t *list)
{
    size_t nr = json_array_size(list);
    struct jsondoc_text text = {0};

    jsondoc_append(&text, "[");
    for (size_t i = 0; i < nr; i++) {
        const json_t *item = json_array_get(list, i);
        const char *arn = json_string_value(json_object_get(item, "stateMachineVersionArn"));
        jsondoc_append(&text,
                       "%sRoutingConfigurationListItem(stateMachineVersionArn=%s, weight=%lld)",
                       i > 0 ? ", " : "", arn ? arn : "null",
                       (long long)json_integer_value(json_object_get(item, "weight")));
    }
    jsondoc_append(&text, "]");
    if (nr < 1)
        lambda_check_add(&call->check, str_of(text.s), "routingConfiguration",
                         "Member must have length greater than or equal to 1");
    if (nr > SFN_ROUTING_MAX)
        lambda_check_add(&call->check, str_of(text.s), "routingConfiguration",
                         "Member must have length less than or equal to 2");
}

void sfn_routing_read(struct sfn_call *call, struct sfn_routing *out)
{
    const json_t *list = sfn_call_member(call, call->body, "routingConfiguration", JSON_ARRAY);
    size_t nr = json_array_size(list);

    *out = (struct sfn_routing){.nr = 0};
    if (!list)
        return;
    for (size_t i = 0; i < nr && !call->is_over; i++) {
        if (json_is_object(json_array_get(list, i)))
            continue;
        sfn_call_fail(call, "SerializationException",
                      "routingConfiguration must be a list of objects, "
                      "[{\"stateMachineVersionArn\": ..., \"weight\": ...}].");
    }
    if (call->is_over)
        return;
    check_length(call, list);
    for (size_t i = 0; i < nr; i++)
        read_item(call, out, i, json_array_get(list, i));
    out->nr = nr <= SFN_ROUTING_MAX ? (int)nr : 0;
}

/* ---- Between the items ----------------------------------------------------------------------- */

static void append_arns(const struct sfn_routing *routing, struct jsondoc_text *text)
{
    for (int i = 0; i < routing->nr; i++)
        jsondoc_append(text, "%s%.*s", i > 0 ? ", " : "", STR_ARG(routing->arns[i].text));
}

static void check_kinds(struct sfn_call *call, const struct sfn_routing *routing)
{
    struct jsondoc_text text = {0};
    bool are_versions = true, are_distinct = true;

    append_arns(routing, &text);
    for (int i = 0; i < routing->nr; i++) {
        are_versions = are_versions && routing->arns[i].kind == SFN_ARN_VERSION;
        for (int k = 0; k < i; k++)
            are_distinct =
                are_distinct && !(str_eq(routing->arns[i].name, routing->arns[k].name) &&
                                  str_eq(routing->arns[i].qualifier, routing->arns[k].qualifier));
    }
    if (!are_versions)
        sfn_call_fail_reason(
            call, REASON,
            "Routing configuration must contain state machine version ARNs. Received: [%s]",
            text.s);
    else if (!are_distinct)
        sfn_call_fail_reason(call, REASON,
                             "Routing configuration must contain distinct state machine version "
                             "ARNs. Received: [%s]",
                             text.s);
}

static void check_sum(struct sfn_call *call, const struct sfn_routing *routing)
{
    struct jsondoc_text text = {0};
    int sum = 0;

    for (int i = 0; i < routing->nr; i++) {
        jsondoc_append(&text, "%s%d", i > 0 ? ", " : "", routing->weights[i]);
        sum += routing->weights[i];
    }
    if (sum != 100)
        sfn_call_fail_reason(call, REASON,
                             "Sum of routing configuration weights must equal 100. Received: [%s]",
                             text.s);
}

static void check_machine(struct sfn_call *call, const struct sfn_routing *routing,
                          const char *machine)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);
    struct jsondoc_text text = {0};

    append_arns(routing, &text);
    for (int i = 0; i < routing->nr; i++) {
        const struct sfn_arn *arn = &routing->arns[i];

        if (!str_eq(arn->region, str_of(settings->aws.region)) ||
            !str_eq(arn->account, str_of(settings->aws.account_id)))
            sfn_call_fail(call, "InvalidArn",
                          "Invalid Arn: 'Region or account not valid in this context: %.*s'",
                          STR_ARG(arn->text));
        if (strcmp(arn->function, machine) != 0)
            sfn_call_fail_reason(
                call, REASON,
                "Routing configuration must contain versions of one state machine, "
                "that of the alias. Received: [%s]",
                text.s);
    }
}

static void check_versions(struct sfn_call *call, const struct sfn_routing *routing)
{
    for (int i = 0; i < routing->nr; i++) {
        const struct target *target =
            table_find(sfn_call_table(call), str_of(routing->arns[i].function),
                       routing->arns[i].qualifier, NULL);

        if (!target || target->alias.n > 0)
            sfn_call_fail(call, "ResourceNotFound",
                          "Request references a resource that does not exist.");
    }
}

bool sfn_routing_check(struct sfn_call *call, struct sfn_routing *routing, const char *machine)
{
    check_kinds(call, routing);
    check_sum(call, routing);
    check_machine(call, routing, machine[0] ? machine : routing->arns[0].function);
    check_versions(call, routing);
    return !call->is_over;
}

/* ---- Writing --------------------------------------------------------------------------------- */

json_t *sfn_routing_weights(const struct sfn_routing *routing)
{
    json_t *weights = json_object();

    for (int i = 0; weights && i < routing->nr; i++)
        if (jsondoc_set_take(weights, routing->arns[i].qualifier,
                             json_integer(routing->weights[i])) < 0) {
            json_decref(weights);
            return NULL;
        }
    return weights;
}

/* Whole percents by the largest remainders; which total 100. */
static void round_weights(const struct target *target, int *out)
{
    const uint32_t one = SPLIT_ONE / 100;
    bool has_got[SPLIT_ARMS_MAX] = {false};
    int left = 100;

    for (int i = 0; i < target->nr_arms; i++) {
        out[i] = (int)(target->arms[i].weight / one);
        left -= out[i];
    }
    for (; left > 0; left--) {
        int best = -1;

        for (int i = 0; i < target->nr_arms; i++)
            if (!has_got[i] &&
                (best < 0 || target->arms[i].weight % one > target->arms[best].weight % one))
                best = i;
        if (best < 0)
            break;
        has_got[best] = true;
        out[best]++;
    }
}

json_t *sfn_routing_show(const struct sfn_call *call, const struct target *target)
{
    json_t *list = json_array();
    int weights[SPLIT_ARMS_MAX];
    char arn[SFN_ARN_MAX], name[SFN_ARN_NAME_MAX];

    round_weights(target, weights);
    for (int i = 0; list && i < target->nr_arms; i++) {
        snprintf(name, sizeof(name), "%.*s", STR_ARG(target->arms[i].version->name));
        sfn_shape_arn(call, target->function->name, name, arn);
        json_array_append_new(
            list, json_pack("{s:s, s:i}", "stateMachineVersionArn", arn, "weight", weights[i]));
    }
    return list;
}
