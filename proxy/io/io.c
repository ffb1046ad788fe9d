/* Sockets on a loop. */
#include "proxy/io/io.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/io/loop.h"

int io_open(struct loop *loop, struct io *io, int fd, io_ready *on_ready)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = io};

    assert(loop->is_awake);
    memset(io, 0, sizeof(*io));
    io->on_ready = on_ready;
    io->fd = fd;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        int r = -errno;
        close(fd);
        io->fd = -1;
        return r;
    }
    loop->has_news = true; /* often bytes wait already, or the connection is made at once */
    return 0;
}

/* It does not ask to be called again any more. */
static void forget_again(struct loop *loop, struct io *io)
{
    for (struct io **p = &loop->again; io->is_again && *p; p = &(*p)->next_again)
        if (*p == io) {
            *p = io->next_again;
            io->is_again = false;
            break;
        }
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
    forget_again(loop, io);
}

void io_depart(struct loop *loop, struct io *io, struct io_baggage *out)
{
    assert(io->fd >= 0);
    *out = (struct io_baggage){io->fd, io->layer, io->layer_state};
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    io->layer = NULL;
    io->fd = -1;
    forget_again(loop, io);
}

int io_arrive(struct loop *loop, struct io *io, struct io_baggage *baggage, io_ready *on_ready)
{
    struct io_baggage b = *baggage;
    int r;

    *baggage = (struct io_baggage){.fd = -1};
    r = io_open(loop, io, b.fd, on_ready);
    if (r < 0) { /* which has closed it */
        b.fd = -1;
        io_drop(&b);
        return r;
    }
    io->layer = b.layer;
    io->layer_state = b.layer_state;
    if (io->layer)
        io->layer->moved(io);
    io->is_readable = true;
    return 0;
}

void io_drop(struct io_baggage *baggage)
{
    struct io io = {
        .fd = baggage->fd, .layer = baggage->layer, .layer_state = baggage->layer_state};

    if (io.layer) {
        io.layer->moved(&io);
        io.layer->free(&io);
    }
    if (io.fd >= 0)
        close(io.fd);
    *baggage = (struct io_baggage){.fd = -1};
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

/* glibc's recv and send are points where a thread can be cancelled, which costs 35 instructions a
 * call; nobody cancels a worker. The sanitizers look at the calls that they know. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RECEIVE(fd, buf, n) recv(fd, buf, n, 0)
#define SEND(fd, buf, n)    send(fd, buf, n, MSG_NOSIGNAL)
#else
#define RECEIVE(fd, buf, n) syscall(SYS_recvfrom, fd, buf, n, 0, NULL, NULL)
#define SEND(fd, buf, n)    syscall(SYS_sendto, fd, buf, n, MSG_NOSIGNAL, NULL, 0)
#endif

ssize_t io_read(struct io *io, void *buf, size_t n)
{
    ssize_t r;

    if (io->layer)
        return io->layer->read(io, buf, n);
    do
        r = RECEIVE(io->fd, buf, n);
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
            r = SEND(io->fd, iov->iov_base, iov->iov_len);
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

void io_keep_alive(int fd)
{
    static const int one = 1, idle_s = 60, interval_s = 15;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
}
