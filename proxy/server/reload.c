/* Reloading: documents are read and built aside, then published; nothing is put in force by halves. */
#include "proxy/server/reload.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/health.h"

enum { SETTLE_MS = 40, TRIM_MS = 1500 };

/* ---- Publishing ------------------------------------------------------------------------------ */

void reload_publish_table(struct server *s, struct table *table)
{
    struct table *previous = table;

    shared_put_table(&s->shared, &previous);
    state_order_all(s, THREAD_TAKE_TABLE);
    if (table_open(table) < 0)
        log_warning("out of memory while opening splits; they open when they are drawn from");
    health_publish(s->health, table, s->shared.settings->upstream.resolve_ms);
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

/* All parts are made before any is put in force. */
static int read_all(struct server *s, struct settings **settings, struct tls_server **tls,
                    struct table **table, struct problems *problems, struct problems *notes)
{
    *settings = documents_settings(s->options, problems);
    if (!*settings)
        return -1;
    if (s->shared.settings && settings_keep(*settings, s->shared.settings, notes) < 0) {
        problems_add(problems, "no_memory", NULL, "$", "out of memory");
        settings_unref(settings);
        return -1;
    }
    *tls = tls_server_make(*settings, s->shared.tls, problems);
    *table = documents_table(*settings, s->registry, s->shared.table, problems);
    if (*tls && *table)
        return 0;
    if (*tls)
        tls_server_unref(tls);
    if (*table)
        table_unref(table);
    settings_unref(settings);
    return -1;
}

int reload_run(struct server *s, struct problems *problems, struct problems *notes)
{
    struct settings *settings;
    struct tls_server *tls;
    struct table *table;

    if (read_all(s, &settings, &tls, &table, problems, notes) < 0) {
        s->reloads_rejected++;
        documents_log(problems, "reload rejected");
        return -1;
    }
    reload_take_log_level(settings);
    publish_settings(s, settings, tls);
    tls_origin_reload();
    reload_publish_table(s, table);
    s->trim_at_ms = s->loop.now_ms + TRIM_MS;
    s->reloads_ok++;
    for (size_t i = 0; i < notes->nr; i++)
        log_warning("%s: %s", notes->list[i].path, notes->list[i].message);
    log_info("generation %llu is in force", (unsigned long long)table->generation);
    return 0;
}

void reload_quietly(struct server *s)
{
    struct problems problems = {0}, notes = {0};

    (void)!reload_run(s, &problems, &notes);
    problems_fini(&problems);
    problems_fini(&notes);
}

static void on_settled(uv_timer_t *timer);

static void on_watch(uv_poll_t *poll, int status, int events)
{
    struct server *s = poll->data;

    (void)status;
    (void)events;
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
