/* Memory for what lives and dies together: small pieces cut from blocks, never given back one by
 * one. */
#ifndef WEIR_BASE_STASH_H
#define WEIR_BASE_STASH_H

#include <stddef.h>

#include "base/str.h"

struct stash_block;

/* Zero-initialised is empty. */
struct stash {
    struct stash_block *blocks;
    char *next;  /* where the newest block has room */
    size_t left; /* how much */
    size_t block_bytes;
};

/* Zeroed and aligned for any type of pointers and 64-bit numbers. NULL when out of memory. */
void *stash_take(struct stash *stash, size_t bytes);

/* A terminated copy, which may be empty. NULL when out of memory. */
char *stash_copy(struct stash *stash, struct str s);

/* Releases all of it and leaves it empty. */
void stash_fini(struct stash *stash);

#endif
