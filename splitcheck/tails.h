/* Tail probabilities of tests on counts: how likely is it to come out at least as far off?
 *
 * Pure; errors of about 1e-9 of the result. */
#ifndef WEIR_SPLITCHECK_TAILS_H
#define WEIR_SPLITCHECK_TAILS_H

#include <stdint.h>

/* P(X = x), P(X <= x) and P(X >= x), for X the successes of n draws with chance p, 0 <= p <= 1. */
double tails_binomial_at(uint64_t n, uint64_t x, double p);
double tails_binomial_low(uint64_t n, uint64_t x, double p);
double tails_binomial_high(uint64_t n, uint64_t x, double p);

/* The exact two-sided binomial test: the chance of all outcomes that are no likelier than x. */
double tails_binomial(uint64_t n, uint64_t x, double p);

/* A bound on P(G >= g) for the likelihood ratio statistic of a multinomial of nr >= 2 classes that
 * holds for any number of observations and any shares, where the chi-squared law holds in the
 * limit only: R. Agrawal, Finite-sample concentration of the multinomial in relative entropy, IEEE
 * Trans. Inf. Theory 66 (2020). At most 1. */
double tails_g_bound(double g, uint32_t nr);

/* Which of n sorted values, counted from 1, enclose the quantile q of what they were drawn from
 * with at least the chance level, whatever its law is. Where n is too small for that, the first or
 * the last one is given and the chance is less. n > 0. */
void tails_quantile_ranks(uint64_t n, double q, double level, uint64_t *low, uint64_t *high);

#endif
