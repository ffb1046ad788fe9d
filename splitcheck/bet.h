/* E-values of a split: bets against the weights that are said to be in force, whose expected worth
 * is at most 1 if they are (Lindon and Malek, Anytime-valid inference for multinomial count data,
 * arXiv 2011.03567).
 *
 * An e-value of 1 000 has a chance of at most 1/1 000 to be reached at any time while the shares
 * are true, however often one looks; so it may be watched, and a run may be stopped on it. All
 * numbers are natural logarithms. Nothing here allocates, reads a clock or keeps anything. */
#ifndef WEIR_SPLITCHECK_BET_H
#define WEIR_SPLITCHECK_BET_H

#include <stdint.h>

/* How many versions one e-value tells apart, and the weight of the prior: so many observations
 * that were just as they should be. More makes it slower on great differences and faster on small
 * ones. */
enum { BET_ARMS_MAX = 64, BET_PRIOR = 100 };

/* What has been seen: zero it to begin. One thread at a time. */
struct bet {
    double log_now; /* of all observations so far */
    double log_max; /* the most that it ever was; 0 or more */
    uint64_t total;
    uint64_t counts[BET_ARMS_MAX];
};

/* One more observation, of version arm (below nr, which is at most BET_ARMS_MAX), drawn while
 * share[0..nr), which total 1, were in force. The shares may differ from call to call, as long as
 * they were fixed before the draw. A version whose share is 0 makes the value infinite for good. */
void bet_add(struct bet *e, const double *share, uint32_t nr, uint32_t arm);

/* The logarithm of the e-value of counts[0..nr) that were all drawn under the same shares, with a
 * prior of this weight: what bet_add comes to, in whichever order, at the price of the
 * number of versions. */
double bet_on_counts(const uint64_t *counts, const double *share, uint32_t nr, double prior);

#endif
