/* Checkers: when an endpoint is checked, and what follows from the result.
 *
 *     WAITING --due--> QUEUED --place--> RESOLVING --address--> PROBING --result or timeout-->
 * WAITING
 *
 * The deadline is the next check's time while WAITING and the check's time limit from then on; who
 * is QUEUED has none. */
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
#include "proxy/upstream/addresses.h"
#include "proxy/upstream/health_probe.h"
#include "proxy/upstream/health_state.h"

enum state { WAITING, QUEUED, RESOLVING, PROBING };

struct health_checker {
    struct health *health;
    struct endpoint *endpoint; /* in the table in force */
    struct deadline deadline;
    enum state state;
    uint32_t round; /* of the publication that saw it last */
    int nr_tries;   /* addresses tried by this check */
    LIST_ENTRY(health_checker) link;
    TAILQ_ENTRY(health_checker) queue_link;
    struct health_state verdict;
    uint64_t started_ms;
    uint64_t counts[METRICS_CHECK_COUNT];
    struct origin *origin; /* counted */
    struct addresses addresses;
    struct tls_origin *tls; /* NULL for http */
    struct health_probe *probe;
};

struct health {
    struct loop *loop;
    struct prng rng;
    const struct skeleton *skeleton; /* of the table in force; only to be compared */
    uint32_t resolve_ms, round;
    int nr_running;
    bool is_serving;
    LIST_HEAD(, health_checker) checkers;
    TAILQ_HEAD(, health_checker) queue;
};

static void connect_next(struct health_checker *c);

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

static void log_change(const struct health_checker *c, const char *detail)
{
    const struct version *v = c->endpoint->version;
    struct str function = v->function->name;

    if (c->verdict.is_down)
        log_warning("endpoint %s of %.*s version %.*s is down: %s", c->endpoint->url,
                    STR_ARG(function), STR_ARG(v->name), detail);
    else
        log_info("endpoint %s of %.*s version %.*s is up again", c->endpoint->url,
                 STR_ARG(function), STR_ARG(v->name));
}

/* Workers see it at their next choice. What returns begins with a small share (slow start) and no
 * errors held against it. */
static void publish_change(struct health_checker *c)
{
    struct endpoint_health *health = c->endpoint->health;

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

/* What is weir's own fault says nothing of the endpoint. */
static void conclude(struct health_checker *c, enum metrics_check result, const char *detail)
{
    const struct health_check *rule = rule_of(c);

    health_probe_close(&c->probe);
    c->counts[result]++;
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

    if (c->state == PROBING)
        addresses_on_failed(&c->addresses);
    snprintf(detail, sizeof(detail), "%s within %u ms", stage, rule_of(c)->timeout_ms);
    conclude(c, METRICS_CHECK_TIMEOUT, detail);
}

/* A host with several addresses is up if one of them is: the others are tried within the same
 * check, as invocations would. */
static void on_failed(struct health_checker *c, enum metrics_check result, const char *detail)
{
    if (result == METRICS_CHECK_CONNECT) {
        addresses_on_failed(&c->addresses);
        if (++c->nr_tries < c->addresses.nr) {
            connect_next(c);
            return;
        }
    }
    conclude(c, result, detail);
}

static void on_result(void *context, enum metrics_check result, const char *detail)
{
    struct health_checker *c = context;

    c->probe = NULL; /* it has closed itself */
    if (result == METRICS_CHECK_OK)
        conclude(c, result, detail);
    else
        on_failed(c, result, detail);
}

/* ---- Checking -------------------------------------------------------------------------------- */

static void connect_next(struct health_checker *c)
{
    struct health_probe_order order = {
        .loop = c->health->loop,
        .endpoint = c->endpoint,
        .addresses = &c->addresses,
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
        on_failed(c, result, detail);
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

static void on_resolved(struct addresses *addresses)
{
    struct health_checker *c =
        (struct health_checker *)((char *)addresses - offsetof(struct health_checker, addresses));

    if (c->state != RESOLVING)
        return;
    if (addresses->nr == 0)
        conclude(c, METRICS_CHECK_RESOLVE, "its name cannot be resolved");
    else
        connect_next(c);
}

static void start(struct health_checker *c)
{
    struct health *h = c->health;
    int r = 0;

    goto_state(c, RESOLVING);
    c->started_ms = h->loop->now_ms;
    c->nr_tries = 0;
    set_deadline(c, h->loop->now_ms + rule_of(c)->timeout_ms);
    if (!has_tls(c))
        return;
    if (addresses_are_due(&c->addresses, h->resolve_ms))
        r = addresses_look_up(&c->addresses);
    if (c->addresses.nr > 0)
        connect_next(c);
    else if (r < 0)
        conclude(c, METRICS_CHECK_INTERNAL, "its name cannot be looked up for want of memory");
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

    addresses_fini(&c->addresses);
    if (c->tls)
        tls_origin_free(&c->tls);
    c->origin = origin_ref(origin);
    addresses_init(&c->addresses, c->health->loop, origin, on_resolved);
    if (old)
        origin_unref(&old);
}

static struct health_checker *start_checker(struct health *h, struct endpoint *endpoint)
{
    struct health_checker *c = calloc(1, sizeof(*c));

    if (!c) {
        log_error("out of memory: endpoint %s is not checked", endpoint->url);
        return NULL;
    }
    c->health = h;
    c->endpoint = endpoint;
    c->deadline.expired = on_deadline;
    set_origin(c, endpoint->origin);
    LIST_INSERT_HEAD(&h->checkers, c, link);
    endpoint->health->checker = c;
    wait_for_first(c);
    return c;
}

/* Of an endpoint that nobody checks any more, or that leaves the table. */
static void stop_checker(struct health_checker *c)
{
    abandon(c);
    addresses_fini(&c->addresses);
    if (c->tls)
        tls_origin_free(&c->tls);
    origin_unref(&c->origin);
    c->endpoint->health->checker = NULL;
    atomic_store_explicit(&c->endpoint->health->is_down, false, memory_order_relaxed);
    LIST_REMOVE(c, link);
    free(c);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool asks_the_same(const struct version *a, const struct version *b)
{
    const struct health_check *x = &a->health_check, *y = &b->health_check;

    return x->is_tcp == y->is_tcp && is_same_text(x->path, y->path) &&
           x->status_min == y->status_min && x->status_max == y->status_max &&
           x->interval_ms == y->interval_ms && x->timeout_ms == y->timeout_ms &&
           is_same_text(a->host, b->host);
}

/* Goes on under the new table. Where another question is asked, or at another pace, a check that is
 * on its way is given up and the next one comes soon. */
static void keep_checker(struct health_checker *c, struct endpoint *endpoint)
{
    bool is_same =
        c->origin == endpoint->origin && asks_the_same(c->endpoint->version, endpoint->version);

    c->endpoint = endpoint;
    if (is_same)
        return;
    abandon(c);
    if (c->origin != endpoint->origin)
        set_origin(c, endpoint->origin);
    health_state_renew(&c->verdict);
    wait_for_first(c);
}

static void follow_version(struct health *h, struct version *version)
{
    for (int i = 0; i < version->nr_endpoints; i++) {
        struct endpoint *endpoint = &version->endpoints[i];
        struct health_checker *c = endpoint->health->checker;

        if (c)
            keep_checker(c, endpoint);
        else
            c = start_checker(h, endpoint);
        if (c)
            c->round = h->round;
    }
}

void health_publish(struct health *h, const struct table *table, uint32_t resolve_ms)
{
    struct version *const *watched;
    int nr = table_watched(table, &watched);
    struct health_checker *next;

    h->resolve_ms = resolve_ms;
    if (h->skeleton == table->skeleton)
        return;
    h->skeleton = table->skeleton;
    h->round++;
    for (int i = 0; i < nr; i++)
        if (watched[i]->health_check.is_on)
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
    prng_init(&h->rng);
    LIST_INIT(&h->checkers);
    TAILQ_INIT(&h->queue);
    return h;
}

const uint64_t *health_counts(const struct endpoint *endpoint)
{
    return endpoint->health->checker ? endpoint->health->checker->counts : NULL;
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
