/* The counters' memory: which worker has which cells, and the histogram's bounds.
 *
 * Cells of one worker lie together in slabs of its own, aligned to cache lines, so that no line is
 * written by two workers. They are made by the worker and published by a release store; the control
 * thread only ever looks. Nothing is freed before the end. */
#include "metrics/metrics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/series.h"

enum { CACHE_LINE = 64, SLAB_BYTES = 16384 };

struct metrics_slab {
    struct metrics_slab *next;
    size_t used;
    _Alignas(CACHE_LINE) char bytes[];
};

struct metrics {
    int nr_workers;
    struct metrics_worker **workers;
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

static void free_chunks(struct metrics_slots *slots)
{
    for (int i = 0; i < METRICS_CHUNK_COUNT; i++)
        free(atomic_load_explicit(&slots->chunks[i], memory_order_relaxed));
}

static void free_worker(struct metrics_worker *worker)
{
    struct metrics_slab *slab, *next;

    if (!worker)
        return;
    free_chunks(&worker->cells);
    free_chunks(&worker->pools);
    for (slab = worker->slabs; slab; slab = next) {
        next = slab->next;
        free(slab);
    }
    free(worker);
}

struct metrics *metrics_make(int nr_workers)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        return NULL;
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
    free(m);
}

struct metrics_worker *metrics_worker(struct metrics *metrics, int worker)
{
    assert(worker >= 0 && worker < metrics->nr_workers);
    return metrics->workers[worker];
}

int metrics_nr_workers(const struct metrics *metrics)
{
    return metrics->nr_workers;
}

const struct series *metrics_series(const struct metrics *metrics)
{
    return metrics->series;
}

/* ---- Making cells: worker threads ------------------------------------------------------------ */

static void *slab_alloc(struct metrics_worker *worker, size_t size)
{
    struct metrics_slab *slab = worker->slabs;

    size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    if (!slab || slab->used + size > SLAB_BYTES) {
        slab = zeroed_lines(sizeof(*slab) + SLAB_BYTES);
        if (!slab)
            return NULL;
        slab->next = worker->slabs;
        worker->slabs = slab;
    }
    slab->used += size;
    return slab->bytes + slab->used - size;
}

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

static void *make_cell(struct metrics_worker *worker, struct metrics_slots *slots, uint32_t number,
                       size_t size)
{
    struct metrics_slot *place = make_place(slots, number);
    void *cell = place ? slab_alloc(worker, size) : NULL;

    if (cell)
        atomic_store_explicit(&place->cell, cell, memory_order_release);
    else
        metrics_add(&worker->uncounted, 1);
    return cell;
}

struct metrics_cell *metrics_cell_make(struct metrics_worker *worker, uint32_t series)
{
    if (series == METRICS_NO_SERIES) {
        metrics_add(&worker->uncounted, 1);
        return NULL;
    }
    return make_cell(worker, &worker->cells, series, sizeof(struct metrics_cell));
}

struct metrics_pool_cell *metrics_pool_make(struct metrics_worker *worker, uint32_t origin)
{
    return make_cell(worker, &worker->pools, origin, sizeof(struct metrics_pool_cell));
}

/* ---- Series: the control thread -------------------------------------------------------------- */

uint32_t metrics_series_get(struct metrics *metrics, struct str function, struct str alias,
                            struct str version)
{
    return series_get(metrics->series, function, alias, version);
}

/* No worker can be about to make a cell here: whoever holds the number holds the table, and the
 * table is gone. */
void metrics_series_release(struct metrics *metrics, uint32_t series)
{
    bool is_counted = false;

    if (series == METRICS_NO_SERIES)
        return;
    for (int i = 0; i < metrics->nr_workers && !is_counted; i++)
        is_counted = metrics_slots_find(&metrics->workers[i]->cells, series) != NULL;
    series_release(metrics->series, series, is_counted);
}
