/* Which version a caller runs, where callers stay: the map of a sticky split.
 *
 *     0 --- piece of 1 --- 95 -- piece of 2 -- 100 percent
 *
 * A caller is a point of [0, 1), in billionths: floor(XXH64(key, XXH64(salt, 0)) * 10^9 / 2^64).
 * The map divides [0, 1) into pieces, each of which belongs to a version; those of a version are
 * as long together as its weight. Another map is made from the one in force, so that versions
 * whose weight fell give exactly what they lost to versions whose weight rose: no rule that
 * knows only the weights can move as few callers (docs/split.md).
 *
 * Frozen, counted; any thread. */
#ifndef WEIR_ROUTER_STICKYMAP_H
#define WEIR_ROUTER_STICKYMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "router/segment.h"

enum { STICKYMAP_ONE = SEGMENT_ONE, STICKYMAP_PIECES_MAX = 1024 };

struct stickymap_piece {
    uint32_t end;     /* in billionths; the next one begins there, the last one ends at 10^9 */
    uint16_t version; /* an index */
};

struct stickymap {
    _Atomic uint32_t refs;
    uint16_t nr;          /* pieces, 1 or more, none of them empty, no two neighbours alike */
    uint16_t nr_versions; /* may be more than have pieces */
    uint8_t shift;        /* a point without so many low bits is its bucket */
    const struct str *versions;
    const uint16_t *owners; /* of the pieces: indexes of versions */
    const uint16_t *guide;  /* of each bucket, and one more: in which piece it begins */
    uint32_t ends[];
};

/* The seed of a salt, and the point of a key under it. */
uint64_t stickymap_seed(struct str salt);
uint64_t stickymap_hash(uint64_t seed, struct str key);

static inline uint32_t stickymap_point(uint64_t hash)
{
    return (uint32_t)((unsigned __int128)hash * STICKYMAP_ONE >> 64);
}

/* The map of pieces in order, with one reference for the caller; empty ones are left out,
 * neighbours of the same version joined. The names are copied. pieces: 1 or more, ends rise (or
 * stay), the last is 10^9. NULL when out of memory, or where more than STICKYMAP_PIECES_MAX are
 * left. */
struct stickymap *stickymap_make(const struct str *versions, int nr_versions,
                                 const struct stickymap_piece *pieces, int nr);

/* The weights in a row; they total 10^9. NULL when out of memory. */
struct stickymap *stickymap_row(const struct str *versions, const uint32_t *weights, int nr);

/* The map edited to fit weights that total 10^9: the same object with one more reference, where
 * it fits and has these versions. A version of the map that is not among these gives all that it
 * has. The callers who move are half the sum of the changes, unless more than
 * STICKYMAP_PIECES_MAX pieces would be needed: then the shortest ones are dissolved, each time
 * by moving the pieces between it and the next one of its version by its length. The versions of
 * what is returned are these, in their order. NULL when out of memory. */
struct stickymap *stickymap_fit(struct stickymap *map, const struct str *versions,
                                const uint32_t *weights, int nr);

struct stickymap *stickymap_ref(struct stickymap *map);
/* Ends the reference and clears the pointer, which may be NULL; the last one frees. */
void stickymap_unref(struct stickymap **map);

/* Do both give each point the same version? NULL is like NULL alone. */
bool stickymap_is_same(const struct stickymap *a, const struct stickymap *b);

/* Is each version in one piece, and do they stand in this order? */
bool stickymap_is_row(const struct stickymap *map);

/* How many billionths have another version in b than in a. */
uint32_t stickymap_moved(const struct stickymap *a, const struct stickymap *b);

/* The index of the version whose piece the point, below 10^9, is in. There are two buckets a piece
 * at least, so that few pieces are left to look through. */
static inline int stickymap_find(const struct stickymap *map, uint32_t point)
{
    const uint16_t *guide = map->guide + (point >> map->shift);
    const uint32_t *at = map->ends + guide[0];

    for (uint32_t n = guide[1] - guide[0] + 1u; n > 1;) {
        uint32_t half = n / 2;

        /* No branch, as none could be foretold; compilers make one of a conditional. */
        at += half & -(uint32_t)(at[half - 1] <= point);
        n -= half;
    }
    return map->owners[at - map->ends];
}

#endif
