/* The exposition: everything that was counted, as Prometheus text format 0.0.4 (docs/metrics.md
 * lists it). Control thread. */
#ifndef WEIR_METRICS_EXPOSE_H
#define WEIR_METRICS_EXPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "metrics/metrics.h"

/* What is shown beside the cells; main fills it in at each scrape. */
struct expose_facts {
    const char *version; /* weir's */
    uint64_t generation;
    uint64_t reloads_ok, reloads_rejected;
    double start_time_seconds;                  /* Unix time */
    uint64_t access_log_lost, process_log_lost; /* lines */
    /* weir_alias_weight_ratio: every arm of every alias; these are shown with their zeros */
    int nr_shares;
    const struct expose_share {
        uint32_t series;
        double ratio;
    } * shares;
    /* weir_upstream_connections: which version uses which pool; a version's uses are adjacent */
    int nr_uses;
    const struct expose_use {
        struct str function, version;
        uint32_t origin;
    } * uses;
    int nr_endpoints; /* weir_endpoint_up and the families beside it */
    const struct expose_endpoint {
        struct str function, version, endpoint;
        bool is_up;
        bool may_be_ejected, is_ejected; /* by passive observation */
        uint64_t ejections;
        const uint64_t *checks; /* METRICS_CHECK_COUNT numbers; NULL: it is not checked */
    } * endpoints;
};

/* The whole text, to be freed by the caller; *length without terminator. NULL when out of
 * memory. */
char *expose_text(struct metrics *metrics, const struct expose_facts *facts, size_t *length);

#endif
