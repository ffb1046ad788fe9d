/* Endpoint URLs and routes' paths: what is read as what, and what is refused with which reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/url.h"

struct good {
    const char *text;
    bool is_tls;
    const char *host;
    int port;
    const char *path, *name; /* name NULL: as host */
};

static void urls_are_read(void **state)
{
    static const struct good goods[] = {
        {"http://127.0.0.1:9001", false, "127.0.0.1", 9001, "/", ""},
        {"http://127.0.0.1", false, "127.0.0.1", 80, "/", ""},
        {"https://fn.example", true, "fn.example", 443, "/", NULL},
        {"https://fn.example:8443/base", true, "fn.example", 8443, "/base", NULL},
        {"http://[::1]:9000/", false, "::1", 9000, "/", ""},
        {"HTTP://Example.COM/A", false, "Example.COM", 80, "/A", NULL},
        {"http://rie:8080/2015-03-31/functions/function/invocations", false, "rie", 8080,
         "/2015-03-31/functions/function/invocations", NULL},
        {"http://gw:8080/function/hello.ns", false, "gw", 8080, "/function/hello.ns", NULL},
        {"https://fn.example./a", true, "fn.example", 443, "/a", "fn.example."},
        {"http://h/a/b/", false, "h", 80, "/a/b/", NULL},
        {"http://h/caf%c3%a9/@x;y=1", false, "h", 80, "/caf%c3%a9/@x;y=1", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        struct url got;
        const char *wrong = url_parse(str_of(goods[i].text), &got);
        if (wrong)
            fail_msg("%s %s", goods[i].text, wrong);
        assert_int_equal(got.is_tls, goods[i].is_tls);
        assert_true(str_eq(got.host, str_of(goods[i].host)));
        assert_true(str_eq(got.name, str_of(goods[i].name ? goods[i].name : goods[i].host)));
        assert_int_equal(got.port, goods[i].port);
        assert_true(str_eq(got.path, str_of(goods[i].path)));
    }
}

static void services_are_read_with_the_domain_that_offers_them(void **state)
{
    static const struct {
        const char *text;
        bool is_tls;
        const char *name, *host;
    } goods[] = {
        {"http+srv://_web._tcp.example.org", false, "_web._tcp.example.org", "example.org"},
        {"HTTPS+SRV://_web._tcp.example.org./a", true, "_web._tcp.example.org.", "example.org"},
        {"http+srv://web.service.consul/a", false, "web.service.consul", "web.service.consul"},
        {"http+srv://_web", false, "_web", "_web"},
        {"http+srv://_web._tcp.", false, "_web._tcp.", "_web._tcp"},
    };
    struct url got;

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        assert_null(url_parse(str_of(goods[i].text), &got));
        assert_true(got.is_srv);
        assert_int_equal(got.is_tls, goods[i].is_tls);
        assert_true(str_eq(got.name, str_of(goods[i].name)));
        if (!str_eq(got.host, str_of(goods[i].host)))
            fail_msg("%s: %.*s", goods[i].text, STR_ARG(got.host));
    }
    assert_non_null(strstr(url_parse(STR("http+srv://_web._tcp.a:80"), &got), "has a port"));
    assert_non_null(strstr(url_parse(STR("http+srv://127.0.0.1"), &got), "has an address"));
}

struct bad {
    const char *text, *part_of_reason;
};

static void urls_that_are_malformed_are_refused_with_a_reason(void **state)
{
    static const struct bad bads[] = {
        {"", "begin with http://"},
        {"h:80", "begin with http://"},
        {"ftp://h", "begin with http://"},
        {"unix:/run/x", "begin with http://"},
        {"http:/h", "begin with http://"},
        {" http://h", "space"},
        {"http://h\r\nX: y", "space or control"},
        {"http://h/a b", "space"},
        {"http://h/\x7f", "control"},
        {"http://", "no host"},
        {"http:///a", "no host"},
        {"http://:80", "no host"},
        {"http://h:0", "port 0"},
        {"http://h:65536", "above 65535"},
        {"http://h:", "no port"},
        {"http://h:x", "no number"},
        {"http://::1", "several colons"},
        {"http://[::1", "closing"},
        {"http://u@h", "user information"},
        {"http://u:p@h/", "user information"},
        {"http://h?q", "query"},
        {"http://h/a?q=1", "query"},
        {"http://h/a#f", "fragment"},
        {"http://h/a/../b", "\"..\""},
        {"http://h/.", "\".\""},
        {"http://h//a", "empty segment"},
        {"http://h/%zz", "two hexadecimal"},
        {"http://h/%4", "two hexadecimal"},
        {"http://h/é", "percent-encoded"},
        {"http://h/\\a", "percent-encoded"},
        {"http://h\\a", "neither"},
        {"http://1.2.3/", "neither"},
        {"http://a_b-/", "neither"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        struct url got;
        const char *wrong = url_parse(str_of(bads[i].text), &got);
        if (!wrong || !strstr(wrong, bads[i].part_of_reason))
            fail_msg("\"%s\": %s", bads[i].text, wrong ? wrong : "accepted");
    }
}

static void routes_paths_are_written_in_one_way_only(void **state)
{
    static const char *const goods[] = {"/",      "/a",     "/a/",  "/a/b.c",         "/caf%C3%A9",
                                        "/a%20b", "/~u/@x", "/...", "/.well-known/x", "/%25"};
    static const struct bad bads[] = {
        {"", "begin"},
        {"a", "begin"},
        {"/a?b", "query"},
        {"/a#b", "fragment"},
        {"/..", "\"..\""},
        {"/a/../b", "\"..\""},
        {"/a/./b", "\".\""},
        {"//", "empty segment"},
        {"/a//b", "empty segment"},
        {"/a b", "percent-encoded"},
        {"/é", "percent-encoded"},
        {"/a\tb", "percent-encoded"},
        {"/%", "two hexadecimal"},
        {"/%2", "two hexadecimal"},
        {"/a%2Fb", "slash"},
        {"/a%2fb", "slash"},
        {"/%5C", "backslash"},
        {"/%00", "control"},
        {"/%7F", "control"},
        {"/%41", "needs none"},
        {"/%2E%2E", "needs none"},
        {"/%7e", "needs none"},
        {"/caf%c3%a9", "upper case"},
    };
    char path[3000];

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        if (url_check_path(str_of(goods[i])))
            fail_msg("%s %s", goods[i], url_check_path(str_of(goods[i])));
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        const char *wrong = url_check_path(str_of(bads[i].text));
        if (!wrong || !strstr(wrong, bads[i].part_of_reason))
            fail_msg("\"%s\": %s", bads[i].text, wrong ? wrong : "accepted");
    }
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    assert_null(url_check_path((struct str){path, 2048}));
    assert_non_null(url_check_path((struct str){path, 2049}));
}

static void a_target_may_have_a_query(void **state)
{
    (void)state;
    assert_null(url_check_target("/healthz?full=1&x=a/b"));
    assert_null(url_check_target("/"));
    assert_non_null(url_check_target(""));
    assert_non_null(url_check_target("healthz"));
    assert_non_null(url_check_target("/a b"));
    assert_non_null(url_check_target("/a#b"));
    assert_non_null(url_check_target("/a\r\nHost: x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_are_read_with_the_domain_that_offers_them),
        cmocka_unit_test(urls_are_read),
        cmocka_unit_test(urls_that_are_malformed_are_refused_with_a_reason),
        cmocka_unit_test(routes_paths_are_written_in_one_way_only),
        cmocka_unit_test(a_target_may_have_a_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
