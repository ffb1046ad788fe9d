/* A machine that is fed one byte after the other. Its states are the places of RFC 8259's grammar;
 * what it must remember of the levels above is one bit for each: array or object. */
#include "base/jsoncheck.h"

#include <stdio.h>

enum {
    VALUE, /* what a text begins with */
    FIRST_ITEM,
    FIRST_KEY,
    KEY,
    COLON,
    BEHIND_VALUE,
    STRING,
    ESCAPE,
    HEX_4,
    HEX_3,
    HEX_2,
    HEX_1,
    MINUS,
    ZERO,
    DIGITS,
    POINT,
    FRACTION,
    EXPONENT,
    SIGN,
    POWER,
    LITERAL
};

static bool fail(struct jsoncheck *c, uint8_t byte, const char *expected)
{
    c->is_failed = true;
    c->byte = byte;
    c->expected = expected;
    return false;
}

static bool is_array(const struct jsoncheck *c)
{
    return c->arrays[(c->depth - 1) / 64] >> (c->depth - 1) % 64 & 1;
}

static bool open_level(struct jsoncheck *c, uint8_t byte)
{
    uint64_t bit = UINT64_C(1) << c->depth % 64;

    if (c->depth == JSONCHECK_DEPTH)
        return fail(c, byte, "fewer levels of arrays and objects");
    if (c->depth == 0)
        c->is_object = byte == '{';
    if (byte == '[')
        c->arrays[c->depth / 64] |= bit;
    else
        c->arrays[c->depth / 64] &= ~bit;
    c->depth++;
    c->state = byte == '[' ? FIRST_ITEM : FIRST_KEY;
    return true;
}

static bool close_level(struct jsoncheck *c)
{
    c->depth--;
    c->state = BEHIND_VALUE;
    return true;
}

static bool begin_string(struct jsoncheck *c, uint8_t after, bool is_key)
{
    c->state = STRING;
    c->after = after;
    c->is_key = is_key && c->depth == 1;
    c->key_len = 0;
    return true;
}

static bool begin_literal(struct jsoncheck *c, const char *rest)
{
    c->rest = rest;
    c->state = LITERAL;
    return true;
}

static bool begin_value(struct jsoncheck *c, uint8_t byte)
{
    static const char expected[] = "a string, number, object or array, or true, false or null";

    switch (byte) {
    case '"':
        return begin_string(c, BEHIND_VALUE, false);
    case '{':
    case '[':
        return open_level(c, byte);
    case 't':
        return begin_literal(c, "rue");
    case 'f':
        return begin_literal(c, "alse");
    case 'n':
        return begin_literal(c, "ull");
    case '-':
        c->state = MINUS;
        return true;
    case '0':
        c->state = ZERO;
        return true;
    default:
        if (byte < '1' || byte > '9')
            return fail(c, byte, expected);
        c->state = DIGITS;
        return true;
    }
}

static bool behind_value(struct jsoncheck *c, uint8_t byte)
{
    if (c->depth == 0)
        return fail(c, byte, "the end of the text");
    if (byte == ',') {
        c->state = is_array(c) ? VALUE : KEY;
        return true;
    }
    if (byte == (is_array(c) ? ']' : '}'))
        return close_level(c);
    return fail(c, byte, is_array(c) ? "',' or ']'" : "',' or '}'");
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* Between tokens. */
static bool take_token(struct jsoncheck *c, uint8_t byte)
{
    if (is_space(byte))
        return true;
    switch (c->state) {
    case VALUE:
        return begin_value(c, byte);
    case FIRST_ITEM:
        return byte == ']' ? close_level(c) : begin_value(c, byte);
    case FIRST_KEY:
        if (byte == '}')
            return close_level(c);
        return byte == '"' ? begin_string(c, COLON, true) : fail(c, byte, "a key in quotes or '}'");
    case KEY:
        return byte == '"' ? begin_string(c, COLON, true) : fail(c, byte, "a key in quotes");
    case COLON:
        if (byte != ':')
            return fail(c, byte, "':'");
        c->state = VALUE;
        return true;
    default:
        return behind_value(c, byte);
    }
}

/* ---- Strings --------------------------------------------------------------------------------- */

static void end_string(struct jsoncheck *c)
{
    struct str key = {c->key, c->key_len};

    c->state = c->after;
    if (!c->is_key || key.n > JSONCHECK_KEY_MAX)
        return;
    c->has_error_type |= str_eq(key, STR("errorType"));
    c->has_error_message |= str_eq(key, STR("errorMessage"));
}

static void keep_key(struct jsoncheck *c, uint8_t byte)
{
    if (c->key_len < JSONCHECK_KEY_MAX)
        c->key[c->key_len] = (char)byte;
    if (c->key_len <= JSONCHECK_KEY_MAX)
        c->key_len++;
}

/* The first byte of a character of several (RFC 3629 section 4). */
static bool begin_character(struct jsoncheck *c, uint8_t byte)
{
    c->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    c->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    c->need = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
    return (byte >= 0xc2 && byte <= 0xf4) || fail(c, byte, "UTF-8");
}

static bool take_in_string(struct jsoncheck *c, uint8_t byte)
{
    if (c->need > 0) {
        if (byte < c->low || byte > c->high)
            return fail(c, byte, "UTF-8");
        c->need--;
        c->low = 0x80;
        c->high = 0xbf;
        return true;
    }
    if (byte == '"') {
        end_string(c);
        return true;
    }
    if (c->is_key)
        keep_key(c, byte);
    if (byte == '\\')
        c->state = ESCAPE;
    else if (byte < 0x20)
        return fail(c, byte, "an escape: a string holds no control characters");
    else if (byte >= 0x80)
        return begin_character(c, byte);
    return true;
}

static bool take_escape(struct jsoncheck *c, uint8_t byte)
{
    if (c->is_key)
        keep_key(c, byte);
    if (c->state == ESCAPE) {
        c->state = byte == 'u' ? HEX_4 : STRING;
        return memchr("\"\\/bfnrtu", byte, 9) || fail(c, byte, "an escape such as \\n or \\u0041");
    }
    c->state = c->state == HEX_1 ? STRING : c->state + 1;
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f') ||
           fail(c, byte, "a hexadecimal digit");
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static bool take_number(struct jsoncheck *c, uint8_t byte)
{
    bool is_digit = byte >= '0' && byte <= '9';
    bool may_end =
        c->state == ZERO || c->state == DIGITS || c->state == FRACTION || c->state == POWER;

    if (is_digit && c->state != ZERO) {
        c->state = c->state == MINUS                          ? (byte == '0' ? ZERO : DIGITS)
                   : c->state == POINT                        ? FRACTION
                   : c->state == EXPONENT || c->state == SIGN ? POWER
                                                              : c->state;
        return true;
    }
    if (byte == '.' && (c->state == ZERO || c->state == DIGITS)) {
        c->state = POINT;
        return true;
    }
    if ((byte | 0x20) == 'e' && may_end && c->state != POWER) {
        c->state = EXPONENT;
        return true;
    }
    if ((byte == '+' || byte == '-') && c->state == EXPONENT) {
        c->state = SIGN;
        return true;
    }
    if (!may_end || is_digit)
        return fail(c, byte, is_digit ? "a number without leading zeros" : "a digit");
    c->state = BEHIND_VALUE;
    return take_token(c, byte);
}

static bool take_literal(struct jsoncheck *c, uint8_t byte)
{
    if (byte != (uint8_t)*c->rest)
        return fail(c, byte, "true, false or null");
    if (!*++c->rest)
        c->state = BEHIND_VALUE;
    return true;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static bool take(struct jsoncheck *c, uint8_t byte)
{
    if (c->state < STRING)
        return take_token(c, byte);
    if (c->state == STRING)
        return take_in_string(c, byte);
    if (c->state <= HEX_1)
        return take_escape(c, byte);
    return c->state == LITERAL ? take_literal(c, byte) : take_number(c, byte);
}

/* How many bytes of a string mean nothing but themselves. */
static size_t plain(const struct jsoncheck *c, struct str s)
{
    size_t n = 0;

    if (c->state != STRING || c->need > 0 || c->is_key)
        return 0;
    while (n < s.n && (uint8_t)s.p[n] >= 0x20 && (uint8_t)s.p[n] < 0x80 && s.p[n] != '"' &&
           s.p[n] != '\\')
        n++;
    return n;
}

bool jsoncheck_feed(struct jsoncheck *c, struct str bytes)
{
    size_t n = 0;

    while (!c->is_failed && n < bytes.n) {
        n += plain(c, (struct str){bytes.p + n, bytes.n - n});
        if (n < bytes.n && take(c, (uint8_t)bytes.p[n]))
            n++;
    }
    c->offset += n;
    return !c->is_failed;
}

bool jsoncheck_end(struct jsoncheck *c)
{
    bool is_number =
        c->state == ZERO || c->state == DIGITS || c->state == FRACTION || c->state == POWER;

    if (c->is_failed)
        return false;
    if (c->depth == 0 && (is_number || c->state == BEHIND_VALUE))
        return true;
    c->is_failed = true;
    c->expected = NULL;
    return false;
}

void jsoncheck_reason(const struct jsoncheck *c, char out[JSONCHECK_REASON_MAX])
{
    bool is_shown = c->byte >= 0x20 && c->byte < 0x7f;

    if (!c->expected)
        snprintf(out, JSONCHECK_REASON_MAX, "Unexpected end of the text after %llu bytes",
                 (unsigned long long)c->offset);
    else if (is_shown)
        snprintf(out, JSONCHECK_REASON_MAX,
                 "Unexpected character ('%c' (code %d)) at byte %llu: expected %s", c->byte,
                 c->byte, (unsigned long long)c->offset + 1, c->expected);
    else
        snprintf(out, JSONCHECK_REASON_MAX,
                 "Unexpected character (code %d) at byte %llu: expected %s", c->byte,
                 (unsigned long long)c->offset + 1, c->expected);
}
