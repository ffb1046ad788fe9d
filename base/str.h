/* A borrowed run of bytes: pointer and length, no terminator, no ownership. */
#ifndef WEIR_BASE_STR_H
#define WEIR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

/* A struct str over a string literal. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* The two arguments that printf's "%.*s" takes. */
#define STR_ARG(s) (int)(s).n, (s).p

/* A struct str over a terminated string, which may be NULL (then empty). */
static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* What stands before the first c, or all of it. */
static inline struct str str_until(struct str s, char c)
{
    const char *end = s.n > 0 ? (const char *)memchr(s.p, c, s.n) : NULL;

    return (struct str){s.p, end ? (size_t)(end - s.p) : s.n};
}

/* Without the spaces and tabs at both ends. */
static inline struct str str_trim(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* One ASCII letter in lower case; every other byte unchanged. No locale. */
static inline char str_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Equal but for the case of ASCII letters. */
static inline bool str_ieq(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return true;
}

#endif
