/* One hash for all indexes of names: XXH3, which takes a few instructions for the short strings
 * that names are. Not secret: an index that an outsider can only look up in, and not add to, has
 * runs as short as its own names make them. */
#ifndef WEIR_ROUTER_HASH_H
#define WEIR_ROUTER_HASH_H

#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/str.h"

static inline uint64_t hash_str(struct str s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.p, s.n, seed);
}

#endif
