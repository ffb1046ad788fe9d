/* The buffer of weir-demo. It starts at 64 KiB, of which the kernel gives only the pages that are
 * touched; content moves to the front when it is cheap to do so, which for requests that come one
 * at a time is always. */
#include "bytes.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64 * 1024 };

void bytes_fini(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){0};
}

static void grow(struct bytes *b, size_t needed)
{
    size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;
    char *p;

    while (capacity < needed)
        capacity *= 2;
    p = realloc(b->p, capacity);
    if (!p) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    b->p = p;
    b->capacity = capacity;
}

char *bytes_room(struct bytes *b, size_t extra)
{
    if (b->capacity - b->end < extra && b->start > 0) {
        memmove(b->p, b->p + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
    }
    if (b->capacity - b->end < extra)
        grow(b, b->end + extra);
    return b->p + b->end;
}

void bytes_added(struct bytes *b, size_t n)
{
    b->end += n;
}

void bytes_consume(struct bytes *b, size_t n)
{
    b->start += n;
    if (b->start == b->end)
        b->start = b->end = 0;
}

void bytes_append(struct bytes *b, const char *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(bytes_room(b, n), p, n);
    b->end += n;
}

void bytes_text(struct bytes *b, const char *text)
{
    bytes_append(b, text, strlen(text));
}

void bytes_number(struct bytes *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    bytes_append(b, digits + at, sizeof(digits) - at);
}

void bytes_hex(struct bytes *b, uint64_t n)
{
    char digits[16];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[n & 15];
        n >>= 4;
    } while (n > 0);
    bytes_append(b, digits + at, sizeof(digits) - at);
}

void bytes_json(struct bytes *b, struct str text)
{
    char *out = bytes_room(b, text.n * 6 + 2);
    size_t n = 0;

    out[n++] = '"';
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            memcpy(out + n, "\\u00", 4);
            out[n + 4] = "0123456789abcdef"[c >> 4];
            out[n + 5] = "0123456789abcdef"[c & 15];
            n += 6;
        } else {
            out[n++] = (char)c;
        }
    }
    out[n++] = '"';
    b->end += n;
}
