/* A random order of four and more versions that begin with nothing owed to anybody: each has
 * exactly its share on average, at every pick, and is never a whole invocation off. It is drawn
 * for a stretch of picks at once. docs/split.md has the proof. Pure: rng is the caller's. Any
 * thread. */
#ifndef WEIR_ROUTER_LOTS_H
#define WEIR_ROUTER_LOTS_H

#include <stdint.h>

#include "base/prng.h"

/* Most picks that are drawn at once, and how many are where no whole number of rounds is as few.
 * Drawing takes time that grows with the square of it: 64 picks of 4 versions are about a tenth
 * of a millisecond, 400 of 16 five. */
enum { LOTS_MOST = 400, LOTS_FEW = 64 };

/* How many picks the order of these weights should have: a round, after which all have had just
 * their share, if it is not too long. Weights are 2 or more, none SEGMENT_ONE, in all
 * SEGMENT_ONE. */
uint32_t lots_length(const uint32_t *weights, int nr);

/* Works out nr_picks picks, indexes of the nr arms. 0, or -1 when out of memory. */
int lots_order(uint8_t *picks, uint32_t nr_picks, const uint32_t *weights, int nr, struct prng *rng)
    __attribute__((warn_unused_result));

#endif
