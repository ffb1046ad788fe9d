/* Does a canary fail more often than the version beside it? A one-sided test that may be looked at
 * after each error. Pure.
 *
 * Where the canary fails no more often than the first version, an error of either of the two falls
 * on the canary with a probability of at most its share s of what both get at that moment, whatever
 * the common rate of errors is just then. So for a relative risk r above 1 these factors have an
 * expectation of at most 1:
 *
 *     an error of the canary          r / (1 + (r - 1) s)
 *     an error of the first version   1 / (1 + (r - 1) s)
 *
 * Their product over all errors is an e-value, and so is the mean over a grid of r: where the
 * canary is no worse, it ever reaches 1/a with a probability of at most a (Ville's inequality),
 * through changes of weights and of the common rate of errors. Invocations that go well say
 * nothing, and cost nothing. */
#ifndef WEIR_EXPERIMENT_GUARD_H
#define WEIR_EXPERIMENT_GUARD_H

#include <stdbool.h>

enum { GUARD_RISKS = 12 };

/* All zero is a guard that has seen nothing. */
struct guard {
    double logs[GUARD_RISKS]; /* of the products so far */
};

/* An error of the canary, or of the first version. share: of the canary, of what the two get when
 * the invocation is drawn; 0 to 1. */
void guard_error(struct guard *guard, bool is_canary, double share);

/* The natural logarithm of the e-value. */
double guard_log(const struct guard *guard);

/* Has it reached 1/alpha? */
bool guard_is_up(const struct guard *guard, double alpha);

#endif
