/* A line about the sender, then field lines as HTTP/1.1 has them. */
#include "proxy/async/meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* What a function can read of a request that ran when it came, less what speaks of that time
 * alone. */
static const char *const kept[] = {
    "host",        "content-type",         "traceparent",       "tracestate", "baggage",
    "user-agent",  "x-amz-client-context", "x-amzn-trace-id",   "b3",         "x-b3-traceid",
    "x-b3-spanid", "x-b3-sampled",         "x-b3-parentspanid",
};

static bool is_kept(struct str name)
{
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (str_ieq(name, str_of(kept[i])))
            return true;
    return false;
}

char *meta_write(const struct head *head, const struct request_caller *from)
{
    size_t n = from->address.n + 64;
    char *text = malloc(META_MAX), *p = text;
    int nr = 0;

    if (!text)
        return NULL;
    p = text_str(p, from->address);
    p = from->is_tls ? text_lit(p, " https\n") : text_lit(p, " http\n");
    for (int i = 0; i < head->nr_fields && nr < META_FIELDS_MAX; i++) {
        const struct head_field *f = &head->fields[i];
        size_t more = (size_t)f->name_len + f->value_len + 4;

        if (!is_kept(head_name(head, f)) || head_is_dropped(head, f) || n + more > META_MAX)
            continue;
        p = text_str(p, head_name(head, f));
        p = text_lit(p, ": ");
        p = text_str(p, head_value(head, f));
        p = text_lit(p, "\r\n");
        n += more;
        nr++;
    }
    if (head->host < 0) /* HTTP/1.0; HTTP/1.1 wants one */
        p = text_lit(p, "Host: localhost\r\n");
    *p = 0;
    return text;
}

int meta_fix(char **text)
{
    const struct str word = STR(" fixed");
    size_t n = strlen(*text) + 1, at = strcspn(*text, "\n");
    char *longer = realloc(*text, n + word.n);

    if (!longer)
        return -ENOMEM;
    memmove(longer + at + word.n, longer + at, n - at);
    text_str(longer + at, word);
    *text = longer;
    return 0;
}

struct str meta_read(const char *text, struct request_caller *from, bool *is_fixed)
{
    const char *line_end = strchr(text, '\n');
    const char *space = line_end ? memchr(text, ' ', (size_t)(line_end - text)) : NULL;

    if (!space)
        return STR("");
    from->address = (struct str){text, (size_t)(space - text)};
    struct str words = {space + 1, (size_t)(line_end - space - 1)};
    struct str scheme = str_until(words, ' ');
    from->is_tls = str_eq(scheme, STR("https"));
    *is_fixed = words.n > scheme.n;
    return str_of(line_end + 1);
}
