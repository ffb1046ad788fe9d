/* The deployments that are kept: the newest first, and so many that have ended. */
#include "control/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char spec[] =
    "{\"version\": 0.0, \"Resources\": [{\"f\": {\"Type\": \"AWS::Lambda::Function\", "
    "\"Properties\": {\"Name\": \"f\", \"Alias\": \"live\", \"CurrentVersion\": \"1\", "
    "\"TargetVersion\": \"2\"}}}]}";

static void add(struct ledger *ledger, uint64_t serial, enum deployment_status status)
{
    char id[DEPLOYMENT_ID + 1];
    struct deployment *d;

    snprintf(id, sizeof(id), "d-%09u", (unsigned)serial % 1000000000u);
    d = deployment_make_take(json_pack("{s:s, s:I, s:s, s:{s:s, s:{s:s}}, s:[]}", "deploymentId",
                                       id, "serial", (json_int_t)serial, "deploymentGroupId", "g",
                                       "revision", "revisionType", "AppSpecContent",
                                       "appSpecContent", "content", spec, "steps"));
    assert_non_null(d);
    d->state.status = status;
    ledger_add_take(ledger, d);
}

static struct ledger ledger;

static int setup(void **state)
{
    (void)state;
    ledger = (struct ledger){.nr_deployments = 0};
    TAILQ_INIT(&ledger.deployments);
    LIST_INIT(&ledger.guests);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_fini(&ledger);
    return 0;
}

static void the_newest_is_the_first_whatever_comes_first(void **state)
{
    (void)state;
    add(&ledger, 2, DEPLOYMENT_SUCCEEDED);
    add(&ledger, 9, DEPLOYMENT_IN_PROGRESS);
    add(&ledger, 5, DEPLOYMENT_QUEUED);
    assert_int_equal(TAILQ_FIRST(&ledger.deployments)->serial, 9);
    assert_int_equal(TAILQ_LAST(&ledger.deployments, deployments)->serial, 2);
    assert_int_equal(ledger_new_serial(&ledger), 10);
    assert_int_equal(ledger_active(&ledger, "g")->serial, 5);
    assert_null(ledger_active(&ledger, "h"));
    assert_string_equal(ledger_deployment(&ledger, "d-000000009")->id, "d-000000009");
    assert_null(ledger_deployment(&ledger, "d-000000008"));
}

static void the_oldest_that_has_ended_goes_where_there_are_too_many(void **state)
{
    struct deployment *surplus;

    (void)state;
    add(&ledger, 1, DEPLOYMENT_IN_PROGRESS);
    for (uint64_t i = 0; i < LEDGER_DEPLOYMENTS_MAX; i++)
        add(&ledger, 2 + i, i % 2 ? DEPLOYMENT_FAILED : DEPLOYMENT_SUCCEEDED);
    assert_null(ledger_surplus(&ledger)); /* one of them runs */
    add(&ledger, 5000, DEPLOYMENT_STOPPED);
    ledger_deployment(&ledger, "d-000000002")->now.is_moving = true;
    surplus = ledger_surplus(&ledger);
    assert_non_null(surplus);
    assert_int_equal(surplus->serial, 3);
    ledger_remove(&ledger, &surplus);
    assert_null(surplus);
    assert_null(ledger_deployment(&ledger, "d-000000003"));
    assert_null(ledger_surplus(&ledger));
    assert_int_equal(ledger.nr_deployments, LEDGER_DEPLOYMENTS_MAX + 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_newest_is_the_first_whatever_comes_first),
        test(the_oldest_that_has_ended_goes_where_there_are_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
