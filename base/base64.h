/* Base64 with the standard alphabet (RFC 4648 section 4). Pure. */
#ifndef WEIR_BASE_BASE64_H
#define WEIR_BASE_BASE64_H

#include <stddef.h>

#include "base/str.h"

/* How many characters base64_put writes for n bytes. */
static inline size_t base64_length(size_t n)
{
    return (n + 2) / 3 * 4;
}

/* Writes s with its padding at p, which has room for base64_length(s.n), and returns the end. */
char *base64_put(char *p, struct str s);

/* Reads s to out, which has room for s.n / 4 * 3 + 3 bytes; out may be where s is. The padding at
 * the end may be left out. Returns the number of bytes, or -1 where s is no base64. */
ptrdiff_t base64_read(char *out, struct str s) __attribute__((warn_unused_result));

#endif
