/* Which order a segment has; docs/split.md says why each keeps within its bounds.
 *
 *     arms with weight    up to three arms count            else
 *     2                   a line, at any place              a line, in the middle
 *     3                   trio.c                            chairs.c
 *     4 and more          lots.c, if no arm has an error    chairs.c
 *
 * A spread segment has a line or chairs.c, which take the place into account without a draw.
 *
 * An arm counts if it has weight or an error. If the errors do not sum to 0, an arm was
 * forgotten and took its error with it; it counts too. On the left chance decides; on the right
 * the errors do. */
#include "router/segment.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "router/chairs.h"
#include "router/lots.h"
#include "router/trio.h"

/* Rounded up to whole cache lines, as aligned_alloc wants it. */
static size_t whole_lines(size_t bytes)
{
    return (bytes + SEGMENT_CACHE_LINE - 1) / SEGMENT_CACHE_LINE * SEGMENT_CACHE_LINE;
}

static size_t bytes_before_picks(int nr_arms, unsigned flags)
{
    size_t each = sizeof(int64_t) + (flags & SEGMENT_SPREAD ? sizeof(uint64_t) : 0);

    return whole_lines(offsetof(struct segment, errors) + (size_t)nr_arms * each);
}

/* ---- Which order ----------------------------------------------------------------------------- */

enum order { ORDER_NONE, ORDER_LINE, ORDER_MIDDLE_LINE, ORDER_TRIO, ORDER_LOTS, ORDER_CHAIRS };

/* The arms with weight. */
struct chosen {
    enum order order;
    int nr;
    uint8_t arms[SEGMENT_ARMS_MAX];
    uint32_t weights[SEGMENT_ARMS_MAX];
    int64_t errors[SEGMENT_ARMS_MAX];
};

static bool is_below_one(int64_t error)
{
    return error > -SEGMENT_ONE && error < SEGMENT_ONE;
}

static enum order order_of(int nr_chosen, const uint32_t *weights, int nr_arms,
                           const int64_t *errors, unsigned flags)
{
    int nr_counting = 0, nr_owed = 0;
    bool is_near = true;
    int64_t sum = 0;

    for (int i = 0; i < nr_arms; i++) {
        nr_owed += errors[i] != 0;
        nr_counting += weights[i] > 0 || errors[i] != 0;
        is_near = is_near && is_below_one(errors[i]);
        sum += errors[i];
    }
    nr_counting += sum != 0;
    is_near = is_near && is_below_one(sum) && nr_counting <= 3;
    if (nr_chosen < 2)
        return ORDER_NONE;
    if (nr_chosen == 2)
        return is_near ? ORDER_LINE : ORDER_MIDDLE_LINE;
    if (flags & SEGMENT_SPREAD)
        return ORDER_CHAIRS;
    if (nr_chosen == 3 && is_near)
        return ORDER_TRIO;
    return nr_chosen > 3 && nr_owed == 0 ? ORDER_LOTS : ORDER_CHAIRS;
}

static struct chosen choose(const uint32_t *weights, int nr_arms, const int64_t *errors,
                            unsigned flags)
{
    struct chosen chosen = {0};

    for (int i = 0; i < nr_arms; i++) {
        if (weights[i] == 0)
            continue;
        chosen.arms[chosen.nr] = (uint8_t)i;
        chosen.weights[chosen.nr] = weights[i];
        chosen.errors[chosen.nr++] = errors[i];
    }
    chosen.order = order_of(chosen.nr, weights, nr_arms, errors, flags);
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
 * window of one invocation whose lower end is its first error minus the phase. */
static void make_line(struct segment *segment, const struct chosen *chosen, int64_t phase)
{
    int64_t weight = chosen->weights[1];

    segment->nr_tickets = SEGMENT_LINE_TICKETS;
    segment->arms[0] = chosen->arms[0];
    segment->arms[1] = chosen->arms[1];
    segment->weight = chosen->weights[1];
    if (phase >= SEGMENT_ONE) {
        segment->head_arm = chosen->arms[1];
        segment->nr_head = shortest((phase - SEGMENT_ONE) / (SEGMENT_ONE - weight) + 1);
        phase -= segment->nr_head * (SEGMENT_ONE - weight);
    } else if (phase < 0) {
        segment->head_arm = chosen->arms[0];
        segment->nr_head = shortest(div_ceil(-phase, weight));
        phase += segment->nr_head * weight;
    }
    /* If the head is the whole segment, no ticket is left that would look at the phase. */
    assert((phase >= 0 && phase < SEGMENT_ONE) || segment->nr_head == SEGMENT_LINE_TICKETS);
    segment->phase = (uint64_t)phase;
}

/* The phase that puts the window's middle at the mean of both errors. Where it is out of [0, 1),
 * one of the arms is owed so much that it alone is drawn until the phase comes within. */
static int64_t middle_phase(const struct chosen *chosen)
{
    return div_floor(chosen->errors[1] - chosen->errors[0], 2) + SEGMENT_ONE / 2;
}

/* How far the window of the second arm's error reaches below 0, by the place: the place as a
 * fraction of 2^64. */
static int64_t depth_of(uint64_t place)
{
    return (int64_t)((unsigned __int128)place * SEGMENT_ONE >> 64);
}

/* One of the places of that depth. */
static uint64_t place_of(int64_t depth, struct prng *rng)
{
    unsigned __int128 first = ((unsigned __int128)depth << 64) + SEGMENT_ONE - 1;

    return (uint64_t)(first / SEGMENT_ONE) + (prng_next(rng) >> 30); /* of 1.8 * 10^10 */
}

static int64_t smallest(int64_t a, int64_t b, int64_t c)
{
    int64_t d = a < b ? a : b;

    return d < c ? d : c;
}

/* The window may be anywhere where both errors are in it and none of it is a whole invocation
 * away from 0. The one of the place is kept if it is such a one, so that a line whose weights
 * change goes on in its window. Else another arm has had to do with it since, and a window is
 * drawn of those; a spread one has the nearest. */
static int64_t drawn_phase(struct segment *segment, const struct chosen *chosen)
{
    int64_t b = chosen->errors[1], sum = b + chosen->errors[0];
    int64_t most = SEGMENT_ONE - 1 + smallest(0, -sum, -b);
    int64_t least = -smallest(0, sum, b);
    int64_t depth = depth_of(segment->place);
    struct prng rng;

    assert(least <= most);
    if (segment->flags & SEGMENT_SPREAD) {
        depth = depth < least ? least : depth > most ? most : depth;
    } else if (depth < least || depth > most) {
        prng_seed(&rng, segment->place);
        depth = least + prng_below(&rng, (uint32_t)(most - least + 1));
        segment->place = place_of(depth, &rng);
    }
    return b + depth;
}

/* ---- Three and more -------------------------------------------------------------------------- */

/* 0, or -1 when out of memory. */
static int work_out(uint8_t *picks, uint32_t nr_picks, const struct chosen *chosen, uint64_t *place,
                    unsigned flags)
{
    struct prng rng;

    prng_seed(&rng, *place);
    if (chosen->order != ORDER_CHAIRS)
        *place = prng_next(&rng);
    if (chosen->order == ORDER_LOTS) {
        if (lots_order(picks, nr_picks, chosen->weights, chosen->nr, &rng))
            return -1;
    } else if (chosen->order == ORDER_TRIO) {
        trio_order(picks, nr_picks, chosen->weights, chosen->errors, &rng);
    } else {
        chairs_order(picks, nr_picks, chosen->weights, chosen->errors, chosen->nr,
                     flags & SEGMENT_SPREAD ? *place : 0);
    }
    for (uint32_t t = 0; t < nr_picks; t++)
        picks[t] = chosen->arms[picks[t]];
    return 0;
}

/* ---- All ------------------------------------------------------------------------------------- */

/* With room for picks, and no tickets. */
static struct segment *make_empty(int nr_arms, const int64_t *errors, uint64_t place,
                                  uint32_t nr_picks, unsigned flags)
{
    size_t before_picks = bytes_before_picks(nr_arms, flags);
    struct segment *segment =
        aligned_alloc(SEGMENT_CACHE_LINE, before_picks + whole_lines(nr_picks));

    if (!segment)
        return NULL;
    memset(segment, 0, sizeof(*segment));
    atomic_init(&segment->own_ticket, 0);
    segment->ticket = &segment->own_ticket;
    segment->nr_arms = (uint8_t)nr_arms;
    segment->place = segment->made_with = place;
    segment->flags = (uint8_t)flags;
    if (flags & SEGMENT_SPREAD) {
        segment->counts = (uint64_t *)(void *)(segment->errors + nr_arms);
        memset(segment->counts, 0, (size_t)nr_arms * sizeof(segment->counts[0]));
    }
    memcpy(segment->errors, errors, (size_t)nr_arms * sizeof(errors[0]));
    if (nr_picks > 0) {
        segment->picks = (uint8_t *)segment + before_picks;
        segment->nr_tickets = nr_picks;
    }
    return segment;
}

/* Has each arm had just its share after nr picks, if none was owed anything before them? */
static bool is_whole(const struct chosen *chosen, uint32_t nr)
{
    int i = 0;

    while (i < chosen->nr && (uint64_t)nr * chosen->weights[i] % SEGMENT_ONE == 0)
        i++;
    return i == chosen->nr;
}

/* Fills the segment with its first nr picks again and again. */
static void repeat(struct segment *segment, uint32_t nr)
{
    uint8_t *picks = (uint8_t *)segment + bytes_before_picks(segment->nr_arms, segment->flags);

    segment->is_round = true;
    for (uint32_t t = nr; t < segment->nr_tickets; t += nr)
        memcpy(picks + t, picks, nr);
}

/* The least multiple of nr that is not below wanted. */
static uint32_t whole_times(uint32_t nr, uint32_t wanted)
{
    return (wanted + nr - 1) / nr * nr;
}

static struct segment *make_worked_out(int nr_arms, const int64_t *errors, uint64_t place,
                                       const struct chosen *chosen, uint32_t nr_wanted,
                                       unsigned flags)
{
    uint32_t nr =
        chosen->order == ORDER_LOTS ? lots_length(chosen->weights, chosen->nr) : nr_wanted;
    bool is_round = chosen->order == ORDER_LOTS && is_whole(chosen, nr);
    struct segment *segment =
        make_empty(nr_arms, errors, place, is_round ? whole_times(nr, nr_wanted) : nr, flags);

    if (!segment)
        return NULL;
    if (work_out((uint8_t *)segment + bytes_before_picks(nr_arms, flags), nr, chosen,
                 &segment->place, flags)) {
        free(segment);
        return NULL;
    }
    if (is_round)
        repeat(segment, nr);
    return segment;
}

struct segment *segment_make(const uint32_t *weights, int nr_arms, const int64_t *errors,
                             uint64_t place, uint32_t nr_wanted, unsigned flags)
{
    struct chosen chosen = choose(weights, nr_arms, errors, flags);
    bool is_counted = flags & SEGMENT_COUNTED;
    struct segment *segment;

    assert(nr_arms >= 1 && nr_arms <= SEGMENT_ARMS_MAX && chosen.nr >= 1);
    if (is_counted && chosen.nr > 2)
        return make_worked_out(nr_arms, errors, place, &chosen, nr_wanted, flags);
    segment = make_empty(nr_arms, errors, place, 0, flags);
    if (segment && is_counted && chosen.order == ORDER_LINE)
        make_line(segment, &chosen, drawn_phase(segment, &chosen));
    else if (segment && is_counted && chosen.order == ORDER_MIDDLE_LINE)
        make_line(segment, &chosen, middle_phase(&chosen));
    return segment;
}

static struct segment *make_again(const struct segment *segment, uint32_t nr_wanted)
{
    uint32_t nr = segment->nr_tickets;
    struct segment *again = make_empty(segment->nr_arms, segment->errors, segment->place,
                                       whole_times(nr, nr_wanted), segment->flags);

    if (!again)
        return NULL;
    again->made_with = segment->made_with;
    memcpy((uint8_t *)again + bytes_before_picks(segment->nr_arms, segment->flags), segment->picks,
           nr);
    repeat(again, nr);
    return again;
}

struct segment *segment_next(const struct segment *segment, const uint32_t *weights,
                             uint32_t nr_wanted)
{
    int64_t errors[SEGMENT_ARMS_MAX];
    struct segment *next;

    if (segment->is_round)
        return make_again(segment, nr_wanted);
    segment_errors(segment, weights, segment->nr_tickets, errors);
    next =
        segment_make(weights, segment->nr_arms, errors, segment->place, nr_wanted, segment->flags);
    if (next && next->counts)
        segment_counts(segment, weights, segment->nr_tickets, errors, next->counts);
    return next;
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

void segment_counts(const struct segment *segment, const uint32_t *weights, uint32_t nr_drawn,
                    const int64_t *errors, uint64_t *counts)
{
    assert(segment->counts);
    for (int i = 0; i < segment->nr_arms; i++) {
        int64_t given = segment->errors[i] + (int64_t)nr_drawn * weights[i] - errors[i];

        assert(given >= 0 && given % SEGMENT_ONE == 0);
        counts[i] = segment->counts[i] + (uint64_t)(given / SEGMENT_ONE);
    }
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

static void widen(int64_t *low, int64_t *high, int64_t from, int64_t to)
{
    *low = from < *low ? from : *low;
    *high = to > *high ? to : *high;
}

/* The window of the second arm begins at its error where the line does, less the phase; the first
 * one's is the same from the other side. */
static void reach_of_line(const struct segment *segment, const uint32_t *weights, int64_t *low,
                          int64_t *high)
{
    uint8_t a = segment->arms[0], b = segment->arms[1];
    int64_t sum = segment->errors[a] + segment->errors[b];
    int64_t from = segment->errors[b] + (int64_t)segment->nr_head * weights[b];

    if (segment->head_arm == b)
        from -= (int64_t)segment->nr_head * SEGMENT_ONE;
    from -= (int64_t)segment->phase;
    widen(&low[b], &high[b], from, from + SEGMENT_ONE);
    widen(&low[a], &high[a], sum - from - SEGMENT_ONE, sum - from);
}

/* Tijdeman's constant around the mean while the weights have stayed; what docs/split.md proves of
 * changes else. */
static void reach_of_chairs(const struct segment *segment, const uint32_t *weights, int64_t *low,
                            int64_t *high)
{
    int64_t owed = 0, all = 0, nr = 0, most, mean;

    for (int i = 0; i < segment->nr_arms; i++) {
        all += segment->errors[i];
        owed += weights[i] > 0 ? segment->errors[i] : 0;
        nr += weights[i] > 0;
    }
    mean = div_floor(owed, nr);
    most = SEGMENT_ONE - SEGMENT_ONE / (2 * nr - 2);
    if (segment->flags & SEGMENT_DISTURBED) {
        mean = 0;
        most = (int64_t)SEGMENT_ONE * (segment->nr_arms - 1) / (all == 0 ? 2 : 1);
    }
    for (int i = 0; i < segment->nr_arms; i++)
        if (weights[i] > 0)
            widen(&low[i], &high[i], mean - most, mean + most + (owed % nr != 0));
}

void segment_reach(const struct segment *segment, const uint32_t *weights, int64_t *low,
                   int64_t *high)
{
    assert(segment->flags & SEGMENT_SPREAD);
    for (int i = 0; i < segment->nr_arms; i++)
        low[i] = high[i] = segment->errors[i];
    if (segment->picks)
        reach_of_chairs(segment, weights, low, high);
    else if (segment->nr_tickets > 0)
        reach_of_line(segment, weights, low, high);
}
