/* Base64, three bytes and four characters at a time. */
#include "base/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_put(char *p, struct str s)
{
    const unsigned char *in = (const unsigned char *)s.p;
    size_t i = 0;

    for (; i + 3 <= s.n; i += 3) {
        uint32_t bits = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

        *p++ = alphabet[bits >> 18];
        *p++ = alphabet[bits >> 12 & 63];
        *p++ = alphabet[bits >> 6 & 63];
        *p++ = alphabet[bits & 63];
    }
    if (i == s.n)
        return p;
    *p++ = alphabet[in[i] >> 2];
    if (i + 1 == s.n) {
        *p++ = alphabet[(in[i] & 3) << 4];
        *p++ = '=';
    } else {
        *p++ = alphabet[(in[i] & 3) << 4 | in[i + 1] >> 4];
        *p++ = alphabet[(in[i + 1] & 15) << 2];
    }
    *p++ = '=';
    return p;
}

/* The six bits that a character stands for; 64 where it stands for none. */
static uint32_t bits_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* The length without the padding, which is right where it is there: it fills the last four. */
static ptrdiff_t without_padding(struct str s)
{
    size_t n = s.n;

    while (n > 0 && s.n - n < 2 && s.p[n - 1] == '=')
        n--;
    if ((n < s.n && s.n % 4 != 0) || n % 4 == 1)
        return -1;
    return (ptrdiff_t)n;
}

ptrdiff_t base64_read(char *out, struct str s)
{
    ptrdiff_t n = without_padding(s);
    char *p = out;
    uint32_t bits = 0;

    for (ptrdiff_t i = 0; i < n; i++) {
        uint32_t six = bits_of(s.p[i]);

        if (six > 63)
            return -1;
        bits = bits << 6 | six;
        if (i % 4 != 3)
            continue;
        *p++ = (char)(bits >> 16);
        *p++ = (char)(bits >> 8);
        *p++ = (char)bits;
    }
    if (n > 0 && n % 4 == 2)
        *p++ = (char)(bits >> 4);
    if (n > 0 && n % 4 == 3) {
        *p++ = (char)(bits >> 10);
        *p++ = (char)(bits >> 2);
    }
    return n < 0 ? -1 : p - out;
}
