/* Seeding of the generator in prng.h; the draws themselves are inline there.
 *
 * The state of xoshiro must not be all zero, where it would stay for ever: splitmix64 (Steele, Lea
 * and Flood, OOPSLA 2014) spreads one number over the four words and never gives four zeros in a
 * row. */
#include "base/prng.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z;

    *x += 0x9e3779b97f4a7c15;
    z = *x;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void prng_seed(struct prng *g, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        g->s[i] = splitmix(&seed);
}

/* Up to 256 bytes come in one piece, and only a signal that arrives before the kernel is seeded can
 * interrupt (getrandom(2)). */
void prng_init(struct prng *g)
{
    ssize_t got;

    do
        got = getrandom(g->s, sizeof(g->s), 0);
    while (got < 0 && errno == EINTR);
    assert(got == (ssize_t)sizeof(g->s));
    if ((g->s[0] | g->s[1] | g->s[2] | g->s[3]) == 0)
        prng_seed(g, 1);
}
