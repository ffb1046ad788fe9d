/* What stays of a request with its event. */
#include "proxy/async/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/http1.h"

static char *written(const char *text, bool is_tls)
{
    static const struct head_limits limits = {
        .line_bytes = 1000, .header_bytes = 4000, .header_count = 20};
    static struct head head;
    struct http1 parser;

    http1_init_request(&parser, &head, &limits);
    assert_int_equal(http1_head_feed(&parser, text, strlen(text)), HTTP1_HEAD);
    http1_fini(&parser);
    char *meta =
        meta_write(&head, &(struct request_caller){.address = STR("192.0.2.1"), .is_tls = is_tls});
    assert_non_null(meta);
    return meta;
}

static void a_few_fields_stay(void **state)
{
    char *meta = written("POST / HTTP/1.1\r\nHost: a\r\nX-Weir-Override: 2; secret=hush\r\nCookie: "
                         "c=1\r\nContent-Type: text/plain\r\n\r\n",
                         true);
    struct request_caller from;
    bool is_fixed = true;

    (void)state;
    assert_string_equal(meta, "192.0.2.1 https\nHost: a\r\nContent-Type: text/plain\r\n");
    struct str fields = meta_read(meta, &from, &is_fixed);
    assert_true(str_eq(fields, STR("Host: a\r\nContent-Type: text/plain\r\n")));
    assert_true(str_eq(from.address, STR("192.0.2.1")));
    assert_true(from.is_tls);
    assert_false(is_fixed);
    free(meta);
}

static void that_the_version_was_fixed_is_noted(void **state)
{
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        char *meta = written("POST / HTTP/1.1\r\nHost: a\r\n\r\n", is_tls);
        struct request_caller from;
        bool is_fixed = false;

        (void)state;
        assert_int_equal(meta_fix(&meta), 0);
        struct str fields = meta_read(meta, &from, &is_fixed);
        assert_true(str_eq(fields, STR("Host: a\r\n")));
        assert_true(str_eq(from.address, STR("192.0.2.1")));
        assert_int_equal(from.is_tls, is_tls);
        assert_true(is_fixed);
        free(meta);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_fields_stay),
        cmocka_unit_test(that_the_version_was_fixed_is_noted),
    };

    http1_global_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
