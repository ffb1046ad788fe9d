/* Where jansson gets its memory. It is watched, because jansson (2.14) does not notice when memory
 * runs out while the text of a long key, string or number grows, and goes on without some of its
 * characters. And it may come from a pool: a tree that is read once and dropped as a whole, a
 * million times over, costs a quarter less without an allocation for each of its nodes. */
#ifndef WEIR_CONF_JSONMEM_H
#define WEIR_CONF_JSONMEM_H

#include <stdbool.h>

/* The memory of one tree at a time. One thread. */
struct jsonmem_pool;

/* NULL when out of memory. */
struct jsonmem_pool *jsonmem_pool_make(void);
/* Ends it, with the tree that it holds, and clears the pointer, which may be NULL. */
void jsonmem_pool_free(struct jsonmem_pool **pool);

/* Around a call that parses, on one thread. With a pool (else NULL) the tree before is gone, and
 * the new one lives until the pool is used again or freed: it must not be changed, and json_decref
 * never be called for it. */
void jsonmem_begin(struct jsonmem_pool *pool);
/* Did memory run out since jsonmem_begin? */
bool jsonmem_end(void);

#endif
