/* Text of unknown length: a buffer that grows. Where memory runs out it remembers that, and what is
 * added from then on is dropped: you ask once, at the end. One thread; zero is empty. */
#ifndef WEIR_BASE_BUFFER_H
#define WEIR_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buffer {
    char *p; /* malloc'ed; NULL while nothing was added */
    size_t n, room;
    bool is_out; /* of memory: the text is not whole */
};

/* Room for n bytes behind what is there: the place to write to, or NULL when out of memory.
 * Afterwards add what you wrote to n. */
char *buffer_reserve(struct buffer *b, size_t n);

void buffer_add(struct buffer *b, struct str s);
#define buffer_lit(b, literal) buffer_add((b), STR(literal))
void buffer_char(struct buffer *b, char c);
void buffer_number(struct buffer *b, uint64_t n);

/* A JSON string with its quotes; bytes that are no UTF-8 become U+FFFD (base/escape.h). */
void buffer_json(struct buffer *b, struct str s);
/* The same without the quotes: a part of one. Give it whole characters. */
void buffer_json_part(struct buffer *b, struct str s);
void buffer_base64(struct buffer *b, struct str s);

static inline struct str buffer_text(const struct buffer *b)
{
    return (struct str){b->p, b->n};
}

/* Frees what it holds and empties it. */
void buffer_fini(struct buffer *b);

#endif
