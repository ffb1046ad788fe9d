/* Requests as clients send them: whole, in pieces, too large, too late, wrong, and several in one read. */
#include "proxy/client/intake.h"

#include "client_lab.h"

#define GET  "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static uint64_t rejections(enum metrics_rejection why)
{
    return metrics_read(&worker()->metrics->rejections[why]);
}

/* The settings that hold from now on; the connection has them already. */
static struct settings *settings(void)
{
    return tuning->settings;
}

/* The client gets an answer that begins so, and hears in it that it is the last. */
static void expect_close(const char *text)
{
    expect_begin(text);
    LAB_UNTIL(&lab,
              (nr_got = (size_t)recv(ours, got, sizeof(got) - 1, MSG_DONTWAIT)) < sizeof(got));
    got[nr_got] = '\0';
    nr_got = 0;
    assert_non_null(strstr(got, "\r\nConnection: close\r\n"));
}

/* ---- Heads ----------------------------------------------------------------------------------- */

static void a_head_that_is_refused_is_told_why(void **state)
{
    static char line[1200], fields[12000];
    const struct {
        const char *text, *answer;
        enum metrics_rejection why;
    } cases[] = {
        {"GET / HTTP/1.1 \r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", METRICS_REJECTION_BAD_REQUEST},
        {"GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 505 HTTP", METRICS_REJECTION_VERSION},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 501 Not",
         METRICS_REJECTION_NOT_IMPLEMENTED},
        {line, "HTTP/1.1 414 URI", METRICS_REJECTION_URI_TOO_LONG},
        {fields, "HTTP/1.1 431 Request", METRICS_REJECTION_HEAD_TOO_LARGE},
        {"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n",
         METRICS_REJECTION_BAD_REQUEST},
    };

    memset(line, 'a', sizeof(line) - 1);
    memcpy(line, "GET /", 5);
    memset(fields, 'a', sizeof(fields) - 1);
    memcpy(fields, "GET / HTTP/1.1\r\nA: ", 19);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (i > 0)
            set_up(state);
        uint64_t before = rejections(cases[i].why);
        say(ours, cases[i].text);
        wait_for(CLIENT_LINGER);
        expect_close(cases[i].answer);
        assert_int_equal(rejections(cases[i].why), before + 1);
        assert_int_equal(c->output, CLIENT_OUTPUT_LAST);
        if (i + 1 < sizeof(cases) / sizeof(cases[0]))
            tear_down(state);
    }
}

static void an_answer_to_head_has_no_body(void **state)
{
    static const struct {
        const char *text;
        bool is_head;
    } cases[] = {
        {"HEAD / HTTP/1.1 \r\n\r\n", true},     {"\r\nHEAD / HTTP/1.1 \r\n\r\n", true},
        {"GET / HTTP/1.1 \r\n\r\n", false},     {"HEADS / HTTP/1.1 \r\n\r\n", false},
        {"HEAD http:/ HTTP/1.1\r\n\r\n", true}, {"HEAD \r\n\r\n", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (i > 0)
            set_up(state);
        say(ours, cases[i].text);
        wait_for(CLIENT_LINGER);
        LAB_UNTIL(&lab,
                  (nr_got = (size_t)recv(ours, got, sizeof(got) - 1, MSG_DONTWAIT)) < sizeof(got));
        got[nr_got] = '\0';
        assert_int_equal(strcmp(strstr(got, "\r\n\r\n"), "\r\n\r\n") == 0, cases[i].is_head);
        if (i + 1 < sizeof(cases) / sizeof(cases[0]))
            tear_down(state);
    }
}

static void a_head_that_comes_too_late_is_refused(void **state)
{
    (void)state;
    say(ours, "HEAD ");
    wait_for(CLIENT_HEAD);
    expire_now();
    expect_begin("HTTP/1.1 408 Request Timeout\r\n");
    assert_true(c->is_head_request);
    assert_int_equal(rejections(METRICS_REJECTION_HEAD_TIMEOUT), 1);
    assert_int_equal(c->state, CLIENT_LINGER);
}

static void a_scheme_that_is_the_listeners_is_none_to_complain_of(void **state)
{
    (void)state;
    say(ours, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    take_request("\r\n\r\n");
    assert_int_equal(c->state, CLIENT_EXCHANGE);
}

/* What each lets the connection do after the answer. */
static void a_connection_goes_on_or_ends(void **state)
{
    static const struct {
        const char *request;
        uint32_t requests_max;
        bool is_draining, is_last;
    } cases[] = {
        {GET, 0, false, false},
        {GET, 2, false, false},
        {GET, 1, false, true},
        {GET, 0, true, true},
        {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", 0, false, true},
        {"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 0, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0, false, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (i > 0)
            set_up(state);
        settings()->limits.keepalive_requests = cases[i].requests_max;
        worker()->is_draining = cases[i].is_draining;
        say(ours, cases[i].request);
        take_request("\r\n\r\n");
        assert_int_equal(c->output, cases[i].is_last ? CLIENT_OUTPUT_LAST : CLIENT_OUTPUT_OPEN);
        settings()->limits.keepalive_requests = 0;
        if (i + 1 < sizeof(cases) / sizeof(cases[0]))
            tear_down(state);
    }
}

static void new_settings_hold_for_the_next_request(void **state)
{
    struct tuning *before = tuning, *newer = tuning_make_take(&lab.settings);

    (void)state;
    assert_ptr_equal(c->tuning, before);
    worker()->tuning = newer;
    say(ours, GET);
    take_request("\r\n\r\n");
    assert_ptr_equal(c->tuning, newer);
    assert_ptr_equal(c->exchange->tuning, newer);
    assert_int_equal(before->nr_users, 1);
    tuning_unref(&before);
    tuning = newer; /* which the lab gives back */
}

/* ---- Redirects ------------------------------------------------------------------------------- */

static void a_redirecting_listener_sends_people_to_https(void **state)
{
    static char path[2000], text[2200];

    (void)state;
    listener.is_redirect = true;
    listener.redirect_port = 443;
    say(ours, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_begin("HTTP/1.1 308 Permanent Redirect\r\n");
    LAB_UNTIL(&lab,
              (nr_got = (size_t)recv(ours, got, sizeof(got) - 1, MSG_DONTWAIT)) < sizeof(got));
    got[nr_got] = '\0';
    assert_non_null(strstr(got, "\r\nLocation: https://a/x\r\n"));
    assert_null(strstr(got, "Connection: close"));
    assert_int_equal(rejections(METRICS_REJECTION_REDIRECTED), 1);
    assert_int_equal(c->state, CLIENT_IDLE);
    /* A body that it does not wait for. */
    say(ours, POST "Content-Length: 5\r\n\r\n");
    expect_close("HTTP/1.1 308 Permanent Redirect\r\n");
    wait_for(CLIENT_LINGER);
    tear_down(state);
    set_up(state);
    listener.is_redirect = true;
    say(ours, "GET /x HTTP/1.0\r\n\r\n");
    expect_begin("HTTP/1.1 400 Bad Request\r\n");
    tear_down(state);
    set_up(state);
    listener.is_redirect = true;
    tuning->request_limits.line_bytes = 10000;
    memset(path, 'a', sizeof(path) - 1);
    snprintf(text, sizeof(text), "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    say(ours, text);
    expect_begin("HTTP/1.1 414 URI Too Long\r\n");
}

/* ---- Bodies ---------------------------------------------------------------------------------- */

static void a_body_in_pieces_arrives_whole_with_its_trailers(void **state)
{
    (void)state;
    say(ours, POST "Transfer-Encoding: chunked\r\n\r\n2\r\nhe");
    take_request("2\r\nhe\r\n");
    assert_true(wheel_is_set(&c->deadline.node)); /* for the rest */
    assert_false(c->is_body_read);
    say(ours, "\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n");
    take_request("3\r\nllo\r\n0\r\nA: b\r\n\r\n");
    assert_true(c->is_body_read);
    assert_false(wheel_is_set(&c->deadline.node));
    assert_int_equal(c->body_bytes, 5);
    say(peer, OK);
    expect(OK, false);
    wait_for(CLIENT_IDLE);
    say(ours, POST "Content-Length: 5\r\n\r\nhello"); /* from the beginning */
    take_request("\r\n\r\nhello");
    assert_int_equal(c->body_bytes, 5);
    assert_int_equal(c->nr_requests, 2);
}

static void a_body_may_be_as_large_as_the_limit(void **state)
{
    (void)state;
    settings()->limits.body_bytes = 10;
    say(ours, POST "Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n");
    take_request("hello \r\n");
    say(ours, "4\r\nworl\r\n");
    take_request("worl\r\n");
    assert_int_equal(c->output, CLIENT_OUTPUT_OPEN);
    say(ours, "1\r\nd\r\n");
    expect_close("HTTP/1.1 413 Content Too Large\r\n");
    wait_for(CLIENT_LINGER);
    assert_null(c->exchange);
    assert_int_equal(c->output, CLIENT_OUTPUT_LAST);
}

static void a_limit_of_one_byte_is_one_and_none_is_none(void **state)
{
    settings()->limits.body_bytes = 1;
    say(ours, POST "Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n");
    take_request("1\r\nh\r\n");
    say(ours, "1\r\ni\r\n");
    expect_close("HTTP/1.1 413 Content Too Large\r\n");
    tear_down(state);
    set_up(state);
    settings()->limits.body_bytes = 0;
    say(ours, POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    take_request("hello\r\n");
    assert_int_equal(c->output, CLIENT_OUTPUT_OPEN);
}

static void a_body_may_be_slow_for_a_while(void **state)
{
    uint64_t now;

    (void)state;
    settings()->limits.body_min_rate = 10;
    settings()->limits.body_min_rate_grace_ms = 100000;
    say(ours, POST "Content-Length: 1000\r\n\r\nhello");
    take_request("hello");
    now = worker()->loop.now_ms;
    c->rate_since_ms = now - 50000; /* within the grace */
    say(ours, "hello");
    take_request("hello");
    settings()->limits.body_min_rate_grace_ms = 1000;
    c->rate_since_ms = now - 50000;
    c->rate_bytes = 100000; /* fast enough before */
    say(ours, "hello");
    take_request("hello");
    c->rate_since_ms = now - 50000;
    c->rate_bytes = 300;
    say(ours, "hello");
    expect_close("HTTP/1.1 408 Request Timeout\r\n");
    wait_for(CLIENT_LINGER);
}

static void a_body_that_stops_is_answered_and_lingers(void **state)
{
    static const char begun[] = POST "Content-Length: 10\r\n\r\nhello";

    say(ours, begun);
    take_request("hello");
    expire_now();
    expect_close("HTTP/1.1 408 Request Timeout\r\n");
    wait_for(CLIENT_LINGER);
    tear_down(state);
    set_up(state);
    say(ours, begun);
    take_request("hello");
    shutdown(ours, SHUT_WR);
    expect_begin("HTTP/1.1 400 Bad Request\r\n");
    tear_down(state);
    set_up(state);
    say(ours, POST "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    take_request("2\r\nhi\r\n");
    say(ours, "zz\r\n");
    expect_begin("HTTP/1.1 400 Bad Request\r\n");
    wait_for(CLIENT_LINGER);
}

/* Its answer has begun: it cannot be told. */
static void a_fault_behind_the_answers_begin_cuts_it(void **state)
{
    (void)state;
    say(ours, POST "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    take_request("2\r\nhi\r\n");
    say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false);
    say(ours, "zz\r\n");
    expect("", true);
    assert_int_equal(clients.nr, 0);
}

/* The exchange is over; its client still sends what nobody wants. */
static void a_fault_in_what_nobody_wants_ends_the_connection(void **state)
{
    (void)state;
    settings()->limits.body_bytes = 7;
    say(ours, POST "Content-Length: 7\r\n\r\nhello");
    take_request("hello");
    say(peer, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    wait_for(CLIENT_DISCARD);
    forget_answers();
    settings()->limits.body_bytes = 6;
    say(ours, "wo");
    wait_for(CLIENT_LINGER);
    assert_int_equal(c->output, CLIENT_OUTPUT_LAST);
}

static void a_client_that_waits_for_100_gets_it_from_the_endpoint(void **state)
{
    (void)state;
    say(ours, POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    take_request("\r\n\r\n");
    assert_true(c->is_expecting);
    say(peer, "HTTP/1.1 100 Continue\r\n\r\n");
    expect("HTTP/1.1 100 Continue\r\n\r\n", false);
    assert_false(c->is_expecting);
    say(ours, "hi");
    take_request("hi");
    say(peer, OK);
    expect(OK, false);
    wait_for(CLIENT_IDLE);
    say(ours, "POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    LAB_UNTIL(&lab, c->nr_requests == 2);
    assert_false(c->is_expecting); /* HTTP/1.0 knows of none */
    tear_down(state);
    set_up(state);
    say(ours, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    take_request("\r\n\r\n");
    assert_false(c->is_expecting); /* nor where there is no body */
}

/* ---- Several in one read --------------------------------------------------------------------- */

static void requests_in_one_read_are_served_one_by_one(void **state)
{
    (void)state;
    say(ours, GET POST "Content-Length: 5\r\n\r\nhello" GET);
    for (uint32_t i = 1; i <= 3; i++) {
        take_request(i == 2 ? "hello" : "\r\n\r\n");
        assert_int_equal(c->nr_requests, i);
        assert_int_equal(leftover_is_empty(&c->leftover), i == 3);
        say(peer, OK);
        expect(OK, false);
    }
    wait_for(CLIENT_IDLE);
}

static void what_stands_behind_a_request_to_upgrade_waits(void **state)
{
    static const char upgrade[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                                  "Upgrade: websocket\r\n\r\n";

    say(ours, upgrade);
    say(ours, "bytes");
    take_request("Upgrade: websocket\r\n\r\n");
    say(peer, "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    take_request("bytes"); /* the tunnel's */
    assert_int_equal(c->state, CLIENT_TUNNEL);
    say(peer, "back");
    expect("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nback",
           false);
    say(ours, "more");
    take_request("more");
    tear_down(state);
    set_up(state);
    say(ours, upgrade);
    say(ours, GET);
    take_request("Upgrade: websocket\r\n\r\n");
    say(peer, OK);
    expect(OK, false);
    take_request("\r\n\r\n"); /* the next request */
    assert_int_equal(c->nr_requests, 2);
}

/* ---- Bytes that are wanted ------------------------------------------------------------------- */

static void bytes_are_wanted_by_state(void **state)
{
    struct client some = {.state = CLIENT_EXCHANGE};

    (void)state;
    assert_true(intake_wants(&some));
    some.is_paused = true;
    assert_false(intake_wants(&some));
    some.state = CLIENT_TUNNEL;
    assert_false(intake_wants(&some));
    some.is_paused = false;
    assert_true(intake_wants(&some));
    some.is_body_read = true;
    assert_true(intake_wants(&some));
    some.state = CLIENT_EXCHANGE;
    assert_false(intake_wants(&some));
    for (int i = 0; i <= CLIENT_CLOSED; i++) {
        some = (struct client){.state = (uint8_t)i};
        assert_int_equal(intake_wants(&some), i != CLIENT_HANDSHAKE && i != CLIENT_FINISHING &&
                                                  i != CLIENT_LEFT && i != CLIENT_CLOSED);
    }
}

static void a_client_that_lingers_may_send_sixteen_mebibytes(void **state)
{
    (void)state;
    say(ours, "GET / HTTP/1.1 \r\n\r\n");
    wait_for(CLIENT_LINGER);
    wheel_clear(&c->deadline.node); /* only what it sends ends it */
    c->discarded = 16 * 1024 * 1024 - 2;
    say(ours, "12");
    LAB_UNTIL(&lab, c->discarded == 16 * 1024 * 1024);
    assert_int_equal(c->state, CLIENT_LINGER);
    say(ours, "3");
    LAB_UNTIL(&lab, clients.nr == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_head_that_is_refused_is_told_why),
        TEST(an_answer_to_head_has_no_body),
        TEST(a_head_that_comes_too_late_is_refused),
        TEST(a_scheme_that_is_the_listeners_is_none_to_complain_of),
        TEST(a_connection_goes_on_or_ends),
        TEST(new_settings_hold_for_the_next_request),
        TEST(a_redirecting_listener_sends_people_to_https),
        TEST(a_body_in_pieces_arrives_whole_with_its_trailers),
        TEST(a_body_may_be_as_large_as_the_limit),
        TEST(a_limit_of_one_byte_is_one_and_none_is_none),
        TEST(a_body_may_be_slow_for_a_while),
        TEST(a_body_that_stops_is_answered_and_lingers),
        TEST(a_fault_behind_the_answers_begin_cuts_it),
        TEST(a_fault_in_what_nobody_wants_ends_the_connection),
        TEST(a_client_that_waits_for_100_gets_it_from_the_endpoint),
        TEST(requests_in_one_read_are_served_one_by_one),
        TEST(what_stands_behind_a_request_to_upgrade_waits),
        TEST(bytes_are_wanted_by_state),
        TEST(a_client_that_lingers_may_send_sixteen_mebibytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
