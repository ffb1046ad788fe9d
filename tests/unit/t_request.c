/* The head that an endpoint gets, byte by byte, and what is kept of a request for retries and the log. */
#include "proxy/exchange/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

#define ID    "01234567-89ab-cdef-0123-456789abcdef"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct worker worker;
static struct settings settings;
static struct tuning *tuning;
static struct version version;
static struct origin origin;
static struct endpoint endpoint;
static struct request_caller from;
static struct request_options options;
static struct request request;
static struct http1 parser;
static struct head head;

static void take_settings(void)
{
    if (tuning)
        tuning_unref(&tuning);
    tuning = tuning_make_take(&settings);
    assert_non_null(tuning);
}

static int set_up(void **state)
{
    (void)state;
    http1_global_init();
    memset(&worker, 0, sizeof(worker));
    prng_seed(&worker.rng, 1);
    settings = (struct settings){.refs = 1000};
    settings.executed_version_header = (char *)"x-amz-executed-version";
    settings.forwarded.via = (char *)"weir";
    settings.aws.region = (char *)"eu-central-1";
    settings.aws.account_id = (char *)"123456789012";
    settings.limits.request_line_bytes = 60000;
    settings.limits.header_bytes = 100000;
    settings.limits.header_count = 50;
    take_settings();
    version = (struct version){.name = STR("1")};
    origin = (struct origin){.authority = (char *)"lab", .authority_len = 3};
    endpoint = (struct endpoint){.origin = &origin, .base_path = STR("/base"), .version = &version};
    from = (struct request_caller){.address = STR("192.0.2.1")};
    options = (struct request_options){.request_id = STR(ID)};
    request = (struct request){.block = NULL};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    request_fini(&request, &worker);
    http1_fini(&parser);
    freelist_fini(&worker.blocks);
    tuning_unref(&tuning);
    return 0;
}

static void read_head(const char *text)
{
    http1_fini(&parser);
    http1_init_request(&parser, &head, &tuning->request_limits);
    assert_int_equal(http1_head_feed(&parser, text, strlen(text)), HTTP1_HEAD);
}

static int make(const char *text)
{
    request_fini(&request, &worker);
    read_head(text);
    if (!options.is_invoke && !options.prefix.n) {
        options.path = head_path(&head);
        options.query = head_query(&head);
        options.has_query = head.has_query;
    }
    return request_make(&request, &worker, tuning, &head, &endpoint, &from, &options);
}

static struct str made(void)
{
    assert_true(request.head_at + request.head_len + request.body_len <= request.room);
    return (struct str){request.block + request.head_at, request.head_len};
}

static void expect_str(struct str is, const char *wanted)
{
    if (!str_eq(is, str_of(wanted)))
        fail_msg("is:\n%.*s\nwanted:\n%s", STR_ARG(is), wanted);
}

static void expect(const char *text, const char *wanted)
{
    assert_int_equal(make(text), 0);
    expect_str(made(), wanted);
}

/* ---- What is added, and what is left out ----------------------------------------------------- */

#define FORWARDED "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
#define OURS      FORWARDED "Via: 1.1 weir\r\nx-amzn-RequestId: " ID "\r\n"

static void the_clients_fields_stand_first_and_ours_behind_them(void **state)
{
    (void)state;
    expect("GET /x?y=z HTTP/1.1\r\nHost: a\r\nAccept: b\r\nTE: trailers\r\nUser-Agent: me\r\n\r\n",
           "GET /base/x?y=z HTTP/1.1\r\nHost: lab\r\nAccept: b\r\nUser-Agent: me\r\n" OURS "\r\n");
    expect_str(request.method, "GET");
    expect_str(request.target, "/x?y=z");
    expect_str(request.host, "a");
    expect_str(request.user_agent, "me");
    expect_str(request.upgrade, "");
    assert_int_equal(request.method_len, 3);
    assert_int_equal(request.body_len, 0);
    assert_true(request.is_own_host);
    /* As nobody writes them: each field is written anew. */
    expect("GET /x HTTP/1.1\r\nHost: a\r\nB:c\r\nUser-Agent:  me \r\nD: e\r\n\r\n",
           "GET /base/x HTTP/1.1\r\nHost: lab\r\nB: c\r\nUser-Agent: me\r\nD: e\r\n" OURS "\r\n");
    expect_str(request.user_agent, "me");
    expect("GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /base/x HTTP/1.1\r\nHost: lab\r\n" OURS "\r\n");
    assert_null(request.user_agent.p);
    assert_int_equal(request.user_agent.n, 0);
    expect("GET /x HTTP/1.1\r\nB: c\r\nHost: a\r\n\r\n",
           "GET /base/x HTTP/1.1\r\nHost: lab\r\nB: c\r\n" OURS "\r\n");
    expect("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /base/x HTTP/1.1\r\nHost: lab\r\n" OURS "\r\n");
    expect_str(request.target, "http://a/x");
}

static void the_path_follows_the_endpoints_own(void **state)
{
    static const struct {
        const char *base, *target, *line;
    } cases[] = {
        {"/", "/", "GET / "},
        {"/", "/x", "GET /x "},
        {"/base", "/x", "GET /base/x "},
        {"/base/", "/x", "GET /base/x "},
        {"/base", "/?a", "GET /base/?a "},
        {"/", "/?", "GET /? "},
    };
    char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        endpoint.base_path = str_of(cases[i].base);
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].target);
        assert_int_equal(make(text), 0);
        expect_str((struct str){made().p, strlen(cases[i].line)}, cases[i].line);
    }
    endpoint.base_path = STR("/base/");
    options.prefix = STR("/app");
    options.path = STR("");
    options.has_query = true;
    options.query = STR("q");
    expect("GET /app?q HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /base/?q HTTP/1.1\r\nHost: lab\r\n" FORWARDED "X-Forwarded-Prefix: /app\r\n"
           "Via: 1.1 weir\r\nx-amzn-RequestId: " ID "\r\n\r\n");
}

static void host_is_the_origins_or_the_versions_or_the_clients(void **state)
{
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    (void)state;
    version.host = (char *)"said.example";
    expect(get, "GET /base/ HTTP/1.1\r\nHost: said.example\r\n" OURS "\r\n");
    assert_false(request.is_own_host);
    version.preserve_host = true;
    expect(get, "GET /base/ HTTP/1.1\r\nHost: said.example\r\n" OURS "\r\n");
    version.host = NULL;
    expect(get, "GET /base/ HTTP/1.1\r\nHost: a\r\n" OURS "\r\n");
    assert_false(request.is_own_host);
    expect("GET / HTTP/1.0\r\n\r\n",
           "GET /base/ HTTP/1.1\r\nHost: lab\r\nX-Forwarded-For: 192.0.2.1\r\n"
           "X-Forwarded-Proto: http\r\nVia: 1.0 weir\r\nx-amzn-RequestId: " ID "\r\n\r\n");
    assert_true(request.is_own_host);
}

static void only_a_trusted_client_says_who_was_before_it(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1\r\nHost: a\r\n"
                               "X-Forwarded-For:\r\nX-Forwarded-For: 2.2.2.2\r\n"
                               "X-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n\r\n";

    (void)state;
    expect(text, "GET /base/ HTTP/1.1\r\nHost: lab\r\n" OURS "\r\n");
    from.is_tls = true;
    expect(text, "GET /base/ HTTP/1.1\r\nHost: lab\r\nX-Forwarded-For: 192.0.2.1\r\n"
                 "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n"
                 "Via: 1.1 weir\r\nx-amzn-RequestId: " ID "\r\n\r\n");
    from.is_trusted = true;
    expect(text, "GET /base/ HTTP/1.1\r\nHost: lab\r\nX-Forwarded-Proto: https\r\n"
                 "X-Forwarded-Host: b\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.1\r\n"
                 "Via: 1.1 weir\r\nx-amzn-RequestId: " ID "\r\n\r\n");
    from = (struct request_caller){.is_trusted = false}; /* nobody's request */
    expect(text, "GET /base/ HTTP/1.1\r\nHost: lab\r\n"
                 "Via: 1.1 weir\r\nx-amzn-RequestId: " ID "\r\n\r\n");
}

/* The place of the fields is used again and again. */
static void fields_of_the_request_before_are_not_seen(void **state)
{
    (void)state;
    from.is_trusted = true;
    options.prefix = STR("/app");
    read_head("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 8.8.8.8\r\n"
              "X-Forwarded-For: 9.9.9.9\r\n\r\n");
    expect("GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1\r\nHost: a\r\n\r\n",
           "GET /base HTTP/1.1\r\nHost: lab\r\nX-Forwarded-For: 1.1.1.1, 192.0.2.1\r\n"
           "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Forwarded-Prefix: /app\r\n"
           "Via: 1.1 weir\r\nx-amzn-RequestId: " ID "\r\n\r\n");
    read_head("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Prefix: /8\r\n"
              "X-Forwarded-Prefix: /9\r\n\r\n");
    expect("GET / HTTP/1.1\r\nX-Forwarded-Prefix: /1\r\nHost: a\r\n\r\n",
           "GET /base HTTP/1.1\r\nHost: lab\r\n" FORWARDED "X-Forwarded-Prefix: /1/app\r\n"
           "Via: 1.1 weir\r\nx-amzn-RequestId: " ID "\r\n\r\n");
}

static void prefixes_that_were_taken_off_follow_each_other(void **state)
{
    static const char text[] = "GET /app/x HTTP/1.1\r\nX-Forwarded-Prefix: /outer//\r\nHost: a\r\n"
                               "X-Forwarded-Prefix: /\r\n\r\n";

    (void)state;
    from.is_trusted = true;
    expect(text, "GET /base/app/x HTTP/1.1\r\nHost: lab\r\nX-Forwarded-Prefix: /outer//\r\n"
                 "X-Forwarded-Prefix: /\r\n" OURS "\r\n");
    options.prefix = STR("/app");
    options.path = STR("/x");
    expect(text,
           "GET /base/x HTTP/1.1\r\nHost: lab\r\n" FORWARDED "X-Forwarded-Prefix: /outer/app\r\n"
           "Via: 1.1 weir\r\nx-amzn-RequestId: " ID "\r\n\r\n");
    from.is_trusted = false;
    expect(text, "GET /base/x HTTP/1.1\r\nHost: lab\r\n" FORWARDED "X-Forwarded-Prefix: /app\r\n"
                 "Via: 1.1 weir\r\nx-amzn-RequestId: " ID "\r\n\r\n");
}

static void a_body_is_framed_as_it_came(void **state)
{
    static const struct {
        const char *method, *fields, *framing;
    } cases[] = {
        {"GET", "", ""},
        {"DELETE", "", ""},
        {"POST", "", "Content-Length: 0\r\n"},
        {"PUT", "", "Content-Length: 0\r\n"},
        {"PATCH", "", "Content-Length: 0\r\n"},
        {"GET", "Content-Length: 0\r\n", "Content-Length: 0\r\n"},
        {"GET", "Content-Length: 12\r\n", "Content-Length: 12\r\n"},
        {"POST", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\n"},
    };
    char text[200], wanted[400];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].method,
                 cases[i].fields);
        snprintf(wanted, sizeof(wanted), "%s /base/ HTTP/1.1\r\nHost: lab\r\n" OURS "%s\r\n",
                 cases[i].method, cases[i].framing);
        expect(text, wanted);
    }
}

static void an_upgrade_and_the_versions_fields_are_added(void **state)
{
    static const struct version_headers headers = {.lines = STR("K: v\r\n"), .nr = 1};
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                               "Upgrade: websocket\r\n\r\n";

    (void)state;
    expect(text, "GET /base/ HTTP/1.1\r\nHost: lab\r\n" OURS "\r\n");
    expect_str(request.upgrade, "");
    options.is_upgrade = true;
    options.headers = &headers;
    expect(text, "GET /base/ HTTP/1.1\r\nHost: lab\r\n" OURS
                 "Connection: upgrade\r\nUpgrade: websocket\r\nK: v\r\n\r\n");
    expect_str(request.upgrade, "websocket");
    expect("GET / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /base/ HTTP/1.1\r\nHost: lab\r\n" OURS "Connection: upgrade\r\nK: v\r\n\r\n");
}

static void an_invocation_says_by_which_arn(void **state)
{
    (void)state;
    endpoint.base_path = STR("/invocations/");
    options.is_invoke = options.is_post = true;
    options.function = STR("f");
    expect("PUT /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: a\r\n\r\n",
           "POST /invocations/ HTTP/1.1\r\nHost: lab\r\n" OURS
           "lambda-runtime-invoked-function-arn: "
           "arn:aws:lambda:eu-central-1:123456789012:function:f\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(request.method_len, 4);
    expect_str(request.method, "PUT");
    options.qualifier = STR("7");
    expect("POST / HTTP/1.1\r\nHost: a\r\n\r\n",
           "POST /invocations/ HTTP/1.1\r\nHost: lab\r\n" OURS
           "lambda-runtime-invoked-function-arn: "
           "arn:aws:lambda:eu-central-1:123456789012:function:f:7\r\nContent-Length: 0\r\n\r\n");
}

static void a_certificates_subject_is_told_where_it_is_asked_for(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Cert: mine\r\n\r\n";

    (void)state;
    from.certificate_subject = STR("CN=me");
    expect(text, "GET /base/ HTTP/1.1\r\nHost: lab\r\nX-Cert: mine\r\n" OURS "\r\n");
    settings.forwarded.client_certificate_header = (char *)"x-cert";
    take_settings();
    expect(text, "GET /base/ HTTP/1.1\r\nHost: lab\r\n" OURS "x-cert: CN=me\r\n\r\n");
    from.certificate_subject = STR("");
    expect(text, "GET /base/ HTTP/1.1\r\nHost: lab\r\n" OURS "\r\n");
}

static void max_forwards_counts_down_where_it_counts(void **state)
{
    (void)state;
    expect("OPTIONS /x HTTP/1.1\r\nHost: a\r\nB: c\r\nMax-Forwards: 5\r\nD: e\r\n\r\n",
           "OPTIONS /base/x HTTP/1.1\r\nHost: lab\r\nB: c\r\nMax-Forwards: 4\r\nD: e\r\n" OURS
           "\r\n");
    expect("GET /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 5\r\n\r\n",
           "GET /base/x HTTP/1.1\r\nHost: lab\r\nMax-Forwards: 5\r\n" OURS "\r\n");
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static bool has_id(const char *id)
{
    return memcmp(request.request_id, id, ID_LENGTH) == 0;
}

static void a_trusted_client_may_number_its_request(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n"
                               "x-amzn-RequestId: ABCDEF67-89ab-cdef-0123-456789abcdef\r\n\r\n";
    static const char lower[] = "abcdef67-89ab-cdef-0123-456789abcdef";

    (void)state;
    from.is_trusted = true;
    assert_int_equal(make(text), 0);
    assert_true(has_id(ID)); /* somebody has given it one */
    options.request_id = STR("");
    assert_int_equal(make(text), 0);
    assert_true(has_id(lower));
    assert_int_equal(make("GET / HTTP/1.1\r\nHost: a\r\nx-amzn-RequestId: 7\r\n\r\n"), 0);
    assert_true(id_is_uuid((struct str){request.request_id, ID_LENGTH}));
    from.is_trusted = false;
    assert_int_equal(make(text), 0);
    assert_false(has_id(lower));
    assert_true(id_is_uuid((struct str){request.request_id, ID_LENGTH}));
}

/* The same of a request that is sent and of one that is refused. */
static void expect_trace(const char *value, bool is_right)
{
    char text[200];

    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: %s\r\n\r\n", value);
    assert_int_equal(make(text), 0);
    if (request.has_trace_id != is_right)
        fail_msg("%s", value);
    /* It goes on in any case. */
    assert_non_null(memmem(made().p, made().n, value, strlen(value)));
    if (is_right)
        assert_memory_equal(request.trace_id, value + 3, REQUEST_TRACE_ID);
    request.has_trace_id = false;
    request_find_trace(&request, &head);
    assert_int_equal(request.has_trace_id, is_right);
}

static void a_trace_is_known_by_a_right_traceparent(void **state)
{
    static const char right[] = "09af", wrong[] = "/:`gA.";
    char text[] = TRACE;

    (void)state;
    for (int i = 0; text[i]; i++) {
        char before = text[i];
        for (const char *p = right; *p; p++) {
            text[i] = *p;
            expect_trace(text, before != '-');
        }
        for (const char *p = wrong; *p; p++) {
            text[i] = *p;
            expect_trace(text, false);
        }
        text[i] = before;
    }
    expect_trace(TRACE "-", false);
    expect_trace("01"
                 "-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                 true);
    expect_trace("ff"
                 "-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                 false);
    expect_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false);
    expect_trace("00-00000000000000000000000000000000-b7ad6b7169203331-01", false);
    expect_trace("00-10000000000000000000000000000000-b7ad6b7169203331-01", true);
    expect_trace("00-00000000000000000000000000000001-b7ad6b7169203331-01", true);
    expect_trace("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false);
    expect_trace("00-0af7651916cd43dd8448eb211c80319c-1000000000000000-01", true);
    expect_trace("00-0af7651916cd43dd8448eb211c80319c-0000000000000001-01", true);
    make("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    request_find_trace(&request, &head);
    assert_false(request.has_trace_id);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

enum { LONG = 3000 };

static char long_text[LONG + 1];

static void expect_room(const char *text)
{
    assert_int_equal(make(text), 0);
    assert_true(request.head_at + request.head_len + options.body_room <= request.room);
    assert_memory_equal(made().p + made().n - 4, "\r\n\r\n", 4);
}

/* Each part in turn is what needs the room. */
static void there_is_room_for_every_part(void **state)
{
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct str much = {long_text, LONG};
    char text[3 * LONG];

    (void)state;
    memset(long_text, 'a', LONG);
    expect_room(get);
    assert_int_equal(request.room, WORKER_BLOCK);
    endpoint.base_path = much;
    expect_room(get);
    assert_true(request.room > WORKER_BLOCK);
    endpoint.base_path = STR("/");
    origin.authority = long_text;
    origin.authority_len = LONG;
    expect_room(get);
    version.host = long_text;
    origin.authority_len = 3;
    expect_room(get);
    version.host = NULL;
    from.address = much;
    expect_room(get);
    from.address = STR("192.0.2.1");
    options.prefix = much;
    expect_room(get);
    options.prefix = STR("");
    options.body_room = LONG;
    expect_room(get);
    options.body_room = 0;
    snprintf(text, sizeof(text), "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", long_text);
    expect_room(text);
    snprintf(text, sizeof(text), "GET /?%s HTTP/1.1\r\nHost: a\r\n\r\n", long_text);
    expect_room(text);
    version.preserve_host = true;
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %.200s\r\nA: %s\r\n\r\n", long_text,
             long_text);
    expect_room(text);
    options.is_upgrade = true;
    snprintf(text, sizeof(text),
             "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: %s\r\n\r\n", long_text);
    expect_room(text);
    options.is_invoke = true;
    options.function = much;
    expect_room(get);
    options.qualifier = much;
    expect_room(get);
    options.function = STR("f");
    expect_room(get);
    options.is_invoke = false;
    settings.forwarded.client_certificate_header = settings.forwarded.via = long_text;
    from.certificate_subject = much;
    take_settings();
    expect_room(get);
}

static void what_has_no_room_fails_and_holds_nothing(void **state)
{
    (void)state;
    options.body_room = UINT32_MAX / 2;
    assert_int_equal(make("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), -ENOMEM);
    assert_null(request.block);
}

/* Strings for the log are where the block is now. */
static void expect_strings(const char *user_agent)
{
    const struct str strings[] = {request.method, request.target, request.host, request.upgrade};

    for (int i = 0; i < 4; i++)
        assert_true(strings[i].p >= request.block && strings[i].p < request.block + request.room);
    expect_str(request.method, "GET");
    expect_str(request.target, "/x?y");
    expect_str(request.host, "a");
    expect_str(request.upgrade, "websocket");
    if (!user_agent) {
        assert_null(request.user_agent.p);
        return;
    }
    assert_true(request.user_agent.p > request.block &&
                request.user_agent.p < request.block + request.room);
    expect_str(request.user_agent, user_agent);
}

static void make_with_body(const char *fields)
{
    char text[200];

    options.is_upgrade = true;
    options.body_room = 5;
    snprintf(text, sizeof(text), "GET /x?y HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n%s\r\n",
             fields);
    assert_int_equal(make(text), 0);
    memcpy(request.block + request.head_at + request.head_len, "hello", 5);
    request.body_len = 5;
}

static void expect_sent(const char *target, const char *host, const char *fields)
{
    char wanted[1000];

    (void)made();
    snprintf(wanted, sizeof(wanted),
             "GET %s HTTP/1.1\r\nHost: %s\r\n%s" OURS
             "Connection: upgrade\r\nUpgrade: websocket\r\n\r\nhello",
             target, host, fields);
    expect_str((struct str){request.block + request.head_at, request.head_len + request.body_len},
               wanted);
}

static void a_retry_elsewhere_has_another_path_and_host(void **state)
{
    static const char *const agents[] = {"User-Agent: me\r\n", ""};
    struct origin other_origin = {.authority = (char *)"other.example:1234", .authority_len = 18};
    struct endpoint other = {
        .origin = &other_origin, .base_path = STR("/somewhere/else/"), .version = &version};

    (void)state;
    for (int i = 0; i < 2; i++) {
        make_with_body(agents[i]);
        assert_int_equal(request_retarget(&request, &worker, &other), 0);
        expect_sent("/somewhere/else/x?y", "other.example:1234", agents[i]);
        expect_strings(i == 0 ? "me" : NULL);
        assert_int_equal(request_retarget(&request, &worker, &endpoint), 0); /* and back */
        expect_sent("/base/x?y", "lab", agents[i]);
        expect_strings(i == 0 ? "me" : NULL);
    }
}

static void there_is_room_for_a_longer_path_and_host(void **state)
{
    struct origin other_origin = {.authority = long_text, .authority_len = LONG};
    struct endpoint other = {
        .origin = &other_origin, .base_path = {long_text, LONG}, .version = &version};

    (void)state;
    memset(long_text, 'a', LONG);
    for (int i = 0; i < 3; i++) {
        make_with_body("");
        other.base_path = i == 1 ? STR("/") : (struct str){long_text, LONG};
        other_origin.authority_len = i == 2 ? 3 : LONG;
        assert_int_equal(request_retarget(&request, &worker, &other), 0);
        (void)made();
        expect_strings(NULL);
    }
}

static void small_blocks_are_kept_for_the_next(void **state)
{
    const int kept = FREELIST_KEPT_MAX > 0; /* none under AddressSanitizer */

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(make("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
        assert_int_equal(worker.blocks.nr, 0);
        request_fini(&request, &worker);
        assert_int_equal(worker.blocks.nr, kept);
    }
    options.body_room = LONG;
    assert_int_equal(make("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    request_fini(&request, &worker);
    assert_int_equal(worker.blocks.nr, kept); /* that one is of another size */
}

static void a_block_grows_with_all_that_is_in_it(void **state)
{
    static const char *const agents[] = {"User-Agent: me\r\n", ""};

    (void)state;
    for (int i = 0; i < 2; i++) {
        make_with_body(agents[i]);
        assert_int_equal(request_grow(&request, &worker, 1), 0);
        assert_int_equal(request.room, 2 * WORKER_BLOCK); /* twice as much at least */
        expect_sent("/base/x?y", "lab", agents[i]);
        expect_strings(i == 0 ? "me" : NULL);
        assert_int_equal(request_grow(&request, &worker, 5 * WORKER_BLOCK), 0);
        assert_int_equal(request.room, 5 * WORKER_BLOCK);
        expect_sent("/base/x?y", "lab", agents[i]);
        expect_strings(i == 0 ? "me" : NULL);
    }
}

static void what_cannot_grow_is_as_it_was(void **state)
{
    uint32_t room;

    (void)state;
    make_with_body("");
    room = request.room;
    assert_int_equal(request_grow(&request, &worker, UINT32_MAX), -ENOMEM);
    assert_int_equal(request.room, room);
    expect_sent("/base/x?y", "lab", "");
    request.room = UINT32_MAX / 2; /* as if it were that large */
    assert_int_equal(request_retarget(&request, &worker, &endpoint), -ENOMEM);
    assert_int_equal(request.room, UINT32_MAX / 2);
    request.room = room;
    expect_sent("/base/x?y", "lab", "");
    expect_strings(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_clients_fields_stand_first_and_ours_behind_them),
        TEST(the_path_follows_the_endpoints_own),
        TEST(host_is_the_origins_or_the_versions_or_the_clients),
        TEST(only_a_trusted_client_says_who_was_before_it),
        TEST(fields_of_the_request_before_are_not_seen),
        TEST(prefixes_that_were_taken_off_follow_each_other),
        TEST(a_body_is_framed_as_it_came),
        TEST(an_upgrade_and_the_versions_fields_are_added),
        TEST(an_invocation_says_by_which_arn),
        TEST(a_certificates_subject_is_told_where_it_is_asked_for),
        TEST(max_forwards_counts_down_where_it_counts),
        TEST(a_trusted_client_may_number_its_request),
        TEST(a_trace_is_known_by_a_right_traceparent),
        TEST(there_is_room_for_every_part),
        TEST(what_has_no_room_fails_and_holds_nothing),
        TEST(a_retry_elsewhere_has_another_path_and_host),
        TEST(there_is_room_for_a_longer_path_and_host),
        TEST(small_blocks_are_kept_for_the_next),
        TEST(a_block_grows_with_all_that_is_in_it),
        TEST(what_cannot_grow_is_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
