/* Numbers to decimal digits, by hand: printf costs twenty times as much, and both log lines and
 * HTTP heads are full of numbers. Nothing here writes a terminator. */
#ifndef WEIR_BASE_DECIMAL_H
#define WEIR_BASE_DECIMAL_H

#include <stdint.h>
#include <string.h>

enum { DECIMAL_DIGITS_MAX = 20 }; /* of 2^64 - 1 */

/* "00" to "99", and for each number of bits the power of ten that may need one digit more. */
extern const char decimal_pairs[201];
extern const uint64_t decimal_powers[20];

/* How many digits n has. */
static inline uint32_t decimal_digits(uint64_t n)
{
    uint32_t bits = 64 - (uint32_t)__builtin_clzll(n | 1);
    uint32_t guess = bits * 1233 >> 12; /* log10(2) = 1233 / 4096, all but exactly */

    return guess + (n >= decimal_powers[guess]) + (n == 0);
}

/* Writes exactly two digits, n < 100. */
static inline void decimal_put_pair(char *p, uint32_t n)
{
    memcpy(p, &decimal_pairs[n * 2], 2);
}

/* The rest of decimal_put: n of five digits or more. */
char *decimal_put_long(char *p, uint64_t n);

/* Writes n, at most DECIMAL_DIGITS_MAX digits, and returns the place behind it. */
static inline char *decimal_put(char *p, uint64_t n)
{
    uint32_t small = (uint32_t)n;

    if (n >= 10000)
        return decimal_put_long(p, n);
    if (small < 10) {
        *p = (char)('0' + small);
        return p + 1;
    }
    if (small < 100) {
        decimal_put_pair(p, small);
        return p + 2;
    }
    if (small < 1000) {
        decimal_put_pair(p, small / 10);
        p[2] = (char)('0' + small % 10);
        return p + 3;
    }
    decimal_put_pair(p, small / 100);
    decimal_put_pair(p + 2, small % 100);
    return p + 4;
}

/* Writes exactly width digits, the lowest of n, with leading zeros. */
static inline char *decimal_put_fixed(char *p, uint64_t n, int width)
{
    for (int i = width - 1; i >= 0; i--, n /= 10)
        p[i] = (char)('0' + n % 10);
    return p + width;
}

#endif
