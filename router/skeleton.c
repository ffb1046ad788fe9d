/* How long the parts of a skeleton live. Its own structs and strings end with it. Origins go back
 * to the registry. Gauges and health are handed from table to table as long as their names stay,
 * and end with the last table that has them. */
#include "router/skeleton.h"

#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t serials;

struct skeleton *skeleton_make(struct registry *registry)
{
    struct skeleton *skeleton = calloc(1, sizeof(*skeleton));

    if (!skeleton)
        return NULL;
    atomic_init(&skeleton->refs, 1);
    skeleton->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    skeleton->registry = registry_ref(registry);
    return skeleton;
}

int skeleton_say(struct skeleton *skeleton, enum model_section section, const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        return -1;
    free(skeleton->sections[section]);
    skeleton->sections[section] = copy;
    return 0;
}

struct skeleton *skeleton_ref(struct skeleton *skeleton)
{
    atomic_fetch_add_explicit(&skeleton->refs, 1, memory_order_relaxed);
    return skeleton;
}

/* ---- The end --------------------------------------------------------------------------------- */

static void drop_health(struct endpoint_health *health)
{
    if (health && health != &model_unwatched)
        model_unref_health(&health);
}

static void drop_version(struct version *version)
{
    gauge_unref(&version->in_flight);
    for (int i = 0; i < version->nr_endpoints; i++) {
        drop_health(version->endpoints[i].health);
        origin_unref(&version->endpoints[i].origin);
    }
}

void skeleton_unref(struct skeleton **skeleton)
{
    struct skeleton *s = *skeleton;

    *skeleton = NULL;
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t f = 0; f < s->nr_functions; f++) {
        const struct function_more *more = s->functions[f]->more;

        gauge_unref(&s->functions[f]->in_flight);
        if (more && more->letter_box)
            drop_version(more->letter_box->arms[0].version);
        for (int v = 0; v < s->functions[f]->nr_versions; v++)
            drop_version(&s->functions[f]->versions[v]);
    }
    free(s->functions);
    free(s->with_urls);
    free(s->watched);
    for (int i = 0; i < MODEL_SECTIONS; i++)
        free(s->sections[i]);
    flathash_fini(&s->names);
    flathash_fini(&s->qualifiers);
    routes_fini(&s->routes);
    stash_fini(&s->stash);
    registry_want_tidy(s->registry);
    registry_unref(&s->registry);
    free(s);
}
