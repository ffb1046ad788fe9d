/* Following orders from segment to segment, for the tests of what they promise. */
#ifndef WEIR_TESTS_UNIT_PAST_H
#define WEIR_TESTS_UNIT_PAST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "router/segment.h"

/* What an order has come to. */
struct past {
    int64_t errors[SEGMENT_ARMS_MAX];
    uint64_t place;
};

static inline bool is_below_one(const int64_t *errors, int k)
{
    for (int i = 0; i < k; i++)
        if (errors[i] <= -SEGMENT_ONE || errors[i] >= SEGMENT_ONE)
            return false;
    return true;
}

/* Runs nr tickets, segment after segment as a split does, and looks at every prefix. */
static inline void follow_below_one(const uint32_t *weights, int k, uint32_t nr, struct past *past)
{
    struct segment *segment =
        segment_make(weights, k, past->errors, past->place, SEGMENT_FIRST_TICKETS, true);
    int64_t told[SEGMENT_ARMS_MAX];
    uint32_t t = 0;

    assert_non_null(segment);
    for (uint32_t n = 0; n < nr; n++, t++) {
        int arm;

        if (t == segment->nr_tickets) {
            struct segment *next = segment_next(segment, weights, 2 * segment->nr_tickets);

            assert_non_null(next);
            assert_memory_equal(next->errors, past->errors, (size_t)k * sizeof(told[0]));
            free(segment);
            segment = next;
            t = 0;
        }
        arm = segment_arm(segment, t);
        assert_in_range(arm, 0, k - 1);
        past->errors[arm] -= SEGMENT_ONE;
        for (int i = 0; i < k; i++)
            past->errors[i] += weights[i];
        assert_true(is_below_one(past->errors, k));
    }
    segment_errors(segment, weights, t, told);
    assert_memory_equal(told, past->errors, (size_t)k * sizeof(told[0]));
    past->place = segment->place;
    free(segment);
}

/* A stretch of the life of an alias: nr picks under these weights. */
struct phase {
    uint32_t nr;
    uint32_t weights[16];
    int forgotten; /* the arm whose error is before it, from 1; 0: none */
};

/* Runs the phases from one place, and adds the errors after each pick to sums. */
static inline void live(const struct phase *phases, int nr_phases, int k, uint64_t place,
                        int64_t (*sums)[16])
{
    struct past past = {.place = place};

    for (int p = 0; p < nr_phases; p++) {
        const struct phase *phase = &phases[p];
        struct segment *segment;
        int64_t errors[16];

        if (phase->forgotten)
            past.errors[phase->forgotten - 1] = 0;
        segment = segment_make(phase->weights, k, past.errors, past.place, phase->nr, true);
        assert_non_null(segment);
        assert_true(segment->nr_tickets >= phase->nr);
        memcpy(errors, past.errors, sizeof(errors));
        for (uint32_t t = 0; t < phase->nr; t++, sums++) {
            errors[segment_arm(segment, t)] -= SEGMENT_ONE;
            for (int i = 0; i < k; i++) {
                errors[i] += phase->weights[i];
                (*sums)[i] += errors[i];
            }
        }
        memcpy(past.errors, errors, sizeof(errors));
        past.place = segment->place;
        free(segment);
    }
}

/* The mean error of each arm after each pick is 0 but for the chance of the places: below five
 * standard deviations, of a half at most (an error of a window one wide is one of two numbers).
 * The places repeat, so this never fails by chance. */
static inline void check_means(const struct phase *phases, int nr_phases, int k, int nr_places,
                               uint64_t seed)
{
    static int64_t sums[1000][16];
    uint32_t nr = 0;
    struct prng g;

    prng_seed(&g, seed);
    memset(sums, 0, sizeof(sums));
    for (int p = 0; p < nr_phases; p++)
        nr += phases[p].nr;
    assert_true(nr <= 1000);
    for (int i = 0; i < nr_places; i++)
        live(phases, nr_phases, k, prng_next(&g), sums);
    for (uint32_t n = 0; n < nr; n++)
        for (int i = 0; i < k; i++) {
            double mean = (double)sums[n][i] / (double)SEGMENT_ONE / nr_places;

            assert_true(mean * mean * nr_places < 25 * 0.25);
        }
}

#endif
