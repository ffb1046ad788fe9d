/* The loop: in which order a turn does things, what may happen inside it, how it stops and is woken. */
#include "proxy/io/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "proxy/io/acceptor.h"

struct end {
    struct io io; /* first */
    struct world *world;
    char name;
    int peer_fd;
};

/* A loop with two sockets on it, and a line of what happened. */
struct world {
    struct loop loop;
    struct qsbr *qsbr;
    struct end a, b;
    char log[256];
    int turns, turns_max;
    void (*act)(struct world *world, struct end *end);
    struct deadline deadline;
    struct loop_garbage garbage;
};

static void note(struct world *w, char what)
{
    size_t n = strlen(w->log);

    assert_true(n + 1 < sizeof(w->log));
    w->log[n] = what;
}

static void on_ready(struct loop *loop, struct io *io, uint32_t events)
{
    struct end *end = (struct end *)io;

    assert_true(loop->is_awake);
    if (!(events & EPOLLIN) && !io->is_readable)
        return; /* it may write, from the first turn on */
    note(end->world, end->name);
    if (end->world->act)
        end->world->act(end->world, end);
}

static void on_turn(struct loop *loop)
{
    struct world *w = loop->owner;

    if (++w->turns >= w->turns_max)
        loop_stop(loop);
}

static void open_end(struct world *w, struct end *end, char name)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(io_open(&w->loop, &end->io, fds[0], on_ready), 0);
    end->world = w;
    end->name = name;
    end->peer_fd = fds[1];
}

static struct world *world_make(void)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->qsbr = qsbr_make();
    assert_non_null(w->qsbr);
    assert_int_equal(loop_init(&w->loop, w->qsbr, w), 0);
    open_end(w, &w->a, 'a');
    open_end(w, &w->b, 'b');
    return w;
}

static void world_end(struct world *w)
{
    io_close(&w->loop, &w->a.io);
    io_close(&w->loop, &w->b.io);
    close(w->a.peer_fd);
    close(w->b.peer_fd);
    loop_fini(&w->loop);
    assert_false(w->loop.is_stuck);
    qsbr_free(&w->qsbr);
    free(w);
}

static void say(const struct end *end)
{
    assert_int_equal(write(end->peer_fd, "x", 1), 1);
}

static void read_all(struct end *end)
{
    char bytes[64];

    while (end->io.is_readable && io_read(&end->io, bytes, sizeof(bytes)) > 0)
        ;
}

static void stop(struct world *w, struct end *end)
{
    read_all(end);
    loop_stop(&w->loop);
}

/* ---- Sockets --------------------------------------------------------------------------------- */

static void look_at_the_other(struct world *w, struct end *end)
{
    /* Whichever acts first: it sees that bytes have come to the other in this very turn. */
    assert_true(w->a.io.is_readable && w->b.io.is_readable);
    if (strlen(w->log) < 2)
        return;
    read_all(end);
    loop_stop(&w->loop);
}

static void all_sockets_learn_what_came_before_one_acts(void **state)
{
    struct world *w = world_make();

    (void)state;
    w->act = look_at_the_other;
    say(&w->a);
    say(&w->b);
    loop_run(&w->loop);
    assert_int_equal(strlen(w->log), 2);
    world_end(w);
}

static void close_the_other(struct world *w, struct end *end)
{
    io_close(&w->loop, end == &w->a ? &w->b.io : &w->a.io);
    stop(w, end);
}

static void a_socket_that_another_closes_in_the_turn_is_not_called(void **state)
{
    struct world *w = world_make();

    (void)state;
    w->act = close_the_other;
    say(&w->a);
    say(&w->b);
    loop_run(&w->loop);
    assert_int_equal(strlen(w->log), 1);
    world_end(w);
}

static void ask_again(struct world *w, struct end *end)
{
    if (strlen(w->log) == 3) {
        stop(w, end);
        return;
    }
    io_again(&w->loop, &end->io);
    io_again(&w->loop, &end->io); /* asking twice is asking once */
}

static void a_socket_that_asks_is_called_again_without_news(void **state)
{
    struct world *w = world_make();

    (void)state;
    w->act = ask_again;
    say(&w->a);
    loop_run(&w->loop);
    assert_string_equal(w->log, "aaa");
    world_end(w);
}

static void ask_and_close(struct world *w, struct end *end)
{
    io_again(&w->loop, &end->io);
    io_close(&w->loop, &end->io);
    loop_stop(&w->loop);
}

static void a_socket_that_asked_and_was_closed_is_not_called(void **state)
{
    struct world *w = world_make();

    (void)state;
    w->act = ask_and_close;
    say(&w->a);
    loop_run(&w->loop);
    assert_string_equal(w->log, "a");
    assert_null(w->loop.again);
    world_end(w);
}

/* More than a look at the set holds, and one that never has enough: the others are served all the same. */
static void never_enough(struct world *w, struct end *end)
{
    if (end == &w->b) {
        stop(w, end);
        return;
    }
    io_again(&w->loop, &end->io);
    if (strlen(w->log) == 40)
        say(&w->b);
}

static void a_socket_that_always_asks_starves_no_other(void **state)
{
    struct world *w = world_make();

    (void)state;
    w->act = never_enough;
    say(&w->a);
    loop_run(&w->loop);
    assert_true(strlen(w->log) < 60);
    world_end(w);
}

/* ---- Garbage and deadlines ------------------------------------------------------------------- */

static void free_garbage(struct loop_garbage *garbage)
{
    note((struct world *)((char *)garbage - offsetof(struct world, garbage)), 'g');
}

static void discard(struct world *w, struct end *end)
{
    loop_discard(&w->loop, &w->garbage, free_garbage);
    note(w, '.');
    read_all(end);
    w->turns_max = w->turns + 1;
    w->loop.on_turn = on_turn;
}

static void memory_is_freed_behind_all_that_the_turn_does(void **state)
{
    struct world *w = world_make();

    (void)state;
    w->act = discard;
    say(&w->a);
    loop_run(&w->loop);
    assert_string_equal(w->log, "a.g");
    world_end(w);
}

static void on_deadline(struct deadline *deadline)
{
    struct world *w = (struct world *)((char *)deadline - offsetof(struct world, deadline));

    note(w, 'd');
    loop_stop(&w->loop);
}

static void a_deadline_wakes_a_loop_without_events(void **state)
{
    struct world *w = world_make();
    uint64_t due_ms = w->loop.now_ms + 150;

    (void)state;
    w->deadline.expired = on_deadline;
    wheel_set(&w->loop.wheel, &w->deadline.node, due_ms);
    loop_run(&w->loop);
    assert_string_equal(w->log, "d");
    assert_true(clock_ms() >= due_ms);
    world_end(w);
}

static void bring_forward(struct world *w, struct end *end)
{
    read_all(end);
    wheel_set(&w->loop.wheel, &w->deadline.node, w->loop.now_ms + 100);
}

static void a_deadline_that_is_brought_forward_wakes_the_loop_earlier(void **state)
{
    struct world *w = world_make();

    (void)state;
    w->act = bring_forward;
    w->deadline.expired = on_deadline;
    wheel_set(&w->loop.wheel, &w->deadline.node, w->loop.now_ms + 3600 * 1000);
    say(&w->a);
    loop_run(&w->loop); /* the guard of unit tests ends it where it waits for the hour */
    assert_string_equal(w->log, "ad");
    world_end(w);
}

/* ---- libuv's side ---------------------------------------------------------------------------- */

static void a_loop_that_was_stopped_does_not_run(void **state)
{
    struct world *w = world_make();

    (void)state;
    say(&w->a);
    loop_stop(&w->loop);
    loop_run(&w->loop);
    assert_string_equal(w->log, "");
    world_end(w);
}

struct waker {
    uv_async_t async;
    struct world *world;
    pthread_t thread;
    _Atomic bool is_set;
};

static void on_wake(uv_async_t *async)
{
    struct waker *waker = async->data;
    struct loop *loop = &waker->world->loop;

    loop_wake_up(loop);
    assert_true(loop->is_awake);
    assert_true(atomic_load(&waker->is_set));
    note(waker->world, 'w');
    io_again(loop, &waker->world->a.io); /* a turn follows the poll, so this is called in it */
    loop_stop(loop);
}

static void *wake(void *arg)
{
    struct waker *waker = arg;

    atomic_store(&waker->is_set, true);
    uv_async_send(&waker->async);
    return NULL;
}

static void another_thread_wakes_the_loop(void **state)
{
    struct world *w = world_make();
    struct waker waker = {.world = w};

    (void)state;
    waker.async.data = &waker;
    assert_int_equal(uv_async_init(&w->loop.uv, &waker.async, on_wake), 0);
    assert_int_equal(pthread_create(&waker.thread, NULL, wake, &waker), 0);
    loop_run(&w->loop);
    pthread_join(waker.thread, NULL);
    assert_string_equal(w->log, "w");
    uv_close((uv_handle_t *)&waker.async, NULL);
    world_end(w);
}

static void on_timer(uv_timer_t *timer)
{
    struct world *w = timer->data;

    assert_true(w->loop.is_awake);
    note(w, 't');
    loop_discard(&w->loop, &w->garbage, free_garbage);
    uv_timer_stop(timer);
    w->turns_max = w->turns + 1;
    w->loop.on_turn = on_turn;
}

static void what_a_timer_leaves_to_do_is_done_before_the_loop_waits(void **state)
{
    struct world *w = world_make();
    uv_timer_t timer;

    (void)state;
    assert_int_equal(uv_timer_init(&w->loop.uv, &timer), 0);
    timer.data = w;
    uv_timer_start(&timer, on_timer, 1, 0);
    loop_run(&w->loop);
    assert_string_equal(w->log, "tg");
    uv_close((uv_handle_t *)&timer, NULL);
    world_end(w);
}

/* ---- Memory that threads share --------------------------------------------------------------- */

struct retired {
    struct qsbr_node node;
    _Atomic bool is_free;
};

static void free_retired(struct qsbr_node *node)
{
    atomic_store(&((struct retired *)node)->is_free, true);
}

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void a_loop_that_waits_keeps_no_memory_from_being_freed(void **state)
{
    struct world *w = world_make();
    struct retired retired = {0};
    pthread_t thread;

    (void)state;
    w->act = stop;
    assert_int_equal(pthread_create(&thread, NULL, run_loop, &w->loop), 0);
    qsbr_retire(w->qsbr, &retired.node, free_retired);
    while (qsbr_reclaim(w->qsbr) > 0)
        usleep(1000);
    assert_true(atomic_load(&retired.is_free));
    say(&w->a);
    pthread_join(thread, NULL);
    world_end(w);
}

/* ---- Acceptors ------------------------------------------------------------------------------- */

struct door {
    struct world *world;
    struct acceptor *acceptor;
    int nr;
};

static void on_accept(void *owner, int fd)
{
    struct door *door = owner;
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    assert_true(door->world->loop.is_awake);
    assert_int_equal(fd, acceptor_fd(door->acceptor));
    assert_true(accepted >= 0);
    close(accepted);
    door->nr++;
    acceptor_close(&door->acceptor);
    loop_stop(&door->world->loop);
}

static void a_resting_acceptor_looks_again_when_it_is_told(void **state)
{
    struct world *w = world_make();
    struct door door = {.world = w};
    struct sockaddr_storage where;
    socklen_t length = sizeof(where);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int caller = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr family = {.sa_family = AF_UNIX}; /* the kernel gives it an abstract name */

    (void)state;
    assert_int_equal(bind(fd, &family, sizeof(family.sa_family)), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&where, &length), 0);
    door.acceptor = acceptor_open(&w->loop, fd, on_accept, &door);
    assert_non_null(door.acceptor);
    acceptor_rest(door.acceptor);
    assert_int_equal(connect(caller, (struct sockaddr *)&where, length), 0);
    w->act = stop;
    say(&w->a); /* some other event, while a connection waits */
    loop_run(&w->loop);
    assert_int_equal(door.nr, 0);
    w->loop.is_stopped = false;
    acceptor_resume(door.acceptor);
    loop_run(&w->loop);
    assert_int_equal(door.nr, 1);
    assert_null(door.acceptor);
    close(caller);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sockets_learn_what_came_before_one_acts),
        cmocka_unit_test(a_socket_that_another_closes_in_the_turn_is_not_called),
        cmocka_unit_test(a_socket_that_asks_is_called_again_without_news),
        cmocka_unit_test(a_socket_that_asked_and_was_closed_is_not_called),
        cmocka_unit_test(a_socket_that_always_asks_starves_no_other),
        cmocka_unit_test(memory_is_freed_behind_all_that_the_turn_does),
        cmocka_unit_test(a_deadline_wakes_a_loop_without_events),
        cmocka_unit_test(a_deadline_that_is_brought_forward_wakes_the_loop_earlier),
        cmocka_unit_test(a_loop_that_was_stopped_does_not_run),
        cmocka_unit_test(another_thread_wakes_the_loop),
        cmocka_unit_test(what_a_timer_leaves_to_do_is_done_before_the_loop_waits),
        cmocka_unit_test(a_loop_that_waits_keeps_no_memory_from_being_freed),
        cmocka_unit_test(a_resting_acceptor_looks_again_when_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
