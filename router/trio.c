/* Follow the target of a version on a line with marks at the whole numbers. A version that has
 * had one pick more than the marks its target has passed is ahead. It is owed less than nothing
 * then, and it may not be picked again before the next mark. One that is not ahead when its
 * target passes a mark has to be picked at once. So no version is ever a whole invocation off.
 *
 * Let part be the way that a target has gone since its last mark. The parts sum to a whole
 * number: that many versions are ahead, 0, 1 or 2 of the three. To be right on average each
 * version must be ahead with a probability that is its part; and where one version is ahead, or
 * all but one, these three probabilities say which one it is with what probability. From one
 * pick to the next they change by the weights, and the chances below are those that change them
 * so. */
#include "router/trio.h"

#include <assert.h>
#include <stdbool.h>

#include "router/segment.h"

struct trio {
    int64_t weights[3];
    int64_t errors[3]; /* before the pick; the one that is owed less than 0 is ahead */
    int64_t owed[3];   /* with the weight of this pick */
};

static bool is_ahead(const struct trio *trio, int i)
{
    return trio->errors[i] < 0;
}

static int64_t part(const struct trio *trio, int i)
{
    return is_ahead(trio, i) ? trio->errors[i] + SEGMENT_ONE : trio->errors[i];
}

static int64_t largest(int64_t a, int64_t b, int64_t c)
{
    int64_t d = a > b ? a : b;

    return d > c ? d : c;
}

/* One is ahead, and no target passes a mark: afterwards another one will be ahead as well. Of
 * all times at which one is ahead, 1 is picked while 0 is ahead in this many billionths, and so
 * on; the rows have to sum to the parts, the columns to the weights. That leaves one number
 * free, which is taken from the middle of what is possible. */
static int64_t chance_beside(const struct trio *trio, int ahead, int picked)
{
    const int64_t *w = trio->weights;
    int64_t a = part(trio, 0), b = part(trio, 1), c = part(trio, 2);
    int64_t low = largest(0, a - w[2], w[1] - c);
    int64_t high = -largest(-a, -w[1], -(a + b - w[2]));
    int64_t middle = (low + high) / 2;
    const int64_t chances[3][3] = {{0, middle, a - middle},
                                   {a + b - w[2] - middle, 0, w[2] - a + middle},
                                   {c - w[1] + middle, w[1] - middle, 0}};

    assert(low <= high);
    return chances[ahead][picked];
}

/* Nobody must be picked at once. Of the arms that may be picked, the chance of i among all of
 * theirs. */
static int64_t chance(const struct trio *trio, int i, int nr_ahead, int nr_able)
{
    int other = -1;

    if (nr_able == 3)
        return is_ahead(trio, i) ? trio->owed[i] : trio->weights[i];
    if (nr_ahead == 1) {
        for (int j = 0; j < 3; j++)
            if (is_ahead(trio, j))
                other = j;
        return chance_beside(trio, other, i);
    }
    /* Two are ahead, and the target of one of them passes a mark. */
    if (!is_ahead(trio, i))
        return trio->weights[i];
    for (int j = 0; j < 3; j++)
        if (!is_ahead(trio, j))
            other = j;
    return SEGMENT_ONE - trio->owed[other];
}

static int draw(const struct trio *trio, struct prng *rng)
{
    int64_t chances[3] = {0}, sum = 0, point;
    int nr_ahead = 0, nr_able = 0, i = 0;

    for (int j = 0; j < 3; j++) {
        nr_ahead += is_ahead(trio, j);
        nr_able += trio->owed[j] >= 0;
    }
    for (int j = 0; j < 3; j++)
        if (trio->owed[j] >= 0) {
            chances[j] = chance(trio, j, nr_ahead, nr_able);
            assert(chances[j] >= 0);
            sum += chances[j];
        }
    assert(sum > 0 && sum <= SEGMENT_ONE);
    point = prng_below(rng, (uint32_t)sum);
    while (point >= chances[i])
        point -= chances[i++];
    return i;
}

static int next(struct trio *trio, struct prng *rng)
{
    int picked = -1;

    for (int i = 0; i < 3; i++) {
        trio->owed[i] = trio->errors[i] + trio->weights[i];
        if (trio->owed[i] >= SEGMENT_ONE)
            picked = i;
    }
    if (picked < 0)
        picked = draw(trio, rng);
    for (int i = 0; i < 3; i++)
        trio->errors[i] = trio->owed[i];
    trio->errors[picked] -= SEGMENT_ONE;
    return picked;
}

void trio_order(uint8_t *picks, uint32_t nr_picks, const uint32_t *weights, const int64_t *errors,
                struct prng *rng)
{
    struct trio trio;

    assert(errors[0] + errors[1] + errors[2] == 0);
    for (int i = 0; i < 3; i++) {
        assert(errors[i] > -SEGMENT_ONE && errors[i] < SEGMENT_ONE && weights[i] < SEGMENT_ONE);
        trio.weights[i] = weights[i];
        trio.errors[i] = errors[i];
    }
    for (uint32_t t = 0; t < nr_picks; t++)
        picks[t] = (uint8_t)next(&trio, rng);
}
