/* epoll around libuv. See loop.h for the order of a turn. */
#include "proxy/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS_PER_TURN = 256 };

int loop_init(struct loop *loop, struct qsbr *qsbr, wheel_expired *on_deadline, void *owner)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    int r;

    memset(loop, 0, sizeof(*loop));
    loop->qsbr = qsbr;
    loop->on_deadline = on_deadline;
    loop->owner = owner;
    loop->now_ms = clock_ms();
    wheel_init(&loop->wheel, loop->now_ms);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return -errno;
    r = uv_loop_init(&loop->uv);
    if (r < 0) {
        close(loop->epoll_fd);
        return r;
    }
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, uv_backend_fd(&loop->uv), &ev) < 0) {
        r = -errno;
        uv_loop_close(&loop->uv);
        close(loop->epoll_fd);
        return r;
    }
    loop->qsbr_slot = qsbr_register(qsbr);
    return loop->qsbr_slot < 0 ? -EAGAIN : 0;
}

static void collect(struct loop *loop)
{
    while (loop->garbage) {
        struct loop_garbage *garbage = loop->garbage;
        loop->garbage = garbage->next;
        garbage->free_fn(garbage);
    }
}

void loop_fini(struct loop *loop)
{
    collect(loop);
    loop_settle(loop);
    uv_loop_close(&loop->uv);
    close(loop->epoll_fd);
    qsbr_unregister(loop->qsbr, loop->qsbr_slot);
}

void loop_discard(struct loop *loop, struct loop_garbage *garbage,
                  void (*free_fn)(struct loop_garbage *))
{
    garbage->free_fn = free_fn;
    garbage->next = loop->garbage;
    loop->garbage = garbage;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
}

void loop_settle(struct loop *loop)
{
    for (int i = 0; i < 64 && uv_loop_alive(&loop->uv); i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
}

/* ---- One turn
 * -------------------------------------------------------------------------------------------------------
 */

static int timeout_of(struct loop *loop)
{
    int uv_ms = uv_backend_timeout(&loop->uv);
    int wheel_ms;

    if (loop->again || loop->garbage || loop->is_stopped)
        return 0;
    wheel_ms = wheel_next_ms(&loop->wheel, loop->now_ms);
    if (uv_ms < 0)
        return wheel_ms;
    return wheel_ms >= 0 && wheel_ms < uv_ms ? wheel_ms : uv_ms;
}

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

/* First all sockets learn what came, then they act on it: whoever takes an idle connection from a
 * pool thus sees that bytes nobody asked for, or its end, have arrived on it in this very turn. */
static bool dispatch(struct loop *loop, const struct epoll_event *events, int nr)
{
    bool is_uv_due = false;

    for (int i = 0; i < nr; i++) {
        struct io *io = events[i].data.ptr;
        if (!io) {
            is_uv_due = true;
            continue;
        }
        if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            io->is_hangup = true;
        if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            io->is_readable = true;
    }
    for (int i = 0; i < nr; i++) {
        struct io *io = events[i].data.ptr;
        if (io && io->fd >= 0) /* not closed earlier in this turn */
            io->on_ready(loop, io, events[i].events);
    }
    return is_uv_due;
}

void loop_run(struct loop *loop)
{
    struct epoll_event events[EVENTS_PER_TURN];

    qsbr_online(loop->qsbr, loop->qsbr_slot);
    /* libuv registers its handles with the kernel only inside uv_run. */
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    while (!loop->is_stopped) {
        int timeout = timeout_of(loop);
        qsbr_offline(loop->qsbr, loop->qsbr_slot);
        int nr = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, timeout);
        qsbr_online(loop->qsbr, loop->qsbr_slot);
        loop->now_ms = clock_ms();
        bool is_uv_due = dispatch(loop, events, nr);
        if (loop->again)
            call_again(loop);
        if (is_uv_due || uv_backend_timeout(&loop->uv) >= 0)
            uv_run(&loop->uv, UV_RUN_NOWAIT);
        wheel_advance(&loop->wheel, loop->now_ms, loop->on_deadline, loop);
        if (loop->on_turn)
            loop->on_turn(loop);
        collect(loop);
    }
    qsbr_offline(loop->qsbr, loop->qsbr_slot);
}

/* ---- Sockets
 * --------------------------------------------------------------------------------------------------------
 */

static int open_with(struct loop *loop, struct io *io, int fd, io_ready *on_ready,
                     uint32_t interest)
{
    struct epoll_event ev = {.events = interest, .data.ptr = io};

    memset(io, 0, sizeof(*io));
    io->on_ready = on_ready;
    io->fd = fd;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        int r = -errno;
        close(fd);
        io->fd = -1;
        return r;
    }
    return 0;
}

int io_open(struct loop *loop, struct io *io, int fd, io_ready *on_ready)
{
    return open_with(loop, io, fd, on_ready, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int io_open_listener(struct loop *loop, struct io *io, int fd, io_ready *on_ready)
{
    return open_with(loop, io, fd, on_ready, EPOLLIN);
}

void io_close(struct loop *loop, struct io *io)
{
    if (io->fd < 0)
        return;
    if (io->layer)
        io->layer->free(io);
    io->layer = NULL;
    close(io->fd); /* which also takes it out of the epoll */
    io->fd = -1;
    for (struct io **p = &loop->again; io->is_again && *p; p = &(*p)->next_again)
        if (*p == io) {
            *p = io->next_again;
            io->is_again = false;
            break;
        }
}

void io_reset(struct loop *loop, struct io *io)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    if (io->fd >= 0)
        setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    io_close(loop, io);
}

void io_again(struct loop *loop, struct io *io)
{
    if (io->is_again || io->fd < 0)
        return;
    io->is_again = true;
    io->next_again = loop->again;
    loop->again = io;
}

ssize_t io_read(struct io *io, void *buf, size_t n)
{
    ssize_t r;

    if (io->layer)
        return io->layer->read(io, buf, n);
    do
        r = recv(io->fd, buf, n, 0);
    while (r < 0 && errno == EINTR);
    if (r < 0) {
        if (errno == EAGAIN)
            io->is_readable = false;
        return -errno;
    }
    /* A short read has emptied the socket: a byte that comes later makes a new event. After a
     * hang-up none comes. */
    if ((size_t)r < n && !io->is_hangup)
        io->is_readable = false;
    return r;
}

ssize_t io_write(struct io *io, const struct iovec *iov, int n)
{
    ssize_t r;

    if (io->layer)
        return io->layer->write(io, iov, n);
    do {
        if (n == 1) {
            r = send(io->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
        } else {
            struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
            r = sendmsg(io->fd, &message, MSG_NOSIGNAL);
        }
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

void io_shutdown(struct io *io)
{
    if (io->layer)
        io->layer->shutdown(io);
    shutdown(io->fd, SHUT_WR);
}
