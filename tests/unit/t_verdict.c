/* Retries, back-off and the end of events, by the times that settings give. */
#include "proxy/async/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS };

static const struct verdict_rules lambdas = {2, MINUTE_MS, 1000, 6 * HOUR_MS};
static const uint64_t start_ms = 1000000;

static void a_function_error_is_tried_again_after_one_and_two_minutes(void **state)
{
    struct verdict_past past = {.accepted_ms = start_ms};
    struct verdict v = verdict_after(&lambdas, &past, VERDICT_FUNCTION_ERROR, start_ms + 5);

    (void)state;
    assert_int_equal(v.next, VERDICT_AGAIN);
    assert_int_equal(v.due_ms, start_ms + 5 + MINUTE_MS);
    v = verdict_after(&lambdas, &past, VERDICT_FUNCTION_ERROR, start_ms + MINUTE_MS);
    assert_int_equal(v.next, VERDICT_AGAIN);
    assert_int_equal(v.due_ms, start_ms + 3 * MINUTE_MS);
    v = verdict_after(&lambdas, &past, VERDICT_FUNCTION_ERROR, start_ms + 3 * MINUTE_MS);
    assert_int_equal(v.next, VERDICT_GIVE_UP);
    assert_int_equal(v.condition, VERDICT_RETRIES_EXHAUSTED);
    assert_int_equal(past.attempts, 3);
    assert_int_equal(past.function_errors, 3);
}

static void without_retries_the_first_function_error_is_the_end(void **state)
{
    const struct verdict_rules none = {0, 1, 1, 1000};
    struct verdict_past past = {.accepted_ms = start_ms};

    (void)state;
    assert_int_equal(verdict_after(&none, &past, VERDICT_FUNCTION_ERROR, start_ms).next,
                     VERDICT_GIVE_UP);
}

static void what_ran_is_over(void **state)
{
    struct verdict_past past = {.accepted_ms = start_ms};

    (void)state;
    assert_int_equal(verdict_after(&lambdas, &past, VERDICT_RAN, start_ms + 7 * HOUR_MS).next,
                     VERDICT_OVER);
    assert_int_equal(past.attempts, 1);
}

static void a_system_error_backs_off_to_five_minutes_until_the_event_is_too_old(void **state)
{
    struct verdict_past past = {.accepted_ms = start_ms};
    uint64_t now_ms = start_ms, expected = 1000;
    struct verdict v;

    (void)state;
    for (;;) {
        v = verdict_after(&lambdas, &past, VERDICT_SYSTEM_ERROR, now_ms);
        if (v.next == VERDICT_GIVE_UP)
            break;
        assert_int_equal(v.next, VERDICT_AGAIN);
        if (v.due_ms == start_ms + 6 * HOUR_MS) {
            assert_int_equal(verdict_before(&lambdas, &past, v.due_ms - 1).next, VERDICT_AGAIN);
            v = verdict_before(&lambdas, &past, v.due_ms);
            break;
        }
        assert_int_equal(v.due_ms - now_ms, expected);
        expected = expected * 2 < VERDICT_BACKOFF_MAX_MS ? expected * 2 : VERDICT_BACKOFF_MAX_MS;
        now_ms = v.due_ms;
    }
    assert_int_equal(v.next, VERDICT_GIVE_UP);
    assert_int_equal(v.condition, VERDICT_AGE_EXCEEDED);
    assert_int_equal(past.function_errors, 0);
    assert_in_range(past.attempts, 75, 90);
}

static void an_attempt_that_ends_after_the_age_is_the_last(void **state)
{
    struct verdict_past past = {.accepted_ms = start_ms};
    struct verdict v =
        verdict_after(&lambdas, &past, VERDICT_FUNCTION_ERROR, start_ms + 6 * HOUR_MS);

    (void)state;
    assert_int_equal(v.next, VERDICT_GIVE_UP);
    assert_int_equal(v.condition, VERDICT_AGE_EXCEEDED);
}

static void the_back_off_begins_anew_once_the_function_ran(void **state)
{
    struct verdict_past past = {.accepted_ms = start_ms};

    (void)state;
    for (int i = 0; i < 5; i++)
        (void)verdict_after(&lambdas, &past, VERDICT_SYSTEM_ERROR, start_ms);
    assert_int_equal(verdict_after(&lambdas, &past, VERDICT_FUNCTION_ERROR, start_ms).due_ms,
                     start_ms + MINUTE_MS);
    assert_int_equal(verdict_after(&lambdas, &past, VERDICT_SYSTEM_ERROR, start_ms).due_ms,
                     start_ms + 1000);
}

static void a_function_that_may_not_run_ends_its_events_at_once(void **state)
{
    struct verdict_past past = {.accepted_ms = start_ms};
    struct verdict v = verdict_after(&lambdas, &past, VERDICT_FORBIDDEN, start_ms);

    (void)state;
    assert_int_equal(v.next, VERDICT_GIVE_UP);
    assert_int_equal(v.condition, VERDICT_ZERO_CONCURRENCY);
}

static void a_dead_letter_only_backs_off(void **state)
{
    struct verdict_past past = {.accepted_ms = start_ms, .is_letter = true};
    const enum verdict_attempt ends[] = {VERDICT_FUNCTION_ERROR, VERDICT_FORBIDDEN,
                                         VERDICT_SYSTEM_ERROR, VERDICT_FUNCTION_ERROR};

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct verdict v = verdict_after(&lambdas, &past, ends[i], start_ms);
        assert_int_equal(v.next, VERDICT_AGAIN);
        assert_int_equal(v.due_ms, start_ms + (1000U << i));
    }
    assert_int_equal(verdict_after(&lambdas, &past, VERDICT_RAN, start_ms).next, VERDICT_OVER);
}

static void no_setting_makes_a_time_overflow(void **state)
{
    const struct verdict_rules long_ones = {UINT32_MAX, 604800000, 604800000, 604800000};
    struct verdict_past past = {.accepted_ms = start_ms};

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct verdict v = verdict_after(
            &long_ones, &past, i % 2 ? VERDICT_SYSTEM_ERROR : VERDICT_FUNCTION_ERROR, start_ms + 1);
        assert_int_equal(v.next, VERDICT_AGAIN);
        assert_int_equal(v.due_ms, start_ms + 604800000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_error_is_tried_again_after_one_and_two_minutes),
        cmocka_unit_test(without_retries_the_first_function_error_is_the_end),
        cmocka_unit_test(what_ran_is_over),
        cmocka_unit_test(a_system_error_backs_off_to_five_minutes_until_the_event_is_too_old),
        cmocka_unit_test(an_attempt_that_ends_after_the_age_is_the_last),
        cmocka_unit_test(the_back_off_begins_anew_once_the_function_ran),
        cmocka_unit_test(a_function_that_may_not_run_ends_its_events_at_once),
        cmocka_unit_test(a_dead_letter_only_backs_off),
        cmocka_unit_test(no_setting_makes_a_time_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
