/* The growing text: amortised doubling, decimal numbers, escaped label values. */
#include "metrics/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

enum { FIRST_CAPACITY = 4096 };

bool page_reserve(struct page *page, size_t n)
{
    size_t wanted = page->n + n + 1;
    size_t capacity = page->capacity ? page->capacity : FIRST_CAPACITY;
    char *p;

    if (page->is_short)
        return false;
    if (wanted <= page->capacity)
        return true;
    while (capacity < wanted)
        capacity *= 2;
    p = realloc(page->p, capacity);
    if (!p) {
        page->is_short = true;
        return false;
    }
    page->p = p;
    page->capacity = capacity;
    return true;
}

/* Ends what was written up to end. */
static void finish(struct page *page, char *end)
{
    *end = '\0';
    page->n = (size_t)(end - page->p);
}

void page_put(struct page *page, struct str s)
{
    if (!page_reserve(page, s.n))
        return;
    if (s.n > 0)
        memcpy(page->p + page->n, s.p, s.n);
    finish(page, page->p + page->n + s.n);
}

void page_put_char(struct page *page, char c)
{
    page_put(page, (struct str){&c, 1});
}

void page_put_u64(struct page *page, uint64_t n)
{
    if (page_reserve(page, DECIMAL_DIGITS_MAX))
        finish(page, decimal_put(page->p + page->n, n));
}

void page_put_scaled(struct page *page, uint64_t n, int places)
{
    uint64_t scale = decimal_powers[places];
    uint64_t fraction = n % scale;

    page_put_u64(page, n / scale);
    if (fraction == 0)
        return;
    while (fraction % 10 == 0) {
        fraction /= 10;
        places--;
    }
    page_put_char(page, '.');
    if (page_reserve(page, DECIMAL_DIGITS_MAX))
        finish(page, decimal_put_fixed(page->p + page->n, fraction, places));
}

/* Escapes backslash, double quote and line feed. */
static void put_escaped(struct page *page, struct str value)
{
    char *q;

    if (!page_reserve(page, value.n * 2))
        return;
    q = page->p + page->n;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];

        if (c == '\\' || c == '"' || c == '\n')
            *q++ = '\\';
        *q++ = c == '\n' ? 'n' : c;
    }
    finish(page, q);
}

void page_put_label(struct page *page, struct str name, struct str value)
{
    page_put(page, name);
    page_put(page, STR("=\""));
    put_escaped(page, value);
    page_put_char(page, '"');
}

void page_fini(struct page *page)
{
    free(page->p);
    *page = (struct page){0};
}
