/* What the admin listener's API may ask of the process (struct api_hooks). */
#include "proxy/server/hooks.h"

#include "control/shift.h"
#include "proxy/server/reload.h"
#include "proxy/server/scraping.h"
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

static int hook_metrics(void *context, bool all, struct listing *listing)
{
    return scraping_prepare(context, all, listing);
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
    uint32_t series;

    if (machine_is(function)) {
        *out = execution_tally_figures(&s->executing.executions.tallies, machine_bare(function),
                                       alias, version);
        return;
    }
    series = metrics_series_get(s->shared.metrics, function, alias, version);
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

    runner_home_run(&s->executing.runners, run);
}

static void hook_run_stop(void *context, struct run *run)
{
    struct server *s = context;

    runner_home_stop(&s->executing.runners, run);
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
