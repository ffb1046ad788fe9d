/* Who is picked next of versions that are owed unequal amounts: Tijdeman's chairman assignment
 * (Discrete Mathematics 32 (1980) 323-330), which keeps all errors within 1 - 1/(2k-2) for k
 * versions whose weights stay, and brings them back there after a change. Pure, exact, and the
 * same at every place: nothing is drawn. Any thread. */
#ifndef WEIR_ROUTER_CHAIRS_H
#define WEIR_ROUTER_CHAIRS_H

#include <stdint.h>

#include "router/segment.h"

/* Works out nr_picks picks, indexes of the nr arms (2 to SEGMENT_ARMS_MAX). Each arm has a
 * weight; errors are what it is owed before the first pick, in billionths. They need not sum to
 * 0: the order keeps each arm around the mean. place: 0, or which version is
 * favoured where several may be picked, so that members of a fleet with other places do not pick a
 * rare version in step (docs/split.md). */
void chairs_order(uint8_t *picks, uint32_t nr_picks, const uint32_t *weights, const int64_t *errors,
                  int nr, uint64_t place);

#endif
