/* Which fields pass, one by one, and which names only look like those that clients may not send. */
#include "proxy/exchange/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct settings settings;
static struct tuning *tuning;
static struct http1 parser;
static struct head head;

static int set_up(void **state)
{
    (void)state;
    http1_global_init();
    settings = (struct settings){.refs = 1000};
    settings.executed_version_header = (char *)"x-amz-executed-version";
    settings.forwarded.via = (char *)"weir";
    settings.forwarded.client_certificate_header = (char *)"x-cert-of";
    settings.limits.request_line_bytes = 1000;
    settings.limits.header_bytes = 10000;
    settings.limits.header_count = 50;
    tuning = tuning_make_take(&settings);
    assert_non_null(tuning);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http1_fini(&parser);
    tuning_unref(&tuning);
    return 0;
}

static const struct head_field *last_field(void)
{
    return &head.fields[head.nr_fields - 1];
}

static void read_request(const char *line, const char *fields)
{
    char text[1000];

    snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", line, fields);
    http1_fini(&parser);
    http1_init_request(&parser, &head, &tuning->request_limits);
    if (http1_head_feed(&parser, text, strlen(text)) != HTTP1_HEAD)
        fail_msg("%s: %s", fields, parser.detail);
    head.base = strdup(text); /* as long as the head is looked at */
    assert_non_null(head.base);
}

static void let_go(void)
{
    free((void *)(uintptr_t)head.base);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void a_field_of_a_request_passes_or_not(void **state)
{
    static const struct {
        const char *field;
        bool passes, passes_if_trusted;
    } cases[] = {
        {"Accept: a", true, true},
        {"X-Forwarded-Ssl: on", false, true},
        {"X-Forwarded-Scheme: a", false, true},
        {"X-Forwarded: a", true, true},
        {"X-Amz-Executed-Version: 1", false, false},
        {"X-Cert-Of: a", false, false},
        {"x_cert_of: a", false, false},
        {"x_cert_o: a", true, true},
        {"x-amzn-RequestId: a", false, false},
        {"Content-Length: 0", false, false},
        {"X-Forwarded-For: a", false, false},
        {"X-Forwarded-Proto: a", false, true},
        {"X-Forwarded-Host: a", false, true},
        {"X-Forwarded-Port: 1", false, true},
        {"X-Forwarded-Prefix: /a", false, true},
        {"Forwarded: for=a", false, true},
        {"X-Real-IP: a", false, true},
        {"Traceparent: a", true, true},
        {"Via: 1.1 a", true, true},
        {"TE: trailers", false, false},
        {"Proxy-Authorization: a", false, false},
        {"Keep-Alive: a", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int is_trusted = 0; is_trusted < 2; is_trusted++) {
            struct rules_found found = {.is_trusted = is_trusted};
            read_request("GET /", cases[i].field);
            if (rules_request_passes(tuning, &head, last_field(), &found) !=
                (is_trusted ? cases[i].passes_if_trusted : cases[i].passes))
                fail_msg("%s, trusted: %d", cases[i].field, is_trusted);
            let_go();
        }
}

static void expectations_pass_where_there_is_a_body_to_wait_for(void **state)
{
    struct rules_found found = {.is_trusted = false};

    (void)state;
    read_request("POST /", "Content-Length: 1\r\nExpect: 100-continue");
    assert_true(rules_request_passes(tuning, &head, last_field(), &found));
    head.minor = 0;
    assert_false(rules_request_passes(tuning, &head, last_field(), &found));
    let_go();
    read_request("POST /", "Content-Length: 0\r\nExpect: 100-continue");
    assert_false(rules_request_passes(tuning, &head, last_field(), &found));
    let_go();
}

static bool is_mimicry(const char *name)
{
    char field[200];
    bool is;

    snprintf(field, sizeof(field), "%s: a", name);
    read_request("GET /", field);
    assert_true(head.has_underscores == (strchr(name, '_') != NULL));
    is = rules_is_mimicry(tuning, &head, last_field());
    let_go();
    return is;
}

static void underscores_are_read_as_dashes(void **state)
{
    char name[120] = "x_forwarded_";

    (void)state;
    assert_true(is_mimicry("X_Forwarded_For"));
    assert_true(is_mimicry("x-forwarded_for"));
    assert_true(is_mimicry("x_forwarded_anything"));
    assert_true(is_mimicry("content_length"));
    assert_true(is_mimicry("X_Amz-Executed_Version"));
    assert_true(is_mimicry("x_cert_of"));
    assert_false(is_mimicry("x-forwarded-for")); /* it is what it is, and no mimicry */
    assert_false(is_mimicry("x_cert_off"));
    assert_false(is_mimicry("x_amz_executed_versions"));
    assert_false(is_mimicry("a_b"));
    assert_false(is_mimicry("_"));
    /* Longer than any name that is known: a family is known by its beginning. */
    for (size_t n = strlen(name); n < 100; n++) {
        name[n] = 'a';
        name[n + 1] = '\0';
        assert_true(is_mimicry(name));
    }
}

static void without_a_name_for_certificates_none_is_kept_free(void **state)
{
    struct rules_found found = {.is_trusted = false};

    (void)state;
    settings.forwarded.client_certificate_header = NULL;
    tuning_unref(&tuning);
    tuning = tuning_make_take(&settings);
    assert_false(is_mimicry("x_cert_of"));
    read_request("GET /", "X-Cert-Of: a");
    assert_true(rules_request_passes(tuning, &head, last_field(), &found));
    let_go();
}

/* ---- Responses ------------------------------------------------------------------------------- */

static void a_field_of_a_response_passes_or_not(void **state)
{
    static const struct rules_response none = {.is_upgrade = false}, upgrade = {.is_upgrade = true},
                                       chunked = {.is_chunked = true}, hsts = {.has_hsts = true};
    static const struct {
        const char *field;
        const struct rules_response *how;
        bool passes;
    } cases[] = {
        {"Server: a", &none, true},
        {"X-Amz-Executed-Version: 1", &none, false},
        {"X-Amz-Executed-Versions: 1", &none, true},
        {"X-Amz-Executed-Versio0: 1", &none, true},
        {"Content-Length: 0", &none, false},
        {"x-amzn-RequestId: a", &none, false},
        {"Upgrade: a", &none, false},
        {"Upgrade: a", &upgrade, true},
        {"Trailer: a", &none, false},
        {"Trailer: a", &chunked, true},
        {"Strict-Transport-Security: a", &none, true},
        {"Strict-Transport-Security: a", &hsts, false},
        {"Keep-Alive: a", &none, false},
        {"Via: 1.1 a", &none, true},
        {"X-Forwarded-For: a", &none, true},
    };
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n\r\n", cases[i].field);
        http1_fini(&parser);
        http1_init_response(&parser, &head, &tuning->response_limits);
        assert_int_equal(http1_head_feed(&parser, text, strlen(text)), HTTP1_HEAD);
        if (rules_response_passes(tuning, &head, last_field(), cases[i].how) != cases[i].passes)
            fail_msg("%s", cases[i].field);
    }
    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    http1_fini(&parser);
    http1_init_response(&parser, &head, &tuning->response_limits);
    assert_int_equal(http1_head_feed(&parser, text, strlen(text)), HTTP1_HEAD);
    assert_false(rules_response_passes(tuning, &head, last_field(), &chunked));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_field_of_a_request_passes_or_not),
        TEST(expectations_pass_where_there_is_a_body_to_wait_for),
        TEST(underscores_are_read_as_dashes),
        TEST(without_a_name_for_certificates_none_is_kept_free),
        TEST(a_field_of_a_response_passes_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
