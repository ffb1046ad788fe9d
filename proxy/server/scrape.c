/* Gathering what the exposition shows beside the cells.
 *
 * What was never invoked is left out, so that the page is as large as the traffic and not as the
 * table: the way to what is shown goes from the series that were counted to their targets, and only
 * where all is asked for through the whole table. */
#include "proxy/server/scrape.h"

#include <stdlib.h>

#include "base/clock.h"
#include "experiment/study.h"
#include "metrics/expose.h"
#include "metrics/series.h"
#include "proxy/upstream/health.h"
#include "router/ward.h"

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

/* What is shown of the table, each once. */
struct shown {
    const void **list; /* of targets, or of versions */
    size_t nr, capacity;
    bool is_short; /* out of memory */
};

struct lists {
    struct expose_share *shares;
    struct expose_evalue *evalues;
    struct expose_ward *wards;
    struct expose_use *uses;
    struct expose_endpoint *endpoints;
    uint64_t (*checks)[METRICS_CHECK_COUNT]; /* of those that are checked */
    size_t nr_checked;
    int nr_shares, nr_evalues, nr_wards, nr_uses, nr_endpoints;
};

/* ---- What is shown --------------------------------------------------------------------------- */

static void show(struct shown *shown, const void *thing)
{
    size_t more = shown->capacity ? shown->capacity * 2 : 64;
    const void **list = shown->list;

    if (shown->nr == shown->capacity) {
        list = reallocarray(list, more, sizeof(list[0]));
        if (!list) {
            shown->is_short = true;
            return;
        }
        shown->list = list;
        shown->capacity = more;
    }
    list[shown->nr++] = thing;
}

static int compare(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const void *const *)a, y = (uintptr_t) * (const void *const *)b;

    return (x > y) - (x < y);
}

static void show_once(struct shown *shown)
{
    size_t nr = 0;

    if (shown->nr > 1)
        qsort(shown->list, shown->nr, sizeof(shown->list[0]), compare);
    for (size_t i = 0; i < shown->nr; i++)
        if (i == 0 || shown->list[i] != shown->list[i - 1])
            shown->list[nr++] = shown->list[i];
    shown->nr = nr;
}

/* State machines have series of their own: weir_executions_started_total and others. */
static void show_all(const struct table *table, struct shown *targets, struct shown *versions)
{
    struct function *const *functions;
    int nr = table_functions(table, &functions);

    for (uint32_t i = 0; i < table->nr_targets; i++)
        if (table_target(table, i)->alias.n > 0 && !table_target(table, i)->function->machine)
            show(targets, table_target(table, i));
    for (int i = 0; i < nr; i++)
        for (int k = 0; !functions[i]->machine && k < functions[i]->nr_versions; k++)
            show(versions, &functions[i]->versions[k]);
}

/* Aliases of which a version was picked, with all their versions; versions that were picked by
 * themselves; and those whose endpoints are watched. */
static void show_counted(const struct table *table, struct metrics *metrics, struct shown *targets,
                         struct shown *versions)
{
    const struct series *series = metrics_lock_series(metrics);
    struct version *const *watched;
    int nr = table_watched(table, &watched);
    struct series_names names;

    for (int i = 0; i < nr; i++)
        show(versions, watched[i]);
    nr = 0;
    for (uint32_t n = series_next_counted(series, 0); n != SERIES_NONE;
         n = series_next_counted(series, n + 1)) {
        const struct target *target = NULL;

        if (++nr % METRICS_STRIDE == 0)
            metrics_yield_series(metrics);
        if (series_names(series, n, &names))
            target = table_find(table, names.function,
                                names.alias.n > 0 ? names.alias : names.version, NULL);
        if (!target || target->function->machine)
            continue;
        if (target->alias.n > 0)
            show(targets, target);
        for (int k = 0; k < target->nr_arms; k++)
            show(versions, target->arms[k].version);
    }
    metrics_unlock_series(metrics);
    show_once(targets);
    show_once(versions);
}

/* ---- Its facts ------------------------------------------------------------------------------- */

static void count_all(const struct shown *targets, const struct shown *versions, struct lists *out)
{
    for (size_t i = 0; i < targets->nr; i++) {
        const struct target *target = targets->list[i];
        out->nr_shares += target->nr_arms;
        out->nr_evalues += target->study != NULL;
        out->nr_wards += target->wards ? target->wards->nr : 0;
    }
    for (size_t i = 0; i < versions->nr; i++) {
        const struct version *v = versions->list[i];
        out->nr_endpoints += v->nr_endpoints;
        out->nr_checked += v->health_check.is_on ? (size_t)v->nr_endpoints : 0;
    }
    out->nr_uses = out->nr_endpoints;
}

/* What is shown is given counters, so that it has labels. */
static void fill_shares(const struct table *table, const struct shown *targets,
                        struct expose_share *share)
{
    for (size_t i = 0; i < targets->nr; i++) {
        const struct target *target = targets->list[i];
        for (int k = 0; k < target->nr_arms; k++) {
            struct arm *arm = &table_target(table, target->index)->arms[k];
            *share++ = (struct expose_share){.series = table_series(table, target, arm),
                                             .ratio = (double)arm->weight / SPLIT_ONE};
        }
    }
}

static void fill_evalues(const struct shown *targets, struct expose_evalue *evalue)
{
    for (size_t i = 0; i < targets->nr; i++) {
        const struct target *target = targets->list[i];
        if (target->study)
            *evalue++ = (struct expose_evalue){target->function->name, target->alias,
                                               study_log_evalue(target->study)};
    }
}

static struct expose_ward expose_ward_of(const struct wards *wards, struct ward *ward)
{
    struct ward_figures figures = ward_figures(ward);

    return (struct expose_ward){
        .function = ward->function,
        .alias = ward->alias,
        .version = ward->version,
        .has_budget = wards->failures > 0,
        .has_guard = wards->alpha > 0,
        .left = figures.failed < wards->failures ? wards->failures - figures.failed : 0,
        .log_evalue = figures.log_evalue,
    };
}

static void fill_wards(const struct shown *targets, struct expose_ward *out)
{
    for (size_t i = 0; i < targets->nr; i++) {
        const struct wards *wards = ((const struct target *)targets->list[i])->wards;
        for (int k = 0; wards && k < wards->nr; k++)
            *out++ = expose_ward_of(wards, wards->list[k].ward);
    }
}

/* Of one endpoint, or of all addresses of its name. */
struct state {
    bool is_up, is_ejected;
    uint64_t ejections;
};

static void add_state(struct state *state, struct endpoint_health *health, uint64_t now_ms)
{
    bool is_ejected = atomic_load(&health->ejected_until_ms) > now_ms;

    state->is_up |= !atomic_load(&health->is_down) && !is_ejected;
    state->is_ejected &= is_ejected;
    state->ejections += atomic_load(&health->nr_ejections);
}

/* A name is up when one of its addresses is, and ejected when all are. */
static struct state state_of(const struct endpoint *endpoint, uint64_t now_ms)
{
    const struct endpoint_places *places = atomic_load(&endpoint->health->places);
    struct state state = {.is_ejected = true};

    for (int i = 0; places && i < places->nr; i++)
        add_state(&state, places->list[i].health, now_ms);
    if (!places || places->nr == 0)
        add_state(&state, endpoint->health, now_ms);
    return state;
}

static struct expose_endpoint expose_of(const struct endpoint *endpoint, uint64_t now_ms)
{
    const struct version *v = endpoint->version;
    struct state state = state_of(endpoint, now_ms);

    return (struct expose_endpoint){
        .function = v->function->name,
        .version = v->name,
        .endpoint = str_of(endpoint->url),
        .is_up = state.is_up,
        .may_be_ejected = v->ejection.is_on,
        .is_ejected = state.is_ejected,
        .ejections = state.ejections,
    };
}

static void fill_endpoints(const struct shown *versions, const struct lists *out)
{
    struct expose_use *use = out->uses;
    struct expose_endpoint *up = out->endpoints;
    uint64_t(*checks)[METRICS_CHECK_COUNT] = out->checks;
    uint64_t now_ms = clock_ms();

    for (size_t i = 0; i < versions->nr; i++) {
        const struct version *v = versions->list[i];
        for (int e = 0; e < v->nr_endpoints; e++) {
            const struct endpoint *endpoint = &v->endpoints[e];
            *use++ = (struct expose_use){v->function->name, v->name, endpoint->origin->id};
            *up = expose_of(endpoint, now_ms);
            if (health_counts(endpoint, *checks))
                up->checks = *checks++;
            up++;
        }
    }
}

static char *make_page(const struct scrape_sources *sources, const struct shown *targets,
                       const struct shown *versions, size_t *length)
{
    struct lists lists = {0};
    char *page = NULL;

    count_all(targets, versions, &lists);
    lists.shares = calloc((size_t)lists.nr_shares + 1, sizeof(*lists.shares));
    lists.evalues = calloc((size_t)lists.nr_evalues + 1, sizeof(*lists.evalues));
    lists.wards = calloc((size_t)lists.nr_wards + 1, sizeof(*lists.wards));
    lists.uses = calloc((size_t)lists.nr_uses + 1, sizeof(*lists.uses));
    lists.endpoints = calloc((size_t)lists.nr_endpoints + 1, sizeof(*lists.endpoints));
    lists.checks = calloc(lists.nr_checked + 1, sizeof(*lists.checks)); /* one to be tried in */
    if (lists.shares && lists.evalues && lists.wards && lists.uses && lists.endpoints &&
        lists.checks) {
        fill_shares(sources->table, targets, lists.shares);
        fill_evalues(targets, lists.evalues);
        fill_wards(targets, lists.wards);
        fill_endpoints(versions, &lists);
        struct expose_facts facts = {
            .version = WEIR_VERSION,
            .generation = sources->table->generation,
            .reloads_ok = sources->reloads_ok,
            .reloads_rejected = sources->reloads_rejected,
            .was_last_rejected = sources->was_last_rejected,
            .last_reload_ms = sources->last_reload_ms,
            .has_store = sources->has_store,
            .is_store_up = sources->is_store_up,
            .is_leader = sources->is_leader,
            .nr_members = sources->nr_members,
            .nr_fleet_splits = sources->nr_fleet_splits,
            .fleet_splits = sources->fleet_splits,
            .start_time_seconds = sources->start_time_s,
            .access_log_lost = sources->access_log_lost,
            .process_log_lost = sources->process_log_lost,
            .nr_shares = lists.nr_shares,
            .shares = lists.shares,
            .nr_evalues = lists.nr_evalues,
            .evalues = lists.evalues,
            .nr_wards = lists.nr_wards,
            .wards = lists.wards,
            .nr_uses = lists.nr_uses,
            .uses = lists.uses,
            .nr_endpoints = lists.nr_endpoints,
            .endpoints = lists.endpoints,
            .events_queued = sources->events_queued,
            .events_oldest_age_ms = sources->events_oldest_age_ms,
            .nr_event_counts = sources->nr_event_counts,
            .event_counts = sources->event_counts,
            .nr_execution_counts = sources->nr_execution_counts,
            .execution_counts = sources->execution_counts,
            .nr_deployment_counts = sources->nr_deployment_counts,
            .deployment_counts = sources->deployment_counts,
            .nr_alarms = sources->nr_alarms,
            .alarms = sources->alarms,
        };
        page = expose_text(sources->metrics, &facts, length);
    }
    free(lists.shares);
    free(lists.evalues);
    free(lists.wards);
    free(lists.uses);
    free(lists.endpoints);
    free(lists.checks);
    return page;
}

char *scrape_page(const struct scrape_sources *sources, bool all, size_t *length)
{
    struct shown targets = {0}, versions = {0};
    char *page = NULL;

    if (all) {
        show_all(sources->table, &targets, &versions);
    } else {
        show_counted(sources->table, sources->metrics, &targets, &versions);
    }
    if (!targets.is_short && !versions.is_short)
        page = make_page(sources, &targets, &versions, length);
    free(targets.list);
    free(versions.list);
    return page;
}
