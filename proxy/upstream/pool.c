/* Pools: which connection a user gets, and who waits when there is none, or no address yet. */
#include "proxy/upstream/pool.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/names.h"
#include "proxy/worker/worker.h"

/* ---- Who waits ------------------------------------------------------------------------------- */

static void close_idle(struct pool *pool, struct upstream *u);

static void to_serve(struct pool *pool)
{
    if (pool->is_to_serve || pool->nr_waiters == 0)
        return;
    pool->is_to_serve = true;
    LIST_INSERT_HEAD(&pool->worker->pools_to_serve, pool, serve_link);
}

void pool_forget_waiter(struct pool_waiter *waiter)
{
    struct pool *pool = waiter->pool;

    assert(pool && pool->nr_waiters > 0);
    waiter->pool = NULL;
    slots_forget(&waiter->slots);
    TAILQ_REMOVE(&pool->waiters, waiter, link);
    pool->nr_waiters--;
    wheel_forget(&pool->worker->loop.wheel, &waiter->deadline.node);
}

static void fail_waiter(struct pool_waiter *waiter, enum metrics_error why)
{
    pool_forget_waiter(waiter);
    waiter->on->failed(waiter, why);
}

static void fail_waiters(struct pool *pool, enum metrics_error why)
{
    /* Those that try again queue behind these, for the next look-up. */
    for (uint32_t nr = pool->nr_waiters; nr > 0 && !TAILQ_EMPTY(&pool->waiters); nr--)
        fail_waiter(TAILQ_FIRST(&pool->waiters), why);
}

static void on_waiter_deadline(struct deadline *deadline)
{
    struct pool_waiter *waiter =
        (struct pool_waiter *)((char *)deadline - offsetof(struct pool_waiter, deadline));
    struct pool *pool = waiter->pool;

    fail_waiter(waiter, pool->origin->name ? METRICS_ERROR_RESOLVE : METRICS_ERROR_OVERLOAD);
    outbox_must_be_empty(&pool->worker->outbox);
}

static enum pool_result wait_in_queue(struct pool *pool, const struct pool_wish *wish,
                                      enum metrics_error *error)
{
    struct worker *w = pool->worker;
    const struct settings *s = w->tuning->settings;
    struct pool_waiter *waiter = wish->waiter;
    uint32_t wait_ms = pool->origin->name ? wish->connect_ms : s->limits.upstream_queue_ms;

    assert(!waiter->pool);
    if (pool->nr_waiters >= s->limits.upstream_queue) {
        *error = METRICS_ERROR_OVERLOAD;
        return POOL_REFUSED;
    }
    waiter->pool = pool;
    waiter->max_connections = wish->max_connections;
    waiter->is_over_all = false;
    waiter->deadline = (struct deadline){.expired = on_waiter_deadline}; /* it is in no wheel yet */
    TAILQ_INSERT_TAIL(&pool->waiters, waiter, link);
    pool->nr_waiters++;
    wheel_set(&w->loop.wheel, &waiter->deadline.node, w->loop.now_ms + wait_ms);
    return POOL_WAITING;
}

/* The waiter has a slot: it may open a connection, whoever stands before it on this worker. */
static void on_granted(struct slots_waiter *slots)
{
    struct pool_waiter *waiter =
        (struct pool_waiter *)((char *)slots - offsetof(struct pool_waiter, slots));
    struct worker *w = waiter->pool->worker;

    pool_forget_waiter(waiter);
    waiter->has_turn = waiter->has_slot = true;
    waiter->on->turn(waiter);
    outbox_must_be_empty(&w->outbox);
}

/* Where the limit holds over all workers, so does the queue. */
static enum pool_result wait_for_slot(struct pool *pool, const struct pool_wish *wish,
                                      enum metrics_error *error)
{
    struct pool_waiter *waiter = wish->waiter;
    enum pool_result result = wait_in_queue(pool, wish, error);

    if (result == POOL_WAITING && wish->is_over_all) {
        waiter->is_over_all = true;
        waiter->slots.granted = on_granted;
        slots_wait(&waiter->slots, &pool->worker->slots, pool->origin, wish->max_connections);
    }
    return result;
}

/* One waiter at a time takes its turn; each may use up the room that came up, or give it back. */
static void serve(struct pool *pool)
{
    for (uint32_t nr = pool->nr_waiters; nr > 0 && !TAILQ_EMPTY(&pool->waiters); nr--) {
        struct pool_waiter *waiter = TAILQ_FIRST(&pool->waiters);
        bool has_room = !waiter->is_over_all &&
                        (waiter->max_connections == 0 || pool->nr_busy < waiter->max_connections);
        if (TAILQ_EMPTY(&pool->idle) && !has_room)
            return;
        pool_forget_waiter(waiter);
        waiter->has_turn = true;
        waiter->on->turn(waiter);
    }
}

void pool_serve(struct pool *pool)
{
    pool->is_to_serve = false;
    LIST_REMOVE(pool, serve_link);
    serve(pool);
    /* What was kept for those who wait here, and is not used, is for those who wait elsewhere. */
    while (pool->is_limited && !TAILQ_EMPTY(&pool->idle) &&
           slots_are_wanted_elsewhere(&pool->worker->slots, pool->origin))
        close_idle(pool, TAILQ_LAST(&pool->idle, pool_idle));
}

/* ---- Idle connections ------------------------------------------------------------------------ */

static void add_idle(struct pool *pool, struct upstream *u)
{
    if (pool->idle_turn_us != u->idle_since_us) {
        pool->idle_turn_us = u->idle_since_us;
        pool->heard = TAILQ_FIRST(&pool->idle);
    }
    TAILQ_INSERT_HEAD(&pool->idle, u, idle_link);
    pool->nr_idle++;
}

static void remove_idle(struct pool *pool, struct upstream *u)
{
    assert(pool->nr_idle > 0 && u->user == &pool->keeper);
    if (u == pool->heard)
        pool->heard = TAILQ_NEXT(u, idle_link);
    TAILQ_REMOVE(&pool->idle, u, idle_link);
    pool->nr_idle--;
}

static void close_connection(struct pool *pool, struct upstream **u)
{
    upstream_close(u);
    slots_give_back(&pool->worker->slots, pool->origin);
}

static void close_idle(struct pool *pool, struct upstream *u)
{
    remove_idle(pool, u);
    close_connection(pool, &u);
    to_serve(pool);
}

/* For another worker that waits. */
static void give_up(struct slots_worker *slots, struct origin *origin)
{
    struct worker *w = (struct worker *)((char *)slots - offsetof(struct worker, slots));
    struct pool *pool = origin->id < w->nr_pools ? w->pools[origin->id] : NULL;

    if (pool && !TAILQ_EMPTY(&pool->idle) && slots_are_wanted_elsewhere(slots, origin))
        close_idle(pool, TAILQ_LAST(&pool->idle, pool_idle));
}

int pool_join(struct worker *w)
{
    w->slots.give_up = give_up;
    return slots_join(&w->slots, &w->shared->slots, &w->loop);
}

void pool_close_idle(struct pool *pool)
{
    while (!TAILQ_EMPTY(&pool->idle))
        close_idle(pool, TAILQ_FIRST(&pool->idle));
}

/* Its end has come, or bytes that nobody asked for, or its age. */
static void on_idle_failed(struct upstream_user *user, struct upstream *u, enum metrics_error why,
                           bool is_silent)
{
    (void)why;
    (void)is_silent;
    close_idle((struct pool *)((char *)user - offsetof(struct pool, keeper)), u);
}

static const struct upstream_events keeper_events = {.failed = on_idle_failed};

/* Whether an idle connection's end, or bytes nobody asked for, have come: as the loop told, and by
 * a look where it became idle in this very turn, of which the loop could not tell. */
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
        close_idle(pool, u);
    if (u)
        remove_idle(pool, u);
    return u;
}

/* ---- Names and their addresses --------------------------------------------------------------- */

static void enlist(struct pool *pool, struct worker_pools *list)
{
    pool->is_listed = true;
    LIST_INSERT_HEAD(list, pool, name_link);
}

static void unlist(struct pool *pool)
{
    if (pool->is_listed)
        LIST_REMOVE(pool, name_link);
    pool->is_listed = false;
}

static enum pool_result wait_for_address(struct pool *pool, const struct pool_wish *wish,
                                         enum metrics_error *error)
{
    struct worker *w = pool->worker;
    uint64_t failed_ms =
        atomic_load_explicit(&pool->origin->name->failed_at_ms, memory_order_relaxed);

    if (failed_ms > 0 && w->loop.now_ms < failed_ms + NAMES_FAILED_MS) {
        *error = METRICS_ERROR_RESOLVE;
        return POOL_REFUSED;
    }
    if (!pool->is_listed) {
        enlist(pool, &w->name_pools);
        pool->waits_since_ms = w->loop.now_ms;
        names_want(w->shared->names, pool->origin);
    }
    return wait_in_queue(pool, wish, error);
}

static void serve_names(struct worker *w)
{
    struct pool *pool, *next;

    for (pool = LIST_FIRST(&w->name_pools); pool; pool = next) {
        bool has_failed = atomic_load_explicit(&pool->origin->name->failed_at_ms,
                                               memory_order_relaxed) >= pool->waits_since_ms;

        next = LIST_NEXT(pool, name_link);
        if (origin_set(pool->origin)) {
            unlist(pool);
            to_serve(pool);
        } else if (has_failed || pool->nr_waiters == 0) {
            unlist(pool);
            fail_waiters(pool, METRICS_ERROR_RESOLVE);
        }
    }
}

static void end_pools_of_gone_addresses(struct worker *w)
{
    struct pool *pool, *next;

    for (pool = LIST_FIRST(&w->address_pools); pool; pool = next) {
        next = LIST_NEXT(pool, name_link);
        if (!origin_is_gone(pool->origin))
            continue;
        pool_close_idle(pool);
        if (pool->nr_busy == 0 && pool->nr_waiters == 0)
            pool_free(&w->pools[pool->origin->id]);
    }
}

void pool_on_names(struct worker *w)
{
    end_pools_of_gone_addresses(w);
    serve_names(w);
}

/* ---- Lending --------------------------------------------------------------------------------- */

/* A slot for one more connection, if the wish's limit allows that. */
static bool take_slot(struct pool *pool, const struct pool_wish *wish)
{
    uint32_t max = wish->max_connections;

    if (wish->is_over_all)
        return slots_take(pool->origin, max);
    return (max == 0 || pool->nr_busy + pool->nr_idle < max) && slots_take(pool->origin, 0);
}

static enum pool_result open_connection(struct pool *pool, const struct pool_wish *wish,
                                        struct upstream **upstream, enum metrics_error *error)
{
    *upstream = upstream_open(pool->worker, &pool->to, wish->user, wish->connect_ms, error);
    if (!*upstream) {
        slots_give_back(&pool->worker->slots, pool->origin);
        return POOL_REFUSED;
    }
    pool->nr_busy++;
    return POOL_CONNECTING;
}

enum pool_result pool_acquire(struct pool *pool, const struct pool_wish *wish,
                              struct upstream **upstream, enum metrics_error *error)
{
    struct pool_waiter *waiter = wish->waiter;
    bool has_turn = waiter->has_turn, has_slot = waiter->has_slot;
    bool others_wait = !has_turn && (pool->nr_waiters > 0 ||
                                     (wish->is_over_all && slots_are_wanted(pool->origin)));

    waiter->has_turn = waiter->has_slot = false;
    if (pool->origin->name)
        return wait_for_address(pool, wish, error);
    if (has_slot)
        return open_connection(pool, wish, upstream, error);
    pool->is_limited |= wish->is_over_all;
    /* What has come free, or comes free next, is for those who wait. */
    if (others_wait && wish->max_connections > 0)
        return wait_for_slot(pool, wish, error);
    *upstream = wish->is_fresh || others_wait ? NULL : take_idle(pool);
    if (*upstream) {
        pool->nr_busy++;
        upstream_use(*upstream, wish->user);
        return POOL_READY;
    }
    if (take_slot(pool, wish))
        return open_connection(pool, wish, upstream, error);
    if (!TAILQ_EMPTY(&pool->idle)) { /* one that must not be used makes room */
        close_idle(pool, TAILQ_LAST(&pool->idle, pool_idle));
        if (take_slot(pool, wish))
            return open_connection(pool, wish, upstream, error);
    }
    return wait_for_slot(pool, wish, error);
}

static bool may_keep(const struct pool *pool)
{
    struct worker *w = pool->worker;

    return pool->nr_idle < w->tuning->settings->upstream.idle_connections && !w->is_draining &&
           !origin_is_gone(pool->origin) &&
           !(pool->is_limited && slots_are_wanted_elsewhere(&w->slots, pool->origin));
}

void pool_put(struct pool *pool, struct upstream **upstream, bool is_reusable)
{
    struct upstream *u = *upstream;

    assert(u->to == &pool->to && pool->nr_busy > 0);
    *upstream = NULL;
    pool->nr_busy--;
    if (is_reusable && may_keep(pool) && upstream_rest(u, &pool->keeper))
        add_idle(pool, u);
    else
        close_connection(pool, &u);
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
    pool->keeper.on = &keeper_events;
    pool->to.cell = metrics_pool(w->metrics, origin_counted_as(origin));
    if (!pool->to.cell) {
        free(pool);
        return NULL;
    }
    if (origin->is_tls && !origin->name) {
        pool->to.tls = tls_origin_make(origin, &reason);
        if (!pool->to.tls) {
            log_error("https://%s: %s", origin->authority, reason ? reason : "out of memory");
            free(pool);
            return NULL;
        }
    }
    pool->to.origin = pool->origin = origin_ref_pool(origin);
    TAILQ_INIT(&pool->idle);
    TAILQ_INIT(&pool->waiters);
    if (origin->address)
        address_of(&pool->to.address, origin);
    if (origin->parent != ORIGIN_NO_PARENT)
        enlist(pool, &w->address_pools);
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

void pool_free(struct pool **pool)
{
    struct pool *p = *pool;

    *pool = NULL;
    if (!p)
        return;
    pool_close_idle(p);
    unlist(p);
    if (p->is_to_serve)
        LIST_REMOVE(p, serve_link);
    if (p->to.tls)
        tls_origin_free(&p->to.tls);
    origin_unref_pool(&p->origin);
    free(p);
}

bool pool_is_over(const struct pool *pool)
{
    return pool->nr_busy == 0 && pool->nr_idle == 0 && pool->nr_waiters == 0 &&
           !origin_is_wanted(pool->origin);
}
