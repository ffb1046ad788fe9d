/* One pass, one character at a time, by recursion. Whatever is unusual ends it. */
#include "conf/jsonplain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DEPTH_MAX = 16, DIGITS_MAX = 15 };

struct reader {
    const char *at, *end;
};

static json_t *read_value(struct reader *r, int depth);

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

/* Is this the next character? Then it is taken. */
static bool take(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* The bytes between quotes. */
static bool take_string(struct reader *r, struct str *s)
{
    if (!take(r, '"'))
        return false;
    s->p = r->at;
    while (r->at < r->end && *r->at >= ' ' && *r->at <= '~' && *r->at != '"' && *r->at != '\\')
        r->at++;
    s->n = (size_t)(r->at - s->p);
    return take(r, '"');
}

static json_t *read_string(struct reader *r)
{
    struct str s;

    return take_string(r, &s) ? json_stringn_nocheck(s.p, s.n) : NULL;
}

/* Appends digits to a number, so many at most; how many it took. */
static int take_digits(struct reader *r, int most, int64_t *number)
{
    int nr = 0;

    for (; nr < most && r->at < r->end && *r->at >= '0' && *r->at <= '9'; nr++)
        *number = *number * 10 + (*r->at++ - '0');
    return nr;
}

/* Up to fifteen digits and the power of ten below them are exact as doubles, and so their quotient
 * is rounded once, as strtod's result. What has more digits, or an exponent, goes on where a number
 * of this kind ends, and so is found to be broken. */
static json_t *read_number(struct reader *r)
{
    static const double powers[DIGITS_MAX] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                              1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    bool is_negative = take(r, '-'), is_zero = r->at < r->end && *r->at == '0';
    int64_t number = 0;
    int digits = take_digits(r, DIGITS_MAX, &number), places;
    double real;

    if (digits == 0 || (is_zero && digits > 1))
        return NULL;
    if (!take(r, '.'))
        return json_integer(is_negative ? -number : number);
    places = take_digits(r, DIGITS_MAX - digits, &number);
    if (places == 0)
        return NULL;
    real = (double)number / powers[places];
    return json_real(is_negative ? -real : real);
}

static json_t *read_word(struct reader *r)
{
    static const struct str words[] = {{"true", 4}, {"false", 5}, {"null", 4}};

    for (int i = 0; i < 3; i++) {
        if ((size_t)(r->end - r->at) < words[i].n || memcmp(r->at, words[i].p, words[i].n) != 0)
            continue;
        r->at += words[i].n;
        return i == 2 ? json_null() : json_boolean(i == 0);
    }
    return NULL;
}

static bool read_element(struct reader *r, json_t *array, int depth)
{
    json_t *value = read_value(r, depth);

    return value && json_array_append_new(array, value) == 0;
}

/* A key that is there already is no new one. */
static bool read_member(struct reader *r, json_t *object, int depth)
{
    size_t nr = json_object_size(object);
    struct str key;
    json_t *value;

    skip_space(r);
    if (!take_string(r, &key))
        return false;
    skip_space(r);
    if (!take(r, ':'))
        return false;
    value = read_value(r, depth);
    return value && json_object_setn_new_nocheck(object, key.p, key.n, value) == 0 &&
           json_object_size(object) > nr;
}

/* What stands between the brackets, up to the closing one. */
static bool read_members(struct reader *r, json_t *into, char closing, int depth)
{
    bool is_object = closing == '}';

    skip_space(r);
    if (take(r, closing))
        return true;
    do {
        if (!(is_object ? read_member(r, into, depth) : read_element(r, into, depth)))
            return false;
        skip_space(r);
    } while (take(r, ','));
    return take(r, closing);
}

static json_t *read_nested(struct reader *r, json_t *into, char closing, int depth)
{
    if (into && depth < DEPTH_MAX && read_members(r, into, closing, depth + 1))
        return into;
    json_decref(into);
    return NULL;
}

static json_t *read_value(struct reader *r, int depth)
{
    skip_space(r);
    if (r->at == r->end)
        return NULL;
    if (*r->at == '"')
        return read_string(r);
    if (take(r, '{'))
        return read_nested(r, json_object(), '}', depth);
    if (take(r, '['))
        return read_nested(r, json_array(), ']', depth);
    return *r->at == '-' || (*r->at >= '0' && *r->at <= '9') ? read_number(r) : read_word(r);
}

json_t *jsonplain_read(struct str text)
{
    struct reader r = {text.p, text.p + text.n};
    json_t *json = read_value(&r, 0);

    skip_space(&r);
    if (json && r.at == r.end)
        return json;
    json_decref(json);
    return NULL;
}
