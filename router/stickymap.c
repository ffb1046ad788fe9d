/* Editing a map is a sequence of moves, each of which takes from a version that has too much and
 * gives to one that has too little: so the callers who move are as few as can be, whatever the
 * order of the moves is. That decides how many pieces there will be: first come moves that make
 * pieces disappear, then those of a boundary between neighbours, then those of a whole piece to a
 * version that is no neighbour, and last those that cut a piece in two. */
#include "router/stickymap.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "router/hash.h"

uint64_t stickymap_seed(struct str salt)
{
    return XXH64(salt.p, salt.n, 0);
}

uint64_t stickymap_hash(uint64_t seed, struct str key)
{
    return XXH64(key.p, key.n, seed);
}

/* ---- Making ---------------------------------------------------------------------------------- */

enum { POINT_BITS = 30 }; /* 10^9 is below 2^30 */

static void fill_guide(struct stickymap *map)
{
    uint16_t *guide = (uint16_t *)(uintptr_t)map->guide;
    uint32_t nr_buckets = (uint32_t)((STICKYMAP_ONE - 1) >> map->shift) + 1;
    int piece = 0;

    for (uint32_t i = 0; i < nr_buckets; i++) {
        while (map->ends[piece] <= i << map->shift)
            piece++;
        guide[i] = (uint16_t)piece;
    }
    guide[nr_buckets] = (uint16_t)(map->nr - 1);
}

static int shift_of(int nr)
{
    int shift = POINT_BITS - 1;

    while (1 << (POINT_BITS - shift) < 2 * nr)
        shift--;
    return shift;
}

static struct stickymap *allocate(const struct str *versions, int nr_versions, int nr)
{
    int shift = shift_of(nr);
    size_t nr_buckets = (size_t)(STICKYMAP_ONE - 1) / ((size_t)1 << shift) + 1;
    size_t bytes = sizeof(struct stickymap) + (size_t)nr * sizeof(uint32_t);
    size_t guide_at = bytes + (size_t)nr * sizeof(uint16_t);
    size_t names_at = (guide_at + (nr_buckets + 1) * sizeof(uint16_t) + 7) & ~(size_t)7;
    size_t text_at = names_at + (size_t)nr_versions * sizeof(struct str), n = 0;
    struct stickymap *map;
    struct str *names;
    char *text;

    for (int i = 0; i < nr_versions; i++)
        n += versions[i].n;
    map = malloc(text_at + n);
    if (!map)
        return NULL;
    atomic_init(&map->refs, 1);
    map->nr = (uint16_t)nr;
    map->nr_versions = (uint16_t)nr_versions;
    map->shift = (uint8_t)shift;
    map->owners = (uint16_t *)(void *)((char *)map + bytes);
    map->guide = (uint16_t *)(void *)((char *)map + guide_at);
    map->versions = names = (struct str *)(void *)((char *)map + names_at);
    text = (char *)map + text_at;
    for (int i = 0; i < nr_versions; i++) {
        memcpy(text, versions[i].p, versions[i].n);
        names[i] = (struct str){text, versions[i].n};
        text += versions[i].n;
    }
    return map;
}

/* Goes over the pieces that a map is to have; put may be NULL: how many are they? */
static int put_pieces(struct stickymap *put, const struct stickymap_piece *pieces, int nr)
{
    uint16_t *owners = put ? (uint16_t *)(uintptr_t)put->owners : NULL;
    uint32_t start = 0;
    int n = 0, last = -1;

    for (int i = 0; i < nr; i++) {
        assert(pieces[i].end >= start && pieces[i].end <= STICKYMAP_ONE);
        if (pieces[i].end == start)
            continue;
        start = pieces[i].end;
        n += pieces[i].version != last;
        last = pieces[i].version;
        if (put) {
            put->ends[n - 1] = start;
            owners[n - 1] = pieces[i].version;
        }
    }
    assert(start == STICKYMAP_ONE);
    return n;
}

struct stickymap *stickymap_make(const struct str *versions, int nr_versions,
                                 const struct stickymap_piece *pieces, int nr)
{
    int n = put_pieces(NULL, pieces, nr);
    struct stickymap *map;

    if (n > STICKYMAP_PIECES_MAX)
        return NULL;
    map = allocate(versions, nr_versions, n);
    if (map) {
        put_pieces(map, pieces, nr);
        fill_guide(map);
    }
    return map;
}

struct stickymap *stickymap_row(const struct str *versions, const uint32_t *weights, int nr)
{
    struct stickymap_piece pieces[SEGMENT_ARMS_MAX];
    uint32_t end = 0;

    assert(nr <= SEGMENT_ARMS_MAX);
    for (int i = 0; i < nr; i++)
        pieces[i] = (struct stickymap_piece){end += weights[i], (uint16_t)i};
    return stickymap_make(versions, nr, pieces, nr);
}

struct stickymap *stickymap_ref(struct stickymap *map)
{
    atomic_fetch_add_explicit(&map->refs, 1, memory_order_relaxed);
    return map;
}

void stickymap_unref(struct stickymap **map)
{
    struct stickymap *m = *map;

    *map = NULL;
    if (m && atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
        free(m);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static struct str owner_of(const struct stickymap *map, int piece)
{
    return map->versions[map->owners[piece]];
}

uint32_t stickymap_moved(const struct stickymap *a, const struct stickymap *b)
{
    uint32_t moved = 0, start = 0;

    for (int i = 0, k = 0; start < STICKYMAP_ONE;) {
        uint32_t end = a->ends[i] < b->ends[k] ? a->ends[i] : b->ends[k];

        if (!str_eq(owner_of(a, i), owner_of(b, k)))
            moved += end - start;
        i += a->ends[i] == end;
        k += b->ends[k] == end;
        start = end;
    }
    return moved;
}

bool stickymap_is_same(const struct stickymap *a, const struct stickymap *b)
{
    return a == b || (a && b && stickymap_moved(a, b) == 0);
}

bool stickymap_is_row(const struct stickymap *map)
{
    for (int i = 1; i < map->nr; i++)
        if (map->owners[i] <= map->owners[i - 1])
            return false;
    return true;
}

/* ---- Editing --------------------------------------------------------------------------------- */

/* With what a fit can add to the pieces of a map: one for each giver and each receiver. */
enum { EDIT_PIECES_MAX = STICKYMAP_PIECES_MAX + 2 * SEGMENT_ARMS_MAX + STICKYMAP_PIECES_MAX };
enum { EDIT_OWNERS_MAX = STICKYMAP_PIECES_MAX + SEGMENT_ARMS_MAX };

struct part {
    uint32_t length;
    uint16_t owner;
};

struct edit {
    int nr, nr_owners;
    int64_t lacks[EDIT_OWNERS_MAX]; /* what each is to get, or to give where it is below 0 */
    struct part parts[EDIT_PIECES_MAX];
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How much can part i give to an owner? */
static int64_t amount(const struct edit *e, int i, uint16_t to)
{
    int64_t most = least(-e->lacks[e->parts[i].owner], e->lacks[to]);

    return most > 0 ? least(most, e->parts[i].length) : 0;
}

static bool may_give(const struct edit *e, int i)
{
    return e->lacks[e->parts[i].owner] < 0;
}

static void remove_part(struct edit *e, int i)
{
    e->nr--;
    memmove(&e->parts[i], &e->parts[i + 1], (size_t)(e->nr - i) * sizeof(e->parts[0]));
}

/* Joins the part with its neighbours, if they belong to the same; takes it out if it is empty, and
 * then joins those that meet. */
static void settle(struct edit *e, int i)
{
    if (e->parts[i].length == 0 && e->nr > 1) {
        remove_part(e, i);
        if (i == e->nr)
            i--;
    }
    if (i + 1 < e->nr && e->parts[i].owner == e->parts[i + 1].owner) {
        e->parts[i].length += e->parts[i + 1].length;
        remove_part(e, i + 1);
    }
    if (i > 0 && e->parts[i].owner == e->parts[i - 1].owner) {
        e->parts[i - 1].length += e->parts[i].length;
        remove_part(e, i);
    }
}

static void account(struct edit *e, uint16_t from, uint16_t to, int64_t n)
{
    e->lacks[from] += n;
    e->lacks[to] -= n;
}

/* How many pieces disappear if the whole of part i goes to the neighbour on this side? 0: it
 * cannot. */
static int saved_by(const struct edit *e, int i, int side)
{
    int to = i + side;
    bool is_between = i > 0 && i + 1 < e->nr && e->parts[i - 1].owner == e->parts[i + 1].owner;

    if (to < 0 || to >= e->nr || amount(e, i, e->parts[to].owner) < e->parts[i].length)
        return 0;
    return is_between ? 2 : 1;
}

static void give_whole(struct edit *e, int i, uint16_t to)
{
    account(e, e->parts[i].owner, to, e->parts[i].length);
    e->parts[i].owner = to;
    settle(e, i);
}

/* The part whose going saves most, of several the shortest. */
static bool dissolve(struct edit *e)
{
    int best = -1, best_saved = 0, best_side = 0;

    for (int i = 0; i < e->nr; i++) {
        for (int side = -1; may_give(e, i) && side <= 1; side += 2) {
            int saved = saved_by(e, i, side);

            if (saved > best_saved ||
                (saved > 0 && saved == best_saved && e->parts[i].length < e->parts[best].length)) {
                best = i;
                best_saved = saved;
                best_side = side;
            }
        }
    }
    if (best < 0)
        return false;
    give_whole(e, best, e->parts[best + best_side].owner);
    return true;
}

/* The boundary over which most can go; less than a whole part, as those are dissolved. */
static bool move_boundary(struct edit *e)
{
    int best = -1, best_side = 0;
    int64_t most = 0;

    for (int i = 0; i < e->nr; i++) {
        for (int side = -1; may_give(e, i) && side <= 1; side += 2) {
            int to = i + side;
            int64_t n = to < 0 || to >= e->nr ? 0 : amount(e, i, e->parts[to].owner);

            if (n > most) {
                most = n;
                best = i;
                best_side = side;
            }
        }
    }
    if (best < 0)
        return false;
    account(e, e->parts[best].owner, e->parts[best + best_side].owner, most);
    e->parts[best].length -= (uint32_t)most;
    e->parts[best + best_side].length += (uint32_t)most;
    return true;
}

/* The longest part that may go as a whole, to the version that lacks most. */
static bool give_away(struct edit *e)
{
    int best = -1;
    uint16_t to = 0;

    for (uint16_t v = 1; v < e->nr_owners; v++)
        if (e->lacks[v] > e->lacks[to])
            to = v;
    for (int i = 0; i < e->nr; i++)
        if (may_give(e, i) && amount(e, i, to) == e->parts[i].length &&
            (best < 0 || e->parts[i].length > e->parts[best].length))
            best = i;
    if (best < 0)
        return false;
    give_whole(e, best, to);
    return true;
}

/* Cuts the longest part of who has most to give, for who lacks most. The order of the versions says
 * on which side, so that two of them stand as they stood. */
static bool cut(struct edit *e)
{
    uint16_t from = 0, to = 0;
    int best = -1, at;
    int64_t n;

    for (uint16_t v = 1; v < e->nr_owners; v++) {
        from = e->lacks[v] < e->lacks[from] ? v : from;
        to = e->lacks[v] > e->lacks[to] ? v : to;
    }
    for (int i = 0; i < e->nr; i++)
        if (e->parts[i].owner == from && (best < 0 || e->parts[i].length > e->parts[best].length))
            best = i;
    n = best < 0 ? 0 : amount(e, best, to);
    if (n == 0)
        return false;
    account(e, from, to, n);
    e->parts[best].length -= (uint32_t)n;
    at = to < from ? best : best + 1;
    assert(e->nr < EDIT_PIECES_MAX);
    memmove(&e->parts[at + 1], &e->parts[at], (size_t)(e->nr - at) * sizeof(e->parts[0]));
    e->parts[at] = (struct part){(uint32_t)n, to};
    e->nr++;
    return true;
}

/* ---- Too many pieces ------------------------------------------------------------------------- */

/* The nearest other part of the same owner; -1: there is none. */
static int next_of_same(const struct edit *e, int i)
{
    for (int far = 1; far < e->nr; far++) {
        if (i - far >= 0 && e->parts[i - far].owner == e->parts[i].owner)
            return i - far;
        if (i + far < e->nr && e->parts[i + far].owner == e->parts[i].owner)
            return i + far;
    }
    return -1;
}

/* Joins the shortest part that has one to be joined with: what lies between moves along. */
static void join_shortest(struct edit *e)
{
    int best = -1, to = -1;

    for (int i = 0; i < e->nr; i++) {
        if (best >= 0 && e->parts[i].length >= e->parts[best].length)
            continue;
        if (next_of_same(e, i) >= 0)
            best = i;
    }
    assert(best >= 0); /* more parts than owners */
    to = next_of_same(e, best);
    e->parts[to].length += e->parts[best].length;
    e->parts[best].length = 0;
    settle(e, best);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static int find_name(const struct str *versions, int nr, struct str name)
{
    for (int i = 0; i < nr; i++)
        if (str_eq(versions[i], name))
            return i;
    return -1;
}

/* The owners are the versions, then those of the map that are not among them. */
static void begin(struct edit *e, const struct stickymap *map, const struct str *versions,
                  const uint32_t *weights, int nr)
{
    uint16_t owner[STICKYMAP_PIECES_MAX];
    uint32_t start = 0;

    e->nr = map->nr;
    e->nr_owners = nr;
    for (int i = 0; i < nr; i++)
        e->lacks[i] = weights[i];
    for (int i = 0; i < map->nr_versions; i++) {
        int found = find_name(versions, nr, map->versions[i]);

        if (found < 0)
            e->lacks[found = e->nr_owners++] = 0;
        owner[i] = (uint16_t)found;
    }
    for (int i = 0; i < map->nr; i++) {
        struct part part = {map->ends[i] - start, owner[map->owners[i]]};

        e->parts[i] = part;
        e->lacks[part.owner] -= part.length;
        start = map->ends[i];
    }
}

static void run(struct edit *e)
{
    while (dissolve(e) || move_boundary(e) || give_away(e) || cut(e)) {
    }
    while (e->nr > STICKYMAP_PIECES_MAX)
        join_shortest(e);
}

static struct stickymap *finish(const struct edit *e, const struct str *versions, int nr)
{
    struct stickymap_piece pieces[STICKYMAP_PIECES_MAX];
    uint32_t end = 0;

    for (int i = 0; i < e->nr; i++)
        pieces[i] = (struct stickymap_piece){end += e->parts[i].length, e->parts[i].owner};
    return stickymap_make(versions, nr, pieces, e->nr);
}

static bool fits(const struct stickymap *map, const struct str *versions, const uint32_t *weights,
                 int nr)
{
    int64_t sums[SEGMENT_ARMS_MAX] = {0};
    uint32_t start = 0;

    if (map->nr_versions != nr)
        return false;
    for (int i = 0; i < map->nr; i++) {
        sums[map->owners[i]] += map->ends[i] - start;
        start = map->ends[i];
    }
    for (int i = 0; i < nr; i++)
        if (sums[i] != weights[i] || !str_eq(map->versions[i], versions[i]))
            return false;
    return true;
}

struct stickymap *stickymap_fit(struct stickymap *map, const struct str *versions,
                                const uint32_t *weights, int nr)
{
    struct stickymap *fitted;
    struct edit *e;

    assert(nr <= SEGMENT_ARMS_MAX);
    if (fits(map, versions, weights, nr))
        return stickymap_ref(map);
    e = malloc(sizeof(*e));
    if (!e)
        return NULL;
    begin(e, map, versions, weights, nr);
    run(e);
    fitted = finish(e, versions, nr);
    free(e);
    return fitted;
}
