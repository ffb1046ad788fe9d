/* The counters: where cells are, the histogram's buckets against a plain search, series that are
 * kept, counting under a reader's eyes. */
#include "metrics/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "metrics/series.h"

#include "base/prng.h"

static struct metrics *make(int nr_workers)
{
    struct metrics *metrics = metrics_make(nr_workers);

    assert_non_null(metrics);
    return metrics;
}

static void every_number_has_a_place_of_its_own_in_a_chunk(void **state)
{
    uint64_t place, last_place = 0;
    uint32_t last_chunk = 0;

    (void)state;
    assert_int_equal(metrics_chunk_of(0, &place), 0);
    assert_int_equal(place, 0);
    for (uint32_t number = 1; number < 1000000; number++) {
        uint32_t chunk = metrics_chunk_of(number, &place);

        if (chunk == last_chunk) {
            assert_true(place == last_place + 1);
        } else {
            assert_true(chunk == last_chunk + 1 && place == 0);
            assert_true(last_place == ((uint64_t)METRICS_CHUNK_MIN << last_chunk) - 1);
        }
        last_chunk = chunk;
        last_place = place;
    }
    assert_true(metrics_chunk_of(UINT32_MAX, &place) < METRICS_CHUNK_COUNT);
    assert_true(place < (uint64_t)METRICS_CHUNK_MIN << (METRICS_CHUNK_COUNT - 1));
}

static void cells_are_per_worker_and_series_and_stay(void **state)
{
    struct metrics *metrics = make(2);
    struct metrics_worker *a = metrics_worker(metrics, 0), *b = metrics_worker(metrics, 1);
    struct metrics_cell *cells[3000];

    (void)state;
    for (uint32_t i = 0; i < 3000; i++) {
        assert_null(metrics_slots_find(&a->cells, i));
        cells[i] = metrics_cell(a, i);
        assert_non_null(cells[i]);
        assert_int_equal((uintptr_t)cells[i] % 64, 0);
        assert_int_equal(metrics_read(&cells[i]->picks), 0);
        metrics_add(&cells[i]->picks, i);
    }
    assert_null(metrics_slots_find(&b->cells, 5));
    assert_ptr_not_equal(metrics_cell(b, 5), cells[5]);
    for (uint32_t i = 0; i < 3000; i++) {
        assert_ptr_equal(metrics_cell(a, i), cells[i]);
        assert_int_equal(metrics_read(&cells[i]->picks), i);
    }
    metrics_free(&metrics);
    assert_null(metrics);
}

static void pools_have_cells_of_their_own(void **state)
{
    struct metrics *metrics = make(1);
    struct metrics_worker *worker = metrics_worker(metrics, 0);
    struct metrics_pool_cell *pool = metrics_pool(worker, 70000);

    (void)state;
    assert_non_null(pool);
    metrics_add(&pool->connections[METRICS_IDLE], 3);
    metrics_sub(&pool->connections[METRICS_IDLE], 1);
    assert_ptr_equal(metrics_pool(worker, 70000), pool);
    assert_int_equal(metrics_read(&pool->connections[METRICS_IDLE]), 2);
    assert_null(metrics_slots_find(&worker->cells, 70000));
    metrics_free(&metrics);
}

static void no_series_has_no_cell_and_is_counted_as_uncounted(void **state)
{
    struct metrics *metrics = make(1);
    struct metrics_worker *worker = metrics_worker(metrics, 0);

    (void)state;
    assert_null(metrics_cell(worker, METRICS_NO_SERIES));
    assert_int_equal(metrics_read(&worker->uncounted), 1);
    metrics_series_release(metrics, METRICS_NO_SERIES);
    metrics_free(&metrics);
}

/* ---- The histogram --------------------------------------------------------------------------- */

static uint32_t plain_bucket(uint64_t us)
{
    static const uint64_t bounds[] = {METRICS_BUCKETS_US};
    uint32_t i = 0;

    while (i < sizeof(bounds) / sizeof(bounds[0]) && us > bounds[i])
        i++;
    return i;
}

static void a_duration_falls_into_the_bucket_a_plain_search_finds(void **state)
{
    static const uint64_t bounds[] = {METRICS_BUCKETS_US};
    struct prng random;

    (void)state;
    assert_int_equal(sizeof(bounds) / sizeof(bounds[0]), METRICS_BUCKET_COUNT - 1);
    for (uint64_t us = 0; us < 300000; us++)
        assert_int_equal(metrics_bucket(us), plain_bucket(us));
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
        for (uint64_t us = bounds[i] - 2; us <= bounds[i] + 2; us++)
            assert_int_equal(metrics_bucket(us), plain_bucket(us));
    for (int i = 0; i < 64; i++)
        for (uint64_t us = ((uint64_t)1 << i) - 1; us <= ((uint64_t)1 << i) + 1; us++)
            assert_int_equal(metrics_bucket(us), plain_bucket(us));
    prng_seed(&random, 3);
    for (int i = 0; i < 300000; i++) {
        uint64_t us = prng_next(&random) >> prng_below(&random, 64);

        assert_int_equal(metrics_bucket(us), plain_bucket(us));
    }
    assert_int_equal(metrics_bucket(UINT64_MAX), METRICS_BUCKET_COUNT - 1);
}

static void an_observation_is_one_in_a_bucket_and_adds_to_the_sum(void **state)
{
    struct metrics_cell cell = {0};

    (void)state;
    metrics_observe(&cell, 250);
    metrics_observe(&cell, 251);
    metrics_observe(&cell, 70000000);
    assert_int_equal(metrics_read(&cell.buckets[0]), 1);
    assert_int_equal(metrics_read(&cell.buckets[1]), 1);
    assert_int_equal(metrics_read(&cell.buckets[METRICS_BUCKET_COUNT - 1]), 1);
    assert_int_equal(metrics_read(&cell.duration_us), 70000501);
}

/* ---- Series ---------------------------------------------------------------------------------- */

static uint32_t get(struct metrics *metrics, const char *function)
{
    return metrics_series_get(metrics, str_of(function), STR("live"), STR("1"));
}

static void a_counted_series_finds_its_number_again(void **state)
{
    struct metrics *metrics = make(3);
    uint32_t a = get(metrics, "a"), b = get(metrics, "b");

    (void)state;
    metrics_add(&metrics_cell(metrics_worker(metrics, 2), a)->picks, 1);
    metrics_series_release(metrics, a);
    metrics_series_release(metrics, b);
    /* Only b's number is free. */
    assert_int_equal(get(metrics, "c"), b);
    assert_int_not_equal(get(metrics, "d"), a);
    assert_int_equal(get(metrics, "a"), a);
    metrics_free(&metrics);
}

static bool has_series(struct metrics *metrics, uint32_t number)
{
    struct series_names names;
    bool has = series_names(metrics_lock_series(metrics), number, &names);

    metrics_unlock_series(metrics);
    return has;
}

static void a_series_that_no_table_has_ends_after_an_hour_with_its_cells(void **state)
{
    struct metrics *metrics = make(2);
    struct metrics_worker *worker = metrics_worker(metrics, 1);
    uint32_t a = get(metrics, "a");
    struct metrics_cell *cell = metrics_cell(worker, a);

    (void)state;
    metrics_add(&cell->picks, 1);
    metrics_end(cell);
    metrics_series_release(metrics, a);
    metrics_sweep(metrics, 1000);
    metrics_sweep(metrics, 1000 + SERIES_KEEP_MS - 1);
    assert_ptr_equal(metrics_slots_find(&worker->cells, a), cell);
    assert_true(has_series(metrics, a));
    metrics_sweep(metrics, 1000 + SERIES_KEEP_MS);
    assert_null(metrics_slots_find(&worker->cells, a));
    assert_false(has_series(metrics, a));
    /* Others get the number, and begin at zero. */
    assert_int_equal(get(metrics, "b"), a);
    assert_int_equal(metrics_read(&metrics_cell(worker, a)->picks), 0);
    metrics_free(&metrics);
}

/* A tunnel may outlive its table, and counts its end then. */
static void a_series_stays_while_something_that_was_picked_has_not_ended(void **state)
{
    struct metrics *metrics = make(1);
    struct metrics_worker *worker = metrics_worker(metrics, 0);
    uint32_t a = get(metrics, "a");
    struct metrics_cell *cell = metrics_cell(worker, a);

    (void)state;
    metrics_add(&cell->picks, 2);
    metrics_end(cell);
    metrics_series_release(metrics, a);
    metrics_sweep(metrics, 1);
    metrics_sweep(metrics, 1 + SERIES_KEEP_MS);
    assert_ptr_equal(metrics_slots_find(&worker->cells, a), cell);
    metrics_end(cell);
    metrics_sweep(metrics, 2 + SERIES_KEEP_MS);
    metrics_sweep(metrics, 2 + 2ull * SERIES_KEEP_MS);
    assert_null(metrics_slots_find(&worker->cells, a));
    metrics_free(&metrics);
}

/* ---- Counting and reading at once ------------------------------------------------------------ */

enum { COUNTED_SERIES = 5000, COUNTS_EACH = 20 };

static void *count_all(void *arg)
{
    struct metrics_worker *worker = arg;

    for (uint32_t i = 0; i < COUNTED_SERIES * COUNTS_EACH; i++)
        metrics_add(&metrics_cell(worker, i * 7919 % COUNTED_SERIES)->picks, 1);
    return NULL;
}

static uint64_t sum_picks(struct metrics *metrics)
{
    uint64_t sum = 0;

    for (int w = 0; w < metrics_nr_workers(metrics); w++) {
        for (uint32_t i = 0; i < COUNTED_SERIES; i++) {
            struct metrics_cell *cell = metrics_slots_find(&metrics_worker(metrics, w)->cells, i);

            sum += cell ? metrics_read(&cell->picks) : 0;
        }
    }
    return sum;
}

static void a_reader_sees_cells_grow_while_workers_count(void **state)
{
    struct metrics *metrics = make(2);
    pthread_t threads[2];
    uint64_t sum = 0, last;

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_all, metrics_worker(metrics, i)),
                         0);
    for (int i = 0; i < 50; i++) {
        last = sum;
        sum = sum_picks(metrics);
        assert_true(sum >= last);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sum_picks(metrics), 2 * COUNTED_SERIES * COUNTS_EACH);
    metrics_free(&metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_a_place_of_its_own_in_a_chunk),
        cmocka_unit_test(cells_are_per_worker_and_series_and_stay),
        cmocka_unit_test(pools_have_cells_of_their_own),
        cmocka_unit_test(no_series_has_no_cell_and_is_counted_as_uncounted),
        cmocka_unit_test(a_duration_falls_into_the_bucket_a_plain_search_finds),
        cmocka_unit_test(an_observation_is_one_in_a_bucket_and_adds_to_the_sum),
        cmocka_unit_test(a_counted_series_finds_its_number_again),
        cmocka_unit_test(a_series_that_no_table_has_ends_after_an_hour_with_its_cells),
        cmocka_unit_test(a_series_stays_while_something_that_was_picked_has_not_ended),
        cmocka_unit_test(a_reader_sees_cells_grow_while_workers_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
