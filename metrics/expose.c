/* The exposition: sums the workers' cells and prints one family of samples after the other.
 *
 * Workers go on counting meanwhile; every number is read once, so that what belongs together (a
 * histogram and its count) agrees. The series are locked for a few of them at a time. A series
 * without traffic has no cells and is printed only where the caller gives it a share, with a zero.
 * family.h says which file has which families. */
#include "metrics/expose.h"

#include <stdlib.h>

#include "metrics/family.h"
#include "metrics/process.h"
#include "metrics/series.h"

/* ---- Sums ------------------------------------------------------------------------------------ */

static void add_up(struct scrape *s, struct sums *sums)
{
    for (int i = 0; i < s->nr_workers; i++) {
        struct metrics_worker *worker = metrics_worker(s->metrics, i);
        struct metrics_number *cell = metrics_slots_find(&worker->cells, sums->series);

        if (!cell)
            continue;
        /* Backwards, so that picks are read after what ended: never fewer than it. */
        for (int k = CELL_NUMBERS - 1; k >= 0; k--)
            sums->numbers[k] += metrics_read(&cell[k]);
    }
}

/* Of the series that are there now, nr of them counted. Others may come and go meanwhile. */
static void take_sums(struct scrape *s, const struct series *series, uint32_t nr)
{
    for (uint32_t i = series_next_counted(series, 0); i < s->nr_series && s->nr_sums < nr;
         i = series_next_counted(series, i + 1)) {
        struct sums *sums = &s->sums[s->nr_sums++];

        sums->series = i;
        sums->labels_at = s->labels.n;
        series_put_labels(series, i, &s->labels);
        sums->labels_n = s->labels.n - sums->labels_at;
        add_up(s, sums);
        if (s->nr_sums % METRICS_STRIDE == 0)
            metrics_yield_series(s->metrics);
    }
}

static int make_sums(struct scrape *s)
{
    const struct series *series = metrics_lock_series(s->metrics);
    uint32_t nr = 0;

    for (uint32_t i = series_next_counted(series, 0); i != SERIES_NONE;
         i = series_next_counted(series, i + 1))
        nr++;
    s->nr_series = series_end(series);
    s->sums = calloc((size_t)nr + 1, sizeof(*s->sums));
    s->is_shown = calloc((size_t)s->nr_series + 1, sizeof(*s->is_shown));
    if (s->sums && s->is_shown)
        take_sums(s, series, nr);
    metrics_unlock_series(s->metrics);
    return s->sums && s->is_shown && !s->labels.is_short ? 0 : -1;
}

/* ---- Families of the workers and the process ------------------------------------------------- */

static const struct {
    const char *name, *type, *help;
    size_t offset;
} worker_families[] = {
#define X(member, name, type, help) {name, type, help, offsetof(struct metrics_worker, member)},
    X(client_connections, "weir_client_connections", "gauge", "Client connections open now.") X(
        client_connections_accepted, "weir_client_connections_accepted_total", "counter",
        "Client connections that were accepted.") X(requests, "weir_requests_total", "counter",
                                                    "Request heads that were read whole.")
        X(upgrades_open, "weir_upgraded_connections", "gauge",
          "Upgraded connections (WebSocket and others) open now.")
            X(upgrades, "weir_upgrades_total", "counter", "Connections that were upgraded.")
                X(uncounted, "weir_uncounted_total", "counter",
                  "Times an invocation or a connection went uncounted because memory had run out.")
#undef X
};

static uint64_t sum_workers(struct scrape *s, size_t offset)
{
    uint64_t sum = 0;

    for (int i = 0; i < s->nr_workers; i++) {
        const char *worker = (const char *)metrics_worker(s->metrics, i);

        sum += metrics_read((const struct metrics_number *)(worker + offset));
    }
    return sum;
}

static void put_worker_families(struct scrape *s)
{
    for (size_t i = 0; i < sizeof(worker_families) / sizeof(worker_families[0]); i++)
        family_one(s, worker_families[i].name, worker_families[i].type, worker_families[i].help,
                   sum_workers(s, worker_families[i].offset));
    family_begin(s, "weir_rejected_requests_total", "counter",
                 "Requests that were refused before they became an invocation, by reason.");
    for (size_t i = 0; i < METRICS_REJECTION_COUNT; i++) {
        family_put(s, "weir_rejected_requests_total");
        family_label(s, "{", "reason", str_of(metrics_rejection_labels[i]));
        family_put(s, "}");
        family_end_line(s, sum_workers(s, offsetof(struct metrics_worker, rejections) +
                                              i * sizeof(struct metrics_number)));
    }
}

static void put_fact(struct scrape *s, const char *name, const char *type, const char *help,
                     int64_t value, int places)
{
    if (value < 0)
        return;
    family_begin(s, name, type, help);
    family_put(s, name);
    family_end_scaled(s, (uint64_t)value, places);
}

static void put_weir_families(struct scrape *s)
{
    const struct expose_facts *facts = s->facts;

    family_begin(s, "weir_build_info", "gauge", "1, with the program's version as a label.");
    family_put(s, "weir_build_info");
    family_label(s, "{", "version", str_of(facts->version));
    family_put(s, "}");
    family_end_line(s, 1);
    family_one(s, "weir_workers", "gauge", "Worker threads.", (uint64_t)s->nr_workers);
    family_one(s, "weir_table_generation", "gauge",
               "Number of the table in force; grows with every change.", facts->generation);
    family_begin(s, "weir_table_reloads_total", "counter",
                 "Attempts to put a new table in force, by result.");
    family_put(s, "weir_table_reloads_total{result=\"ok\"}");
    family_end_line(s, facts->reloads_ok);
    family_put(s, "weir_table_reloads_total{result=\"rejected\"}");
    family_end_line(s, facts->reloads_rejected);
    family_one(s, "weir_table_last_reload_successful", "gauge",
               "1 where the last reload, or else the start, put its table in force; 0 where it was "
               "rejected.",
               !facts->was_last_rejected);
    put_fact(s, "weir_table_last_reload_timestamp_seconds", "gauge",
             "When the last reload, or else the start, ended, in Unix time.", facts->last_reload_ms,
             3);
    if (facts->has_store) {
        family_one(s, "weir_store_up", "gauge", "1 while the fleet's store answers.",
                   facts->is_store_up);
        family_one(s, "weir_fleet_members", "gauge", "Members of the fleet, as this one sees it.",
                   (uint64_t)facts->nr_members);
        family_one(s, "weir_fleet_leader", "gauge", "1 while this member leads the fleet.",
                   facts->is_leader);
    }
    family_one(s, "weir_access_log_lost_lines_total", "counter",
               "Lines of the access log that found no room or could not be written.",
               facts->access_log_lost);
    family_one(s, "weir_log_lost_lines_total", "counter",
               "Lines of the process log that standard error did not take.",
               facts->process_log_lost);
}

static void put_process_families(struct scrape *s)
{
    struct process_facts p;

    process_read(&p);
    put_fact(s, "process_cpu_seconds_total", "counter", "User and system CPU time.", p.cpu_us, 6);
    put_fact(s, "process_virtual_memory_bytes", "gauge", "Virtual memory.", p.virtual_bytes, 0);
    put_fact(s, "process_resident_memory_bytes", "gauge", "Resident memory.", p.resident_bytes, 0);
    put_fact(s, "process_open_fds", "gauge", "Open file descriptors.", p.open_fds, 0);
    put_fact(s, "process_max_fds", "gauge", "Limit on open file descriptors.", p.max_fds, 0);
    put_fact(s, "process_threads", "gauge", "Threads.", p.threads, 0);
    put_fact(s, "process_start_time_seconds", "gauge", "When the process began, in Unix time.",
             (int64_t)(s->facts->start_time_seconds * 1e3), 3);
}

char *expose_text(struct metrics *metrics, const struct expose_facts *facts, size_t *length)
{
    struct scrape s = {
        .metrics = metrics,
        .facts = facts,
        .nr_workers = metrics_nr_workers(metrics),
    };

    if (make_sums(&s) == 0) {
        put_weir_families(&s);
        expose_series(&s);
        expose_endpoints(&s);
        expose_fleet(&s);
        expose_events(&s);
        expose_execution_put(&s.page, facts->execution_counts, facts->nr_execution_counts);
        put_worker_families(&s);
        put_process_families(&s);
    } else {
        s.page.is_short = true;
    }
    free(s.sums);
    page_fini(&s.labels);
    free(s.is_shown);
    if (s.page.is_short)
        page_fini(&s.page);
    *length = s.page.n;
    return s.page.p;
}
