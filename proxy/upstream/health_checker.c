/* When an endpoint is checked, and what follows from the result. */
#include "proxy/upstream/health_checker.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/health_probe.h"

/* ---- States ---------------------------------------------------------------------------------- */

static bool is_running(const struct health_checker *c)
{
    return c->state == CHECKER_RESOLVING || c->state == CHECKER_PROBING;
}

static void goto_state(struct health_checker *c, enum health_checker_state state)
{
    struct health *h = c->health;

    if (c->state == CHECKER_QUEUED)
        TAILQ_REMOVE(&h->queue, c, queue_link);
    h->nr_running -= is_running(c);
    c->state = state;
    h->nr_running += is_running(c);
    if (state == CHECKER_QUEUED)
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
    uint32_t within_ms = health_checker_rule(c)->interval_ms;

    if (within_ms > HEALTH_FIRST_MAX_MS)
        within_ms = HEALTH_FIRST_MAX_MS;
    goto_state(c, CHECKER_WAITING);
    set_deadline(c, c->health->loop->now_ms + prng_below(&c->health->rng, within_ms));
}

/* Intervals count from start to start. */
static void wait_for_next(struct health_checker *c)
{
    uint32_t interval_ms = health_checker_rule(c)->interval_ms;
    uint32_t spread_ms = interval_ms / 100 * HEALTH_JITTER_PERCENT;
    uint64_t due_ms =
        c->started_ms + interval_ms - spread_ms + prng_below(&c->health->rng, 2 * spread_ms + 1);

    goto_state(c, CHECKER_WAITING);
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
void health_checker_serve(struct health *h)
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
    const struct health_check *rule = health_checker_rule(c);

    health_probe_close(&c->probe);
    count(c, result);
    log_debug("check of %s: %s: %s", c->endpoint->url, metrics_check_labels[result], detail);
    wait_for_next(c);
    if (result != METRICS_CHECK_INTERNAL &&
        health_state_take(&c->verdict, result == METRICS_CHECK_OK, rule->rise, rule->fall)) {
        publish_change(c);
        log_change(c, detail);
    }
    health_checker_serve(c->health);
}

static void time_out(struct health_checker *c)
{
    char detail[HEALTH_PROBE_DETAIL];
    const char *stage =
        c->state == CHECKER_RESOLVING ? "no address for its name" : health_probe_stage(c->probe);

    snprintf(detail, sizeof(detail), "%s within %u ms", stage, health_checker_rule(c)->timeout_ms);
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
        .tls = health_checker_rule(c)->is_tcp ? NULL : c->tls,
        .on_result = on_result,
        .context = c,
    };
    char detail[HEALTH_PROBE_DETAIL];
    enum metrics_check result;

    c->probe = health_probe_open(&order, &result, detail);
    if (c->probe)
        goto_state(c, CHECKER_PROBING);
    else
        conclude(c, result, detail);
}

/* At the first https check; the files are read already, with the table. */
static bool has_tls(struct health_checker *c)
{
    const char *reason = NULL;

    if (!c->origin->is_tls || health_checker_rule(c)->is_tcp || c->tls)
        return true;
    c->tls = tls_origin_make(c->origin, &reason);
    if (!c->tls)
        conclude(c, METRICS_CHECK_INTERNAL, reason);
    return c->tls != NULL;
}

/* A name is well as soon as it has an address: the rest is said of each address. That is no check
 * that counts. */
void health_checker_look_at_name(struct health_checker *c)
{
    if (origin_set(c->origin)) {
        wait_for_next(c);
        if (c->verdict.is_down) {
            c->verdict = (struct health_state){.has_result = true};
            publish_change(c);
            log_change(c, "");
        }
        health_checker_serve(c->health);
    } else if (atomic_load_explicit(&c->origin->name->failed_at_ms, memory_order_relaxed) > 0) {
        conclude(c, METRICS_CHECK_RESOLVE, "its name cannot be resolved");
    }
}

static void start(struct health_checker *c)
{
    struct health *h = c->health;

    goto_state(c, CHECKER_RESOLVING);
    c->started_ms = h->loop->now_ms;
    set_deadline(c, h->loop->now_ms + health_checker_rule(c)->timeout_ms);
    if (c->origin->name)
        health_checker_look_at_name(c);
    else if (has_tls(c))
        probe(c);
}

static void on_deadline(struct deadline *deadline)
{
    struct health_checker *c =
        (struct health_checker *)((char *)deadline - offsetof(struct health_checker, deadline));

    if (c->state != CHECKER_WAITING) {
        time_out(c);
        return;
    }
    goto_state(c, CHECKER_QUEUED);
    health_checker_serve(c->health);
}

/* ---- Its life -------------------------------------------------------------------------------- */

void health_checker_abandon(struct health_checker *c)
{
    health_probe_close(&c->probe);
    goto_state(c, CHECKER_WAITING);
    wheel_forget(&c->health->loop->wheel, &c->deadline.node);
}

void health_checker_set_origin(struct health_checker *c, struct origin *origin)
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
struct health_checker *health_checker_make(struct health *h, struct endpoint *endpoint,
                                           struct origin *origin)
{
    struct health_checker *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->health = h;
    c->endpoint = endpoint;
    c->deadline.expired = on_deadline;
    LIST_INIT(&c->parts);
    health_checker_set_origin(c, origin);
    return c;
}

/* Without memory for its counts it is checked all the same. */
void health_checker_begin(struct health_checker *c)
{
    if (!health_checker_rule(c)->is_on)
        return;
    if (!atomic_load_explicit(&c->state_of->checks, memory_order_relaxed))
        atomic_store_explicit(&c->state_of->checks,
                              calloc(METRICS_CHECK_COUNT, sizeof(_Atomic uint64_t)),
                              memory_order_release);
    wait_for_first(c);
}

void health_checker_free(struct health_checker *c)
{
    health_checker_abandon(c);
    if (c->tls)
        tls_origin_free(&c->tls);
    if (c->origin->name)
        LIST_REMOVE(c, name_link);
    origin_unref(&c->origin);
    model_unref_health(&c->state_of);
    LIST_REMOVE(c, link);
    free(c);
}
