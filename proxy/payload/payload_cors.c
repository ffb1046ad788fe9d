/* The protocol's fields. A '*' of the configuration goes out as one, unless credentials are
 * allowed: then a browser takes no '*' (Fetch, section 3.2.5), and gets what it asked for. */
#include "proxy/payload/payload_cors.h"

enum { ECHO_MAX = 2048 };

bool payload_cors_is_preflight(struct str method, const struct payload_cors *asked)
{
    return str_eq(method, STR("OPTIONS")) && asked->origin.n > 0 && asked->request_method.n > 0;
}

bool payload_cors_is_own(struct str name)
{
    static const char begin[] = "access-control-";

    return name.n >= sizeof(begin) - 1 &&
           str_ieq((struct str){name.p, sizeof(begin) - 1}, STR(begin));
}

static bool is_any(struct str s)
{
    return str_eq(s, STR("*"));
}

static bool has_any(struct cors_list list)
{
    for (int i = 0; i < list.nr; i++)
        if (is_any(list.items[i]))
            return true;
    return false;
}

/* One '*' in the pattern stands for any bytes, none included. Schemes and hosts have no case. */
static bool matches(struct str pattern, struct str origin)
{
    struct str begin = str_until(pattern, '*');
    struct str end = {pattern.p + begin.n + 1, pattern.n - begin.n - 1};

    if (begin.n == pattern.n)
        return str_ieq(pattern, origin);
    return origin.n >= begin.n + end.n && str_ieq(begin, (struct str){origin.p, begin.n}) &&
           str_ieq(end, (struct str){origin.p + origin.n - end.n, end.n});
}

static bool allows_origin(const struct cors *cors, struct str origin)
{
    for (int i = 0; i < cors->allow_origins.nr; i++)
        if (matches(cors->allow_origins.items[i], origin))
            return true;
    return false;
}

static void line(struct buffer *out, struct str name, struct str value)
{
    buffer_add(out, name);
    buffer_lit(out, ": ");
    buffer_add(out, value);
    buffer_lit(out, "\r\n");
}

/* What the browser asked for in place of a '*' that it would not take. */
static void list_line(struct buffer *out, struct str name, const struct cors *cors,
                      struct cors_list list, struct str asked)
{
    if (list.nr == 0)
        return;
    if (has_any(list)) {
        if (!cors->allow_credentials)
            line(out, name, STR("*"));
        else if (asked.n > 0 && asked.n <= ECHO_MAX)
            line(out, name, asked);
        return;
    }
    buffer_add(out, name);
    for (int i = 0; i < list.nr; i++) {
        buffer_add(out, i > 0 ? STR(",") : STR(": "));
        buffer_add(out, list.items[i]);
    }
    buffer_lit(out, "\r\n");
}

/* The fields that every answer has. False where the origin is not allowed. */
static bool write_origin(struct buffer *out, const struct cors *cors,
                         const struct payload_cors *asked)
{
    bool is_open = has_any(cors->allow_origins) && !cors->allow_credentials;

    if (!is_open)
        line(out, STR("Vary"), STR("Origin")); /* caches: it depends on the origin */
    if (asked->origin.n == 0 || asked->origin.n > ECHO_MAX || !allows_origin(cors, asked->origin))
        return false;
    line(out, STR("Access-Control-Allow-Origin"), is_open ? STR("*") : asked->origin);
    if (cors->allow_credentials)
        line(out, STR("Access-Control-Allow-Credentials"), STR("true"));
    return true;
}

void payload_cors_preflight(struct buffer *out, const struct cors *cors,
                            const struct payload_cors *asked)
{
    if (!write_origin(out, cors, asked))
        return;
    list_line(out, STR("Access-Control-Allow-Methods"), cors, cors->allow_methods,
              asked->request_method);
    list_line(out, STR("Access-Control-Allow-Headers"), cors, cors->allow_headers,
              asked->request_headers);
    if (!cors->has_max_age)
        return;
    buffer_lit(out, "Access-Control-Max-Age: ");
    buffer_number(out, cors->max_age_s);
    buffer_lit(out, "\r\n");
}

void payload_cors_response(struct buffer *out, const struct cors *cors,
                           const struct payload_cors *asked)
{
    const struct str nothing = {NULL, 0};

    if (write_origin(out, cors, asked))
        list_line(out, STR("Access-Control-Expose-Headers"), cors, cors->expose_headers, nothing);
}
