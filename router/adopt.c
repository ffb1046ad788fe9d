/* Finding what the skeleton before had under the same names. Gauges and health are counted by the
 * skeletons that have them and end with the last one. */
#include "router/adopt.h"

#include <stdlib.h>
#include <string.h>

/* A reference to the old one, or a new one where there is none. NULL when out of memory. */
static struct gauge *share_gauge(struct gauge *old)
{
    struct gauge *gauge = old ? old : calloc(1, sizeof(*gauge));

    return gauge ? gauge_ref(gauge) : NULL;
}

static struct endpoint_health *share_health(struct endpoint_health *old)
{
    struct endpoint_health *health = old ? old : calloc(1, sizeof(*health));

    return health ? model_ref_health(health) : NULL;
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

static int adopt_version(struct version *version, const struct version *old)
{
    if (version->max_in_flight > 0) {
        version->in_flight = share_gauge(old ? old->in_flight : NULL);
        if (!version->in_flight)
            return -1;
    }
    for (int i = 0; i < version->nr_endpoints; i++) {
        struct endpoint *endpoint = &version->endpoints[i];
        struct endpoint_health *health = NULL;

        if (!version->may_fail) {
            endpoint->health = &model_unwatched;
            continue;
        }
        if (old && old->may_fail)
            health = health_of(old, endpoint->url, i);
        endpoint->health = share_health(health);
        if (!endpoint->health)
            return -1;
    }
    return 0;
}

int adopt_all(struct skeleton *skeleton, const struct skeleton *previous)
{
    for (uint32_t f = 0; f < skeleton->nr_functions; f++) {
        struct function *function = skeleton->functions[f], *old = NULL;

        if (previous)
            old = skeleton_function(previous, function->name, skeleton_hash(function->name));
        function->in_flight = share_gauge(old ? old->in_flight : NULL);
        if (!function->in_flight)
            return -1;
        for (int v = 0; v < function->nr_versions; v++) {
            struct version *version = &function->versions[v];

            if (adopt_version(version, old ? model_version(old, version->name, v) : NULL))
                return -1;
        }
    }
    return 0;
}
