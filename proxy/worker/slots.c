/* Counting connections over all workers, and who waits for one.
 *
 * Who gives back first lowers nr_connections, then looks whether somebody waits; who begins to wait
 * first raises nr_waiting, then looks whether there is room: one of the two sees the other. */
#include "proxy/worker/slots.h"

#include <assert.h>

enum { SOME = 64 };

void slots_init(struct slots *slots)
{
    pthread_mutex_init(&slots->lock, NULL);
    TAILQ_INIT(&slots->queue);
    LIST_INIT(&slots->workers);
}

void slots_fini(struct slots *slots)
{
    assert(TAILQ_EMPTY(&slots->queue) && LIST_EMPTY(&slots->workers));
    pthread_mutex_destroy(&slots->lock);
}

/* ---- Counting -------------------------------------------------------------------------------- */

static bool count(struct origin *origin, uint32_t max)
{
    uint32_t nr = atomic_load(&origin->nr_connections);

    do
        if (max > 0 && nr >= max)
            return false;
    while (!atomic_compare_exchange_weak(&origin->nr_connections, &nr, nr + 1));
    return true;
}

bool slots_take(struct origin *origin, uint32_t max)
{
    return (max == 0 || !slots_are_wanted(origin)) && count(origin, max);
}

/* The first one that waits for the origin. Under the lock. */
static struct slots_waiter *first_of(const struct slots *slots, const struct origin *origin)
{
    struct slots_waiter *waiter;

    TAILQ_FOREACH(waiter, &slots->queue, link)
    if (waiter->origin == origin)
        return waiter;
    return NULL;
}

static void unqueue(struct slots *slots, struct slots_waiter *waiter)
{
    TAILQ_REMOVE(&slots->queue, waiter, link);
    atomic_fetch_sub(&waiter->origin->nr_waiting, 1);
}

/* Those who wait get what there is, in their order. Under the lock. */
static void grant(struct slots *slots, struct origin *origin)
{
    struct slots_waiter *waiter;

    while ((waiter = first_of(slots, origin)) && count(origin, waiter->max)) {
        unqueue(slots, waiter);
        waiter->state = SLOTS_GRANTED;
        TAILQ_INSERT_TAIL(&waiter->worker->granted, waiter, link);
        uv_async_send(&waiter->worker->wake);
    }
}

void slots_give_back(struct slots_worker *worker, struct origin *origin)
{
    struct slots *slots = worker->slots;
    uint32_t before = atomic_fetch_sub(&origin->nr_connections, 1);

    assert(before > 0);
    if (atomic_load(&origin->nr_waiting) == 0)
        return;
    pthread_mutex_lock(&slots->lock);
    grant(slots, origin);
    pthread_mutex_unlock(&slots->lock);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* Connections that are idle on other workers take up slots. */
static void ask_others(struct slots *slots, const struct slots_worker *worker)
{
    struct slots_worker *other;

    LIST_FOREACH(other, &slots->workers, link)
    if (other != worker) {
        other->is_asked = true;
        uv_async_send(&other->wake);
    }
}

void slots_wait(struct slots_waiter *waiter, struct slots_worker *worker, struct origin *origin,
                uint32_t max)
{
    struct slots *slots = worker->slots;

    assert(waiter->state == SLOTS_NONE && max > 0);
    waiter->state = SLOTS_QUEUED;
    waiter->worker = worker;
    waiter->origin = origin;
    waiter->max = max;
    pthread_mutex_lock(&slots->lock);
    waiter->serial = ++slots->serial;
    TAILQ_INSERT_TAIL(&slots->queue, waiter, link);
    atomic_fetch_add(&origin->nr_waiting, 1);
    grant(slots, origin);
    if (waiter->state == SLOTS_QUEUED)
        ask_others(slots, worker);
    pthread_mutex_unlock(&slots->lock);
}

void slots_forget(struct slots_waiter *waiter)
{
    bool had_slot;

    if (waiter->state == SLOTS_NONE)
        return;
    struct slots *slots = waiter->worker->slots;
    pthread_mutex_lock(&slots->lock);
    had_slot = waiter->state == SLOTS_GRANTED;
    if (had_slot)
        TAILQ_REMOVE(&waiter->worker->granted, waiter, link);
    else
        unqueue(slots, waiter);
    waiter->state = SLOTS_NONE;
    pthread_mutex_unlock(&slots->lock);
    if (had_slot)
        slots_give_back(waiter->worker, waiter->origin);
}

bool slots_are_wanted_elsewhere(struct slots_worker *worker, const struct origin *origin)
{
    if (!slots_are_wanted(origin))
        return false;
    pthread_mutex_lock(&worker->slots->lock);
    const struct slots_waiter *first = first_of(worker->slots, origin);
    bool is_elsewhere = first && first->worker != worker;
    pthread_mutex_unlock(&worker->slots->lock);
    return is_elsewhere;
}

/* ---- A worker is woken ----------------------------------------------------------------------- */

/* The origins of some others who wait, from a serial on; the last one's serial is left there. */
static int wanted_by_others(struct slots_worker *worker, uint64_t *serial,
                            struct origin *origins[SOME])
{
    struct slots_waiter *waiter;
    int nr = 0;

    TAILQ_FOREACH(waiter, &worker->slots->queue, link)
    {
        if (waiter->serial <= *serial || waiter->worker == worker)
            continue;
        if (nr == SOME)
            break;
        *serial = waiter->serial;
        origins[nr++] = origin_ref(waiter->origin);
    }
    return nr;
}

static void give_up(struct slots_worker *worker)
{
    struct origin *origins[SOME];
    uint64_t serial = 0;
    int nr;

    do {
        pthread_mutex_lock(&worker->slots->lock);
        nr = wanted_by_others(worker, &serial, origins);
        pthread_mutex_unlock(&worker->slots->lock);
        for (int i = 0; i < nr; i++) {
            worker->give_up(worker, origins[i]);
            origin_unref(&origins[i]);
        }
    } while (nr == SOME);
}

static void on_wake(uv_async_t *wake)
{
    struct slots_worker *worker = wake->data;
    struct slots_waiter *waiter;
    bool is_asked;

    loop_wake_up(worker->loop);
    do {
        pthread_mutex_lock(&worker->slots->lock);
        is_asked = worker->is_asked;
        worker->is_asked = false;
        waiter = TAILQ_FIRST(&worker->granted);
        if (waiter) {
            TAILQ_REMOVE(&worker->granted, waiter, link);
            waiter->state = SLOTS_NONE;
        }
        pthread_mutex_unlock(&worker->slots->lock);
        if (waiter)
            waiter->granted(waiter);
        if (is_asked)
            give_up(worker);
    } while (waiter);
}

int slots_join(struct slots_worker *worker, struct slots *slots, struct loop *loop)
{
    int r = uv_async_init(&loop->uv, &worker->wake, on_wake);

    if (r < 0)
        return r;
    worker->wake.data = worker;
    worker->slots = slots;
    worker->loop = loop;
    TAILQ_INIT(&worker->granted);
    pthread_mutex_lock(&slots->lock);
    LIST_INSERT_HEAD(&slots->workers, worker, link);
    pthread_mutex_unlock(&slots->lock);
    return 0;
}

void slots_leave(struct slots_worker *worker)
{
    if (!worker->wake.data)
        return;
    pthread_mutex_lock(&worker->slots->lock);
    assert(TAILQ_EMPTY(&worker->granted));
    LIST_REMOVE(worker, link);
    pthread_mutex_unlock(&worker->slots->lock);
    uv_close((uv_handle_t *)&worker->wake, NULL);
    worker->wake.data = NULL;
}
