/* A Dirichlet-multinomial over a multinomial; the coefficient for the order cancels out. */
#include "experiment/evalue.h"

#include <math.h>

#define SHARE_MIN 1e-9

/* lgamma writes to a global of libm. */
static double log_gamma(double x)
{
    int sign;

    return lgamma_r(x, &sign);
}

/* The prior's weight, in invocations: half a one for each version, as Jeffreys' prior has it where
 * they have the same share. */
static double concentration(const double *shares, int nr)
{
    int nr_weighty = 0;

    for (int i = 0; i < nr; i++)
        nr_weighty += shares[i] > 0;
    return nr_weighty > 2 ? nr_weighty / 2.0 : 1.0;
}

double evalue_log(const double *counts, const double *shares, int nr)
{
    double prior = concentration(shares, nr), total = 0, sum = 0;

    for (int i = 0; i < nr; i++) {
        double share = shares[i] > SHARE_MIN ? shares[i] : SHARE_MIN;
        double n = counts[i] > 0 ? counts[i] : 0;

        if (n == 0)
            continue;
        total += n;
        sum += log_gamma(prior * share + n) - log_gamma(prior * share) - n * log(share);
    }
    return total > 0 ? sum + log_gamma(prior) - log_gamma(prior + total) : 0;
}

double evalue_log_add(double a, double b)
{
    double larger = a > b ? a : b, smaller = a > b ? b : a;

    return smaller == -INFINITY ? larger : larger + log1p(exp(smaller - larger));
}

double evalue_log_sub(double a, double b)
{
    return b >= a ? -INFINITY : a + log1p(-exp(b - a));
}
