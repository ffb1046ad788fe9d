/* Bodies of CodeDeploy's operations: the first member of a wrong type is told with its path. */
#include "control/codedeploy_shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *check(const char *text)
{
    static char reason[CODEDEPLOY_SHAPE_REASON_MAX];
    json_t *body = json_loads(text, 0, NULL);

    assert_non_null(body);
    if (codedeploy_shape_check(body, reason))
        assert_string_equal(reason, "");
    json_decref(body);
    return reason;
}

static void what_has_its_types_passes(void **state)
{
    (void)state;
    assert_string_equal(check("{}"), "");
    assert_string_equal(check("{\"applicationName\": \"a\", \"tags\": [{\"Key\": \"k\"}]}"), "");
    assert_string_equal(check("{\"createTimeRange\": {\"start\": 1.5, \"end\": 2}}"), "");
    assert_string_equal(check("{\"revision\": {\"string\": {\"content\": \"x\"}}}"), "");
    assert_string_equal(check("{\"targetFilters\": {\"TargetStatus\": [\"Failed\"]}}"), "");
}

static void null_and_strangers_pass(void **state)
{
    (void)state;
    assert_string_equal(check("{\"applicationName\": null, \"revision\": {\"content\": null}}"),
                        "");
    assert_string_equal(check("{\"somethingElse\": [7], \"tags\": [{\"Other\": 7}]}"), "");
}

static void the_first_of_another_type_is_told(void **state)
{
    (void)state;
    assert_string_equal(check("{\"applicationName\": 7}"), "applicationName must be a text.");
    assert_string_equal(check("{\"deploymentIds\": \"d\"}"), "deploymentIds must be a list.");
    assert_string_equal(check("{\"deploymentIds\": [\"d\", null]}"),
                        "deploymentIds[1] must be a text.");
    assert_string_equal(check("{\"tags\": [{\"Key\": \"k\", \"Value\": 7}]}"),
                        "tags[0].Value must be a text.");
    assert_string_equal(check("{\"autoRollbackEnabled\": \"true\"}"),
                        "autoRollbackEnabled must be true or false.");
    assert_string_equal(check("{\"trafficRoutingConfig\": {\"timeBasedCanary\": "
                              "{\"canaryPercentage\": 1.5}}}"),
                        "trafficRoutingConfig.timeBasedCanary.canaryPercentage must be a whole "
                        "number.");
    assert_string_equal(check("{\"createTimeRange\": {\"end\": true}}"),
                        "createTimeRange.end must be a number.");
}

/* A body may be as deep as the parser takes it. */
static void depth_is_bounded(void **state)
{
    enum { DEPTH = 1000 };
    static const char open[] = "{\"revision\":";
    const size_t n = sizeof(open) - 1;
    char *text = calloc(DEPTH + 1, sizeof(open) + 1);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < DEPTH; i++)
        memcpy(text + i * n, open, n);
    text[DEPTH * n] = '7';
    memset(text + DEPTH * n + 1, '}', DEPTH);
    assert_string_equal(check(text), "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_its_types_passes),
        cmocka_unit_test(null_and_strangers_pass),
        cmocka_unit_test(the_first_of_another_type_is_told),
        cmocka_unit_test(depth_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
