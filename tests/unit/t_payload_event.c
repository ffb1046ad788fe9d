/* Events of payload format 2.0, compared as JSON values with what Lambda would send. */
#include "proxy/payload/payload_event.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CONTEXT_HTTP(method, path, agent)                                                          \
    "{\"method\":\"" method "\",\"path\":\"" path                                                  \
    "\",\"protocol\":\"HTTP/1.1\",\"sourceIp\":\"192.0.2.1\",\"userAgent\":\"" agent "\"}"
#define DOMAIN "abc.lambda-url.us-east-1.on.aws"

static struct payload_event event_of(const char *method, const char *path)
{
    return (struct payload_event){
        .method = str_of(method),
        .path = str_of(path),
        .query = STR(""),
        .protocol = STR("HTTP/1.1"),
        .source = STR("192.0.2.1"),
        .port = 443,
        .domain = STR(DOMAIN),
        .request_id = STR("id-1"),
        .unix_ms = 1583348638390,
    };
}

static json_t *written(const struct payload_event *event)
{
    struct buffer out = {0};
    json_t *json;

    payload_event_write(&out, event);
    assert_false(out.is_out);
    json = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_non_null(json);
    buffer_fini(&out);
    return json;
}

static void expect(const struct payload_event *event, const char *text)
{
    json_t *is = written(event), *wanted = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(wanted);
    if (!json_equal(is, wanted)) {
        char *shown = json_dumps(is, JSON_INDENT(1) | JSON_SORT_KEYS);
        fprintf(stderr, "%s\n", shown);
        free(shown);
    }
    assert_true(json_equal(is, wanted));
    json_decref(is);
    json_decref(wanted);
}

/* The member at a path such as "requestContext.http.method" is this string. */
static void expect_text(const struct payload_event *event, const char *path, const char *wanted)
{
    json_t *json = written(event), *at = json;
    char step[64];

    while (*path) {
        size_t n = strcspn(path, ".");
        snprintf(step, sizeof(step), "%.*s", (int)n, path);
        at = json_object_get(at, step);
        path += n + (path[n] == '.');
    }
    if (wanted) {
        assert_true(json_is_string(at));
        assert_string_equal(json_string_value(at), wanted);
    } else {
        assert_null(at);
    }
    json_decref(json);
}

static void a_bare_request_has_what_lambda_always_says(void **state)
{
    struct payload_event event = event_of("GET", "/");

    (void)state;
    expect(&event,
           "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/\","
           "\"rawQueryString\":\"\",\"headers\":{\"x-forwarded-for\":\"192.0.2.1\","
           "\"x-forwarded-port\":\"443\",\"x-forwarded-proto\":\"http\"},"
           "\"requestContext\":{\"accountId\":\"anonymous\",\"apiId\":\"abc\","
           "\"domainName\":\"" DOMAIN "\",\"domainPrefix\":\"abc\",\"http\":" CONTEXT_HTTP(
               "GET", "/", "") ",\"requestId\":\"id-1\",\"routeKey\":\"$default\","
                               "\"stage\":\"$default\",\"time\":\"04/Mar/2020:19:03:58 +0000\","
                               "\"timeEpoch\":1583348638390},\"isBase64Encoded\":false}");
}

static void a_trace_is_begun_where_none_came(void **state)
{
    static const struct payload_pair came = {STR("X-Amzn-Trace-Id"), STR("Root=1-2-3;Sampled=1")};
    struct payload_event event = event_of("GET", "/");

    (void)state;
    event.request_id = STR("01234567-89ab-cdef-0123-456789abcdef");
    expect_text(&event, "headers.x-amzn-trace-id", "Root=1-5e5ffb9e-89abcdef0123456789abcdef");
    event.fields = &came;
    event.nr_fields = 1;
    expect_text(&event, "headers.x-amzn-trace-id", "Root=1-2-3;Sampled=1");
}

static void a_full_request_has_all_of_it(void **state)
{
    static const struct payload_pair fields[] = {
        {STR("Host"), STR(DOMAIN ":8443")},           {STR("Header2"), STR("value1")},
        {STR("Cookie"), STR("cookie1=1; cookie2=2")}, {STR("HEADER2"), STR("value2")},
        {STR("User-Agent"), STR("agent \"x\"")},      {STR("Content-Type"), STR("text/plain")},
        {STR("X-Amzn-Trace-Id"), STR("Root=1-2-3")},  {STR("cookie"), STR("cookie3;;")},
    };
    static const struct payload_pair variables[] = {{STR("alias"), STR("PROD")}};
    static const struct payload_identity identity = {
        STR("AKIDEXAMPLE"), STR("000000000000"), STR("AKIDEXAMPLE"),
        STR("arn:aws:iam::000000000000:user/AKIDEXAMPLE")};
    struct payload_event event = event_of("POST", "/my/p%61th");

    (void)state;
    event.query = STR("parameter1=value1&parameter1=value2&parameter2=value");
    event.body = STR("Hello \"you\" \xe2\x82\xac");
    event.fields = fields;
    event.nr_fields = 8;
    event.stage_variables = variables;
    event.nr_stage_variables = 1;
    event.stage = STR("prod");
    event.identity = &identity;
    event.is_tls = true;
    event.tls_version = STR("TLSv1.3");
    event.tls_cipher = STR("TLS_AES_128_GCM_SHA256");
    expect(
        &event,
        "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/my/p%61th\","
        "\"rawQueryString\":\"parameter1=value1&parameter1=value2&parameter2=value\","
        "\"cookies\":[\"cookie1=1\",\"cookie2=2\",\"cookie3\"],"
        "\"headers\":{\"host\":\"" DOMAIN ":8443\",\"header2\":\"value1,value2\","
        "\"user-agent\":\"agent \\\"x\\\"\",\"content-type\":\"text/plain\","
        "\"x-amzn-trace-id\":\"Root=1-2-3\","
        "\"x-forwarded-for\":\"192.0.2.1\",\"x-forwarded-port\":\"443\","
        "\"x-forwarded-proto\":\"https\",\"x-amzn-tls-version\":\"TLSv1.3\","
        "\"x-amzn-tls-cipher-suite\":\"TLS_AES_128_GCM_SHA256\"},"
        "\"queryStringParameters\":{\"parameter1\":\"value1,value2\",\"parameter2\":\"value\"},"
        "\"requestContext\":{\"accountId\":\"000000000000\",\"apiId\":\"abc\","
        "\"authorizer\":{\"iam\":{\"accessKey\":\"AKIDEXAMPLE\",\"accountId\":\"000000000000\","
        "\"callerId\":\"AKIDEXAMPLE\",\"cognitoIdentity\":null,\"principalOrgId\":null,"
        "\"userArn\":\"arn:aws:iam::000000000000:user/AKIDEXAMPLE\","
        "\"userId\":\"AKIDEXAMPLE\"}},"
        "\"domainName\":\"" DOMAIN "\",\"domainPrefix\":\"abc\",\"http\":" CONTEXT_HTTP(
            "POST", "/my/p%61th", "agent \\\"x\\\"") ",\"requestId\":\"id-1\","
                                                     "\"routeKey\":\"$default\",\"stage\":\"prod\","
                                                     "\"time\":\"04/Mar/2020:19:03:58 "
                                                     "+0000\",\"timeEpoch\":1583348638390},"
                                                     "\"body\":\"Hello \\\"you\\\" "
                                                     "\xe2\x82\xac\",\"isBase64Encoded\":false,"
                                                     "\"stageVariables\":{\"alias\":\"PROD\"}}");
}

static void expect_body(const char *type, struct str body, const char *wanted, bool is_base64)
{
    const struct payload_pair field = {STR("content-type"), str_of(type)};
    struct payload_event event = event_of("POST", "/");
    json_t *json;

    event.fields = &field;
    event.nr_fields = type ? 1 : 0;
    event.body = body;
    expect_text(&event, "body", wanted);
    json = written(&event);
    assert_int_equal(json_is_true(json_object_get(json, "isBase64Encoded")), is_base64);
    json_decref(json);
}

static void bodies_are_text_or_base64(void **state)
{
    (void)state;
    expect_body("application/json", STR("{\"k\":1}"), "{\"k\":1}", false);
    expect_body("text/plain; charset=utf-8", STR("a\n"), "a\n", false);
    expect_body("application/octet-stream", STR("foob"), "Zm9vYg==", true);
    expect_body("application/x-www-form-urlencoded", STR("a=b"), "YT1i", true);
    expect_body(NULL, STR("foo"), "Zm9v", true);
    expect_body("text/plain", STR("\xff\xfe"), "//4=", true); /* no UTF-8 */
    expect_body("application/octet-stream", STR(""), NULL, false);
}

static void trusted_proxies_have_the_first_word(void **state)
{
    static const struct payload_pair fields[] = {
        {STR("X-Forwarded-For"), STR("198.51.100.7")},
        {STR("X-Forwarded-Proto"), STR("https")},
        {STR("X-Forwarded-Port"), STR("8443")},
    };
    struct payload_event event = event_of("GET", "/");

    (void)state;
    event.fields = fields;
    event.nr_fields = 3;
    expect_text(&event, "headers.x-forwarded-for", "198.51.100.7,192.0.2.1");
    expect_text(&event, "headers.x-forwarded-proto", "https");
    expect_text(&event, "headers.x-forwarded-port", "8443");
}

static void a_domain_has_its_first_label_and_an_address_none(void **state)
{
    struct payload_event event = event_of("GET", "/");

    (void)state;
    event.domain = STR("shop.example.com");
    expect_text(&event, "requestContext.domainPrefix", "shop");
    expect_text(&event, "requestContext.apiId", "shop");
    event.domain = STR("localhost");
    expect_text(&event, "requestContext.domainPrefix", "localhost");
    event.domain = STR("127.0.0.1");
    expect_text(&event, "requestContext.domainPrefix", "127.0.0.1");
    event.domain = STR("[::1]");
    expect_text(&event, "requestContext.domainPrefix", "[::1]");
    event.api_id = STR("u1");
    expect_text(&event, "requestContext.apiId", "u1");
}

static void bytes_that_are_no_text_become_one(void **state)
{
    static const struct payload_pair field = {STR("X"), STR("a\xff\tb")};
    struct payload_event event = event_of("GET", "/\xff");

    (void)state;
    event.fields = &field;
    event.nr_fields = 1;
    expect_text(&event, "headers.x", "a\xef\xbf\xbd\tb");
    expect_text(&event, "rawPath", "/\xef\xbf\xbd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_request_has_what_lambda_always_says),
        cmocka_unit_test(a_trace_is_begun_where_none_came),
        cmocka_unit_test(a_full_request_has_all_of_it),
        cmocka_unit_test(bodies_are_text_or_base64),
        cmocka_unit_test(trusted_proxies_have_the_first_word),
        cmocka_unit_test(a_domain_has_its_first_label_and_an_address_none),
        cmocka_unit_test(bytes_that_are_no_text_become_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
