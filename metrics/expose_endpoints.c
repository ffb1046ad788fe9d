/* Families of the endpoints: connections to them, and their health. */
#include "metrics/family.h"

static const char *const state_labels[METRICS_CONNECTION_STATE_COUNT] = {
    [METRICS_CONNECTING] = "connecting",
    [METRICS_ACTIVE] = "active",
    [METRICS_IDLE] = "idle",
};

/* ---- Families of the upstream side ----------------------------------------------------------- */

/* Adds a pool's connections by state, over all workers; false where no worker has the pool. */
static bool add_pool(struct scrape *s, uint32_t origin, uint64_t *states)
{
    bool is_known = false;

    for (int i = 0; i < s->nr_workers; i++) {
        struct metrics_worker *worker = metrics_worker(s->metrics, i);
        struct metrics_pool_cell *pool = metrics_slots_find(&worker->pools, origin);

        if (!pool)
            continue;
        is_known = true;
        for (int k = 0; k < METRICS_CONNECTION_STATE_COUNT; k++)
            states[k] += metrics_read(&pool->connections[k]);
    }
    return is_known;
}

static bool is_same_version(const struct expose_use *a, const struct expose_use *b)
{
    return str_eq(a->function, b->function) && str_eq(a->version, b->version);
}

static bool is_repeated(const struct expose_use *first, const struct expose_use *use)
{
    for (const struct expose_use *u = first; u < use; u++)
        if (u->origin == use->origin)
            return true;
    return false;
}

/* The pools of one version, whose uses begin at index first; returns where the next version's
 * begin. */
static int put_pools(struct scrape *s, int first)
{
    const struct expose_use *uses = s->facts->uses;
    uint64_t states[METRICS_CONNECTION_STATE_COUNT] = {0};
    bool is_known = false;
    int i;

    for (i = first; i < s->facts->nr_uses && is_same_version(&uses[first], &uses[i]); i++)
        if (!is_repeated(&uses[first], &uses[i]) && add_pool(s, uses[i].origin, states))
            is_known = true;
    for (int k = 0; is_known && k < METRICS_CONNECTION_STATE_COUNT; k++) {
        family_put(s, "weir_upstream_connections");
        family_label(s, "{", "function", uses[first].function);
        family_label(s, ",", "version", uses[first].version);
        family_label(s, ",", "state", str_of(state_labels[k]));
        family_put(s, "}");
        family_end_line(s, states[k]);
    }
    return i;
}

static uint64_t sum_opened(struct scrape *s)
{
    uint64_t sum = 0;

    for (int i = 0; i < s->nr_workers; i++) {
        struct metrics_slots *pools = &metrics_worker(s->metrics, i)->pools;

        for (int k = 0; k < METRICS_CHUNK_COUNT; k++) {
            struct metrics_slot *chunk =
                atomic_load_explicit(&pools->chunks[k], memory_order_acquire);

            for (size_t n = 0; chunk && n < (size_t)METRICS_CHUNK_MIN << k; n++) {
                struct metrics_pool_cell *pool =
                    atomic_load_explicit(&chunk[n].cell, memory_order_acquire);

                sum += pool ? metrics_read(&pool->opened) : 0;
            }
        }
    }
    return sum;
}

static void put_upstream_families(struct scrape *s)
{
    family_begin(s, "weir_upstream_connections", "gauge",
                 "Connections to the version's endpoints, by state; an address shared by versions "
                 "counts for each.");
    for (int i = 0; i < s->facts->nr_uses;)
        i = put_pools(s, i);
    family_one(s, "weir_upstream_connections_opened_total", "counter",
               "Connections that were opened to endpoints.", sum_opened(s));
}

/* ---- Families of the endpoints --------------------------------------------------------------- */

/* As put_series: without the brace that closes. */
static void put_endpoint(struct scrape *s, const char *name, const struct expose_endpoint *e)
{
    family_put(s, name);
    family_label(s, "{", "function", e->function);
    family_label(s, ",", "version", e->version);
    family_label(s, ",", "endpoint", e->endpoint);
}

/* The good ones also at zero, the others from the first on. */
static void put_checks(struct scrape *s, const struct expose_endpoint *e)
{
    for (int k = 0; e->checks && k < METRICS_CHECK_COUNT; k++) {
        if (e->checks[k] == 0 && k != METRICS_CHECK_OK)
            continue;
        put_endpoint(s, "weir_health_checks_total", e);
        family_label(s, ",", "result", str_of(metrics_check_labels[k]));
        family_put(s, "}");
        family_end_line(s, e->checks[k]);
    }
}

static void put_ejections(struct scrape *s)
{
    const struct expose_endpoint *endpoints = s->facts->endpoints;

    family_begin(s, "weir_endpoint_ejected", "gauge",
                 "1 while the endpoint is ejected for its errors, where the version has ejection.");
    for (int i = 0; i < s->facts->nr_endpoints; i++) {
        if (!endpoints[i].may_be_ejected)
            continue;
        put_endpoint(s, "weir_endpoint_ejected", &endpoints[i]);
        family_put(s, "}");
        family_end_line(s, endpoints[i].is_ejected);
    }
    family_begin(s, "weir_ejections_total", "counter",
                 "Times the endpoint was ejected for its errors.");
    for (int i = 0; i < s->facts->nr_endpoints; i++) {
        if (!endpoints[i].may_be_ejected)
            continue;
        put_endpoint(s, "weir_ejections_total", &endpoints[i]);
        family_put(s, "}");
        family_end_line(s, endpoints[i].ejections);
    }
}

static void put_endpoint_families(struct scrape *s)
{
    family_begin(s, "weir_endpoint_up", "gauge",
                 "1 where the endpoint gets invocations, 0 where it is down or ejected.");
    for (int i = 0; i < s->facts->nr_endpoints; i++) {
        put_endpoint(s, "weir_endpoint_up", &s->facts->endpoints[i]);
        family_put(s, "}");
        family_end_line(s, s->facts->endpoints[i].is_up);
    }
    family_begin(s, "weir_health_checks_total", "counter",
                 "Health checks that have ended, by result.");
    for (int i = 0; i < s->facts->nr_endpoints; i++)
        put_checks(s, &s->facts->endpoints[i]);
    put_ejections(s);
}

void expose_endpoints(struct scrape *s)
{
    put_upstream_families(s);
    put_endpoint_families(s);
}
