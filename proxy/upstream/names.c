/* Followers: one per name, each with a deadline for its next look-up.
 *
 *     WAITING --due--> QUEUED --place--> ASKED --answer--> WAITING
 *         \------- a worker waits for it ----^
 *
 * Who has no address yet stands in the list unresolved besides, which names_want has looked
 * through. */
#include "proxy/upstream/names.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/prng.h"
#include "proxy/io/dns.h"

enum { SPREAD_PERCENT = 10, SWEEP_MS = 2000 };

enum state { WAITING, QUEUED, ASKED };

struct follower {
    struct names *names;
    struct origin *origin; /* counted as a pool's is */
    struct deadline deadline;
    enum state state;
    struct dns_query *query;
    uint32_t nr_failures; /* in a row */
    bool is_unresolved;
    TAILQ_ENTRY(follower) queue_link, unresolved_link;
    LIST_ENTRY(follower) link;
};

struct names {
    struct loop *loop;
    struct registry *registry;
    struct names_events events;
    struct dns *dns;
    struct prng rng;
    uv_async_t wake; /* a worker waits for a name */
    uint32_t resolve_ms, serial;
    int nr_asked;
    uint64_t changed_ms,
        swept_ms; /* when a set was replaced last; when addresses were swept last */
    LIST_HEAD(, follower) followers;
    TAILQ_HEAD(, follower) queue, unresolved;
};

/* ---- States ---------------------------------------------------------------------------------- */

static void goto_state(struct follower *f, enum state state)
{
    struct names *n = f->names;

    if (f->state == QUEUED)
        TAILQ_REMOVE(&n->queue, f, queue_link);
    n->nr_asked += (state == ASKED) - (f->state == ASKED);
    f->state = state;
    if (state == QUEUED)
        TAILQ_INSERT_TAIL(&n->queue, f, queue_link);
}

static void set_unresolved(struct follower *f, bool is_unresolved)
{
    if (f->is_unresolved == is_unresolved)
        return;
    f->is_unresolved = is_unresolved;
    if (is_unresolved)
        TAILQ_INSERT_TAIL(&f->names->unresolved, f, unresolved_link);
    else
        TAILQ_REMOVE(&f->names->unresolved, f, unresolved_link);
}

static void ask(struct follower *f);

static void serve_queue(struct names *n)
{
    while (n->nr_asked < NAMES_ASKED_MAX && !TAILQ_EMPTY(&n->queue))
        ask(TAILQ_FIRST(&n->queue));
}

static void wait_for_next(struct follower *f, uint32_t in_ms)
{
    goto_state(f, WAITING);
    wheel_set(&f->names->loop->wheel, &f->deadline.node, f->names->loop->now_ms + in_ms);
}

/* A little before its time, so that no answer is older than resolve_ms when the next one is
 * here, and not all at once. A time to live is kept: DNS servers may count questions. */
static uint32_t age_of(struct names *n, uint32_t ttl_ms)
{
    uint32_t spread_ms = n->resolve_ms / 100 * SPREAD_PERCENT;
    uint32_t least_ms = n->resolve_ms < NAMES_LEAST_MS ? n->resolve_ms : NAMES_LEAST_MS;

    if (ttl_ms >= n->resolve_ms)
        return n->resolve_ms - spread_ms - prng_below(&n->rng, spread_ms + 1);
    return ttl_ms > least_ms ? ttl_ms : least_ms;
}

static uint32_t pause_of(const struct follower *f)
{
    uint32_t doublings = f->nr_failures - 1;
    uint32_t pause_ms = doublings < 6 ? NAMES_FAILED_MS << doublings : NAMES_BACKOFF_MAX_MS;
    uint32_t most_ms =
        f->names->resolve_ms < NAMES_BACKOFF_MAX_MS ? f->names->resolve_ms : NAMES_BACKOFF_MAX_MS;

    return pause_ms < most_ms ? pause_ms : most_ms;
}

/* ---- Sets ------------------------------------------------------------------------------------ */

static void drop_set(struct origin_set **set)
{
    for (int i = 0; i < (*set)->nr; i++)
        origin_unref(&(*set)->places[i].origin);
    free(*set);
    *set = NULL;
}

/* RFC 2782's weights, for the places from first to end, which have one priority: so that they
 * are ORIGIN_WEIGHT on average. A weight of 0 is a very small one. */
static void set_weights(struct origin_set *set, const struct dns_answer *answer, int first, int end)
{
    uint64_t total = 0;

    for (int i = first; i < end; i++)
        total += answer->places[i].weight;
    for (int i = first; i < end; i++) {
        uint64_t share =
            (uint64_t)answer->places[i].weight * ORIGIN_WEIGHT * (uint64_t)(end - first);
        uint64_t weight = total ? share / total : ORIGIN_WEIGHT;
        set->places[i].weight = weight > 0 ? (uint32_t)weight : 1;
    }
}

/* NULL when out of memory. */
static struct origin_set *make_set(struct follower *f, const struct dns_answer *answer)
{
    size_t nr = (size_t)answer->nr;
    struct origin_set *set = calloc(1, sizeof(*set) + nr * sizeof(set->places[0]));

    if (!set)
        return NULL;
    for (int i = 0; i < answer->nr; i++) {
        const struct dns_place *place = &answer->places[i];
        struct origin *origin =
            registry_address(f->names->registry, f->origin, str_of(place->address), place->port);
        if (!origin) {
            drop_set(&set);
            return NULL;
        }
        set->places[i] = (struct origin_place){.origin = origin, .priority = place->priority};
        set->nr++;
    }
    for (int first = 0, i = 1; i <= set->nr; i++)
        if (i == set->nr || set->places[i].priority != set->places[first].priority) {
            set_weights(set, answer, first, i);
            first = i;
        }
    return set;
}

static const struct origin_place *find_place(const struct origin_set *set,
                                             const struct origin *origin)
{
    for (int i = 0; i < set->nr; i++)
        if (set->places[i].origin == origin)
            return &set->places[i];
    return NULL;
}

/* Whatever their order: servers turn it with each answer. */
static bool is_same_set(const struct origin_set *a, const struct origin_set *b)
{
    if (!a || a->nr != b->nr)
        return false;
    for (int i = 0; i < a->nr; i++) {
        const struct origin_place *p = &a->places[i], *q = find_place(b, p->origin);
        if (!q || q->priority != p->priority || q->weight != p->weight)
            return false;
    }
    return true;
}

static void log_set(const struct follower *f, const struct origin_set *set)
{
    char text[200];
    size_t n = 0;

    for (int i = 0; i < set->nr && n < sizeof(text); i++) {
        const struct origin *origin = set->places[i].origin;
        bool is_ipv6 = strchr(origin->address, ':') != NULL;
        n += (size_t)snprintf(text + n, sizeof(text) - n, is_ipv6 ? "%s[%s]:%u" : "%s%s:%u",
                              i ? ", " : "", origin->address, origin->port);
    }
    log_info("%s is at %s%s", f->origin->name->text, text, n < sizeof(text) ? "" : "...");
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void on_failure(struct follower *f, const char *why)
{
    struct origin_name *name = f->origin->name;
    bool has_set = origin_set(f->origin) != NULL;

    atomic_store_explicit(&name->failed_at_ms, clock_ms(), memory_order_relaxed);
    if (f->nr_failures++ == 0)
        log_warning("%s cannot be resolved: %s%s", name->text, why,
                    has_set ? "; its last addresses stay in use" : "");
    wait_for_next(f, pause_of(f));
    if (!has_set)
        f->names->events.changed(f->names->events.context, f->origin);
}

static void on_answer(void *context, const struct dns_answer *answer)
{
    struct follower *f = context;
    struct names *n = f->names;
    struct origin_set *set;

    f->query = NULL; /* it ends with this call */
    if (answer->nr == 0) {
        on_failure(f, answer->failure);
        serve_queue(n);
        return;
    }
    set = make_set(f, answer);
    if (!set) {
        on_failure(f, "weir is out of memory");
        serve_queue(n);
        return;
    }
    if (f->nr_failures > 0)
        log_info("%s is resolved again", f->origin->name->text);
    f->nr_failures = 0;
    atomic_store_explicit(&f->origin->name->failed_at_ms, 0, memory_order_relaxed);
    wait_for_next(f, age_of(n, answer->ttl_ms));
    if (is_same_set(origin_set(f->origin), set)) {
        drop_set(&set);
    } else {
        set->serial = ++n->serial;
        n->changed_ms = n->loop->now_ms;
        log_set(f, set);
        origin_set_take(f->origin, set, registry_domain(n->registry));
        set_unresolved(f, false);
        n->events.changed(n->events.context, f->origin);
    }
    serve_queue(n);
}

static void ask(struct follower *f)
{
    struct names *n = f->names;
    const struct origin_name *name = f->origin->name;

    goto_state(f, ASKED);
    wheel_forget(&n->loop->wheel, &f->deadline.node);
    f->query = dns_ask(n->dns, name->text, name->is_srv, f->origin->port, on_answer, f);
    if (!f->query)
        on_failure(f, "weir is out of memory");
}

/* ---- Followers ------------------------------------------------------------------------------- */

static void end_follower(struct follower *f)
{
    struct names *n = f->names;

    dns_forget(&f->query);
    goto_state(f, WAITING);
    wheel_forget(&n->loop->wheel, &f->deadline.node);
    set_unresolved(f, false);
    LIST_REMOVE(f, link);
    origin_set_take(f->origin, NULL, registry_domain(n->registry));
    f->origin->name->follower = NULL;
    origin_unref_pool(&f->origin);
    registry_want_tidy(n->registry); /* no table may end after it */
    n->changed_ms = n->loop->now_ms;
    free(f);
}

static void on_due(struct deadline *deadline)
{
    struct follower *f =
        (struct follower *)((char *)deadline - offsetof(struct follower, deadline));
    struct names *n = f->names;

    if (!origin_is_wanted(f->origin)) {
        end_follower(f);
        return;
    }
    goto_state(f, QUEUED);
    serve_queue(n);
}

static void start_follower(struct names *n, struct origin *origin)
{
    struct follower *f = calloc(1, sizeof(*f));

    if (!f) {
        log_error("out of memory: %s is not looked up", origin->name->text);
        return;
    }
    f->names = n;
    f->origin = origin_ref_pool(origin);
    f->deadline.expired = on_due;
    origin->name->follower = f;
    LIST_INSERT_HEAD(&n->followers, f, link);
    set_unresolved(f, true);
    goto_state(f, QUEUED);
}

/* Deadlines that were set by another resolve_ms: anywhere within the new one. */
static void set_pace(struct names *n, uint32_t resolve_ms)
{
    n->resolve_ms = resolve_ms;
    for (struct follower *f = LIST_FIRST(&n->followers); f; f = LIST_NEXT(f, link))
        if (f->state == WAITING)
            wait_for_next(f, prng_below(&n->rng, resolve_ms));
}

void names_follow(struct names *n, uint32_t resolve_ms, const char *servers)
{
    struct origin *origin;
    uint32_t at = 0;

    if (n->resolve_ms != resolve_ms)
        set_pace(n, resolve_ms);
    if (dns_set_servers(n->dns, servers) < 0)
        log_error("out of memory: names are looked up at the same servers as before");
    while ((origin = registry_next_name(n->registry, &at)))
        if (!origin->name->follower)
            start_follower(n, origin);
    serve_queue(n);
}

/* Where a set has changed: until then no address can have gone. Those whose connections last
 * longer wait for the next change. */
void names_sweep(struct names *n)
{
    uint64_t now_ms = n->loop->now_ms;

    if (n->swept_ms >= n->changed_ms || now_ms < n->changed_ms + SWEEP_MS)
        return;
    n->swept_ms = now_ms;
    registry_sweep_addresses(n->registry);
}

/* ---- Workers that wait ----------------------------------------------------------------------- */

void names_want(struct names *n, struct origin *name)
{
    atomic_store_explicit(&name->name->is_asked_for, true, memory_order_release);
    uv_async_send(&n->wake);
}

static void on_wake(uv_async_t *wake)
{
    struct names *n = wake->data;
    struct follower *f, *next;

    loop_wake_up(n->loop);
    for (f = TAILQ_FIRST(&n->unresolved); f; f = next) {
        next = TAILQ_NEXT(f, unresolved_link);
        if (atomic_exchange_explicit(&f->origin->name->is_asked_for, false, memory_order_acq_rel) &&
            f->state != ASKED)
            ask(f);
    }
}

/* ---- The whole ------------------------------------------------------------------------------- */

struct names *names_make(struct loop *loop, struct registry *registry,
                         const struct names_events *events)
{
    struct names *n = calloc(1, sizeof(*n));

    if (!n)
        return NULL;
    n->loop = loop;
    n->registry = registry;
    n->events = *events;
    prng_init(&n->rng);
    LIST_INIT(&n->followers);
    TAILQ_INIT(&n->queue);
    TAILQ_INIT(&n->unresolved);
    n->dns = dns_make(loop);
    if (!n->dns || uv_async_init(&loop->uv, &n->wake, on_wake) < 0) {
        if (n->dns)
            dns_free(&n->dns);
        free(n);
        return NULL;
    }
    n->wake.data = n;
    return n;
}

static void on_wake_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void names_free(struct names **names)
{
    struct names *n = *names;

    *names = NULL;
    if (!n)
        return;
    while (!LIST_EMPTY(&n->followers))
        end_follower(LIST_FIRST(&n->followers));
    assert(n->nr_asked == 0);
    dns_free(&n->dns);
    uv_close((uv_handle_t *)&n->wake, on_wake_closed);
}
