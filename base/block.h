/* Sixteen bytes at a time, with the vectors that gcc and clang have on every machine. Pure. */
#ifndef WEIR_BASE_BLOCK_H
#define WEIR_BASE_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK_BYTES = 16 };

/* Comparisons of two blocks give a block with 0xff where they are true. Bytes from 0x80 on are
 * negative. */
typedef signed char block __attribute__((vector_size(BLOCK_BYTES)));
typedef unsigned char block_unsigned __attribute__((vector_size(BLOCK_BYTES)));
typedef uint64_t block_halves __attribute__((vector_size(BLOCK_BYTES)));

static inline block block_load(const void *p)
{
    block b;

    memcpy(&b, p, sizeof(b));
    return b;
}

/* The top bit of each byte, that of byte 0 lowest. */
static inline uint32_t block_bits(block b)
{
#ifdef __SSE2__
    return (uint32_t)_mm_movemask_epi8((__m128i)b);
#else
    /* The multiplication gathers the eight top bits of a half in its top byte. */
    const uint64_t tops = 0x8080808080808080u, gather = 0x0002040810204081u;
    block_halves halves = (block_halves)b;

    return (uint32_t)(((halves[0] & tops) * gather) >> 56) |
           (uint32_t)(((halves[1] & tops) * gather) >> 56) << 8;
#endif
}

/* Where two blocks differ first; BLOCK_BYTES where they are the same. */
static inline size_t block_difference(const char *a, const char *b)
{
    uint32_t same = block_bits(block_load(a) == block_load(b));

    return (size_t)__builtin_ctz(~same);
}

/* How many bytes at the begin of a and b are the same, n at most. */
static inline size_t block_common(const char *a, const char *b, size_t n)
{
    size_t i = 0, d;

    for (; i + BLOCK_BYTES <= n; i += BLOCK_BYTES) {
        d = block_difference(a + i, b + i);
        if (d < BLOCK_BYTES)
            return i + d;
    }
    if (i > 0) /* the last block overlaps the one before */
        return n - BLOCK_BYTES + block_difference(a + n - BLOCK_BYTES, b + n - BLOCK_BYTES);
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

#endif
