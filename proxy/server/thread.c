/* A worker thread's life: orders come as bits in an atomic word, and a wake-up of its loop. */
#include "proxy/server/thread.h"

#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "proxy/upstream/abandon.h"
#include "proxy/upstream/pool.h"

enum { POOLS_A_SWEEP = 1024 };

/* ---- Draining and the end -------------------------------------------------------------------- */

/* The last client of all, the last attempt to run an event and the last run end a draining thread.
 * */
static void end_if_empty(struct thread *t)
{
    if (t->clients.nr == 0 && !listener_is_any_open(&t->listeners) &&
        !courier_is_busy(&t->courier) && !runner_is_busy(&t->runner) &&
        handover_close_if_empty(&t->handed))
        loop_stop(&t->worker.loop);
}

static void on_no_attempts(struct courier *courier)
{
    end_if_empty((struct thread *)((char *)courier - offsetof(struct thread, courier)));
}

static void on_no_runs(struct runner *runner)
{
    end_if_empty((struct thread *)((char *)runner - offsetof(struct thread, runner)));
}

static void on_empty(struct clients *clients)
{
    end_if_empty((struct thread *)((char *)clients - offsetof(struct thread, clients)));
}

static void on_closed(struct listeners *listeners)
{
    end_if_empty((struct thread *)((char *)listeners - offsetof(struct thread, listeners)));
}

static void drain(struct thread *t)
{
    struct worker *w = &t->worker;
    struct client *c, *next;

    if (w->is_draining)
        return;
    w->is_draining = true;
    t->listeners.on_closed = on_closed;
    listener_stop(&t->listeners);
    for (c = LIST_FIRST(&t->clients.list); c; c = next) {
        next = LIST_NEXT(c, link);
        client_drain(c);
    }
    for (uint32_t i = 0; i < w->nr_pools; i++)
        if (w->pools[i])
            pool_close_idle(w->pools[i]);
    t->clients.on_empty = on_empty;
    t->courier.on_empty = on_no_attempts;
    t->runner.on_empty = on_no_runs;
    end_if_empty(t);
}

static void stop(struct thread *t)
{
    drain(t);
    listener_close(&t->listeners);
    while (!LIST_EMPTY(&t->clients.list))
        conn_cut(LIST_FIRST(&t->clients.list));
    courier_abort(&t->courier);
    runner_abort(&t->runner);
    loop_stop(&t->worker.loop);
}

/* ---- Orders ---------------------------------------------------------------------------------- */

/* Pools of endpoints that have left the table end: a few a reload, so that it takes no time. */
static void sweep_pools(struct thread *t)
{
    struct worker *w = &t->worker;

    for (int i = 0; i < POOLS_A_SWEEP && w->nr_pools > 0; i++) {
        struct pool **pool = &w->pools[t->pool_at];

        if (*pool && pool_is_over(*pool))
            pool_free(pool);
        t->pool_at = (t->pool_at + 1) % w->nr_pools;
    }
}

static void take_table(struct thread *t)
{
    uint64_t serial = atomic_load_explicit(&t->worker.shared->serial, memory_order_acquire);

    worker_take_table(&t->worker);
    atomic_store_explicit(&t->taken, serial, memory_order_release);
    uv_async_send(t->on_taken);
    sweep_pools(t);
}

static void take_clients(struct thread *t)
{
    struct handover *h;

    while ((h = handover_get(&t->handed)))
        client_adopt_take(&t->listeners, &h);
    if (t->worker.is_draining) /* they may have come to nothing */
        end_if_empty(t);
}

bool thread_hand_over_take(struct thread *t, struct handover **handover)
{
    if (!handover_put_take(&t->handed, handover))
        return false;
    thread_order(t, THREAD_TAKE_CLIENTS);
    return true;
}

static void on_wake(uv_async_t *wake)
{
    struct thread *t = wake->data;
    uint32_t orders = atomic_exchange(&t->orders, 0);

    loop_wake_up(&t->worker.loop);
    if (orders & THREAD_TAKE_SETTINGS)
        listener_take_settings(&t->listeners);
    if (orders & THREAD_TAKE_TABLE)
        take_table(t);
    if (orders & THREAD_TAKE_NAMES)
        pool_on_names(&t->worker);
    if (orders & THREAD_TAKE_CLIENTS)
        take_clients(t);
    /* Where another one was posted meanwhile, its end orders it again. */
    if (orders & THREAD_RELEASE && !recall_is_any_pending(&t->worker.shared->recalls))
        client_release_all(&t->clients);
    if (orders & THREAD_DRAIN)
        drain(t);
    if (orders & THREAD_STOP)
        stop(t);
}

void thread_order(struct thread *t, enum thread_order order)
{
    atomic_fetch_or(&t->orders, (uint32_t)order);
    uv_async_send(&t->wake);
}

static void on_turn(struct loop *loop)
{
    struct worker *w = worker_of(loop);

    while (!LIST_EMPTY(&w->pools_to_serve))
        pool_serve(LIST_FIRST(&w->pools_to_serve));
    outbox_must_be_empty(&w->outbox);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static int init_listeners(struct thread *t, const int *fds, int nr)
{
    LIST_INIT(&t->clients.list);
    if (listener_init(&t->listeners, &t->worker, &t->clients, client_open, nr) < 0) {
        log_error("out of memory");
        return -1;
    }
    for (int i = 0; i < nr; i++) {
        int r = listener_start(&t->listeners, fds[i]);
        if (r < 0) {
            log_error("cannot watch a listening socket: %s", strerror(-r));
            return -1;
        }
    }
    return 0;
}

int thread_init(struct thread *t, struct shared *shared, int index, const int *fds, int nr)
{
    int r;

    memset(t, 0, sizeof(*t));
    handover_queue_init(&t->handed);
    if (worker_init(&t->worker, shared, index) < 0)
        return -1;
    t->worker.loop.on_turn = on_turn;
    r = pool_join(&t->worker);
    if (r == 0)
        r = uv_async_init(&t->worker.loop.uv, &t->wake, on_wake);
    if (r < 0) {
        log_error("cannot make a worker's event loop: %s", uv_strerror(r));
        return -1;
    }
    t->wake.data = t;
    return init_listeners(t, fds, nr);
}

int thread_serve_events(struct thread *t, struct store *store, struct inbox *dispatcher)
{
    int r = courier_open(&t->courier, &t->worker, store, dispatcher);

    if (r < 0)
        log_error("a worker cannot serve events: %s", uv_strerror(r));
    return r < 0 ? -1 : 0;
}

static void *run(void *arg)
{
    struct thread *t = arg;

    loop_run(&t->worker.loop);
    atomic_store(&t->has_ended, true);
    uv_async_send(t->on_end);
    return NULL;
}

int thread_start(struct thread *t, uv_async_t *on_end, uv_async_t *on_taken)
{
    t->on_end = on_end;
    t->on_taken = on_taken;
    int r = pthread_create(&t->id, NULL, run, t);

    if (r != 0)
        log_error("cannot start a worker: %s", strerror(r));
    return r == 0 ? 0 : -1;
}

bool thread_has_taken(const struct thread *t, uint64_t serial)
{
    return atomic_load_explicit(&t->taken, memory_order_acquire) >= serial ||
           atomic_load(&t->has_ended);
}

void thread_join(struct thread *t)
{
    pthread_join(t->id, NULL);
}

bool thread_fini(struct thread *t)
{
    struct worker *w = &t->worker;

    if (!w->shared)
        return false; /* it was never made */
    handover_queue_fini(&t->handed);
    listener_fini(&t->listeners);
    abandon_end(w);
    for (uint32_t i = 0; i < w->nr_pools; i++)
        pool_free(&w->pools[i]);
    slots_leave(&w->slots);
    courier_close(&t->courier);
    runner_close(&t->runner);
    if (t->wake.data)
        uv_close((uv_handle_t *)&t->wake, NULL);
    worker_fini(w);
    return w->loop.is_stuck;
}
