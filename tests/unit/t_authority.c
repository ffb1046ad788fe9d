/* host [":" port], and which host a request is for. */
#include "proxy/http/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *host)
{
    struct str found;
    bool is_valid = authority_is_valid(str_of(text), &found);

    if (is_valid != (host != NULL))
        fail_msg("%s", text);
    if (!host)
        return;
    assert_true(str_eq(found, str_of(host)));
    assert_true(str_eq(authority_host(str_of(text)), str_of(host)));
}

static void hosts_and_ports_are_told_apart(void **state)
{
    (void)state;
    expect("a.test", "a.test");
    expect("a.test:80", "a.test");
    expect("a.test:65535", "a.test");
    expect("a.test:", "a.test"); /* RFC 3986 section 3.2.3 lets the port be empty */
    expect("10.0.0.1:8080", "10.0.0.1");
    expect("[::1]", "[::1]");
    expect("[2001:db8::1.2.3.4]:443", "[2001:db8::1.2.3.4]");
}

static void what_is_no_authority_is_refused(void **state)
{
    static const char *const bad[] = {
        "",         ":80",    "a:0",      "a:65536", "a:1x",  "a:80:80",    "user@a",  "a,b",
        "a b",      "a/b",    "%61.test", "[::1",    "[]",    "[::1]x",     "[::1]:x", "::1",
        "[a.test]", "[v1.x]", "a?b",      "a#b",     "[1:2]", "[::1%eth0]", "a:80:",   "a:000080"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect(bad[i], NULL);
}

static void a_long_name_is_refused(void **state)
{
    char text[400];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[320] = 0;
    expect(text, text);
    text[320] = 'a';
    text[321] = 0;
    expect(text, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_and_ports_are_told_apart),
        cmocka_unit_test(what_is_no_authority_is_refused),
        cmocka_unit_test(a_long_name_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
