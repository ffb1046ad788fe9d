/* Rules to steps, and from one step to the next. */
#include "control/plan.h"

#include <assert.h>
#include <string.h>

#include "router/split.h"

enum { PERCENT = SPLIT_ONE / 100 };

const char plan_default[] = "CodeDeployDefault.LambdaCanary10Percent5Minutes";

const struct plan_builtin plan_builtins[PLAN_BUILTINS] = {
    {"CodeDeployDefault.LambdaAllAtOnce", {PLAN_ALL_AT_ONCE, 0, 0}},
    {"CodeDeployDefault.LambdaCanary10Percent10Minutes", {PLAN_CANARY, 10, 10}},
    {"CodeDeployDefault.LambdaCanary10Percent15Minutes", {PLAN_CANARY, 10, 15}},
    {"CodeDeployDefault.LambdaCanary10Percent30Minutes", {PLAN_CANARY, 10, 30}},
    {plan_default, {PLAN_CANARY, 10, 5}},
    {"CodeDeployDefault.LambdaLinear10PercentEvery10Minutes", {PLAN_LINEAR, 10, 10}},
    {"CodeDeployDefault.LambdaLinear10PercentEvery1Minute", {PLAN_LINEAR, 10, 1}},
    {"CodeDeployDefault.LambdaLinear10PercentEvery2Minutes", {PLAN_LINEAR, 10, 2}},
    {"CodeDeployDefault.LambdaLinear10PercentEvery3Minutes", {PLAN_LINEAR, 10, 3}},
};

const struct plan_rule *plan_find(const char *name)
{
    for (int i = 0; i < PLAN_BUILTINS; i++)
        if (strcmp(plan_builtins[i].name, name) == 0)
            return &plan_builtins[i].rule;
    return NULL;
}

/* How many steps a rule has after the first. */
static uint32_t further_steps(const struct plan_rule *rule)
{
    return rule->kind == PLAN_LINEAR ? (100 + rule->percent - 1) / rule->percent - 1 : 1;
}

const char *plan_check(const struct plan_rule *rule)
{
    if (rule->kind == PLAN_ALL_AT_ONCE)
        return NULL;
    if (rule->percent < 1 || rule->percent > 99)
        return "The percentage must be from 1 to 99.";
    if (rule->minutes < 1)
        return "The interval must be one minute or more.";
    if (rule->minutes > PLAN_MINUTES_MAX || rule->minutes * further_steps(rule) > PLAN_MINUTES_MAX)
        return "From the first shift to the last there may be 2880 minutes at most.";
    return NULL;
}

int plan_add(struct plan *plan, uint32_t weight, uint64_t hold_ms)
{
    if (plan->nr == PLAN_STEPS_MAX)
        return -1;
    plan->steps[plan->nr++] = (struct plan_step){weight, hold_ms};
    return 0;
}

int plan_close(struct plan *plan)
{
    if (plan->nr == 0 || plan->steps[plan->nr - 1].weight < SPLIT_ONE)
        return plan_add(plan, SPLIT_ONE, 0);
    plan->steps[plan->nr - 1].hold_ms = 0; /* it holds nothing back */
    return 0;
}

void plan_make(struct plan *plan, const struct plan_rule *rule, uint64_t minute_ms)
{
    uint64_t hold_ms = rule->minutes * minute_ms;
    int r = 0;

    assert(!plan_check(rule));
    plan->nr = 0;
    if (rule->kind == PLAN_CANARY)
        r = plan_add(plan, rule->percent * PERCENT, hold_ms);
    for (uint32_t sum = rule->percent; rule->kind == PLAN_LINEAR && sum < 100; sum += rule->percent)
        r |= plan_add(plan, sum * PERCENT, hold_ms);
    r |= plan_close(plan);
    assert(r == 0); /* 1 % each is 100 steps */
    (void)r;
}

struct plan_next plan_next(const struct plan *plan, const struct plan_figures *figures)
{
    struct plan_next next = {.step = figures->step + 1};
    uint64_t hold_ms = figures->step >= 0 ? plan->steps[figures->step].hold_ms : 0;

    assert(figures->step >= -1 && figures->step < plan->nr);
    if (next.step == plan->nr)
        return next;
    next.weight = plan->steps[next.step].weight;
    if (figures->step < 0)
        next.is_due = true;
    else if (figures->held_ms < hold_ms)
        next.wait_ms = hold_ms - figures->held_ms;
    else
        next.is_due = !figures->is_held;
    return next;
}
