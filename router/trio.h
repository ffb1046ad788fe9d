/* A random order of three versions in which each has exactly its share on average, at every
 * pick, and is never a whole invocation off. Both hold for any weights, and go on holding when
 * the weights change: what a version is owed says all that has to be known. docs/split.md has
 * the proof. Pure: rng is the caller's. Any thread. */
#ifndef WEIR_ROUTER_TRIO_H
#define WEIR_ROUTER_TRIO_H

#include <stdint.h>

#include "base/prng.h"

/* Works out nr_picks picks, 0 to 2. errors: what each is owed before the first pick, in
 * billionths; each below one invocation on both sides, all three sum to 0. A weight may be 0,
 * none is SEGMENT_ONE. */
void trio_order(uint8_t *picks, uint32_t nr_picks, const uint32_t *weights, const int64_t *errors,
                struct prng *rng);

#endif
