/* Connections between threads: order, the end of a queue, and that nothing is lost or closed twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/worker/handover.h"

/* One with an end of a socket pair, whose other end is *peer. */
static struct handover *make(const char *bytes, int *peer)
{
    struct handover *h = handover_make(str_of(bytes));
    int pair[2];

    assert_non_null(h);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    h->io.fd = pair[0];
    *peer = pair[1];
    return h;
}

static void expect_closed(int peer)
{
    char byte;

    assert_int_equal(read(peer, &byte, 1), 0);
    close(peer);
}

static void what_is_put_in_first_comes_out_first(void **state)
{
    struct handover_queue q;
    struct handover *h;
    int peers[2];

    (void)state;
    handover_queue_init(&q);
    assert_null(handover_get(&q));
    h = make("one", &peers[0]);
    assert_true(handover_put_take(&q, &h));
    assert_null(h);
    h = make("two", &peers[1]);
    assert_true(handover_put_take(&q, &h));
    h = handover_get(&q);
    assert_int_equal(h->n, 3);
    assert_memory_equal(h->bytes, "one", 3);
    handover_free(&h);
    expect_closed(peers[0]);
    h = handover_get(&q);
    assert_memory_equal(h->bytes, "two", 3);
    handover_free(&h);
    expect_closed(peers[1]);
    assert_null(handover_get(&q));
    handover_queue_fini(&q);
}

static void a_queue_closes_only_when_it_is_empty(void **state)
{
    struct handover_queue q;
    struct handover *h;
    int peer;

    (void)state;
    handover_queue_init(&q);
    h = make("x", &peer);
    assert_true(handover_put_take(&q, &h));
    assert_false(handover_close_if_empty(&q));
    h = handover_get(&q);
    assert_true(handover_close_if_empty(&q));
    assert_false(handover_put_take(&q, &h)); /* it remains ours */
    assert_non_null(h);
    handover_free(&h);
    expect_closed(peer);
    handover_queue_fini(&q);
}

static void the_end_of_a_queue_closes_what_is_in_it(void **state)
{
    struct handover_queue q;
    struct handover *h;
    int peer;

    (void)state;
    handover_queue_init(&q);
    h = make("", &peer);
    assert_true(handover_put_take(&q, &h));
    handover_queue_fini(&q);
    expect_closed(peer);
    handover_free(&h); /* NULL is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_first_comes_out_first),
        cmocka_unit_test(a_queue_closes_only_when_it_is_empty),
        cmocka_unit_test(the_end_of_a_queue_closes_what_is_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
