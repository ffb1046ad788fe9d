/* The place of a slot is van der Corput's sequence (Verteilungsfunktionen, 1935): the bits of a
 * number in reverse. Of two versions the error of the second is within [-phase, 1 - phase) on each
 * member, so over R of them within [-P, R - P) with P the sum of their phases, which is R/2 where
 * they are in balance: sums of low and of high say that, and also what is right where windows are
 * others. */
#include "router/fleetsplit.h"

uint64_t fleetsplit_place(uint32_t slot)
{
    uint64_t number = (uint64_t)slot + 1, place = 0;

    for (int bit = 0; bit < 64; bit++)
        place |= (number >> bit & 1) << (63 - bit);
    return place;
}

void fleetsplit_add(struct fleetsplit_account *sum, const struct fleetsplit_account *one)
{
    sum->picks += one->picks;
    sum->error += one->error;
    sum->low += one->low;
    sum->high += one->high;
}

int64_t fleetsplit_bound(const struct fleetsplit_account *sum)
{
    return sum->high > -sum->low ? sum->high : -sum->low;
}
