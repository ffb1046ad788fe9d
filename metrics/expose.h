/* The exposition: everything that was counted, as Prometheus text format 0.0.4 (docs/metrics.md
 * lists it). Any thread. */
#ifndef WEIR_METRICS_EXPOSE_H
#define WEIR_METRICS_EXPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "metrics/expose_execution.h"
#include "metrics/metrics.h"

/* Why an event was dropped: label reason of weir_events_dropped_total. The first ones in the order
 * of the conditions under which events are given up (proxy/async/verdict.h). */
#define EXPOSE_EVENT_DROPS(X)                                                                      \
    X(RETRIES_EXHAUSTED, "retries_exhausted", "function errors, as often as it may be retried")    \
    X(AGE_EXCEEDED, "age_exceeded", "it was older than events.max_age_s")                          \
    X(ZERO_CONCURRENCY, "zero_reserved_concurrency", "its function may run none at all")           \
    X(DEAD_LETTER, "dead_letter", "its dead letter found no taker within events.max_age_s")

enum expose_event_drop {
#define X(name, label, help) EXPOSE_DROP_##name,
    EXPOSE_EVENT_DROPS(X)
#undef X
        EXPOSE_DROP_COUNT
};

/* What became of a function's events since the start. */
struct expose_event_counts {
    struct str function;
    uint64_t accepted;     /* answered with 202 */
    uint64_t delivered;    /* ran without an error */
    uint64_t retried;      /* attempts that another one followed */
    uint64_t dead_letters; /* delivered */
    uint64_t dropped[EXPOSE_DROP_COUNT];
};

/* A version of an alias over a fleet; billionths of an invocation. The strings are borrowed. */
struct expose_fleet_split {
    struct str function, alias, version;
    int64_t error, bound;
    bool is_first; /* of its alias: the bound is the alias's */
};

/* How the deployments of an alias have ended since the start. */
struct expose_deployment_counts {
    struct str function, alias;
    uint64_t succeeded, failed, stopped;
};

struct expose_alarm {
    struct str name;
    bool is_firing;
};

/* What is shown beside the cells; proxy/server/scrape.c fills it in. */
struct expose_facts {
    const char *version; /* weir's */
    uint64_t generation;
    uint64_t reloads_ok, reloads_rejected;
    bool was_last_rejected;                     /* of the reloads */
    int64_t last_reload_ms;                     /* Unix time; the start where there was none yet */
    bool has_store, is_store_up, is_leader;     /* weir_store_up is shown only with one, as is */
    int nr_members;                             /* weir_fleet_members, weir_fleet_leader */
    double start_time_seconds;                  /* Unix time */
    uint64_t access_log_lost, process_log_lost; /* lines */
    /* weir_alias_weight_ratio: every arm of every alias, whose series someone holds; these are
     * shown with their zeros */
    int nr_shares;
    const struct expose_share {
        uint32_t series;
        double ratio;
    } * shares;
    /* weir_split_evalue: of aliases whose split was drawn from */
    int nr_evalues;
    const struct expose_evalue {
        struct str function, alias;
        double log_evalue; /* natural */
    } * evalues;
    /* weir_budget_left, weir_guard_evalue: of versions whose alias has one */
    int nr_wards;
    const struct expose_ward {
        struct str function, alias, version;
        bool has_budget, has_guard;
        uint64_t left;
        double log_evalue; /* natural */
    } * wards;
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
    uint64_t events_queued; /* accepted and not over */
    uint64_t events_oldest_age_ms;
    int nr_event_counts;
    const struct expose_event_counts *event_counts;
    int nr_fleet_splits;
    const struct expose_fleet_split *fleet_splits;
    int nr_deployment_counts;
    const struct expose_deployment_counts *deployment_counts;
    int nr_alarms;
    const struct expose_alarm *alarms;
    int nr_execution_counts;
    const struct expose_execution_counts *execution_counts;
};

/* The whole text, to be freed by the caller; *length without terminator. NULL when out of
 * memory. */
char *expose_text(struct metrics *metrics, const struct expose_facts *facts, size_t *length);

#endif
