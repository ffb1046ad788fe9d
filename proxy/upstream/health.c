/* Which checkers there are: they follow the table, and the addresses of names.
 *
 * The checker of an endpoint that is a name sees to it that there is an address; for each
 * address it has a checker of its own, a part. Where addresses are not checked but may be
 * ejected, there are parts, too: they hold the address' health. */
#include "proxy/upstream/health.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proxy/upstream/health_checker.h"

/* ---- The parts of a name --------------------------------------------------------------------- */

static void free_places(struct qsbr_node *node)
{
    struct endpoint_places *places =
        (struct endpoint_places *)((char *)node - offsetof(struct endpoint_places, retired));

    for (int i = 0; i < places->nr; i++)
        model_unref_health(&places->list[i].health);
    free(places);
}

static void put_places(struct health_checker *whole, struct endpoint_places *places)
{
    struct endpoint_places *before =
        atomic_exchange_explicit(&whole->endpoint->health->places, places, memory_order_acq_rel);

    if (before)
        qsbr_retire(whole->health->qsbr, &before->retired, free_places);
}

static struct health_checker *find_part(const struct health_checker *whole,
                                        const struct origin *origin)
{
    struct health_checker *c = LIST_FIRST(&whole->parts);

    while (c && c->origin != origin)
        c = LIST_NEXT(c, link);
    return c;
}

/* Unchecked it counts as up, like any endpoint that is new. */
static struct health_checker *start_part(struct health_checker *whole, struct origin *origin)
{
    struct endpoint_health *health = calloc(1, sizeof(*health));
    struct health_checker *c =
        health ? health_checker_make(whole->health, whole->endpoint, origin) : NULL;

    if (!c) {
        free(health);
        return NULL;
    }
    c->whole = whole;
    c->state_of = model_ref_health(health);
    LIST_INSERT_HEAD(&whole->parts, c, link);
    health_checker_begin(c);
    return c;
}

/* What workers find the parts' health by. */
static struct endpoint_places *list_parts(const struct health_checker *whole)
{
    struct endpoint_places *places;
    struct health_checker *c;
    size_t nr = 0;

    for (c = LIST_FIRST(&whole->parts); c; c = LIST_NEXT(c, link))
        nr++;
    places = calloc(1, sizeof(*places) + nr * sizeof(places->list[0]));
    for (c = LIST_FIRST(&whole->parts); c && places; c = LIST_NEXT(c, link)) {
        places->list[places->nr].origin_id = c->origin->id;
        places->list[places->nr++].health = model_ref_health(c->state_of);
    }
    return places;
}

static void stop_parts(struct health_checker *whole, bool only_gone)
{
    struct health_checker *c, *next;

    for (c = LIST_FIRST(&whole->parts); c; c = next) {
        next = LIST_NEXT(c, link);
        if (!only_gone || c->round != whole->nr_sets)
            health_checker_free(c);
    }
}

/* Parts as the name's set says. What workers were told of those that go is taken back first. */
static void follow_set(struct health_checker *whole)
{
    const struct origin_set *set = origin_set(whole->origin);

    if (!set)
        return; /* the last addresses stay what they are, where there were any */
    whole->nr_sets++;
    for (int i = 0; i < set->nr; i++) {
        struct health_checker *c = find_part(whole, set->places[i].origin);
        if (!c)
            c = start_part(whole, set->places[i].origin);
        if (c)
            c->round = whole->nr_sets;
        else
            log_error("out of memory: an address of %s is not checked", whole->endpoint->url);
    }
    stop_parts(whole, true);
    put_places(whole, list_parts(whole));
}

void health_on_name(struct health *h, struct origin *name)
{
    struct health_checker *c, *next;

    for (c = LIST_FIRST(&name->name->checkers); c; c = next) {
        next = LIST_NEXT(c, name_link);
        follow_set(c);
        if (c->state == CHECKER_RESOLVING)
            health_checker_look_at_name(c);
    }
    health_checker_serve(h);
}

/* ---- Checkers of endpoints ------------------------------------------------------------------- */

static struct health_checker *start_checker(struct health *h, struct endpoint *endpoint)
{
    struct health_checker *c = health_checker_make(h, endpoint, endpoint->origin);

    if (!c) {
        log_error("out of memory: endpoint %s is not checked", endpoint->url);
        return NULL;
    }
    c->state_of = model_ref_health(endpoint->health);
    LIST_INSERT_HEAD(&h->checkers, c, link);
    endpoint->health->checker = c;
    health_checker_begin(c);
    if (c->origin->name)
        follow_set(c);
    return c;
}

/* Of an endpoint that nobody checks any more, or that leaves the table. */
static void stop_checker(struct health_checker *c)
{
    c->state_of->checker = NULL;
    atomic_store_explicit(&c->state_of->is_down, false, memory_order_relaxed);
    put_places(c, NULL);
    stop_parts(c, false);
    health_checker_free(c);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool asks_the_same(const struct version *a, const struct version *b)
{
    const struct health_check *x = &a->health_check, *y = &b->health_check;

    return x->is_on == y->is_on && x->is_tcp == y->is_tcp && is_same_text(x->path, y->path) &&
           x->status_min == y->status_min && x->status_max == y->status_max &&
           x->interval_ms == y->interval_ms && x->timeout_ms == y->timeout_ms &&
           is_same_text(a->host, b->host);
}

static void ask_anew(struct health_checker *c)
{
    health_checker_abandon(c);
    health_state_renew(&c->verdict);
    if (!health_checker_rule(c)->is_on) {
        c->verdict = (struct health_state){0};
        atomic_store_explicit(&c->state_of->is_down, false, memory_order_relaxed);
    }
    health_checker_begin(c);
}

static void keep_part(struct health_checker *c, struct endpoint *endpoint, bool is_same)
{
    c->endpoint = endpoint;
    if (!is_same)
        ask_anew(c);
}

/* Goes on under the new table. Where another question is asked, or at another pace, a check that is
 * on its way is given up and the next one comes soon. */
static void keep_checker(struct health_checker *c, struct endpoint *endpoint)
{
    bool is_same = asks_the_same(c->endpoint->version, endpoint->version);
    struct health_checker *part;

    c->endpoint = endpoint;
    if (c->origin != endpoint->origin) {
        is_same = false;
        put_places(c, NULL);
        stop_parts(c, false);
        health_checker_set_origin(c, endpoint->origin);
    }
    for (part = LIST_FIRST(&c->parts); part; part = LIST_NEXT(part, link))
        keep_part(part, endpoint, is_same);
    if (is_same)
        return;
    ask_anew(c);
    if (c->origin->name)
        follow_set(c);
}

/* Where nothing is checked, of endpoints that are names the health of each address is kept all
 * the same. */
static void follow_version(struct health *h, struct version *version)
{
    for (int i = 0; i < version->nr_endpoints; i++) {
        struct endpoint *endpoint = &version->endpoints[i];
        struct health_checker *c = endpoint->health->checker;

        if (!version->health_check.is_on && !endpoint->origin->name)
            continue;
        if (c)
            keep_checker(c, endpoint);
        else
            c = start_checker(h, endpoint);
        if (c)
            c->round = h->round;
    }
}

void health_publish(struct health *h, const struct table *table)
{
    struct version *const *watched;
    int nr = table_watched(table, &watched);
    struct health_checker *next;

    if (h->skeleton == table->skeleton)
        return;
    h->skeleton = table->skeleton;
    h->round++;
    for (int i = 0; i < nr; i++)
        follow_version(h, watched[i]);
    for (struct health_checker *c = LIST_FIRST(&h->checkers); c; c = next) {
        next = LIST_NEXT(c, link);
        if (c->round != h->round)
            stop_checker(c);
    }
    health_checker_serve(h); /* with the places of those that were given up */
}

/* ---- The whole ------------------------------------------------------------------------------- */

struct health *health_make(struct loop *loop)
{
    struct health *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->loop = loop;
    h->qsbr = loop->qsbr;
    prng_init(&h->rng);
    LIST_INIT(&h->checkers);
    TAILQ_INIT(&h->queue);
    return h;
}

/* Adds them; false where there are none. */
static bool add_checks(const struct endpoint_health *health, uint64_t counts[METRICS_CHECK_COUNT])
{
    _Atomic uint64_t *checks = atomic_load_explicit(&health->checks, memory_order_acquire);

    for (int i = 0; checks && i < METRICS_CHECK_COUNT; i++)
        counts[i] += atomic_load_explicit(&checks[i], memory_order_relaxed);
    return checks != NULL;
}

bool health_counts(const struct endpoint *endpoint, uint64_t counts[METRICS_CHECK_COUNT])
{
    const struct endpoint_health *health = endpoint->health;
    const struct endpoint_places *places;

    memset(counts, 0, METRICS_CHECK_COUNT * sizeof(counts[0]));
    if (!endpoint->version->health_check.is_on || !add_checks(health, counts))
        return false;
    places = atomic_load_explicit(&health->places, memory_order_acquire);
    for (int i = 0; places && i < places->nr; i++)
        (void)add_checks(places->list[i].health, counts);
    return true;
}

void health_free(struct health **health)
{
    struct health *h = *health;
    struct health_checker *c, *next;

    *health = NULL;
    if (!h)
        return;
    for (c = LIST_FIRST(&h->checkers); c; c = next) {
        next = LIST_NEXT(c, link);
        stop_checker(c);
    }
    assert(h->nr_running == 0);
    free(h);
}
