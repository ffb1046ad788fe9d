/* Writing small things into memory that is known to be large enough: each takes where to write and
 * returns the end. */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include <stdint.h>
#include <string.h>

#include "base/str.h"

static inline char *text_str(char *p, struct str s)
{
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

/* A string literal, or any terminated string of constant length. */
#define text_lit(p, literal) text_str((p), STR(literal))

static inline char *text_char(char *p, char c)
{
    *p = c;
    return p + 1;
}

/* A number in lower-case hexadecimal without leading zeros, at most 16 digits. */
static inline char *text_hex(char *p, uint64_t n)
{
    int shift = n ? (63 - __builtin_clzll(n)) / 4 * 4 : 0;

    for (; shift >= 0; shift -= 4)
        *p++ = "0123456789abcdef"[(n >> shift) & 15];
    return p;
}

/* The value of a hexadecimal digit in either case, or -1. */
static inline int text_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = str_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* How many characters a text in UTF-8 has. */
static inline size_t text_characters(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80; /* all but those that continue one */
    return n;
}

/* All two-digit hexadecimal numbers, one behind the other. */
extern const char text_hex_pairs[512];

/* Exactly digits hexadecimal digits, the low ones of n; digits is even. */
static inline char *text_hex_fixed(char *p, uint64_t n, int digits)
{
    for (int shift = digits * 4 - 8; shift >= 0; shift -= 8, p += 2)
        memcpy(p, text_hex_pairs + ((n >> shift) & 255) * 2, 2);
    return p;
}

#endif
