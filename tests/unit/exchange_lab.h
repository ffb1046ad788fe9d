/* For tests of exchanges: one between a front that notes what it is told and an endpoint in the test's hand. */
#ifndef WEIR_TESTS_UNIT_EXCHANGE_LAB_H
#define WEIR_TESTS_UNIT_EXCHANGE_LAB_H

#include "proxy/exchange/exchange.h"
#include "table_world.h"
#include "worker_lab.h"

/* The client's side. */
struct front {
    char events[512], body[8192], id[8];
    size_t body_len;
    int status, answer; /* what body and flush answer */
    bool may_retract;
};

static struct lab lab;
static struct world *world;
static struct tuning *tuning;
static struct exchange ex;
static struct front front;
static struct http1 parser;
static struct head head;
static int peer;

static inline void note(const char *event)
{
    size_t at = strlen(front.events);
    int n = snprintf(front.events + at, sizeof(front.events) - at, at > 0 ? " %s" : "%s", event);

    assert_true(n > 0 && (size_t)n < sizeof(front.events) - at);
}

static inline int on_interim(struct exchange *e, const struct head *h)
{
    (void)e;
    (void)h;
    note("interim");
    return 0;
}

static inline int on_head(struct exchange *e, const struct head *h, enum body_kind body)
{
    (void)e;
    (void)body;
    front.status = h->status;
    note("head");
    return 0;
}

static inline int on_body(struct exchange *e, struct str span)
{
    (void)e;
    assert_true(front.body_len + span.n <= sizeof(front.body));
    memcpy(front.body + front.body_len, span.p, span.n);
    front.body_len += span.n;
    return front.answer;
}

static inline int on_flush(struct exchange *e)
{
    (void)e;
    return front.answer;
}

static inline void on_end(struct exchange *e, struct str trailers)
{
    (void)e;
    (void)trailers;
    note("end");
}

static inline void on_error(struct exchange *e, int status, const char *type, const char *message)
{
    (void)e;
    (void)type;
    (void)message;
    front.status = status;
    note("error");
}

static inline bool on_retract(struct exchange *e)
{
    (void)e;
    if (!front.may_retract)
        return false;
    note("retract");
    front.body_len = 0;
    return true;
}

static inline void on_cut(struct exchange *e)
{
    (void)e;
    note("cut");
}

static inline void on_pause(struct exchange *e)
{
    (void)e;
    note("pause");
}

static inline void on_resume(struct exchange *e)
{
    (void)e;
    note("resume");
}

static inline void on_tunnel(struct exchange *e)
{
    (void)e;
    note("tunnel");
}

static inline void on_over(struct exchange *e)
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

static inline struct table *make_table(uint32_t max_connections)
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
    assert_int_equal(builder_version_endpoint(b, &endpoint), 0);
    assert_int_equal(builder_route(b, &(struct route_spec){.path = STR("/"),
                                                           .function = STR("f"),
                                                           .qualifier = STR("1"),
                                                           .said_qualifier = STR("1")}),
                     0);
    struct table *table = builder_freeze(&b, NULL);
    assert_non_null(table);
    return table;
}

static inline struct worker *worker(void)
{
    return &lab.workers[0];
}

static inline int set_up(void **state)
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
    table->serial = table->generation;
    atomic_store(&lab.shared.serial, table->serial);
    worker()->lease = lease_make_take(table);
    return 0;
}

static inline int tear_down(void **state)
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
static inline int start(struct exchange *e, const char *text)
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

static inline void get(void)
{
    assert_int_equal(start(&ex, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    exchange_flush(&ex);
}

/* Turns until the endpoint has the connection and the mark. */
static inline void expect_request(const char *mark)
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

static inline void say(const char *text)
{
    assert_int_equal(write(peer, text, strlen(text)), (ssize_t)strlen(text));
}

static inline void expect_events(const char *events)
{
    for (int i = 0; i < LAB_TURNS_MAX && strlen(front.events) < strlen(events); i++)
        lab_turn_all(&lab);
    assert_string_equal(front.events, events);
}

static inline struct pool *pool(void)
{
    return worker()->pools[ex.pool->origin->id];
}

#endif
