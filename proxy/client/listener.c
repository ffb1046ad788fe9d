/* Listening. Each worker has a socket of its own per address (SO_REUSEPORT): the kernel spreads
 * connections over them and no lock is shared. */
#include "proxy/client/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/client/client.h"
#include "proxy/http/reply.h"

enum { BACKLOG = 4096, ACCEPTS_PER_EVENT = 64, REST_MS = 50 };

/* ---- Opening --------------------------------------------------------------------------------- */

/* Splits at the last colon; brackets of IPv6 addresses go. */
static int resolve(const char *address, struct sockaddr_storage *out, socklen_t *len)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;

    if (!colon || (size_t)(colon - address) >= sizeof(host))
        return -1;
    size_t n = (size_t)(colon - address);
    memcpy(host, address, n);
    host[n] = 0;
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = 0;
    }
    int r = getaddrinfo(host[0] ? host : "0.0.0.0", colon + 1, &hints, &list);
    if (r != 0) {
        log_error("cannot listen on %s: %s", address, gai_strerror(r));
        return -1;
    }
    memcpy(out, list->ai_addr, list->ai_addrlen);
    *len = list->ai_addrlen;
    freeaddrinfo(list);
    return 0;
}

static int open_one(const struct sockaddr_storage *address, socklen_t len, bool is_shared)
{
    int one = 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    /* Accepted sockets inherit it: one call here instead of one per connection. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (is_shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)address, len) < 0 ||
        (is_shared && listen(fd, BACKLOG) < 0)) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

static void name_of(const struct sockaddr_storage *address, char *name, size_t room)
{
    char text[INET6_ADDRSTRLEN];

    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
        snprintf(name, room, "[%s]:%u", text, ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
        snprintf(name, room, "%s:%u", text, ntohs(v4->sin_port));
    }
}

static int complain(const char *address, int error)
{
    if (error == -EADDRINUSE)
        log_error("cannot listen on %s: another program listens there already; stop it or choose "
                  "another port "
                  "(--listen)",
                  address);
    else
        log_error("cannot listen on %s: %s", address, strerror(-error));
    return -1;
}

/* With SO_REUSEPORT a second weir could share the port unnoticed: a first socket without it finds
 * out. */
int listener_open(const char *address, int *fds, int nr, char *name, size_t name_room)
{
    struct sockaddr_storage where;
    socklen_t len;

    if (resolve(address, &where, &len) < 0)
        return -1;
    int probe = open_one(&where, len, false);
    if (probe < 0)
        return complain(address, probe);
    getsockname(probe, (struct sockaddr *)&where, &len);
    if (listen(probe, 1) < 0) {
        int r = -errno;
        close(probe);
        return complain(address, r);
    }
    close(probe);
    for (int i = 0; i < nr; i++) {
        fds[i] = open_one(&where, len, true);
        if (fds[i] < 0) {
            int r = fds[i];
            while (--i >= 0)
                close(fds[i]);
            return complain(address, r);
        }
    }
    name_of(&where, name, name_room);
    return 0;
}

/* ---- Accepting ------------------------------------------------------------------------------- */

static void take_spare(struct worker *w)
{
    if (w->spare_fd < 0)
        w->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static size_t write_refusal(char *p, struct worker *w)
{
    char id[FORWARD_ID];
    struct reply reply = {.status = 503,
                          .type = "ServiceException",
                          .message = "weir is out of file descriptors just now.",
                          .request_id = id,
                          .hsts_line = "",
                          .is_close = true};
    size_t body_bytes;

    forward_make_id(w, id);
    return (size_t)(reply_write(p, w, &reply, &body_bytes) - p);
}

/* Out of descriptors: one is given up to take the next connection and refuse it, instead of leaving
 * it to wait. False when another thread was faster to take the descriptor. */
static bool refuse_one(struct listener *l)
{
    struct worker *w = l->worker;
    char bytes[REPLY_MAX];
    int fd;

    if (w->spare_fd < 0)
        return false;
    close(w->spare_fd);
    w->spare_fd = -1;
    fd = accept4(l->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        metrics_add(&w->metrics->rejections[METRICS_REJECTION_DESCRIPTORS], 1);
        /* Reading first keeps the close from resetting the connection under the answer. */
        if (!l->is_tls && recv(fd, bytes, sizeof(bytes), 0) >= -1)
            (void)!send(fd, bytes, write_refusal(bytes, w), MSG_NOSIGNAL);
        close(fd);
    }
    take_spare(w);
    return fd >= 0;
}

/* What waits to be accepted would wake the loop again at once: look away for a moment. */
static void rest(struct listener *l)
{
    struct loop *loop = &l->worker->loop;

    io_rest_listener(loop, &l->io);
    l->rest.kind = WORKER_DEADLINE_LISTENER;
    wheel_set(&loop->wheel, &l->rest.node, loop->now_ms + REST_MS);
}

static bool is_short_of_something(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_ready(struct loop *loop, struct io *io, uint32_t events)
{
    struct listener *l = (struct listener *)io;
    struct sockaddr_storage peer;

    (void)loop;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        socklen_t len = sizeof(peer);
        int fd = accept4(io->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (is_short_of_something(errno) && !refuse_one(l))
                rest(l);
            return;
        }
        if (client_open(l, fd, &peer) < 0)
            metrics_add(&l->worker->metrics->rejections[METRICS_REJECTION_NO_MEMORY], 1);
    }
}

void listener_on_deadline(struct listener *l)
{
    take_spare(l->worker);
    io_wake_listener(&l->worker->loop, &l->io);
}

void listener_take_settings(struct listener *l, const struct settings *s)
{
    const struct listener_settings *mine = &s->listeners[l->index];

    l->is_tls = mine->is_tls;
    l->is_redirect = mine->redirect_to_https;
    l->redirect_port = mine->redirect_port;
    l->hsts_line[0] = 0;
    if (mine->is_tls && mine->hsts_max_age_s > 0)
        snprintf(l->hsts_line, sizeof(l->hsts_line), "Strict-Transport-Security: max-age=%u\r\n",
                 mine->hsts_max_age_s);
}

int listener_start(struct listener *l, struct worker *w, int fd, int index)
{
    l->worker = w;
    l->index = index;
    listener_take_settings(l, w->tuning->settings);
    return io_open_listener(&w->loop, &l->io, fd, on_ready);
}

void listener_stop(struct listener *l)
{
    if (l->io.fd < 0)
        return;
    on_ready(&l->worker->loop, &l->io, 0);
    wheel_forget(&l->worker->loop.wheel, &l->rest.node);
    io_close(&l->worker->loop, &l->io);
}
