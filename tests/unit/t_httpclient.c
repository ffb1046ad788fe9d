/* Requests over libcurl, against a server on the same loop that says what the test tells it to. */
#include "store/httpclient.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 60000, SOON_MS = 200 };

static struct {
    uv_loop_t loop;
    uv_tcp_t server, peer;
    bool has_peer;
    int nr_accepted;
    char request[4000]; /* all that came on the last connection */
    size_t nr_request;
    const char *says; /* once the request is whole; NULL: nothing */
    char url[100];
    struct httpclient *client;
    struct httpclient_call *call;
    int nr_told, status;
    bool was_sent;
    char body[2000], reason[400], lines[400];
    const char *body_to_send;
    bool cancels_at_line, posts_again;
} world;

/* ---- The server ------------------------------------------------------------------------------ */

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    free(write);
}

static void say(const char *text)
{
    uv_write_t *write = malloc(sizeof(*write));
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));

    assert_int_equal(uv_write(write, (uv_stream_t *)&world.peer, &buf, 1, on_written), 0);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    (void)handle;
    (void)wanted;
    *buf = uv_buf_init(world.request + world.nr_request,
                       (unsigned)(sizeof(world.request) - 1 - world.nr_request));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    const char *end;

    (void)buf;
    if (n < 0) {
        uv_read_stop(stream);
        return;
    }
    world.nr_request += (size_t)n;
    world.request[world.nr_request] = '\0';
    end = strstr(world.request, "\r\n\r\n");
    if (!end || strlen(end + 4) < strlen(world.body_to_send) || !world.says)
        return;
    say(world.says);
    world.nr_request = 0;
}

static void on_connection(uv_stream_t *server, int status)
{
    assert_int_equal(status, 0);
    world.nr_accepted++;
    if (world.has_peer)
        return; /* waits in the queue */
    uv_tcp_init(&world.loop, &world.peer);
    assert_int_equal(uv_accept(server, (uv_stream_t *)&world.peer), 0);
    world.has_peer = true;
    uv_read_start((uv_stream_t *)&world.peer, on_room, on_read);
}

static int set_up(void **state)
{
    const struct httpclient_options options = {.host = {.loop = &world.loop}};
    struct store_reason reason;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int n = sizeof(at);

    (void)state;
    memset(&world, 0, sizeof(world));
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    uv_loop_init(&world.loop);
    uv_tcp_init(&world.loop, &world.server);
    assert_int_equal(uv_tcp_bind(&world.server, (struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&world.server, 8, on_connection), 0);
    uv_tcp_getsockname(&world.server, (struct sockaddr *)&at, &n);
    snprintf(world.url, sizeof(world.url), "http://127.0.0.1:%d/v3/kv/range", ntohs(at.sin_port));
    world.body_to_send = "{}";
    world.client = httpclient_make(&options, &reason);
    assert_non_null(world.client);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    httpclient_free(&world.client);
    if (!uv_is_closing((uv_handle_t *)&world.server))
        uv_close((uv_handle_t *)&world.server, NULL);
    if (world.has_peer)
        uv_close((uv_handle_t *)&world.peer, NULL);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world.loop), 0);
    return 0;
}

/* ---- The client ------------------------------------------------------------------------------ */

static void post(uint64_t timeout_ms, size_t answer_max,
                 void (*line)(void *context, struct str line));

static void on_told(void *context, const struct httpclient_answer *answer)
{
    assert_ptr_equal(context, &world);
    world.call = NULL;
    world.nr_told++;
    world.status = answer->status;
    world.was_sent = answer->was_sent;
    snprintf(world.body, sizeof(world.body), "%s", answer->body.p ? answer->body.p : "");
    snprintf(world.reason, sizeof(world.reason), "%s", answer->reason ? answer->reason : "");
    if (world.posts_again) {
        world.posts_again = false;
        post(TIMEOUT_MS, 1000, NULL);
    }
}

static void on_line(void *context, struct str line)
{
    size_t n = strlen(world.lines);

    assert_ptr_equal(context, &world);
    snprintf(world.lines + n, sizeof(world.lines) - n, "%.*s|", STR_ARG(line));
    if (world.cancels_at_line)
        httpclient_cancel(&world.call);
}

static void post(uint64_t timeout_ms, size_t answer_max,
                 void (*line)(void *context, struct str line))
{
    const struct httpclient_request request = {.url = world.url,
                                               .body = str_of(world.body_to_send),
                                               .authorization = "abc.17",
                                               .timeout_ms = timeout_ms,
                                               .answer_max = answer_max,
                                               .line = line};
    int before = world.nr_told;

    world.call = httpclient_post(world.client, &request, on_told, &world);
    assert_non_null(world.call);
    assert_int_equal(world.nr_told, before);
}

static void run_until_told(int nr)
{
    while (world.nr_told < nr)
        uv_run(&world.loop, UV_RUN_ONCE);
}

static void run_until_lines(const char *lines)
{
    while (strcmp(world.lines, lines) != 0)
        uv_run(&world.loop, UV_RUN_ONCE);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void an_answer_comes_with_status_and_body(void **state)
{
    (void)state;
    world.says = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nhello";
    post(TIMEOUT_MS, 1000, NULL);
    run_until_told(1);
    assert_int_equal(world.status, 401);
    assert_string_equal(world.body, "hello");
    assert_string_equal(world.reason, "");
    assert_true(world.was_sent);
}

static void the_request_is_a_post_with_a_token_and_no_proxy_sees_it(void **state)
{
    (void)state;
    post(TIMEOUT_MS, 1000, NULL);
    while (!strstr(world.request, "\r\n\r\n{}"))
        uv_run(&world.loop, UV_RUN_ONCE);
    assert_true(strncmp(world.request, "POST /v3/kv/range HTTP/1.1\r\n", 28) == 0);
    assert_non_null(strstr(world.request, "Authorization: abc.17\r\n"));
    assert_non_null(strstr(world.request, "Content-Type: application/json\r\n"));
    assert_null(strstr(world.request, "Expect"));
}

static void a_connection_is_used_again_also_from_within_an_answer(void **state)
{
    (void)state;
    world.says = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    world.posts_again = true;
    post(TIMEOUT_MS, 1000, NULL);
    run_until_told(2);
    assert_int_equal(world.status, 200);
    assert_int_equal(world.nr_accepted, 1);
}

static void where_nobody_listens_nothing_was_sent(void **state)
{
    (void)state;
    uv_close((uv_handle_t *)&world.server, NULL);
    uv_run(&world.loop, UV_RUN_NOWAIT);
    post(TIMEOUT_MS, 1000, NULL);
    run_until_told(1);
    assert_int_equal(world.status, 0);
    assert_false(world.was_sent);
    assert_non_null(strstr(world.reason, "connect"));
}

static void a_server_that_is_silent_may_have_had_the_request(void **state)
{
    (void)state;
    post(SOON_MS, 1000, NULL);
    run_until_told(1);
    assert_int_equal(world.status, 0);
    assert_true(world.was_sent);
    assert_non_null(strstr(world.reason, "timed out"));
}

static void an_answer_that_is_cut_is_none(void **state)
{
    (void)state;
    world.says = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";
    post(SOON_MS, 1000, NULL);
    run_until_told(1);
    assert_int_equal(world.status, 0);
    assert_string_equal(world.body, "");
}

static void an_answer_that_is_too_large_is_none(void **state)
{
    (void)state;
    world.says = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    post(TIMEOUT_MS, 4, NULL);
    run_until_told(1);
    assert_int_equal(world.status, 0);
    assert_string_equal(world.reason, "the answer is too large");
}

static const char STREAM[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "4\r\none\n\r\n5\r\ntwo\nt\r\n";

static void a_stream_tells_each_line_then_its_end(void **state)
{
    (void)state;
    world.says = STREAM;
    post(TIMEOUT_MS, 1000, on_line);
    run_until_lines("one|two|");
    say("5\r\nhree\n\r\n0\r\n\r\n");
    run_until_told(1);
    assert_string_equal(world.lines, "one|two|three|");
    assert_int_equal(world.status, 200);
}

/* That it has run is what counts. */
static void on_waited(uv_timer_t *timer)
{
    uv_timer_stop(timer);
}

static void a_stream_may_be_silent_for_longer_than_a_request(void **state)
{
    uv_timer_t timer;

    (void)state;
    world.says = STREAM;
    post(SOON_MS, 1000, on_line);
    run_until_lines("one|two|");
    uv_timer_init(&world.loop, &timer);
    uv_timer_start(&timer, on_waited, (uint64_t)2 * SOON_MS, 0);
    while (uv_is_active((uv_handle_t *)&timer))
        uv_run(&world.loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    assert_int_equal(world.nr_told, 0);
    say("5\r\nhree\n\r\n");
    run_until_lines("one|two|three|");
}

static void a_stream_may_be_cancelled_at_one_of_its_lines(void **state)
{
    (void)state;
    world.says = STREAM;
    world.cancels_at_line = true;
    post(TIMEOUT_MS, 1000, on_line);
    run_until_lines("one|");
    uv_run(&world.loop, UV_RUN_NOWAIT);
    assert_string_equal(world.lines, "one|");
    assert_int_equal(world.nr_told, 0);
    assert_null(world.call);
}

static void what_is_cancelled_is_not_told(void **state)
{
    (void)state;
    post(TIMEOUT_MS, 1000, NULL);
    while (world.nr_accepted == 0)
        uv_run(&world.loop, UV_RUN_ONCE);
    httpclient_cancel(&world.call);
    assert_null(world.call);
    httpclient_cancel(&world.call);
    post(TIMEOUT_MS, 1000, NULL); /* and this one neither: the client ends before it */
    httpclient_free(&world.client);
    uv_run(&world.loop, UV_RUN_NOWAIT);
    assert_int_equal(world.nr_told, 0);
}

static void files_that_are_not_there_end_the_call(void **state)
{
    const struct httpclient_options options = {.host = {.loop = &world.loop},
                                               .ca_file = "/nowhere/ca.pem"};
    struct store_reason reason;

    (void)state;
    httpclient_free(&world.client);
    world.client = httpclient_make(&options, &reason);
    snprintf(world.url, sizeof(world.url), "https://127.0.0.1:1/");
    post(TIMEOUT_MS, 1000, NULL);
    run_until_told(1);
    assert_int_equal(world.status, 0);
    assert_false(world.was_sent);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_answer_comes_with_status_and_body),
        test(the_request_is_a_post_with_a_token_and_no_proxy_sees_it),
        test(a_connection_is_used_again_also_from_within_an_answer),
        test(where_nobody_listens_nothing_was_sent),
        test(a_server_that_is_silent_may_have_had_the_request),
        test(an_answer_that_is_cut_is_none),
        test(an_answer_that_is_too_large_is_none),
        test(a_stream_tells_each_line_then_its_end),
        test(a_stream_may_be_silent_for_longer_than_a_request),
        test(a_stream_may_be_cancelled_at_one_of_its_lines),
        test(what_is_cancelled_is_not_told),
        test(files_that_are_not_there_end_the_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
