/* Sixteen bytes at a time, with the vectors that gcc and clang have on every machine. Pure. */
#ifndef WEIR_BASE_BLOCK_H
#define WEIR_BASE_BLOCK_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK_BYTES = 16 };

/* Comparisons of two blocks give a block with 0xff where they are true. Bytes from 0x80 on are negative. */
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

#endif
