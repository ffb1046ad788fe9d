/* Means per invocation and their differences, with intervals that hold at every look: asymptotic
 * confidence sequences (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476, theorem
 * 2.2), whose variances are by caller. Pure.
 *
 * A caller's invocations are not independent, callers are. So the mean is the ratio of two sums
 * over callers, values to invocations, and its variance is found by the delta method: of a
 * caller's value less the mean times its invocations.
 *
 * Two things keep intervals honest while there is little to go by:
 *   - to each arm two callers are added in thought, when variances are taken, with the smallest
 *     and the largest value that any caller had. Of zeros and ones this makes (s + 1)/(n + 2) of
 *     s/n: an arm of zeros is not certain to stay one;
 *   - in a difference no arm varies less than both together: a small arm that by chance had few
 *     of the rare values has too low a mean and too low a variance at the same time. Then one
 *     bound for the difference, over the information of both arms, is enough in place of one for
 *     each arm: docs/experiments.md has the simulation. */
#ifndef WEIR_EXPERIMENT_CONFSEQ_H
#define WEIR_EXPERIMENT_CONFSEQ_H

#include <stdbool.h>

/* For how many callers intervals are tuned: there they are narrowest, for what they promise. For a
 * difference it is the harmonic sum of the arms' callers, so two halves of 4 000. */
enum { CONFSEQ_BEST = 1000 };

/* Sums over callers: y is what one had in all its n invocations. All zero is empty. */
struct confseq_sums {
    double callers, n, nn, y, yy, ny;
    double min, max; /* of a caller's y/n, and 0 */
};

void confseq_add(struct confseq_sums *sums, double n, double y);
void confseq_join(struct confseq_sums *sums, const struct confseq_sums *more);

struct confseq_interval {
    bool is_known; /* else there is too little to say anything but the estimate */
    double estimate, low, high;
};

/* min and max of all arms: that of confseq_sums' members in both. */
struct confseq_interval confseq_mean(const struct confseq_sums *arm, double min, double max,
                                     double alpha);

/* The mean of arm less that of base. */
struct confseq_interval confseq_difference(const struct confseq_sums *arm,
                                           const struct confseq_sums *base, double min, double max,
                                           double alpha);

/* By how many standard errors an interval reaches to each side with so many callers. */
double confseq_reach(double callers, double alpha);

#endif
