/* Plans: the nine configurations, limits, and each step at its time. */
#include "control/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "router/split.h"

enum { MINUTE_MS = 60000 };

/* The weight in percent at a time after the first step, as the planner takes it there. */
static uint32_t percent_at(const struct plan *plan, uint64_t at_ms)
{
    struct plan_figures figures = {.step = -1};
    uint64_t since_ms = 0;

    for (;;) {
        figures.held_ms = at_ms - since_ms;
        struct plan_next next = plan_next(plan, &figures);
        if (!next.is_due && next.step < plan->nr &&
            since_ms + plan->steps[figures.step].hold_ms > at_ms)
            break;
        if (next.step == plan->nr)
            break;
        assert_true(next.is_due);
        since_ms += figures.step >= 0 ? plan->steps[figures.step].hold_ms : 0;
        figures.step = next.step;
    }
    return plan->steps[figures.step].weight / (SPLIT_ONE / 100);
}

static void test_the_nine_configurations_are_there(void **state)
{
    static const struct {
        const char *name;
        int nr;
        uint64_t last_minute;
    } expected[] = {
        {"CodeDeployDefault.LambdaCanary10Percent5Minutes", 2, 5},
        {"CodeDeployDefault.LambdaCanary10Percent10Minutes", 2, 10},
        {"CodeDeployDefault.LambdaCanary10Percent15Minutes", 2, 15},
        {"CodeDeployDefault.LambdaCanary10Percent30Minutes", 2, 30},
        {"CodeDeployDefault.LambdaLinear10PercentEvery1Minute", 10, 9},
        {"CodeDeployDefault.LambdaLinear10PercentEvery2Minutes", 10, 18},
        {"CodeDeployDefault.LambdaLinear10PercentEvery3Minutes", 10, 27},
        {"CodeDeployDefault.LambdaLinear10PercentEvery10Minutes", 10, 90},
        {"CodeDeployDefault.LambdaAllAtOnce", 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct plan_rule *rule = plan_find(expected[i].name);
        struct plan plan;

        assert_non_null(rule);
        assert_null(plan_check(rule));
        plan_make(&plan, rule, MINUTE_MS);
        assert_int_equal(plan.nr, expected[i].nr);
        assert_int_equal(percent_at(&plan, 0), plan.nr == 1 ? 100 : 10);
        assert_int_equal(percent_at(&plan, expected[i].last_minute * MINUTE_MS), 100);
        if (plan.nr > 1)
            assert_int_equal(percent_at(&plan, expected[i].last_minute * MINUTE_MS - 1),
                             plan.nr == 2 ? 10 : 90);
    }
    assert_null(plan_find("CodeDeployDefault.OneAtATime"));
    assert_non_null(plan_find(plan_default));
}

static void test_linear_goes_step_by_step_and_is_cut_to_100(void **state)
{
    static const uint32_t thirds[] = {30, 60, 90, 100};
    struct plan_rule rule = {PLAN_LINEAR, 30, 2};
    struct plan plan;

    (void)state;
    plan_make(&plan, &rule, MINUTE_MS);
    assert_int_equal(plan.nr, 4);
    for (uint64_t k = 0; k < 4; k++) {
        assert_int_equal(percent_at(&plan, k * 2 * MINUTE_MS), thirds[k]);
        assert_int_equal(percent_at(&plan, (k * 2 + 2) * MINUTE_MS - 1), thirds[k]);
    }
    for (uint32_t percent = 1; percent < 100; percent++) {
        rule = (struct plan_rule){PLAN_LINEAR, percent, 1};
        plan_make(&plan, &rule, 7);
        assert_int_equal(plan.nr, (100 + percent - 1) / percent);
        assert_int_equal(plan.steps[plan.nr - 1].weight, SPLIT_ONE);
        for (int i = 0; i + 1 < plan.nr; i++) {
            assert_int_equal(plan.steps[i].weight, (uint32_t)(i + 1) * percent * (SPLIT_ONE / 100));
            assert_int_equal(plan.steps[i].hold_ms, 7);
        }
    }
}

static void test_limits_of_rules(void **state)
{
    static const struct {
        struct plan_rule rule;
        bool is_right;
    } cases[] = {
        {{PLAN_ALL_AT_ONCE, 0, 0}, true},
        {{PLAN_CANARY, 0, 5}, false},
        {{PLAN_CANARY, 1, 5}, true},
        {{PLAN_CANARY, 99, 2880}, true},
        {{PLAN_CANARY, 100, 5}, false},
        {{PLAN_CANARY, 10, 2881}, false},
        {{PLAN_CANARY, 10, 0}, false},
        {{PLAN_LINEAR, 10, 320}, true},
        {{PLAN_LINEAR, 10, 321}, false},
        {{PLAN_LINEAR, 1, 29}, true},
        {{PLAN_LINEAR, 1, 30}, false},
        {{PLAN_LINEAR, 50, 2880}, true},
        {{PLAN_LINEAR, 50, UINT32_MAX}, false},
        {{PLAN_LINEAR, 34, 1441}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(!plan_check(&cases[i].rule) == cases[i].is_right);
}

static void test_steps_below_one_percent_and_their_holds(void **state)
{
    struct plan plan = {0};
    struct plan_figures figures = {.step = -1};
    struct plan_next next;

    (void)state;
    assert_int_equal(plan_add(&plan, 5000000, 1000), 0); /* 0.5 % */
    assert_int_equal(plan_add(&plan, SPLIT_ONE / 2, 500), 0);
    assert_int_equal(plan_close(&plan), 0);
    assert_int_equal(plan.nr, 3);
    next = plan_next(&plan, &figures);
    assert_true(next.is_due && next.step == 0 && next.weight == 5000000);
    figures = (struct plan_figures){.step = 0, .held_ms = 400};
    next = plan_next(&plan, &figures);
    assert_true(!next.is_due && next.wait_ms == 600 && next.step == 1);
    figures.held_ms = 1000;
    assert_true(plan_next(&plan, &figures).is_due);
    figures = (struct plan_figures){.step = 2, .held_ms = 9};
    next = plan_next(&plan, &figures);
    assert_true(!next.is_due && next.step == 3);

    plan.nr = 0; /* one that ends with all needs no more, and holds nothing back */
    assert_int_equal(plan_add(&plan, SPLIT_ONE, 500), 0);
    assert_int_equal(plan_close(&plan), 0);
    assert_true(plan.nr == 1 && plan.steps[0].hold_ms == 0);
    while (plan.nr < PLAN_STEPS_MAX)
        assert_int_equal(plan_add(&plan, 1, 1), 0);
    assert_int_equal(plan_close(&plan), -1);
}

static void test_no_data_holds_the_next_step(void **state)
{
    struct plan_rule rule = {PLAN_CANARY, 10, 1};
    struct plan_figures figures = {.step = 0, .held_ms = 5 * MINUTE_MS, .is_held = true};
    struct plan_next next;
    struct plan plan;

    (void)state;
    plan_make(&plan, &rule, MINUTE_MS);
    next = plan_next(&plan, &figures);
    assert_true(!next.is_due && next.wait_ms == 0 && next.step == 1);
    figures.is_held = false;
    assert_true(plan_next(&plan, &figures).is_due);
    figures = (struct plan_figures){.step = -1, .is_held = true}; /* the first one makes the data */
    assert_true(plan_next(&plan, &figures).is_due);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_nine_configurations_are_there),
        cmocka_unit_test(test_linear_goes_step_by_step_and_is_cut_to_100),
        cmocka_unit_test(test_limits_of_rules),
        cmocka_unit_test(test_steps_below_one_percent_and_their_holds),
        cmocka_unit_test(test_no_data_holds_the_next_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
