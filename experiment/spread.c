/* Cell i is of durations in (1.02^(i-1), 1.02^i] microseconds; the first one also of 0. */
#include "experiment/spread.h"

#include <math.h>

#define LOG_STEP 0.019802627296179713 /* log(1.02) */

void spread_add(struct spread *spread, uint64_t us)
{
    int cell = us > 1 ? (int)ceil(log((double)us) / LOG_STEP - 1e-9) : 0;

    spread->cells[cell < SPREAD_CELLS ? cell : SPREAD_CELLS - 1]++;
    spread->total++;
}

void spread_join(struct spread *spread, const struct spread *more)
{
    spread->total += more->total;
    for (int i = 0; i < SPREAD_CELLS; i++)
        spread->cells[i] += more->cells[i];
}

double spread_quantile(const struct spread *spread, double q)
{
    double rank = ceil(q * (double)spread->total);
    double seen = 0;
    int i = 0;

    if (spread->total == 0)
        return 0;
    for (; i < SPREAD_CELLS - 1; i++) {
        seen += spread->cells[i];
        if (seen >= rank && seen > 0)
            break;
    }
    return i == 0 ? 1 : exp(LOG_STEP * (i - 0.5)); /* the middle, by ratio */
}
