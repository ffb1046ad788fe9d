/* Courses of invocations that do not go as they should: limits of responses to the byte, limits in flight, clients that leave. */
#include "proxy/exchange/course.h"

#include "exchange_lab.h"

#define INVOKE                                                                                     \
    "POST /2015-03-31/functions/f/invocations?Qualifier=1 HTTP/1.1\r\nHost: a\r\n"                 \
    "Content-Length: 0\r\n\r\n"

static int begin(void **state)
{
    set_up(state);
    lab.settings.limits.invoke_response_bytes = 10;
    return 0;
}

static void invoke(void)
{
    assert_int_equal(start(&ex, INVOKE), 0);
    exchange_flush(&ex);
    expect_request("\r\n\r\n");
}

static void expect_too_large(void)
{
    front.body[front.body_len] = '\0';
    assert_non_null(strstr(front.body, "Function.ResponseSizeTooLarge"));
    assert_non_null(strstr(front.body, "(10 bytes)"));
    assert_int_equal(front.status, 200);
    assert_true(ex.is_function_error);
    assert_int_equal(ex.bytes_out, front.body_len);
    assert_int_equal(pool()->nr_idle, 0); /* what still comes on it is nobody's */
}

static void a_response_that_fits_is_passed_on(void **state)
{
    (void)state;
    invoke();
    say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
    expect_events("head end over");
    assert_memory_equal(front.body, "0123456789", 10);
    assert_int_equal(pool()->nr_idle, 1);
}

static void one_that_is_announced_too_long_is_replaced(void **state)
{
    (void)state;
    invoke();
    say("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789");
    expect_events("head end over");
    expect_too_large();
}

static void chunks_may_add_up_to_the_limit(void **state)
{
    (void)state;
    invoke();
    say("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
        "chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n");
    expect_events("head end over");
    assert_memory_equal(front.body, "0123456789", 10);
}

static void chunks_over_it_are_replaced_where_nothing_has_left(void **state)
{
    (void)state;
    front.may_retract = true;
    invoke();
    say("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
        "chunked\r\n\r\n4\r\n0123\r\n7\r\n456789x\r\n0\r\n\r\n");
    expect_events("head retract head end over");
    expect_too_large();
}

static void chunks_over_it_are_cut_where_something_has(void **state)
{
    (void)state;
    invoke();
    say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n012345678\r\n");
    LAB_UNTIL(&lab, front.body_len == 9);
    say("2\r\nxx\r\n0\r\n\r\n");
    expect_events("head cut over");
    assert_int_equal(front.body_len, 9);
    assert_int_equal(ex.outcome, METRICS_ERROR_BAD_RESPONSE);
}

static void a_routes_response_has_no_such_limit(void **state)
{
    (void)state;
    get();
    expect_request("\r\n\r\n");
    say("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789x");
    expect_events("head end over");
    assert_int_equal(front.body_len, 11);
}

/* The function's limit is three; its one connection is busy, so that two wait. */
static void one_too_many_picks_no_version(void **state)
{
    static struct exchange others[2], last;
    struct gauge *gauge;

    (void)state;
    invoke();
    gauge = ex.in_flight.function;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(&others[i], INVOKE), 0);
        assert_true(pool_is_waiting(&others[i].waiter));
    }
    assert_int_equal(atomic_load(&gauge->value), 3);
    assert_int_equal(start(&last, INVOKE), -1);
    assert_string_equal(front.events, "error over");
    assert_int_equal(front.status, 429);
    assert_string_equal(last.reason, "ConcurrentInvocationLimitExceeded");
    assert_null(last.arm);
    assert_null(last.cell);
    assert_int_equal(atomic_load(&gauge->value), 3);
    front.events[0] = '\0';
    exchange_abort(&others[1], METRICS_ERROR_CLIENT_ABORT);
    assert_int_equal(atomic_load(&gauge->value), 2);
    assert_int_equal(start(&last, INVOKE), 0);
    exchange_abort(&last, METRICS_ERROR_CLIENT_ABORT);
    exchange_abort(&others[0], METRICS_ERROR_CLIENT_ABORT);
    say("HTTP/1.1 204 OK\r\n\r\n");
    expect_events("head end over");
    assert_int_equal(atomic_load(&gauge->value), 0);
}

static void an_invocation_runs_to_its_end_when_its_client_has_left(void **state)
{
    (void)state;
    invoke();
    exchange_on_client_left(&ex);
    say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    expect_events("head end over");
    assert_int_equal(ex.outcome, METRICS_ERROR_CLIENT_ABORT);
    assert_int_equal(pool()->nr_idle, 1);
}

static void what_is_no_http_is_an_error_and_ends_the_connection(void **state)
{
    (void)state;
    invoke();
    say("HTTP/1.1 2000 OK\r\n\r\n");
    expect_events("error over");
    assert_int_equal(front.status, 502);
    assert_int_equal(ex.outcome, METRICS_ERROR_BAD_RESPONSE);
    assert_int_equal(pool()->nr_idle + pool()->nr_busy, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_response_that_fits_is_passed_on),
        TEST(one_that_is_announced_too_long_is_replaced),
        TEST(chunks_may_add_up_to_the_limit),
        TEST(chunks_over_it_are_replaced_where_nothing_has_left),
        TEST(chunks_over_it_are_cut_where_something_has),
        TEST(a_routes_response_has_no_such_limit),
        TEST(one_too_many_picks_no_version),
        TEST(an_invocation_runs_to_its_end_when_its_client_has_left),
        TEST(what_is_no_http_is_an_error_and_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
