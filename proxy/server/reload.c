/* Reloading: documents are read and built aside, then published; nothing is put in force by halves.
 * Only what a document changed is put in force, so that nothing else is undone. */
#include "proxy/server/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/tabledoc_merge.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/health.h"
#include "proxy/upstream/names.h"

enum { SETTLE_MS = 40, TRIM_MS = 1500 };

/* ---- Publishing ------------------------------------------------------------------------------ */

/* As table and settings in force say. */
static void follow_names(struct server *s)
{
    const struct settings *settings = s->shared.settings;

    names_follow(s->shared.names, settings->upstream.resolve_ms, settings->upstream.dns_servers);
}

void reload_publish_table(struct server *s, struct table *table)
{
    struct table *previous = table;

    shared_put_table(&s->shared, &previous);
    state_order_all(s, THREAD_TAKE_TABLE);
    if (table_open(table) < 0)
        log_warning("out of memory while opening splits; they open when they are drawn from");
    if (!previous || previous->skeleton != table->skeleton)
        follow_names(s);
    health_publish(s->health, table);
    if (previous)
        table_unref(&previous);
}

static void publish_settings(struct server *s, struct settings *settings, struct tls_server *tls)
{
    shared_put_settings(&s->shared, &settings, &tls);
    state_order_all(s, THREAD_TAKE_SETTINGS);
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

/* ---- Reload ---------------------------------------------------------------------------------- */

/* One reading of the documents. All parts are made before any is put in force. */
struct reading {
    struct settings *settings;
    struct tls_server *tls;
    struct table *table;
    struct tabledoc_merge merge;
};

static int read_all(struct server *s, struct reading *r, struct problems *problems,
                    struct problems *notes)
{
    r->settings = documents_settings(s->options, problems);
    if (!r->settings)
        return -1;
    if (s->shared.settings && settings_keep(r->settings, s->shared.settings, notes) < 0) {
        problems_add(problems, "no_memory", NULL, "$", "out of memory");
        return -1;
    }
    r->tls = tls_server_make(r->settings, s->shared.tls, problems);
    r->merge.base = s->said;
    r->table = documents_table(r->settings, s->registry, s->shared.table, &r->merge, problems);
    return r->tls && r->table ? 0 : -1;
}

static void reading_fini(struct reading *r)
{
    if (r->settings)
        settings_unref(&r->settings);
    if (r->tls)
        tls_server_unref(&r->tls);
    if (r->table)
        table_unref(&r->table);
    tabledoc_merge_fini(&r->merge);
}

static bool has_tls(const struct settings *settings)
{
    for (int i = 0; i < settings->nr_listeners; i++)
        if (settings->listeners[i].is_tls)
            return true;
    return false;
}

static bool is_same_settings(const struct settings *a, const struct settings *b)
{
    char *first = settings_dump(a), *second = settings_dump(b);
    bool is_same = first && second && strcmp(first, second) == 0;

    free(first);
    free(second);
    return is_same;
}

/* Files of the same name may have other certificates in them, so those are always taken. */
static void take_settings(struct server *s, struct reading *r)
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

static void take_table(struct server *s, struct reading *r)
{
    struct table *table = r->table;

    reload_take_base(s, &r->merge.theirs);
    if (table == s->shared.table) {
        log_info("%s says nothing else than is in force; generation %llu stays",
                 s->shared.settings->table_file, (unsigned long long)table->generation);
        return;
    }
    r->table = NULL;
    reload_publish_table(s, table);
    s->trim_at_ms = s->loop.now_ms + TRIM_MS;
    documents_log_changes(&r->merge.changes);
    log_info("generation %llu is in force", (unsigned long long)table->generation);
}

int reload_run(struct server *s, struct problems *problems, struct problems *notes,
               struct problems *changes)
{
    struct reading r = {0};
    int result = read_all(s, &r, problems, notes);

    if (result == 0) {
        take_settings(s, &r);
        tls_origin_reload();
        take_table(s, &r);
        *changes = r.merge.changes;
        r.merge.changes = (struct problems){0};
        s->reloads_ok++;
        for (size_t i = 0; i < notes->nr; i++)
            log_warning("%s: %s", notes->list[i].path, notes->list[i].message);
    } else {
        s->reloads_rejected++;
        documents_log(problems, "reload rejected");
    }
    reading_fini(&r);
    return result;
}

void reload_quietly(struct server *s)
{
    struct problems problems = {0}, notes = {0}, changes = {0};

    (void)!reload_run(s, &problems, &notes, &changes);
    problems_fini(&changes);
    problems_fini(&problems);
    problems_fini(&notes);
}

static void on_settled(uv_timer_t *timer);

static void on_watch(uv_poll_t *poll, int status, int events)
{
    struct server *s = poll->data;

    (void)status;
    (void)events;
    loop_wake_up(&s->loop);
    /* Several steps of one change become one reload. */
    uv_poll_stop(poll);
    uv_update_time(&s->loop.uv);
    uv_timer_start(&s->settle, on_settled, SETTLE_MS, 0);
}

static void on_settled(uv_timer_t *timer)
{
    struct server *s = timer->data;

    if (s->is_draining)
        return;
    if (file_watch_changed(s->watch))
        reload_quietly(s);
    uv_poll_start(&s->watch_poll, UV_READABLE, on_watch);
}

void reload_watch(struct server *s)
{
    char *paths[2];
    int nr = 0;

    if (s->shared.settings->table_file)
        paths[nr++] = s->shared.settings->table_file;
    if (s->options->settings_file)
        paths[nr++] = (char *)s->options->settings_file;
    s->watch = file_watch_open(paths, nr);
    if (!s->watch || uv_poll_init(&s->loop.uv, &s->watch_poll, file_watch_fd(s->watch)) < 0) {
        log_warning("the documents cannot be watched (%s); reload with SIGHUP or POST /reload",
                    strerror(errno));
        return;
    }
    s->is_watching = true;
    s->watch_poll.data = s;
    uv_poll_start(&s->watch_poll, UV_READABLE, on_watch);
}
