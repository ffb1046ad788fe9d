/* Cookies of requests. */
#include "proxy/http/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/http1.h"

static const struct head_limits limits = {
    .line_bytes = 1000, .header_bytes = 4000, .header_count = 20};
static struct head head;
static char text[4096];

/* The bytes are the test's to change. */
static void read_head(const char *fields)
{
    struct http1 parser;
    int n =
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%sAccept: b\r\n\r\n", fields);

    http1_init_request(&parser, &head, &limits);
    assert_int_equal(http1_head_feed(&parser, text, (size_t)n), HTTP1_HEAD);
    http1_fini(&parser);
}

static const struct {
    const char *fields, *value; /* of the first cookie named pin; NULL: there is none */
} FOUND[] = {
    {"Cookie: pin=1\r\n", "1"},
    {"cookie: a=1; pin=2; b=3\r\n", "2"},
    {"Cookie: a=1;pin=2\r\n", "2"},
    {"Cookie: a=1\r\nCookie: pin=2; pin=3\r\n", "2"},
    {"Cookie: pin=\"q\"\r\n", "\"q\""},
    {"Cookie: pin=a=b\r\n", "a=b"},
    {"Cookie:   pin = 4 ; x=1\r\n", "4"},
    {"Cookie: pin=\r\n", ""},
    {"Cookie: Pin=1; pin2=2; xpin=3; pin\r\n", NULL},
    {"Cookie: a=pin=1\r\n", NULL},
    {"X-Cookie: pin=1\r\n", NULL},
    {"Cookie: \r\n", NULL},
    {"", NULL},
};

static void a_cookie_is_found_by_its_name(void **state)
{
    struct str value;

    (void)state;
    for (size_t i = 0; i < sizeof(FOUND) / sizeof(FOUND[0]); i++) {
        print_message("%s\n", FOUND[i].fields);
        read_head(FOUND[i].fields);
        assert_int_equal(cookie_find(&head, STR("pin"), &value), FOUND[i].value != NULL);
        if (FOUND[i].value)
            assert_true(str_eq(value, str_of(FOUND[i].value)));
    }
}

static const struct {
    const char *before, *after;
} CUTS[] = {
    {"Cookie: a=1; b=2\r\n", "Cookie: a=1; b=2\r\n"},
    {"Cookie: pin=1\r\n", ""},
    {"Cookie: pin=1;\r\n", ""},
    {"Cookie: pin=1; pin=2\r\n", ""},
    {"Cookie: pin=1; a=1\r\n", "Cookie: a=1\r\n"},
    {"Cookie: a=1; pin=1\r\n", "Cookie: a=1\r\n"},
    {"Cookie: a=1; pin=1; b=\"2\"\r\n", "Cookie: a=1; b=\"2\"\r\n"},
    {"Cookie: a=1;pin=1;b=2\r\n", "Cookie: a=1;b=2\r\n"},
    {"Cookie: a=1;  b = 2;pin=1;;c; \r\n", "Cookie: a=1;  b = 2;;c;\r\n"},
    {"Cookie: pin=1; a=1; pin=2; b=2; pin=3\r\n", "Cookie: a=1; b=2\r\n"},
    {"Cookie: a=1\r\nCookie: pin=1; b=2\r\nCookie: pin=2\r\n", "Cookie: a=1\r\nCookie: b=2\r\n"},
    {"Cookie:\ta=1; pin=1\r\n", "Cookie: a=1\r\n"},
    {"Cookie: Pin=1; pin2=1\r\n", "Cookie: Pin=1; pin2=1\r\n"},
};

static void what_is_cut_out_leaves_the_rest_byte_for_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CUTS) / sizeof(CUTS[0]); i++) {
        char got[1024] = "", *p = got;

        print_message("%s\n", CUTS[i].before);
        read_head(CUTS[i].before);
        cookie_cut(&head, STR("pin"));
        for (int k = 0; k < head.nr_fields; k++) {
            struct head_field *f = &head.fields[k];

            if (head_is_dropped(&head, f) || !cookie_is_field(&head, f))
                continue;
            /* as they are copied from plain heads: with the line end behind them */
            assert_memory_equal(head_value(&head, f).p + f->value_len, "\r\n", 2);
            p += snprintf(p, (size_t)(got + sizeof(got) - p), "%.*s: %.*s\r\n",
                          STR_ARG(head_name(&head, f)), STR_ARG(head_value(&head, f)));
        }
        assert_string_equal(got, CUTS[i].after);
        const struct head_field *last = &head.fields[head.nr_fields - 1];
        assert_true(str_eq(head_value(&head, last), STR("b")));
    }
}

static void the_next_head_is_read_as_it_stands(void **state)
{
    static const char fields[] = "X: y\r\nCookie: a=1; pin=1\r\nZ: z\r\n";
    struct str value;

    (void)state;
    read_head(fields);
    for (int i = 0; i < 3; i++) {
        cookie_cut(&head, STR("pin"));
        assert_false(cookie_find(&head, STR("pin"), &value));
        read_head(fields);
        assert_int_equal(head.nr_fields, 5);
        assert_true(cookie_find(&head, STR("pin"), &value));
        assert_true(str_eq(value, STR("1")));
        assert_true(str_eq(head_value(&head, &head.fields[2]), STR("a=1; pin=1")));
        assert_true(str_eq(head_value(&head, &head.fields[3]), STR("z")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_found_by_its_name),
        cmocka_unit_test(what_is_cut_out_leaves_the_rest_byte_for_byte),
        cmocka_unit_test(the_next_head_is_read_as_it_stands),
    };

    http1_global_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
