/* The grammars of some settings' values, and the rules between settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/settings.h"
#include "conf/settings_check.h"

static struct settings *parse(const char *text, struct problems *problems)
{
    return settings_parse(text, text ? strlen(text) : 0, "s.json", problems);
}

static struct settings *parse_good(const char *text)
{
    struct problems problems = {0};
    struct settings *settings = parse(text, &problems);

    if (!settings)
        fail_msg("%s: %s", problems.list[0].path, problems.list[0].message);
    assert_int_equal(problems_count(&problems), 0);
    return settings;
}

static void field_names_that_mean_something_are_taken(void **state)
{
    static const char *const goods[] = {"x-amz-executed-version", "X-Version", "v",
                                        "!#$%&'*+-.^_`|~"};
    static const char *const bads[] = {"",        "a b",         "a:",      "a\t",        "é",
                                       "\x7f",    "(a)",         "Host",    "hOsT",       "TE",
                                       "upgrade", "Set-Cookie",  "Trailer", "Keep-Alive", "Via",
                                       "Date",    "Content-Type"};

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        assert_null(settings_check_header(goods[i]));
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        if (!settings_check_header(bads[i]))
            fail_msg("accepted: %s", bads[i]);
}

static void an_engine_is_a_url(void **state)
{
    (void)state;
    assert_null(settings_check_engine(""));
    assert_null(settings_check_engine("http://127.0.0.1:8083"));
    assert_null(settings_check_engine("https://states.example/x"));
    assert_non_null(settings_check_engine("127.0.0.1:8083"));
    assert_non_null(settings_check_engine("http+srv://states.example"));
}

static void via_is_a_token_or_a_host(void **state)
{
    (void)state;
    assert_null(settings_check_via("weir"));
    assert_null(settings_check_via("edge.example:80"));
    assert_null(settings_check_via("[::1]:80"));
    assert_non_null(settings_check_via("a b"));
    assert_non_null(settings_check_via("a, 1.1 b"));
    assert_non_null(settings_check_via("a:x"));
    assert_non_null(settings_check_via(""));
}

static void hosts_are_names_with_commas_between(void **state)
{
    static const char *const goods[] = {"*", "weir", "a.b,c", " a , b ", "127.0.0.1, x_y"};
    static const char *const bads[] = {"", ",", "a,", ",a", "a,,b", "a b", "a:80", "*, a", "[::1]"};

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        if (settings_check_hosts(goods[i]))
            fail_msg("refused: %s", goods[i]);
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        if (!settings_check_hosts(bads[i]))
            fail_msg("accepted: %s", bads[i]);
}

static void dns_servers_are_addresses_with_commas_between(void **state)
{
    static const char *const goods[] = {"", "10.0.0.53", "10.0.0.53:5353, [::1]", " [::1]:53 "};
    static const char *const bads[] = {",",           "ns.example", "10.0.0.53,",          "::1",
                                       "10.0.0.53:0", "1 2",        "10.0.0.53 10.0.0.54", ":53"};

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        if (settings_check_servers(goods[i]))
            fail_msg("refused: %s", goods[i]);
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        if (!settings_check_servers(bads[i]))
            fail_msg("accepted: %s", bads[i]);
}

static void levels_and_tls_versions_are_known_ones(void **state)
{
    (void)state;
    assert_null(settings_check_level("debug"));
    assert_non_null(settings_check_level("trace"));
    assert_null(settings_check_tls_version("1.2"));
    assert_null(settings_check_tls_version("1.3"));
    assert_non_null(strstr(settings_check_tls_version("1.0"), "no longer safe"));
    assert_non_null(strstr(settings_check_tls_version("1"), "no version"));
}

static void one_address_is_not_used_twice(void **state)
{
    static const struct {
        const char *text, *path;
    } bads[] = {
        {"{\"listeners\": [{\"address\": \":80\"}, {\"address\": \"0.0.0.0:80\"}]}",
         "$.listeners[1].address"},
        {"{\"listeners\": [{\"address\": \"LOCALHOST:80\"}, {\"address\": \"localhost:80\"}]}",
         "$.listeners[1].address"},
        {"{\"listeners\": [{\"address\": \":1\"}, {\"address\": \"127.0.0.1:9901\"}]}",
         "$.listeners[1].address"},
        {"{\"listeners\": [{\"address\": \"0.0.0.0:80\"}, {\"address\": \"10.0.0.1:80\"}]}",
         "$.listeners[1].address"},
        {"{\"listeners\": [{\"address\": \"[::]:80\"}, {\"address\": \":80\"}]}",
         "$.listeners[1].address"},
        {"{\"listeners\": [{\"address\": \"0.0.0.0:9901\"}]}", "$.listeners[0].address"},
    };
    static const char *const goods[] = {
        "{}",
        "{\"listeners\": [{\"address\": \":0\"}, {\"address\": \":0\"}]}",
        "{\"listeners\": [{\"address\": \":80\"}, {\"address\": \":81\"}]}",
        "{\"listeners\": [{\"address\": \"[::]:80\"}, {\"address\": \"0.0.0.0:80\"}]}",
        "{\"listeners\": [{\"address\": \"[::]:9901\"}]}",
        "{\"listeners\": [{\"address\": \"127.0.0.1:80\"}, {\"address\": \"[::1]:80\"}]}",
        ("{\"listeners\": [{\"address\": \":9901\"}], \"admin\": {\"address\": \":9902\", "
         "\"token_file\": \"t\"}}"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        struct problems problems = {0};
        struct settings *s = parse_good(bads[i].text);
        assert_int_equal(settings_check(s, "s.json", &problems), -1);
        assert_int_equal(problems.nr, 1);
        assert_string_equal(problems.list[0].code, "same_address");
        assert_string_equal(problems.list[0].path, bads[i].path);
        assert_non_null(strstr(problems.list[0].message, " take the same address and port; "));
        problems_fini(&problems);
        settings_unref(&s);
    }
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        struct problems problems = {0};
        struct settings *s = parse_good(goods[i]);
        assert_int_equal(settings_check(s, "s.json", &problems), 0);
        assert_int_equal(problems.nr, 0);
        settings_unref(&s);
    }
}

static void off_the_loopback_the_admin_listener_must_know_who_may(void **state)
{
    static const char *const addresses[] = {":1",          "0.0.0.0:1",          "[::]:1",
                                            "10.0.0.1:1",  "[fe80::1]:1",        "weir.example:1",
                                            "128.0.0.1:1", "[::ffff:10.0.0.1]:1"};
    static const char *const own[] = {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1",
                                      "[::ffff:127.0.0.1]:1"};
    static const char *const guards[] = {
        "\"admin\": {\"address\": \":1\", \"token_file\": \"t\"}",
        "\"admin\": {\"address\": \":1\"}, \"aws\": {\"credentials_file\": \"k\"}",
        ("\"admin\": {\"address\": \":1\", \"tls\": {\"certificate\": \"c\", \"key\": \"k\", "
         "\"client_ca\": \"a\", \"client_required\": true}}")};
    struct problems problems = {0};
    struct settings *s;
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        snprintf(text, sizeof(text), "{\"admin\": {\"address\": \"%s\"}}", addresses[i]);
        s = parse_good(text);
        assert_int_equal(settings_check(s, "s.json", &problems), -1);
        assert_int_equal(problems.nr, 1);
        assert_string_equal(problems.list[0].code, "unprotected");
        assert_string_equal(problems.list[0].path, "$.admin.address");
        assert_non_null(strstr(problems.list[0].message, "admin.token_file"));
        problems_fini(&problems);
        settings_unref(&s);
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        snprintf(text, sizeof(text), "{\"admin\": {\"address\": \"%s\"}}", own[i]);
        s = parse_good(text);
        assert_int_equal(settings_check(s, "s.json", &problems), 0);
        settings_unref(&s);
    }
    for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
        snprintf(text, sizeof(text), "{%s}", guards[i]);
        s = parse_good(text);
        assert_int_equal(settings_check(s, "s.json", &problems), 0);
        settings_unref(&s);
    }
}

static void signed_invocations_need_keys(void **state)
{
    struct settings *s = parse_good("{\"listeners\": [{\"address\": \":80\"}, {\"address\": "
                                    "\":81\", \"invoke_authorization\": \"aws_iam\"}]}");
    struct problems problems = {0};

    (void)state;
    assert_int_equal(settings_check(s, "s.json", &problems), -1);
    assert_int_equal(problems.nr, 1);
    assert_string_equal(problems.list[0].path, "$.listeners[1].invoke_authorization");
    problems_fini(&problems);
    settings_unref(&s);
}

static void endpoints_of_etcd_are_urls_without_a_path(void **state)
{
    (void)state;
    assert_null(settings_check_endpoint("http://127.0.0.1:2379"));
    assert_null(settings_check_endpoint("https://etcd.example"));
    assert_non_null(settings_check_endpoint("127.0.0.1:2379"));
    assert_non_null(settings_check_endpoint("http://a/v3"));
    assert_non_null(settings_check_endpoint("http+srv://_etcd._tcp.example"));
}

static void etcd_needs_a_folder_and_a_user_a_password(void **state)
{
    struct settings *s = parse_good("{\"store\": {\"etcd\": {\"endpoints\": [\"http://a\"],"
                                    " \"username\": \"weir\", \"key\": \"k.pem\"}}}");
    struct problems problems = {0};

    (void)state;
    assert_int_equal(settings_check(s, "s.json", &problems), -1);
    assert_int_equal(problems.nr, 3);
    assert_string_equal(problems.list[0].path, "$.store.etcd.password_file");
    assert_string_equal(problems.list[1].path, "$.store.etcd.certificate");
    assert_string_equal(problems.list[2].path, "$.state.directory");
    problems_fini(&problems);
    settings_unref(&s);
}

static void an_ipv6_wildcard_leaves_ipv4_to_another_listener(void **state)
{
    struct settings *s = parse_good("{\"listeners\": [{\"address\": \"[::]:80\"},"
                                    " {\"address\": \"0.0.0.0:80\"}, {\"address\": \"[::]:81\"}],"
                                    " \"admin\": {\"address\": \"127.0.0.1:82\"}}");

    (void)state;
    assert_true(settings_leaves_ipv4(s, "[::]:80"));
    assert_false(settings_leaves_ipv4(s, "0.0.0.0:80"));
    assert_false(settings_leaves_ipv4(s, "[::]:81"));
    assert_true(settings_leaves_ipv4(s, "[::]:82"));
    settings_unref(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_names_that_mean_something_are_taken),
        cmocka_unit_test(endpoints_of_etcd_are_urls_without_a_path),
        cmocka_unit_test(etcd_needs_a_folder_and_a_user_a_password),
        cmocka_unit_test(an_engine_is_a_url),
        cmocka_unit_test(via_is_a_token_or_a_host),
        cmocka_unit_test(hosts_are_names_with_commas_between),
        cmocka_unit_test(dns_servers_are_addresses_with_commas_between),
        cmocka_unit_test(levels_and_tls_versions_are_known_ones),
        cmocka_unit_test(one_address_is_not_used_twice),
        cmocka_unit_test(off_the_loopback_the_admin_listener_must_know_who_may),
        cmocka_unit_test(signed_invocations_need_keys),
        cmocka_unit_test(an_ipv6_wildcard_leaves_ipv4_to_another_listener),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
