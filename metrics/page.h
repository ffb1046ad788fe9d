/* A growing text for the exposition. When memory runs out it stays short and remembers it, so that
 * callers check once, at the end. */
#ifndef WEIR_METRICS_PAGE_H
#define WEIR_METRICS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* All zero is empty. */
struct page {
    char *p; /* terminated once anything was put; the owner of the struct frees it */
    size_t n, capacity;
    bool is_short; /* out of memory: something is missing */
};

/* Makes room for n more bytes and a terminator; false when out of memory. */
bool page_reserve(struct page *page, size_t n) __attribute__((warn_unused_result));

void page_put(struct page *page, struct str s);
void page_put_char(struct page *page, char c);
void page_put_u64(struct page *page, uint64_t n);

/* A number scaled by 10^places, as a decimal fraction without trailing zeros: (1500000, 6) is
 * 1.5. */
void page_put_scaled(struct page *page, uint64_t n, int places);

/* name="value" with the value escaped as the exposition format wants it. */
void page_put_label(struct page *page, struct str name, struct str value);

void page_fini(struct page *page);

#endif
