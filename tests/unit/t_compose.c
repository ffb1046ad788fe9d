/* Requests as the kind of their version wants them. */
#include "proxy/exchange/compose.h"

#include "failmalloc.h"
#include "proxy/exchange/gathered.h"
#include "worker_lab.h"

static struct lab lab;
static struct tuning *tuning;
static struct exchange ex;
static struct http1 parser;
static struct head head;
static struct version version;
static struct endpoint endpoint;

static struct worker *worker(void)
{
    return &lab.workers[0];
}

static int set_up(void **state)
{
    (void)state;
    lab_init(&lab);
    lab.settings.refs = 1000;
    lab.settings.executed_version_header = (char *)"x-amz-executed-version";
    lab.settings.forwarded.via = (char *)"weir";
    lab.settings.aws.region = (char *)"us-east-1";
    lab.settings.aws.account_id = (char *)"000000000000";
    lab.settings.limits.request_line_bytes = lab.settings.limits.header_bytes = 10000;
    lab.settings.limits.header_count = 50;
    lab.settings.upstream.read_bytes = 4096;
    tuning = tuning_make_take(&lab.settings);
    assert_non_null(tuning);
    worker()->tuning = tuning;
    version = (struct version){.name = STR("1"), .kind = VERSION_LAMBDA};
    endpoint = (struct endpoint){
        .origin = &lab.origin,
        .version = &version,
        .base_path = STR("/2015-03-31/functions/hello/invocations?Qualifier=1"),
    };
    ex = (struct exchange){
        .worker = worker(), .tuning = tuning, .from = {.address = STR("192.0.2.1")}};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gathered_free(&ex.gathered);
    request_fini(&ex.request, worker());
    http1_fini(&parser);
    freelist_fini(&worker()->blocks);
    worker()->tuning = &lab.tuning;
    tuning_unref(&tuning);
    lab_fini(&lab);
    return 0;
}

static const char signed_request[] =
    "POST /2015-03-31/functions/hello/invocations HTTP/1.1\r\nHost: h\r\n"
    "Authorization: AWS4-HMAC-SHA256 x\r\nX-Amz-Date: 20260102T030405Z\r\n"
    "X-Amz-Security-Token: t\r\nX-AMZ-Content-SHA256: e\r\nX-Amz-Log-Type: Tail\r\n"
    "Content-Length: 7\r\n\r\n";

/* The head that is to be sent; gathered, if there is a payload. */
static int compose(const char *payload)
{
    struct request_options options = {.is_invoke = true, .function = STR("hello")};

    request_fini(&ex.request, worker());
    gathered_free(&ex.gathered);
    http1_fini(&parser);
    http1_init_request(&parser, &head, &tuning->request_limits);
    assert_int_equal(http1_head_feed(&parser, signed_request, sizeof(signed_request) - 1),
                     HTTP1_HEAD);
    if (payload) {
        ex.gathered = gathered_make(&head, 1000000, false);
        assert_non_null(ex.gathered);
        assert_int_equal(gathered_add(ex.gathered, str_of(payload)), 0);
        head.content_length = strlen(payload);
    }
    return compose_request(&ex, &head, &endpoint, &options);
}

static const char *sent(void)
{
    static char text[65536];
    const struct request *r = &ex.request;
    size_t n = r->head_len + r->body_len;

    assert_true(n < sizeof(text));
    memcpy(text, r->block + r->head_at, n);
    text[n] = '\0';
    return text;
}

static void expect_line(const char *line)
{
    if (strncmp(sent(), line, strlen(line)) != 0)
        fail_msg("%s", sent());
}

static void a_payload_stands_behind_its_head(void **state)
{
    char payload[20001];

    (void)state;
    memset(payload, 'x', sizeof(payload) - 1);
    for (size_t n = 1; n < sizeof(payload);
         n = n * 3 + 1) { /* what fits a block, and what does not */
        payload[n] = '\0';
        assert_int_equal(compose(payload), 0);
        const char *body = strstr(sent(), "\r\n\r\n");
        assert_non_null(body);
        assert_string_equal(body + 4, payload);
        assert_int_equal(ex.request.body_len, n);
        payload[n] = 'x';
    }
}

static void credentials_are_for_weir_alone(void **state)
{
    static const char *const names[] = {"uthorization:", "mz-Date:", "ecurity-Token:", "SHA256:"};

    (void)state;
    assert_int_equal(compose("{\"a\":1}"), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_null(strstr(sent(), names[i]));
    assert_non_null(strstr(sent(), "\r\nX-Amz-Log-Type: Tail\r\n"));
    version.kind = VERSION_HTTP;
    assert_int_equal(compose("{\"a\":1}"), 0);
    assert_non_null(strstr(sent(), "\r\nAuthorization: AWS4-HMAC-SHA256 x\r\n"));
}

static void headers_of_a_version_take_the_place_of_the_clients(void **state)
{
    struct version_headers *own = calloc(1, sizeof(*own) + 2 * sizeof(own->list[0]));

    (void)state;
    assert_non_null(own);
    own->lines = STR("authorization: mine\r\nx-amz-log-type: None\r\n");
    own->nr = 2;
    own->list[0].name = STR("authorization");
    own->list[1].name = STR("x-amz-log-type");
    version.headers = own;
    assert_int_equal(compose("{\"a\":1}"), 0);
    assert_non_null(strstr(sent(), "authorization: mine\r\nx-amz-log-type: None\r\n"));
    assert_null(strstr(sent(), "AWS4"));
    assert_null(strstr(sent(), "Tail"));
    free(own);
}

static void a_stream_has_lambdas_path_for_streams(void **state)
{
    static const struct {
        struct str path;
        const char *line;
    } cases[] = {
        {STR("/2015-03-31/functions/hello/invocations?Qualifier=1"),
         "POST /2021-11-15/functions/hello/response-streaming-invocations?Qualifier=1 HTTP"},
        {STR("/2015-03-31/functions/h/invocations"),
         "POST /2021-11-15/functions/h/response-streaming-invocations HTTP"},
        /* paths of their own stay */
        {STR("/run"), "POST /run HTTP"},
        {STR("/2015-03-31/functions/hello"), "POST /2015-03-31/functions/hello HTTP"},
        {STR("/2015-03-31/functions/hello/other"), "POST /2015-03-31/functions/hello/other HTTP"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        endpoint.base_path = cases[i].path;
        ex.is_stream = true;
        assert_int_equal(compose("1"), 0);
        expect_line(cases[i].line);
    }
    endpoint.base_path = cases[0].path;
    ex.is_stream = false;
    assert_int_equal(compose("1"), 0);
    expect_line("POST /2015-03-31/functions/hello/invocations?Qualifier=1 HTTP");
    ex.is_stream = true; /* an emulator has one path */
    version.kind = VERSION_RIE;
    assert_int_equal(compose("1"), 0);
    expect_line("POST /2015-03-31/functions/hello/invocations?Qualifier=1 HTTP");
}

/* Another endpoint of the version, with another path: the payload stays. */
static void a_retry_elsewhere_has_the_same_payload(void **state)
{
    struct endpoint other = endpoint;

    (void)state;
    ex.is_stream = true;
    assert_int_equal(compose("{\"a\":1}"), 0);
    other.base_path = STR("/2015-03-31/functions/a-much-longer-name/invocations?Qualifier=1");
    assert_int_equal(compose_retarget(&ex, &other), 0);
    expect_line("POST /2021-11-15/functions/a-much-longer-name/response-streaming-invocations?"
                "Qualifier=1 HTTP");
    assert_string_equal(strstr(sent(), "\r\n\r\n") + 4, "{\"a\":1}");
}

static void out_of_memory_there_is_an_id_at_least(void **state)
{
    static char payload[30001];

    (void)state;
    failmalloc_skip();
    memset(payload, 'x', sizeof(payload) - 1);
    for (long n = 1;; n++) {
        struct request_options options = {.is_invoke = true};
        bool has_failed;
        int r;

        assert_int_equal(compose(payload), 0);
        request_fini(&ex.request, worker());
        freelist_fini(&worker()->blocks);
        memset(ex.request.request_id, 0, sizeof(ex.request.request_id));
        failmalloc_arm(n);
        r = compose_request(&ex, &head, &endpoint, &options);
        has_failed = failmalloc_disarm();
        assert_int_equal(r < 0, has_failed);
        assert_int_not_equal(ex.request.request_id[0], 0);
        if (!has_failed)
            break;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_payload_stands_behind_its_head),
        TEST(credentials_are_for_weir_alone),
        TEST(headers_of_a_version_take_the_place_of_the_clients),
        TEST(a_stream_has_lambdas_path_for_streams),
        TEST(a_retry_elsewhere_has_the_same_payload),
        TEST(out_of_memory_there_is_an_id_at_least),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
