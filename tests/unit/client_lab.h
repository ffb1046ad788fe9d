/* For tests of client connections: one between a client and an endpoint, both in the test's hand. */
#ifndef WEIR_TESTS_UNIT_CLIENT_LAB_H
#define WEIR_TESTS_UNIT_CLIENT_LAB_H

#include "proxy/client/client.h"

#include "table_world.h"
#include "worker_lab.h"

static struct lab lab;
static struct world *world;
static struct tuning *tuning;
static struct clients clients;
static struct listener listener;
static struct listeners listeners;
static struct client *c;
static int ours, peer; /* the client's end, the endpoint's end */
static char got[16384];
static size_t nr_got;

static inline struct worker *worker(void)
{
    return &lab.workers[0];
}

static inline struct table *make_table(void)
{
    struct builder *b = builder_make(world->registry);
    const struct version_spec version = {.name = STR("1"), .allow_upgrade = true};
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

static inline void set_limits(struct settings *s)
{
    s->refs = 1000;
    s->executed_version_header = (char *)"x-amz-executed-version";
    s->forwarded.via = (char *)"weir";
    s->limits.request_line_bytes = 1000;
    s->limits.header_bytes = 10000;
    s->limits.header_count = 50;
    s->limits.body_bytes = 100000;
    s->upstream.read_bytes = 4096;
    s->timeouts.connect_ms = s->timeouts.response_head_ms = s->timeouts.stream_idle_ms = 60000;
    s->timeouts.client_idle_ms = s->timeouts.request_head_ms = 60000;
}

static inline void connect_client(void)
{
    struct sockaddr_storage from = {.ss_family = AF_INET};
    int ends[2];

    nr_got = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    ours = ends[0];
    assert_int_equal(client_open(&listener, ends[1], &from), 0);
    c = LIST_FIRST(&clients.list);
    assert_int_equal(c->state, CLIENT_IDLE);
}

static inline int set_up(void **state)
{
    (void)state;
    lab_init(&lab);
    world = world_make();
    peer = -1;
    set_limits(&lab.settings);
    tuning = tuning_make_take(&lab.settings);
    worker()->tuning = tuning;
    struct table *table = make_table();
    table->serial = table->generation;
    atomic_store(&lab.shared.serial, table->serial);
    worker()->lease = lease_make_take(table);
    memset(&clients, 0, sizeof(clients));
    memset(&listener, 0, sizeof(listener));
    listeners = (struct listeners){
        .worker = worker(), .clients = &clients, .list = &listener, .nr = 1, .spare_fd = -1};
    listener.all = &listeners;
    connect_client();
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    if (clients.nr > 0)
        conn_close(c);
    lab_turn_all(&lab); /* frees it */
    if (ours >= 0)
        close(ours);
    if (peer >= 0)
        close(peer);
    assert_int_equal(worker()->lease->nr_users, 1);
    lease_unref(&worker()->lease);
    freelist_fini(&worker()->blocks);
    freelist_fini(&worker()->exchanges);
    worker()->tuning = &lab.tuning;
    tuning_unref(&tuning);
    lab_fini(&lab);
    world_end(world);
    return 0;
}

static inline void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static inline void wait_for(enum client_state state)
{
    LAB_UNTIL(&lab, c->state == state);
}

/* The endpoint takes a request that ends so. */
static inline void take_request(const char *end)
{
    char text[4096];
    size_t n = 0;

    if (peer < 0) {
        LAB_UNTIL(&lab, c->exchange && c->exchange->state != EXCHANGE_WAITING);
        peer = lab_accept(&lab);
    }
    for (int i = 0; i < LAB_TURNS_MAX; i++) {
        ssize_t more = recv(peer, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
        n += more > 0 ? (size_t)more : 0;
        text[n] = 0;
        if (n >= strlen(end) && strcmp(text + n - strlen(end), end) == 0)
            return;
        lab_turn_all(&lab);
    }
    fail_msg("the endpoint got: %s", text);
}

/* Without the lines that differ from run to run. */
static inline void drop_line(const char *name)
{
    char *line = strstr(got, name);

    if (!line)
        return;
    char *next = strstr(line, "\r\n");
    if (!next)
        return;
    memmove(line, next + 2, nr_got - (size_t)(next + 2 - got) + 1);
    nr_got -= (size_t)(next + 2 - line);
}

/* The client has got exactly this, and then the end if that is wanted. */
static inline void expect(const char *text, bool is_end)
{
    ssize_t n = -1;

    got[0] = 0;
    for (int i = 0; i < LAB_TURNS_MAX && (is_end ? n != 0 : strcmp(got, text) != 0); i++) {
        lab_turn_all(&lab);
        n = recv(ours, got + nr_got, sizeof(got) - 1 - nr_got, MSG_DONTWAIT);
        nr_got += n > 0 ? (size_t)n : 0;
        got[nr_got] = 0;
        drop_line("Date:");
        drop_line("x-amzn-RequestId:");
        drop_line("x-amz-executed-version:");
    }
    assert_string_equal(got, text);
    nr_got = 0;
}

/* The client gets an answer that begins so. */
static inline void expect_begin(const char *text)
{
    size_t n = strlen(text);

    LAB_UNTIL(&lab, recv(ours, got, n, MSG_PEEK | MSG_DONTWAIT) == (ssize_t)n);
    if (memcmp(got, text, n) != 0)
        fail_msg("the client got: %.*s", (int)n, got);
}

static inline void forget_answers(void)
{
    while (recv(ours, got, sizeof(got), MSG_DONTWAIT) > 0)
        ;
    nr_got = 0;
}

/* The connection's time is over, as far as it has a deadline. */
static inline void expire_now(void)
{
    assert_true(wheel_is_set(&c->deadline.node));
    c->deadline.expired(&c->deadline);
}

#endif
