/* Text in UTF-8 (RFC 3629). Pure. */
#ifndef WEIR_BASE_UTF8_H
#define WEIR_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* The length of the character beyond ASCII that begins here, 0 where there is none that is
 * well-formed. n bytes are there, one at least. */
size_t utf8_length(const unsigned char *s, size_t n);

/* Is all of it well-formed? */
bool utf8_is_valid(struct str s);

#endif
