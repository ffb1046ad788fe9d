/* The control thread: start, drain, end. Nothing here runs per request. */
#include "proxy/server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/log.h"
#include "base/prng.h"
#include "conf/tabledoc_merge.h"
#include "control/change.h"
#include "control/mapstore.h"
#include "control/publish.h"
#include "control/shift_takeback.h"
#include "metrics/accesslog.h"
#include "proxy/admin/admin.h"
#include "proxy/async/dispatcher.h"
#include "proxy/client/admission.h"
#include "proxy/http/http1.h"
#include "proxy/io/bind.h"
#include "proxy/server/hooks.h"
#include "proxy/server/membership.h"
#include "proxy/server/reload.h"
#include "proxy/server/storage.h"
#include "proxy/server/surroundings.h"
#include "proxy/server/watching.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/health.h"
#include "proxy/upstream/names.h"

/* LOG_REST_MS: so long has a slow reader of standard error for the last lines. */
enum { LOG_REST_MS = 2000 };
/* What is open before the first connection, and some to spare. */
enum { DESCRIPTORS_OWN = 40, DESCRIPTORS_A_THREAD = 8 };
enum { HOUSEKEEPING_MS = 500, WORKERS_MAX = 128 };

/* ---- Draining -------------------------------------------------------------------------------- */

static void on_drain_limit(uv_timer_t *timer)
{
    struct server *s = timer->data;

    log_warning("draining took longer than timeouts.drain_ms; what still runs is cut off");
    state_order_all(s, THREAD_STOP);
}

static void drain(struct server *s)
{
    if (s->is_draining) { /* asked twice: now */
        state_order_all(s, THREAD_STOP);
        return;
    }
    s->is_draining = true;
    log_info("draining: no new connections, at most %u ms for what runs",
             s->shared.settings->timeouts.drain_ms);
    if (s->events)
        dispatcher_drain(s->events);
    shifting_drain(s);
    executing_drain(s);
    membership_drain(s);
    state_order_all(s, THREAD_DRAIN);
    uv_update_time(&s->loop.uv);
    uv_timer_start(&s->drain_limit, on_drain_limit, s->shared.settings->timeouts.drain_ms, 0);
    if (s->nr_running == 0)
        membership_end(s);
}

static void on_thread_ended(uv_async_t *async)
{
    struct server *s = async->data;

    loop_wake_up(&s->loop);
    edits_on_thread_ended(s);
    for (int i = 0; i < s->nr_running; i++)
        if (!atomic_load(&s->threads[i].has_ended))
            return;
    membership_end(s);
}

static void on_signal(void *context, int number)
{
    struct server *s = context;

    loop_wake_up(&s->loop);
    switch (number) {
    case SIGHUP:
        if (!s->is_draining)
            reload_begin(s, NULL);
        return;
    case SIGUSR1:
        if (s->shared.log)
            accesslog_reopen(s->shared.log);
        return;
    default:
        drain(s);
        return;
    }
}

static void on_housekeeping(uv_timer_t *timer)
{
    struct server *s = timer->data;

    reclaim_run(&s->reclaim, &s->loop.uv, s->loop.now_ms);
    metrics_sweep(s->shared.metrics, s->loop.now_ms);
    registry_tidy(s->registry);
    storage_tend(s);
    takeback_tend(&s->recalling.takebacks);
    names_sweep(s->shared.names);
    if (s->shared.tls)
        tls_server_rotate(s->shared.tls, s->loop.now_ms);
}

/* ---- Connections between the admin listener and workers -------------------------------------- */

/* Control thread. Where all workers end, so does the connection. */
static void hand_over(void *context, struct handover **handover)
{
    struct server *s = context;

    for (int i = 0; *handover && i < s->nr_running; i++) {
        s->next_taker = (s->next_taker + 1) % s->nr_running;
        if (thread_hand_over_take(&s->threads[s->next_taker], handover))
            return;
    }
    handover_free(handover);
}

/* A worker's thread. */
static void hand_back(void *context, struct handover **handover)
{
    struct server *s = context;

    if (handover_put_take(&s->handed_back, handover))
        uv_async_send(&s->news_of_handed_back);
    else
        handover_free(handover);
}

static void on_handed_back(uv_async_t *async)
{
    struct server *s = async->data;
    struct handover *h;

    loop_wake_up(&s->loop);
    while ((h = handover_get(&s->handed_back)))
        admin_adopt_take(s->admin, &h);
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

/* With fewer the start would fail half-way, in places that say less (libuv aborts in one). */
static int check_descriptor_limit(const struct server *s)
{
    rlim_t needed =
        DESCRIPTORS_OWN +
        (rlim_t)s->nr_threads * (DESCRIPTORS_A_THREAD + (rlim_t)s->shared.settings->nr_listeners);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return 0;
    log_error("the limit on open files is %llu, and weir needs %llu with %d worker%s before the "
              "first connection: raise it (ulimit -n, LimitNOFILE=)",
              (unsigned long long)limit.rlim_cur, (unsigned long long)needed, s->nr_threads,
              s->nr_threads == 1 ? "" : "s");
    return -1;
}

static uint32_t get_series(void *context, struct str function, struct str alias, struct str version)
{
    return metrics_series_get(context, function, alias, version);
}

static void release_series(void *context, uint32_t series)
{
    metrics_series_release(context, series);
}

static void on_name_changed(void *context, struct origin *name)
{
    struct server *s = context;

    health_on_name(s->health, name);
    state_order_all(s, THREAD_TAKE_NAMES);
}

static int count_workers(const struct settings *settings)
{
    int nr = settings->workers > 0 ? (int)settings->workers : cpus_usable();

    return nr < WORKERS_MAX ? nr : WORKERS_MAX;
}

static int init_shared(struct server *s)
{
    struct series_hooks hooks = {.get = get_series, .release = release_series};
    struct names_events events = {.changed = on_name_changed, .context = s};
    struct prng rng;

    prng_init(&rng);
    s->nr_threads = count_workers(s->shared.settings);
    if (check_descriptor_limit(s) < 0)
        return -1;
    s->shared.qsbr = qsbr_make();
    s->shared.admission = admission_make();
    if (!s->shared.qsbr || !s->shared.admission || loop_init(&s->loop, s->shared.qsbr, s) < 0) {
        log_error("the control loop cannot be made: out of memory or descriptors");
        return -1;
    }
    reclaim_init(&s->reclaim, s->shared.qsbr);
    s->health = health_make(&s->loop);
    s->threads = calloc((size_t)s->nr_threads, sizeof(*s->threads));
    s->shared.metrics = metrics_make(s->nr_threads);
    hooks.context = s->shared.metrics;
    s->registry = s->shared.metrics ? registry_make(s->shared.qsbr, hooks, prng_next(&rng)) : NULL;
    if (!s->threads || !s->health || !s->registry) {
        log_error("out of memory");
        return -1;
    }
    s->shared.names = names_make(&s->loop, s->registry, &events);
    if (!s->shared.names) {
        log_error("names cannot be looked up: out of memory or descriptors");
        return -1;
    }
    return 0;
}

static int open_log(struct server *s)
{
    const char *file = s->shared.settings->log.access;
    enum accesslog_format format =
        s->shared.settings->log.format == SETTINGS_LOG_TEXT ? ACCESSLOG_TEXT : ACCESSLOG_JSON;

    if (!file || !file[0])
        return 0;
    s->shared.log = accesslog_open(file, format, s->nr_threads);
    if (!s->shared.log) {
        log_error("the access log %s cannot be opened: %s", file, strerror(errno));
        return -1;
    }
    return 0;
}

/* From here on a signal waits for the loop. */
static int start_handles(struct server *s, struct api_hooks *hooks)
{
    uv_loop_t *uv = &s->loop.uv;
    int r = uv_async_init(uv, &s->thread_ended, on_thread_ended);

    hooks->changes = change_engine_make(hooks);
    if (!hooks->changes) {
        log_error("out of memory");
        return -1;
    }
    if (r == 0)
        r = edits_init(s, hooks->changes);
    if (r == 0)
        r = uv_async_init(uv, &s->news_of_handed_back, on_handed_back);
    if (r == 0)
        r = recalling_init(s, hooks);

    if (r == 0)
        r = signals_deliver(&s->signals, uv, on_signal, s);
    if (r < 0) {
        log_error("the control loop cannot be made: %s", uv_strerror(r));
        return -1;
    }
    s->news_of_handed_back.data = s;
    s->thread_ended.data = s->housekeeping.data = s->drain_limit.data = s->settle.data = s;
    uv_timer_init(uv, &s->housekeeping);
    uv_timer_init(uv, &s->drain_limit);
    uv_timer_init(uv, &s->settle);
    uv_timer_start(&s->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
    return 0;
}

/* With a store that keeps events. */
static int open_events(struct server *s)
{
    if (!s->store->is_durable)
        return 0;
    s->events = dispatcher_make(&s->loop, &s->shared, s->store);
    return s->events ? dispatcher_load(s->events) : -1;
}

static int serve_events(struct server *s, int i)
{
    struct thread *t = &s->threads[i];

    if (!s->events)
        return 0;
    if (thread_serve_events(t, s->store, dispatcher_inbox(s->events)) < 0)
        return -1;
    if (dispatcher_add(s->events, &t->courier) == 0)
        return 0;
    log_error("out of memory");
    return -1;
}

/* Opens every address for every worker, then makes the workers. fds[worker][listener]. */
static int make_threads(struct server *s)
{
    int nr = s->shared.settings->nr_listeners, result = -1, nr_open = 0;
    int *by_listener = calloc((size_t)nr * (size_t)s->nr_threads, sizeof(int));
    int *mine = calloc((size_t)nr, sizeof(int));
    char name[80];

    if (!by_listener || !mine)
        goto out;
    for (; nr_open < nr; nr_open++) {
        const struct listener_settings *l = &s->shared.settings->listeners[nr_open];
        if (bind_open(l->address, settings_leaves_ipv4(s->shared.settings, l->address),
                      by_listener + nr_open * s->nr_threads, s->nr_threads, name, sizeof(name)) < 0)
            goto out;
        log_info("listening on %s://%s", l->is_tls ? "https" : "http", name);
    }
    for (int i = 0; i < s->nr_threads; i++) {
        for (int k = 0; k < nr; k++)
            mine[k] = by_listener[k * s->nr_threads + i];
        if (thread_init(&s->threads[i], &s->shared, i, mine, nr) < 0 || serve_events(s, i) < 0 ||
            executing_serve(s, &s->threads[i]) < 0)
            goto out;
        s->threads[i].listeners.hand_back = hand_back;
        s->threads[i].listeners.hand_back_context = s;
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

    const char *address = s->shared.settings->admin_address;

    if (bind_open(address, settings_leaves_ipv4(s->shared.settings, address), &fd, 1, name,
                  sizeof(name)) < 0)
        return -1;
    s->admin = admin_open(&s->loop, fd, hooks, &s->shared,
                          (struct admin_invokes){.hand_over = hand_over, .context = s});
    if (!s->admin) {
        log_error("out of memory");
        return -1;
    }
    log_info("admin on %s://%s", s->shared.settings->admin_tls.certificate ? "https" : "http",
             name);
    return 0;
}

static int start_threads(struct server *s)
{
    sigset_t all, before;

    /* Signals are the control thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; s->nr_running < s->nr_threads; s->nr_running++)
        if (thread_start(&s->threads[s->nr_running], &s->thread_ended, &s->edits.taken) < 0)
            break;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->nr_running == s->nr_threads ? 0 : -1;
}

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

static void on_nothing_done(uv_work_t *work, int status)
{
    (void)work;
    (void)status;
}

/* libuv makes the threads of its pool for the first piece of work, and ends the process where it
 * cannot: better now than in the first reload. */
static void start_pool(struct server *s)
{
    (void)uv_queue_work(&s->loop.uv, &s->first_work, do_nothing, on_nothing_done);
}

static int open_rows(struct server *s)
{
    struct store_reason reason;

    if (rowstore_open(&s->rows, s->store, &reason) == 0)
        return 0;
    log_error("cannot start: %s", reason.text);
    return -1;
}

static int start_shifts(struct server *s, struct api_hooks *hooks)
{
    if (errands_init(&s->errands, s, hand_over) < 0) {
        log_error("hooks cannot be called: out of memory or descriptors");
        return -1;
    }
    if (shifting_init(s, hooks) < 0)
        return -1;
    s->recalling.takebacks.listener = shift_takeback_listener(hooks->shifts);
    hooks->listener = &publish_listener;
    return 0;
}

static void on_files_changed(struct server *s)
{
    reload_begin(s, NULL);
}

/* The table that the store has. */
static struct table *first_of_fleet(struct server *s, struct problems *problems)
{
    struct table *table;

    if (s->storage.is_empty && storage_seed(s, problems) < 0)
        return NULL;
    table = documents_rows(s->registry, NULL, s->rows.overlay, problems);
    if (table)
        table->generation = s->store->generation;
    return table;
}

static int start(struct server *s, struct api_hooks *hooks)
{
    struct problems problems = {0}, notes = {0};
    struct settings *settings = documents_settings(s->options, &problems);
    struct tls_server *tls = NULL;
    struct table *table = NULL;
    struct tabledoc_merge merge = {0};
    struct mapstore_list maps = {0};
    bool is_good;

    if (settings) {
        s->shared.settings = settings;
        reload_take_log_level(settings);
        if (init_shared(s) < 0 || storage_open(s) < 0 || open_rows(s) < 0)
            return -1;
        watching_open(s, settings, on_files_changed);
        surroundings_look(settings, s->options, SURROUNDINGS_START, &problems);
        tls = tls_server_make(settings, NULL, &problems);
        merge.overlay = s->rows.overlay;
        merge.maps = s->rows.maps;
        table = s->storage.is_shared
                    ? first_of_fleet(s, &problems)
                    : documents_table(settings, s->registry, NULL, &merge, &problems);
        if (table) {
            rowstore_drop(&s->rows, merge.lost, merge.nr_lost);
            documents_log_changes(&merge.changes);
            reload_take_base(s, &merge.theirs);
        }
        tabledoc_merge_fini(&merge);
    }
    documents_point(s->options, &problems);
    documents_log(&problems, "cannot start");
    is_good = problems_count(&problems) == 0;
    problems_fini(&problems);
    problems_fini(&notes);
    s->shared.tls = tls;
    if (table)
        reload_publish_table(s, table);
    if (table && !s->storage.is_shared) {
        mapstore_find(&maps, table);
        mapstore_follow(&s->rows, &maps, table, s->said, settings->table_file);
        mapstore_fini(&maps);
    }
    if (!is_good || !table || !tls || open_log(s) < 0)
        return -1;
    if (start_handles(s, hooks) < 0 || start_shifts(s, hooks) < 0 || start_admin(s, hooks) < 0 ||
        open_events(s) < 0 || executing_init(s, hooks) < 0 || make_threads(s) < 0 ||
        start_threads(s) < 0)
        return -1;
    start_pool(s);
    membership_begin(s, hooks);
    if (s->events)
        dispatcher_begin(s->events);
    executing_begin(s);
    watching_begin(s);
    storage_settle(s);
    shifting_begin(s);
    log_info("weir is ready: %d worker%s, generation %llu", s->nr_threads,
             s->nr_threads == 1 ? "" : "s", (unsigned long long)s->shared.table->generation);
    return 0;
}

/* ---- Ending ---------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* True when a name look-up (see loop_fini), a reload or a reclaim still runs: the process then
 * has to end with _exit. */
static bool finish(struct server *s)
{
    bool is_stuck = false;

    for (int i = 0; i < s->nr_running; i++)
        thread_join(&s->threads[i]);
    if (s->events)
        dispatcher_settle(s->events);
    executing_settle(s);
    edits_end(s);
    storage_close(s); /* the workers' memory is there still, and so is who waits for an answer */
    for (int i = 0; s->threads && i < s->nr_threads; i++)
        is_stuck |= thread_fini(&s->threads[i]);
    if (s->shared.log)
        accesslog_close(&s->shared.log);
    if (s->reload.is_running || s->edits.build || s->reclaim.is_running || s->storage.is_growing ||
        s->nr_writing > 0)
        return true; /* another thread still reads, or frees, what would be freed here */
    if (s->admin)
        admin_close(&s->admin);
    handover_queue_fini(&s->handed_back);
    edits_fini(s);
    recalling_fini(s);
    shifting_fini(s);
    executing_fini(s);
    errands_fini(&s->errands);
    rowstore_fini(&s->rows);
    if (s->health)
        health_free(&s->health);
    if (s->shared.names) {
        names_free(&s->shared.names);
        qsbr_reclaim(s->shared.qsbr); /* sets let their origins go before the registry ends */
    }
    watching_close(s);
    if (s->loop.owner) {
        uv_walk(&s->loop.uv, close_handle, NULL);
        loop_fini(&s->loop);
        is_stuck |= s->loop.is_stuck;
    }
    if (!is_stuck) {
        dispatcher_free(&s->events);
        free(s->threads);
    }
    shared_fini(&s->shared);
    merge_said_free(&s->said);
    if (s->registry)
        registry_free(&s->registry);
    if (s->shared.qsbr)
        qsbr_free(&s->shared.qsbr);
    storage_fini(s);
    if (s->shared.metrics)
        metrics_free(&s->shared.metrics);
    if (s->shared.admission)
        admission_free(&s->shared.admission);
    return is_stuck;
}

/* The threads that come before everything else: standard error's and the signals'. */
static int start_helpers(struct server *s)
{
    int r = log_start();

    if (r == 0)
        r = signals_start(&s->signals);
    if (r < 0) {
        log_error("cannot start: %s", strerror(-r));
        log_stop(LOG_REST_MS);
    }
    return r;
}

int server_run(const struct documents_options *options)
{
    struct server *s = calloc(1, sizeof(*s));
    struct api_hooks hooks;
    int status = 1;

    if (!s || start_helpers(s) < 0) {
        if (!s)
            log_error("out of memory");
        free(s);
        return 1;
    }
    shared_init(&s->shared);
    handover_queue_init(&s->handed_back);
    reload_init(&s->reload);
    hooks = hooks_make(s);
    s->options = options;
    s->start_time_s = (double)clock_unix_us() / 1e6;
    raise_descriptor_limit();
    http1_global_init();
    if (start(s, &hooks) == 0) {
        loop_run(&s->loop);
        log_info("drained, bye");
        status = 0;
    } else {
        for (int i = 0; i < s->nr_running; i++)
            thread_order(&s->threads[i], THREAD_STOP);
    }
    signals_end(&s->signals, status);
    bool is_stuck = finish(s);
    log_stop(LOG_REST_MS);
    signals_stop(&s->signals);
    if (is_stuck)
        _exit(status);
    free(s);
    return status;
}
