/* Reloading: documents are read and built aside, then published; nothing is put in force by halves.
 * Only what a document changed is put in force, so that nothing else is undone. */
#include "proxy/server/reload.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/secrets.h"
#include "control/change.h"
#include "metrics/metrics.h"
#include "proxy/async/dispatcher.h"
#include "proxy/server/state.h"
#include "proxy/server/watching.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/health.h"
#include "proxy/upstream/names.h"

/* ---- Publishing ------------------------------------------------------------------------------ */

/* As table and settings in force say. */
static void follow_names(struct server *s)
{
    const struct settings *settings = s->shared.settings;

    names_follow(s->shared.names, settings->upstream.resolve_ms, settings->upstream.dns_servers);
}

static bool keep_series(void *table, struct str function, struct str alias, struct str version,
                        uint32_t series)
{
    return table_keep_series(table, function, alias, version, series);
}

void reload_publish_table(struct server *s, struct table *table)
{
    struct table *previous = table;

    if (s->shared.table && s->shared.table->skeleton != table->skeleton)
        metrics_series_keep(s->shared.metrics, keep_series, table);
    shared_put_table(&s->shared, &previous);
    state_order_all(s, THREAD_TAKE_TABLE);
    if (table_open(table) < 0)
        log_warning("out of memory while opening splits; they open when they are drawn from");
    if (!previous || previous->skeleton != table->skeleton)
        follow_names(s);
    health_publish(s->health, table);
    storage_tell_wards(s);
    if (previous)
        table_unref(&previous);
}

static void publish_settings(struct server *s, struct settings *settings, struct tls_server *tls)
{
    shared_put_settings(&s->shared, &settings, &tls);
    state_order_all(s, THREAD_TAKE_SETTINGS);
    if (s->events)
        dispatcher_take_settings(s->events);
    if (settings)
        settings_unref(&settings);
    if (tls)
        tls_server_unref(&tls);
}

void reload_take_log_level(const struct settings *settings)
{
    enum log_level level;

    if (log_parse_level(settings->log.level, &level))
        log_set_level(level);
}

/* ---- Beside the loop ------------------------------------------------------------------------- */

/* The building thread reads the settings, certificates and table that were in force when it began;
 * the references keep them. s->options and s->registry stay as they are while the process runs, and
 * s->said while a reload does. */
static int read_all(struct server *s, struct reload_reading *r)
{
    if (!r->overlay) {
        problems_add(&r->problems, "no_memory", NULL, "$", "out of memory");
        return -1;
    }
    r->settings = documents_settings(s->options, &r->problems);
    if (!r->settings)
        return -1;
    if (settings_keep(r->settings, r->old_settings, &r->notes) < 0) {
        problems_add(&r->problems, "no_memory", NULL, "$", "out of memory");
        return -1;
    }
    r->tls = tls_server_make(r->settings, r->old_tls, &r->problems);
    r->merge.base = s->said;
    r->merge.overlay = r->overlay;
    r->table =
        s->storage.is_shared
            ? table_ref(r->old_table) /* the fleet's: the file has only sown it */
            : documents_table(r->settings, s->registry, r->old_table, &r->merge, &r->problems);
    if (r->table)
        mapstore_find(&r->maps, r->table);
    return r->tls && r->table ? 0 : -1;
}

static void work(uv_work_t *request)
{
    struct server *s = request->data;

    s->reload.reading.result = read_all(s, &s->reload.reading);
    documents_point(s->options, &s->reload.reading.problems);
}

static void on_worked(uv_work_t *request, int status);

static void start(struct server *s)
{
    struct reload *reload = &s->reload;

    assert(!reload->is_running);
    reload->is_running = true;
    reload->is_wanted = false;
    reload->round++;
    reload->reading = (struct reload_reading){
        .old_settings = shared_settings(&s->shared),
        .old_tls = shared_tls(&s->shared),
        .old_table = shared_table(&s->shared),
        .overlay = overlay_copy(s->rows.overlay),
    };
    reload->work.data = s;
    /* It can only refuse a function that is NULL. */
    (void)uv_queue_work(&s->loop.uv, &reload->work, work, on_worked);
}

void reload_init(struct reload *reload)
{
    *reload = (struct reload){.round = 0};
    TAILQ_INIT(&reload->waiters);
}

void reload_begin(struct server *s, struct api_waiter *waiter)
{
    struct reload *reload = &s->reload;

    /* The one that runs may have read the files before they were changed. */
    if (waiter) {
        waiter->round = reload->round + 1;
        TAILQ_INSERT_TAIL(&reload->waiters, waiter, link);
    }
    reload->is_wanted = true;
    reload_go_on(s);
}

void reload_go_on(struct server *s)
{
    if (s->reload.is_wanted && !s->reload.is_running &&
        !change_engine_is_building(s->edits.changes))
        start(s);
}

void reload_forget(struct server *s, struct api_waiter *waiter)
{
    TAILQ_REMOVE(&s->reload.waiters, waiter, link);
}

static void reading_fini(struct reload_reading *r)
{
    settings_unref(&r->old_settings);
    tls_server_unref(&r->old_tls);
    table_unref(&r->old_table);
    if (r->settings)
        settings_unref(&r->settings);
    if (r->tls)
        tls_server_unref(&r->tls);
    if (r->table)
        table_unref(&r->table);
    tabledoc_merge_fini(&r->merge);
    overlay_free(&r->overlay);
    mapstore_fini(&r->maps);
    problems_fini(&r->problems);
    problems_fini(&r->notes);
}

/* ---- Taking what was read -------------------------------------------------------------------- */

static bool has_tls(const struct settings *settings)
{
    for (int i = 0; i < settings->nr_listeners; i++)
        if (settings->listeners[i].is_tls)
            return true;
    return settings->admin_tls.certificate != NULL;
}

static bool is_same_settings(const struct settings *a, const struct settings *b)
{
    char *first = settings_dump(a), *second = settings_dump(b);
    bool is_same = first && second && strcmp(first, second) == 0 && secrets_equal(a, b);

    free(first);
    free(second);
    return is_same;
}

/* Files of the same name may have other certificates in them, so those are always taken. */
static void take_settings(struct server *s, struct reload_reading *r)
{
    const struct settings *current = s->shared.settings;

    if (is_same_settings(r->settings, current)) {
        log_info("the settings say the same as before%s",
                 has_tls(current) ? "; certificates were read again" : "");
        if (!has_tls(current))
            return;
    }
    reload_take_log_level(r->settings);
    publish_settings(s, r->settings, r->tls);
    follow_names(s);
    r->settings = NULL;
    r->tls = NULL;
}

void reload_take_base(struct server *s, struct merge_said **said)
{
    if (!*said)
        return;
    merge_said_free(&s->said);
    s->said = *said;
    *said = NULL;
}

/* An alias that the API changed while the file was read, and about which the file says something
 * new: the file wins, and the log names the API's value too. */
static void drop_overtaken(struct server *s, const struct reload_reading *r)
{
    const struct overlay_group *groups;
    uint32_t nr = overlay_groups(s->rows.overlay, &groups);

    for (uint32_t i = 0; r->merge.theirs && i < nr; i++)
        for (uint32_t k = 0; k < groups[i].nr; k++) {
            struct overlay_row *row = groups[i].rows[k];
            struct str function = str_of(row->function), name = str_of(row->name);
            uint64_t key = merge_key(MERGE_ALIAS, function, name), digest;
            bool is_said = merge_said_find(r->merge.theirs, key, &digest);

            if (row->kind != OVERLAY_ALIAS ||
                overlay_find(r->overlay, row->kind, function, name) == row ||
                (is_said == row->has_base && (!is_said || digest == row->base)) ||
                overlay_find(s->rows.overlay, OVERLAY_REPLACED, function, STR("")))
                continue;
            log_info("%s changed: %s:%s, over what the API had set: %s",
                     s->shared.settings->table_file, row->function, row->name, row->document);
            rowstore_drop(&s->rows, &row, 1);
            k--;
        }
}

static void take_table(struct server *s, struct reload_reading *r)
{
    struct table *table = r->table;

    if (s->storage.is_shared)
        return;
    drop_overtaken(s, r);
    rowstore_drop(&s->rows, r->merge.lost, r->merge.nr_lost);
    reload_take_base(s, &r->merge.theirs);
    if (table == r->old_table) {
        log_info("%s says nothing else than is in force; generation %llu stays",
                 s->shared.settings->table_file, (unsigned long long)s->shared.table->generation);
        return;
    }
    r->table = NULL;
    reload_publish_table(s, table);
    mapstore_follow(&s->rows, &r->maps, table, s->said, s->shared.settings->table_file);
    reclaim_trim(&s->reclaim, s->loop.now_ms);
    documents_log_changes(&r->merge.changes);
    shifting_publish(s, r->old_table, table);
    log_info("generation %llu is in force", (unsigned long long)table->generation);
}

/* Aliases that the API changed while the table was built go into it. */
static int catch_up(struct server *s, struct reload_reading *r)
{
    if (r->result < 0)
        return -1;
    if (r->table == r->old_table || s->shared.table == r->old_table || s->storage.is_shared ||
        table_catch_up(r->table, r->old_table, s->shared.table) == 0)
        return 0;
    problems_add(&r->problems, "no_memory", NULL, "$", "out of memory");
    return -1;
}

static void tell_waiters(struct reload *reload, uint64_t round, const struct api_reload *result)
{
    struct api_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&reload->waiters)) && waiter->round <= round) {
        TAILQ_REMOVE(&reload->waiters, waiter, link);
        waiter->done(waiter, result);
    }
}

static void take_all(struct server *s, struct reload_reading *r)
{
    take_settings(s, r);
    tls_origin_reload();
    take_table(s, r);
    watching_follow(s);
    s->reload.nr_ok++;
    for (size_t i = 0; i < r->notes.nr; i++)
        log_warning("%s: %s", r->notes.list[i].path, r->notes.list[i].message);
}

/* Whoever is told may ask for the next reload at once, so this one has come to its end before. */
void reload_finish(struct server *s)
{
    struct reload *reload = &s->reload;
    struct reload_reading r;

    if (!reload->is_read) /* the building thread may still have it */
        return;
    r = reload->reading;
    reload->is_running = reload->is_read = false;
    r.result = catch_up(s, &r);
    if (r.result != 0)
        shifting_name(s, &r.problems);
    if (r.result == 0 && !shifting_allows(s, r.old_table, r.table, &r.problems))
        r.result = -1;
    reload->was_rejected = r.result < 0;
    reload->ended_ms = (int64_t)(clock_unix_us() / 1000);
    if (r.result == 0) {
        take_all(s, &r);
    } else {
        reload->nr_rejected++;
        documents_log(&r.problems, "reload rejected");
    }
    const struct api_reload result = {.is_ok = r.result == 0,
                                      .problems = &r.problems,
                                      .notes = &r.notes,
                                      .changes = &r.merge.changes};
    uint64_t round = reload->round;
    change_engine_reloaded(s->edits.changes);
    if (!s->is_draining)
        reload_go_on(s);
    tell_waiters(reload, round, &result);
    reading_fini(&r);
}

static void on_worked(uv_work_t *request, int status)
{
    struct server *s = request->data;

    (void)status; /* nobody cancels it */
    loop_wake_up(&s->loop);
    s->reload.is_read = true;
    if (!change_engine_is_busy(s->edits.changes))
        reload_finish(s);
}
