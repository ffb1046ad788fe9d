/* Versions of the table document: what each key becomes, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* A document whose only version has these members. */
#define VERSION(members) "{\"functions\": {\"f\": {\"versions\": {\"1\": {" members "}}}}}"
#define PLAIN(members)   VERSION("\"endpoints\": [\"http://h\"], " members)
#define AT               "$.functions.f.versions.1"

static const struct version *only_version(const struct table *table)
{
    struct function *const *functions;

    assert_int_equal(table_functions(table, &functions), 1);
    assert_int_equal(functions[0]->nr_versions, 1);
    return &functions[0]->versions[0];
}

static void defaults_hold(void **state)
{
    struct table *table = fixture_good(VERSION("\"endpoints\": [\"http://h\"]"));
    const struct version *version = only_version(table);

    (void)state;
    assert_int_equal(version->kind, VERSION_HTTP);
    assert_null(version->host);
    assert_false(version->preserve_host);
    assert_true(version->allow_upgrade);
    assert_int_equal(version->max_in_flight, 0);
    assert_int_equal(version->max_connections, 0);
    assert_int_equal(version->connect_ms, 0);
    assert_int_equal(version->response_head_ms, 0);
    assert_int_equal(version->stream_idle_ms, 0);
    assert_false(version->health_check.is_on);
    assert_null(version->health_check.path);
    assert_false(version->ejection.is_on);
    fixture_drop(&table);
}

static void endpoints_become_origins_and_paths(void **state)
{
    struct table *table =
        fixture_good(VERSION("\"endpoints\": [\"http://Fn.Example:8080/Base/\", \"http://[::1]:1\","
                             " \"https://fn.example\", \"http://fn.example:8080\"]"));
    const struct version *version = only_version(table);
    const struct endpoint *e = version->endpoints;

    (void)state;
    assert_int_equal(version->nr_endpoints, 4);
    assert_string_equal(e[0].url, "http://Fn.Example:8080/Base/");
    assert_string_equal(e[0].origin->host, "fn.example");
    assert_int_equal(e[0].origin->port, 8080);
    assert_false(e[0].origin->is_tls);
    assert_true(str_eq(e[0].base_path, STR("/Base/")));
    assert_string_equal(e[1].origin->host, "::1");
    assert_string_equal(e[1].origin->authority, "[::1]:1");
    assert_true(str_eq(e[1].base_path, STR("/")));
    assert_true(e[2].origin->is_tls);
    assert_int_equal(e[2].origin->port, 443);
    assert_true(e[2].origin->tls.verify);
    assert_null(e[2].origin->tls.ca_file);
    assert_ptr_equal(e[3].origin, e[0].origin); /* whatever the host's case and the path */
    fixture_drop(&table);
}

static void every_key_is_taken(void **state)
{
    struct table *table = fixture_good(VERSION(
        "\"endpoints\": [\"https://h\"], \"kind\": \"http\", \"host\": \"a.example:81\","
        "\"allow_upgrade\": false, \"limits\": {\"max_in_flight\": 1, \"max_connections\": 2},"
        "\"timeouts\": {\"connect_ms\": 3, \"response_head_ms\": 4, \"stream_idle_ms\": 5},"
        "\"health_check\": {\"type\": \"http\", \"path\": \"/h?x=1\", \"interval_ms\": 100,"
        "  \"timeout_ms\": 7, \"rise\": 8, \"fall\": 9, \"status_min\": 201, \"status_max\": 202},"
        "\"ejection\": {\"consecutive_errors\": 10, \"pause_ms\": 11, \"pause_max_ms\": 12,"
        "  \"slow_start_ms\": 13},"
        "\"tls\": {\"verify\": true, \"ca_file\": \"ca.pem\", \"server_name\": \"s.example\","
        "  \"certificate\": \"c.pem\", \"key\": \"k.pem\"}"));
    const struct version *version = only_version(table);
    const struct origin *origin = version->endpoints[0].origin;

    (void)state;
    assert_string_equal(version->host, "a.example:81");
    assert_false(version->allow_upgrade);
    assert_int_equal(version->max_in_flight, 1);
    assert_int_equal(version->max_connections, 2);
    assert_int_equal(version->connect_ms, 3);
    assert_int_equal(version->response_head_ms, 4);
    assert_int_equal(version->stream_idle_ms, 5);
    assert_true(version->health_check.is_on);
    assert_false(version->health_check.is_tcp);
    assert_string_equal(version->health_check.path, "/h?x=1");
    assert_int_equal(version->health_check.interval_ms, 100);
    assert_int_equal(version->health_check.timeout_ms, 7);
    assert_int_equal(version->health_check.rise, 8);
    assert_int_equal(version->health_check.fall, 9);
    assert_int_equal(version->health_check.status_min, 201);
    assert_int_equal(version->health_check.status_max, 202);
    assert_true(version->ejection.is_on);
    assert_int_equal(version->ejection.consecutive_errors, 10);
    assert_int_equal(version->ejection.pause_ms, 11);
    assert_int_equal(version->ejection.pause_max_ms, 12);
    assert_int_equal(version->ejection.slow_start_ms, 13);
    assert_string_equal(origin->tls.ca_file, "ca.pem");
    assert_string_equal(origin->tls.server_name, "s.example");
    assert_string_equal(origin->tls.certificate, "c.pem");
    assert_string_equal(origin->tls.key, "k.pem");
    fixture_drop(&table);
}

static void kinds_have_their_request_targets(void **state)
{
    static const struct {
        const char *members, *base_path;
        uint32_t max_connections;
    } cases[] = {
        {"\"http\", \"endpoints\": [\"http://h\"]", "/", 0},
        {"\"rie\", \"endpoints\": [\"http://h\"]", "/2015-03-31/functions/function/invocations", 1},
        {"\"rie\", \"endpoints\": [\"http://h/\"]", "/2015-03-31/functions/function/invocations",
         1},
        {"\"rie\", \"endpoints\": [\"http://h/behind/a/proxy\"]", "/behind/a/proxy", 1},
        {"\"rie\", \"limits\": {\"max_connections\": 4}, \"endpoints\": [\"http://h\"]",
         "/2015-03-31/functions/function/invocations", 4},
        {"\"lambda\", \"endpoints\": [\"http://h\"]",
         "/2015-03-31/functions/f/invocations?Qualifier=1", 0},
        {"\"lambda\", \"endpoints\": [\"http://h/2015-03-31/functions/g/invocations\"]",
         "/2015-03-31/functions/g/invocations", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), VERSION("\"kind\": %s"), cases[i].members);
        struct table *table = fixture_good(text);
        const struct version *version = only_version(table);
        assert_true(str_eq(version->endpoints[0].base_path, str_of(cases[i].base_path)));
        assert_int_equal(version->max_connections, cases[i].max_connections);
        assert_int_equal(table_target(table, 0)->is_gathered, version->kind != VERSION_HTTP);
        fixture_drop(&table);
    }
    struct table *table =
        fixture_good("{\"functions\": {\"f\": {\"versions\": {\"$LATEST\": {\"kind\": \"lambda\","
                     " \"endpoints\": [\"http://h\"]}}}}}");
    assert_true(str_eq(only_version(table)->endpoints[0].base_path,
                       STR("/2015-03-31/functions/f/invocations?Qualifier=%24LATEST")));
    fixture_drop(&table);
}

static void headers_and_the_functions_timeout_are_kept(void **state)
{
    struct table *table = fixture_good(
        PLAIN("\"headers\": {\"x-api-key\": \"secret\", \"Authorization\": \"Bearer a b\"},"
              "\"timeout_ms\": 3000, \"timeouts\": {\"response_head_ms\": 4000}"));
    const struct version *version = only_version(table);

    (void)state;
    assert_int_equal(version->headers->nr, 2);
    assert_true(
        str_eq(version->headers->lines, STR("x-api-key: secret\r\nAuthorization: Bearer a b\r\n")));
    assert_true(str_eq(version->headers->list[1].name, STR("Authorization")));
    assert_true(str_eq(version->headers->list[1].value, STR("Bearer a b")));
    assert_int_equal(version->timeout_ms, 3000);
    assert_int_equal(version->head_wait_ms, 3000); /* the smaller one */
    assert_int_equal(version->response_head_ms, 4000);
    fixture_drop(&table);
}

static void presence_turns_checks_on_with_their_defaults(void **state)
{
    struct table *table = fixture_good(PLAIN("\"health_check\": {}, \"ejection\": {},"
                                             "\"preserve_host\": true"));
    const struct version *version = only_version(table);

    (void)state;
    assert_true(version->preserve_host);
    assert_true(version->health_check.is_on);
    assert_string_equal(version->health_check.path, "/");
    assert_int_equal(version->health_check.interval_ms, 5000);
    assert_int_equal(version->health_check.timeout_ms, 2000);
    assert_int_equal(version->health_check.rise, 2);
    assert_int_equal(version->health_check.fall, 3);
    assert_int_equal(version->health_check.status_min, 200);
    assert_int_equal(version->health_check.status_max, 399);
    assert_true(version->ejection.is_on);
    assert_int_equal(version->ejection.consecutive_errors, 5);
    assert_int_equal(version->ejection.pause_ms, 10000);
    assert_int_equal(version->ejection.pause_max_ms, 300000);
    assert_int_equal(version->ejection.slow_start_ms, 0);
    fixture_drop(&table);
}

static void a_tcp_check_has_no_path(void **state)
{
    struct table *table = fixture_good(PLAIN("\"health_check\": {\"type\": \"tcp\"}"));
    const struct version *version = only_version(table);

    (void)state;
    assert_true(version->health_check.is_on);
    assert_true(version->health_check.is_tcp);
    assert_null(version->health_check.path);
    fixture_drop(&table);
}

static const struct fixture_bad bads[] = {
    {"{\"functions\": {\"f\": {\"versions\": {\"1\": \"http://h\"}}}}", "wrong_type", AT,
     "must be an object such as {\"endpoints\""},
    {VERSION(""), "missing", AT, "\"endpoints\" is missing"},
    {PLAIN("\"timeout\": 1"), "unknown_key", AT ".timeout", "did you mean \"timeouts\"?"},
    {PLAIN("\"connect_ms\": 1"), "unknown_key", AT ".connect_ms", "it belongs in \"timeouts\""},
    {PLAIN("\"limits\": {\"in_flight\": 1}"), "unknown_key", AT ".limits.in_flight",
     "(known here: max_in_flight, max_connections)"},
    {PLAIN("\"limits\": 1"), "wrong_type", AT ".limits", "must be an object"},
    {PLAIN("\"kind\": \"https\""), "bad_value", AT ".kind",
     "must be \"http\", \"rie\", \"lambda\", \"function\" or \"sfn\", not \"https\""},
    {PLAIN("\"kind\": 1"), "wrong_type", AT ".kind", "\"sfn\", not a whole number"},
    {PLAIN("\"kind\": \"rie\", \"health_check\": {}"), "conflict", AT ".health_check",
     "would invoke the function"},
    {PLAIN("\"headers\": {\"content-length\": \"1\"}"), "bad_value", AT ".headers.content-length",
     "already means something else"},
    {PLAIN("\"headers\": {\"Host\": \"a\"}"), "bad_value", AT ".headers.Host",
     "has a key of its own, \"host\""},
    {PLAIN("\"headers\": {\"a b\": \"1\"}"), "bad_value", AT ".headers[\"a b\"]", "cannot have"},
    {PLAIN("\"headers\": {\"a\": \"1\\n\"}"), "bad_value", AT ".headers.a", "control characters"},
    {PLAIN("\"headers\": {\"a\": \" 1\"}"), "bad_value", AT ".headers.a", "white space"},
    {PLAIN("\"headers\": {\"a\": 1}"), "wrong_type", AT ".headers.a", "must be a string"},
    {PLAIN("\"headers\": []"), "wrong_type", AT ".headers", "must be an object"},
    {PLAIN("\"timeout_ms\": -1"), "out_of_range", AT ".timeout_ms", "0 to 86400000"},
    {PLAIN("\"host\": \"a b\""), "bad_value", AT ".host", "neither a host name"},
    {PLAIN("\"host\": \"a\\r\\nX: y\""), "bad_value", AT ".host", "it must be a host"},
    {PLAIN("\"host\": \"\""), "bad_value", AT ".host", "too short"},
    {PLAIN("\"host\": \"a\", \"preserve_host\": true"), "conflict", AT ".host",
     "preserve_host sends the client's"},
    {PLAIN("\"preserve_host\": \"yes\""), "wrong_type", AT ".preserve_host", "true or false"},
    {PLAIN("\"limits\": {\"max_connections\": 1000001}"), "out_of_range",
     AT ".limits.max_connections", "0 to 1000000, not 1000001"},
    {PLAIN("\"timeouts\": {\"connect_ms\": 1.5}"), "wrong_type", AT ".timeouts.connect_ms",
     "must be a whole number"},
    /* endpoints */
    {VERSION("\"endpoints\": \"http://h\""), "wrong_type", AT ".endpoints",
     "must be an array of URLs such as"},
    {VERSION("\"endpoints\": []"), "empty", AT ".endpoints", "a version needs an endpoint"},
    {VERSION("\"endpoints\": [1]"), "wrong_type", AT ".endpoints[0]", "must be a URL such as"},
    {VERSION("\"endpoints\": [\"http://h\", \"h:80\"]"), "bad_url", AT ".endpoints[1]",
     "\"h:80\" does not begin with http:// or https://; an endpoint is a URL such as"},
    {VERSION("\"endpoints\": [\"http://h/?q\"]"), "bad_url", AT ".endpoints[0]", "query"},
    {VERSION("\"endpoints\": [\"http://u@h\"]"), "bad_url", AT ".endpoints[0]", "user information"},
    {VERSION("\"endpoints\": [\"http://h:0\"]"), "bad_url", AT ".endpoints[0]", "port 0"},
    {VERSION("\"endpoints\": [\"http://h/\\n\"]"), "bad_url", AT ".endpoints[0]", "control"},
    {VERSION("\"endpoints\": [\"http://h\", \"http://H:80/\"]"), "duplicate_endpoint",
     AT ".endpoints[1]", "stands in this list already"},
    /* health checks */
    {PLAIN("\"health_check\": true"), "wrong_type", AT ".health_check", "must be an object"},
    {PLAIN("\"health_check\": {\"intervall_ms\": 1}"), "unknown_key",
     AT ".health_check.intervall_ms", "did you mean \"interval_ms\"?"},
    {PLAIN("\"health_check\": {\"type\": \"grpc\"}"), "bad_value", AT ".health_check.type",
     "must be \"http\" or \"tcp\", not \"grpc\""},
    {PLAIN("\"health_check\": {\"path\": \"healthz\"}"), "bad_value", AT ".health_check.path",
     "does not begin with '/'"},
    {PLAIN("\"health_check\": {\"interval_ms\": 99}"), "out_of_range",
     AT ".health_check.interval_ms", "100 to 86400000, not 99"},
    {PLAIN("\"health_check\": {\"rise\": 0}"), "out_of_range", AT ".health_check.rise",
     "1 to 1000, not 0"},
    {PLAIN("\"health_check\": {\"status_min\": 99}"), "out_of_range", AT ".health_check.status_min",
     "100 to 599"},
    {PLAIN("\"health_check\": {\"status_max\": 199}"), "conflict", AT ".health_check",
     "status_min, 200, is above status_max, 199"},
    {PLAIN("\"health_check\": {\"type\": \"tcp\", \"path\": \"/\"}"), "conflict",
     AT ".health_check.path", "a \"tcp\" check only connects"},
    {PLAIN("\"health_check\": {\"type\": \"tcp\", \"status_max\": 299}"), "conflict",
     AT ".health_check.status_max", "only connects"},
    /* ejection */
    {PLAIN("\"ejection\": []"), "wrong_type", AT ".ejection", "must be an object"},
    {PLAIN("\"ejection\": {\"errors\": 1}"), "unknown_key", AT ".ejection.errors",
     "known here: consecutive_errors"},
    {PLAIN("\"ejection\": {\"consecutive_errors\": 0}"), "out_of_range",
     AT ".ejection.consecutive_errors", "1 to 1000, not 0"},
    {PLAIN("\"ejection\": {\"pause_ms\": 400000}"), "conflict", AT ".ejection",
     "pause_ms, 400000, is above pause_max_ms, 300000"},
    /* tls */
    {PLAIN("\"tls\": {}"), "conflict", AT ".tls", "no endpoint of this version is an https URL"},
    {VERSION("\"endpoints\": [\"https://h\"], \"tls\": {\"certificate\": \"c\"}"), "missing",
     AT ".tls", "\"key\" is missing"},
    {VERSION("\"endpoints\": [\"https://h\"], \"tls\": {\"key\": \"c\"}"), "missing", AT ".tls",
     "\"certificate\" is missing"},
    {VERSION("\"endpoints\": [\"https://h\"], \"tls\": {\"verify\": false, \"ca_file\": \"c\"}"),
     "conflict", AT ".tls", "ca_file is not looked at"},
    {VERSION("\"endpoints\": [\"https://h\"], \"tls\": {\"server_name\": \"a:1\"}"), "bad_value",
     AT ".tls.server_name", "must be a host name"},
    {VERSION("\"endpoints\": [\"https://h:0\"], \"tls\": {\"verify\": false}"), "bad_url",
     AT ".endpoints[0]", "port 0"},
};

static void what_is_wrong_is_said_once_with_place_and_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        fixture_expect(&bads[i], 1);
}

static void the_number_of_endpoints_is_bounded(void **state)
{
    char text[8192];
    struct fixture_bad bad = {text, "too_many", AT ".endpoints",
                              "has 65 endpoints; a version has 64 at most"};
    struct table *table;

    (void)state;
    for (int nr = 64; nr <= 65; nr++) {
        int n = snprintf(text, sizeof(text),
                         "{\"functions\": {\"f\": {\"versions\": {\"1\": {\"endpoints\": [");
        for (int i = 0; i < nr; i++)
            n += snprintf(text + n, sizeof(text) - (size_t)n, "%s\"http://10.0.0.%d\"",
                          i ? ", " : "", i);
        snprintf(text + n, sizeof(text) - (size_t)n, "]}}}}}");
        if (nr == 65) {
            fixture_expect(&bad, 1);
            break;
        }
        table = fixture_good(text);
        assert_int_equal(only_version(table)->nr_endpoints, 64);
        fixture_drop(&table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(defaults_hold),
        test(endpoints_become_origins_and_paths),
        test(every_key_is_taken),
        test(kinds_have_their_request_targets),
        test(headers_and_the_functions_timeout_are_kept),
        test(presence_turns_checks_on_with_their_defaults),
        test(a_tcp_check_has_no_path),
        test(what_is_wrong_is_said_once_with_place_and_advice),
        test(the_number_of_endpoints_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
