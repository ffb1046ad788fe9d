/* The outbox: one owner at a time, and nothing left behind. */
#include "worker_lab.h"

struct pair {
    struct qsbr *domain;
    struct loop loop;
    struct outbox out;
    struct io io, other;
    int peer, other_peer;
};

static void on_ready(struct loop *loop, struct io *io, uint32_t events)
{
    (void)loop;
    (void)io;
    (void)events;
}

static void open_end(struct pair *p, struct io *io, int *peer)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(io_open(&p->loop, io, fds[0], on_ready), 0);
    *peer = fds[1];
}

static int set_up(void **state)
{
    static struct pair p;

    memset(&p, 0, sizeof(p));
    p.domain = qsbr_make();
    assert_int_equal(loop_init(&p.loop, p.domain, &p), 0);
    assert_int_equal(outbox_init(&p.out), 0);
    open_end(&p, &p.io, &p.peer);
    open_end(&p, &p.other, &p.other_peer);
    *state = &p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;

    io_close(&p->loop, &p->io);
    io_close(&p->loop, &p->other);
    close(p->peer);
    close(p->other_peer);
    outbox_fini(&p->out);
    loop_fini(&p->loop);
    qsbr_free(&p->domain);
    return 0;
}

static void pieces_go_out_in_order_with_one_call(void **state)
{
    struct pair *p = *state;
    struct backlog b = {.data = NULL};
    struct outbox *out = outbox_of(&p->out, &p->io);
    char got[64];

    assert_true(outbox_is_empty(out));
    outbox_copy(out, "one ", 4);
    outbox_copy(out, "two ", 4); /* behind it: the same piece */
    assert_int_equal(out->nr_pieces, 1);
    outbox_refer(out, "three ", 6);
    outbox_copy(out, "four", 4);
    assert_int_equal(out->nr_pieces, 3);
    assert_int_equal(outbox_flush(out, &p->io, &b), 0);
    assert_true(outbox_is_empty(out));
    assert_int_equal(read(p->peer, got, sizeof(got)), 18);
    assert_memory_equal(got, "one two three four", 18);
}

static void what_the_socket_does_not_take_is_kept_in_order(void **state)
{
    struct pair *p = *state;
    struct backlog b = {.data = NULL};
    enum { LARGE = 1 << 20 };
    char *large = malloc(LARGE), *got = malloc(LARGE + 8);
    size_t n = 0;
    int r = 1;

    for (int i = 0; i < LARGE; i++)
        large[i] = (char)(i * 7 % 251);
    outbox_refer(outbox_of(&p->out, &p->io), large, LARGE);
    assert_int_equal(outbox_flush(&p->out, &p->io, &b), 1);
    assert_true(outbox_is_empty(&p->out));
    outbox_copy(outbox_of(&p->out, &p->io), "behind", 6); /* not before what waits */
    assert_int_equal(outbox_flush(&p->out, &p->io, &b), 1);
    while (n < LARGE + 6) {
        ssize_t more = read(p->peer, got + n, LARGE + 8 - n);
        if (more > 0)
            n += (size_t)more;
        else if (r == 1)
            r = backlog_send(&b, &p->io);
        assert_true(r >= 0);
    }
    assert_memory_equal(got, large, LARGE);
    assert_memory_equal(got + LARGE, "behind", 6);
    assert_true(backlog_is_empty(&b));
    backlog_fini(&b);
    free(large);
    free(got);
}

static void put_for_another(void *context)
{
    struct pair *p = context;

    outbox_of(&p->out, &p->other);
}

static void flush_to_another(void *context)
{
    struct pair *p = context;
    struct backlog b = {.data = NULL};

    if (outbox_flush(&p->out, &p->other, &b) == 0)
        _exit(0);
}

static void end_event(void *context)
{
    struct pair *p = context;

    outbox_must_be_empty(&p->out);
}

/* one client's request went to another one's endpoint. */
static void bytes_for_one_connection_never_reach_another(void **state)
{
    struct pair *p = *state;

    assert_false(lab_aborts(put_for_another, p));
    assert_false(lab_aborts(end_event, p));
    outbox_copy(outbox_of(&p->out, &p->io), "secret", 6);
    assert_true(lab_aborts(put_for_another, p));
    assert_true(lab_aborts(flush_to_another, p));
    assert_true(lab_aborts(end_event, p));
    outbox_drop(&p->out);
    assert_false(lab_aborts(put_for_another, p));
    assert_false(lab_aborts(end_event, p));
}

static void there_is_room_for_so_much(void **state)
{
    struct pair *p = *state;
    struct outbox *out = outbox_of(&p->out, &p->io);
    static char bytes[OUTBOX_FLAT];

    assert_true(outbox_has_room(out, OUTBOX_FLAT));
    assert_false(outbox_has_room(out, OUTBOX_FLAT + 1));
    outbox_copy(out, bytes, OUTBOX_FLAT - 10);
    assert_true(outbox_has_room(out, 10));
    assert_false(outbox_has_room(out, 11));
    outbox_drop(out);
    while (outbox_has_room(out, 0))
        outbox_refer(out, bytes, 1);
    assert_int_equal(out->nr_pieces, OUTBOX_PIECES - 2);
    outbox_drop(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pieces_go_out_in_order_with_one_call),
        TEST(what_the_socket_does_not_take_is_kept_in_order),
        TEST(bytes_for_one_connection_never_reach_another),
        TEST(there_is_room_for_so_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
