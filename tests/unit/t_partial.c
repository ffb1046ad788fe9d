/* Heads that come in pieces, over a real socket. */
#include "proxy/http/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct head_limits limits = {
    .line_bytes = 8000, .header_bytes = 8000, .header_count = 100};

static struct head scratch;
static struct partial *partial;
static struct http1 parser;
static struct io io;
static int peer;

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    memset(&io, 0, sizeof(io));
    io.fd = fds[0];
    io.is_readable = true;
    peer = fds[1];
    http1_init_request(&parser, &scratch, &limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    partial_free(&partial);
    http1_fini(&parser);
    close(io.fd);
    close(peer);
    return 0;
}

/* One read and feed; the head's bytes, 0 while more is wanted. */
static uint32_t step(char *buffer, size_t room)
{
    struct str bytes;
    ssize_t n = partial_read(partial, &io, buffer, room, &bytes);

    assert_true(n > 0);
    enum http1_result r = http1_head_feed(&parser, bytes.p, bytes.n);
    if (r == HTTP1_MORE)
        assert_int_equal(partial_keep(&partial, &parser, bytes.p, bytes.n), 0);
    uint32_t head_bytes = r == HTTP1_HEAD ? parser.head->bytes : 0;
    if (r == HTTP1_HEAD)
        assert_true(str_eq(head_path(parser.head), STR("/path")));
    partial_finish(&partial);
    return head_bytes;
}

static void a_head_in_one_piece_is_not_kept(void **state)
{
    const char *text = "GET /path HTTP/1.1\r\nHost: x\r\n\r\n";
    char buffer[100];

    (void)state;
    assert_int_equal(write(peer, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(step(buffer, sizeof(buffer)), strlen(text));
    assert_null(partial);
}

static void a_head_byte_by_byte_is_put_together(void **state)
{
    char text[2000], buffer[16];
    size_t n = (size_t)snprintf(text, sizeof(text),
                                "GET /path HTTP/1.1\r\nHost: x\r\nX: %01500d\r\n\r\n", 0);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(write(peer, text + i, 1), 1);
        io.is_readable = true;
        memset(buffer, 0x55, sizeof(buffer)); /* it serves others meanwhile */
        assert_int_equal(step(buffer, sizeof(buffer)), i + 1 < n ? 0 : n);
        assert_int_equal(partial != NULL, i + 1 < n);
    }
}

static void an_end_and_an_empty_socket_leave_what_is_kept(void **state)
{
    char buffer[100];
    struct str bytes;

    (void)state;
    assert_int_equal(write(peer, "GET /pa", 7), 7);
    assert_int_equal(step(buffer, sizeof(buffer)), 0);
    assert_non_null(partial);
    assert_int_equal(partial_read(partial, &io, buffer, sizeof(buffer), &bytes), -EAGAIN);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    assert_int_equal(partial_read(partial, &io, buffer, sizeof(buffer), &bytes), 0);
    assert_non_null(partial);
    assert_int_equal(partial->len, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_head_in_one_piece_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_head_byte_by_byte_is_put_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_and_an_empty_socket_leave_what_is_kept, set_up,
                                        tear_down),
    };

    http1_global_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
