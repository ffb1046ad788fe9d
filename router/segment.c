/* The two ways to order the arms of a segment; see docs/split.md for why they keep within the
 * bounds.
 *
 * Both work on errors that are centred. The errors of the k arms with weight sum to s, which stays
 * as it is while they alone are drawn (0, unless other arms kept or took away errors of theirs), so
 * none of them can do better on average than s/k; the order keeps each error around that. */
#include "router/segment.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Rounded up to whole cache lines, as aligned_alloc wants it. */
static size_t whole_lines(size_t bytes)
{
    return (bytes + SEGMENT_CACHE_LINE - 1) / SEGMENT_CACHE_LINE * SEGMENT_CACHE_LINE;
}

static size_t bytes_before_picks(int nr_arms)
{
    return whole_lines(offsetof(struct segment, errors) + (size_t)nr_arms * sizeof(int64_t));
}

/* The arms with weight, and the sum of their errors. */
struct chosen {
    int nr;
    uint8_t arms[SEGMENT_ARMS_MAX];
    int64_t sum;
};

static struct chosen choose(const uint32_t *weights, int nr_arms, const int64_t *errors)
{
    struct chosen chosen = {0};

    for (int i = 0; i < nr_arms; i++) {
        if (weights[i] == 0)
            continue;
        chosen.arms[chosen.nr++] = (uint8_t)i;
        chosen.sum += errors[i];
    }
    return chosen;
}

/* ---- Two arms: a line ------------------------------------------------------------------------ */

/* a / b rounded down and up, b > 0. */
static int64_t div_floor(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t div_ceil(int64_t a, int64_t b)
{
    return a / b + (a % b > 0);
}

static uint32_t shortest(int64_t nr_tickets)
{
    return nr_tickets < SEGMENT_LINE_TICKETS ? (uint32_t)nr_tickets : SEGMENT_LINE_TICKETS;
}

/* The second arm b has had floor(phase + n * weight) picks after n tickets, so its error moves in a
 * window of one invocation whose lower end is its first error minus the phase. The phase that puts
 * the window's middle at s/2 is below. Where it is out of [0, 1), one of the arms is owed so much
 * that it alone is drawn until the phase comes within. */
static void make_line(struct segment *segment, const struct chosen *chosen, const uint32_t *weights,
                      const int64_t *errors)
{
    int a = chosen->arms[0], b = chosen->arms[1];
    int64_t weight = weights[b];
    int64_t phase = div_floor(errors[b] - errors[a], 2) + SEGMENT_ONE / 2;

    segment->nr_tickets = SEGMENT_LINE_TICKETS;
    segment->arms[0] = (uint8_t)a;
    segment->arms[1] = (uint8_t)b;
    segment->weight = weights[b];
    if (phase >= SEGMENT_ONE) {
        segment->head_arm = (uint8_t)b;
        segment->nr_head = shortest((phase - SEGMENT_ONE) / (SEGMENT_ONE - weight) + 1);
        phase -= segment->nr_head * (SEGMENT_ONE - weight);
    } else if (phase < 0) {
        segment->head_arm = (uint8_t)a;
        segment->nr_head = shortest(div_ceil(-phase, weight));
        phase += segment->nr_head * weight;
    }
    /* If the head is the whole segment, no ticket is left that would look at the phase. */
    assert((phase >= 0 && phase < SEGMENT_ONE) || segment->nr_head == SEGMENT_LINE_TICKETS);
    segment->phase = (uint64_t)phase;
}

/* ---- Three and more: the chairman assignment ------------------------------------------------- */

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
    int64_t steps[SEGMENT_ARMS_MAX]; /* what a ticket adds */
    uint32_t weights[SEGMENT_ARMS_MAX];
};

enum { LOOK_AHEAD = 32 }; /* picks */

static void chairs_init(struct chairs *chairs, const struct chosen *chosen, const uint32_t *weights,
                        const int64_t *errors)
{
    int64_t k = chosen->nr;
    int64_t scale = 2 * k - 2;

    chairs->nr = chosen->nr;
    chairs->one = scale * k * SEGMENT_ONE;
    chairs->from = k * SEGMENT_ONE;
    chairs->until = chairs->one - chairs->from;
    for (int i = 0; i < chosen->nr; i++) {
        int arm = chosen->arms[i];

        chairs->weights[i] = weights[arm];
        chairs->steps[i] = scale * k * weights[arm];
        chairs->owed[i] = scale * (k * errors[arm] - chosen->sum);
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

/* Of those that are owed less than most, or as much and come behind it, the one that is owed most;
 * -1 where none may be picked. */
static int next_most_owed(const struct chairs *chairs, int most)
{
    int64_t ceiling = most >= 0 ? chairs->owed[most] : INT64_MAX;
    int next = -1;

    for (int i = 0; i < chairs->nr; i++) {
        int64_t owed = chairs->owed[i];
        bool was_tried = owed > ceiling || (owed == ceiling && i <= most);

        if (owed >= chairs->from && !was_tried && (next < 0 || owed > chairs->owed[next]))
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

static void make_picks(struct segment *segment, const struct chosen *chosen,
                       const uint32_t *weights, const int64_t *errors, uint32_t nr_tickets)
{
    uint8_t *picks = (uint8_t *)segment + bytes_before_picks(segment->nr_arms);
    struct chairs chairs;

    chairs_init(&chairs, chosen, weights, errors);
    for (uint32_t t = 0; t < nr_tickets; t++)
        picks[t] = chosen->arms[next_chair(&chairs)];
    segment->picks = picks;
    segment->nr_tickets = nr_tickets;
}

/* ---- Both ------------------------------------------------------------------------------------ */

struct segment *segment_make(const uint32_t *weights, int nr_arms, const int64_t *errors,
                             uint32_t nr_wanted, bool is_counted)
{
    struct chosen chosen = choose(weights, nr_arms, errors);
    uint32_t nr_picks = is_counted && chosen.nr > 2 ? nr_wanted : 0;
    size_t bytes = bytes_before_picks(nr_arms) + whole_lines(nr_picks);
    struct segment *segment;

    assert(nr_arms >= 1 && nr_arms <= SEGMENT_ARMS_MAX && chosen.nr >= 1);
    segment = aligned_alloc(SEGMENT_CACHE_LINE, bytes);
    if (!segment)
        return NULL;
    memset(segment, 0, sizeof(*segment));
    atomic_init(&segment->ticket, 0);
    segment->nr_arms = (uint8_t)nr_arms;
    memcpy(segment->errors, errors, (size_t)nr_arms * sizeof(errors[0]));
    if (nr_picks > 0)
        make_picks(segment, &chosen, weights, errors, nr_picks);
    else if (is_counted && chosen.nr == 2)
        make_line(segment, &chosen, weights, errors);
    return segment;
}

/* Takes what a line drew from the errors. */
static void draw_line(const struct segment *segment, uint32_t nr_drawn, int64_t *errors)
{
    uint32_t nr_head = nr_drawn < segment->nr_head ? nr_drawn : segment->nr_head;
    uint32_t nr_rest = nr_drawn - nr_head;
    uint64_t nr_second = (segment->phase + (uint64_t)nr_rest * segment->weight) / SEGMENT_ONE;

    if (nr_rest == 0)
        nr_second = 0;
    errors[segment->head_arm] -= (int64_t)nr_head * SEGMENT_ONE;
    errors[segment->arms[1]] -= (int64_t)nr_second * SEGMENT_ONE;
    errors[segment->arms[0]] -= (int64_t)(nr_rest - nr_second) * SEGMENT_ONE;
}

void segment_errors(const struct segment *segment, const uint32_t *weights, uint32_t nr_drawn,
                    int64_t *errors)
{
    assert(nr_drawn <= segment->nr_tickets);
    for (int i = 0; i < segment->nr_arms; i++)
        errors[i] = segment->errors[i] + (int64_t)nr_drawn * weights[i];
    if (segment->picks)
        for (uint32_t t = 0; t < nr_drawn; t++)
            errors[segment->picks[t]] -= SEGMENT_ONE;
    else
        draw_line(segment, nr_drawn, errors);
}
