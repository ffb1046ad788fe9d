/* chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ), byte by byte.
 *
 * White space may stand before and behind a semicolon and an equals sign, and nowhere else: what
 * only another reader would take for the end of the line, or of the size, is refused. */
#include "proxy/http/chunkext.h"

#include <stdbool.h>
#include <stddef.h>

#include "proxy/http/chars.h"

enum {
    COMPLETE, /* behind the size, or behind a quoted value: the line may end */
    BEFORE_SEMICOLON,
    BEFORE_NAME,
    IN_NAME,
    BEFORE_EQUALS, /* or before the next semicolon */
    BEFORE_VALUE,
    IN_TOKEN,
    IN_QUOTES,
    ESCAPED,
    BAD
};

void chunkext_begin(struct chunkext *e)
{
    *e = (struct chunkext){0, COMPLETE};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* What may stand between quotes, and behind a backslash there (RFC 9110 section 5.6.4). */
static bool is_text(char c)
{
    return ((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t';
}

static uint8_t in_quotes(char c)
{
    if (c == '"')
        return COMPLETE;
    if (c == '\\')
        return ESCAPED;
    return is_text(c) ? IN_QUOTES : BAD;
}

static uint8_t next(uint8_t state, char c)
{
    bool is_token = chars_is(c, CHARS_TOKEN);

    switch (state) {
    case COMPLETE:
    case BEFORE_SEMICOLON:
        return c == ';' ? BEFORE_NAME : is_space(c) ? BEFORE_SEMICOLON : BAD;
    case BEFORE_NAME:
        return is_token ? IN_NAME : is_space(c) ? BEFORE_NAME : BAD;
    case IN_NAME:
    case BEFORE_EQUALS:
        if (is_token && state == IN_NAME)
            return IN_NAME;
        if (c == '=')
            return BEFORE_VALUE;
        return c == ';' ? BEFORE_NAME : is_space(c) ? BEFORE_EQUALS : BAD;
    case BEFORE_VALUE:
        if (c == '"')
            return IN_QUOTES;
        return is_token ? IN_TOKEN : is_space(c) ? BEFORE_VALUE : BAD;
    case IN_TOKEN:
        if (is_token)
            return IN_TOKEN;
        return c == ';' ? BEFORE_NAME : is_space(c) ? BEFORE_SEMICOLON : BAD;
    case IN_QUOTES:
        return in_quotes(c);
    default: /* ESCAPED */
        return is_text(c) ? IN_QUOTES : BAD;
    }
}

static bool may_end(uint8_t state)
{
    return state == COMPLETE || state == IN_NAME || state == IN_TOKEN;
}

const char *chunkext_read(struct chunkext *e, const char *at, const char *end,
                          const char **complaint)
{
    for (; at < end; at++) {
        if (*at == '\r' && may_end(e->state))
            return at;
        if (++e->bytes > CHUNKEXT_MAX) {
            *complaint = "a chunk extension is too long";
            return NULL;
        }
        e->state = next(e->state, *at);
        if (e->state == BAD) {
            *complaint = "a chunk extension is malformed";
            return NULL;
        }
    }
    return at;
}
