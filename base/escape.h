/* Strings of unknown content into a log line or a JSON answer: escaped as JSON strings are, and
 * bounded.
 *
 * Control characters (those of U+0080 to U+009F, too, which terminals obey), quotes and backslashes
 * are escaped; UTF-8 stays as it is; a byte that belongs to no UTF-8 character becomes U+FFFD. */
#ifndef WEIR_BASE_ESCAPE_H
#define WEIR_BASE_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* How long a field may get, and its bit in a set of fields that were cut. */
struct escape_limit {
    uint32_t bytes, bit;
};

/* Write s, which is not empty, to p and return the place behind it. Where the limit is too small
 * the string is cut at a character and the bit is set in *cuts. */
char *escape_quoted(char *p, struct str s, const struct escape_limit *limit, uint32_t *cuts);

/* The same for a value that stands without quotes: spaces are escaped, too. */
char *escape_bare(char *p, struct str s, const struct escape_limit *limit, uint32_t *cuts);

#endif
