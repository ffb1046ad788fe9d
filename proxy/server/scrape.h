/* The metrics page: facts of the table and of the process joined with what was counted. Any thread
 * that holds the table and is online in QSBR. */
#ifndef WEIR_PROXY_SERVER_SCRAPE_H
#define WEIR_PROXY_SERVER_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/expose.h"
#include "metrics/metrics.h"
#include "router/table.h"

/* Where the page's facts come from. */
struct scrape_sources {
    struct metrics *metrics;
    const struct table *table;
    uint64_t access_log_lost, process_log_lost;
    uint64_t reloads_ok, reloads_rejected;
    bool was_last_rejected;
    int64_t last_reload_ms;                 /* Unix time */
    bool has_store, is_store_up, is_leader; /* the fleet's */
    int nr_members, nr_fleet_splits;
    const struct expose_fleet_split *fleet_splits;
    double start_time_s; /* since 1970 */
    uint64_t events_queued, events_oldest_age_ms;
    const struct expose_event_counts *event_counts;
    int nr_event_counts;
    const struct expose_execution_counts *execution_counts;
    int nr_execution_counts;
    const struct expose_deployment_counts *deployment_counts;
    int nr_deployment_counts;
    const struct expose_alarm *alarms;
    int nr_alarms;
};

/* The page, to be freed by the caller; *length without terminator. NULL when out of memory. all:
 * what was never invoked, too, which takes time and room in proportion to the table. */
char *scrape_page(const struct scrape_sources *sources, bool all, size_t *length);

#endif
