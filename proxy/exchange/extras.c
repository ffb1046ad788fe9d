/* Lists of a few names: each field of a response is held against them. */
#include "proxy/exchange/extras.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proxy/exchange/exchange.h"

struct extras *extras_of(struct exchange *ex)
{
    if (!ex->extras)
        ex->extras = calloc(1, sizeof(*ex->extras));
    return ex->extras;
}

void extras_free(struct extras **extras)
{
    struct extras *e = *extras;

    *extras = NULL;
    if (!e)
        return;
    buffer_fini(&e->lines);
    free(e);
}

void extras_add(struct extras *extras, struct str name, struct str value)
{
    size_t n = name.n + value.n + 4;
    char *p;

    assert(!memchr(value.p ? value.p : "", '\n', value.n));
    if (extras->lines.n + n > EXTRAS_LINES_MAX)
        return;
    p = buffer_reserve(&extras->lines, n);
    if (!p)
        return;
    p = text_str(p, name);
    p = text_lit(p, ": ");
    p = text_str(p, value);
    text_lit(p, "\r\n");
    extras->lines.n += n;
}

static void take(struct extras *extras, struct str name, struct str cookie)
{
    assert(extras->nr_taken < EXTRAS_TAKEN_MAX);
    extras->taken[extras->nr_taken++] = (struct extras_taken){name, cookie};
}

void extras_take(struct extras *extras, struct str name)
{
    take(extras, name, STR(""));
}

void extras_take_cookie(struct extras *extras, struct str cookie)
{
    take(extras, STR(""), cookie);
}

/* Without these characters at both ends. */
static struct str trim(struct str s, const char *these)
{
    while (s.n > 0 && memchr(these, s.p[0], strlen(these))) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && memchr(these, s.p[s.n - 1], strlen(these)))
        s.n--;
    return s;
}

/* Set-Cookie: NAME=VALUE; ..., as clients read it (RFC 6265 section 5.2). */
static bool sets_cookie(struct str value, struct str cookie)
{
    return str_eq(trim(str_until(str_until(value, ';'), '='), " \t"), cookie);
}

bool extras_takes(const struct extras *extras, struct str name, struct str value)
{
    if (extras->has_cors && payload_cors_is_own(name))
        return true;
    for (int i = 0; i < extras->nr_taken; i++) {
        const struct extras_taken *taken = &extras->taken[i];

        if (taken->name.n > 0
                ? str_ieq(name, taken->name)
                : str_ieq(name, STR("set-cookie")) && sets_cookie(value, taken->cookie))
            return true;
    }
    return false;
}

char *extras_put_trailers(char *p, const struct extras *extras, struct str trailers)
{
    while (trailers.n > 0) {
        const char *lf = memchr(trailers.p, '\n', trailers.n);
        size_t n = lf ? (size_t)(lf - trailers.p) + 1 : trailers.n;
        struct str line = {trailers.p, n};
        struct str name = str_until(line, ':');
        struct str value = {name.p + name.n, line.n - name.n};

        value = trim(value, ": \t\r\n");
        if (!extras_takes(extras, name, value))
            p = text_str(p, line);
        trailers.p += n;
        trailers.n -= n;
    }
    return p;
}
