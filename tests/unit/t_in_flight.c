/* Limits of invocations at a time, and the Reason of each. */
#include "proxy/exchange/in_flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const char reserved[] = "ReservedFunctionConcurrentInvocationLimitExceeded";
static const char usual[] = "ConcurrentInvocationLimitExceeded";

static struct gauge of_function, of_version;

/* Enters until it is refused: how many entered, and the reason. */
static uint32_t fill(const struct function *function, const struct version *version,
                     uint32_t default_limit, const char **reason)
{
    struct in_flight list[16] = {{.function = NULL}};
    uint32_t nr = 0;

    *reason = NULL;
    while (nr < 16) {
        *reason = in_flight_enter(&list[nr], function, default_limit);
        if (!*reason)
            *reason = in_flight_enter_version(&list[nr], version);
        if (*reason)
            break;
        nr++;
    }
    for (uint32_t i = 0; i <= nr && i < 16; i++)
        in_flight_leave(&list[i]);
    assert_int_equal(atomic_load(&of_function.value), 0);
    assert_int_equal(atomic_load(&of_version.value), 0);
    return nr;
}

static void each_limit_has_its_reason(void **state)
{
    static const struct {
        uint32_t limit, concurrency, of_version, by_default, nr;
        const char *reason;
    } cases[] = {
        {0, FUNCTION_NO_CONCURRENCY, 0, 0, 16, NULL},
        {3, FUNCTION_NO_CONCURRENCY, 0, 0, 3, usual}, /* the function's max_in_flight */
        {0, FUNCTION_NO_CONCURRENCY, 0, 4, 4, usual},
        {2, 2, 0, 4, 2, reserved},
        {1, 0, 0, 0, 0, reserved}, /* none may run */
        {2, 5, 0, 0, 2, usual},    /* the smaller one is max_in_flight */
        {0, FUNCTION_NO_CONCURRENCY, 2, 0, 2, usual},
        {5, 5, 2, 0, 2, usual},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct function function = {.limit = cases[i].limit,
                                    .concurrency = cases[i].concurrency,
                                    .in_flight = &of_function};
        struct version version = {.max_in_flight = cases[i].of_version, .in_flight = &of_version};
        const char *reason;

        assert_int_equal(fill(&function, &version, cases[i].by_default, &reason), cases[i].nr);
        if (cases[i].reason)
            assert_string_equal(reason, cases[i].reason);
        else
            assert_null(reason);
    }
}

/* A target has no room when none of the versions that it may draw has. */
static void a_target_is_full_when_all_its_versions_are(void **state)
{
    struct gauge gauges[3] = {0};
    struct version versions[3] = {{.max_in_flight = 1, .in_flight = &gauges[0]},
                                  {.max_in_flight = 2, .in_flight = &gauges[1]},
                                  {.max_in_flight = 0, .in_flight = NULL}};
    struct target *target = calloc(1, sizeof(*target) + 3 * sizeof(struct arm));
    struct in_flight in[3] = {{.function = NULL}};

    (void)state;
    assert_non_null(target);
    for (int i = 0; i < 3; i++)
        target->arms[i] = (struct arm){.version = &versions[i], .weight = i < 2 ? 1 : 0};
    target->nr_arms = 3;
    assert_null(in_flight_look(target));
    assert_null(in_flight_enter_version(&in[0], &versions[0]));
    assert_null(in_flight_enter_version(&in[1], &versions[1]));
    assert_null(in_flight_look(target));
    assert_null(in_flight_enter_version(&in[2], &versions[1]));
    assert_string_equal(in_flight_look(target), usual); /* the third one is never drawn */
    in_flight_leave(&in[1]);
    assert_null(in_flight_look(target));
    for (int i = 0; i < 3; i++)
        in_flight_leave(&in[i]);
    target->arms[2].weight = 1;
    assert_null(in_flight_look(target)); /* it has no limit */
    free(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_has_its_reason),
        cmocka_unit_test(a_target_is_full_when_all_its_versions_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
