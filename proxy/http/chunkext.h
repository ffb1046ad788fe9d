/* Extensions in the line before a chunk (RFC 9112 section 7.1.1), checked and dropped. Pure. */
#ifndef WEIR_PROXY_HTTP_CHUNKEXT_H
#define WEIR_PROXY_HTTP_CHUNKEXT_H

#include <stdint.h>

/* Bytes of all extensions of one chunk, white space included. */
enum { CHUNKEXT_MAX = 1024 };

struct chunkext {
    uint16_t bytes; /* read so far */
    uint8_t state;
};

/* Begins where a chunk's size has ended. All zero is the same. */
void chunkext_begin(struct chunkext *e);

/* Goes on with bytes up to end. Answers with the place of the CR that ends the line, or with end
 * when the extensions go on; NULL when they are malformed, and *complaint says why. */
const char *chunkext_read(struct chunkext *e, const char *at, const char *end,
                          const char **complaint) __attribute__((warn_unused_result));

#endif
