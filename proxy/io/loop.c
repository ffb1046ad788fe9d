/* A set of sockets on libuv's loop. See loop.h for the order of things.
 *
 * The set is an epoll descriptor inside libuv's, so a wait for it takes two system calls where
 * one would do: libuv's poll says that the set has news, a look into the set says which. While
 * much comes, turns therefore follow each other with a look into the set alone, TURNS_MAX at
 * most, before libuv polls again. */
#include "proxy/io/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS_PER_TURN = 256, CACHE_LINE = 64, CONNECTION_LINES = 8 };

/* So many turns between two polls; and a turn with so few events is not followed by another
 * without a poll. */
enum { TURNS_MAX = 8, EVENTS_FEW = 2 };

/* ---- Time ------------------------------------------------------------------------------------ */

/* A clock costs some 50 ns to read, which at five readings a request was 2 % of it all. */
static void read_clock(struct loop *loop)
{
    loop->now_us = clock_us();
    loop->now_ms = loop->now_us / 1000;
    if (loop->now_ms < loop->offset_due_ms)
        return;
    loop->unix_offset_us = clock_unix_us() - loop->now_us;
    loop->offset_due_ms = loop->now_ms + 1000;
}

void loop_rise(struct loop *loop)
{
    loop->is_awake = true;
    qsbr_online(loop->qsbr, loop->qsbr_slot);
    read_clock(loop);
}

/* It has woken the loop, and the turn after the poll looks at the wheel. */
static void on_alarm(uv_timer_t *alarm)
{
    struct loop *loop = alarm->data;

    loop->alarm_ms = UINT64_MAX;
}

/* The timer is moved only to wake the loop earlier: where the wheel has less to do than it thought,
 * the loop wakes once for nothing, which costs less than moving the timer in each turn. */
static void set_alarm(struct loop *loop)
{
    int in_ms = wheel_next_ms(&loop->wheel, loop->now_ms);

    if (in_ms < 0 || loop->now_ms + (uint64_t)in_ms >= loop->alarm_ms)
        return;
    loop->alarm_ms = loop->now_ms + (uint64_t)in_ms;
    uv_update_time(&loop->uv);
    (void)uv_timer_start(&loop->alarm, on_alarm, (uint64_t)in_ms, 0);
}

/* ---- One turn -------------------------------------------------------------------------------- */

/* Sockets that asked to be called again; those that ask once more wait for the next turn. */
static void call_again(struct loop *loop)
{
    struct io *io = loop->again;

    loop->again = NULL;
    while (io) {
        struct io *next = io->next_again;
        io->is_again = false;
        if (io->fd >= 0)
            io->on_ready(loop, io, 0);
        io = next;
    }
}

/* With hundreds of connections their memory has left the cache between two events. Fetching it
 * while others are served saves some 6 % of the CPU time of a GET at 64 connections and at 512. */
static void fetch(const void *p, int from)
{
    for (int line = from; line < CONNECTION_LINES; line++)
        __builtin_prefetch((const char *)p + line * CACHE_LINE);
}

static void fetch_related(const struct io *io)
{
    for (int i = 0; i < 2; i++)
        if (io->related[i])
            fetch(io->related[i], 0);
}

/* First all sockets learn what came, then they act on it: a pool that lends an idle connection thus
 * sees that bytes nobody asked for, or its end, have arrived on it in this very turn. */
static void dispatch(struct loop *loop, const struct epoll_event *events, int nr)
{
    for (int i = 0; i < nr; i++) {
        struct io *io = events[i].data.ptr;
        fetch(io, 1);
        if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            io->is_hangup = true;
        if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            io->is_readable = true;
    }
    for (int i = 0; i < nr; i++) {
        struct io *io = events[i].data.ptr;
        if (i + 2 < nr)
            fetch_related(events[i + 2].data.ptr);
        if (io->fd >= 0) /* not closed earlier in this turn */
            io->on_ready(loop, io, events[i].events);
    }
}

static void expire(struct wheel_node *node, void *context)
{
    struct deadline *deadline = (struct deadline *)node;

    (void)context;
    deadline->expired(deadline);
}

static void collect(struct loop *loop)
{
    while (loop->garbage) {
        struct loop_garbage *garbage = loop->garbage;
        loop->garbage = garbage->next;
        garbage->free_fn(garbage);
    }
}

/* True when another turn should follow without a poll. */
static bool turn(struct loop *loop)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int nr = 0;

    if (loop->has_news) {
        loop->has_news = false;
        nr = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, 0);
        dispatch(loop, events, nr);
    }
    if (loop->again)
        call_again(loop);
    wheel_advance(&loop->wheel, loop->now_ms, expire, NULL);
    if (loop->on_turn)
        loop->on_turn(loop);
    collect(loop);
    loop->has_news |= nr > EVENTS_FEW;
    return (loop->has_news || loop->again) && !loop->is_stopped;
}

/* ---- Around libuv's poll --------------------------------------------------------------------- */

static void on_set(uv_poll_t *set, int status, int events)
{
    struct loop *loop = set->data;

    (void)status;
    (void)events;
    loop_wake_up(loop);
    loop->has_news = true;
}

static void on_polled(uv_check_t *check)
{
    struct loop *loop = check->data;

    loop_wake_up(loop);
    for (int i = 0; turn(loop) && i < TURNS_MAX; i++)
        read_clock(loop);
}

static void on_hurried(uv_idle_t *hurry)
{
    (void)uv_idle_stop(hurry);
}

/* What timers and closing handles left to do is done before the loop waits. */
static void on_before_poll(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;

    if (loop->on_turn)
        loop->on_turn(loop);
    collect(loop);
    set_alarm(loop);
    if (loop->again)
        (void)uv_idle_start(&loop->hurry, on_hurried);
    qsbr_offline(loop->qsbr, loop->qsbr_slot);
    loop->is_awake = false;
}

void loop_rest(struct loop *loop)
{
    if (loop->is_awake)
        qsbr_offline(loop->qsbr, loop->qsbr_slot);
    loop->is_awake = false;
}

void loop_run(struct loop *loop)
{
    loop_rise(loop);
    while (!loop->is_stopped)
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    qsbr_offline(loop->qsbr, loop->qsbr_slot);
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
    uv_stop(&loop->uv);
}

void loop_discard(struct loop *loop, struct loop_garbage *garbage,
                  void (*free_fn)(struct loop_garbage *))
{
    garbage->free_fn = free_fn;
    garbage->next = loop->garbage;
    loop->garbage = garbage;
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* Once the set's own handle is there none of these can fail: they only fill structures in. */
static int init_handles(struct loop *loop)
{
    int r = uv_poll_init(&loop->uv, &loop->set, loop->epoll_fd);

    if (r < 0)
        return r;
    (void)uv_prepare_init(&loop->uv, &loop->before_poll);
    (void)uv_check_init(&loop->uv, &loop->after_poll);
    (void)uv_timer_init(&loop->uv, &loop->alarm);
    (void)uv_idle_init(&loop->uv, &loop->hurry);
    loop->set.data = loop->before_poll.data = loop->after_poll.data = loop;
    loop->alarm.data = loop->hurry.data = loop;
    loop->alarm_ms = UINT64_MAX;
    (void)uv_prepare_start(&loop->before_poll, on_before_poll);
    (void)uv_check_start(&loop->after_poll, on_polled);
    return uv_poll_start(&loop->set, UV_READABLE, on_set);
}

/* Lets handles that are closing run their callbacks: at most some turns, without waiting. */
static void settle(struct loop *loop)
{
    uv_handle_t *own[5] = {(uv_handle_t *)&loop->set, (uv_handle_t *)&loop->before_poll,
                           (uv_handle_t *)&loop->after_poll, (uv_handle_t *)&loop->alarm,
                           (uv_handle_t *)&loop->hurry};

    for (int i = 0; i < 5; i++)
        if (own[i]->data && !uv_is_closing(own[i]))
            uv_close(own[i], NULL);
    for (int i = 0; i < 64 && uv_loop_alive(&loop->uv); i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
}

int loop_init(struct loop *loop, struct qsbr *qsbr, void *owner)
{
    int r;

    memset(loop, 0, sizeof(*loop));
    loop->qsbr = qsbr;
    loop->owner = owner;
    loop->is_awake = true;
    read_clock(loop);
    wheel_init(&loop->wheel, loop->now_ms);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        r = -errno;
        goto no_epoll;
    }
    r = uv_loop_init(&loop->uv);
    if (r < 0)
        goto no_uv;
    r = init_handles(loop);
    if (r < 0)
        goto no_slot;
    loop->qsbr_slot = qsbr_register(qsbr);
    if (loop->qsbr_slot >= 0)
        return 0;
    r = -EAGAIN;
no_slot:
    settle(loop);
    uv_loop_close(&loop->uv);
no_uv:
    close(loop->epoll_fd);
no_epoll:
    loop->owner = NULL;
    return r;
}

void loop_fini(struct loop *loop)
{
    collect(loop);
    settle(loop);
    loop->is_stuck = uv_loop_close(&loop->uv) < 0;
    close(loop->epoll_fd);
    qsbr_unregister(loop->qsbr, loop->qsbr_slot);
}
