/* Escaping, in two speeds. A log line has a dozen strings, nearly all of which need no escape: they
 * are copied in blocks of 16 bytes that are looked at on the way, some 35 instructions for a short
 * one. Only where a byte is not clean does the slow path write the string anew, character by
 * character. */
#include "base/escape.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ---- The slow path --------------------------------------------------------------------------- */

static size_t put_hex(char *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";

    memcpy(out, "\\u00", 4);
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

static size_t put_beyond_ascii(char *out, const unsigned char *s, size_t n, size_t *used)
{
    size_t length = utf8_length(s, n);

    *used = length > 0 ? length : 1;
    if (length == 0) {
        memcpy(out, "\xef\xbf\xbd", 3);
        return 3;
    }
    if (s[0] == 0xc2 && s[1] < 0xa0)
        return put_hex(out, s[1]);
    memcpy(out, s, length);
    return length;
}

/* Writes what stands for the next character to out, at most 6 bytes; *used says how many bytes of s
 * it is. */
static size_t put_character(char *out, const unsigned char *s, size_t n, bool is_bare, size_t *used)
{
    unsigned char c = s[0];

    if (c >= 0x80)
        return put_beyond_ascii(out, s, n, used);
    *used = 1;
    if (c < 0x20 || (c == ' ' && is_bare))
        return put_hex(out, c);
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    out[0] = (char)c;
    return 1;
}

static __attribute__((noinline, cold)) char *
put_slowly(char *p, struct str s, bool is_bare, const struct escape_limit *limit, uint32_t *cuts)
{
    const char *end = p + limit->bytes;

    for (size_t i = 0, used; i < s.n; i += used) {
        char c[6];
        size_t n = put_character(c, (const unsigned char *)s.p + i, s.n - i, is_bare, &used);

        if (n > (size_t)(end - p)) {
            *cuts |= limit->bit;
            break;
        }
        memcpy(p, c, n);
        p += n;
    }
    return p;
}

/* ---- The fast path --------------------------------------------------------------------------- */

/* Vectors as gcc and clang have them on any machine. */
typedef signed char block __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

/* Which bytes need no escape: those above '"', which leaves out the ones from 0x80 on, being
 * signed, but for the backslash. Where exact, spaces and exclamation marks are clean, too. */
static inline block clean_bytes(block b, bool exact)
{
    signed char below = exact ? ' ' - 1 : '"';
    block clean = (block)((b > below) & ~(b == '\\'));

    return exact ? clean & (block) ~(b == '"') : clean;
}

static inline bool is_clean(block b, bool exact)
{
#ifdef __SSE2__
    return _mm_movemask_epi8((__m128i)clean_bytes(b, exact)) == 0xffff;
#else
    halves clean = (halves)clean_bytes(b, exact);

    return (clean[0] & clean[1]) == UINT64_MAX;
#endif
}

/* The same for eight bytes, in an ordinary register: a byte's top bit is set where it is too low
 * (by borrowing), the one sought (equal is zero less one), or from 0x80 on. A borrow only reaches
 * into the next byte where there is something to find. */
static inline bool is_clean_word(uint64_t word, bool exact)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t found = (word - ones * (exact ? ' ' : '#')) | ((word ^ ones * '\\') - ones) | word;

    if (exact)
        found |= (word ^ ones * '"') - ones;
    return (found & ones * 0x80) == 0;
}

#define INLINE static inline __attribute__((always_inline))

/* The copies below return whether all that was copied is clean. Their pieces overlap. */
INLINE bool copy_4_to_7(char *p, const char *s, size_t n, bool exact)
{
    uint32_t a, b;

    memcpy(&a, s, 4);
    memcpy(&b, s + n - 4, 4);
    memcpy(p, &a, 4);
    memcpy(p + n - 4, &b, 4);
    return is_clean_word((uint64_t)b << 32 | a, exact);
}

INLINE bool copy_1_to_3(char *p, const char *s, size_t n, bool exact)
{
    unsigned char a = (unsigned char)s[0], b = (unsigned char)s[n / 2];
    unsigned char c = (unsigned char)s[n - 1];

    p[0] = (char)a;
    p[n / 2] = (char)b;
    p[n - 1] = (char)c;
    return is_clean_word(0x0101010101000000u * 'a' | (uint64_t)a << 16 | (uint64_t)b << 8 | c,
                         exact);
}

INLINE bool copy_8_to_15(char *p, const char *s, size_t n, bool exact)
{
    uint64_t a, b;

    memcpy(&a, s, 8);
    memcpy(&b, s + n - 8, 8);
    memcpy(p, &a, 8);
    memcpy(p + n - 8, &b, 8);
    return is_clean((block)(halves){a, b}, exact);
}

/* Stops at a block that is not clean. */
INLINE bool copy_16_or_more(char *p, const char *s, size_t n, bool exact)
{
    block b;

    for (size_t i = 0; i < n - 16; i += 16) {
        memcpy(&b, s + i, 16);
        memcpy(p + i, &b, 16);
        if (!is_clean(b, exact))
            return false;
    }
    memcpy(&b, s + n - 16, 16);
    memcpy(p + n - 16, &b, 16);
    return is_clean(b, exact);
}

INLINE bool copy_clean(char *p, struct str s, bool exact)
{
    if (s.n >= 16)
        return copy_16_or_more(p, s.p, s.n, exact);
    if (s.n >= 8)
        return copy_8_to_15(p, s.p, s.n, exact);
    if (s.n >= 4)
        return copy_4_to_7(p, s.p, s.n, exact);
    return copy_1_to_3(p, s.p, s.n, exact);
}

/* What has a byte below '#': mostly spaces, as user agents have them. */
static __attribute__((noinline)) char *put_exactly(char *p, struct str s,
                                                   const struct escape_limit *limit, uint32_t *cuts)
{
    if (s.n <= limit->bytes && copy_clean(p, s, true))
        return p + s.n;
    return put_slowly(p, s, false, limit, cuts);
}

char *escape_quoted(char *p, struct str s, const struct escape_limit *limit, uint32_t *cuts)
{
    if (s.n <= limit->bytes && copy_clean(p, s, false))
        return p + s.n;
    return put_exactly(p, s, limit, cuts);
}

char *escape_bare(char *p, struct str s, const struct escape_limit *limit, uint32_t *cuts)
{
    if (s.n <= limit->bytes && copy_clean(p, s, false))
        return p + s.n;
    return put_slowly(p, s, true, limit, cuts);
}
