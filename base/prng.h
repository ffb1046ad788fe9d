/* A small fast generator (xoshiro256**, Blackman and Vigna, ACM TOMS 47 (2021)) for draws that need
 * no secrecy: the random split, request ids, jitter. Each worker owns one; nothing is shared. */
#ifndef WEIR_BASE_PRNG_H
#define WEIR_BASE_PRNG_H

#include <stdint.h>

struct prng {
    uint64_t s[4];
};

/* Seeds from the kernel's random source. Any thread; may block only at early boot. */
void prng_init(struct prng *g);

/* Seeds from a number, for tests that must repeat. */
void prng_seed(struct prng *g, uint64_t seed);

static inline uint64_t prng_rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

/* The next 64 random bits. */
static inline uint64_t prng_next(struct prng *g)
{
    uint64_t *s = g->s;
    uint64_t result = prng_rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = prng_rotl(s[3], 45);
    return result;
}

/* A uniform number in [0, n), n > 0, by multiplication (Lemire 2019) with rejection: no bias. */
static inline uint32_t prng_below(struct prng *g, uint32_t n)
{
    uint64_t m = (prng_next(g) >> 32) * n;

    if ((uint32_t)m < n) {
        uint32_t floor = -n % n;
        while ((uint32_t)m < floor)
            m = (prng_next(g) >> 32) * n;
    }
    return (uint32_t)(m >> 32);
}

#endif
