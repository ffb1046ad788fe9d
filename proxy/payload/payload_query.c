/* Queries. Parameters of the same name are brought together by sorting: a query may have as many as
 * its bytes allow. */
#include "proxy/payload/payload_query.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"

struct parameter {
    struct str name, value;
    uint32_t place; /* in the query */
};

/* Percent-encodings and '+' (as forms have it) to bytes. Moves *at on. What is no encoding stays as
 * it is. */
static struct str decode(char **at, struct str s)
{
    struct str out = {*at, 0};
    char *p = *at;

    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? text_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? text_digit(s.p[i + 2]) : -1;

        if (low >= 0) {
            *p++ = (char)(high << 4 | low);
            i += 2;
        } else {
            *p++ = s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    out.n = (size_t)(p - *at);
    *at = p;
    return out;
}

/* The next "name=value" of the query, which is shortened by it; empty where there is none. */
static struct str cut(struct str *query)
{
    while (query->n > 0) {
        struct str pair = str_until(*query, '&');
        size_t used = pair.n < query->n ? pair.n + 1 : pair.n;

        query->p += used;
        query->n -= used;
        if (pair.n > 0)
            return pair;
    }
    return STR("");
}

static uint32_t count(struct str query)
{
    uint32_t n = 0;

    while (cut(&query).n > 0)
        n++;
    return n;
}

static int compare(const void *a, const void *b)
{
    const struct parameter *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int r = memcmp(x->name.p, y->name.p, n);

    if (r != 0)
        return r;
    if (x->name.n != y->name.n)
        return x->name.n < y->name.n ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

static void read_all(struct parameter *list, uint32_t nr, char *room, struct str query)
{
    for (uint32_t i = 0; i < nr; i++) {
        struct str pair = cut(&query);
        struct str name = str_until(pair, '=');
        size_t used = name.n < pair.n ? name.n + 1 : name.n;

        list[i].name = decode(&room, name);
        list[i].value = decode(&room, (struct str){pair.p + used, pair.n - used});
        list[i].place = i;
    }
    qsort(list, nr, sizeof(list[0]), compare);
}

static void write_all(struct buffer *out, const struct parameter *list, uint32_t nr)
{
    buffer_lit(out, ",\"queryStringParameters\":{");
    for (uint32_t i = 0; i < nr; i++) {
        bool is_first = i == 0 || !str_eq(list[i].name, list[i - 1].name);

        if (is_first) {
            buffer_add(out, i > 0 ? STR("\",") : STR(""));
            buffer_json(out, list[i].name);
            buffer_lit(out, ":\"");
        } else {
            buffer_char(out, ',');
        }
        buffer_json_part(out, list[i].value);
    }
    buffer_lit(out, "\"}");
}

void payload_query_write(struct buffer *out, struct str query)
{
    uint32_t nr = count(query);
    struct parameter *list = nr > 0 ? calloc(nr, sizeof(list[0])) : NULL;
    char *room = list ? malloc(query.n) : NULL;

    if (room) {
        read_all(list, nr, room, query);
        write_all(out, list, nr);
    } else if (nr > 0) {
        out->is_out = true;
    }
    free(room);
    free(list);
}
