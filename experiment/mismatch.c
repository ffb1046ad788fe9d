/* The excess measured by its covariance, which has one rank less than versions (the excesses of a
 * period total 0). */
#include "experiment/mismatch.h"

#include <math.h>
#include <stdlib.h>

#include "base/chisquared.h"

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
    return degrees > 0 ? chisquared_tail(statistic, degrees) : 1;
}
