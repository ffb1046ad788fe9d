/* The glue of JSON: brackets, commas, colons and white space of one level. Of what is within a
 * member only strings and the balance of brackets count. */
#include "conf/jsonscan.h"

#include <assert.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

/* Behind the string that begins at p; NULL where it has no end. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\' && ++p == end)
            break;
    }
    return NULL;
}

/* Behind the bracket that matches the one at p; NULL where there is none. */
static const char *skip_nested(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            if (!p)
                return NULL;
            continue;
        }
        if (*p == '{' || *p == '[')
            depth++;
        else if ((*p == '}' || *p == ']') && --depth == 0)
            return p + 1;
        p++;
    }
    return NULL;
}

/* Behind the value at p, which may be empty; NULL where it has no end. */
static const char *skip_value(const char *p, const char *end)
{
    if (p < end && *p == '"')
        return skip_string(p, end);
    if (p < end && (*p == '{' || *p == '['))
        return skip_nested(p, end);
    while (p < end && !is_space(*p) && *p != ',' && *p != '}' && *p != ']')
        p++;
    return p;
}

bool jsonscan_open(struct jsonscan *scan, struct str text)
{
    const char *end = text.p + text.n, *p = skip_space(text.p, end);

    if (p == end || (*p != '{' && *p != '['))
        return false;
    *scan = (struct jsonscan){p + 1, end, *p == '{' ? '}' : ']', false};
    return true;
}

/* A key and the colon behind it. */
static bool cut_key(struct jsonscan *scan, struct str *key)
{
    const char *p = scan->at;

    if (p == scan->end || *p != '"')
        return false;
    p = skip_string(p, scan->end);
    if (!p)
        return false;
    *key = (struct str){scan->at, (size_t)(p - scan->at)};
    scan->at = skip_space(p, scan->end);
    if (scan->at == scan->end || *scan->at != ':')
        return false;
    scan->at = skip_space(scan->at + 1, scan->end);
    return true;
}

enum jsonscan_step jsonscan_next(struct jsonscan *scan, struct jsonscan_member *member)
{
    const char *p;

    *member = (struct jsonscan_member){STR(""), STR("")};
    scan->at = skip_space(scan->at, scan->end);
    if (scan->at < scan->end && *scan->at == scan->closing) {
        scan->at++;
        return JSONSCAN_END;
    }
    if (scan->has_begun) {
        if (scan->at == scan->end || *scan->at != ',')
            return JSONSCAN_BROKEN;
        scan->at = skip_space(scan->at + 1, scan->end);
    }
    scan->has_begun = true;
    if (scan->closing == '}' && !cut_key(scan, &member->key))
        return JSONSCAN_BROKEN;
    p = skip_value(scan->at, scan->end);
    member->value.p = scan->at;
    member->value.n = (size_t)((p ? p : scan->end) - scan->at);
    if (!p || p == scan->at)
        return JSONSCAN_BROKEN;
    assert(p <= scan->end);
    scan->at = p;
    return JSONSCAN_MEMBER;
}

struct str jsonscan_value(struct str text)
{
    const char *end = skip_value(text.p, text.p + text.n);

    return (struct str){text.p, end ? (size_t)(end - text.p) : 0};
}

bool jsonscan_is_all(const struct jsonscan *scan)
{
    return skip_space(scan->at, scan->end) == scan->end;
}
