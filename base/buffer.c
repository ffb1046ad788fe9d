/* Growing by doubling. */
#include "base/buffer.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/decimal.h"
#include "base/escape.h"

/* ROOM_MIN: of the first piece. An escaped byte has six at most; strings are escaped in blocks. */
enum { ROOM_MIN = 1024, ESCAPED_MAX = 6, ESCAPE_BLOCK = 4096 };

char *buffer_reserve(struct buffer *b, size_t n)
{
    size_t room = b->room > 0 ? b->room : ROOM_MIN;
    char *p;

    if (b->is_out)
        return NULL;
    if (b->p && n <= b->room - b->n)
        return b->p + b->n;
    while (room - b->n < n && room <= SIZE_MAX / 4)
        room *= 2;
    p = room - b->n < n ? NULL : realloc(b->p, room);
    if (!p) {
        b->is_out = true;
        return NULL;
    }
    b->p = p;
    b->room = room;
    return p + b->n;
}

void buffer_add(struct buffer *b, struct str s)
{
    char *p = s.n > 0 ? buffer_reserve(b, s.n) : NULL;

    if (!p)
        return;
    memcpy(p, s.p, s.n);
    b->n += s.n;
}

void buffer_char(struct buffer *b, char c)
{
    buffer_add(b, (struct str){&c, 1});
}

void buffer_number(struct buffer *b, uint64_t n)
{
    char text[24];

    buffer_add(b, (struct str){text, (size_t)(decimal_put(text, n) - text)});
}

void buffer_json_part(struct buffer *b, struct str s)
{
    const struct escape_limit limit = {ESCAPE_BLOCK * ESCAPED_MAX, 1};
    uint32_t cuts = 0;

    while (s.n > 0) {
        struct str block = {s.p, s.n < ESCAPE_BLOCK ? s.n : ESCAPE_BLOCK};
        char *p;

        /* A block ends with a whole character, where it is one. */
        for (int i = 0; i < 3 && block.n < s.n && ((unsigned char)s.p[block.n] & 0xc0) == 0x80; i++)
            block.n--;
        p = buffer_reserve(b, block.n * ESCAPED_MAX);
        if (!p)
            return;
        b->n += (size_t)(escape_quoted(p, block, &limit, &cuts) - p);
        s.p += block.n;
        s.n -= block.n;
    }
}

void buffer_json(struct buffer *b, struct str s)
{
    buffer_char(b, '"');
    buffer_json_part(b, s);
    buffer_char(b, '"');
}

void buffer_base64(struct buffer *b, struct str s)
{
    char *p = buffer_reserve(b, base64_length(s.n));

    if (p)
        b->n += (size_t)(base64_put(p, s) - p);
}

void buffer_fini(struct buffer *b)
{
    free(b->p);
    *b = (struct buffer){0};
}
