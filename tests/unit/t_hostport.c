/* Host names, addresses and ports: what is read as what, and what is refused with which reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/hostport.h"

struct good {
    const char *text, *host;
    bool is_ipv6, has_port;
    int port;
};

static void hosts_and_ports_are_read(void **state)
{
    static const struct good goods[] = {
        {"127.0.0.1:8080", "127.0.0.1", false, true, 8080},
        {":8080", "", false, true, 8080},
        {"[::1]:8080", "::1", true, true, 8080},
        {"[::]", "::", true, false, 0},
        {"[::ffff:10.0.0.1]:65535", "::ffff:10.0.0.1", true, true, 65535},
        {"localhost", "localhost", false, false, 0},
        {"my_service.ns.svc.cluster.local:80", "my_service.ns.svc.cluster.local", false, true, 80},
        {"a-b.example:0", "a-b.example", false, true, 0},
        {"x1:00080", "x1", false, true, 80},
        {"1.example", "1.example", false, false, 0},
        {"localhost.:80", "localhost.", false, true, 80},
        {"xn--bcher-kva.example:1", "xn--bcher-kva.example", false, true, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        struct hostport got;
        const char *wrong = hostport_parse(str_of(goods[i].text), &got);
        if (wrong)
            fail_msg("%s %s", goods[i].text, wrong);
        assert_true(str_eq(got.host, str_of(goods[i].host)));
        assert_int_equal(got.is_ipv6, goods[i].is_ipv6);
        assert_int_equal(got.has_port, goods[i].has_port);
        assert_int_equal(got.port, goods[i].port);
    }
}

struct bad {
    const char *text, *part_of_reason;
};

static void what_is_malformed_is_refused_with_a_reason(void **state)
{
    static const struct bad bads[] = {
        {"", "empty"},
        {"::1", "several colons"},
        {"::1:8080", "several colons"},
        {"a:b:c", "several colons"},
        {"[::1", "closing"},
        {"[]", "no IPv6"},
        {"[1.2.3.4]", "no IPv6"},
        {"[::1%eth0]:80", "no IPv6"},
        {"[::1]x", "after its brackets"},
        {"[::1]:", "no port"},
        {"host:", "no port"},
        {":", "no port"},
        {"host:80x", "no number"},
        {"host:-1", "no number"},
        {"host:+80", "no number"},
        {"host: 80", "no number"},
        {"host:65536", "above 65535"},
        {"host:100000", "above 65535"},
        {"host:18446744073709551617", "above 65535"},
        {"-a", "neither"},
        {"a-", "neither"},
        {"a..b", "neither"},
        {".a", "neither"},
        {"a..", "neither"},
        {".", "neither"},
        {"127.0.0.1.", "neither"},
        {"a b", "neither"},
        {"bücher.example", "neither"},
        {"1.2.3", "neither"},
        {"1.2.3.4.5", "neither"},
        {"256.1.1.1", "neither"},
        {"01.2.3.4", "neither"},
        {"0x7f000001", "neither"},
        {"0x7f.0.0.1", "neither"},
        {"a.0x1f", "neither"},
        {"a.0x", "neither"},
        {"2130706433", "neither"},
        {"a/b", "neither"},
        {"a@b", "neither"},
        {"a%2e", "neither"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        struct hostport got;
        const char *wrong = hostport_parse(str_of(bads[i].text), &got);
        if (!wrong || !strstr(wrong, bads[i].part_of_reason))
            fail_msg("\"%s\": %s", bads[i].text, wrong ? wrong : "accepted");
    }
}

static void lengths_are_bounded(void **state)
{
    char name[300];

    (void)state;
    memset(name, 'a', sizeof(name));
    assert_true(hostport_is_name((struct str){name, 63}));
    assert_false(hostport_is_name((struct str){name, 64}));
    for (size_t i = 50; i < sizeof(name); i += 51)
        name[i] = '.';
    assert_true(hostport_is_name((struct str){name, 253}));
    assert_false(hostport_is_name((struct str){name, 254}));
    name[253] = '.';
    assert_true(hostport_is_name((struct str){name, 254})); /* the final dot is not part of it */
}

static void a_nul_byte_is_no_part_of_a_host(void **state)
{
    struct hostport got;

    (void)state;
    assert_non_null(hostport_parse(STR("a\0b"), &got));
    assert_non_null(hostport_parse(STR("[::1\0]:80"), &got));
    assert_non_null(hostport_parse(STR("127.0.0.1\0"), &got));
}

static void each_use_has_its_own_demands(void **state)
{
    (void)state;
    assert_null(hostport_check_listen(":0"));
    assert_null(hostport_check_listen("[::1]:8080"));
    assert_non_null(strstr(hostport_check_listen("127.0.0.1"), "no port"));
    assert_null(hostport_check_host("a.example"));
    assert_null(hostport_check_host("[::1]:8080"));
    assert_non_null(strstr(hostport_check_host(":80"), "no host"));
    assert_non_null(strstr(hostport_check_host("a:0"), "port 0"));
    assert_null(hostport_check_name("a.example"));
    assert_null(hostport_check_name("::1"));
    assert_non_null(hostport_check_name("a.example:80"));
    assert_non_null(hostport_check_name(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_and_ports_are_read),
        cmocka_unit_test(what_is_malformed_is_refused_with_a_reason),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(a_nul_byte_is_no_part_of_a_host),
        cmocka_unit_test(each_use_has_its_own_demands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
