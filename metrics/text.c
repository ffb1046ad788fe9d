/* The growing text: amortised doubling, decimal numbers, escaped label values. */
#include "metrics/text.h"

#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

enum { FIRST_CAPACITY = 4096 };

bool text_reserve(struct text *text, size_t n)
{
    size_t wanted = text->n + n + 1;
    size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;
    char *p;

    if (text->is_short)
        return false;
    if (wanted <= text->capacity)
        return true;
    while (capacity < wanted)
        capacity *= 2;
    p = realloc(text->p, capacity);
    if (!p) {
        text->is_short = true;
        return false;
    }
    text->p = p;
    text->capacity = capacity;
    return true;
}

/* Ends what was written up to end. */
static void finish(struct text *text, char *end)
{
    *end = '\0';
    text->n = (size_t)(end - text->p);
}

void text_put(struct text *text, struct str s)
{
    if (!text_reserve(text, s.n))
        return;
    if (s.n > 0)
        memcpy(text->p + text->n, s.p, s.n);
    finish(text, text->p + text->n + s.n);
}

void text_put_char(struct text *text, char c)
{
    text_put(text, (struct str){&c, 1});
}

void text_put_u64(struct text *text, uint64_t n)
{
    if (text_reserve(text, DECIMAL_DIGITS_MAX))
        finish(text, decimal_put(text->p + text->n, n));
}

void text_put_scaled(struct text *text, uint64_t n, int places)
{
    uint64_t scale = decimal_powers[places];
    uint64_t fraction = n % scale;

    text_put_u64(text, n / scale);
    if (fraction == 0)
        return;
    while (fraction % 10 == 0) {
        fraction /= 10;
        places--;
    }
    text_put_char(text, '.');
    if (text_reserve(text, DECIMAL_DIGITS_MAX))
        finish(text, decimal_put_fixed(text->p + text->n, fraction, places));
}

/* Escapes backslash, double quote and line feed. */
static void put_escaped(struct text *text, struct str value)
{
    char *q;

    if (!text_reserve(text, value.n * 2))
        return;
    q = text->p + text->n;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];

        if (c == '\\' || c == '"' || c == '\n')
            *q++ = '\\';
        *q++ = c == '\n' ? 'n' : c;
    }
    finish(text, q);
}

void text_put_label(struct text *text, struct str name, struct str value)
{
    text_put(text, name);
    text_put(text, STR("=\""));
    put_escaped(text, value);
    text_put_char(text, '"');
}

void text_fini(struct text *text)
{
    free(text->p);
    *text = (struct text){0};
}
