/* Responses on their way to an HTTP/1 client: in which pieces, until when, and to clients that take nothing. */
#include "proxy/client/respond.h"

#include "client_lab.h"

#define GET     "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Sends all of a text, however long, and lets the client read what comes of it until it ends so. */
static void pass_on(const char *text, size_t n, const char *end)
{
    size_t at = 0;

    nr_got = 0;
    for (int i = 0; i < LAB_TURNS_MAX; i++) {
        ssize_t more = at < n ? send(peer, text + at, n - at, MSG_DONTWAIT) : 0;
        at += more > 0 ? (size_t)more : 0;
        lab_turn_all(&lab);
        more = recv(ours, got + nr_got, sizeof(got) - 1 - nr_got, MSG_DONTWAIT);
        nr_got += more > 0 ? (size_t)more : 0;
        got[nr_got] = '\0';
        if (at == n && nr_got >= strlen(end) && strcmp(got + nr_got - strlen(end), end) == 0)
            return;
    }
    fail_msg("the client got: %s", got);
}

/* ---- Framing --------------------------------------------------------------------------------- */

static void pieces_of_any_size_arrive_as_they_were(void **state)
{
    static const size_t sizes[] = {1, 100, OUTBOX_COPY_MAX, OUTBOX_COPY_MAX + 1, 10000};
    static char text[11000], body[10001];

    (void)state;
    memset(body, 'a', 10000);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int n;
        say(ours, GET);
        take_request("\r\n\r\n");
        n = snprintf(text, sizeof(text), CHUNKED "%zx\r\n%.*s\r\n0\r\n\r\n", sizes[i],
                     (int)sizes[i], body);
        pass_on(text, (size_t)n, "\r\n0\r\n\r\n");
        /* In which chunks it comes is weir's matter: their sum counts. */
        char *p = strstr(got, "\r\n\r\n") + 4;
        size_t sum = 0, size;
        while ((size = strtoul(p, &p, 16)) > 0) {
            assert_memory_equal(p, "\r\n", 2);
            assert_memory_equal(p + 2, body, size);
            assert_memory_equal(p + 2 + size, "\r\n", 2);
            p += 2 + size + 2;
            sum += size;
        }
        assert_int_equal(sum, sizes[i]);
        wait_for(CLIENT_IDLE);
    }
    nr_got = 0;
}

static void a_length_is_told_where_there_may_be_one(void **state)
{
    static const struct {
        const char *request, *response, *answer;
    } cases[] = {
        {GET, "HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n",
         "HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n"},
        {GET, "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n"},
        {GET, "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n"},
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        say(ours, cases[i].request);
        take_request("\r\n\r\n");
        say(peer, cases[i].response);
        expect(cases[i].answer, false);
        wait_for(CLIENT_IDLE);
    }
}

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define MUCH POST "Content-Length: 100000\r\n\r\nhello"
#define WAIT POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"

/* Whether the connection ends with an answer that comes before the request is complete. */
static void an_early_answer_ends_the_connection_where_the_rest_is_much(void **state)
{
    static const struct {
        const char *request, *end, *response, *answer;
    } cases[] = {
        {MUCH, "hello", "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
        {MUCH, "hello", "HTTP/1.1 399 No\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 399 No\r\nContent-Length: 0\r\n\r\n"},
        {POST "Content-Length: 10\r\n\r\nhello", "hello",
         "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"},
        {WAIT, "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (i > 0)
            set_up(state);
        say(ours, cases[i].request);
        take_request(cases[i].end);
        say(peer, cases[i].response);
        expect(cases[i].answer, false);
        if (i + 1 < sizeof(cases) / sizeof(cases[0]))
            tear_down(state);
    }
}

static void who_drains_says_that_this_was_the_last(void **state)
{
    (void)state;
    say(ours, GET);
    take_request("\r\n\r\n");
    worker()->is_draining = true;
    say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", true);
}

/* weir's own answers say the same by the same rules. */
static void an_answer_of_weirs_own_ends_the_connection_or_not(void **state)
{
    static const struct {
        const char *request, *end;
        bool is_draining, is_last;
    } cases[] = {
        {GET, "\r\n\r\n", false, false},
        {GET, "\r\n\r\n", true, true},
        {MUCH, "hello", false, true},
        {POST "Content-Length: 10\r\n\r\nhello", "hello", false, false},
        {WAIT, "\r\n\r\n", false, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (i > 0)
            set_up(state);
        say(ours, cases[i].request);
        take_request(cases[i].end);
        worker()->is_draining = cases[i].is_draining;
        say(peer, "nonsense\r\n\r\n");
        expect_begin("HTTP/1.1 502 Bad Gateway\r\n");
        LAB_UNTIL(&lab,
                  (nr_got = (size_t)recv(ours, got, sizeof(got) - 1, MSG_DONTWAIT)) < sizeof(got));
        got[nr_got] = '\0';
        assert_int_equal(strstr(got, "\r\nConnection: close\r\n") != NULL, cases[i].is_last);
        if (i + 1 < sizeof(cases) / sizeof(cases[0]))
            tear_down(state);
    }
}

/* ---- Clients that take nothing --------------------------------------------------------------- */

static void leave(void)
{
    say(ours, GET);
    take_request("\r\n\r\n");
    close(ours);
    ours = -1;
    wait_for(CLIENT_LEFT);
    assert_int_equal(clients.nr, 1);
}

static void a_client_that_left_lets_its_invocation_end(void **state)
{
    (void)state;
    leave();
    say(peer, CHUNKED "2\r\nhi\r\n");
    LAB_UNTIL(&lab, c->discarded == 2);
    assert_true(wheel_is_set(&c->deadline.node)); /* the endpoint has as long as any other */
    say(peer, "0\r\n\r\n");
    LAB_UNTIL(&lab, clients.nr == 0);
}

/* One mebibyte of it is read, and no more. */
static void but_not_for_ever(void **state)
{
    static char piece[1000];

    (void)state;
    leave();
    say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n12");
    LAB_UNTIL(&lab, c->discarded == 2);
    c->discarded = 1024 * 1024 - 1;
    say(peer, "3");
    LAB_UNTIL(&lab, c->discarded == 1024 * 1024);
    assert_int_equal(c->state, CLIENT_LEFT);
    for (int i = 0; i < LAB_TURNS_MAX && clients.nr > 0; i++) {
        (void)send(peer, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
        lab_turn_all(&lab);
        if (i > LAB_TURNS_AT_ONCE) /* its deadline, which is now, has a tick of its own */
            (void)poll(NULL, 0, 1);
    }
    assert_int_equal(clients.nr, 0);
}

/* ---- Answers that are held back -------------------------------------------------------------- */

static void expect_nothing(void)
{
    for (int i = 0; i < 20; i++)
        lab_turn_all(&lab);
    assert_int_equal(recv(ours, got, 1, MSG_PEEK | MSG_DONTWAIT), -1);
}

static void an_answer_is_withheld_until_it_is_released(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

    (void)state;
    for (int i = 0; i < 2; i++) {
        say(ours, GET);
        take_request("\r\n\r\n");
        respond_front.withhold(c->exchange);
        assert_true(wheel_is_set(&c->deadline.node)); /* for a second at most */
        say(peer, answer);
        wait_for(CLIENT_FINISHING);
        expect_nothing();
        if (i == 0)
            client_release_all(&clients);
        else
            expire_now();
        expect(answer, false);
        wait_for(CLIENT_IDLE);
    }
}

/* ---- Bodies that wait ------------------------------------------------------------------------ */

static void a_client_whose_body_waits_is_not_read(void **state)
{
    (void)state;
    say(ours, POST "Content-Length: 10\r\n\r\nhello");
    take_request("hello");
    respond_front.pause(c->exchange);
    assert_false(wheel_is_set(&c->deadline.node)); /* it is not the client that is slow */
    say(ours, "wor");
    for (int i = 0; i < 20; i++)
        lab_turn_all(&lab);
    assert_int_equal(c->body_bytes, 5);
    c->rate_bytes = 7;
    respond_front.resume(c->exchange);
    assert_int_equal(c->rate_bytes, 0);
    assert_true(wheel_is_set(&c->deadline.node));
    take_request("wor");
    c->rate_bytes = 7;
    respond_front.resume(c->exchange); /* it is read already */
    assert_int_equal(c->rate_bytes, 7);
    say(ours, "ld");
    take_request("ld");
}

/* ---- Where the connection came to ------------------------------------------------------------ */

static void a_connection_says_which_port_it_came_to(void **state)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct client some = {.io = {.fd = lab.listener}};
    struct exchange ex = {.client = &some};
    struct exchange_peer out = {.port = 0};
    socklen_t n = sizeof(any);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    respond_front.describe(&ex, &out);
    assert_int_equal(out.port, lab.origin.port);
    assert_null(out.tls_version);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
        getsockname(fd, (struct sockaddr *)&any, &n) < 0) { /* no IPv6 here */
        if (fd >= 0)
            close(fd);
        return;
    }
    some.io.fd = fd;
    respond_front.describe(&ex, &out);
    assert_int_equal(out.port, ntohs(any.sin6_port));
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pieces_of_any_size_arrive_as_they_were),
        TEST(a_length_is_told_where_there_may_be_one),
        TEST(an_early_answer_ends_the_connection_where_the_rest_is_much),
        TEST(who_drains_says_that_this_was_the_last),
        TEST(an_answer_of_weirs_own_ends_the_connection_or_not),
        TEST(a_client_that_left_lets_its_invocation_end),
        TEST(but_not_for_ever),
        TEST(an_answer_is_withheld_until_it_is_released),
        TEST(a_client_whose_body_waits_is_not_read),
        TEST(a_connection_says_which_port_it_came_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
