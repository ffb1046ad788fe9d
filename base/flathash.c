/* How slots are filled, moved when the array grows, and closed up when a number is taken out.
 *
 * A tag's home is its low bits. A number sits in the first empty slot from its home on, so between
 * home and slot nothing is ever empty; removal restores that by moving up what follows. At most
 * three quarters of the slots are filled. */
#include "base/flathash.h"

#include <assert.h>
#include <stdlib.h>

enum { SLOTS_MIN = 8 };

static void put(struct flathash *h, uint32_t tag, uint32_t filled)
{
    uint32_t at = tag;

    while (h->slots[at & h->mask].filled != 0)
        at++;
    h->slots[at & h->mask] = (struct flathash_slot){tag, filled};
}

static int grow(struct flathash *h)
{
    uint32_t nr_slots = h->slots ? (h->mask + 1) * 2 : SLOTS_MIN;
    struct flathash grown = {calloc(nr_slots, sizeof(h->slots[0])), nr_slots - 1, h->nr};

    if (!grown.slots)
        return -1;
    for (uint32_t i = 0; h->slots && i <= h->mask; i++)
        if (h->slots[i].filled != 0)
            put(&grown, h->slots[i].tag, h->slots[i].filled);
    free(h->slots);
    *h = grown;
    return 0;
}

int flathash_add(struct flathash *h, uint32_t tag, uint32_t number)
{
    assert(number != FLATHASH_NONE && h->nr < UINT32_MAX / 4);
    if (!h->slots || h->nr + 1 > (h->mask + 1) / 4 * 3) {
        int r = grow(h);

        if (r)
            return r;
    }
    put(h, tag, number + 1);
    h->nr++;
    return 0;
}

void flathash_remove(struct flathash *h, uint32_t tag, uint32_t number)
{
    uint32_t hole, at;

    assert(h->nr > 0);
    for (hole = tag & h->mask; h->slots[hole].tag != tag || h->slots[hole].filled != number + 1;
         hole = (hole + 1) & h->mask)
        assert(h->slots[hole].filled != 0);
    for (at = (hole + 1) & h->mask; h->slots[at].filled != 0; at = (at + 1) & h->mask) {
        uint32_t from_home = (at - h->slots[at].tag) & h->mask;

        /* It may move up as far as its home. */
        if (from_home >= ((at - hole) & h->mask)) {
            h->slots[hole] = h->slots[at];
            hole = at;
        }
    }
    h->slots[hole].filled = 0;
    h->nr--;
}

void flathash_fini(struct flathash *h)
{
    free(h->slots);
    *h = (struct flathash){0};
}
