/* Executions by machine, alias and version, as the exposition and as the alarms count them. */
#include "control/execution_tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void what_has_ended_counts_as_invocations(void **state)
{
    struct execution_tallies tallies = {.nr = 0};
    struct expose_execution_counts *counts = execution_tally_of(&tallies, "shop", "PROD", "2");
    struct metrics_figures f;

    (void)state;
    counts->running = 4;
    execution_tally_close(counts, EXECUTION_SUCCEEDED, 5, false);
    execution_tally_close(counts, EXECUTION_FAILED, 5, true);
    execution_tally_close(counts, EXECUTION_FAILED, 5, false); /* a client's mistake */
    assert_int_equal(counts->running, 1);
    assert_int_equal(counts->closed[EXECUTION_FAILED - EXECUTION_SUCCEEDED], 2);
    f = execution_tally_figures(&tallies, STR("shop"), STR("PROD"), STR("2"));
    assert_int_equal(f.ended, 3);
    assert_int_equal(f.failed, 1);
    assert_int_equal(f.buckets[metrics_bucket(5000)], 3);
    f = execution_tally_figures(&tallies, STR("shop"), STR("PROD"), STR("1"));
    assert_int_equal(f.ended, 0);
    execution_tally_fini(&tallies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_ended_counts_as_invocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
