/* The families of executions of state machines in the exposition. Control thread. */
#ifndef WEIR_METRICS_EXPOSE_EXECUTION_H
#define WEIR_METRICS_EXPOSE_EXECUTION_H

#include <stdint.h>

#include "base/str.h"
#include "metrics/metrics.h"
#include "metrics/page.h"

/* Upper bounds of weir_execution_duration_seconds, beside +Inf. */
enum { EXPOSE_EXECUTION_BUCKETS = 10, EXPOSE_EXECUTION_STATUSES = 4 };
#define EXPOSE_EXECUTION_BOUNDS_MS                                                                 \
    {                                                                                              \
        10, 100, 500, 1000, 5000, 10000, 60000, 300000, 3600000, 86400000                          \
    }

struct expose_execution_counts {
    struct str machine, alias, version; /* alias empty: started without one */
    uint64_t started, running;
    uint64_t closed[EXPOSE_EXECUTION_STATUSES]; /* SUCCEEDED, FAILED, TIMED_OUT, ABORTED */
    uint64_t duration_ms;                       /* of those that have ended, in all */
    uint64_t buckets[EXPOSE_EXECUTION_BUCKETS]; /* cumulative */
    struct metrics_figures figures; /* for alarms: of those that have ended; not shown */
};

/* Nothing where nr is 0. */
void expose_execution_put(struct page *page, const struct expose_execution_counts *list, int nr);

#endif
