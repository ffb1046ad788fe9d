/* How much the counts of versions speak against the shares that they should have: the multinomial
 * e-value of Lindon and Malek (arXiv 2011.03567). Pure.
 *
 * Against the known shares w stands a mixture: shares drawn from a Dirichlet distribution around w.
 * The e-value is how much likelier the counts are under the mixture. It depends on the counts
 * alone, not on their order, and while they grow it stays below 1/a for ever with a probability of
 * at least 1 - a where the shares are as they should be: so it may be looked at after each
 * invocation. Values of independent periods multiply. */
#ifndef WEIR_EXPERIMENT_EVALUE_H
#define WEIR_EXPERIMENT_EVALUE_H

/* The natural logarithm of the e-value. shares total 1. A count below 0 counts as 0. A version of
 * share 0 has a billionth here, so that a single stray answer proves nothing, and two do. */
double evalue_log(const double *counts, const double *shares, int nr);

/* log(exp(a) + exp(b)), and log(exp(a) - exp(b)) for b <= a; either may be -INFINITY. */
double evalue_log_add(double a, double b);
double evalue_log_sub(double a, double b);

#endif
