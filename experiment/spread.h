/* How long invocations took, for quantiles: counts in cells whose bounds grow by a fiftieth, so
 * that a quantile is wrong by one percent at most, from a microsecond to more than an hour, in
 * memory that does not grow. One thread at a time. */
#ifndef WEIR_EXPERIMENT_SPREAD_H
#define WEIR_EXPERIMENT_SPREAD_H

#include <stdint.h>

/* 1.02^1120 us are more than an hour */
enum { SPREAD_CELLS = 1120 };

/* All zero is empty. */
struct spread {
    uint64_t total;
    uint32_t cells[SPREAD_CELLS];
};

void spread_add(struct spread *spread, uint64_t us);
void spread_join(struct spread *spread, const struct spread *more);

/* The smallest duration that a share of all of q (0 to 1) is not above, in microseconds; 0 of an
 * empty one. */
double spread_quantile(const struct spread *spread, double q);

#endif
