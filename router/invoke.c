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
#include <stdio.h>

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

void invoke_decode_name(struct str s, char *out, size_t size)
{
    int n = invoke_decode(s, out, (int)size - 1);

    if (n < 0 || memchr(out, '\0', (size_t)n))
        n = 0;
    out[n] = '\0';
}

/* ---- FunctionName ---------------------------------------------------------------------------- */

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

/* A FunctionName in its parts; those that it has not are empty. */
struct name_parts {
    struct str region, account, name, qualifier;
};

/* How many fields precede the name and what may stand before it, "function"; -1 where they are
 * wrong. */
static int nr_before(const struct str *fields, int nr, struct name_parts *parts)
{
    if (nr > 2 && str_eq(fields[0], STR("arn"))) {
        bool is_right = nr >= 6 && arn_is_partition(fields[1]) && str_eq(fields[2], STR("lambda"));

        parts->region = fields[3];
        parts->account = fields[4];
        return is_right && arn_is_region(fields[3]) && arn_is_account(fields[4]) ? 5 : -1;
    }
    if (nr > 2 && arn_is_region(fields[0]) && arn_is_account(fields[1])) {
        parts->region = fields[0];
        parts->account = fields[1];
        return 2;
    }
    if (nr < 2 || !arn_is_account(fields[0]) || !is_name(fields[1]))
        return 0;
    parts->account = fields[0];
    return 1;
}

/* The parts of a decoded FunctionName; false where it is none. */
static bool parse_name(struct str s, struct name_parts *parts)
{
    struct str fields[FIELDS_MAX] = {{NULL, 0}};
    int nr = cut(s, fields), i;

    *parts = (struct name_parts){.qualifier = {"", 0}};
    i = nr_before(fields, nr, parts);
    if (i < 0)
        return false;
    if (i + 1 < nr && str_eq(fields[i], STR("function")) && is_name(fields[i + 1]))
        i++;
    if (!is_name(fields[i]))
        return false;
    parts->name = fields[i];
    if (i + 1 == nr)
        return true;
    parts->qualifier = fields[i + 1];
    return i + 2 == nr && is_qualifier_in_name(parts->qualifier);
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
    const struct str usual = STR("Qualifier=");

    if (query.n > usual.n && memcmp(query.p, usual.p, usual.n) == 0) {
        *qualifier = (struct str){query.p + usual.n, query.n - usual.n};
        if (is_text(*qualifier, INVOKE_QUALIFIER_MAX, WORD)) /* alone, and nothing is encoded */
            return INVOKE_OK;
    }
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

/* The addresses: what stands before the name and behind it. */
static const struct {
    struct str head, tail;
    enum invoke_operation operation;
} forms[] = {
    {{"/2015-03-31/functions/", 22}, {"/invocations", 12}, INVOKE_BUFFERED},
    {{"/2021-11-15/functions/", 22}, {"/response-streaming-invocations", 31}, INVOKE_STREAM},
    {{"/2014-11-13/functions/", 22}, {"/invoke-async", 13}, INVOKE_ASYNC},
    {{"/2014-11-13/functions/", 22}, {"/invoke-async/", 14}, INVOKE_ASYNC},
};

/* What stands between the fixed parts of the path; false where it is another path. */
static inline bool find_name(struct str path, struct str *name, enum invoke_operation *operation)
{
    if (path.n < forms[0].head.n + forms[0].tail.n || path.p[1] != '2' || path.p[2] != '0')
        return false;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct str head = forms[i].head, tail = forms[i].tail;

        if (path.n < head.n + tail.n || memcmp(path.p, head.p, head.n) != 0 ||
            memcmp(path.p + path.n - tail.n, tail.p, tail.n) != 0)
            continue;
        *name = (struct str){path.p + head.n, path.n - head.n - tail.n};
        *operation = forms[i].operation;
        return true;
    }
    return false;
}

enum invoke_result invoke_parse_name(struct invoke_address *out, struct str raw)
{
    int n = invoke_decode(raw, out->text, INVOKE_NAME_MAX);
    struct name_parts parts;

    if (n < 0 || !parse_name((struct str){out->text, (size_t)n}, &parts))
        return INVOKE_BAD_NAME;
    out->function = parts.name;
    out->qualifier = parts.qualifier;
    return INVOKE_OK;
}

/* A name that is more than a name. */
static enum invoke_result parse_long(struct invoke_address *out, const struct arn_home *home,
                                     struct str raw, struct str query)
{
    enum invoke_result result = parse_query(query, out->text + INVOKE_NAME_MAX, &out->qualifier);
    int n = invoke_decode(raw, out->text, INVOKE_LENGTH_MAX);
    struct name_parts parts;

    if (result == INVOKE_BAD_QUALIFIER)
        return result;
    if (n < 0 || !parse_name((struct str){out->text, (size_t)n}, &parts))
        return INVOKE_BAD_NAME;
    if (parts.region.n > 0 && !str_eq(parts.region, home->region))
        return INVOKE_OTHER_REGION;
    if (parts.account.n > 0 && !str_eq(parts.account, home->account))
        return INVOKE_OTHER_ACCOUNT;
    if (result)
        return result;
    if (parts.qualifier.n > 0 && out->qualifier.n > 0 && !str_eq(parts.qualifier, out->qualifier))
        return INVOKE_MISMATCH;
    out->function = parts.name;
    if (out->qualifier.n == 0)
        out->qualifier = parts.qualifier;
    return INVOKE_OK;
}

bool invoke_is_path(struct str path)
{
    enum invoke_operation operation;
    struct str raw;

    return find_name(path, &raw, &operation) && (raw.n == 0 || !memchr(raw.p, '/', raw.n));
}

enum invoke_result invoke_parse(struct invoke_address *out, const struct arn_home *home,
                                struct str path, struct str query)
{
    struct str raw;

    if (!find_name(path, &raw, &out->operation))
        return INVOKE_NOT_THIS;
    if (is_text(raw, INVOKE_LENGTH_MAX,
                WORD | DOT)) { /* as most are: nothing to decode or to cut */
        out->function = raw;
        return parse_query(query, out->text + INVOKE_NAME_MAX, &out->qualifier);
    }
    if (raw.n > 0 && memchr(raw.p, '/', raw.n))
        return INVOKE_NOT_THIS;
    return parse_long(out, home, raw, query);
}

/* ---- What is wrong --------------------------------------------------------------------------- */

#define NAME_PATTERN                                                                               \
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?"    \
    "(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
#define QUALIFIER_PATTERN "\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"

/* Members that are wrong, gathered; room for two patterns and two values. */
struct faults {
    int nr;
    size_t n;
    char text[INVOKE_REASON_MAX - 64];
};

static void add_fault(struct faults *faults, struct str value, const char *member,
                      const char *format, const char *constraint)
{
    const int shown_max = 300;
    size_t room = sizeof(faults->text) - faults->n;
    int shown = value.n < (size_t)shown_max ? (int)value.n : shown_max;
    int n = snprintf(faults->text + faults->n, room, "%sValue '", faults->nr > 0 ? "; " : "");

    faults->n += (size_t)n < room ? (size_t)n : room - 1;
    for (int i = 0; i < shown && faults->n + 1 < sizeof(faults->text); i++)
        faults->text[faults->n++] = value.p[i] ? value.p[i] : '?';
    room = sizeof(faults->text) - faults->n;
    n = snprintf(faults->text + faults->n, room,
                 "' at '%s' failed to satisfy constraint: Member must ", member);
    faults->n += (size_t)n < room ? (size_t)n : room - 1;
    room = sizeof(faults->text) - faults->n;
    n = snprintf(faults->text + faults->n, room, "%s%s", format, constraint);
    faults->n += (size_t)n < room ? (size_t)n : room - 1;
    faults->nr++;
}

/* What can't be decoded is shown as it came. */
static struct str decode_or_show(struct str raw, char *text, int max)
{
    int n = invoke_decode(raw, text, max);

    return n < 0 ? raw : (struct str){text, (size_t)n};
}

static void explain_qualifier(struct faults *faults, struct str query)
{
    const char pattern[] = "satisfy regular expression pattern: ";
    char text[1024];

    while (query.n > 0) {
        struct str pair = str_until(query, '&'), key = str_until(pair, '=');
        struct str raw = {pair.p + key.n + 1, pair.n > key.n ? pair.n - key.n - 1 : 0};
        struct str value;
        size_t used = pair.n < query.n ? pair.n + 1 : pair.n;

        query.p += used;
        query.n -= used;
        if (!is_named_qualifier(key))
            continue;
        value = decode_or_show(raw, text, sizeof(text));
        if (value.n > INVOKE_QUALIFIER_MAX)
            add_fault(faults, value, "qualifier", "have length less than or equal to ", "128");
        if (value.n == 0)
            add_fault(faults, value, "qualifier", "have length greater than or equal to ", "1");
        if (!str_eq(value, STR("$LATEST.PUBLISHED")) && !is_text(value, value.n, WORD | DOLLAR))
            add_fault(faults, value, "qualifier", pattern, QUALIFIER_PATTERN);
        if (faults->nr > 0)
            return;
    }
}

static void explain_name(struct faults *faults, struct str raw)
{
    struct name_parts parts;
    char text[1024];
    struct str value = decode_or_show(raw, text, sizeof(text));

    if (value.n > INVOKE_NAME_MAX && is_text(value, value.n, WORD | DOT))
        parts = (struct name_parts){.name = value}; /* its length alone is wrong */
    else if (!parse_name(value, &parts)) {
        add_fault(faults, value, "functionName",
                  "satisfy regular expression pattern: ", NAME_PATTERN);
        return;
    }
    if (value.n > INVOKE_LENGTH_MAX)
        add_fault(faults, value, "functionName", "have length less than or equal to ", "170");
}

void invoke_explain(enum invoke_result result, const struct arn_home *home, struct str path,
                    struct str query, char out[INVOKE_REASON_MAX])
{
    struct faults faults = {0};
    enum invoke_operation operation;
    char text[INVOKE_NAME_MAX], arn[ARN_ADDED_MAX + INVOKE_NAME_MAX];
    struct name_parts parts = {.name = {"", 0}};
    struct arn_home other;
    struct str raw = {"", 0};
    int n;

    find_name(path, &raw, &operation);
    n = invoke_decode(raw, text, sizeof(text));
    if (n >= 0)
        parse_name((struct str){text, (size_t)n}, &parts);
    switch (result) {
    case INVOKE_MISMATCH:
        snprintf(out, INVOKE_REASON_MAX,
                 "The derived qualifier from the function name does not match the specified "
                 "qualifier.");
        return;
    case INVOKE_OTHER_REGION:
        snprintf(out, INVOKE_REASON_MAX,
                 "Functions from '%.*s' are not reachable in this region ('%.*s')",
                 STR_ARG(parts.region), STR_ARG(home->region));
        return;
    case INVOKE_OTHER_ACCOUNT:
        other = (struct arn_home){home->region, parts.account};
        n = (int)(arn_write(arn, &other, parts.name, (struct str){"", 0}) - arn);
        snprintf(out, INVOKE_REASON_MAX,
                 "User: arn:aws:iam::%.*s:root is not authorized to perform: lambda:InvokeFunction "
                 "on resource: %.*s because no resource-based policy allows the "
                 "lambda:InvokeFunction action",
                 STR_ARG(home->account), n, arn);
        return;
    default:
        explain_qualifier(&faults, query);
        explain_name(&faults, raw);
        snprintf(out, INVOKE_REASON_MAX, "%d validation error%s detected: %.*s", faults.nr,
                 faults.nr == 1 ? "" : "s", (int)faults.n, faults.text);
    }
}
