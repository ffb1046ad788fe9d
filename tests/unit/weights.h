/* Weights of many shapes, for the tests of orders. */
#ifndef WEIR_TESTS_UNIT_WEIGHTS_H
#define WEIR_TESTS_UNIT_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "router/segment.h"

enum { WEIGHTS_MAX = SEGMENT_ARMS_MAX };

static inline double unit(struct prng *g)
{
    return (double)(prng_next(g) >> 11) * 0x1p-53;
}

/* Integers in proportion to shares, at least 1 where the share is positive, SEGMENT_ONE in all. */
static inline void apportion(const double *shares, int k, uint32_t *weights)
{
    double sum = 0;
    int64_t rest = SEGMENT_ONE;
    int largest = 0;

    for (int i = 0; i < k; i++)
        sum += shares[i];
    for (int i = 0; i < k; i++) {
        weights[i] = shares[i] > 0
                         ? (uint32_t)(shares[i] / sum * (double)(SEGMENT_ONE - WEIGHTS_MAX)) + 1
                         : 0;
        rest -= weights[i];
        if (weights[i] > weights[largest])
            largest = i;
    }
    weights[largest] += (uint32_t)rest;
}

/* Weights of many shapes: even, skewed, some or all but one tiny, prime proportions; with zeros if
 * wanted. */
static inline void random_weights(struct prng *g, int k, bool has_zeros, uint32_t *weights)
{
    static const double primes[] = {2,  3,  5,  7,   11,  13,  17,  19,  23,  29, 31,
                                    37, 41, 43, 47,  53,  59,  61,  67,  71,  73, 79,
                                    83, 89, 97, 101, 103, 107, 109, 113, 127, 131};
    uint32_t shape = prng_below(g, 6);
    double shares[WEIGHTS_MAX];
    bool is_any = false;

    for (int i = 0; i < k; i++) {
        double u = unit(g);
        double by_shape[] = {1,
                             u + 1e-9,
                             u * u * u * u * u * u + 1e-9,
                             prng_below(g, 2) ? 1 : 1e-9,
                             i == 0 ? 1 : 1e-9,
                             primes[prng_below(g, 32)]};

        shares[i] = has_zeros && prng_below(g, 3) == 0 ? 0 : by_shape[shape];
        is_any = is_any || shares[i] > 0;
    }
    if (!is_any)
        shares[prng_below(g, (uint32_t)k)] = 1;
    apportion(shares, k, weights);
}

/* Whole numbers of thousandths, or of other parts. */
static inline void round_weights(struct prng *g, int k, uint32_t nr_parts, uint32_t *weights)
{
    uint32_t left = nr_parts;

    for (int i = 0; i < k; i++) {
        uint32_t parts =
            i == k - 1 ? left : 1 + prng_below(g, (left - (uint32_t)(k - 1 - i)) / (i % 2 ? 1 : 4));

        left -= parts;
        weights[i] = parts * (SEGMENT_ONE / nr_parts);
    }
}

#endif
