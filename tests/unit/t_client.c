/* Client connections: their states and the framing of responses, between a client and an endpoint in the test's hand. */
#include "client_lab.h"
#include "proxy/exchange/extras.h"

/* ---- Framing --------------------------------------------------------------------------------- */

static const struct {
    const char *request, *response;
    bool closes_endpoint;
    const char *answer;
    bool is_end;
} FRAMINGS[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false,
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n", false,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhi", true,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", false,
     "HTTP/1.1 204 No Content\r\n\r\n", false},
    {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", false,
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", false},
    {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", false,
     "HTTP/1.1 200 OK\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false,
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", true},
    {"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false,
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi", false},
    {"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n", false,
     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi", true},
};

static void a_response_is_framed_as_its_client_can_read_it(void **state)
{
    for (size_t i = 0; i < sizeof(FRAMINGS) / sizeof(FRAMINGS[0]); i++) {
        if (i > 0)
            set_up(state);
        print_message("%s%s\n", FRAMINGS[i].request, FRAMINGS[i].response);
        say(ours, FRAMINGS[i].request);
        take_request("\r\n\r\n");
        assert_int_equal(c->state, CLIENT_EXCHANGE);
        say(peer, FRAMINGS[i].response);
        if (FRAMINGS[i].closes_endpoint) {
            close(peer);
            peer = -1;
        }
        expect(FRAMINGS[i].answer, FRAMINGS[i].is_end);
        assert_int_equal(clients.nr, !FRAMINGS[i].is_end);
        if (!FRAMINGS[i].is_end)
            wait_for(CLIENT_IDLE);
        if (i + 1 < sizeof(FRAMINGS) / sizeof(FRAMINGS[0]))
            tear_down(state);
    }
}

/* ---- Extras ---------------------------------------------------------------------------------- */

static void what_weir_adds_stands_beside_what_it_leaves(void **state)
{
    (void)state;
    say(ours, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    take_request("\r\n\r\n");
    struct extras *extras = extras_of(c->exchange);
    assert_ptr_equal(extras_of(c->exchange), extras);
    extras_take(extras, STR("x-pin"));
    extras_take_cookie(extras, STR("pin"));
    extras_add(extras, STR("x-pin"), STR("ours"));
    extras_add(extras, STR("Set-Cookie"), STR("pin=ours"));
    say(peer, "HTTP/1.1 103 Early Hints\r\nX-Pin: theirs\r\nLink: </a>\r\n\r\n");
    expect("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", false);
    say(peer,
        "HTTP/1.1 200 OK\r\nX-PIN: theirs\r\nSet-Cookie: a=1\r\nset-cookie: pin=theirs; Path=/\r\n"
        "X-Pin-2: stays\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Pin: theirs\r\nA: "
        "b\r\n\r\n");
    expect("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-Pin-2: stays\r\nx-pin: ours\r\nSet-Cookie: "
           "pin=ours\r\n"
           "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n",
           false);
    wait_for(CLIENT_IDLE);
    say(ours, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    take_request("\r\n\r\n");
    say(peer, "HTTP/1.1 200 OK\r\nX-Pin: theirs\r\nContent-Length: 0\r\n\r\n");
    expect("HTTP/1.1 200 OK\r\nX-Pin: theirs\r\nContent-Length: 0\r\n\r\n", false);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void a_head_that_breaks_rules_is_answered_and_lingers(void **state)
{
    (void)state;
    say(ours, "GET / HT");
    wait_for(CLIENT_HEAD);
    say(ours, "TP/1.1 \r\n\r\n");
    wait_for(CLIENT_LINGER);
    LAB_UNTIL(&lab, recv(ours, got, 12, MSG_PEEK | MSG_DONTWAIT) == 12);
    assert_memory_equal(got, "HTTP/1.1 400", 12);
    say(ours, "more");
    LAB_UNTIL(&lab, c->discarded == 4);
    assert_int_equal(c->state, CLIENT_LINGER);
    shutdown(ours, SHUT_WR);
    LAB_UNTIL(&lab, clients.nr == 0);
}

static void an_endpoint_that_fails_first_is_answered_and_the_client_goes_on(void **state)
{
    (void)state;
    say(ours, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    take_request("\r\n\r\n");
    say(peer, "nonsense\r\n\r\n");
    LAB_UNTIL(&lab, recv(ours, got, 12, MSG_PEEK | MSG_DONTWAIT) == 12);
    assert_memory_equal(got, "HTTP/1.1 502", 12);
    wait_for(CLIENT_IDLE);
    assert_null(c->exchange);
}

static void a_head_that_has_not_left_is_taken_back_and_a_cut_one_ends_the_connection(void **state)
{
    (void)state;
    say(ours, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    take_request("\r\n\r\n");
    /* The head and the fault come in one read: nothing of the response has left. */
    say(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    LAB_UNTIL(&lab, recv(ours, got, 12, MSG_DONTWAIT) == 12);
    assert_memory_equal(got, "HTTP/1.1 502", 12);
    wait_for(CLIENT_IDLE);
    while (recv(ours, got, sizeof(got), MSG_DONTWAIT) > 0)
        ;
    close(peer);
    peer = -1;
    say(ours, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    take_request("\r\n\r\n");
    say(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", false);
    say(peer, "zz\r\n");
    expect("", true);
    assert_int_equal(clients.nr, 0);
}

static void the_rest_of_a_small_body_is_read_and_thrown_away(void **state)
{
    (void)state;
    say(ours, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    take_request("hello");
    say(peer, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    wait_for(CLIENT_DISCARD);
    expect("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", false);
    say(ours, "worldGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(CLIENT_EXCHANGE);
    assert_int_equal(c->nr_requests, 2);
}

static void an_answer_that_waits_for_its_client_finishes_later(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    static char piece[1000];
    size_t nr_sent = 0, nr_read = 0;

    (void)state;
    say(ours, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    take_request("\r\n\r\n");
    say(peer, head);
    for (int i = 0; i < LAB_TURNS_MAX && backlog_is_empty(&c->backlog); i++) {
        ssize_t n = send(peer, piece, sizeof(piece), MSG_DONTWAIT);
        nr_sent += n > 0 ? (size_t)n : 0;
        lab_turn_all(&lab);
    }
    assert_false(backlog_is_empty(&c->backlog));
    assert_int_equal(c->state, CLIENT_EXCHANGE);
    for (int i = 0; i < LAB_TURNS_MAX && c->state != CLIENT_IDLE; i++) {
        size_t left = 1000000 - nr_sent;
        ssize_t n = left == 0 ? 0
                              : send(peer, piece, left < sizeof(piece) ? left : sizeof(piece),
                                     MSG_DONTWAIT);
        nr_sent += n > 0 ? (size_t)n : 0;
        n = recv(ours, got, sizeof(got), MSG_DONTWAIT);
        nr_read += n > 0 ? (size_t)n : 0;
        lab_turn_all(&lab);
    }
    assert_int_equal(c->state, CLIENT_IDLE);
    assert_true(nr_read > 0 && backlog_is_empty(&c->backlog));
}

static void who_drains_closes_what_is_idle(void **state)
{
    (void)state;
    worker()->is_draining = true;
    c->idle_since_ms = worker()->loop.now_ms - CONN_DRAIN_GRACE_MS - 1;
    client_drain(c);
    LAB_UNTIL(&lab, clients.nr == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_response_is_framed_as_its_client_can_read_it),
        TEST(what_weir_adds_stands_beside_what_it_leaves),
        TEST(a_head_that_breaks_rules_is_answered_and_lingers),
        TEST(an_endpoint_that_fails_first_is_answered_and_the_client_goes_on),
        TEST(a_head_that_has_not_left_is_taken_back_and_a_cut_one_ends_the_connection),
        TEST(the_rest_of_a_small_body_is_read_and_thrown_away),
        TEST(an_answer_that_waits_for_its_client_finishes_later),
        TEST(who_drains_closes_what_is_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
