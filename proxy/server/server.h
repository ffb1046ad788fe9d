/* The process: everything that workers share, and the control thread that owns it. Starts, reloads, drains.
 *
 *     signals, watched files, POST /reload --> build table and settings aside --> publish --> workers take them in their own time
 *
 * Control thread, unless a function says otherwise. */
#ifndef WEIR_PROXY_SERVER_SERVER_H
#define WEIR_PROXY_SERVER_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "conf/file.h"
#include "conf/settings.h"
#include "metrics/accesslog.h"
#include "metrics/metrics.h"
#include "proxy/server/documents.h"
#include "proxy/io/loop.h"
#include "proxy/worker/worker.h"
#include "router/registry.h"
#include "router/table.h"

struct admin;
struct admission;
struct health;

struct server {
    const struct documents_options *options;
    struct loop loop;
    struct qsbr *qsbr;
    struct registry *registry;
    struct metrics *metrics;
    struct accesslog *log;
    struct admission *admission;
    struct admin *admin;
    struct health *health;
    struct worker *workers;
    int nr_workers, nr_running;

    /* What is published; workers read under the lock, only when told that there is news. */
    pthread_mutex_t lock;
    struct table *table;
    struct settings *settings;
    struct tls_server *tls;
    _Atomic uint64_t generation;
    _Atomic uint64_t settings_serial; /* grows whenever settings or tls are replaced */

    struct file_watch *watch;
    uv_poll_t watch_poll;
    uv_signal_t signals[4];
    uv_async_t worker_ended;
    uv_timer_t housekeeping, drain_limit, settle;
    bool is_watching, is_draining;
    uint64_t trim_at_ms; /* when to give freed memory back to the system; 0: nothing to do */
    uint64_t reloads_ok, reloads_rejected;
    double start_time_s;
};

/* Runs until drained; the process' exit status. */
int server_run(const struct documents_options *options);

/* weir check: prints every problem to standard error; the exit status. */
int server_check(const struct documents_options *options);

/* Reads the documents again and puts them in force, or leaves everything as it is with problems. notes gets what was kept. 0 or -1. */
int server_reload(struct server *s, struct problems *problems, struct problems *notes);

/* Puts a table in force: publishes it, tells the workers, opens its splits. Takes the reference. */
void server_publish(struct server *s, struct table *table);

/* Ready to serve: every worker runs and a table is in force, and not draining. */
bool server_is_ready(const struct server *s);

/* Any thread: a counted reference to what is published now. */
struct table *server_table(struct server *s);
struct settings *server_settings(struct server *s);
struct tls_server *server_tls(struct server *s);

#endif
