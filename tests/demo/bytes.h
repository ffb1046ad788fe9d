/* A growing run of bytes that is filled at the end and emptied at the front. A test program has no use for living on
 * without memory: when it runs out the process ends with a message. */
#ifndef WEIR_DEMO_BYTES_H
#define WEIR_DEMO_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct bytes {
    char *p;
    size_t start, end, capacity; /* content is p[start] to p[end - 1] */
};

void bytes_fini(struct bytes *b);

static inline size_t bytes_count(const struct bytes *b)
{
    return b->end - b->start;
}

static inline char *bytes_front(const struct bytes *b)
{
    return b->p ? b->p + b->start : b->p; /* before the first byte there is no memory at all */
}

/* Makes room for extra more bytes and returns where they go; bytes_added tells how many came. */
char *bytes_room(struct bytes *b, size_t extra);
void bytes_added(struct bytes *b, size_t n);

/* Takes n bytes away at the front. */
void bytes_consume(struct bytes *b, size_t n);

void bytes_append(struct bytes *b, const char *p, size_t n);
void bytes_text(struct bytes *b, const char *text);
void bytes_number(struct bytes *b, uint64_t n);
void bytes_hex(struct bytes *b, uint64_t n);

/* A JSON string with its quotes; bytes over 0x7f are taken for Latin-1, so that any bytes come out as valid JSON. */
void bytes_json(struct bytes *b, struct str text);

#endif
