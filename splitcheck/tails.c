/* Tails are sums of their largest term and of what follows from it by ratios: all terms are
 * positive, so nothing cancels out, and some ten standard deviations of them are enough. */
#include "splitcheck/tails.h"

#include <math.h>
#include <stdbool.h>

static const double TINY = 1e-17; /* a term that is this small beside the sum changes nothing */
/* Two outcomes that are equally likely should count as such though rounding tells them apart. */
static const double ALIKE = 1 + 1e-7;

static double log_gamma(double x)
{
    int sign;

    return lgamma_r(x, &sign);
}

/* ---- Binomial -------------------------------------------------------------------------------- */

double tails_binomial_at(uint64_t n, uint64_t x, double p)
{
    double m = (double)n, k = (double)x;

    if (x > n)
        return 0;
    if (p <= 0 || p >= 1)
        return x == (p <= 0 ? 0 : n);
    return exp(log_gamma(m + 1) - log_gamma(k + 1) - log_gamma(m - k + 1) + k * log(p) +
               (m - k) * log1p(-p));
}

/* The sum of the terms from x on, away from the mean. */
static double sum_up(uint64_t n, uint64_t x, double p)
{
    double term = tails_binomial_at(n, x, p), sum = term;

    for (; x < n && term > sum * TINY; x++) {
        term *= (double)(n - x) / (double)(x + 1) * (p / (1 - p));
        sum += term;
    }
    return sum;
}

static double sum_down(uint64_t n, uint64_t x, double p)
{
    double term = tails_binomial_at(n, x, p), sum = term;

    for (; x > 0 && term > sum * TINY; x--) {
        term *= (double)x / (double)(n - x + 1) * ((1 - p) / p);
        sum += term;
    }
    return sum;
}

double tails_binomial_low(uint64_t n, uint64_t x, double p)
{
    if (x >= n || p <= 0)
        return 1;
    if (p >= 1)
        return 0;
    /* Terms fall going down only from the mean on. */
    return (double)x <= (double)n * p ? sum_down(n, x, p) : fmax(0, 1 - sum_up(n, x + 1, p));
}

double tails_binomial_high(uint64_t n, uint64_t x, double p)
{
    if (x == 0)
        return 1;
    if (x > n || p <= 0)
        return 0;
    if (p >= 1)
        return 1;
    return (double)x >= (double)n * p ? sum_up(n, x, p) : fmax(0, 1 - sum_down(n, x - 1, p));
}

/* The outcome nearest to the mean, on the other side of it than x, that is no likelier than x;
 * false if there is none. Likelihood falls with the distance, so a search by halves finds it. */
static bool opposite(uint64_t n, uint64_t x, double p, bool is_below, uint64_t *found)
{
    double limit = tails_binomial_at(n, x, p) * ALIKE;
    uint64_t mode = (uint64_t)(((double)n + 1) * p), low, high;

    if (mode > n)
        mode = n;
    low = is_below ? 0 : mode;
    high = is_below ? mode : n;
    if (tails_binomial_at(n, is_below ? low : high, p) > limit)
        return false;
    while (low < high) {
        uint64_t middle = is_below ? low + (high - low + 1) / 2 : low + (high - low) / 2;
        bool is_far = tails_binomial_at(n, middle, p) <= limit;

        if (is_below)
            low = is_far ? middle : low, high = is_far ? high : middle - 1;
        else
            high = is_far ? middle : high, low = is_far ? low : middle + 1;
    }
    *found = low;
    return true;
}

double tails_binomial(uint64_t n, uint64_t x, double p)
{
    double mean = (double)n * p;
    uint64_t other;
    double sum;

    if (p <= 0 || p >= 1)
        return x == (p <= 0 ? 0 : n);
    if ((double)x == mean)
        return 1;
    if ((double)x < mean) {
        sum = tails_binomial_low(n, x, p);
        if (opposite(n, x, p, false, &other))
            sum += tails_binomial_high(n, other > x ? other : x + 1, p);
    } else {
        sum = tails_binomial_high(n, x, p);
        if (opposite(n, x, p, true, &other))
            sum += tails_binomial_low(n, other < x ? other : x - 1, p);
    }
    return fmin(sum, 1);
}

double tails_g_bound(double g, uint32_t nr)
{
    double x = g / 2, freedom = nr - 1.0;

    if (!(x > freedom))
        return 1;
    return isfinite(x) ? fmin(1, exp(freedom * (1 + log(x / freedom)) - x)) : 0;
}

/* ---- Quantiles ------------------------------------------------------------------------------- */

void tails_quantile_ranks(uint64_t n, double q, double level, uint64_t *low, uint64_t *high)
{
    double side = (1 - level) / 2;
    uint64_t a = 1, b = n;

    /* Value number a is above the quantile if fewer than a values are below it. */
    while (a < b) {
        uint64_t middle = a + (b - a + 1) / 2;

        if (tails_binomial_low(n, middle - 1, q) <= side)
            a = middle;
        else
            b = middle - 1;
    }
    *low = a;
    a = 1;
    b = n;
    while (a < b) {
        uint64_t middle = a + (b - a) / 2;

        if (tails_binomial_high(n, middle, q) <= side)
            b = middle;
        else
            a = middle + 1;
    }
    *high = a;
}
