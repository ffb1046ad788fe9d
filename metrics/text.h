/* A growing text for the exposition. When memory runs out it stays short and remembers it, so that callers check
 * once, at the end. */
#ifndef WEIR_METRICS_TEXT_H
#define WEIR_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* All zero is empty. */
struct text {
    char *p; /* terminated once anything was put; the owner of the struct frees it */
    size_t n, capacity;
    bool is_short; /* out of memory: something is missing */
};

/* Makes room for n more bytes and a terminator; false when out of memory. */
bool text_reserve(struct text *text, size_t n) __attribute__((warn_unused_result));

void text_put(struct text *text, struct str s);
void text_put_char(struct text *text, char c);
void text_put_u64(struct text *text, uint64_t n);

/* A number scaled by 10^places, as a decimal fraction without trailing zeros: (1500000, 6) is 1.5. */
void text_put_scaled(struct text *text, uint64_t n, int places);

/* name="value" with the value escaped as the exposition format wants it. */
void text_put_label(struct text *text, struct str name, struct str value);

void text_fini(struct text *text);

#endif
