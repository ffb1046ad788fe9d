/* Balancing and passive health. Versions whose endpoints are all written as addresses take the
 * short way, through one loop; with names among them each address is weighed by itself. */
#include "proxy/upstream/balance.h"

#include <stdio.h>

#include "base/log.h"

/* A returning endpoint begins at a twentieth of its share. */
enum { SLOW_START_LEAST = 20 };

/* What is wrong with a place, added to how busy it is, which is less than any of these; the worst
 * last. It is used where there is no better one. */
static const uint64_t HELD_BACK = (uint64_t)1 << 48; /* by slow start */
static const uint64_t AVOIDED = (uint64_t)1 << 49;   /* connections to it failed just now */
static const uint64_t UNRESOLVED = (uint64_t)1 << 50;

/* ---- Health ---------------------------------------------------------------------------------- */

/* Of one address of the endpoint's name: NULL where nothing is known of it, which is as good as
 * well. */
static struct endpoint_health *health_at(const struct endpoint *endpoint,
                                         const struct origin *origin)
{
    const struct endpoint_places *places;

    if (!endpoint->origin->name || origin->name)
        return endpoint->health;
    places = atomic_load_explicit(&endpoint->health->places, memory_order_acquire);
    for (int i = 0; places && i < places->nr; i++)
        if (places->list[i].origin_id == origin->id)
            return places->list[i].health;
    return NULL;
}

static bool is_well(const struct endpoint_health *h, uint64_t now_ms)
{
    return !h || (!atomic_load_explicit(&h->is_down, memory_order_relaxed) &&
                  atomic_load_explicit(&h->ejected_until_ms, memory_order_relaxed) <= now_ms);
}

static bool is_usable(const struct version *version, const struct endpoint *endpoint,
                      const struct origin *origin, uint64_t now_ms)
{
    return !version->may_fail || is_well(health_at(endpoint, origin), now_ms);
}

/* Slow start: an endpoint that has returned is passed over by chance, less and less as time passes,
 * so that its share grows whatever the load. */
static bool is_held_back(struct worker *w, const struct endpoint *endpoint,
                         const struct origin *origin)
{
    uint32_t slow_ms = endpoint->version->ejection.slow_start_ms;
    uint64_t now_ms = w->loop.now_ms, returned_ms;
    const struct endpoint_health *h;

    if (slow_ms == 0)
        return false;
    h = health_at(endpoint, origin);
    returned_ms = h ? atomic_load_explicit(&h->returned_at_ms, memory_order_relaxed) : 0;
    if (returned_ms == 0 || now_ms >= returned_ms + slow_ms)
        return false;
    uint64_t age_ms = now_ms > returned_ms ? now_ms - returned_ms : 0;
    uint32_t least_ms = slow_ms / SLOW_START_LEAST;
    return prng_below(&w->rng, slow_ms) >= (age_ms > least_ms ? age_ms : least_ms);
}

/* ---- Endpoints that are addresses ------------------------------------------------------------ */

static const struct pool *pool_at(const struct worker *w, const struct origin *origin)
{
    return origin->id < w->nr_pools ? w->pools[origin->id] : NULL;
}

/* How many exchanges of this worker are there or wait for it. */
static uint32_t busyness(const struct pool *pool)
{
    return pool ? pool->nr_busy + pool->nr_waiters : 0;
}

static struct place choose_endpoint(struct worker *w, const struct version *version,
                                    const struct endpoint *except)
{
    int nr = version->nr_endpoints;
    struct endpoint *best = NULL;
    uint64_t best_busy = 0;
    uint32_t nr_best = 0;

    if (nr == 1) {
        struct endpoint *only = &version->endpoints[0];
        if (only == except || !is_usable(version, only, only->origin, w->loop.now_ms))
            only = NULL;
        return (struct place){only, only ? only->origin : NULL};
    }
    for (int i = 0; i < nr; i++) {
        struct endpoint *e = &version->endpoints[i];
        if (e == except || !is_usable(version, e, e->origin, w->loop.now_ms))
            continue;
        uint64_t busy = busyness(pool_at(w, e->origin));
        if (is_held_back(w, e, e->origin))
            busy += HELD_BACK; /* unless there is no other */
        if (best && busy > best_busy)
            continue;
        /* Each of the equally busy ones by the same chance, wherever the others stand. */
        nr_best = best && busy == best_busy ? nr_best + 1 : 1;
        if (nr_best > 1 && prng_below(&w->rng, nr_best) > 0)
            continue;
        best = e;
        best_busy = busy;
    }
    return (struct place){best, best ? best->origin : NULL};
}

/* ---- Addresses of names ---------------------------------------------------------------------- */

/* The best place so far, and the weight of all that were as good. */
struct contest {
    struct worker *w;
    struct place best;
    uint64_t cost, weight;
};

/* Of equal ones each wins by chance, as its weight says. */
static void enter(struct contest *c, struct endpoint *endpoint, struct origin *origin,
                  uint64_t cost, uint32_t weight)
{
    if (c->best.origin && cost > c->cost)
        return;
    if (!c->best.origin || cost < c->cost)
        c->weight = 0;
    c->weight += weight;
    if (c->weight > weight && prng_below(&c->w->rng, (uint32_t)c->weight) >= weight)
        return;
    c->best = (struct place){endpoint, origin};
    c->cost = cost;
}

static uint64_t cost_of(struct worker *w, const struct endpoint *endpoint,
                        const struct origin *origin, uint32_t weight)
{
    const struct pool *pool = pool_at(w, origin);
    uint64_t cost = ((uint64_t)busyness(pool) << 16) / weight;

    if (is_held_back(w, endpoint, origin))
        cost += HELD_BACK;
    if (pool && w->loop.now_ms < pool->to.avoid_until_ms)
        cost += AVOIDED;
    return cost;
}

static bool is_tried(const struct tried *tried, const struct origin_set *set, int i)
{
    return tried && tried->serial == set->serial && (tried->places >> i & 1);
}

/* The addresses that may be used now, of the lowest priority that has one to which connections
 * can be made. */
static void enter_addresses(struct contest *c, struct endpoint *endpoint,
                            const struct origin *except, const struct tried *tried)
{
    const struct origin_set *set = origin_set(endpoint->origin);
    bool has_good = false;

    for (int i = 0; set && i < set->nr; i++) {
        const struct origin_place *p = &set->places[i];
        if (has_good && i > 0 && p->priority != set->places[i - 1].priority)
            return;
        if (p->origin == except || is_tried(tried, set, i) ||
            !is_usable(endpoint->version, endpoint, p->origin, c->w->loop.now_ms))
            continue;
        uint64_t cost = cost_of(c->w, endpoint, p->origin, p->weight);
        has_good |= cost < AVOIDED;
        enter(c, endpoint, p->origin, cost, p->weight);
    }
    if (!set && endpoint->origin != except && !tried &&
        is_usable(endpoint->version, endpoint, endpoint->origin, c->w->loop.now_ms))
        enter(c, endpoint, endpoint->origin, UNRESOLVED + busyness(pool_at(c->w, endpoint->origin)),
              ORIGIN_WEIGHT);
}

static struct place choose_place(struct worker *w, const struct version *version,
                                 const struct place *except)
{
    struct contest c = {.w = w};

    for (int i = 0; i < version->nr_endpoints; i++) {
        struct endpoint *e = &version->endpoints[i];
        bool is_excepted = except && e == except->endpoint;
        if (e->origin->name)
            enter_addresses(&c, e, is_excepted ? except->origin : NULL, NULL);
        else if (!is_excepted && is_usable(version, e, e->origin, w->loop.now_ms))
            enter(&c, e, e->origin, cost_of(w, e, e->origin, ORIGIN_WEIGHT), ORIGIN_WEIGHT);
    }
    return c.best;
}

struct place balance_choose_among(struct worker *w, const struct version *version,
                                  const struct place *except)
{
    return version->has_names ? choose_place(w, version, except)
                              : choose_endpoint(w, version, except ? except->endpoint : NULL);
}

bool balance_has_place(struct worker *w, const struct version *version)
{
    return balance_choose(w, version, NULL).endpoint != NULL;
}

/* ---- One address after the other ------------------------------------------------------------- */

void balance_note_tried(const struct place *place, struct tried *tried)
{
    const struct origin_set *set = origin_set(place->endpoint->origin);

    for (int i = 0; set && i < set->nr; i++) {
        if (set->places[i].origin != place->origin)
            continue;
        if (tried->serial != set->serial)
            tried->places = 0;
        tried->serial = set->serial;
        tried->places |= (uint64_t)1 << i;
        tried->nr++;
    }
}

struct origin *balance_next_address(struct worker *w, struct endpoint *endpoint,
                                    struct tried *tried)
{
    struct contest c = {.w = w};

    if (tried->nr >= BALANCE_TRIED_MAX)
        return NULL;
    enter_addresses(&c, endpoint, NULL, tried);
    if (c.best.origin)
        balance_note_tried(&c.best, tried);
    return c.best.origin;
}

int balance_nr_untried(const struct endpoint *endpoint, const struct tried *tried)
{
    const struct origin_set *set = origin_set(endpoint->origin);
    int nr = 0;

    for (int i = 0; set && i < set->nr; i++)
        nr += !is_tried(tried, set, i);
    return nr;
}

/* ---- Passive health -------------------------------------------------------------------------- */

static struct endpoint_health *health_of(const struct endpoint *endpoint, const struct pool *pool)
{
    return pool ? health_at(endpoint, pool->origin) : endpoint->health;
}

void balance_on_success(struct worker *w, const struct endpoint *endpoint, const struct pool *pool)
{
    struct endpoint_health *h;

    if (!endpoint->version->ejection.is_on)
        return;
    h = health_of(endpoint, pool);
    if (!h)
        return;
    if (atomic_load_explicit(&h->consecutive_errors, memory_order_relaxed) != 0)
        atomic_store_explicit(&h->consecutive_errors, 0, memory_order_relaxed);
    if (atomic_load_explicit(&h->ejections, memory_order_relaxed) != 0 &&
        atomic_load_explicit(&h->ejected_until_ms, memory_order_relaxed) <= w->loop.now_ms)
        atomic_store_explicit(&h->ejections, 0, memory_order_relaxed);
}

/* Which of a name's addresses a line in the log is about: " (ADDRESS)", or nothing. */
static const char *write_address(char *text, size_t room, const struct endpoint *endpoint,
                                 const struct pool *pool)
{
    text[0] = '\0';
    if (endpoint->origin->name && pool && pool->origin->address)
        snprintf(text, room, " (%s)", pool->origin->address);
    return text;
}

/* The pause doubles with each ejection in a row, up to its maximum. */
void balance_on_failure(struct worker *w, const struct endpoint *endpoint, const struct pool *pool)
{
    const struct ejection *rule = &endpoint->version->ejection;
    struct endpoint_health *h = rule->is_on ? health_of(endpoint, pool) : NULL;
    uint64_t now_ms = w->loop.now_ms, until;
    char address[64];

    if (!h)
        return;
    until = atomic_load_explicit(&h->ejected_until_ms, memory_order_relaxed);
    if (until > now_ms)
        return;
    uint32_t errors =
        atomic_fetch_add_explicit(&h->consecutive_errors, 1, memory_order_relaxed) + 1;
    if (errors < rule->consecutive_errors)
        return;
    uint32_t before = atomic_load_explicit(&h->ejections, memory_order_relaxed);
    uint64_t pause_ms = (uint64_t)rule->pause_ms << (before < 16 ? before : 16);
    if (pause_ms > rule->pause_max_ms)
        pause_ms = rule->pause_max_ms;
    /* One of the workers that see the limit reached ejects. */
    if (!atomic_compare_exchange_strong(&h->ejected_until_ms, &until, now_ms + pause_ms))
        return;
    atomic_store_explicit(&h->ejections, before + 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->nr_ejections, 1, memory_order_relaxed);
    atomic_store_explicit(&h->consecutive_errors, 0, memory_order_relaxed);
    atomic_store_explicit(&h->returned_at_ms, now_ms + pause_ms, memory_order_relaxed);
    log_warning("endpoint %s%s of %.*s version %.*s is ejected for %llu ms: %u errors in a row",
                endpoint->url, write_address(address, sizeof(address), endpoint, pool),
                STR_ARG(endpoint->version->function->name), STR_ARG(endpoint->version->name),
                (unsigned long long)pause_ms, errors);
}
