/* The control thread: start, reload, drain. Nothing here runs per request. */
#include "proxy/server/server.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/prng.h"
#include "proxy/admin/admin.h"
#include "proxy/client/admission.h"
#include "proxy/io/bind.h"
#include "proxy/server/scrape.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/health.h"

enum { HOUSEKEEPING_MS = 500, TRIM_MS = 1500, SETTLE_MS = 40, WORKERS_MAX = 128 };

/* ---- What is published ----------------------------------------------------------------------- */

struct table *server_table(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    struct table *table = table_ref(s->table);
    pthread_mutex_unlock(&s->lock);
    return table;
}

struct settings *server_settings(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    struct settings *settings = settings_ref(s->settings);
    pthread_mutex_unlock(&s->lock);
    return settings;
}

struct tls_server *server_tls(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    struct tls_server *tls = s->tls ? tls_server_ref(s->tls) : NULL;
    pthread_mutex_unlock(&s->lock);
    return tls;
}

static void order_all(struct server *s, enum worker_order order)
{
    for (int i = 0; i < s->nr_running; i++)
        worker_order(&s->workers[i], order);
}

void server_publish(struct server *s, struct table *table)
{
    struct table *old;

    pthread_mutex_lock(&s->lock);
    old = s->table;
    s->table = table;
    atomic_store_explicit(&s->generation, table->generation, memory_order_release);
    pthread_mutex_unlock(&s->lock);
    order_all(s, WORKER_TAKE_TABLE);
    if (table_open(table) < 0)
        log_warning("out of memory while opening splits; they open when they are drawn from");
    health_publish(s->health, table, s->settings->upstream.resolve_ms);
    if (old)
        table_unref(&old);
}

static void publish_settings(struct server *s, struct settings *settings, struct tls_server *tls)
{
    struct settings *old = s->settings;
    struct tls_server *old_tls = s->tls;

    pthread_mutex_lock(&s->lock);
    s->settings = settings;
    s->tls = tls;
    atomic_fetch_add_explicit(&s->settings_serial, 1, memory_order_release);
    pthread_mutex_unlock(&s->lock);
    order_all(s, WORKER_TAKE_SETTINGS);
    if (old)
        settings_unref(&old);
    if (old_tls)
        tls_server_unref(&old_tls);
}

static void take_log_level(const struct settings *settings)
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
    if (s->settings && settings_keep(*settings, s->settings, notes) < 0) {
        problems_add(problems, "no_memory", NULL, "$", "out of memory");
        settings_unref(settings);
        return -1;
    }
    *tls = tls_server_make(*settings, s->tls, problems);
    *table = documents_table(*settings, s->registry, s->table, problems);
    if (*tls && *table)
        return 0;
    if (*tls)
        tls_server_unref(tls);
    if (*table)
        table_unref(table);
    settings_unref(settings);
    return -1;
}

int server_reload(struct server *s, struct problems *problems, struct problems *notes)
{
    struct settings *settings;
    struct tls_server *tls;
    struct table *table;

    if (read_all(s, &settings, &tls, &table, problems, notes) < 0) {
        s->reloads_rejected++;
        documents_log(problems, "reload rejected");
        return -1;
    }
    take_log_level(settings);
    publish_settings(s, settings, tls);
    tls_origin_reload();
    server_publish(s, table);
    s->trim_at_ms = s->loop.now_ms + TRIM_MS;
    s->reloads_ok++;
    for (size_t i = 0; i < notes->nr; i++)
        log_warning("%s: %s", notes->list[i].path, notes->list[i].message);
    log_info("generation %llu is in force", (unsigned long long)table->generation);
    return 0;
}

static void reload_quietly(struct server *s)
{
    struct problems problems = {0}, notes = {0};

    (void)!server_reload(s, &problems, &notes);
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

static void watch_files(struct server *s)
{
    char *paths[2];
    int nr = 0;

    if (s->settings->table_file)
        paths[nr++] = s->settings->table_file;
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

/* ---- The admin API's hooks ------------------------------------------------------------------- */

static int hook_reload(void *context, struct problems *problems, struct problems *notes)
{
    return server_reload(context, problems, notes);
}

static char *hook_metrics(void *context, size_t *length)
{
    return scrape_page(context, length);
}

bool server_is_ready(const struct server *s)
{
    return s->table && s->nr_running == s->nr_workers && !s->is_draining;
}

static bool hook_is_ready(void *context)
{
    return server_is_ready(context);
}

static bool hook_is_draining(void *context)
{
    return ((struct server *)context)->is_draining;
}

static struct table *hook_table(void *context)
{
    return ((struct server *)context)->table;
}

static const struct settings *hook_settings(void *context)
{
    return ((struct server *)context)->settings;
}

static int hook_set_alias(void *context, const struct target *target, const struct alias_spec *spec)
{
    struct server *s = context;
    struct table *table = table_with_alias(s->table, target, spec);

    if (!table)
        return -1;
    server_publish(s, table);
    return 0;
}

static struct api_hooks api_hooks(struct server *s)
{
    struct prng rng;

    prng_init(&rng);
    return (struct api_hooks){
        .context = s,
        .seed = prng_next(&rng),
        .reload = hook_reload,
        .metrics = hook_metrics,
        .is_ready = hook_is_ready,
        .is_draining = hook_is_draining,
        .table = hook_table,
        .settings = hook_settings,
        .set_alias = hook_set_alias,
    };
}

/* ---- Draining -------------------------------------------------------------------------------- */

static void on_drain_limit(uv_timer_t *timer)
{
    struct server *s = timer->data;

    log_warning("draining took longer than timeouts.drain_ms; what still runs is cut off");
    order_all(s, WORKER_STOP);
}

static void drain(struct server *s)
{
    if (s->is_draining) { /* asked twice: now */
        order_all(s, WORKER_STOP);
        return;
    }
    s->is_draining = true;
    log_info("draining: no new connections, at most %u ms for what runs",
             s->settings->timeouts.drain_ms);
    order_all(s, WORKER_DRAIN);
    uv_update_time(&s->loop.uv);
    uv_timer_start(&s->drain_limit, on_drain_limit, s->settings->timeouts.drain_ms, 0);
    if (s->nr_running == 0)
        loop_stop(&s->loop);
}

static void on_worker_ended(uv_async_t *async)
{
    struct server *s = async->data;

    for (int i = 0; i < s->nr_running; i++)
        if (!atomic_load(&s->workers[i].has_ended))
            return;
    loop_stop(&s->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *s = handle->data;

    switch (number) {
    case SIGHUP:
        if (!s->is_draining)
            reload_quietly(s);
        return;
    case SIGUSR1:
        if (s->log)
            accesslog_reopen(s->log);
        return;
    default:
        drain(s);
        return;
    }
}

static void on_housekeeping(uv_timer_t *timer)
{
    struct server *s = timer->data;

    /* This thread holds no pointer to retired memory here, so it may count as gone for the moment.
     */
    qsbr_offline(s->qsbr, s->loop.qsbr_slot);
    qsbr_reclaim(s->qsbr);
    qsbr_online(s->qsbr, s->loop.qsbr_slot);
    if (s->trim_at_ms > 0 && s->loop.now_ms >= s->trim_at_ms) {
        /* The table before the one in force has been freed by now: what it took goes back to the
         * system. */
        malloc_trim(0);
        s->trim_at_ms = 0;
    }
    if (s->tls)
        tls_server_rotate(s->tls, s->loop.now_ms);
}

/* ---- Starting -------------------------------------------------------------------------------- */

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("the limit on open files could not be raised: %s", strerror(errno));
}

static uint32_t get_series(void *context, struct str function, struct str alias, struct str version)
{
    return metrics_series_get(context, function, alias, version);
}

static void release_series(void *context, uint32_t series)
{
    metrics_series_release(context, series);
}

static int count_workers(const struct settings *settings)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    long nr = settings->workers > 0 ? (long)settings->workers : online;

    return (int)(nr < 1 ? 1 : nr > WORKERS_MAX ? WORKERS_MAX : nr);
}

static int init_shared(struct server *s)
{
    struct series_hooks hooks = {.get = get_series, .release = release_series};

    pthread_mutex_init(&s->lock, NULL);
    s->qsbr = qsbr_make();
    s->admission = admission_make();
    if (!s->qsbr || !s->admission || loop_init(&s->loop, s->qsbr, s) < 0) {
        log_error("the control loop cannot be made: out of memory or descriptors");
        return -1;
    }
    s->nr_workers = count_workers(s->settings);
    s->health = health_make(&s->loop);
    s->workers = calloc((size_t)s->nr_workers, sizeof(*s->workers));
    s->metrics = metrics_make(s->nr_workers);
    hooks.context = s->metrics;
    s->registry = s->metrics ? registry_make(s->qsbr, hooks) : NULL;
    if (!s->workers || !s->health || !s->registry) {
        log_error("out of memory");
        return -1;
    }
    return 0;
}

static int open_log(struct server *s)
{
    const char *file = s->settings->log.access;
    enum accesslog_format format =
        s->settings->log.format == SETTINGS_LOG_TEXT ? ACCESSLOG_TEXT : ACCESSLOG_JSON;

    if (!file || !file[0])
        return 0;
    s->log = accesslog_open(file, format, s->nr_workers);
    if (!s->log) {
        log_error("the access log %s cannot be opened: %s", file, strerror(errno));
        return -1;
    }
    return 0;
}

static void start_handles(struct server *s)
{
    static const int numbers[4] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};
    uv_loop_t *uv = &s->loop.uv;

    for (int i = 0; i < 4; i++) {
        s->signals[i].data = s;
        uv_signal_init(uv, &s->signals[i]);
        uv_signal_start(&s->signals[i], on_signal, numbers[i]);
    }
    s->worker_ended.data = s->housekeeping.data = s->drain_limit.data = s->settle.data = s;
    uv_async_init(uv, &s->worker_ended, on_worker_ended);
    uv_timer_init(uv, &s->housekeeping);
    uv_timer_init(uv, &s->drain_limit);
    uv_timer_init(uv, &s->settle);
    uv_timer_start(&s->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
}

/* Opens every address for every worker, then makes the workers. fds[worker][listener]. */
static int make_workers(struct server *s)
{
    int nr = s->settings->nr_listeners, result = -1, nr_open = 0;
    int *by_listener = calloc((size_t)nr * (size_t)s->nr_workers, sizeof(int));
    int *mine = calloc((size_t)nr, sizeof(int));
    char name[80];

    if (!by_listener || !mine)
        goto out;
    for (; nr_open < nr; nr_open++) {
        const struct listener_settings *l = &s->settings->listeners[nr_open];
        if (bind_open(l->address, by_listener + nr_open * s->nr_workers, s->nr_workers, name,
                      sizeof(name)) < 0)
            goto out;
        log_info("listening on %s://%s", l->is_tls ? "https" : "http", name);
    }
    for (int i = 0; i < s->nr_workers; i++) {
        for (int k = 0; k < nr; k++)
            mine[k] = by_listener[k * s->nr_workers + i];
        if (worker_init(&s->workers[i], s, i, mine, nr) < 0)
            goto out;
    }
    result = 0;
out:
    free(by_listener);
    free(mine);
    return result;
}

static int start_admin(struct server *s, struct api_hooks *hooks)
{
    char name[80];
    int fd;

    if (bind_open(s->settings->admin_address, &fd, 1, name, sizeof(name)) < 0)
        return -1;
    s->admin = admin_open(&s->loop, fd, hooks);
    if (!s->admin) {
        log_error("out of memory");
        return -1;
    }
    log_info("admin on http://%s", name);
    return 0;
}

static int start_workers(struct server *s)
{
    sigset_t all, before;

    /* Signals are the control thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; s->nr_running < s->nr_workers; s->nr_running++)
        if (worker_start(&s->workers[s->nr_running]) < 0)
            break;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->nr_running == s->nr_workers ? 0 : -1;
}

static int start(struct server *s, struct api_hooks *hooks)
{
    struct problems problems = {0}, notes = {0};
    struct settings *settings = documents_settings(s->options, &problems);
    struct tls_server *tls = NULL;
    struct table *table = NULL;

    if (settings) {
        s->settings = settings;
        take_log_level(settings);
        if (init_shared(s) < 0)
            return -1;
        tls = tls_server_make(settings, NULL, &problems);
        table = documents_table(settings, s->registry, NULL, &problems);
    }
    documents_log(&problems, "cannot start");
    problems_fini(&problems);
    problems_fini(&notes);
    s->tls = tls;
    if (table)
        server_publish(s, table);
    if (!table || !tls || open_log(s) < 0)
        return -1;
    start_handles(s);
    if (start_admin(s, hooks) < 0 || make_workers(s) < 0 || start_workers(s) < 0)
        return -1;
    watch_files(s);
    log_info("weir is ready: %d worker%s, generation %llu", s->nr_workers,
             s->nr_workers == 1 ? "" : "s", (unsigned long long)s->table->generation);
    return 0;
}

/* ---- Ending ---------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* True when a name look-up still runs: see loop_fini. */
static bool finish(struct server *s)
{
    bool is_stuck = false;
    sigset_t all;

    /* libuv's handlers go with the loop: a second SIGTERM on the way out would count as a crash. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (int i = 0; i < s->nr_running; i++)
        worker_join(&s->workers[i]);
    for (int i = 0; s->workers && i < s->nr_workers; i++)
        if (s->workers[i].server) {
            worker_fini(&s->workers[i]);
            is_stuck |= s->workers[i].loop.is_stuck;
        }
    if (s->log)
        accesslog_close(&s->log);
    if (s->admin)
        admin_close(&s->admin);
    if (s->health)
        health_free(&s->health);
    if (s->loop.owner) {
        uv_walk(&s->loop.uv, close_handle, NULL);
        loop_fini(&s->loop);
        is_stuck |= s->loop.is_stuck;
    }
    if (!is_stuck)
        free(s->workers);
    if (s->watch)
        file_watch_close(&s->watch);
    if (s->table)
        table_unref(&s->table);
    if (s->registry)
        registry_free(&s->registry);
    if (s->qsbr)
        qsbr_free(&s->qsbr);
    if (s->metrics)
        metrics_free(&s->metrics);
    if (s->admission)
        admission_free(&s->admission);
    if (s->tls)
        tls_server_unref(&s->tls);
    if (s->settings)
        settings_unref(&s->settings);
    return is_stuck;
}

int server_run(const struct documents_options *options)
{
    struct server *s = calloc(1, sizeof(*s));
    struct api_hooks hooks = api_hooks(s);
    int status = 1;

    if (!s) {
        log_error("out of memory");
        return 1;
    }
    s->options = options;
    s->start_time_s = (double)clock_unix_us() / 1e6;
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    http1_global_init();
    if (start(s, &hooks) == 0) {
        loop_run(&s->loop);
        log_info("drained, bye");
        status = 0;
    } else {
        for (int i = 0; i < s->nr_running; i++)
            worker_order(&s->workers[i], WORKER_STOP);
    }
    if (finish(s))
        _exit(status);
    free(s);
    return status;
}
