/* Workers: start, orders from the control thread, the table and settings they hold, and their end.
 */
#include "proxy/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "proxy/client/client.h"
#include "proxy/client/listener.h"
#include "proxy/server/server.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/pool.h"

enum { STATUS_LINE_MAX = 8192, POOLS_A_SWEEP = 1024 };
enum { RETRY_TOKEN = 100000, RETRY_TOKENS_MAX = 100 * RETRY_TOKEN, RETRIES_A_SECOND = 3 };

/* ---- Tables ---------------------------------------------------------------------------------- */

static struct lease *make_lease(struct table *table)
{
    struct lease *lease = calloc(1, sizeof(*lease));

    if (lease)
        lease->table = table;
    return lease;
}

static void end_lease(struct lease *lease)
{
    table_unref(&lease->table);
    free(lease);
}

void worker_unlease(struct worker *w, struct lease **lease)
{
    struct lease *l = *lease;

    *lease = NULL;
    if (--l->nr_users == 0 && l != w->lease)
        end_lease(l);
}

bool worker_take_table(struct worker *w)
{
    if (atomic_load_explicit(&w->server->generation, memory_order_acquire) ==
        w->lease->table->generation)
        return false;
    struct table *table = server_table(w->server);
    struct lease *old = w->lease, *lease = make_lease(table);

    if (!lease) {
        table_unref(&table);
        return false;
    }
    w->lease = lease;
    if (old->nr_users == 0)
        end_lease(old);
    return true;
}

/* ---- Settings -------------------------------------------------------------------------------- */

static void free_tuning(struct tuning *t)
{
    settings_unref(&t->settings);
    free(t->executed_line);
    free(t->via_line);
    free(t);
}

/* Takes the reference. */
static struct tuning *make_tuning(struct settings *s)
{
    struct tuning *t = calloc(1, sizeof(*t));

    if (!t) {
        settings_unref(&s);
        return NULL;
    }
    t->settings = s;
    t->request_limits = (struct http1_limits){.line_bytes = s->limits.request_line_bytes,
                                              .header_bytes = s->limits.header_bytes,
                                              .header_count = s->limits.header_count};
    t->response_limits = t->request_limits;
    t->response_limits.line_bytes = STATUS_LINE_MAX;
    t->read_bytes =
        s->upstream.read_bytes < WORKER_READ_MAX ? s->upstream.read_bytes : WORKER_READ_MAX;
    t->executed_name_len = strlen(s->executed_version_header);
    if (asprintf(&t->executed_line, "%s: ", s->executed_version_header) < 0)
        t->executed_line = NULL;
    if (asprintf(&t->via_line, "Via: 1.1 %s\r\n", s->forwarded.via) < 0)
        t->via_line = NULL;
    if (!t->executed_line || !t->via_line) {
        free_tuning(t);
        return NULL;
    }
    t->request_limits.own_field = t->response_limits.own_field =
        (struct str){t->executed_line, t->executed_name_len};
    t->executed_line_len = strlen(t->executed_line);
    t->via_line_len = strlen(t->via_line);
    if (s->forwarded.client_certificate_header && s->forwarded.client_certificate_header[0]) {
        t->certificate_name = s->forwarded.client_certificate_header;
        t->certificate_name_len = strlen(t->certificate_name);
    }
    return t;
}

struct tuning *worker_tuning(struct worker *w)
{
    w->tuning->nr_users++;
    return w->tuning;
}

void worker_untune(struct worker *w, struct tuning **tuning)
{
    struct tuning *t = *tuning;

    *tuning = NULL;
    if (--t->nr_users == 0 && t != w->tuning)
        free_tuning(t);
}

void worker_take_settings(struct worker *w)
{
    /* Read first: what is taken then is that serial's, or newer. */
    uint64_t serial = atomic_load_explicit(&w->server->settings_serial, memory_order_acquire);

    if (serial == w->settings_serial)
        return;
    w->settings_serial = serial;

    struct tuning *old = w->tuning, *tuning = make_tuning(server_settings(w->server));
    struct tls_server *tls = server_tls(w->server);

    if (tls) {
        if (w->tls)
            tls_server_unref(&w->tls);
        w->tls = tls;
    }
    if (!tuning) {
        log_error("worker %d is out of memory and keeps its old settings", w->index);
        return;
    }
    w->tuning = tuning;
    for (int i = 0; i < w->nr_listeners; i++)
        listener_take_settings(&w->listeners[i], tuning->settings);
    if (old && old->nr_users == 0)
        free_tuning(old);
}

/* ---- Small services -------------------------------------------------------------------------- */

struct str worker_date(struct worker *w)
{
    uint64_t second = w->loop.now_ms / 1000;

    if (second != w->date_s) {
        time_t now = (time_t)(clock_unix_us() / 1000000);
        struct tm tm;
        w->date_s = second;
        gmtime_r(&now, &tm);
        strftime(w->date_line, sizeof(w->date_line), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    }
    return (struct str){w->date_line, 37};
}

/* Each request earns a share of a retry, and each second a few whole ones, so that a failing
 * endpoint never doubles the load. */
bool worker_may_retry(struct worker *w)
{
    struct retry_budget *b = &w->retry_budget;
    uint64_t requests = metrics_read(&w->metrics->requests);
    uint64_t idle_ms = w->loop.now_ms - b->at_ms;
    /* Seconds without retries are not saved up. */
    uint64_t elapsed_ms = idle_ms < 1000 ? idle_ms : 1000;
    uint64_t earned = (requests - b->requests) *
                          w->tuning->settings->upstream.retry_budget_percent * (RETRY_TOKEN / 100) +
                      elapsed_ms * (RETRIES_A_SECOND * RETRY_TOKEN / 1000);

    b->requests = requests;
    b->at_ms = w->loop.now_ms;
    b->tokens = b->tokens + earned > RETRY_TOKENS_MAX ? RETRY_TOKENS_MAX : b->tokens + earned;
    if (b->tokens < RETRY_TOKEN)
        return false;
    b->tokens -= RETRY_TOKEN;
    return true;
}

/* ---- Orders and the end ---------------------------------------------------------------------- */

static void stop_listening(struct worker *w)
{
    for (int i = 0; i < w->nr_listeners; i++)
        listener_stop(&w->listeners[i]);
}

static void end_if_empty(struct worker *w)
{
    if (w->is_draining && w->nr_clients == 0)
        loop_stop(&w->loop);
}

void worker_client_gone(struct worker *w)
{
    w->nr_clients--;
    metrics_sub(&w->metrics->client_connections, 1);
    end_if_empty(w);
}

static void drain(struct worker *w)
{
    struct client *c, *next;

    if (w->is_draining)
        return;
    stop_listening(w);
    w->is_draining = true;
    for (c = LIST_FIRST(&w->clients); c; c = next) {
        next = LIST_NEXT(c, link);
        client_drain(c);
    }
    for (uint32_t i = 0; i < w->nr_pools; i++)
        if (w->pools[i])
            pool_close_idle(w->pools[i]);
    end_if_empty(w);
}

static void stop(struct worker *w)
{
    drain(w);
    while (!LIST_EMPTY(&w->clients))
        client_close(LIST_FIRST(&w->clients));
    loop_stop(&w->loop);
}

/* Of endpoints that have left the table: a few pools a reload, so that it takes no time. */
static void sweep_pools(struct worker *w)
{
    for (int i = 0; i < POOLS_A_SWEEP && w->nr_pools > 0; i++) {
        struct pool **pool = &w->pools[w->pool_at];

        if (*pool && pool_is_over(*pool))
            pool_free(pool);
        w->pool_at = (w->pool_at + 1) % w->nr_pools;
    }
}

static void on_wake(uv_async_t *wake)
{
    struct worker *w = wake->data;
    uint32_t orders = atomic_exchange(&w->orders, 0);

    if (orders & WORKER_TAKE_SETTINGS)
        worker_take_settings(w);
    if (orders & WORKER_TAKE_TABLE) {
        worker_take_table(w);
        sweep_pools(w);
    }
    if (orders & WORKER_DRAIN)
        drain(w);
    if (orders & WORKER_STOP)
        stop(w);
}

void worker_order(struct worker *w, enum worker_order order)
{
    atomic_fetch_or(&w->orders, (uint32_t)order);
    uv_async_send(&w->wake);
}

static void on_turn(struct loop *loop)
{
    struct worker *w = worker_of(loop);

    while (!LIST_EMPTY(&w->pools_to_serve))
        pool_serve(LIST_FIRST(&w->pools_to_serve));
}

/* ---- Making ---------------------------------------------------------------------------------- */

static int init_memory(struct worker *w, int nr_listeners)
{
    w->read_buffer = malloc(WORKER_READ_MAX);
    w->listeners = calloc((size_t)nr_listeners, sizeof(*w->listeners));
    w->lease = make_lease(server_table(w->server));
    w->tuning = make_tuning(server_settings(w->server));
    w->tls = server_tls(w->server);
    if (!w->read_buffer || !w->listeners || !w->lease || !w->tuning ||
        outbox_init(&w->outbox) < 0) {
        log_error("out of memory");
        return -1;
    }
    return 0;
}

int worker_init(struct worker *w, struct server *server, int index, const int *fds, int nr)
{
    int r;

    memset(w, 0, sizeof(*w));
    w->server = server;
    w->index = index;
    w->metrics = metrics_worker(server->metrics, index);
    w->log = server->log ? accesslog_ring(server->log, index) : NULL;
    w->retry_budget.tokens = RETRIES_A_SECOND * RETRY_TOKEN;
    w->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    prng_init(&w->rng);
    LIST_INIT(&w->clients);
    LIST_INIT(&w->pools_to_serve);
    r = loop_init(&w->loop, server->qsbr, w);
    if (r < 0) {
        log_error("cannot make a worker's event loop: %s", uv_strerror(r));
        return -1;
    }
    w->loop.on_turn = on_turn;
    w->retry_budget.at_ms = w->loop.now_ms;
    r = uv_async_init(&w->loop.uv, &w->wake, on_wake);
    if (r < 0) {
        log_error("cannot make a worker's event loop: %s", uv_strerror(r));
        return -1;
    }
    w->wake.data = w;
    if (init_memory(w, nr) < 0)
        return -1;
    for (; w->nr_listeners < nr; w->nr_listeners++) {
        int i = w->nr_listeners;
        if (listener_start(&w->listeners[i], w, fds[i], i) < 0) {
            log_error("cannot watch a listening socket: %s", strerror(errno));
            return -1;
        }
    }
    return 0;
}

static void *run(void *arg)
{
    struct worker *w = arg;

    loop_run(&w->loop);
    atomic_store(&w->has_ended, true);
    uv_async_send(&w->server->worker_ended);
    return NULL;
}

int worker_start(struct worker *w)
{
    int r = pthread_create(&w->thread, NULL, run, w);

    if (r != 0)
        log_error("cannot start a worker: %s", strerror(r));
    return r == 0 ? 0 : -1;
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
}

/* Also of what worker_init left half done. */
void worker_fini(struct worker *w)
{
    for (int i = 0; i < w->nr_listeners; i++)
        io_close(&w->loop, &w->listeners[i].io);
    for (uint32_t i = 0; i < w->nr_pools; i++)
        pool_free(&w->pools[i]);
    free(w->pools);
    if (w->wake.data)
        uv_close((uv_handle_t *)&w->wake, NULL);
    if (w->loop.owner)
        loop_fini(&w->loop);
    if (w->lease)
        end_lease(w->lease);
    if (w->tuning)
        free_tuning(w->tuning);
    if (w->tls)
        tls_server_unref(&w->tls);
    freelist_fini(&w->blocks);
    freelist_fini(&w->exchanges);
    outbox_fini(&w->outbox);
    free(w->read_buffer);
    free(w->listeners);
    if (w->spare_fd >= 0)
        close(w->spare_fd);
}
