/* The counters' memory: which worker has which cells, and the histogram's bounds.
 *
 * A cell has its cache lines for itself, so that no line is written by two workers. It is made by
 * the worker and published by a release store; the control thread looks, and frees it when its
 * series ends. By then no table has the series, so no worker can be about to find the cell, and
 * all that was picked has ended, so none still writes to it. */
#include "metrics/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/series.h"

enum { CACHE_LINE = 64 };

struct metrics_made {
    struct metrics_made *next;
    uint32_t series;
};

/* A cell of a series takes the rest of its last cache line for the note that it was made. */
struct series_cell {
    struct metrics_cell cell;
    struct metrics_made made;
};

struct metrics {
    int nr_workers;
    struct metrics_worker **workers;
    /* Of the series: the threads that build tables and write pages need them, too. Who waits for
     * lock holds turn meanwhile, so that a page, which takes the lock again and again, lets others
     * in each time. */
    pthread_mutex_t lock, turn;
    struct series *series;
};

const char *const metrics_error_labels[METRICS_ERROR_COUNT + 1] = {
#define X(name, label, help) [METRICS_ERROR_##name] = label,
    METRICS_ERRORS(X)
#undef X
        [METRICS_ERROR_NONE] = "ok",
};

const char *const metrics_rejection_labels[METRICS_REJECTION_COUNT] = {
#define X(name, label, help) [METRICS_REJECTION_##name] = label,
    METRICS_REJECTIONS(X)
#undef X
};

const char *const metrics_check_labels[METRICS_CHECK_COUNT] = {
#define X(name, label, help) [METRICS_CHECK_##name] = label,
    METRICS_CHECKS(X)
#undef X
};

const uint64_t metrics_bucket_bounds[METRICS_BUCKET_COUNT] = {METRICS_BUCKETS_US, UINT64_MAX};

/* [k]: how many bounds are below 2^k, at most the number of the last bucket. */
const uint8_t metrics_bucket_first[64] = {
    0,  0,  0,  0,  0,  0,  0,  0,  1,  2,  3,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 12,
    13, 14, 15, 16, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17,
    17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17};

/* ---- Making and freeing ---------------------------------------------------------------------- */

static void *zeroed_lines(size_t size)
{
    void *p;

    size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    p = aligned_alloc(CACHE_LINE, size);
    if (p)
        memset(p, 0, size);
    return p;
}

static void free_slots(struct metrics_slots *slots)
{
    for (int i = 0; i < METRICS_CHUNK_COUNT; i++) {
        struct metrics_slot *chunk = atomic_load_explicit(&slots->chunks[i], memory_order_relaxed);

        for (size_t n = 0; chunk && n < (size_t)METRICS_CHUNK_MIN << i; n++)
            free(atomic_load_explicit(&chunk[n].cell, memory_order_relaxed));
        free(chunk);
    }
}

static void free_worker(struct metrics_worker *worker)
{
    if (!worker)
        return;
    free_slots(&worker->cells);
    free_slots(&worker->pools);
    free(worker);
}

struct metrics *metrics_make(int nr_workers)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        return NULL;
    pthread_mutex_init(&metrics->lock, NULL);
    pthread_mutex_init(&metrics->turn, NULL);
    metrics->series = series_make();
    metrics->workers = calloc((size_t)nr_workers, sizeof(*metrics->workers));
    if (!metrics->series || !metrics->workers)
        goto fail;
    for (metrics->nr_workers = 0; metrics->nr_workers < nr_workers; metrics->nr_workers++) {
        struct metrics_worker *worker = zeroed_lines(sizeof(*worker));

        if (!worker)
            goto fail;
        metrics->workers[metrics->nr_workers] = worker;
    }
    return metrics;
fail:
    metrics_free(&metrics);
    return NULL;
}

void metrics_free(struct metrics **metrics)
{
    struct metrics *m = *metrics;

    *metrics = NULL;
    if (!m)
        return;
    for (int i = 0; i < m->nr_workers; i++)
        free_worker(m->workers[i]);
    free(m->workers);
    series_free(&m->series);
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->turn);
    free(m);
}

struct metrics_worker *metrics_worker(struct metrics *metrics, int worker)
{
    assert(worker >= 0 && worker < metrics->nr_workers);
    return metrics->workers[worker];
}

void metrics_figures_of(struct metrics *m, uint32_t series, struct metrics_figures *out)
{
    *out = (struct metrics_figures){.ended = 0};
    for (int i = 0; i < metrics_nr_workers(m); i++) {
        const struct metrics_cell *cell = metrics_slots_find(&metrics_worker(m, i)->cells, series);

        if (!cell)
            continue;
        out->failed += metrics_read(&cell->failed);
        for (int k = 0; k < METRICS_BUCKET_COUNT; k++) {
            out->buckets[k] += metrics_read(&cell->buckets[k]);
            out->ended += metrics_read(&cell->buckets[k]);
        }
    }
}

int metrics_nr_workers(const struct metrics *metrics)
{
    return metrics->nr_workers;
}

/* ---- Making cells: worker threads ------------------------------------------------------------ */

/* The place of a number's cell in the slots; NULL when out of memory. */
static struct metrics_slot *make_place(struct metrics_slots *slots, uint32_t number)
{
    uint64_t place;
    uint32_t index = metrics_chunk_of(number, &place);
    struct metrics_slot *chunk = atomic_load_explicit(&slots->chunks[index], memory_order_relaxed);

    if (!chunk) {
        chunk = calloc((size_t)METRICS_CHUNK_MIN << index, sizeof(*chunk));
        if (!chunk)
            return NULL;
        atomic_store_explicit(&slots->chunks[index], chunk, memory_order_release);
    }
    return &chunk[place];
}

/* A new cell in the number's place. */
static void *make_cell(struct metrics_worker *worker, struct metrics_slots *slots, uint32_t number,
                       size_t size)
{
    struct metrics_slot *place = make_place(slots, number);
    void *cell = place ? zeroed_lines(size) : NULL;

    if (cell)
        atomic_store_explicit(&place->cell, cell, memory_order_release);
    else
        metrics_add(&worker->uncounted, 1);
    return cell;
}

struct metrics_cell *metrics_cell_make(struct metrics_worker *worker, uint32_t series)
{
    struct series_cell *cell;

    if (series == METRICS_NO_SERIES) {
        metrics_add(&worker->uncounted, 1);
        return NULL;
    }
    cell = make_cell(worker, &worker->cells, series, sizeof(*cell));
    if (!cell)
        return NULL;
    cell->made.series = series;
    cell->made.next = atomic_load_explicit(&worker->made, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&worker->made, &cell->made.next, &cell->made,
                                                  memory_order_release, memory_order_relaxed))
        continue;
    return &cell->cell;
}

struct metrics_pool_cell *metrics_pool_make(struct metrics_worker *worker, uint32_t origin)
{
    return make_cell(worker, &worker->pools, origin, sizeof(struct metrics_pool_cell));
}

/* ---- Series ---------------------------------------------------------------------------------- */

static void lock(struct metrics *metrics)
{
    pthread_mutex_lock(&metrics->turn);
    pthread_mutex_lock(&metrics->lock);
    pthread_mutex_unlock(&metrics->turn);
}

/* Takes note of all series that have got a cell since last time. */
static void take_note(struct metrics *metrics)
{
    for (int i = 0; i < metrics->nr_workers; i++) {
        struct metrics_worker *worker = metrics->workers[i];
        struct metrics_made *made;

        /* As a rule there is none: a million series may be released one after the other. */
        if (!atomic_load_explicit(&worker->made, memory_order_relaxed))
            continue;
        made = atomic_exchange_explicit(&worker->made, NULL, memory_order_acquire);
        for (; made; made = made->next)
            series_count(metrics->series, made->series);
    }
}

uint32_t metrics_series_get(struct metrics *metrics, struct str function, struct str alias,
                            struct str version)
{
    uint32_t number;

    lock(metrics);
    number = series_get(metrics->series, function, alias, version);
    pthread_mutex_unlock(&metrics->lock);
    return number;
}

void metrics_series_keep(struct metrics *metrics, metrics_keep *keep, void *context)
{
    struct series_names names;

    lock(metrics);
    take_note(metrics);
    for (uint32_t n = series_next_counted(metrics->series, 0); n != SERIES_NONE;
         n = series_next_counted(metrics->series, n + 1))
        if (series_names(metrics->series, n, &names) &&
            keep(context, names.function, names.alias, names.version, n))
            series_hold(metrics->series, n);
    pthread_mutex_unlock(&metrics->lock);
}

/* No worker can be about to make a cell here: whoever holds the number holds the table, and the
 * table is gone. */
void metrics_series_release(struct metrics *metrics, uint32_t series)
{
    if (series == METRICS_NO_SERIES)
        return;
    lock(metrics);
    take_note(metrics);
    series_release(metrics->series, series);
    pthread_mutex_unlock(&metrics->lock);
}

/* Did all that was picked on this worker end? */
static bool is_quiet(struct metrics_worker *worker, uint32_t series)
{
    struct metrics_cell *cell = metrics_slots_find(&worker->cells, series);

    return !cell || atomic_load_explicit(&cell->ended.n, memory_order_acquire) ==
                        metrics_read(&cell->picks) + metrics_read(&cell->attempts) +
                            metrics_read(&cell->repeats);
}

static void free_cell(struct metrics_worker *worker, uint32_t series)
{
    uint64_t place;
    uint32_t chunk = metrics_chunk_of(series, &place);
    struct metrics_slot *slots =
        atomic_load_explicit(&worker->cells.chunks[chunk], memory_order_acquire);

    if (slots)
        free(atomic_exchange_explicit(&slots[place].cell, NULL, memory_order_acq_rel));
}

static bool end_series(void *context, uint32_t series)
{
    struct metrics *metrics = context;

    for (int i = 0; i < metrics->nr_workers; i++)
        if (!is_quiet(metrics->workers[i], series))
            return false;
    for (int i = 0; i < metrics->nr_workers; i++)
        free_cell(metrics->workers[i], series);
    return true;
}

void metrics_sweep(struct metrics *metrics, uint64_t now_ms)
{
    lock(metrics);
    take_note(metrics); /* before any cell goes, and the note with it */
    series_sweep(metrics->series, now_ms, end_series, metrics);
    pthread_mutex_unlock(&metrics->lock);
}

const struct series *metrics_lock_series(struct metrics *metrics)
{
    lock(metrics);
    take_note(metrics);
    return metrics->series;
}

void metrics_unlock_series(struct metrics *metrics)
{
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_yield_series(struct metrics *metrics)
{
    pthread_mutex_unlock(&metrics->lock);
    lock(metrics);
}
