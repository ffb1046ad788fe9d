/* The grammar of function names and qualifiers, as Lambda's data plane has it. A name is decoded
 * first, then cut at its colons. It is read from the left, each part being there or not:
 *
 *     arn:PARTITION:lambda:     then a region and an account must follow
 *     REGION:                   only before an account
 *     ACCOUNT:
 *     function:
 *     NAME
 *     :QUALIFIER
 */
#include "router/invoke.h"

#include <stdint.h>

#include "base/text.h"
#include "router/arn.h"

enum { FIELDS_MAX = 9 }; /* one more than there can be */

/* ---- Characters ------------------------------------------------------------------------------ */

enum { DIGIT = 1, LOWER = 2, UPPER = 4, JOIN = 8, DOT = 16, DOLLAR = 32 };
enum { ALPHA = LOWER | UPPER, WORD = DIGIT | ALPHA | JOIN };

static const uint8_t classes[256] = {
    ['0' ... '9'] = DIGIT, ['a' ... 'z'] = LOWER, ['A' ... 'Z'] = UPPER, ['-'] = JOIN,
    ['_'] = JOIN,          ['.'] = DOT,           ['$'] = DOLLAR};

static bool is(char c, int wanted)
{
    return classes[(uint8_t)c] & wanted;
}

/* How many bytes at the start of s are of these classes. */
static size_t span(struct str s, int wanted)
{
    size_t n = 0;

    while (n < s.n && is(s.p[n], wanted))
        n++;
    return n;
}

/* s is made of these classes, and between 1 and max bytes long. */
static bool is_text(struct str s, size_t max, int wanted)
{
    return s.n > 0 && s.n <= max && span(s, wanted) == s.n;
}

bool invoke_is_function_name(struct str s)
{
    return is_text(s, 64, WORD);
}

bool invoke_is_alias_name(struct str s)
{
    return is_text(s, 128, WORD) && span(s, DIGIT) < s.n;
}

bool invoke_is_version_name(struct str s)
{
    return str_eq(s, STR("$LATEST")) || (is_text(s, 20, DIGIT) && s.p[0] != '0');
}

/* ---- Percent-encoding ------------------------------------------------------------------------ */

int invoke_decode(struct str s, char *out, int max)
{
    int n = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '%') {
            int high = i + 2 < s.n ? text_digit(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? text_digit(s.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (n == max)
            return -1;
        out[n++] = c;
    }
    return n;
}

/* ---- FunctionName ---------------------------------------------------------------------------- */

static bool skip(struct str *s, struct str what)
{
    if (s->n < what.n || memcmp(s->p, what.p, what.n) != 0)
        return false;
    s->p += what.n;
    s->n -= what.n;
    return true;
}

/* Cuts at the colons; the number of fields, FIELDS_MAX where there are as many or more. */
static int cut(struct str s, struct str *fields)
{
    int nr = 0;

    while (nr < FIELDS_MAX) {
        const char *colon = s.n > 0 ? memchr(s.p, ':', s.n) : NULL;

        fields[nr] = s;
        if (!colon)
            return nr + 1;
        fields[nr].n = (size_t)(colon - s.p);
        s.n -= fields[nr].n + 1;
        s.p = colon + 1;
        nr++;
    }
    return nr;
}

static bool is_qualifier_in_name(struct str s)
{
    return str_eq(s, STR("$LATEST")) || str_eq(s, STR("$LATEST.PUBLISHED")) ||
           is_text(s, INVOKE_QUALIFIER_MAX, WORD);
}

static bool is_name(struct str s)
{
    return is_text(s, INVOKE_NAME_MAX, WORD | DOT);
}

/* How many fields precede the name and what may stand before it, "function"; -1 where they are
 * wrong. */
static int nr_before(const struct str *fields, int nr)
{
    if (nr > 2 && str_eq(fields[0], STR("arn"))) {
        bool is_right = nr >= 6 && arn_is_partition(fields[1]) &&
                        str_eq(fields[2], STR("lambda")) && arn_is_region(fields[3]) &&
                        arn_is_account(fields[4]);

        return is_right ? 5 : -1;
    }
    if (nr > 2 && arn_is_region(fields[0]) && arn_is_account(fields[1]))
        return 2;
    return nr > 1 && arn_is_account(fields[0]) && is_name(fields[1]) ? 1 : 0;
}

/* The name and, if it has one, the qualifier of a decoded FunctionName. */
static bool parse_name(struct str s, struct str *name, struct str *qualifier)
{
    struct str fields[FIELDS_MAX];
    int nr = cut(s, fields);
    int i = nr_before(fields, nr);

    if (i < 0)
        return false;
    if (i + 1 < nr && str_eq(fields[i], STR("function")) && is_name(fields[i + 1]))
        i++;
    if (!is_name(fields[i]))
        return false;
    *name = fields[i];
    *qualifier = (struct str){"", 0};
    if (i + 1 == nr)
        return true;
    *qualifier = fields[i + 1];
    return i + 2 == nr && is_qualifier_in_name(*qualifier);
}

/* ---- Qualifier in the query ------------------------------------------------------------------ */

/* Lambda's pattern lets a dollar sign stand anywhere; such a thing is then not found. */
static bool is_qualifier_in_query(struct str s)
{
    return str_eq(s, STR("$LATEST.PUBLISHED")) || is_text(s, INVOKE_QUALIFIER_MAX, WORD | DOLLAR);
}

static bool is_named_qualifier(struct str key)
{
    const struct str name = STR("Qualifier");
    char decoded[sizeof("Qualifier") - 1];
    int n;

    if (key.n <= name.n || !memchr(key.p, '%', key.n))
        return str_eq(key, name);
    n = invoke_decode(key, decoded, sizeof(decoded));

    return n == (int)name.n && memcmp(decoded, name.p, name.n) == 0;
}

/* Finds Qualifier and decodes it to text, which has room for INVOKE_QUALIFIER_MAX bytes. Empty
 * where there is none. */
static enum invoke_result parse_query(struct str query, char *text, struct str *qualifier)
{
    *qualifier = (struct str){text, 0};
    while (query.n > 0) {
        const char *end = memchr(query.p, '&', query.n);
        struct str pair = {query.p, end ? (size_t)(end - query.p) : query.n};
        const char *equals = pair.n > 0 ? memchr(pair.p, '=', pair.n) : NULL;
        struct str key = {pair.p, equals ? (size_t)(equals - pair.p) : pair.n};
        struct str value = {equals ? equals + 1 : "", equals ? pair.n - key.n - 1 : 0};
        char decoded[INVOKE_QUALIFIER_MAX];
        struct str found = {decoded, 0};
        int n;

        query.p += pair.n + (end ? 1 : 0);
        query.n -= pair.n + (end ? 1 : 0);
        if (!is_named_qualifier(key))
            continue;
        n = invoke_decode(value, decoded, sizeof(decoded));
        found.n = n > 0 ? (size_t)n : 0;
        if (!is_qualifier_in_query(found))
            return INVOKE_BAD_QUALIFIER;
        if (qualifier->n > 0 && !str_eq(*qualifier, found))
            return INVOKE_MISMATCH;
        memcpy(text, found.p, found.n);
        qualifier->n = found.n;
    }
    return INVOKE_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* What stands between the fixed parts of the path; false where it is another path. */
static bool find_name(struct str path, struct str *name)
{
    const struct str tail = STR("/invocations");

    if (!skip(&path, STR("/2015-03-31/functions/")) || path.n < tail.n ||
        memcmp(path.p + path.n - tail.n, tail.p, tail.n) != 0)
        return false;
    *name = (struct str){path.p, path.n - tail.n};
    return true;
}

enum invoke_result invoke_parse_name(struct invoke_address *out, struct str raw)
{
    int n = invoke_decode(raw, out->text, INVOKE_NAME_MAX);

    if (n < 0 || !parse_name((struct str){out->text, (size_t)n}, &out->function, &out->qualifier))
        return INVOKE_BAD_NAME;
    return INVOKE_OK;
}

enum invoke_result invoke_parse(struct invoke_address *out, struct str path, struct str query)
{
    struct str raw, derived = {"", 0};
    enum invoke_result result;
    int n;

    if (!find_name(path, &raw))
        return INVOKE_NOT_THIS;
    if (is_name(raw)) { /* as most are: nothing to decode or to cut */
        out->function = raw;
        return parse_query(query, out->text + INVOKE_NAME_MAX, &out->qualifier);
    }
    if (raw.n > 0 && memchr(raw.p, '/', raw.n))
        return INVOKE_NOT_THIS;
    result = parse_query(query, out->text + INVOKE_NAME_MAX, &out->qualifier);
    if (result == INVOKE_BAD_QUALIFIER)
        return result;
    n = invoke_decode(raw, out->text, INVOKE_NAME_MAX);
    if (n < 0 || !parse_name((struct str){out->text, (size_t)n}, &out->function, &derived))
        return INVOKE_BAD_NAME;
    if (result)
        return result;
    if (derived.n > 0 && out->qualifier.n > 0 && !str_eq(derived, out->qualifier))
        return INVOKE_MISMATCH;
    if (out->qualifier.n == 0)
        out->qualifier = derived;
    return INVOKE_OK;
}
