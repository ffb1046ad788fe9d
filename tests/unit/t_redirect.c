/* Where people are sent by a listener that only redirects. */
#include "proxy/client/redirect.h"
#include "proxy/http/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct head head;

static const struct head_limits limits = {
    .line_bytes = 4000, .header_bytes = 2000, .header_count = 8};

static const struct head *read_head(const char *text)
{
    struct http1 parser;

    http1_init_request(&parser, &head, &limits);
    assert_int_equal(http1_head_feed(&parser, text, strlen(text)), HTTP1_HEAD);
    return &head;
}

static void expect(const char *request, uint16_t port, const char *location)
{
    char out[200];

    assert_int_equal(redirect_location(out, sizeof(out), read_head(request), port),
                     REDIRECT_WRITTEN);
    assert_string_equal(out, location);
}

static void the_address_is_the_same_with_https(void **state)
{
    (void)state;
    expect("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 443, "https://a.test/");
    expect("GET /x/%20?y=1&z HTTP/1.1\r\nHost: a.test:80\r\n\r\n", 443,
           "https://a.test/x/%20?y=1&z");
    expect("GET /? HTTP/1.1\r\nHost: a.test:8080\r\n\r\n", 8443, "https://a.test:8443/?");
    expect("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 8443, "https://[::1]:8443/");
    expect("GET http://b.test:80/x HTTP/1.1\r\nHost: b.test\r\n\r\n", 443, "https://b.test/x");
    expect("GET http://b.test HTTP/1.1\r\nHost: b.test\r\n\r\n", 443, "https://b.test/");
}

static void a_request_without_host_or_path_has_no_address(void **state)
{
    char out[200];

    (void)state;
    assert_int_equal(redirect_location(out, sizeof(out), read_head("GET / HTTP/1.0\r\n\r\n"), 443),
                     REDIRECT_NO_ADDRESS);
    assert_int_equal(redirect_location(out, sizeof(out),
                                       read_head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 443),
                     REDIRECT_NO_ADDRESS);
}

static void an_address_fits_the_room_or_is_too_long(void **state)
{
    const char *request = "GET /abc HTTP/1.1\r\nHost: a.test\r\n\r\n";
    size_t n = strlen("https://a.test/abc");
    char *out = malloc(n + 1); /* so that a sanitizer sees a byte too many */

    (void)state;
    assert_int_equal(redirect_location(out, n + 1, read_head(request), 443), REDIRECT_WRITTEN);
    assert_string_equal(out, "https://a.test/abc");
    assert_int_equal(redirect_location(out, n, read_head(request), 443), REDIRECT_TOO_LONG);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_is_the_same_with_https),
        cmocka_unit_test(a_request_without_host_or_path_has_no_address),
        cmocka_unit_test(an_address_fits_the_room_or_is_too_long),
    };

    http1_global_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
