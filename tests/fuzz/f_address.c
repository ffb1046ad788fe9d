/* URLs, paths and HOST:PORT as documents write them, and authorities as requests carry them. What
 * is accepted is put together again from its parts and must be read to the same parts. */
#include <stdarg.h>
#include <string.h>

#include "conf/hostport.h"
#include "conf/url.h"
#include "proxy/http/authority.h"
#include "proxy/http/startline.h"
#include "tests/fuzz/fuzz.h"

static char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *print(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    FUZZ_CHECK(vasprintf(&text, format, args) >= 0);
    va_end(args);
    return text;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

static bool is_authority(struct str text)
{
    struct str host;
    bool is = authority_is_valid(text, &host);

    FUZZ_CHECK(!is || str_eq(host, authority_host(text)));
    return is;
}

static void check_hostport(struct str text)
{
    struct hostport parts, again;

    if (hostport_parse(text, &parts) != NULL)
        return;
    FUZZ_CHECK(!has_control(text) && (parts.has_port || parts.port == 0));
    FUZZ_CHECK(parts.host.n == 0 || parts.is_ipv6 || hostport_is_name(parts.host));
    char *written = parts.has_port ? print(parts.is_ipv6 ? "[%.*s]:%d" : "%.*s:%d",
                                           STR_ARG(parts.host), parts.port)
                                   : print(parts.is_ipv6 ? "[%.*s]" : "%.*s", STR_ARG(parts.host));
    FUZZ_CHECK(hostport_parse(str_of(written), &again) == NULL);
    FUZZ_CHECK(str_eq(parts.host, again.host) && parts.is_ipv6 == again.is_ipv6);
    FUZZ_CHECK(parts.has_port == again.has_port && parts.port == again.port);
    free(written);
}

/* An endpoint's URL becomes a request: its parts must make one that weir itself would accept. */
static void check_url(struct str text)
{
    struct url url, again;

    if (url_parse(text, &url) != NULL)
        return;
    FUZZ_CHECK(!has_control(text) && url.port > 0 && url.host.n > 0 && url.path.p[0] == '/');
    bool is_ipv6 = memchr(url.host.p, ':', url.host.n) != NULL;
    struct str host = url.name.n > 0 ? url.name : url.host;
    char *authority =
        url.is_srv ? print("%.*s", STR_ARG(host))
                   : print(is_ipv6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(host), (unsigned)url.port);
    char *written = print("%s%s://%s%.*s", url.is_tls ? "https" : "http", url.is_srv ? "+srv" : "",
                          authority, STR_ARG(url.path));
    if (strlen(written) <= 2048) {
        FUZZ_CHECK(url_parse(str_of(written), &again) == NULL);
        FUZZ_CHECK(str_eq(url.host, again.host) && str_eq(url.path, again.path));
        FUZZ_CHECK(str_eq(url.name, again.name));
        FUZZ_CHECK(url.port == again.port && url.is_tls == again.is_tls);
    }
    FUZZ_CHECK(is_authority(str_of(authority)));
    free(written);
    free(authority);
}

/* A route's path is one that a request can have: the request line that asks for it is read to the
 * same path. */
static void check_path(struct str text)
{
    static struct head head;
    const char *detail;

    if (url_check_path(text) != NULL)
        return;
    char *line = print("GET %.*s HTTP/1.1", STR_ARG(text));
    head.base = line;
    head.line_at = 0;
    FUZZ_CHECK(startline_request(&head, strlen(line), &detail) == HEAD_ERROR_NONE);
    FUZZ_CHECK(str_eq(head_path(&head), text) && !head.has_query);
    free(line);
}

static void check_authority(struct str text)
{
    struct str host = authority_host(text);

    FUZZ_CHECK(host.n <= text.n && (host.n == 0 || host.p == text.p));
    if (is_authority(text))
        FUZZ_CHECK(!has_control(text) && host.n > 0 && is_authority(host));
}

int fuzz_address(const uint8_t *data, size_t n)
{
    char *text = fuzz_text(data, n);
    struct str s = {text, n};

    check_hostport(s);
    check_url(s);
    check_path(s);
    check_authority(s);
    hostport_check_listen(text);
    hostport_check_host(text);
    hostport_check_name(text);
    url_check_target(text);
    free(text);
    return 0;
}
