/* The windows, the deadlines and the look ahead; docs/split.md has the mathematics. */
#include "router/chairs.h"

#include <assert.h>
#include <stdbool.h>

#include "base/prng.h"

/* Tijdeman's windows, with all errors centred and multiplied by k(2k - 2), which makes his
 * constants whole numbers. Before each pick every arm is owed its weight more. An arm may be picked
 * once it is owed 1/(2k-2), and has to be at the latest when it is owed more than 1 - 1/(2k-2).
 *
 * Of those that may be picked, the one whose time runs out first always keeps the rest in their
 * windows. The one that is owed most is better prepared for other weights, as nobody is left close
 * to a whole invocation: it is picked where that keeps the others in their windows too. */
struct chairs {
    int nr;
    int64_t one;   /* an invocation */
    int64_t from;  /* owed this much an arm may be picked */
    int64_t until; /* owed more, it is late */
    int64_t owed[SEGMENT_ARMS_MAX];
    int64_t favours[SEGMENT_ARMS_MAX]; /* by so much it counts as owed more than it is */
    int64_t steps[SEGMENT_ARMS_MAX];   /* what a ticket adds */
    uint32_t weights[SEGMENT_ARMS_MAX];
};

enum { LOOK_AHEAD = 32 }; /* picks */

static void init(struct chairs *chairs, const uint32_t *weights, const int64_t *errors, int nr,
                 uint64_t place)
{
    int64_t k = nr, scale = 2 * k - 2, sum = 0;
    struct prng rng;

    for (int i = 0; i < nr; i++)
        sum += errors[i];
    prng_seed(&rng, place);
    chairs->nr = nr;
    chairs->one = scale * k * SEGMENT_ONE;
    chairs->from = k * SEGMENT_ONE;
    chairs->until = chairs->one - chairs->from;
    for (int i = 0; i < nr; i++) {
        chairs->weights[i] = weights[i];
        chairs->steps[i] = scale * k * weights[i];
        chairs->owed[i] = scale * (k * errors[i] - sum);
        chairs->favours[i] = 0;
        if (place != 0)
            chairs->favours[i] = (int64_t)((unsigned __int128)prng_next(&rng) *
                                               (uint64_t)(chairs->until - chairs->from) >>
                                           64);
    }
}

/* Would i's time run out before j's? Both are owed no more than until; the time is what is missing
 * to that, over the weight. */
static bool is_sooner(const struct chairs *chairs, int i, int j)
{
    return (__int128)(chairs->until - chairs->owed[i]) * chairs->weights[j] <
           (__int128)(chairs->until - chairs->owed[j]) * chairs->weights[i];
}

/* If now is picked now, have the others enough picks among the next nr for the turns that they must
 * have had by then? nr is LOOK_AHEAD at most. */
static bool is_room_for_others(const struct chairs *chairs, int now, int64_t nr)
{
    uint8_t nr_due[LOOK_AHEAD + 1] = {0}; /* by the pick that is the last one for them */
    int64_t sum = 0;

    for (int i = 0; i < chairs->nr; i++) {
        int64_t step = chairs->steps[i], end = nr * step;

        if (i == now)
            continue;
        /* One turn after the other; each needs an invocation more. */
        for (int64_t spare = chairs->until - chairs->owed[i]; spare < end; spare += chairs->one)
            nr_due[spare / step + 1]++;
    }
    for (int64_t pick = 1; pick <= nr; pick++) {
        sum += nr_due[pick];
        if (sum > pick)
            return false;
    }
    return true;
}

/* Is there room for the others at all later times too? docs/split.md has the estimate: after t more
 * picks, now is owed half an invocation more than what keeps the others from being owed c - 1. */
static bool is_room_from_then_on(const struct chairs *chairs, int now)
{
    int64_t owed = chairs->owed[now] + LOOK_AHEAD * chairs->steps[now];

    for (int i = 0; i < chairs->nr; i++) {
        int64_t lacking = chairs->until - chairs->one - chairs->owed[i];

        lacking -= LOOK_AHEAD * chairs->steps[i];
        if (i != now && lacking > 0)
            owed -= lacking;
    }
    return owed >= chairs->one / 2;
}

/* May it be picked now though others' time runs out sooner? What counts is the time until its own
 * runs out. */
static bool may_go_first(const struct chairs *chairs, int i)
{
    int64_t wait = (chairs->until - chairs->owed[i]) / chairs->steps[i];

    if (wait <= LOOK_AHEAD)
        return is_room_for_others(chairs, i, wait);
    return is_room_from_then_on(chairs, i) && is_room_for_others(chairs, i, LOOK_AHEAD);
}

static int64_t favoured(const struct chairs *chairs, int i)
{
    return chairs->owed[i] + chairs->favours[i];
}

/* Of those that are owed less than most, or as much and come behind it, the one that is owed most;
 * -1 where none may be picked. */
static int next_most_owed(const struct chairs *chairs, int most)
{
    int64_t ceiling = most >= 0 ? favoured(chairs, most) : INT64_MAX;
    int next = -1;

    for (int i = 0; i < chairs->nr; i++) {
        int64_t owed = favoured(chairs, i);
        bool was_tried = owed > ceiling || (owed == ceiling && i <= most);

        if (chairs->owed[i] >= chairs->from && !was_tried &&
            (next < 0 || owed > favoured(chairs, next)))
            next = i;
    }
    return next;
}

/* None is late. */
static int choose_in_time(const struct chairs *chairs)
{
    int soonest = -1;
    int i;

    for (i = 0; i < chairs->nr; i++)
        if (chairs->owed[i] >= chairs->from && (soonest < 0 || is_sooner(chairs, i, soonest)))
            soonest = i;
    assert(soonest >= 0); /* all are owed one in sum, so one of them is owed 1/k at least */
    i = next_most_owed(chairs, -1);
    while (i != soonest && i >= 0 && !may_go_first(chairs, i))
        i = next_most_owed(chairs, i);
    return i >= 0 ? i : soonest;
}

/* The next pick, as an index of the chosen arms. Several can be late after a change of weights:
 * then the one that is owed most goes first, which keeps the worst error smallest. */
static int next_chair(struct chairs *chairs)
{
    int most = 0, best;

    for (int i = 0; i < chairs->nr; i++) {
        chairs->owed[i] += chairs->steps[i];
        if (chairs->owed[i] > chairs->owed[most])
            most = i;
    }
    best = chairs->owed[most] > chairs->until ? most : choose_in_time(chairs);
    chairs->owed[best] -= chairs->one;
    return best;
}

void chairs_order(uint8_t *picks, uint32_t nr_picks, const uint32_t *weights, const int64_t *errors,
                  int nr, uint64_t place)
{
    struct chairs chairs;

    assert(nr >= 2 && nr <= SEGMENT_ARMS_MAX);
    init(&chairs, weights, errors, nr, place);
    for (uint32_t t = 0; t < nr_picks; t++)
        picks[t] = (uint8_t)next_chair(&chairs);
}
