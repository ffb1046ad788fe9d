/* Exchanges, between a front that notes what it is told and an endpoint in the test's hand. */
#include "proxy/exchange/exchange.h"

#include "table_world.h"
#include "worker_lab.h"

/* The client's side. */
struct front {
    char events[512], body[8192], id[8];
    size_t body_len;
    int status, answer; /* what body and flush answer */
};

static struct lab lab;
static struct world *world;
static struct tuning *tuning;
static struct exchange ex;
static struct front front;
static struct http1 parser;
static struct head head;
static int peer;

static void note(const char *event)
{
    size_t at = strlen(front.events);
    int n = snprintf(front.events + at, sizeof(front.events) - at, at > 0 ? " %s" : "%s", event);

    assert_true(n > 0 && (size_t)n < sizeof(front.events) - at);
}

static int on_interim(struct exchange *e, const struct head *h)
{
    (void)e;
    (void)h;
    note("interim");
    return 0;
}

static int on_head(struct exchange *e, const struct head *h, enum body_kind body)
{
    (void)e;
    (void)body;
    front.status = h->status;
    note("head");
    return 0;
}

static int on_body(struct exchange *e, struct str span)
{
    (void)e;
    assert_true(front.body_len + span.n <= sizeof(front.body));
    memcpy(front.body + front.body_len, span.p, span.n);
    front.body_len += span.n;
    return front.answer;
}

static int on_flush(struct exchange *e)
{
    (void)e;
    return front.answer;
}

static void on_end(struct exchange *e, struct str trailers)
{
    (void)e;
    (void)trailers;
    note("end");
}

static void on_error(struct exchange *e, int status, const char *type, const char *message)
{
    (void)e;
    (void)type;
    (void)message;
    front.status = status;
    note("error");
}

static bool on_retract(struct exchange *e)
{
    (void)e;
    return false;
}

static void on_cut(struct exchange *e)
{
    (void)e;
    note("cut");
}

static void on_pause(struct exchange *e)
{
    (void)e;
    note("pause");
}

static void on_resume(struct exchange *e)
{
    (void)e;
    note("resume");
}

static void on_tunnel(struct exchange *e)
{
    (void)e;
    note("tunnel");
}

static void on_over(struct exchange *e)
{
    assert_int_equal(e->state, EXCHANGE_OVER);
    assert_null(e->upstream);
    assert_null(e->lease);
    note("over");
}

static const struct exchange_front noting = {
    .interim = on_interim,
    .head = on_head,
    .body = on_body,
    .flush = on_flush,
    .end = on_end,
    .error = on_error,
    .retract = on_retract,
    .cut = on_cut,
    .pause = on_pause,
    .resume = on_resume,
    .tunnel = on_tunnel,
    .over = on_over,
};

static struct table *make_table(uint32_t max_connections)
{
    struct builder *b = builder_make(world->registry);
    const struct version_spec version = {
        .name = STR("1"), .allow_upgrade = true, .max_connections = max_connections};
    struct endpoint_spec endpoint = {.host = STR("127.0.0.1"),
                                     .port = lab.origin.port,
                                     .base_path = STR("/"),
                                     .url = STR("http://127.0.0.1/")};

    assert_non_null(b);
    assert_int_equal(builder_function(b, FUNCTION(STR("f"), 3)), 0);
    assert_int_equal(builder_version(b, &version), 0);
    assert_int_equal(builder_endpoint(b, &endpoint), 0);
    assert_int_equal(builder_route(b, &(struct route_spec){.path = STR("/"),
                                                           .function = STR("f"),
                                                           .qualifier = STR("1"),
                                                           .said_qualifier = STR("1")}),
                     0);
    struct table *table = builder_freeze(&b, NULL);
    assert_non_null(table);
    return table;
}

static struct worker *worker(void)
{
    return &lab.workers[0];
}

static int set_up(void **state)
{
    struct table *table;

    (void)state;
    lab_init(&lab);
    world = world_make();
    memset(&front, 0, sizeof(front));
    peer = -1;
    lab.settings.refs = 1000;
    lab.settings.executed_version_header = (char *)"x-amz-executed-version";
    lab.settings.forwarded.via = (char *)"weir";
    lab.settings.limits.request_line_bytes = 1000;
    lab.settings.limits.header_bytes = 10000;
    lab.settings.limits.header_count = 50;
    lab.settings.upstream.read_bytes = 4096;
    lab.settings.upstream.retries = 1;
    lab.settings.upstream.retry_budget_percent = 100;
    lab.settings.timeouts.connect_ms = lab.settings.timeouts.response_head_ms =
        lab.settings.timeouts.stream_idle_ms = 60000;
    tuning = tuning_make_take(&lab.settings);
    worker()->tuning = tuning;
    worker()->retry_budget.tokens = 1000000;
    table = make_table(1);
    atomic_store(&lab.shared.generation, table->generation);
    worker()->lease = lease_make_take(table);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (ex.state != EXCHANGE_OVER)
        exchange_abort(&ex, METRICS_ERROR_CLIENT_ABORT);
    if (peer >= 0)
        close(peer);
    http1_fini(&parser);
    assert_int_equal(worker()->lease->nr_users, 1);
    lease_unref(&worker()->lease);
    freelist_fini(&worker()->blocks);
    worker()->tuning = &lab.tuning;
    tuning_unref(&tuning);
    lab_fini(&lab);
    world_end(world);
    return 0;
}

/* Begins an exchange with a request's head. */
static int start(struct exchange *e, const char *text)
{
    const struct request_caller from = {.address = STR("192.0.2.1")};

    http1_fini(&parser);
    http1_init_request(&parser, &head, &tuning->request_limits);
    assert_int_equal(http1_head_feed(&parser, text, strlen(text)), HTTP1_HEAD);
    memset(e, 0, sizeof(*e));
    e->worker = worker();
    e->front = &noting;
    e->tuning = tuning;
    return exchange_start(e, &head, &from);
}

static void get(void)
{
    assert_int_equal(start(&ex, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    exchange_flush(&ex);
}

/* Turns until the endpoint has the connection and the mark. */
static void expect_request(const char *mark)
{
    char got[16384];
    size_t n = 0;

    if (peer < 0) {
        LAB_UNTIL(&lab, ex.state != EXCHANGE_WAITING);
        peer = lab_accept(&lab);
    }
    for (int i = 0; i < LAB_TURNS_MAX; i++) {
        ssize_t more = recv(peer, got + n, sizeof(got) - 1 - n, MSG_DONTWAIT);
        if (more > 0)
            n += (size_t)more;
        got[n] = 0;
        if (strstr(got, mark))
            return;
        lab_turn_all(&lab);
    }
    fail_msg("the endpoint got: %s", got);
}

static void say(const char *text)
{
    assert_int_equal(write(peer, text, strlen(text)), (ssize_t)strlen(text));
}

static void expect_events(const char *events)
{
    for (int i = 0; i < LAB_TURNS_MAX && strlen(front.events) < strlen(events); i++)
        lab_turn_all(&lab);
    assert_string_equal(front.events, events);
}

static struct pool *pool(void)
{
    return worker()->pools[ex.pool->origin->id];
}

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
