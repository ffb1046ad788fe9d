/* Lists of cookies, walked pair by pair. A semicolon ends a pair, also between quotes, as servers
 * read them (RFC 6265 section 5.4 writes none there). */
#include "proxy/http/cookie.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next pair, with the blanks around it but without its semicolon; false at the end. A value
 * that ends with a semicolon has an empty one behind it. */
static bool next_pair(struct str *rest, struct str *pair)
{
    if (!rest->p)
        return false;
    *pair = str_until(*rest, ';');
    if (pair->n == rest->n)
        *rest = (struct str){NULL, 0};
    else
        *rest = (struct str){rest->p + pair->n + 1, rest->n - pair->n - 1};
    return true;
}

static struct str trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Is the pair a cookie of that name? Its value is then *value. */
static bool is_named(struct str pair, struct str name, struct str *value)
{
    struct str before = str_until(pair, '=');

    if (before.n == pair.n || !str_eq(trim(before), name))
        return false;
    *value = trim((struct str){before.p + before.n + 1, pair.n - before.n - 1});
    return true;
}

bool cookie_find(const struct head *head, struct str name, struct str *value)
{
    for (int i = 0; i < head->nr_fields; i++) {
        const struct head_field *f = &head->fields[i];
        struct str rest = head_value(head, f), pair;

        if (!cookie_is_field(head, f))
            continue;
        while (next_pair(&rest, &pair))
            if (is_named(pair, name, value))
                return true;
    }
    return false;
}

/* Moves the pairs of other names together, from the value's first byte on; returns how long they
 * are. */
static uint32_t keep_others(char *value, size_t n, struct str name)
{
    struct str rest = {value, n}, pair, ignored;
    char *p = value;
    bool is_first = true, has_any = false;

    while (next_pair(&rest, &pair)) {
        if (is_named(pair, name, &ignored))
            continue;
        if (is_first)
            while (pair.n > 0 && is_blank(pair.p[0]))
                pair = (struct str){pair.p + 1, pair.n - 1};
        else
            *p++ = ';';
        memmove(p, pair.p, pair.n);
        p += pair.n;
        is_first = false;
        has_any |= trim(pair).n > 0;
    }
    while (p > value && is_blank(p[-1]))
        p--;
    return has_any ? (uint32_t)(p - value) : 0;
}

static bool has(const struct head *head, const struct head_field *f, struct str name)
{
    struct str rest = head_value(head, f), pair, ignored;

    while (next_pair(&rest, &pair))
        if (is_named(pair, name, &ignored))
            return true;
    return false;
}

void cookie_cut(struct head *head, struct str name)
{
    for (int i = 0; i < head->nr_fields; i++) {
        struct head_field *f = &head->fields[i];
        char *value = (char *)head->base + f->value_at;

        if (!cookie_is_field(head, f) || !has(head, f, name))
            continue;
        if (head->memo.nr > i)
            head->memo.nr = (uint16_t)i;
        f->value_len = keep_others(value, f->value_len, name);
        memcpy(value + f->value_len, "\r\n", 2); /* in the place of what was cut */
        if (f->value_len == 0)
            head_drop(head, f);
    }
}
