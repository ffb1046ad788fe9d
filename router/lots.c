/* A version's n-th turn lasts from where its target passes n - 1 to where it passes n. If every
 * turn gets one pick while it lasts, no version is ever a whole invocation off. The plan to
 * begin with cuts up each pick: a turn has as much of it as the version's target grows by in
 * this turn, so that each pick and each turn has one invocation in all.
 *
 *              pick 0   pick 1   pick 2   pick 3
 *     turn a1    .6       .4                        three versions of .6, .3 and .1; what is
 *     turn a2             .2       .6       .2      left of turns at the end is done after it
 *     turn b1    .3       .3       .3       .1
 *     ...
 *
 * Drawing lots makes whole picks of it. Where a turn has a part of a pick, another has one too;
 * where a pick has a part of a turn, another pick has one too. So there are circles, from a turn
 * to a pick to a turn and so on, and along a circle every other part can be made larger and
 * those between smaller, with all sums staying what they are, until one of them is 0. There are
 * two directions; which one is taken is drawn so that each part stays as it is on average. Parts
 * that are 0 or 1 are settled. The earliest pick goes first.
 *
 * This is dependent rounding (Gandhi and others, J. ACM 53 (2006)) of the cumulative kind that
 * Gölz, Peters and Procaccia apply to seats of parliaments (arXiv 2202.11061). */
#include "router/lots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "router/segment.h"

enum { NONE = UINT32_MAX };

/* A turn's part of a pick, in two lists of those that are not settled. */
struct part {
    uint32_t size; /* in billionths */
    uint32_t nodes[2];
    uint32_t next[2], previous[2];
};

enum { PICK, TURN };

/* A pick, or a turn. */
struct node {
    uint32_t first;
    uint32_t at; /* its place on the way, from 1; 0: not on it */
};

struct lots {
    uint8_t *picks;
    uint32_t nr_picks, nr_turns, nr_parts;
    /* The last pick stands for all that come afterwards. */
    struct node *nodes[2];
    struct part *parts;
    uint8_t *arms; /* of the turns */
    uint32_t *way; /* parts, each with the next one has a node in common */
};

/* ---- The plan -------------------------------------------------------------------------------- */

static void unlink_part(struct lots *lots, uint32_t p)
{
    const struct part *part = &lots->parts[p];

    for (int side = PICK; side <= TURN; side++) {
        uint32_t next = part->next[side], previous = part->previous[side];

        if (previous != NONE)
            lots->parts[previous].next[side] = next;
        else
            lots->nodes[side][part->nodes[side]].first = next;
        if (next != NONE)
            lots->parts[next].previous[side] = previous;
    }
}

/* lasts: the last part of each side's node so far. */
static void add_part(struct lots *lots, uint32_t pick, uint32_t turn, int64_t size,
                     uint32_t *last_of_pick, uint32_t *last_of_turn)
{
    uint32_t p = lots->nr_parts, *lasts[2] = {last_of_pick, last_of_turn};
    struct part *part = &lots->parts[p];

    if (size == 0)
        return;
    lots->nr_parts++;
    *part =
        (struct part){(uint32_t)size, {pick, turn}, {NONE, NONE}, {*last_of_pick, *last_of_turn}};
    for (int side = PICK; side <= TURN; side++) {
        if (*lasts[side] != NONE)
            lots->parts[*lasts[side]].next[side] = p;
        else
            lots->nodes[side][part->nodes[side]].first = p;
        *lasts[side] = p;
    }
}

/* Each arm's turn at hand, and how much of it is still to come. */
struct turns {
    uint32_t turn[SEGMENT_ARMS_MAX], last_part[SEGMENT_ARMS_MAX];
    int64_t rest[SEGMENT_ARMS_MAX];
};

static void next_turn(struct lots *lots, struct turns *turns, int arm)
{
    lots->arms[lots->nr_turns] = (uint8_t)arm;
    lots->nodes[TURN][lots->nr_turns] = (struct node){NONE, 0};
    turns->turn[arm] = lots->nr_turns++;
    turns->last_part[arm] = NONE;
    turns->rest[arm] = SEGMENT_ONE;
}

static void plan(struct lots *lots, const uint32_t *weights, int nr)
{
    struct turns turns;
    uint32_t last;

    for (int i = 0; i < nr; i++)
        next_turn(lots, &turns, i);
    for (uint32_t t = 0; t < lots->nr_picks; t++) {
        lots->nodes[PICK][t] = (struct node){NONE, 0};
        last = NONE;
        for (int i = 0; i < nr; i++) {
            int64_t size = weights[i];

            if (size >= turns.rest[i]) {
                add_part(lots, t, turns.turn[i], turns.rest[i], &last, &turns.last_part[i]);
                size -= turns.rest[i];
                next_turn(lots, &turns, i);
            }
            add_part(lots, t, turns.turn[i], size, &last, &turns.last_part[i]);
            turns.rest[i] -= size;
        }
    }
    lots->nodes[PICK][lots->nr_picks] = (struct node){NONE, 0};
    last = NONE;
    for (int i = 0; i < nr; i++) /* a turn that has not begun has no part in anything */
        if (turns.rest[i] < SEGMENT_ONE)
            add_part(lots, lots->nr_picks, turns.turn[i], turns.rest[i], &last,
                     &turns.last_part[i]);
}

/* ---- Drawing --------------------------------------------------------------------------------- */

/* Where the way leads on from a pick by its part p: the turn's earliest pick other than this.
 * There is one, as parts sum to whole invocations. */
static uint32_t leads_to(const struct lots *lots, uint32_t p)
{
    uint32_t first = lots->nodes[TURN][lots->parts[p].nodes[TURN]].first;
    uint32_t other = first == p ? lots->parts[p].next[TURN] : first;

    assert(other != NONE);
    return lots->parts[other].nodes[PICK];
}

/* Of the pick's parts other than p the one that leads to the earliest pick, which keeps ways
 * short. home is where the way began: none leads to an earlier one. */
static uint32_t part_of_pick(const struct lots *lots, uint32_t pick, uint32_t p, uint32_t home)
{
    uint32_t best = NONE, earliest = NONE;

    for (uint32_t q = lots->nodes[PICK][pick].first; q != NONE && earliest != home;
         q = lots->parts[q].next[PICK]) {
        uint32_t to = q != p ? leads_to(lots, q) : NONE;

        if (to < earliest) {
            earliest = to;
            best = q;
        }
    }
    assert(best != NONE);
    return best;
}

/* The earliest part of the turn of p other than p. */
static uint32_t part_of_turn(const struct lots *lots, uint32_t p)
{
    uint32_t first = lots->nodes[TURN][lots->parts[p].nodes[TURN]].first;

    return first == p ? lots->parts[p].next[TURN] : first;
}

/* Walks from the earliest pick that is not settled until the way comes back to where it has
 * been: from there on it is a circle. Tells where that is, and how long the way is. */
static uint32_t walk(struct lots *lots, uint32_t home, uint32_t *length)
{
    uint32_t nr = 0, p = NONE, pick = home;

    for (;;) {
        struct node *node = &lots->nodes[PICK][pick];

        if (node->at > 0)
            break;
        node->at = nr + 1;
        p = part_of_pick(lots, pick, p, home);
        lots->way[nr++] = p;
        node = &lots->nodes[TURN][lots->parts[p].nodes[TURN]];
        if (node->at > 0) {
            *length = nr;
            return node->at - 1;
        }
        node->at = nr + 1;
        p = part_of_turn(lots, p);
        lots->way[nr++] = p;
        pick = lots->parts[p].nodes[PICK];
    }
    *length = nr;
    return lots->nodes[PICK][pick].at - 1;
}

/* Everything on the way may be met again. */
static void forget_way(struct lots *lots, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        for (int side = PICK; side <= TURN; side++)
            lots->nodes[side][lots->parts[lots->way[i]].nodes[side]].at = 0;
}

static void settle(struct lots *lots, uint32_t p, int64_t size)
{
    struct part *part = &lots->parts[p];

    part->size = (uint32_t)size;
    if (size > 0 && size < SEGMENT_ONE)
        return;
    unlink_part(lots, p);
    if (size == SEGMENT_ONE && part->nodes[PICK] < lots->nr_picks)
        lots->picks[part->nodes[PICK]] = lots->arms[part->nodes[TURN]];
}

/* Makes every other part larger, those between smaller. */
static void shift(struct lots *lots, uint32_t from, uint32_t length, int64_t by)
{
    for (uint32_t i = from; i < length; i++, by = -by)
        settle(lots, lots->way[i], lots->parts[lots->way[i]].size + by);
}

/* Draws the direction of one circle. By how much a direction shifts is what the smallest of the
 * parts that it makes smaller has. The further it goes, the rarer it has to be. */
static void draw(struct lots *lots, uint32_t pick, struct prng *rng)
{
    uint32_t smallest[2] = {SEGMENT_ONE, SEGMENT_ONE}, length, from = walk(lots, pick, &length);

    assert((length - from) % 2 == 0);
    for (uint32_t i = from; i < length; i++) {
        uint32_t size = lots->parts[lots->way[i]].size;

        if (size < smallest[(i - from) % 2])
            smallest[(i - from) % 2] = size;
    }
    forget_way(lots, length);
    if (prng_below(rng, smallest[0] + smallest[1]) < smallest[0])
        shift(lots, from, length, smallest[1]);
    else
        shift(lots, from, length, -(int64_t)smallest[0]);
}

/* ---- An order -------------------------------------------------------------------------------- */

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b > 0) {
        uint32_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

uint32_t lots_length(const uint32_t *weights, int nr)
{
    uint32_t divisor = SEGMENT_ONE;

    for (int i = 0; i < nr; i++)
        divisor = common_divisor(divisor, weights[i]);
    return SEGMENT_ONE / divisor <= LOTS_MOST ? SEGMENT_ONE / divisor : LOTS_FEW;
}

static void *take(char **memory, size_t bytes)
{
    void *taken = *memory;

    *memory += bytes;
    return taken;
}

int lots_order(uint8_t *picks, uint32_t nr_picks, const uint32_t *weights, int nr, struct prng *rng)
{
    size_t k = (size_t)nr, nr_turns = nr_picks + k + 1, nr_nodes = nr_picks + 1 + nr_turns;
    size_t nr_parts = nr_picks * k + nr_turns + k;
    struct lots lots = {.picks = picks, .nr_picks = nr_picks};
    char *memory = malloc(nr_parts * sizeof(struct part) + nr_nodes * sizeof(struct node) +
                          nr_nodes * sizeof(uint32_t) + nr_turns);
    void *all = memory;

    if (!memory)
        return -1;
    lots.parts = take(&memory, nr_parts * sizeof(struct part));
    lots.nodes[PICK] = take(&memory, (nr_picks + 1) * sizeof(struct node));
    lots.nodes[TURN] = take(&memory, nr_turns * sizeof(struct node));
    lots.way = take(&memory, nr_nodes * sizeof(uint32_t));
    lots.arms = take(&memory, nr_turns);
    plan(&lots, weights, nr);
    assert(lots.nr_turns <= nr_turns && lots.nr_parts <= nr_parts);
    for (uint32_t t = 0; t < nr_picks; t++)
        while (lots.nodes[PICK][t].first != NONE)
            draw(&lots, t, rng);
    free(all);
    return 0;
}
