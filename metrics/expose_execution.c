/* Writing what was counted of executions. */
#include "metrics/expose_execution.h"

static const char *const statuses[EXPOSE_EXECUTION_STATUSES] = {"SUCCEEDED", "FAILED", "TIMED_OUT",
                                                                "ABORTED"};

static void put(struct page *page, const char *text)
{
    page_put(page, str_of(text));
}

static void begin_family(struct page *page, const char *name, const char *type, const char *help)
{
    const char *const parts[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        put(page, parts[i]);
}

/* name{state_machine="",alias="",version="" without the brace that closes. */
static void put_names(struct page *page, const char *name,
                      const struct expose_execution_counts *counts)
{
    put(page, name);
    put(page, "{");
    page_put_label(page, STR("state_machine"), counts->machine);
    put(page, ",");
    page_put_label(page, STR("alias"), counts->alias);
    put(page, ",");
    page_put_label(page, STR("version"), counts->version);
}

static void end_line(struct page *page, uint64_t value)
{
    put(page, "} ");
    page_put_u64(page, value);
    put(page, "\n");
}

static void put_closed(struct page *page, const struct expose_execution_counts *list, int nr)
{
    const char *name = "weir_executions_closed_total";

    begin_family(page, name, "counter", "Executions that have ended, by status.");
    for (int i = 0; i < nr; i++)
        for (int k = 0; k < EXPOSE_EXECUTION_STATUSES; k++) {
            put_names(page, name, &list[i]);
            put(page, ",");
            page_put_label(page, STR("status"), str_of(statuses[k]));
            end_line(page, list[i].closed[k]);
        }
}

static void put_durations_of(struct page *page, const struct expose_execution_counts *counts)
{
    static const uint64_t bounds_ms[EXPOSE_EXECUTION_BUCKETS] = EXPOSE_EXECUTION_BOUNDS_MS;
    uint64_t all = 0;

    for (int i = 0; i < EXPOSE_EXECUTION_STATUSES; i++)
        all += counts->closed[i];
    for (int i = 0; i <= EXPOSE_EXECUTION_BUCKETS; i++) {
        put_names(page, "weir_execution_duration_seconds_bucket", counts);
        put(page, ",le=\"");
        if (i < EXPOSE_EXECUTION_BUCKETS)
            page_put_scaled(page, bounds_ms[i], 3);
        else
            put(page, "+Inf");
        put(page, "\"");
        end_line(page, i < EXPOSE_EXECUTION_BUCKETS ? counts->buckets[i] : all);
    }
    put_names(page, "weir_execution_duration_seconds_sum", counts);
    put(page, "} ");
    page_put_scaled(page, counts->duration_ms, 3);
    put(page, "\n");
    put_names(page, "weir_execution_duration_seconds_count", counts);
    end_line(page, all);
}

void expose_execution_put(struct page *page, const struct expose_execution_counts *list, int nr)
{
    if (nr == 0)
        return;
    begin_family(page, "weir_executions_started_total", "counter",
                 "Executions of state machines that were started.");
    for (int i = 0; i < nr; i++) {
        put_names(page, "weir_executions_started_total", &list[i]);
        end_line(page, list[i].started);
    }
    put_closed(page, list, nr);
    begin_family(page, "weir_executions_running", "gauge", "Executions that have not ended.");
    for (int i = 0; i < nr; i++) {
        put_names(page, "weir_executions_running", &list[i]);
        end_line(page, list[i].running);
    }
    begin_family(page, "weir_execution_duration_seconds", "histogram",
                 "From the start of an execution to its end.");
    for (int i = 0; i < nr; i++)
        put_durations_of(page, &list[i]);
}
