/* The admin API's plain pages, its methods, and whom it answers. */
#include <openssl/err.h>

#include "failmalloc.h"
#include "tests/unit/api_fixture.h"

static void pages_are_served(void **state)
{
    (void)state;
    api_expect("GET", "/metrics", NULL, 200, NULL, "m 1\n");
    api_expect("HEAD", "/metrics", NULL, 200, NULL, "m 1\n");
    api_expect("GET", "/metrics?all=1", NULL, 200, NULL, "a 1\n");
    api_expect("GET", "/metrics?x=y&all=1&z", NULL, 200, NULL, "a 1\n");
    api_expect("GET", "/metrics?all=0&all=10&ball=1&", NULL, 200, NULL, "m 1\n");
    api_expect("GET", "/healthz", NULL, 200, NULL, "ok");
    api_expect("GET", "/table", NULL, 200, NULL, "\"1\": 95");
    api_expect("GET", "/table?x=y", NULL, 200, NULL, "\"1\": 95");
    api_expect("GET", "/settings", NULL, 200, NULL, "executed_version_header");
    api.is_out_of_memory = true;
    api_expect("GET", "/metrics", NULL, 503, NULL, NULL);
}

static void readiness_says_why_not(void **state)
{
    (void)state;
    api_expect("GET", "/readyz", NULL, 503, NULL, "starting");
    api.is_draining = true;
    api_expect("GET", "/readyz", NULL, 503, NULL, "draining");
    api.is_ready = true;
    api_expect("GET", "/readyz", NULL, 200, NULL, "ready");
}

static void a_reload_is_answered_with_its_notes_or_problems(void **state)
{
    (void)state;
    api_expect("POST", "/reload", NULL, 200, NULL, "\"$.workers\"");
    api_expect("POST", "/reload", NULL, 200, NULL, "\"changes\":[\"f:a 1/99 -> 2/98\"]");
    api.is_out_of_memory = true;
    api_expect("POST", "/reload", NULL, 400, "ValidationException", "\"no_memory\"");
    assert_int_equal(api.nr_reloads, 3);
}

static void expect_allow(const char *method, const char *target, const char *allow)
{
    struct api_response response =
        api_ask(method, target, strcmp(method, "PUT") == 0 ? "{}" : NULL);

    assert_int_equal(response.status, 405);
    assert_string_equal(response.error_type, "MethodNotAllowedException");
    assert_string_equal(response.allow, allow);
    free(response.body);
}

static void other_methods_are_told_which_to_use(void **state)
{
    (void)state;
    expect_allow("POST", "/metrics", "GET, HEAD");
    expect_allow("DELETE", "/table", "GET, HEAD, PUT");
    expect_allow("get", "/table", "GET, HEAD, PUT");
    expect_allow("PUT", "/functions", "GET, HEAD");
    expect_allow("POST", "/functions/hello", "GET, HEAD, PUT, DELETE");
    expect_allow("GET", "/reload", "POST");
    expect_allow("PUT", "/reload", "POST");
    expect_allow("POST", "/functions/hello/aliases/live", "GET, HEAD, PUT, DELETE");
    assert_int_equal(api.nr_reloads + api.nr_changes, 0);
}

static void other_paths_are_not_found(void **state)
{
    static const char *const paths[] = {"*",
                                        "/metrics/",
                                        "/Metrics",
                                        "/functions/hello/",
                                        "/functions/hello/aliases",
                                        "/functions/hello/aliases/",
                                        "/functions/hello/aliases/live/",
                                        "/2015-03-3/functions"};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        api_expect("GET", paths[i], NULL, 404, "ResourceNotFoundException", "Served here");
}

/* ---- Who is answered ------------------------------------------------------------------------- */

static void use_settings(const char *text)
{
    struct problems problems = {0};

    settings_unref(&api.settings);
    api.settings = settings_parse(text, strlen(text), "s.json", &problems);
    assert_non_null(api.settings);
}

static void expect_host(const char *host, int status)
{
    api.host = host;
    api_expect("GET", "/healthz", NULL, status, status == 403 ? "AccessDeniedException" : NULL,
               NULL);
    api_expect("POST", "/reload", NULL, status, status == 403 ? "AccessDeniedException" : NULL,
               NULL);
}

static void addresses_and_localhost_may_be_the_host(void **state)
{
    static const char *const goods[] = {
        "127.0.0.1", "127.0.0.1:9901", "10.1.2.3:1",  "[::1]",          "[::1]:9901",
        "localhost", "LocalHost:9901", "192.168.0.9", "[fe80::1]:9901", "localhost.:9901",
        NULL /* HTTP/1.0 */};
    static const char *const bads[] = {"evil.example",
                                       "evil.example:9901",
                                       "localhost.evil.example",
                                       "127.0.0.1.evil.example",
                                       "1.2.3",
                                       "127.1",
                                       "0x7f000001",
                                       "2130706433",
                                       "localhost..",
                                       "evil,localhost",
                                       "::1",
                                       "[::1",
                                       "local host",
                                       "127.0.0.1:x",
                                       "[::1].evil.example",
                                       "weir.internal"};

    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        expect_host(goods[i], 200);
    api.nr_reloads = 0;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        expect_host(bads[i], 403);
    assert_int_equal(api.nr_reloads, 0);
}

static void names_in_the_settings_may_be_the_host(void **state)
{
    (void)state;
    use_settings("{\"admin\": {\"hosts\": \"weir.internal. , weir-0\"}}");
    expect_host("weir.internal:9901", 200);
    expect_host("WEIR-0", 200);
    expect_host("weir", 403);
    expect_host("weir-0.evil.example", 403);
    expect_host("internal", 403);
    use_settings("{\"admin\": {\"hosts\": \"*\"}}");
    expect_host("anything.example", 200);
    use_settings("{\"admin\": {\"address\": \"box.example:9901\"}}");
    expect_host("box.example:9901", 200);
    expect_host("box.example", 200);
    expect_host("example", 403);
    use_settings("{\"admin\": {\"address\": \":9901\"}}");
    expect_host("box.example", 403);
    expect_host(":9901", 403);
}

static void pages_of_other_sites_are_refused(void **state)
{
    static const char *const others[] = {
        "http://evil.example", "null", "", "https://127.0.0.1:9901", "http://127.0.0.1:9902",
        "http://127.0.0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        api.origin = others[i];
        api_expect("GET", "/table", NULL, 403, "AccessDeniedException", "other sites");
        api_expect("POST", "/reload", NULL, 403, "AccessDeniedException", "Origin");
    }
    assert_int_equal(api.nr_reloads + api.nr_changes, 0);
    api.origin = "http://127.0.0.1:9901"; /* the listener's own page */
    api_expect("GET", "/table", NULL, 200, NULL, NULL);
    api_expect("POST", "/reload", NULL, 200, NULL, NULL);
    assert_int_equal(api.nr_reloads, 1);
}

static void forms_of_web_pages_change_nothing(void **state)
{
    static const char *const forms[] = {"application/x-www-form-urlencoded", "text/plain",
                                        "multipart/form-data; boundary=x"};
    static const char *const jsons[] = {"application/json",
                                        "Application/JSON",
                                        "application/json; charset=utf-8",
                                        "application/json;charset=utf-8",
                                        "binary/octet-stream",
                                        "text/plainer",
                                        ""};
    const char *alias = "/functions/hello/aliases/live", *weights = "{\"weights\": {\"1\": 100}}";
    const char *lambda = "/2015-03-31/functions/hello/aliases/live";

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        api.content_type = forms[i];
        api_expect("PUT", alias, weights, 415, "UnsupportedMediaTypeException", "application/json");
        api_expect("PUT", lambda, "{}", 415, "UnsupportedMediaTypeException", NULL);
        api_expect("POST", "/reload", NULL, 415, "UnsupportedMediaTypeException", NULL);
        api_expect("GET", alias, NULL, 200, NULL, NULL);
    }
    assert_int_equal(api.nr_reloads + api.nr_changes, 0);
    for (size_t i = 0; i < sizeof(jsons) / sizeof(jsons[0]); i++) {
        api.content_type = jsons[i];
        api_expect("PUT", alias, weights, 200, NULL, NULL);
    }
    api.content_type = NULL;
    api_expect("PUT", lambda, NULL, 200, NULL, NULL);
    api_expect("POST", "/reload", NULL, 200, NULL, NULL);
}

/* ---- Without memory -------------------------------------------------------------------------- */

static const struct {
    const char *method, *target, *body;
    int status; /* when there is memory */
} calls[] = {
    {"GET", "/table", NULL, 200},
    {"GET", "/functions/hello/aliases/live", NULL, 200},
    {"PUT", "/functions/hello/aliases/live",
     "{\"weights\": {\"1\": 60, \"3\": 40}, \"description\": \"d\"}", 200},
    {"PUT", "/functions/hello/aliases/live", "{\"weights\": {\"1\": 60, \"9\": 30}, \"x\": 1}",
     400},
    {"GET", "/2015-03-31/functions/hello/aliases/live", NULL, 200},
    {"GET", "/2015-03-31/functions/hello/aliases?MaxItems=2", NULL, 200},
    {"PUT", "/2015-03-31/functions/hello/aliases/live",
     "{\"RoutingConfig\": {\"AdditionalVersionWeights\": {\"3\": 0.4}}, \"Description\": \"d\"}",
     200},
    {"PUT", "/2015-03-31/functions/hello/aliases/live", "{\"FunctionVersion\": \"x\"}", 400},
    {"GET", "/functions/hello/aliases/none", NULL, 404},
    {"GET", "/2015-03-31/functions", NULL, 200},
    {"GET", "/2015-03-31/functions?FunctionVersion=ALL&MaxItems=3", NULL, 200},
    {"GET", "/2015-03-31/functions/hello?Qualifier=live", NULL, 200},
    {"GET", "/2015-03-31/functions/hello/versions", NULL, 200},
    {"PUT", "/2015-03-31/functions/hello/configuration",
     "{\"Timeout\": 5, \"DeadLetterConfig\": {\"TargetArn\": \"arn:aws:sns:x\"}}", 400},
    {"PUT", "/2015-03-31/functions/hello/code", "{\"ImageUri\": \"h:1,rie+h:2\"}", 400},
    {"PUT", "/2015-03-31/functions/hello/code", "{\"ImageUri\": \"h:1,h:2\", \"DryRun\": true}",
     200},
    {"POST", "/2015-03-31/functions/hello/versions", "{\"CodeSha256\": \"x\"}", 400},
    {"POST", "/2015-03-31/functions",
     "{\"FunctionName\": \"n\", \"Role\": \"arn:aws:iam::000000000000:role/r\", \"Code\": "
     "{\"ImageUri\": \"h:1\"}, \"DeadLetterConfig\": {\"TargetArn\": \"arn:aws:sns:x\"}}",
     400},
    {"PUT", "/2017-10-31/functions/hello/concurrency",
     "{\"ReservedConcurrentExecutions\": 1000000}", 400},
    {"GET", "/2021-10-31/functions/hello/urls", NULL, 200},
    {"GET", "/2016-08-19/account-settings", NULL, 200},
};

/* The status; 0 where a body is cut or garbled. */
static int call_once(size_t i)
{
    struct api_response response = api_ask(calls[i].method, calls[i].target, calls[i].body);
    int status = response.status;

    if (!response.body && status != 503)
        status = 0;
    free(response.body);
    return status;
}

/* Each allocation of each call fails once: the call is then refused, or succeeds, and nothing
 * leaks. */
static void calls_survive_each_failed_allocation(void **state)
{
    long nr_failed = 0;

    (void)state;
    failmalloc_skip();
    ERR_clear_error(); /* OpenSSL keeps a place for errors from now on */
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        bool has_failed = true;
        long live;

        assert_int_equal(call_once(i), calls[i].status);
        assert_int_equal(call_once(i), calls[i].status);
        live = failmalloc_live();
        for (long n = 1; has_failed && n < 2000; n++) {
            uint64_t generation = api.table->generation;
            int status;

            failmalloc_arm(n);
            status = call_once(i);
            has_failed = failmalloc_disarm();
            nr_failed += has_failed;
            if (status != calls[i].status && status != 503 && status != 400)
                fail_msg("%s %s: status %d at allocation %ld", calls[i].method, calls[i].target,
                         status, n);
            /* After a change only its answer can fail any more. */
            if (status == 400)
                assert_int_equal(api.table->generation, generation);
            if (failmalloc_live() != live)
                fail_msg("%s %s: a leak at allocation %ld, status %d", calls[i].method,
                         calls[i].target, n, status);
        }
        assert_false(has_failed);
    }
    assert_true(nr_failed > 100);
}

#define test(f) cmocka_unit_test_setup_teardown(f, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(pages_are_served),
        test(readiness_says_why_not),
        test(a_reload_is_answered_with_its_notes_or_problems),
        test(other_methods_are_told_which_to_use),
        test(other_paths_are_not_found),
        test(addresses_and_localhost_may_be_the_host),
        test(names_in_the_settings_may_be_the_host),
        test(pages_of_other_sites_are_refused),
        test(forms_of_web_pages_change_nothing),
        test(calls_survive_each_failed_allocation),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
