/* Endpoint URLs and paths by RFC 3986, narrowed to what cannot be misread.
 *
 * A URL keeps its path as written: it is sent, not compared. A route's path is compared with the
 * request's bytes, so here the spellings that RFC 3986 section 6.2.2 calls equivalent are narrowed
 * to their normal form. */
#include "conf/url.h"

#include <ctype.h>

#include "base/text.h"
#include "conf/hostport.h"

enum { URL_BYTES_MAX = 2048 };

static bool is_unreserved(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("-._~", c));
}

/* pchar without '%' (RFC 3986 section 3.3). */
static bool is_path_char(char c)
{
    return is_unreserved(c) || (c != '\0' && strchr("!$&'()*+,;=:@/", c));
}

/* The byte that a percent-encoding at p[i] stands for, or -1. */
static int decode(struct str s, size_t i)
{
    int high, low;

    if (i + 2 >= s.n)
        return -1;
    high = text_digit(s.p[i + 1]);
    low = text_digit(s.p[i + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static const char *check_chars(struct str s, const char *more)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%') {
            if (decode(s, i) < 0)
                return "has a '%' without two hexadecimal digits after it";
            i += 2;
        } else if (!is_path_char(s.p[i]) && !(s.p[i] != '\0' && strchr(more, s.p[i]))) {
            return "has a character that must be percent-encoded";
        }
    }
    return NULL;
}

static bool is_dot_segment(const char *p, size_t n)
{
    return (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');
}

/* Segments of a path that begins with '/'. A slash at the end is no empty segment. */
static const char *check_segments(struct str path)
{
    size_t start = 1;

    for (size_t i = 1; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '/')
            continue;
        if (is_dot_segment(path.p + start, i - start))
            return "has a segment \".\" or \"..\"; write the path that is meant";
        if (i == start && i < path.n)
            return "has an empty segment, \"//\"; write one slash";
        start = i + 1;
    }
    return NULL;
}

static const char *check_encodings(struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        int byte = path.p[i] == '%' ? decode(path, i) : 0x80;
        if (byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\')
            return "has a percent-encoded slash, backslash or control character, which servers "
                   "understand differently; leave it out";
        if (byte < 0x80 && is_unreserved((char)byte))
            return "percent-encodes a character that needs none; write the character";
        if (path.p[i] == '%' &&
            (islower((unsigned char)path.p[i + 1]) || islower((unsigned char)path.p[i + 2])))
            return "has a percent-encoding in lower case; write it in upper case, such as %C3";
    }
    return NULL;
}

static const char *check_start(struct str path)
{
    if (path.n == 0 || path.p[0] != '/')
        return "does not begin with '/'";
    if (memchr(path.p, '?', path.n))
        return "has a query ('?'); only the path is compared";
    if (memchr(path.p, '#', path.n))
        return "has a fragment ('#'), which no request carries";
    return path.n > URL_BYTES_MAX ? "is longer than 2048 bytes" : NULL;
}

const char *url_check_path(struct str path)
{
    const char *wrong = check_start(path);

    if (!wrong)
        wrong = check_chars(path, "");
    if (!wrong)
        wrong = check_segments(path);
    if (!wrong && path.n >= 2 && memcmp(path.p + path.n - 2, "/*", 2) == 0)
        return "ends in \"/*\"; leave that out: a path stands for all that is below it, too";
    return wrong ? wrong : check_encodings(path);
}

const char *url_check_target(const char *text)
{
    struct str s = str_of(text);

    if (s.n == 0 || s.p[0] != '/')
        return "does not begin with '/'";
    return check_chars(s, "?");
}

/* Of _web._tcp.example.org, the labels that say which service. */
static size_t service_labels(struct str name)
{
    size_t n = 0;

    while (n < name.n && name.p[n] == '_') {
        const char *dot = memchr(name.p + n, '.', name.n - n);

        if (!dot || dot + 1 == name.p + name.n)
            return 0;
        n = (size_t)(dot - name.p) + 1;
    }
    return n;
}

static const char *parse_service(const struct hostport *parsed, struct url *out)
{
    size_t n;

    if (parsed->is_address)
        return "has an address where the name of a service belongs";
    if (parsed->has_port)
        return "has a port; ports come from the SRV records";
    n = service_labels(parsed->host);
    out->name = parsed->host;
    out->host = hostport_undotted((struct str){parsed->host.p + n, parsed->host.n - n});
    out->port = out->is_tls ? 443 : 80;
    return NULL;
}

/* The part between "://" and the path. */
static const char *parse_authority(struct str authority, struct url *out)
{
    struct hostport parsed;
    const char *wrong;

    if (memchr(authority.p, '@', authority.n))
        return "has user information ('@'), which is not sent; leave it out";
    if (authority.n == 0)
        return "has no host";
    wrong = hostport_parse(authority, &parsed);
    if (wrong)
        return wrong;
    if (parsed.host.n == 0)
        return "has no host";
    if (parsed.has_port && parsed.port == 0)
        return "has port 0; ports are 1 to 65535";
    if (out->is_srv)
        return parse_service(&parsed, out);
    out->host = hostport_undotted(parsed.host);
    out->name = parsed.is_address ? STR("") : parsed.host;
    out->port = parsed.has_port ? parsed.port : out->is_tls ? 443 : 80;
    return NULL;
}

static const char *parse_scheme(struct str *rest, struct url *out)
{
    static const struct str schemes[] = {
        {"http://", 7}, {"https://", 8}, {"http+srv://", 11}, {"https+srv://", 12}};

    for (size_t i = 0; i < 4; i++) {
        struct str s = schemes[i];
        if (rest->n < s.n || !str_ieq((struct str){rest->p, s.n}, s))
            continue;
        out->is_tls = i % 2 == 1;
        out->is_srv = i >= 2;
        *rest = (struct str){rest->p + s.n, rest->n - s.n};
        return NULL;
    }
    return "does not begin with http:// or https://";
}

const char *url_parse(struct str text, struct url *out)
{
    struct str rest = text;
    const char *wrong;
    const char *slash;

    *out = (struct url){0};
    if (text.n > URL_BYTES_MAX)
        return "is longer than 2048 bytes";
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] <= 0x20 || text.p[i] == 0x7f)
            return "has a space or control character";
    wrong = parse_scheme(&rest, out);
    if (wrong)
        return wrong;
    if (memchr(rest.p, '?', rest.n))
        return "has a query ('?'); an endpoint has a path only";
    if (memchr(rest.p, '#', rest.n))
        return "has a fragment ('#'); an endpoint has a path only";
    slash = memchr(rest.p, '/', rest.n);
    out->path = slash ? (struct str){slash, rest.n - (size_t)(slash - rest.p)} : STR("/");
    wrong = parse_authority((struct str){rest.p, slash ? (size_t)(slash - rest.p) : rest.n}, out);
    if (!wrong)
        wrong = check_chars(out->path, "");
    return wrong ? wrong : check_segments(out->path);
}
