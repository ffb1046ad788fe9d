/* Connections to endpoints: a user notes what it is told, the endpoint's end is in the test's hand. */
#include "worker_lab.h"

static struct lab lab;
static struct lab_user u;
static int peer;

static int set_up(void **state)
{
    (void)state;
    lab_init(&lab);
    lab_begin(&u, &lab, 0, 0, false);
    assert_int_equal(u.result, POOL_CONNECTING);
    assert_int_equal(u.upstream->state, UPSTREAM_CONNECTING);
    LAB_UNTIL(&lab, u.events[0]);
    assert_string_equal(u.events, "connected");
    assert_int_equal(u.upstream->state, UPSTREAM_ACTIVE);
    peer = lab_accept(&lab);
    u.events[0] = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (u.upstream)
        pool_put(u.pool, &u.upstream, false);
    if (peer >= 0)
        close(peer);
    lab_fini(&lab);
    return 0;
}

static void say(const char *text)
{
    size_t n = strlen(text);

    assert_int_equal(write(peer, text, n), (ssize_t)n);
}

static void expect_events(const char *events)
{
    LAB_UNTIL(&lab, strlen(u.events) >= strlen(events));
    assert_string_equal(u.events, events);
}

static void a_request_goes_out_and_its_response_comes_in(void **state)
{
    char got[64];

    (void)state;
    lab_send(&u, "GET / HTTP/1.1\r\n\r\n");
    struct pollfd ready = {.fd = peer, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 10000), 1);
    assert_int_equal(read(peer, got, sizeof(got)), 18);
    say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    expect_events("head end");
    assert_true(u.is_reusable);
    assert_int_equal(u.body_len, 5);
    assert_memory_equal(u.body, "hello", 5);
    assert_int_equal(u.pool->nr_idle, 1);
}

static void a_response_may_come_byte_by_byte(void **state)
{
    static const char text[] = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";

    (void)state;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        assert_int_equal(write(peer, text + i, 1), 1);
        if (i % 3 == 0)
            lab_turn_all(&lab);
    }
    expect_events("interim head end");
    assert_memory_equal(u.body, "abcde", 5);
    assert_true(u.is_reusable);
}

/* What the endpoint says, whether it then closes, what the user hears, and whether the connection may
 * be used again. */
static const struct {
    const char *text;
    bool is_closed;
    const char *events;
    bool is_reusable;
} ENDS[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "head end", true},
    {"HTTP/1.1 204 No\r\n\r\n", false, "head end", true},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false, "head end", false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, "head end", false},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false, "head end",
     true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxSTRAY", false, "head end", false},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, "head end", false},
    {"", true, "failed-silently", false},
    {"HTTP/1.1 2", true, "failed", false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true, "head failed", false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true, "head failed",
     false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false, "head failed", false},
    {"nonsense\r\n\r\n", false, "failed", false},
    {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false, "failed", false},
};

static void every_end_of_a_response_is_told(void **state)
{
    for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++) {
        if (i > 0)
            set_up(state);
        print_message("%s\n", ENDS[i].text);
        say(ENDS[i].text);
        if (ENDS[i].is_closed) {
            close(peer);
            peer = -1;
        }
        expect_events(ENDS[i].events);
        assert_int_equal(u.is_reusable, ENDS[i].is_reusable);
        assert_null(u.upstream);
        assert_int_equal(u.pool->nr_idle, ENDS[i].is_reusable);
        assert_int_equal(u.pool->nr_busy, 0);
        if (i + 1 < sizeof(ENDS) / sizeof(ENDS[0]))
            tear_down(state);
    }
}

/* The read that took the last byte filled the buffer, and the connection passed for one with stray
 * bytes. */
static void a_response_as_long_as_the_read_buffer_leaves_the_connection_good(void **state)
{
    char text[4096 + 1];
    int n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %04d\r\n\r\n", 0);

    (void)state;
    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %04d\r\n\r\n", 4096 - n);
    memset(text + n, 'x', 4096 - (size_t)n);
    text[4096] = 0;
    say(text);
    expect_events("head end");
    assert_int_equal(u.body_len, 4096 - n);
    assert_int_equal(u.pool->nr_idle, 1);
}

static void who_pauses_gets_no_bytes_until_it_goes_on(void **state)
{
    (void)state;
    say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none");
    expect_events("head");
    LAB_UNTIL(&lab, u.body_len == 3);
    upstream_pause(u.upstream);
    say("two");
    for (int i = 0; i < 20; i++)
        lab_turn_all(&lab);
    assert_int_equal(u.body_len, 3);
    upstream_resume(u.upstream);
    expect_events("head end");
    assert_memory_equal(u.body, "onetwo", 6);
}

static void what_the_endpoint_does_not_take_is_sent_later(void **state)
{
    enum { LARGE = 8 << 20 };
    char *large = malloc(LARGE), *got = malloc(LARGE);
    size_t n = 0;

    (void)state;
    for (int i = 0; i < LARGE; i++)
        large[i] = (char)(i % 253);
    outbox_refer(upstream_outbox(u.upstream), large, LARGE);
    assert_int_equal(upstream_flush(u.upstream), 1);
    assert_true(upstream_has_unsent(u.upstream));
    while (n < LARGE) {
        ssize_t more = recv(peer, got + n, LARGE - n, MSG_DONTWAIT);
        if (more > 0)
            n += (size_t)more;
        else
            lab_turn_all(&lab);
    }
    expect_events("drained");
    assert_false(upstream_has_unsent(u.upstream));
    assert_memory_equal(got, large, LARGE);
    free(large);
    free(got);
}

static void an_upgrade_makes_a_tunnel(void **state)
{
    (void)state;
    u.user.is_upgrade = true;
    say("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfirst");
    expect_events("101");
    LAB_UNTIL(&lab, u.body_len == 5);
    assert_int_equal(u.upstream->state, UPSTREAM_TUNNEL);
    say(" more");
    LAB_UNTIL(&lab, u.body_len == 10);
    assert_memory_equal(u.body, "first more", 10);
    close(peer);
    peer = -1;
    expect_events("101 tunnel-end");
    assert_int_equal(u.pool->nr_busy, 0);
}

static void an_answer_that_does_not_begin_in_time_fails(void **state)
{
    (void)state;
    upstream_wait(u.upstream, 3);
    expect_events("failed");
    assert_int_equal(u.error, METRICS_ERROR_RESPONSE_TIMEOUT);
}

static void a_body_that_stands_still_fails(void **state)
{
    (void)state;
    u.user.stream_idle_ms = 3;
    say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    expect_events("head failed");
    assert_int_equal(u.error, METRICS_ERROR_STREAM_TIMEOUT);
}

static void a_refused_connection_is_told_in_a_later_turn(void **state)
{
    struct lab_user refused;

    (void)state;
    close(lab.listener);
    lab_begin(&refused, &lab, 1, 0, false);
    if (refused.result == POOL_CONNECTING) {
        assert_string_equal(refused.events, "");
        LAB_UNTIL(&lab, refused.events[0]);
        assert_string_equal(refused.events, "failed-silently");
    }
    assert_int_equal(refused.error, METRICS_ERROR_CONNECT);
    assert_null(refused.upstream);
    assert_int_equal(refused.pool->nr_busy, 0);
    lab.listener = socket(AF_INET, SOCK_STREAM, 0);
}

/* The pause doubles up to 32 s; a connection that is made ends it. */
static void an_address_that_refuses_is_avoided_longer_and_longer(void **state)
{
    struct pool *pool = pool_of(&lab.workers[1], &lab.origin);
    struct lab_user refused;

    (void)state;
    close(lab.listener);
    for (uint32_t nr = 1; nr <= 8; nr++) {
        lab_begin(&refused, &lab, 1, 0, false);
        LAB_UNTIL(&lab, refused.result == POOL_REFUSED || refused.events[0]);
        assert_int_equal(pool->to.nr_refused, nr);
        int64_t pause_ms = (int64_t)(pool->to.avoid_until_ms - lab.workers[1].loop.now_ms);
        int64_t wanted_ms = (int64_t)1000 << (nr < 6 ? nr - 1 : 5);
        assert_in_range(pause_ms, wanted_ms / 4 * 3, wanted_ms);
    }
    lab.listener = socket(AF_INET, SOCK_STREAM, 0);
}

static void a_connection_that_is_made_ends_the_pause(void **state)
{
    struct lab_user next;

    (void)state;
    u.pool->to.nr_refused = 3;
    u.pool->to.avoid_until_ms = UINT64_MAX;
    lab_begin(&next, &lab, 0, 0, false);
    LAB_UNTIL(&lab, next.events[0]);
    assert_int_equal(u.pool->to.nr_refused, 0);
    assert_int_equal(u.pool->to.avoid_until_ms, 0);
    pool_put(next.pool, &next.upstream, false);
}

/* The endpoint's Keep-Alive, and how long weir then keeps the idle connection; settings say 60 s. */
static const struct {
    const char *field;
    uint32_t idle_ms;
} KEEP_ALIVES[] = {
    {"timeout=5", 4000},   {"timeout=5, max=9", 4000}, {"Timeout=12", 11000}, {"timeout=60", 59000},
    {"timeout=99", 60000}, {"timeout=2", 1000},        {"timeout=1", 1},      {"timeout=0", 1},
    {"timeout=", 60000},   {"max=1000", 60000},        {"timeout:5", 60000},
};

static void an_endpoint_may_say_how_long_it_keeps_the_connection(void **state)
{
    char text[200];

    for (size_t i = 0; i < sizeof(KEEP_ALIVES) / sizeof(KEEP_ALIVES[0]); i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        struct upstream *up = u.upstream;
        snprintf(text, sizeof(text),
                 "HTTP/1.1 200 OK\r\nKeep-Alive: %s\r\nContent-Length: 0\r\n\r\n",
                 KEEP_ALIVES[i].field);
        say(text);
        expect_events("head end");
        assert_int_equal(up->state, UPSTREAM_IDLE);
        uint32_t ticks = up->deadline.node.due - lab.workers[0].loop.wheel.tick;
        assert_in_range(ticks, KEEP_ALIVES[i].idle_ms / WHEEL_TICK_MS,
                        KEEP_ALIVES[i].idle_ms / WHEEL_TICK_MS + 2);
    }
}

static void so_many_interim_responses_pass_and_no_more(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            say("HTTP/1.1 103 Early Hints\r\n\r\n");
        if (round < 2)
            say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        else
            say("HTTP/1.1 103 Early Hints\r\n\r\n");
        LAB_UNTIL(&lab, strstr(u.events, round < 2 ? "head end" : "failed"));
        assert_null(u.upstream);
        assert_int_equal(u.pool->nr_idle, round < 2);
        if (round < 2) { /* the next response on the same connection counts anew */
            u.events[0] = 0;
            lab_ask(&u);
            assert_int_equal(u.result, POOL_READY);
        }
    }
    assert_int_equal(u.error, METRICS_ERROR_BAD_RESPONSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_goes_out_and_its_response_comes_in),
        TEST(a_response_may_come_byte_by_byte),
        TEST(every_end_of_a_response_is_told),
        TEST(a_response_as_long_as_the_read_buffer_leaves_the_connection_good),
        TEST(who_pauses_gets_no_bytes_until_it_goes_on),
        TEST(what_the_endpoint_does_not_take_is_sent_later),
        TEST(an_upgrade_makes_a_tunnel),
        TEST(an_answer_that_does_not_begin_in_time_fails),
        TEST(a_body_that_stands_still_fails),
        TEST(a_refused_connection_is_told_in_a_later_turn),
        TEST(an_address_that_refuses_is_avoided_longer_and_longer),
        TEST(a_connection_that_is_made_ends_the_pause),
        TEST(an_endpoint_may_say_how_long_it_keeps_the_connection),
        TEST(so_many_interim_responses_pass_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
