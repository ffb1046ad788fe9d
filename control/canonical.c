/* Writing canonical requests. */
#include "control/canonical.h"

#include <stdlib.h>

#include "base/text.h"
#include "control/sigv4.h"

/* ---- Percent-encoding ------------------------------------------------------------------------ */

/* RFC 3986 section 2.3. */
static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

static char *encode_byte(char *p, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";

    *p++ = '%';
    *p++ = digits[c >> 4];
    *p++ = digits[c & 15];
    return p;
}

/* ---- The path -------------------------------------------------------------------------------- */

/* What is left of a path's segments, with a slash before each: "/a//./b/../c" leaves "/a/c". */
static size_t drop_segments(struct str path, char *out)
{
    size_t n = 0;

    for (size_t at = 0; at <= path.n;) {
        struct str segment = str_until((struct str){path.p + at, path.n - at}, '/');

        at += segment.n + 1;
        if (segment.n == 0 || str_eq(segment, STR(".")))
            continue;
        if (!str_eq(segment, STR(".."))) {
            out[n++] = '/';
            n = (size_t)(text_str(out + n, segment) - out);
            continue;
        }
        while (n > 0 && out[--n] != '/')
            ;
    }
    return n;
}

static void write_encoded(const struct canonical_sink *sink, const char *bytes, size_t n)
{
    char piece[256 + 3];
    char *p = piece;

    for (size_t i = 0; i < n; i++) {
        if (is_unreserved(bytes[i]) || bytes[i] == '/')
            *p++ = bytes[i];
        else
            p = encode_byte(p, (unsigned char)bytes[i]);
        if (p - piece < 256 && i + 1 < n)
            continue;
        sink->add(sink->context, (struct str){piece, (size_t)(p - piece)});
        p = piece;
    }
}

int canonical_path(const struct canonical_sink *sink, struct str path)
{
    char *kept = calloc(1, path.n + 1);
    size_t n;

    if (!kept)
        return -1;
    n = path.n > 0 ? drop_segments(path, kept) : 0;
    write_encoded(sink, kept, n);
    if (n == 0 || path.p[path.n - 1] == '/')
        sink->add(sink->context, STR("/"));
    free(kept);
    return 0;
}

/* ---- The query ------------------------------------------------------------------------------- */

struct pair {
    struct str name, value;                 /* decoded */
    struct str encoded_name, encoded_value; /* strictly */
};

struct canonical_query {
    size_t nr;
    struct pair *pairs; /* sorted */
    char *text;         /* where their strings lie */
};

/* Decodes into p; a percent sign that begins no byte stands for itself. */
static char *decode(char *p, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        int high = i + 2 < s.n && s.p[i] == '%' ? text_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? text_digit(s.p[i + 2]) : -1;

        if (low < 0) {
            *p++ = s.p[i];
            continue;
        }
        *p++ = (char)(high << 4 | low);
        i += 2;
    }
    return p;
}

/* The two forms of one text, one behind the other at p. */
static char *take_text(char *p, struct str raw, struct str *decoded, struct str *encoded)
{
    char *end = decode(p, raw);

    *decoded = (struct str){p, (size_t)(end - p)};
    p = end;
    for (size_t i = 0; i < decoded->n; i++) {
        if (is_unreserved(decoded->p[i]))
            *p++ = decoded->p[i];
        else
            p = encode_byte(p, (unsigned char)decoded->p[i]);
    }
    *encoded = (struct str){end, (size_t)(p - end)};
    return p;
}

static int compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return r != 0 ? r : (a.n > b.n) - (a.n < b.n);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int r = compare(x->encoded_name, y->encoded_name);

    return r != 0 ? r : compare(x->encoded_value, y->encoded_value);
}

static void split(struct canonical_query *q, struct str query)
{
    char *p = q->text;

    for (size_t at = 0; query.n > 0 && at <= query.n; q->nr++) {
        struct str raw = str_until((struct str){query.p + at, query.n - at}, '&');
        struct str name = str_until(raw, '=');
        size_t used = name.n + (name.n < raw.n);
        struct str value = {raw.p + used, raw.n - used};
        struct pair *pair = &q->pairs[q->nr];

        p = take_text(p, name, &pair->name, &pair->encoded_name);
        p = take_text(p, value, &pair->value, &pair->encoded_value);
        at += raw.n + 1;
    }
}

struct canonical_query *canonical_query_make(struct str query)
{
    struct canonical_query *q = calloc(1, sizeof(*q));
    size_t nr = 1;

    for (size_t i = 0; i < query.n; i++)
        nr += query.p[i] == '&';
    if (q) {
        q->pairs = calloc(nr, sizeof(*q->pairs));
        q->text = malloc(4 * query.n + 1); /* decoded as it was at most, encoded thrice that */
    }
    if (!q || !q->pairs || !q->text) {
        canonical_query_free(&q);
        return NULL;
    }
    split(q, query);
    qsort(q->pairs, q->nr, sizeof(*q->pairs), compare_pairs);
    return q;
}

void canonical_query_free(struct canonical_query **query)
{
    if (*query) {
        free((*query)->pairs);
        free((*query)->text);
    }
    free(*query);
    *query = NULL;
}

struct str canonical_query_get(const struct canonical_query *q, struct str name)
{
    const struct pair *found = NULL;

    for (size_t i = 0; i < q->nr; i++) {
        if (!str_eq(q->pairs[i].name, name))
            continue;
        if (found)
            return (struct str){NULL, 0};
        found = &q->pairs[i];
    }
    return found ? found->value : (struct str){NULL, 0};
}

bool canonical_query_has(struct str query, struct str name)
{
    for (size_t at = 0; at < query.n;) {
        struct str raw = str_until((struct str){query.p + at, query.n - at}, '&');

        if (str_eq(str_until(raw, '='), name))
            return true;
        at += raw.n + 1;
    }
    return false;
}

void canonical_query_write(const struct canonical_sink *sink, const struct canonical_query *q,
                           struct str without)
{
    bool is_first = true;

    for (size_t i = 0; i < q->nr; i++) {
        if (without.p && str_eq(q->pairs[i].name, without))
            continue;
        if (!is_first)
            sink->add(sink->context, STR("&"));
        is_first = false;
        sink->add(sink->context, q->pairs[i].encoded_name);
        sink->add(sink->context, STR("="));
        sink->add(sink->context, q->pairs[i].encoded_value);
    }
}

/* ---- Headers --------------------------------------------------------------------------------- */

static void write_lower(const struct canonical_sink *sink, struct str name)
{
    char piece[64];
    size_t n = 0;

    for (size_t i = 0; i < name.n; i++) {
        piece[n++] = str_lower(name.p[i]);
        if (n < sizeof(piece) && i + 1 < name.n)
            continue;
        sink->add(sink->context, (struct str){piece, n});
        n = 0;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Without blanks around it, and with one for each run of them. */
static void write_value(const struct canonical_sink *sink, struct str value)
{
    size_t at = 0;
    bool is_first = true;

    while (at < value.n) {
        size_t start = at;

        while (at < value.n && is_blank(value.p[at]))
            at++;
        start = at;
        while (at < value.n && !is_blank(value.p[at]))
            at++;
        if (start == at)
            break;
        if (!is_first)
            sink->add(sink->context, STR(" "));
        is_first = false;
        sink->add(sink->context, (struct str){value.p + start, at - start});
    }
}

/* False where the request has no such header. */
static bool write_header(const struct canonical_sink *sink, const struct sigv4_request *request,
                         struct str name)
{
    int nr = 0;

    write_lower(sink, name);
    sink->add(sink->context, STR(":"));
    for (int i = 0; i < request->nr_fields; i++) {
        if (!str_ieq(request->fields[i].name, name))
            continue;
        if (nr++ > 0)
            sink->add(sink->context, STR(","));
        write_value(sink, request->fields[i].value);
    }
    sink->add(sink->context, STR("\n"));
    return nr > 0;
}

enum canonical_result canonical_headers(const struct canonical_sink *sink,
                                        const struct sigv4_request *request,
                                        struct str signed_headers)
{
    bool has_host = false;
    int nr = 0;

    for (size_t at = 0; at <= signed_headers.n;) {
        struct str name =
            str_until((struct str){signed_headers.p + at, signed_headers.n - at}, ';');

        at += name.n + 1;
        has_host |= str_ieq(name, STR("host"));
        /* More names than fields name one twice: for nothing, and many times over a long value. */
        if (++nr > request->nr_fields || !write_header(sink, request, name))
            return CANONICAL_ABSENT;
    }
    return has_host ? CANONICAL_OK : CANONICAL_NO_HOST;
}
