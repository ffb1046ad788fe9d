/* Products as sums of logarithms: after a million errors neither end of a double is near. */
#include "experiment/guard.h"

#include <math.h>

/* From "somewhat worse" to "down": what is in between loses little to its neighbours. */
static const double risks[GUARD_RISKS] = {1.5, 2, 3, 5, 8, 13, 20, 35, 60, 100, 200, 400};

void guard_error(struct guard *guard, bool is_canary, double share)
{
    for (int i = 0; i < GUARD_RISKS; i++) {
        guard->logs[i] -= log1p((risks[i] - 1) * share);
        if (is_canary)
            guard->logs[i] += log(risks[i]);
    }
}

static double highest(const struct guard *guard)
{
    double max = guard->logs[0];

    for (int i = 1; i < GUARD_RISKS; i++)
        if (guard->logs[i] > max)
            max = guard->logs[i];
    return max;
}

double guard_log(const struct guard *guard)
{
    double max = highest(guard), sum = 0;

    for (int i = 0; i < GUARD_RISKS; i++)
        sum += exp(guard->logs[i] - max);
    return max + log(sum / GUARD_RISKS);
}

/* A mean is no more than the largest: nearly always that says no. */
bool guard_is_up(const struct guard *guard, double alpha)
{
    double limit = -log(alpha);

    return highest(guard) >= limit && guard_log(guard) >= limit;
}
