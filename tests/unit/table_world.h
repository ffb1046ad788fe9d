/* For tests of tables: a domain, a registry with counters that are merely numbered, and documents in short. */
#ifndef WEIR_TESTS_UNIT_TABLE_WORLD_H
#define WEIR_TESTS_UNIT_TABLE_WORLD_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "router/builder.h"
#include "router/registry.h"

/* ---- A world: domain, registry, and counters that are merely numbered ------------------------ */

enum { SERIES_MAX = 4096 };

struct world {
    struct qsbr *domain;
    struct registry *registry;
    char series[SERIES_MAX][64]; /* "function alias version" by number */
    int refs[SERIES_MAX];
    pthread_mutex_t lock; /* of both */
    int slot;
    struct prng rng;
};

static inline uint32_t get_series(void *context, struct str function, struct str alias,
                                  struct str version)
{
    struct world *world = context;
    char *volatile probe = malloc(1); /* the real one allocates too */
    char name[64];
    uint32_t i = 0;

    if (!probe)
        return REGISTRY_NO_SERIES;
    free(probe);
    snprintf(name, sizeof(name), "%.*s %.*s %.*s", STR_ARG(function), STR_ARG(alias),
             STR_ARG(version));
    pthread_mutex_lock(&world->lock);
    while (i < SERIES_MAX && world->series[i][0] && strcmp(world->series[i], name) != 0)
        i++;
    assert_true(i < SERIES_MAX);
    memcpy(world->series[i], name, sizeof(name));
    world->refs[i]++;
    pthread_mutex_unlock(&world->lock);
    return i;
}

static inline void release_series(void *context, uint32_t series)
{
    struct world *world = context;

    pthread_mutex_lock(&world->lock);
    assert_true(series < SERIES_MAX && world->refs[series] > 0);
    world->refs[series]--;
    pthread_mutex_unlock(&world->lock);
}

static inline struct world *world_make(void)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    pthread_mutex_init(&world->lock, NULL);
    world->domain = qsbr_make();
    assert_non_null(world->domain);
    world->registry =
        registry_make(world->domain, (struct series_hooks){get_series, release_series, world}, 1);
    assert_non_null(world->registry);
    world->slot = qsbr_register(world->domain);
    prng_seed(&world->rng, 1);
    return world;
}

static inline void settle(struct world *world)
{
    for (int i = 0; i < 100 && qsbr_reclaim(world->domain) > 0; i++)
        ;
    assert_int_equal(qsbr_reclaim(world->domain), 0);
}

static inline void world_end(struct world *world)
{
    registry_free(&world->registry);
    settle(world);
    for (int i = 0; i < SERIES_MAX; i++)
        assert_int_equal(world->refs[i], 0);
    qsbr_unregister(world->domain, world->slot);
    qsbr_free(&world->domain);
    pthread_mutex_destroy(&world->lock);
    free(world);
}

/* A function without anything special. */
#define FUNCTION(name_, max_)                                                                      \
    (&(struct function_spec){                                                                      \
        .name = name_, .max_in_flight = max_, .concurrency = FUNCTION_NO_CONCURRENCY})

/* ---- Documents in short ---------------------------------------------------------------------- */

static inline int add_version(struct builder *b, const char *name, const char *host, uint16_t port)
{
    char url[128];
    const struct version_spec version = {.name = str_of(name),
                                         .allow_upgrade = true,
                                         .max_in_flight = name[0] == '2' ? 100 : 0,
                                         .ejection = {.is_on = name[0] == '2'}};
    struct endpoint_spec endpoint = {.host = str_of(host), .port = port, .base_path = STR("/base")};

    snprintf(url, sizeof(url), "http://%s:%d/base", host, port);
    endpoint.url = str_of(url);
    return builder_version(b, &version) || builder_version_endpoint(b, &endpoint) ? -1 : 0;
}

/* weights by version name, as percent; ended by a NULL name. */
struct share {
    const char *version;
    double percent;
};

static inline int fill_arms(const struct share *shares, struct arm_spec *arms)
{
    int nr = 0;

    for (; shares[nr].version; nr++)
        arms[nr] = (struct arm_spec){str_of(shares[nr].version),
                                     (uint32_t)(shares[nr].percent * 1e7 + 0.5)};
    return nr;
}

static inline int add_alias(struct builder *b, const char *name, enum split_mode mode,
                            const struct share *shares)
{
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec alias = {
        .name = str_of(name), .description = STR("for tests"), .mode = mode, .arms = arms};

    alias.nr_arms = fill_arms(shares, arms);
    return builder_alias(b, &alias);
}

/* hello with versions $LATEST, 1, 2, 3 and the alias live at these shares; other with version 1;
 * three routes. */
static inline int describe(struct builder *b, enum split_mode mode, const struct share *live)
{
    if (builder_function(b, FUNCTION(STR("hello"), 5)) ||
        add_version(b, "$LATEST", "127.0.0.1", 9000) || add_version(b, "1", "127.0.0.1", 9001) ||
        add_version(b, "2", "127.0.0.1", 9002) || add_version(b, "3", "127.0.0.1", 9003))
        return -1;
    if (add_alias(b, "live", mode, live) ||
        add_alias(b, "fixed", SPLIT_EXACT, (struct share[]){{"1", 50}, {"2", 50}, {NULL, 0}}))
        return -1;
    if (builder_function(b, FUNCTION(STR("other"), 0)) || add_version(b, "1", "127.0.0.1", 9001))
        return -1;
    if (builder_route(b, &(struct route_spec){.path = STR("/hello"),
                                              .function = STR("hello"),
                                              .qualifier = STR("live"),
                                              .said_qualifier = STR("live")}) ||
        builder_route(b, &(struct route_spec){.host = STR("*.example.com"),
                                              .path = STR("/"),
                                              .function = STR("hello"),
                                              .strip_prefix = true}) ||
        builder_route(b, &(struct route_spec){.path = STR("/other"),
                                              .function = STR("other"),
                                              .qualifier = STR("1"),
                                              .said_qualifier = STR("1")}))
        return -1;
    return 0;
}

static inline struct table *build(struct world *world, struct table *previous, enum split_mode mode,
                                  const struct share *live)
{
    struct builder *b = builder_make(world->registry);
    struct table *table;

    assert_non_null(b);
    assert_int_equal(describe(b, mode, live), 0);
    table = builder_freeze(&b, previous);
    assert_null(b);
    assert_non_null(table);
    return table;
}

static const struct share ninety_five[] = {{"1", 95}, {"2", 5}, {NULL, 0}};
static const struct share half[] = {{"1", 50}, {"2", 50}, {NULL, 0}};

static inline struct target *find(const struct table *table, const char *function,
                                  const char *qualifier)
{
    return table_find(table, str_of(function), str_of(qualifier), NULL);
}

static inline struct table *reweigh(struct table *table, const char *alias, enum split_mode mode,
                                    const struct share *shares)
{
    const struct target *target = find(table, "hello", alias);
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec spec = {.description = target->description, .mode = mode, .arms = arms};

    spec.nr_arms = fill_arms(shares, arms);
    return table_with_alias(table, target, &spec);
}

static inline int pick(struct world *world, struct target *target)
{
    int arm;

    qsbr_online(world->domain, world->slot);
    arm = split_pick(target->split, &world->rng);
    qsbr_offline(world->domain, world->slot);
    return arm;
}

/* Puts another table in force. */
static inline void replace(struct table **table, struct table *next)
{
    assert_int_equal(table_open(next), 0);
    table_unref(table);
    *table = next;
}

#endif
