/* Exchanges, between a front that notes what it is told and an endpoint in the test's hand. */
#include "proxy/exchange/exchange.h"

#include "exchange_lab.h"

static void a_get_is_answered(void **state)
{
    (void)state;
    get();
    expect_request("\r\n\r\n");
    assert_int_equal(ex.state, EXCHANGE_REQUESTING);
    say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    expect_events("head end over");
    assert_int_equal(front.status, 200);
    assert_memory_equal(front.body, "hello", 5);
    assert_int_equal(pool()->nr_idle, 1);
    assert_string_equal(ex.names.function.p, "f");
}

static void a_body_that_was_kept_goes_out_behind_its_head(void **state)
{
    (void)state;
    assert_int_equal(start(&ex, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
                     0);
    exchange_body(&ex, STR("hello"));
    exchange_body(&ex, STR("world"));
    exchange_end(&ex, STR("x: y\r\n"));
    exchange_flush(&ex);
    expect_request("\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\nx: y\r\n\r\n");
    assert_true(ex.is_request_replayable);
    say("HTTP/1.1 204 OK\r\n\r\n");
    expect_events("head end over");
}

static void a_client_that_sends_too_early_pauses(void **state)
{
    (void)state;
    assert_int_equal(start(&ex, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"), 0);
    exchange_body(&ex, STR("hello"));
    exchange_flush(&ex);
    assert_string_equal(front.events, "pause");
    expect_request("hello");
    assert_string_equal(front.events, "pause resume");
    exchange_body(&ex, STR("world"));
    exchange_end(&ex, STR(""));
    exchange_flush(&ex);
    expect_request("world");
    say("HTTP/1.1 204 OK\r\n\r\n");
    expect_events("pause resume head end over");
}

static void who_ends_while_queued_leaves_the_queue(void **state)
{
    static struct exchange second;

    (void)state;
    get();
    expect_request("\r\n\r\n");
    assert_int_equal(start(&second, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    assert_true(pool_is_waiting(&second.waiter));
    exchange_abort(&second, METRICS_ERROR_CLIENT_ABORT);
    assert_int_equal(second.state, EXCHANGE_OVER);
    assert_int_equal(pool()->nr_waiters, 0);
    say("HTTP/1.1 204 OK\r\n\r\n");
    expect_events("head end over");
    assert_int_equal(pool()->nr_idle, 1);
}

static void who_ends_while_connecting_ends_the_connection(void **state)
{
    (void)state;
    get();
    assert_int_equal(ex.state, EXCHANGE_WAITING);
    assert_int_equal(pool()->nr_busy, 1);
    exchange_abort(&ex, METRICS_ERROR_CLIENT_ABORT);
    assert_int_equal(pool()->nr_busy, 0);
    assert_string_equal(front.events, ""); /* who aborts knows */
}

static void a_kept_connection_that_died_is_replaced_once(void **state)
{
    (void)state;
    get();
    expect_request("\r\n\r\n");
    say("HTTP/1.1 204 OK\r\n\r\n");
    expect_events("head end over");
    front.events[0] = 0;
    get();
    expect_request("GET");
    assert_true(ex.was_reused);
    close(peer);
    peer = -1;
    LAB_UNTIL(&lab, ex.nr_retries == 1);
    expect_request("GET");
    assert_false(ex.was_reused);
    close(peer);
    peer = -1;
    expect_events("error over");
    assert_int_equal(front.status, 502);
    assert_int_equal(ex.nr_retries, 1);
}

static void an_answer_that_breaks_off_is_cut(void **state)
{
    (void)state;
    get();
    expect_request("\r\n\r\n");
    say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    expect_events("head");
    close(peer);
    peer = -1;
    expect_events("head cut over");
    assert_int_equal(ex.outcome, METRICS_ERROR_RESET);
}

static void a_client_that_is_behind_pauses_the_endpoint(void **state)
{
    (void)state;
    get();
    expect_request("\r\n\r\n");
    front.answer = 1;
    say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none");
    LAB_UNTIL(&lab, front.body_len == 3);
    say("two");
    for (int i = 0; i < 20; i++)
        lab_turn_all(&lab);
    assert_int_equal(front.body_len, 3);
    front.answer = 0;
    exchange_on_client_drained(&ex);
    expect_events("head end over");
    assert_memory_equal(front.body, "onetwo", 6);
}

static void an_open_tunnel_lets_its_table_go_and_keeps_its_names(void **state)
{
    (void)state;
    assert_int_equal(
        start(&ex,
              "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
        0);
    exchange_flush(&ex);
    expect_request("\r\n\r\n");
    assert_int_equal(worker()->lease->nr_users, 2);
    struct gauge *gauge = ex.in_flight.function;
    assert_int_equal(atomic_load(&gauge->value), 1);
    say("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    expect_events("head tunnel");
    assert_int_equal(worker()->lease->nr_users, 1);
    assert_null(ex.target);
    assert_int_equal(ex.names.function.n, 1);
    assert_memory_equal(ex.names.function.p, "f", 1);
    assert_memory_equal(ex.names.endpoint.p, "http://127.0.0.1/", 17);
    exchange_tunnel_bytes(&ex, STR("ping"));
    expect_request("ping");
    close(peer);
    peer = -1;
    expect_events("head tunnel end over");
    assert_int_equal(atomic_load(&gauge->value), 0);
}

static void a_body_may_be_as_long_as_its_limit(void **state)
{
    (void)state;
    lab.settings.limits.body_bytes = 10;
    assert_int_equal(start(&ex, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"), -1);
    assert_int_equal(front.status, 413);
    assert_int_equal(ex.state, EXCHANGE_OVER);
    assert_int_equal(start(&ex, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"), 0);
    exchange_body(&ex, STR("helloworld"));
    exchange_end(&ex, STR(""));
    exchange_flush(&ex);
    expect_request("helloworld");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_get_is_answered),
        TEST(a_body_that_was_kept_goes_out_behind_its_head),
        TEST(a_client_that_sends_too_early_pauses),
        TEST(who_ends_while_queued_leaves_the_queue),
        TEST(who_ends_while_connecting_ends_the_connection),
        TEST(a_kept_connection_that_died_is_replaced_once),
        TEST(an_answer_that_breaks_off_is_cut),
        TEST(a_client_that_is_behind_pauses_the_endpoint),
        TEST(an_open_tunnel_lets_its_table_go_and_keeps_its_names),
        TEST(a_body_may_be_as_long_as_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
