/* Blocks double in size from a page to a megabyte, so that a small table stays small and a large
 * one takes few allocations. Strings need no alignment but share the blocks: they are cut from the
 * far end. */
#include "base/stash.h"

#include <stdlib.h>

enum { BLOCK_BYTES_MIN = 4096, BLOCK_BYTES_MAX = 1024 * 1024, ALIGNMENT = 8 };

struct stash_block {
    struct stash_block *next;
    _Alignas(ALIGNMENT) char bytes[];
};

static int add_block(struct stash *stash, size_t bytes)
{
    struct stash_block *block;
    size_t room;

    if (stash->block_bytes < BLOCK_BYTES_MAX)
        stash->block_bytes = stash->block_bytes ? stash->block_bytes * 2 : BLOCK_BYTES_MIN;
    room = stash->block_bytes - sizeof(*block);
    if (bytes > room)
        room = bytes;
    block = calloc(1, sizeof(*block) + room);
    if (!block)
        return -1;
    block->next = stash->blocks;
    stash->blocks = block;
    stash->next = block->bytes;
    stash->left = room;
    return 0;
}

void *stash_take(struct stash *stash, size_t bytes)
{
    void *p;

    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes > stash->left && add_block(stash, bytes))
        return NULL;
    p = stash->next;
    stash->next += bytes;
    stash->left -= bytes;
    return p;
}

char *stash_copy(struct stash *stash, struct str s)
{
    char *copy;

    if (s.n + 1 > stash->left && add_block(stash, s.n + 1 + ALIGNMENT))
        return NULL;
    stash->left -= s.n + 1;
    copy = stash->next + stash->left;
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy; /* blocks are zeroed: it is terminated */
}

void stash_fini(struct stash *stash)
{
    while (stash->blocks) {
        struct stash_block *block = stash->blocks;

        stash->blocks = block->next;
        free(block);
    }
    *stash = (struct stash){0};
}
