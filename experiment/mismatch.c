/* The excess measured by its covariance, which has one rank less than versions (the excesses of a
 * period total 0), and the incomplete gamma function. */
#include "experiment/mismatch.h"

#include <math.h>
#include <stdlib.h>

struct mismatch *mismatch_make(int nr)
{
    struct mismatch *m = calloc(1, sizeof(*m));
    size_t n = nr > 0 ? (size_t)nr : 1;

    if (!m)
        return NULL;
    m->nr = nr;
    m->excess = calloc(n, sizeof(double));
    m->covariance = calloc(n * n, sizeof(double));
    if (!m->excess || !m->covariance)
        mismatch_free(&m);
    return m;
}

void mismatch_free(struct mismatch **mismatch)
{
    struct mismatch *m = *mismatch;

    *mismatch = NULL;
    if (!m)
        return;
    free(m->excess);
    free(m->covariance);
    free(m);
}

static double *at(struct mismatch *m, int row, int column)
{
    return &m->covariance[(size_t)row * (size_t)m->nr + (size_t)column];
}

void mismatch_add(struct mismatch *m, const double *counts, const double *shares, const int *places,
                  int n)
{
    double total = 0;

    for (int i = 0; i < n; i++)
        total += counts[i] > 0 ? counts[i] : 0;
    for (int i = 0; i < n; i++) {
        m->excess[places[i]] += (counts[i] > 0 ? counts[i] : 0) - total * shares[i];
        *at(m, places[i], places[i]) += total * shares[i];
        for (int k = 0; k < n; k++)
            *at(m, places[i], places[k]) -= total * shares[i] * shares[k];
    }
}

/* Takes a row's part out of those below it. */
static void eliminate(struct mismatch *m, int row)
{
    for (int i = row + 1; i < m->nr; i++) {
        double factor = *at(m, i, row) / *at(m, row, row);

        for (int k = row; k < m->nr; k++)
            *at(m, i, k) -= factor * *at(m, row, k);
        m->excess[i] -= factor * m->excess[row];
    }
}

double mismatch_p_value(struct mismatch *m)
{
    double statistic = 0, largest = 0;
    int degrees = 0;

    for (int i = 0; i < m->nr; i++)
        largest = fmax(largest, *at(m, i, i));
    for (int i = 0; i < m->nr; i++) {
        if (*at(m, i, i) <= largest * 1e-9)
            continue; /* told by those before it */
        eliminate(m, i);
        statistic += m->excess[i] * m->excess[i] / *at(m, i, i);
        degrees++;
    }
    return degrees > 0 ? mismatch_chi_squared(statistic, degrees) : 1;
}

/* ---- The incomplete gamma function (Numerical Recipes, section 6.2) -------------------------- */

enum { TERMS_MAX = 10000 };

static double log_front(double a, double x)
{
    int sign;

    return a * log(x) - x - lgamma_r(a, &sign);
}

/* P(a, x) by its series, for x < a + 1. */
static double lower_series(double a, double x)
{
    double term = 1 / a, sum = term;

    for (int i = 1; i < TERMS_MAX && term > sum * 1e-16; i++) {
        term *= x / (a + i);
        sum += term;
    }
    return sum * exp(log_front(a, x));
}

/* Q(a, x) by its continued fraction (Lentz), for the others. */
static double upper_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d, change = 0;

    for (int i = 1; i < TERMS_MAX && fabs(change - 1) > 1e-15; i++) {
        double an = -i * (i - a);

        b += 2;
        d = an * d + b;
        d = fabs(d) < 1e-300 ? 1e300 : 1 / d;
        c = b + an / c;
        c = fabs(c) < 1e-300 ? 1e-300 : c;
        change = d * c;
        h *= change;
    }
    return h * exp(log_front(a, x));
}

double mismatch_chi_squared(double x, int degrees)
{
    double a = degrees / 2.0;

    x /= 2;
    if (!(x > 0))
        return 1;
    if (!isfinite(x))
        return 0;
    return x < a + 1 ? 1 - lower_series(a, x) : upper_fraction(a, x);
}
