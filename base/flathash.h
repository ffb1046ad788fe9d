/* A hash index: from 32 bits of a hash to small numbers, in one array of eight-byte slots with
 * linear probing. It knows no keys: it gives candidates, and who owns the numbers compares. A
 * look-up is one cache line as a rule.
 *
 *     for (uint32_t n = flathash_first(h, tag, &at); n != FLATHASH_NONE;
 *          n = flathash_next(h, tag, &at))
 *         if (... is thing number n what is looked for? ...)
 */
#ifndef WEIR_BASE_FLATHASH_H
#define WEIR_BASE_FLATHASH_H

#include <stdint.h>

enum { FLATHASH_NONE = UINT32_MAX };

struct flathash_slot {
    uint32_t tag;
    uint32_t filled; /* the number plus one; 0: empty */
};

/* Zero-initialised is empty. */
struct flathash {
    /* mask + 1 of them, some always empty; NULL as long as nothing was added */
    struct flathash_slot *slots;
    uint32_t mask;
    uint32_t nr;
};

/* Adds a number below FLATHASH_NONE; the same number and tag may be there already. 0, or -1 when
 * out of memory (unchanged). */
int flathash_add(struct flathash *h, uint32_t tag, uint32_t number)
    __attribute__((warn_unused_result));

/* Takes out a number that was added with this tag. */
void flathash_remove(struct flathash *h, uint32_t tag, uint32_t number);

/* Releases the slots and leaves it empty. */
void flathash_fini(struct flathash *h);

/* Fetches what a look-up of this tag will read: for several at once, which then wait for memory
 * together instead of one after the other. */
static inline void flathash_prefetch(const struct flathash *h, uint32_t tag)
{
    if (h->slots)
        __builtin_prefetch(&h->slots[tag & h->mask]);
}

static inline uint32_t flathash_next(const struct flathash *h, uint32_t tag, uint32_t *at)
{
    for (;;) {
        const struct flathash_slot *slot = &h->slots[*at & h->mask];

        ++*at;
        if (slot->filled == 0)
            return FLATHASH_NONE;
        if (slot->tag == tag)
            return slot->filled - 1;
    }
}

static inline uint32_t flathash_first(const struct flathash *h, uint32_t tag, uint32_t *at)
{
    *at = tag;
    return h->nr == 0 ? (uint32_t)FLATHASH_NONE : flathash_next(h, tag, at);
}

#endif
