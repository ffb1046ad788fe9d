/* The regularised incomplete gamma function: all terms of a sum are positive, so nothing cancels
 * out. */
#include "base/chisquared.h"

#include <math.h>

enum { TERMS_MAX = 100000 };

static const double TINY = 1e-17; /* a term that is this small beside the sum changes nothing */

static double log_gamma(double x)
{
    int sign;

    return lgamma_r(x, &sign);
}

/* P(a, x) by its power series, for x below a + 1. */
static double gamma_series(double a, double x)
{
    double term = 1 / a, sum = term;

    for (int i = 1; i < TERMS_MAX && term > sum * TINY; i++) {
        term *= x / (a + i);
        sum += term;
    }
    return sum * exp(a * log(x) - x - log_gamma(a));
}

/* Q(a, x) by its continued fraction, evaluated from the front (Lentz' method), for x above. */
static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1e300, d = 1 / b, product = d;

    for (int i = 1; i < TERMS_MAX; i++) {
        double numerator = -i * (i - a), step;

        b += 2;
        d = 1 / (numerator * d + b);
        c = b + numerator / c;
        step = c * d;
        product *= step;
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return product * exp(a * log(x) - x - log_gamma(a));
}

double chisquared_tail(double x, double freedom)
{
    double a = freedom / 2;

    x /= 2;
    if (!(x > 0))
        return 1;
    if (!isfinite(x))
        return 0;
    return x < a + 1 ? fmax(0, 1 - gamma_series(a, x)) : gamma_fraction(a, x);
}
