/* Ratio estimators and the boundary of the normal mixture. */
#include "experiment/confseq.h"

#include <math.h>

/* Arms of fewer callers have no interval. */
enum { CALLERS_MIN = 2 };

static void widen(struct confseq_sums *sums, double min, double max)
{
    sums->min = min < sums->min ? min : sums->min;
    sums->max = max > sums->max ? max : sums->max;
}

void confseq_add(struct confseq_sums *sums, double n, double y)
{
    sums->callers += 1;
    sums->n += n;
    sums->nn += n * n;
    sums->y += y;
    sums->yy += y * y;
    sums->ny += n * y;
    if (n > 0)
        widen(sums, y / n, y / n);
}

void confseq_join(struct confseq_sums *sums, const struct confseq_sums *more)
{
    sums->callers += more->callers;
    sums->n += more->n;
    sums->nn += more->nn;
    sums->y += more->y;
    sums->yy += more->yy;
    sums->ny += more->ny;
    widen(sums, more->min, more->max);
}

/* ---- Variance -------------------------------------------------------------------------------- */

/* Of what a caller has beyond its invocations' share, per invocation: divided by the number of
 * callers, that of the mean. min and max are added in thought. */
static double variance(const struct confseq_sums *arm, double min, double max)
{
    struct confseq_sums with = *arm;
    double each = arm->n / arm->callers, mean, sum;

    confseq_add(&with, each, each * min);
    confseq_add(&with, each, each * max);
    mean = with.y / with.n;
    sum = with.yy - 2 * mean * with.ny + mean * mean * with.nn;
    return sum > 0 ? sum / with.callers / (each * each) : 0;
}

double confseq_reach(double callers, double alpha)
{
    double log_two = -2 * log(alpha);
    /* rho^2 t of the paper; the first factor is the best rho^2 for CONFSEQ_BEST (its appendix) */
    double t = (log_two + log1p(log_two)) / CONFSEQ_BEST * callers;

    return sqrt((t + 1) / t * (log_two + log1p(t)));
}

static bool is_enough(const struct confseq_sums *arm)
{
    return arm->callers >= CALLERS_MIN && arm->n > 0;
}

static struct confseq_interval around(double estimate, double reach)
{
    bool is_known = isfinite(reach) && reach > 0;

    return (struct confseq_interval){is_known, estimate, estimate - reach, estimate + reach};
}

static double mean_of(const struct confseq_sums *arm)
{
    return arm->n > 0 ? arm->y / arm->n : 0;
}

struct confseq_interval confseq_mean(const struct confseq_sums *arm, double min, double max,
                                     double alpha)
{
    double mean = mean_of(arm);

    if (!is_enough(arm))
        return around(mean, 0);
    return around(mean, sqrt(variance(arm, min, max) / arm->callers) *
                            confseq_reach(arm->callers, alpha));
}

struct confseq_interval confseq_difference(const struct confseq_sums *arm,
                                           const struct confseq_sums *base, double min, double max,
                                           double alpha)
{
    double difference = mean_of(arm) - mean_of(base), together, error;
    struct confseq_sums both = *arm;

    if (!is_enough(arm) || !is_enough(base))
        return around(difference, 0);
    confseq_join(&both, base);
    together = variance(&both, min, max);
    error = sqrt(fmax(variance(arm, min, max), together) / arm->callers +
                 fmax(variance(base, min, max), together) / base->callers);
    return around(difference,
                  error * confseq_reach(1 / (1 / arm->callers + 1 / base->callers), alpha));
}
