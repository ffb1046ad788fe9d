/* Are the callers of an experiment's versions as many as the weights say? A chi-squared test over
 * periods of constant weights; for one look, whereas the e-value (evidence.h) is for all. Pure. */
#ifndef WEIR_EXPERIMENT_MISMATCH_H
#define WEIR_EXPERIMENT_MISMATCH_H

#include <stdbool.h>

/* What was counted and what was to be expected, summed over periods; the covariance is of what was
 * counted. For up to nr versions. */
struct mismatch {
    int nr;
    double *excess;     /* nr: counted less expected */
    double *covariance; /* nr * nr */
};

/* NULL when out of memory. */
struct mismatch *mismatch_make(int nr);
void mismatch_free(struct mismatch **mismatch);

/* A period: places[i] in [0, nr) is which version counts[i] and shares[i] are of. */
void mismatch_add(struct mismatch *mismatch, const double *counts, const double *shares,
                  const int *places, int n);

/* The probability of an excess this large or larger where the shares are right; 1 where nothing is
 * to be told. Uses up what was added. */
double mismatch_p_value(struct mismatch *mismatch);

#endif
