/* Splits in short, for their tests. */
#ifndef WEIR_TESTS_UNIT_SPLIT_WORLD_H
#define WEIR_TESTS_UNIT_SPLIT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/split.h"

static const int64_t ONE = SPLIT_ONE;

/* A domain, this thread's reader slot in it, and dice that always fall alike. */
struct world {
    struct qsbr *domain;
    struct prng rng;
    int slot;
};

static inline struct world world_make(void)
{
    struct world world = {.domain = qsbr_make()};

    assert_non_null(world.domain);
    world.slot = qsbr_register(world.domain);
    assert_true(world.slot >= 0);
    prng_seed(&world.rng, 1);
    return world;
}

/* Frees all. A split that was never opened lets go of its predecessor only when it is freed itself,
 * and so on. */
static inline void world_end(struct world *world)
{
    for (int i = 0; i < 100 && qsbr_reclaim(world->domain) > 0; i++)
        ;
    assert_int_equal(qsbr_reclaim(world->domain), 0);
    qsbr_unregister(world->domain, world->slot);
    qsbr_free(&world->domain);
}

static inline int pick(struct world *world, struct split *split)
{
    int arm;

    qsbr_online(world->domain, world->slot);
    arm = split_pick(split, &world->rng);
    qsbr_offline(world->domain, world->slot);
    return arm;
}

/* Exact, arms in the order of the predecessor's, a first place in the middle. Weights in
 * billionths, ended by the sum reaching SPLIT_ONE. */
static inline struct split_spec spec_of(int nr_arms, const uint32_t *weights)
{
    struct split_spec spec = {.mode = SPLIT_EXACT, .nr_arms = nr_arms, .place = SEGMENT_MIDDLE};

    for (int i = 0; i < nr_arms; i++) {
        spec.weights[i] = weights[i];
        spec.from[i] = (int16_t)i;
    }
    return spec;
}

static inline struct split *make(struct world *world, const struct split_spec *spec,
                                 struct split *previous)
{
    struct split *split = split_make(world->domain, spec, previous);

    assert_non_null(split);
    return split;
}

static inline struct split *make_two(struct world *world, uint32_t second, struct split *previous)
{
    struct split_spec spec = spec_of(2, (uint32_t[]){SPLIT_ONE - second, second});

    return make(world, &spec, previous);
}

/* In place of *split, as a reload does it: made, then opened (or left to the first pick), then the
 * old one let go. */
static inline void replace(struct world *world, struct split **split, const struct split_spec *spec,
                           bool is_opened)
{
    struct split *next = make(world, spec, *split);

    if (is_opened)
        assert_int_equal(split_open(next), 0);
    split_unref(split);
    *split = next;
}

#endif
