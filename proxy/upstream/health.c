/* Checkers: when an endpoint is checked, and what follows from the result.
 *
 *     WAITING --due--> QUEUED --place--> RESOLVING --address--> PROBING --result--> WAITING
 *
 * The deadline is the next check's time while WAITING and the check's time limit from then on;
 * who is QUEUED has none.
 *
 * The checker of an endpoint that is a name sees to it that there is an address; for each
 * address it has a checker of its own, a part. Where addresses are not checked but may be
 * ejected, there are parts, too: they hold the address' health. */
#include "proxy/upstream/health.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/prng.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/address.h"
#include "proxy/upstream/health_probe.h"
#include "proxy/upstream/health_state.h"

enum state { WAITING, QUEUED, RESOLVING, PROBING };

LIST_HEAD(checkers, health_checker);

struct health_checker {
    struct health *health;
    struct endpoint *endpoint; /* in the table in force */
    struct endpoint_health
        *state_of; /* what it finds out about: the endpoint's, or its own address'; counted */
    struct health_checker *whole; /* of a part: the endpoint's checker; else NULL */
    struct checkers parts;        /* of a whole whose origin is a name */
    struct deadline deadline;
    enum state state;
    uint32_t round; /* of the publication, or of the whole's set, that saw it last */
    uint32_t nr_sets;
    LIST_ENTRY(health_checker) link;      /* in the health's checkers, or in parts */
    LIST_ENTRY(health_checker) name_link; /* of a whole, in its name's list */
    TAILQ_ENTRY(health_checker) queue_link;
    struct health_state verdict;
    uint64_t started_ms;
    struct origin *origin;  /* counted */
    union address address;  /* where it is no name */
    struct tls_origin *tls; /* NULL for http */
    struct health_probe *probe;
};

struct health {
    struct loop *loop;
    struct prng rng;
    const struct skeleton *skeleton; /* of the table in force; only to be compared */
    struct qsbr *qsbr;
    uint32_t round;
    int nr_running;
    bool is_serving;
    struct checkers checkers;
    TAILQ_HEAD(, health_checker) queue;
};

static const struct health_check *rule_of(const struct health_checker *c)
{
    return &c->endpoint->version->health_check;
}

/* ---- States ---------------------------------------------------------------------------------- */

static bool is_running(const struct health_checker *c)
{
    return c->state == RESOLVING || c->state == PROBING;
}

static void goto_state(struct health_checker *c, enum state state)
{
    struct health *h = c->health;

    if (c->state == QUEUED)
        TAILQ_REMOVE(&h->queue, c, queue_link);
    h->nr_running -= is_running(c);
    c->state = state;
    h->nr_running += is_running(c);
    if (state == QUEUED)
        TAILQ_INSERT_TAIL(&h->queue, c, queue_link);
}

static void set_deadline(struct health_checker *c, uint64_t at_ms)
{
    wheel_set(&c->health->loop->wheel, &c->deadline.node, at_ms);
}

/* A first check at any moment of the time it has, so that a thousand of them do not come at once.
 */
static void wait_for_first(struct health_checker *c)
{
    uint32_t within_ms = rule_of(c)->interval_ms;

    if (within_ms > HEALTH_FIRST_MAX_MS)
        within_ms = HEALTH_FIRST_MAX_MS;
    goto_state(c, WAITING);
    set_deadline(c, c->health->loop->now_ms + prng_below(&c->health->rng, within_ms));
}

/* Intervals count from start to start. */
static void wait_for_next(struct health_checker *c)
{
    uint32_t interval_ms = rule_of(c)->interval_ms;
    uint32_t spread_ms = interval_ms / 100 * HEALTH_JITTER_PERCENT;
    uint64_t due_ms =
        c->started_ms + interval_ms - spread_ms + prng_below(&c->health->rng, 2 * spread_ms + 1);

    goto_state(c, WAITING);
    set_deadline(c, due_ms);
}

/* ---- Results --------------------------------------------------------------------------------- */

/* " (ADDRESS)" of a part, or nothing. */
static void write_address(char *text, size_t room, const struct health_checker *c)
{
    text[0] = '\0';
    if (c->whole)
        snprintf(text, room, " (%s)", c->origin->address);
}

static void log_change(const struct health_checker *c, const char *detail)
{
    const struct version *v = c->endpoint->version;
    struct str function = v->function->name;
    char address[64];

    write_address(address, sizeof(address), c);
    if (c->verdict.is_down)
        log_warning("endpoint %s%s of %.*s version %.*s is down: %s", c->endpoint->url, address,
                    STR_ARG(function), STR_ARG(v->name), detail);
    else
        log_info("endpoint %s%s of %.*s version %.*s is up again", c->endpoint->url, address,
                 STR_ARG(function), STR_ARG(v->name));
}

/* Workers see it at their next choice. What returns begins with a small share (slow start) and no
 * errors held against it. */
static void publish_change(struct health_checker *c)
{
    struct endpoint_health *health = c->state_of;

    if (!c->verdict.is_down) {
        atomic_store_explicit(&health->consecutive_errors, 0, memory_order_relaxed);
        atomic_store_explicit(&health->returned_at_ms, c->health->loop->now_ms,
                              memory_order_relaxed);
    }
    atomic_store_explicit(&health->is_down, c->verdict.is_down, memory_order_relaxed);
}

static void start(struct health_checker *c);

/* Places that came free go to those who wait. Checks may end while they start. */
static void serve_queue(struct health *h)
{
    if (h->is_serving)
        return;
    h->is_serving = true;
    while (h->nr_running < HEALTH_PROBES_MAX && !TAILQ_EMPTY(&h->queue))
        start(TAILQ_FIRST(&h->queue));
    h->is_serving = false;
}

static void count(const struct health_checker *c, enum metrics_check result)
{
    _Atomic uint64_t *checks = atomic_load_explicit(&c->state_of->checks, memory_order_relaxed);

    if (checks)
        atomic_fetch_add_explicit(&checks[result], 1, memory_order_relaxed);
}

/* What is weir's own fault says nothing of the endpoint. */
static void conclude(struct health_checker *c, enum metrics_check result, const char *detail)
{
    const struct health_check *rule = rule_of(c);

    health_probe_close(&c->probe);
    count(c, result);
    log_debug("check of %s: %s: %s", c->endpoint->url, metrics_check_labels[result], detail);
    wait_for_next(c);
    if (result != METRICS_CHECK_INTERNAL &&
        health_state_take(&c->verdict, result == METRICS_CHECK_OK, rule->rise, rule->fall)) {
        publish_change(c);
        log_change(c, detail);
    }
    serve_queue(c->health);
}

static void time_out(struct health_checker *c)
{
    char detail[HEALTH_PROBE_DETAIL];
    const char *stage =
        c->state == RESOLVING ? "no address for its name" : health_probe_stage(c->probe);

    snprintf(detail, sizeof(detail), "%s within %u ms", stage, rule_of(c)->timeout_ms);
    conclude(c, METRICS_CHECK_TIMEOUT, detail);
}

static void on_result(void *context, enum metrics_check result, const char *detail)
{
    struct health_checker *c = context;

    c->probe = NULL; /* it has closed itself */
    conclude(c, result, detail);
}

/* ---- Checking -------------------------------------------------------------------------------- */

static void probe(struct health_checker *c)
{
    struct health_probe_order order = {
        .loop = c->health->loop,
        .endpoint = c->endpoint,
        .address = &c->address,
        .tls = rule_of(c)->is_tcp ? NULL : c->tls,
        .on_result = on_result,
        .context = c,
    };
    char detail[HEALTH_PROBE_DETAIL];
    enum metrics_check result;

    c->probe = health_probe_open(&order, &result, detail);
    if (c->probe)
        goto_state(c, PROBING);
    else
        conclude(c, result, detail);
}

/* At the first https check; the files are read already, with the table. */
static bool has_tls(struct health_checker *c)
{
    const char *reason = NULL;

    if (!c->origin->is_tls || rule_of(c)->is_tcp || c->tls)
        return true;
    c->tls = tls_origin_make(c->origin, &reason);
    if (!c->tls)
        conclude(c, METRICS_CHECK_INTERNAL, reason);
    return c->tls != NULL;
}

/* A name is well as soon as it has an address: the rest is said of each address. That is no check
 * that counts. */
static void look_at_name(struct health_checker *c)
{
    if (origin_set(c->origin)) {
        wait_for_next(c);
        if (c->verdict.is_down) {
            c->verdict = (struct health_state){.has_result = true};
            publish_change(c);
            log_change(c, "");
        }
        serve_queue(c->health);
    } else if (atomic_load_explicit(&c->origin->name->failed_at_ms, memory_order_relaxed) > 0) {
        conclude(c, METRICS_CHECK_RESOLVE, "its name cannot be resolved");
    }
}

static void start(struct health_checker *c)
{
    struct health *h = c->health;

    goto_state(c, RESOLVING);
    c->started_ms = h->loop->now_ms;
    set_deadline(c, h->loop->now_ms + rule_of(c)->timeout_ms);
    if (c->origin->name)
        look_at_name(c);
    else if (has_tls(c))
        probe(c);
}

static void on_deadline(struct deadline *deadline)
{
    struct health_checker *c =
        (struct health_checker *)((char *)deadline - offsetof(struct health_checker, deadline));

    if (c->state != WAITING) {
        time_out(c);
        return;
    }
    goto_state(c, QUEUED);
    serve_queue(c->health);
}

/* ---- Following the table --------------------------------------------------------------------- */

static void abandon(struct health_checker *c)
{
    health_probe_close(&c->probe);
    goto_state(c, WAITING);
    wheel_forget(&c->health->loop->wheel, &c->deadline.node);
}

static void set_origin(struct health_checker *c, struct origin *origin)
{
    struct origin *old = c->origin;

    if (c->tls)
        tls_origin_free(&c->tls);
    if (old && old->name)
        LIST_REMOVE(c, name_link);
    c->origin = origin_ref(origin);
    if (origin->name)
        LIST_INSERT_HEAD(&origin->name->checkers, c, name_link);
    else
        address_of(&c->address, origin);
    if (old)
        origin_unref(&old);
}

/* NULL when out of memory. */
static struct health_checker *make_checker(struct health *h, struct endpoint *endpoint,
                                           struct origin *origin)
{
    struct health_checker *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->health = h;
    c->endpoint = endpoint;
    c->deadline.expired = on_deadline;
    LIST_INIT(&c->parts);
    set_origin(c, origin);
    return c;
}

/* Without memory for its counts it is checked all the same. */
static void begin_checks(struct health_checker *c)
{
    if (!rule_of(c)->is_on)
        return;
    if (!atomic_load_explicit(&c->state_of->checks, memory_order_relaxed))
        atomic_store_explicit(&c->state_of->checks,
                              calloc(METRICS_CHECK_COUNT, sizeof(_Atomic uint64_t)),
                              memory_order_release);
    wait_for_first(c);
}

static void free_checker(struct health_checker *c)
{
    abandon(c);
    if (c->tls)
        tls_origin_free(&c->tls);
    if (c->origin->name)
        LIST_REMOVE(c, name_link);
    origin_unref(&c->origin);
    model_unref_health(&c->state_of);
    LIST_REMOVE(c, link);
    free(c);
}

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
    struct health_checker *c = health ? make_checker(whole->health, whole->endpoint, origin) : NULL;

    if (!c) {
        free(health);
        return NULL;
    }
    c->whole = whole;
    c->state_of = model_ref_health(health);
    LIST_INSERT_HEAD(&whole->parts, c, link);
    begin_checks(c);
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
            free_checker(c);
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
        if (c->state == RESOLVING)
            look_at_name(c);
    }
    serve_queue(h);
}

/* ---- Checkers of endpoints ------------------------------------------------------------------- */

static struct health_checker *start_checker(struct health *h, struct endpoint *endpoint)
{
    struct health_checker *c = make_checker(h, endpoint, endpoint->origin);

    if (!c) {
        log_error("out of memory: endpoint %s is not checked", endpoint->url);
        return NULL;
    }
    c->state_of = model_ref_health(endpoint->health);
    LIST_INSERT_HEAD(&h->checkers, c, link);
    endpoint->health->checker = c;
    begin_checks(c);
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
    free_checker(c);
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
    abandon(c);
    health_state_renew(&c->verdict);
    if (!rule_of(c)->is_on) {
        c->verdict = (struct health_state){0};
        atomic_store_explicit(&c->state_of->is_down, false, memory_order_relaxed);
    }
    begin_checks(c);
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
        set_origin(c, endpoint->origin);
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
    serve_queue(h); /* with the places of those that were given up */
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
