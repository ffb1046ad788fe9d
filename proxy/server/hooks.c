/* What the admin listener's API may ask of the process (struct api_hooks). */
#include "proxy/server/hooks.h"

#include <stdlib.h>

#include "control/alarm.h"
#include "control/shift.h"
#include "proxy/async/dispatcher.h"
#include "proxy/server/reload.h"
#include "proxy/server/scrape.h"
#include "proxy/server/watching.h"
#include "proxy/server/writing.h"

static void hook_reload(void *context, struct api_waiter *waiter)
{
    reload_begin(context, waiter);
}

static void hook_forget(void *context, struct api_waiter *waiter)
{
    reload_forget(context, waiter);
}

/* To be freed; NULL where there are none. */
static struct expose_deployment_counts *count_deployments(const struct shifts *shifts, int *nr)
{
    struct expose_deployment_counts *list =
        shifts->nr_counts > 0 ? calloc(shifts->nr_counts, sizeof(*list)) : NULL;

    *nr = list ? (int)shifts->nr_counts : 0;
    for (int i = 0; i < *nr; i++) {
        const struct shift_count *count = &shifts->counts[i];
        list[i] = (struct expose_deployment_counts){
            str_of(count->function), str_of(count->alias), count->ended[DEPLOYMENT_SUCCEEDED],
            count->ended[DEPLOYMENT_FAILED], count->ended[DEPLOYMENT_STOPPED]};
    }
    return list;
}

/* The metrics page's alarms, to be freed; the names are those of shown. */
static struct expose_alarm *name_alarms(const struct alarm_shown *shown, int nr)
{
    struct expose_alarm *list = calloc((size_t)nr + 1, sizeof(*list));

    for (int i = 0; list && i < nr; i++)
        list[i] = (struct expose_alarm){str_of(shown[i].name), shown[i].is_firing};
    return list;
}

static char *hook_metrics(void *context, bool all, size_t *length)
{
    struct server *s = context;
    struct scrape_sources sources = {
        .metrics = s->shared.metrics,
        .table = s->shared.table,
        .log = s->shared.log,
        .reloads_ok = s->reload.nr_ok,
        .reloads_rejected = s->reload.nr_rejected,
        .start_time_s = s->start_time_s,
    };
    struct expose_deployment_counts *counts;
    struct expose_alarm *alarms;
    struct expose_execution_counts *executions;
    struct alarm_shown *shown;
    int nr_alarms;
    struct dispatcher_report report = {0};
    char *page;

    if (s->events)
        report = dispatcher_report(s->events);
    sources.events_queued = report.queued;
    sources.events_oldest_age_ms = report.oldest_age_ms;
    sources.event_counts = report.counts;
    sources.nr_event_counts = report.nr;
    sources.deployment_counts = counts =
        count_deployments(s->shifting.shifts, &sources.nr_deployment_counts);
    shown = alarm_list(s->shifting.shifts->hooks, &nr_alarms);
    sources.alarms = alarms = name_alarms(shown, nr_alarms);
    sources.nr_alarms = alarms ? nr_alarms : 0;
    sources.execution_counts = executions =
        execution_tally_list(&s->executing.executions.tallies, &sources.nr_execution_counts);
    page = scrape_page(&sources, all, length);
    free(report.counts);
    free(executions);
    free(counts);
    free(alarms);
    free(shown);
    return page;
}

static bool hook_is_ready(void *context)
{
    struct server *s = context;

    return s->shared.table && s->nr_running == s->nr_threads && !s->is_draining;
}

static bool hook_is_draining(void *context)
{
    return ((struct server *)context)->is_draining;
}

static struct table *hook_table(void *context)
{
    return ((struct server *)context)->shared.table;
}

static const struct settings *hook_settings(void *context)
{
    return ((struct server *)context)->shared.settings;
}

static struct table *hook_with_alias(void *context, const struct target *target,
                                     const struct alias_spec *spec)
{
    struct server *s = context;

    return table_with_alias(s->shared.table, target, spec);
}

static const struct merge_said *hook_said(void *context)
{
    return ((struct server *)context)->said;
}

static void hook_build(void *context, struct api_build *build)
{
    edits_build(context, build);
}

static bool hook_is_reloading(void *context)
{
    return ((struct server *)context)->reload.is_running;
}

static void hook_put_table(void *context, struct table *table)
{
    reload_publish_table(context, table);
    watching_follow(context);
}

static void hook_between(void *context)
{
    struct server *s = context;

    reload_finish(s);
    if (!s->is_draining)
        reload_go_on(s);
}

static void hook_soon(void *context)
{
    edits_soon(context);
}

static void hook_soon_on_all(void *context)
{
    edits_soon_on_all(context);
}

static int hook_errand(void *context, struct api_errand *errand)
{
    struct server *s = context;

    return errands_begin(&s->errands, errand);
}

static void hook_errand_forget(void *context, struct api_errand *errand)
{
    struct server *s = context;

    errands_forget(&s->errands, errand);
}

static int hook_write(void *context, struct listing *listing)
{
    return writing_begin(context, listing);
}

static void hook_figures(void *context, struct str function, struct str alias, struct str version,
                         struct metrics_figures *out)
{
    struct server *s = context;
    uint32_t series = metrics_series_get(s->shared.metrics, function, alias, version);

    *out = (struct metrics_figures){.ended = 0};
    if (series == METRICS_NO_SERIES)
        return;
    metrics_figures_of(s->shared.metrics, series, out);
    metrics_series_release(s->shared.metrics, series);
}

static void hook_shifts_soon(void *context)
{
    shifting_soon(context);
}

static void hook_run(void *context, struct run *run)
{
    struct server *s = context;

    runners_run(&s->executing.runners, run);
}

static void hook_run_stop(void *context, struct run *run)
{
    struct server *s = context;

    runners_stop(&s->executing.runners, run);
}

static void hook_executions_wake(void *context, uint32_t in_ms)
{
    executing_wake(context, in_ms);
}

static struct table *hook_table_of(void *context, const char *text)
{
    return executing_table_of(context, text);
}

static void hook_recall(void *context, struct ward *ward)
{
    struct server *s = context;

    recall_post(&s->shared.recalls, ward);
}

struct api_hooks hooks_make(struct server *s)
{
    return (struct api_hooks){
        .context = s,
        .rows = &s->rows,
        .reload = hook_reload,
        .forget = hook_forget,
        .metrics = hook_metrics,
        .is_ready = hook_is_ready,
        .is_draining = hook_is_draining,
        .table = hook_table,
        .settings = hook_settings,
        .with_alias = hook_with_alias,
        .said = hook_said,
        .build = hook_build,
        .is_reloading = hook_is_reloading,
        .put_table = hook_put_table,
        .between = hook_between,
        .soon = hook_soon,
        .soon_on_all = hook_soon_on_all,
        .figures = hook_figures,
        .errand = hook_errand,
        .errand_forget = hook_errand_forget,
        .write = hook_write,
        .shifts_soon = hook_shifts_soon,
        .run = hook_run,
        .run_stop = hook_run_stop,
        .executions_wake = hook_executions_wake,
        .table_of = hook_table_of,
        .recall = hook_recall,
    };
}
