/* Callers: counted once, moved ones left out, a bounded sample of them, by many threads. */
#include "experiment/callers.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

static uint64_t key_of(uint64_t i)
{
    struct prng rng;

    prng_seed(&rng, i);
    return prng_next(&rng);
}

struct seen {
    uint32_t nr, n, errors, crossed, counted;
    double duration_ms, outcomes[OUTCOMES_MAX];
};

static void look(void *context, const struct kept_caller *caller, const double *outcomes)
{
    struct seen *seen = context;

    seen->nr++;
    seen->crossed += caller->is_crossed;
    seen->counted += caller->is_counted;
    seen->n += caller->n;
    seen->errors += caller->errors;
    seen->duration_ms += caller->duration_ms;
    for (int k = 0; k < OUTCOMES_MAX; k++)
        seen->outcomes[k] += outcomes[k];
}

static struct seen see(struct callers *callers)
{
    struct seen seen = {0};

    callers_each(callers, look, &seen);
    return seen;
}

static void a_caller_counts_once_when_it_is_answered(void **state)
{
    struct callers *callers = callers_make(1000);

    (void)state;
    assert_int_equal(callers_begin(callers, 7, 1), CALLERS_NEW);
    assert_int_equal(callers_begin(callers, 7, 1), CALLERS_OLD);
    /* the visit for which it was counted came to nothing, the other one did not */
    assert_int_equal(callers_end(callers, 7, 1, true, false, true, 5), -1);
    assert_int_equal(callers_end(callers, 7, 1, false, true, false, 6), 1);
    assert_int_equal(callers_begin(callers, 7, 1), CALLERS_OLD);
    assert_int_equal(callers_end(callers, 7, 1, false, false, true, 7), 0);
    struct seen seen = see(callers);
    assert_int_equal(seen.nr, 1);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.errors, 2);
    assert_true(seen.duration_ms == 18);
    callers_free(&callers);
    assert_null(callers);
}

static void a_caller_that_is_moved_is_left_out_for_good(void **state)
{
    struct callers *callers = callers_make(1000);

    (void)state;
    assert_int_equal(callers_begin(callers, 7, 1), CALLERS_NEW);
    assert_int_equal(callers_begin(callers, 7, 2), CALLERS_CROSSED);
    assert_int_equal(callers_begin(callers, 7, 1), CALLERS_CROSSED);
    assert_int_equal(see(callers).crossed, 1);
    callers_free(&callers);
}

static void outcomes_are_of_their_era(void **state)
{
    struct callers *callers = callers_make(1000);

    (void)state;
    for (uint64_t key = 0; key < 500; key++) {
        callers_begin(callers, key_of(key), 0);
        callers_outcomes(callers, 0, key_of(key), 0, (int[]){3, 5}, (double[]){1, 2.5}, 2);
    }
    callers_outcomes(callers, 1, key_of(1), 0, (int[]){3}, (double[]){1}, 1);
    callers_outcomes(callers, 0, key_of(1), 4, (int[]){3}, (double[]){1}, 1);
    assert_true(see(callers).outcomes[3] == 500 && see(callers).outcomes[5] == 1250);
    callers_forget(callers, 1);
    assert_int_equal(see(callers).nr, 0);
    callers_begin(callers, key_of(1), 0);
    callers_outcomes(callers, 0, key_of(1), 0, (int[]){3}, (double[]){1}, 1);
    callers_outcomes(callers, 1, key_of(1), 0, (int[]){4}, (double[]){1}, 1);
    assert_true(see(callers).outcomes[3] == 0 && see(callers).outcomes[4] == 1);
    callers_free(&callers);
}

/* Whoever is kept is kept with all visits. */
static void the_sample_is_halved_when_there_are_too_many(void **state)
{
    struct callers *callers = callers_make(1024);

    (void)state;
    for (int visit = 0; visit < 3; visit++) {
        for (uint64_t i = 0; i < 20000; i++) {
            uint64_t key = key_of(i);
            if (callers_begin(callers, key, 0) == CALLERS_NOT_KEPT)
                continue;
            callers_end(callers, key, 0, visit == 0, true, false, 1);
            callers_outcomes(callers, 0, key, 0, (int[]){0}, (double[]){2}, 1);
        }
    }
    struct seen seen = see(callers);
    assert_int_equal(seen.nr, callers_kept(callers));
    assert_in_range(seen.nr, 300, 1023);
    assert_int_equal(seen.n, 3 * seen.nr);
    assert_true(seen.outcomes[0] == 6.0 * seen.nr);
    assert_true(callers_share(callers) == 1.0 / 32);
    assert_in_range(seen.nr * 32, 20000 * 0.8, 20000 * 1.2);
    callers_free(&callers);
}

static void *visit_many(void *arg)
{
    struct callers *callers = arg;

    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t key = key_of(i % 3000);
        enum callers_answer answer = callers_begin(callers, key, (uint16_t)(key % 2));

        assert_true(answer != CALLERS_CROSSED);
        if (answer == CALLERS_NOT_KEPT)
            continue;
        callers_outcomes(callers, 0, key, (uint16_t)(key % 2), (int[]){1}, (double[]){1}, 1);
        callers_end(callers, key, (uint16_t)(key % 2), answer == CALLERS_NEW, true, false, 1);
    }
    return NULL;
}

static void many_threads_may_count(void **state)
{
    struct callers *callers = callers_make(1024);
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, visit_many, callers);
    for (int i = 0; i < 100; i++)
        see(callers);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct seen seen = see(callers);
    assert_int_equal(seen.nr, callers_kept(callers));
    assert_in_range(seen.nr, 300, 1024);
    assert_int_equal(seen.counted, seen.nr);
    assert_true(seen.outcomes[1] == seen.n);
    callers_free(&callers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caller_counts_once_when_it_is_answered),
        cmocka_unit_test(a_caller_that_is_moved_is_left_out_for_good),
        cmocka_unit_test(outcomes_are_of_their_era),
        cmocka_unit_test(the_sample_is_halved_when_there_are_too_many),
        cmocka_unit_test(many_threads_may_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
