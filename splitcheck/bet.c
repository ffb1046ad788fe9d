/* The multinomial e-value: the likelihood of what was seen under a mixture of all shares, a
 * Dirichlet distribution around those that are claimed, over its likelihood under the claim.
 *
 * One by one that is a product: the mixture's forecast of each observation over its share. The
 * forecast uses only what came before, so each factor is expected to be 1 under the claim, and the
 * product is a martingale, also while the claim changes from one observation to the next. */
#include "splitcheck/bet.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

void bet_add(struct bet *e, const double *share, uint32_t nr, uint32_t arm)
{
    assert(nr <= BET_ARMS_MAX && arm < nr);
    if (share[arm] > 0) {
        double seen = (double)e->counts[arm] + BET_PRIOR * share[arm];

        e->log_now += log(seen / (((double)e->total + BET_PRIOR) * share[arm]));
    } else {
        e->log_now = INFINITY;
    }
    e->counts[arm]++;
    e->total++;
    if (e->log_now > e->log_max)
        e->log_max = e->log_now;
}

/* The logarithm of (a + n - 1)! / (a - 1)!, for a that need not be whole. */
static double log_rising(double a, uint64_t n)
{
    int sign;

    return n == 0 ? 0 : lgamma_r(a + (double)n, &sign) - lgamma_r(a, &sign);
}

double bet_on_counts(const uint64_t *counts, const double *share, uint32_t nr, double prior)
{
    uint64_t total = 0;
    double sum = 0;

    for (uint32_t i = 0; i < nr; i++) {
        if (counts[i] == 0)
            continue;
        if (!(share[i] > 0))
            return INFINITY;
        sum += log_rising(prior * share[i], counts[i]) - (double)counts[i] * log(share[i]);
        total += counts[i];
    }
    return sum - log_rising(prior, total);
}
