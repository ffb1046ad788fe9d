/* What the control thread copies, and what the thread that writes reads by itself: the table, which
 * the listing holds; counters; addresses of names and their health, for which it is a reader in
 * QSBR while it writes. */
#include "proxy/server/scraping.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/qsbr.h"
#include "control/alarm.h"
#include "control/listing.h"
#include "control/shift.h"
#include "proxy/async/dispatcher.h"
#include "proxy/server/scrape.h"
#include "proxy/server/state.h"
#include "store/store_etcd.h"

struct scraping {
    struct scrape_sources sources;
    bool all;
    struct qsbr *qsbr;
    const struct dispatcher *events; /* NULL: there are none */
    /* What sources point to. */
    struct shift_count *ended;
    struct expose_deployment_counts *deployments;
    struct alarm_shown *shown;
    struct expose_alarm *alarms;
    struct expose_fleet_split *splits;
    size_t splits_room;
    struct expose_execution_counts *executions; /* NULL: there are none */
};

static void free_scraping(void *facts)
{
    struct scraping *s = facts;

    free(s->ended);
    free(s->deployments);
    free(s->shown);
    free(s->alarms);
    free(s->splits);
    free(s->executions);
    free(s);
}

/* ---- On the control thread ------------------------------------------------------------------- */

static int take_deployments(struct scraping *to, const struct shifts *shifts)
{
    size_t nr = shifts->nr_counts;

    to->ended = calloc(nr + 1, sizeof(to->ended[0]));
    to->deployments = calloc(nr + 1, sizeof(to->deployments[0]));
    if (!to->ended || !to->deployments)
        return -1;
    for (size_t i = 0; i < nr; i++) {
        struct shift_count *count = &to->ended[i];
        *count = shifts->counts[i];
        to->deployments[i] = (struct expose_deployment_counts){
            str_of(count->function), str_of(count->alias), count->ended[DEPLOYMENT_SUCCEEDED],
            count->ended[DEPLOYMENT_FAILED], count->ended[DEPLOYMENT_STOPPED]};
    }
    to->sources.nr_deployment_counts = (int)nr;
    to->sources.deployment_counts = to->deployments;
    return 0;
}

static int take_alarms(struct scraping *to, const struct api_hooks *hooks)
{
    int nr;

    to->shown = alarm_list(hooks, &nr);
    to->alarms = calloc((size_t)nr + 1, sizeof(to->alarms[0]));
    if (!to->shown || !to->alarms)
        return -1;
    for (int i = 0; i < nr; i++)
        to->alarms[i] = (struct expose_alarm){str_of(to->shown[i].name), to->shown[i].is_firing};
    to->sources.nr_alarms = nr;
    to->sources.alarms = to->alarms;
    return 0;
}

/* The target's name for it, which the listing's table holds; empty where it has none. */
static struct str version_of(const struct target *target, const char *name)
{
    for (int i = 0; i < target->nr_arms; i++)
        if (str_eq(target->arms[i].version->name, str_of(name)))
            return target->arms[i].version->name;
    for (int i = 0; i < target->nr_past; i++)
        if (str_eq(target->past[i]->name, str_of(name)))
            return target->past[i]->name;
    return STR("");
}

static void take_split(void *context, const struct target *target,
                       const struct fleetbook_split *split)
{
    struct scraping *to = context;
    size_t nr = (size_t)to->sources.nr_fleet_splits, wanted = nr + (size_t)split->nr;
    bool is_first = true;

    if (wanted > to->splits_room) {
        void *more = realloc(to->splits, 2 * wanted * sizeof(to->splits[0]));

        if (!more)
            return; /* the page goes without it */
        to->splits = more;
        to->splits_room = 2 * wanted;
    }
    for (int i = 0; i < split->nr; i++) {
        struct str version = version_of(target, split->versions[i].name);

        if (version.n == 0)
            continue;
        to->splits[nr++] =
            (struct expose_fleet_split){target->function->name,   target->alias, version,
                                        split->versions[i].error, split->bound,  is_first};
        is_first = false;
    }
    to->sources.nr_fleet_splits = (int)nr;
    to->sources.fleet_splits = to->splits;
}

static void take_store(struct scraping *to, struct store *store)
{
    struct store_etcd_report report;
    struct store_etcd_fleet fleet;

    store_etcd_report(store, &report);
    store_etcd_fleet(store, &fleet);
    to->sources.has_store = true;
    to->sources.is_store_up = report.is_up;
    to->sources.nr_members = fleet.nr_members;
    to->sources.is_leader = fleet.leads;
    to->sources.reloads_rejected += report.nr_rejected;
}

/* ---- On another thread ----------------------------------------------------------------------- */

static char *write_page(const struct listing *listing, size_t *length)
{
    const struct scraping *s = listing->facts;
    struct scrape_sources sources = s->sources;
    struct expose_event_counts *counts = NULL;
    int slot = qsbr_register(s->qsbr);
    char *page = NULL;

    if (slot < 0)
        return NULL;
    qsbr_online(s->qsbr, slot);
    if (s->events)
        counts = dispatcher_counts(s->events, &sources.nr_event_counts);
    if (!s->events || counts) {
        sources.table = listing->table;
        sources.event_counts = counts;
        page = scrape_page(&sources, s->all, length);
    }
    free(counts);
    qsbr_offline(s->qsbr, slot);
    qsbr_unregister(s->qsbr, slot);
    return page;
}

int scraping_prepare(struct server *server, bool all, struct listing *listing)
{
    const struct shared *shared = &server->shared;
    struct scraping *s = calloc(1, sizeof(*s));

    if (!s)
        return -1;
    s->sources = (struct scrape_sources){
        .metrics = shared->metrics,
        .access_log_lost = shared->log ? accesslog_lost(shared->log) : 0,
        .process_log_lost = log_lost(),
        .reloads_ok = server->reload.nr_ok,
        .reloads_rejected = server->reload.nr_rejected,
        .was_last_rejected = server->reload.was_rejected,
        .last_reload_ms = server->reload.ended_ms > 0 ? server->reload.ended_ms
                                                      : (int64_t)(server->start_time_s * 1e3),
        .start_time_s = server->start_time_s,
    };
    if (server->storage.is_shared)
        take_store(s, server->store);
    if (server->accounting.has_begun)
        fleetbook_each(&server->accounting.book, shared->table, take_split, s);
    s->all = all;
    s->qsbr = shared->qsbr;
    s->events = server->events;
    if (s->events) {
        struct dispatcher_report report = dispatcher_report(s->events);
        s->sources.events_queued = report.queued;
        s->sources.events_oldest_age_ms = report.oldest_age_ms;
    }
    s->sources.execution_counts = s->executions = execution_tally_list(
        &server->executing.executions.tallies, &s->sources.nr_execution_counts);
    if (take_deployments(s, server->shifting.shifts) < 0 ||
        take_alarms(s, server->shifting.shifts->hooks) < 0) {
        free_scraping(s);
        return -1;
    }
    listing->facts = s;
    listing->free_facts = free_scraping;
    listing->write = write_page;
    return 0;
}
