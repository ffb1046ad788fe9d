/* How long the parts of a skeleton live. Its own structs and strings end with it. Origins go back
 * to the registry. Gauges and health are handed from table to table as long as their names stay,
 * and end with the last table that has them. */
#include "router/skeleton.h"

#include <stdlib.h>

struct skeleton *skeleton_make(struct registry *registry)
{
    struct skeleton *skeleton = calloc(1, sizeof(*skeleton));

    if (!skeleton)
        return NULL;
    skeleton->refs = 1;
    skeleton->registry = registry_ref(registry);
    return skeleton;
}

struct skeleton *skeleton_ref(struct skeleton *skeleton)
{
    skeleton->refs++;
    return skeleton;
}

/* ---- Gauges and health ----------------------------------------------------------------------- */

/* A reference to the old one, or a new one where there is none. NULL when out of memory. */
static struct gauge *share_gauge(struct gauge *old)
{
    struct gauge *gauge = old ? old : calloc(1, sizeof(*gauge));

    if (gauge)
        atomic_fetch_add_explicit(&gauge->refs, 1, memory_order_relaxed);
    return gauge;
}

static struct endpoint_health *share_health(struct endpoint_health *old)
{
    struct endpoint_health *health = old ? old : calloc(1, sizeof(*health));

    if (health)
        atomic_fetch_add_explicit(&health->refs, 1, memory_order_relaxed);
    return health;
}

static void drop_gauge(struct gauge *gauge)
{
    if (gauge && atomic_fetch_sub_explicit(&gauge->refs, 1, memory_order_acq_rel) == 1)
        free(gauge);
}

static void drop_health(struct endpoint_health *health)
{
    if (health && atomic_fetch_sub_explicit(&health->refs, 1, memory_order_acq_rel) == 1)
        free(health);
}

/* The health of the endpoint with this URL, most likely the one in the same place. */
static struct endpoint_health *health_of(const struct version *version, const char *url, int place)
{
    if (place < version->nr_endpoints && strcmp(version->endpoints[place].url, url) == 0)
        return version->endpoints[place].health;
    for (int i = 0; i < version->nr_endpoints; i++)
        if (strcmp(version->endpoints[i].url, url) == 0)
            return version->endpoints[i].health;
    return NULL;
}

static int adopt_version(struct version *version, const struct table *previous)
{
    const struct target *target =
        previous ? table_find(previous, version->function->name, version->name, NULL) : NULL;
    const struct version *old = target ? target->arms[0].version : NULL;

    if (version->max_in_flight > 0) {
        version->in_flight = share_gauge(old ? old->in_flight : NULL);
        if (!version->in_flight)
            return -1;
    }
    for (int i = 0; i < version->nr_endpoints; i++) {
        struct endpoint *endpoint = &version->endpoints[i];

        endpoint->health = share_health(old ? health_of(old, endpoint->url, i) : NULL);
        if (!endpoint->health)
            return -1;
    }
    return 0;
}

int skeleton_adopt(struct skeleton *skeleton, const struct table *previous)
{
    for (uint32_t f = 0; f < skeleton->nr_functions; f++) {
        struct function *function = skeleton->functions[f], *old = NULL;

        if (previous)
            old = skeleton_function(previous->skeleton, function->name,
                                    skeleton_hash(function->name));
        function->in_flight = share_gauge(old ? old->in_flight : NULL);
        if (!function->in_flight)
            return -1;
        for (int v = 0; v < function->nr_versions; v++)
            if (adopt_version(&function->versions[v], previous))
                return -1;
    }
    return 0;
}

/* ---- The end --------------------------------------------------------------------------------- */

static void drop_version(struct version *version)
{
    drop_gauge(version->in_flight);
    for (int i = 0; i < version->nr_endpoints; i++) {
        drop_health(version->endpoints[i].health);
        origin_unref(&version->endpoints[i].origin);
    }
}

void skeleton_unref(struct skeleton **skeleton)
{
    struct skeleton *s = *skeleton;

    *skeleton = NULL;
    if (!s || --s->refs > 0)
        return;
    for (uint32_t f = 0; f < s->nr_functions; f++) {
        drop_gauge(s->functions[f]->in_flight);
        for (int v = 0; v < s->functions[f]->nr_versions; v++)
            drop_version(&s->functions[f]->versions[v]);
    }
    free(s->functions);
    flathash_fini(&s->names);
    flathash_fini(&s->qualifiers);
    routes_fini(&s->routes);
    stash_fini(&s->stash);
    registry_sweep(s->registry);
    registry_unref(&s->registry);
    free(s);
}
