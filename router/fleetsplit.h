/* The split over a fleet: each member splits by itself, from a place of its own, and the errors of
 * all add up. Where does a member's order begin, and how far off can all of them be together? Pure;
 * docs/split.md has the mathematics. Any thread. */
#ifndef WEIR_ROUTER_FLEETSPLIT_H
#define WEIR_ROUTER_FLEETSPLIT_H

#include <stdint.h>

/* The place (router/split.h) of the member with this slot: 1/2, 1/4, 3/4, 1/8, 5/8, ... of 2^64, so
 * that those of any first few are spread evenly. */
uint64_t fleetsplit_place(uint32_t slot);

/* One version's account with one member, or the sum of several; billionths of an invocation. */
struct fleetsplit_account {
    uint64_t picks;
    int64_t error;     /* target minus picks */
    int64_t low, high; /* within which it stays */
};

void fleetsplit_add(struct fleetsplit_account *sum, const struct fleetsplit_account *one);

/* How large the error of the sum can be, either way. */
int64_t fleetsplit_bound(const struct fleetsplit_account *sum);

#endif
