/* Pools: which connection an exchange gets, and who waits when there is none, or no address yet. */
#include "proxy/upstream/pool.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "proxy/exchange/exchange.h"
#include "proxy/tls/tls.h"
#include "proxy/worker/worker.h"

/* ---- Who waits ------------------------------------------------------------------------------- */

static void to_serve(struct pool *pool)
{
    if (pool->is_to_serve || pool->nr_waiters == 0)
        return;
    pool->is_to_serve = true;
    LIST_INSERT_HEAD(&pool->worker->pools_to_serve, pool, serve_link);
}

static void fail_waiters(struct pool *pool, enum metrics_error why)
{
    /* Those that try again queue behind these, for the next look-up. */
    for (uint32_t nr = pool->nr_waiters; nr > 0 && !TAILQ_EMPTY(&pool->waiters); nr--) {
        struct pool_waiter *waiter = TAILQ_FIRST(&pool->waiters);
        pool_forget_waiter(pool, waiter);
        exchange_on_upstream_failed(exchange_of_waiter(waiter), why, true);
    }
}

static void on_resolved(struct addresses *addresses)
{
    struct pool *pool = (struct pool *)((char *)addresses - offsetof(struct pool, addresses));

    if (addresses->nr == 0)
        fail_waiters(pool, METRICS_ERROR_RESOLVE);
    else
        to_serve(pool);
}

/* ---- Pools ----------------------------------------------------------------------------------- */

static struct pool *make(struct worker *w, struct origin *origin)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    const char *reason = NULL;

    if (!pool)
        return NULL;
    pool->worker = w;
    pool->cell = metrics_pool(w->metrics, origin->id);
    if (!pool->cell) {
        free(pool);
        return NULL;
    }
    if (origin->is_tls) {
        pool->tls = tls_origin_make(origin, &reason);
        if (!pool->tls) {
            log_error("https://%s: %s", origin->authority, reason ? reason : "out of memory");
            free(pool);
            return NULL;
        }
    }
    pool->origin = origin_ref_pool(origin);
    TAILQ_INIT(&pool->idle);
    TAILQ_INIT(&pool->waiters);
    addresses_init(&pool->addresses, &w->loop, origin, on_resolved);
    return pool;
}

struct pool *pool_of(struct worker *w, struct origin *origin)
{
    struct pool *pool;

    if (origin->id >= w->nr_pools) {
        uint32_t nr = w->nr_pools ? w->nr_pools : 16;
        while (nr <= origin->id)
            nr *= 2;
        struct pool **grown = realloc(w->pools, nr * sizeof(*grown));
        if (!grown)
            return NULL;
        memset(grown + w->nr_pools, 0, (nr - w->nr_pools) * sizeof(*grown));
        w->pools = grown;
        w->nr_pools = nr;
    }
    pool = w->pools[origin->id];
    if (!pool) {
        pool = make(w, origin);
        w->pools[origin->id] = pool;
    }
    return pool;
}

void pool_close_idle(struct pool *pool)
{
    while (!TAILQ_EMPTY(&pool->idle))
        upstream_close_idle(TAILQ_FIRST(&pool->idle));
}

void pool_free(struct pool **pool)
{
    struct pool *p = *pool;

    *pool = NULL;
    if (!p)
        return;
    pool_close_idle(p);
    addresses_fini(&p->addresses);
    if (p->is_to_serve)
        LIST_REMOVE(p, serve_link);
    if (p->tls)
        tls_origin_free(&p->tls);
    origin_unref_pool(&p->origin);
    free(p);
}

bool pool_is_over(const struct pool *pool)
{
    return pool->nr_busy == 0 && pool->nr_idle == 0 && pool->nr_waiters == 0 &&
           !origin_is_wanted(pool->origin);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

void pool_forget_waiter(struct pool *pool, struct pool_waiter *waiter)
{
    if (!waiter->is_waiting)
        return;
    waiter->is_waiting = false;
    TAILQ_REMOVE(&pool->waiters, waiter, link);
    pool->nr_waiters--;
    wheel_forget(&pool->worker->loop.wheel, &waiter->deadline.node);
}

static void on_waiter_deadline(struct deadline *deadline)
{
    struct pool_waiter *waiter =
        (struct pool_waiter *)((char *)deadline - offsetof(struct pool_waiter, deadline));
    struct exchange *ex = exchange_of_waiter(waiter);
    bool is_unresolved = ex->pool->addresses.nr == 0;

    pool_forget_waiter(ex->pool, waiter);
    exchange_on_upstream_failed(ex, is_unresolved ? METRICS_ERROR_RESOLVE : METRICS_ERROR_OVERLOAD,
                                true);
}

static enum pool_result wait_in_queue(struct pool *pool, struct pool_waiter *waiter,
                                      uint32_t wait_ms, enum metrics_error *error)
{
    struct worker *w = pool->worker;

    if (pool->nr_waiters >= w->tuning->settings->limits.upstream_queue) {
        *error = METRICS_ERROR_OVERLOAD;
        return POOL_REFUSED;
    }
    waiter->is_waiting = true;
    waiter->deadline = (struct deadline){.expired = on_waiter_deadline}; /* it is in no wheel yet */
    TAILQ_INSERT_TAIL(&pool->waiters, waiter, link);
    pool->nr_waiters++;
    wheel_set(&w->loop.wheel, &waiter->deadline.node, w->loop.now_ms + wait_ms);
    return POOL_WAITING;
}

/* One waiter at a time takes its turn; each may use up the room that came up, or give it back. */
void pool_serve(struct pool *pool)
{
    uint32_t bound = pool->nr_waiters;

    pool->is_to_serve = false;
    LIST_REMOVE(pool, serve_link);
    while (bound-- > 0 && !TAILQ_EMPTY(&pool->waiters)) {
        struct pool_waiter *waiter = TAILQ_FIRST(&pool->waiters);
        struct exchange *ex = exchange_of_waiter(waiter);
        uint32_t max = exchange_max_connections(ex);
        if (max > 0 && TAILQ_EMPTY(&pool->idle) && pool->nr_busy >= max)
            return;
        pool_forget_waiter(pool, waiter);
        waiter->has_turn = true;
        exchange_on_turn(ex);
    }
}

/* ---- Acquiring ------------------------------------------------------------------------------- */

/* Whether an idle connection's end, or bytes nobody asked for, have come: as the loop told, and
 * where it became idle in this very turn, of which the loop could not tell, by a look. */
static bool has_news(const struct pool *pool, struct upstream *u)
{
    return u->io.is_readable ||
           (u->idle_since_us == pool->worker->loop.now_us && !upstream_is_clean(u));
}

static bool is_used_up(const struct pool *pool, const struct upstream *u)
{
    const struct settings *s = pool->worker->tuning->settings;

    return (s->upstream.lifetime_ms > 0 &&
            pool->worker->loop.now_ms - u->opened_ms >= s->upstream.lifetime_ms) ||
           (s->upstream.lifetime_requests > 0 && u->nr_exchanges >= s->upstream.lifetime_requests);
}

/* The last used, but before those of this turn the ones that cost no look. */
static struct upstream *next_idle(const struct pool *pool)
{
    bool has_fresh = pool->idle_turn_us == pool->worker->loop.now_us;

    return has_fresh && pool->heard ? pool->heard : TAILQ_FIRST(&pool->idle);
}

static struct upstream *take_idle(struct pool *pool)
{
    struct upstream *u;

    while ((u = next_idle(pool)) && (has_news(pool, u) || is_used_up(pool, u)))
        upstream_close_idle(u);
    return u;
}

enum pool_result pool_acquire(struct pool *pool, struct exchange *exchange, bool is_fresh,
                              uint32_t max_connections, uint32_t connect_ms,
                              struct upstream **upstream, enum metrics_error *error)
{
    const struct settings *s = pool->worker->tuning->settings;
    bool others_wait = pool->nr_waiters > 0 && !exchange->waiter.has_turn;

    exchange->waiter.has_turn = false;
    /* What has come free, or comes free next, is for those who wait. */
    if (others_wait && max_connections > 0)
        return wait_in_queue(pool, &exchange->waiter, s->limits.upstream_queue_ms, error);
    struct upstream *u = is_fresh || others_wait ? NULL : take_idle(pool);
    if (u) {
        upstream_activate(u, exchange);
        *upstream = u;
        return POOL_READY;
    }
    if (max_connections > 0 && pool->nr_busy + pool->nr_idle >= max_connections) {
        if (TAILQ_EMPTY(&pool->idle))
            return wait_in_queue(pool, &exchange->waiter, s->limits.upstream_queue_ms, error);
        upstream_close_idle(TAILQ_LAST(&pool->idle, pool_idle));
    }
    if (addresses_are_due(&pool->addresses, s->upstream.resolve_ms)) {
        int r = addresses_look_up(&pool->addresses);
        if (r < 0 && pool->addresses.nr == 0) {
            *error = r == -ENOMEM ? METRICS_ERROR_INTERNAL : METRICS_ERROR_RESOLVE;
            return POOL_REFUSED;
        }
    }
    if (pool->addresses.nr == 0)
        return wait_in_queue(pool, &exchange->waiter, connect_ms, error);
    *upstream = upstream_open(pool, exchange, connect_ms, error);
    return *upstream ? POOL_CONNECTING : POOL_REFUSED;
}

/* ---- Words from connections ------------------------------------------------------------------ */

void pool_on_opened(struct pool *pool)
{
    pool->nr_busy++;
    metrics_add(&pool->cell->opened, 1);
    metrics_add(&pool->cell->connections[METRICS_CONNECTING], 1);
}

void pool_on_connected(struct pool *pool)
{
    metrics_sub(&pool->cell->connections[METRICS_CONNECTING], 1);
    metrics_add(&pool->cell->connections[METRICS_ACTIVE], 1);
}

static void add_idle(struct pool *pool, struct upstream *u)
{
    uint64_t now_us = pool->worker->loop.now_us;

    if (pool->idle_turn_us != now_us) {
        pool->idle_turn_us = now_us;
        pool->heard = TAILQ_FIRST(&pool->idle);
    }
    TAILQ_INSERT_HEAD(&pool->idle, u, idle_link);
    u->idle_since_us = now_us;
    pool->nr_idle++;
}

static void remove_idle(struct pool *pool, struct upstream *u)
{
    if (u == pool->heard)
        pool->heard = TAILQ_NEXT(u, idle_link);
    TAILQ_REMOVE(&pool->idle, u, idle_link);
    pool->nr_idle--;
}

void pool_on_activated(struct pool *pool, struct upstream *u)
{
    remove_idle(pool, u);
    pool->nr_busy++;
    metrics_sub(&pool->cell->connections[METRICS_IDLE], 1);
    metrics_add(&pool->cell->connections[METRICS_ACTIVE], 1);
}

bool pool_on_idle(struct pool *pool, struct upstream *u)
{
    const struct settings *s = pool->worker->tuning->settings;

    if (pool->nr_idle >= s->upstream.idle_connections || pool->worker->is_draining)
        return false;
    add_idle(pool, u);
    pool->nr_busy--;
    metrics_sub(&pool->cell->connections[METRICS_ACTIVE], 1);
    metrics_add(&pool->cell->connections[METRICS_IDLE], 1);
    to_serve(pool);
    return true;
}

void pool_on_closed(struct pool *pool, struct upstream *u, enum upstream_state was)
{
    if (was == UPSTREAM_IDLE) {
        remove_idle(pool, u);
        metrics_sub(&pool->cell->connections[METRICS_IDLE], 1);
    } else {
        bool is_early = was == UPSTREAM_CONNECTING || was == UPSTREAM_HANDSHAKE;
        pool->nr_busy--;
        metrics_sub(&pool->cell->connections[is_early ? METRICS_CONNECTING : METRICS_ACTIVE], 1);
    }
    to_serve(pool);
}
