/* The index of routes against a list that is searched from one end to the other. The input is
 * lines: "HOST PATH" adds a route,
 * "?HOST PATH" asks for one. HOST may be empty. */
#include <string.h>

#include "router/routes.h"
#include "router/table.h"
#include "tests/fuzz/fuzz.h"

enum { ROUTES_MAX = 64 };

struct naive {
    struct route list[ROUTES_MAX];
    int nr;
};

static bool is_lower(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'Z')
            return false;
    return true;
}

/* "*.x.y" takes any name that ends in ".x.y" and has something before it. */
static bool is_host_match(struct str pattern, struct str host)
{
    if (pattern.n == 0)
        return true;
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n > ROUTES_HOST_MAX)
        return false;
    if (pattern.n > 2 && pattern.p[0] == '*' && pattern.p[1] == '.') {
        pattern = (struct str){pattern.p + 1, pattern.n - 1};
        return host.n > pattern.n &&
               str_ieq((struct str){host.p + host.n - pattern.n, pattern.n}, pattern);
    }
    return host.n > 0 && str_ieq(pattern, host);
}

static bool is_path_match(struct str prefix, struct str path)
{
    if (path.n < prefix.n || memcmp(path.p, prefix.p, prefix.n) != 0)
        return false;
    return prefix.p[prefix.n - 1] == '/' || path.n == prefix.n || path.p[prefix.n] == '/';
}

static int host_rank(struct str pattern)
{
    if (pattern.n == 0)
        return 0;
    return pattern.n > 2 && pattern.p[0] == '*' && pattern.p[1] == '.' ? (int)pattern.n : 100000;
}

static int naive_find(const struct naive *naive, struct str host, struct str path)
{
    int best = -1;

    for (int i = 0; i < naive->nr; i++) {
        const struct route *r = &naive->list[i];
        if (!is_host_match(r->host, host) || !is_path_match(r->path, path))
            continue;
        int better = best < 0 ? 1 : host_rank(r->host) - host_rank(naive->list[best].host);
        if (better > 0 || (better == 0 && r->path.n > naive->list[best].path.n))
            best = i;
    }
    return best;
}

static void add(struct routes *routes, struct naive *naive, struct str host, struct str path)
{
    struct route route = {.host = host, .path = path, .target = (uint32_t)naive->nr};

    if (naive->nr == ROUTES_MAX || host.n > ROUTES_HOST_MAX || !is_lower(host))
        return;
    for (int i = 0; i < naive->nr; i++)
        if (str_eq(naive->list[i].host, host) && str_eq(naive->list[i].path, path))
            return;
    FUZZ_CHECK(routes_add(routes, &route) == 0);
    naive->list[naive->nr++] = route;
}

static void ask(const struct routes *routes, const struct naive *naive, struct str host,
                struct str path)
{
    const struct route *found = routes_find(routes, host, path);
    int expected = naive_find(naive, host, path);

    FUZZ_CHECK(found ? (int)found->target == expected : expected == -1);
}

static void take_line(struct routes *routes, struct naive *naive, struct str line)
{
    bool is_question = line.n > 0 && line.p[0] == '?';

    if (is_question)
        line = (struct str){line.p + 1, line.n - 1};
    const char *space = line.n > 0 ? memchr(line.p, ' ', line.n) : NULL;
    if (!space || space + 1 == line.p + line.n || space[1] != '/')
        return;
    struct str host = {line.p, (size_t)(space - line.p)};
    struct str path = {space + 1, line.n - (size_t)(space + 1 - line.p)};
    if (is_question)
        ask(routes, naive, host, path);
    else
        add(routes, naive, host, path);
}

int fuzz_routes(const uint8_t *data, size_t n)
{
    static struct naive naive;
    struct routes routes = {0};
    char *text = fuzz_text(data, n), *line = text;

    naive.nr = 0;
    while (line < text + n) {
        char *end = memchr(line, '\n', (size_t)(text + n - line));
        if (!end)
            end = text + n;
        take_line(&routes, &naive, (struct str){line, (size_t)(end - line)});
        line = end + 1;
    }
    /* What was added is asked for as well, as it is and with something behind it. */
    for (int i = 0; i < naive.nr; i++) {
        char longer[600];
        ask(&routes, &naive, naive.list[i].host, naive.list[i].path);
        int len = snprintf(longer, sizeof(longer), "%.*s/x", STR_ARG(naive.list[i].path));
        if (len > 0 && len < (int)sizeof(longer))
            ask(&routes, &naive, naive.list[i].host, (struct str){longer, (size_t)len});
    }
    routes_fini(&routes);
    free(text);
    return 0;
}
