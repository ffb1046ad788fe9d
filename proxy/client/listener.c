/* Accepting connections. The sockets are opened by io/bind.c. */
#include "proxy/client/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "proxy/http/reply.h"

/* CLOSING_MS: so long a listener that closes waits for those whose first packet came before. */
enum { ACCEPTS_PER_EVENT = 64, REST_MS = 50, CLOSING_MS = 100 };

static void take_spare(struct listeners *all)
{
    if (all->spare_fd < 0)
        all->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static size_t write_refusal(char *p, struct worker *w)
{
    char id[ID_LENGTH];
    struct reply reply = {.status = 503,
                          .type = "ServiceException",
                          .message = "weir is out of file descriptors just now.",
                          .request_id = id,
                          .hsts_line = "",
                          .is_close = true};
    size_t body_bytes;

    id_make(&w->rng, id);
    return (size_t)(reply_write(p, worker_date(w), &reply, &body_bytes) - p);
}

/* Out of descriptors: one is given up to take the next connection and refuse it, instead of
 * leaving it to wait. False when another thread was faster to take the descriptor. */
static bool refuse_one(struct listener *l)
{
    struct listeners *all = l->all;
    struct worker *w = all->worker;
    char bytes[REPLY_MAX];
    int fd;

    if (all->spare_fd < 0)
        return false;
    close(all->spare_fd);
    all->spare_fd = -1;
    fd = accept4(acceptor_fd(l->acceptor), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        metrics_add(&w->metrics->rejections[METRICS_REJECTION_DESCRIPTORS], 1);
        /* Reading first keeps the close from resetting the connection under the answer. */
        if (!l->is_tls && recv(fd, bytes, sizeof(bytes), 0) >= -1)
            (void)!send(fd, bytes, write_refusal(bytes, w), MSG_NOSIGNAL);
        close(fd);
    }
    take_spare(all);
    return fd >= 0;
}

static void on_rested(struct deadline *deadline)
{
    struct listener *l = (struct listener *)((char *)deadline - offsetof(struct listener, rest));

    take_spare(l->all);
    acceptor_resume(l->acceptor);
}

/* What waits to be accepted would wake the loop again at once: look away for a moment. */
static void rest(struct listener *l)
{
    struct loop *loop = &l->all->worker->loop;

    acceptor_rest(l->acceptor);
    l->rest.expired = on_rested;
    wheel_set(&loop->wheel, &l->rest.node, loop->now_ms + REST_MS);
}

static bool is_short_of_something(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Takes one connection. False when none waits, or none can be taken now. */
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    int fd = accept4(acceptor_fd(l->acceptor), (struct sockaddr *)&peer, &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
        return true;
    if (fd < 0) {
        if (is_short_of_something(errno) && !refuse_one(l) && !l->is_closing)
            rest(l);
        return false;
    }
    /* A client that was told of a reload finds it in force on the connections that it makes. */
    listener_take_settings(l->all);
    if (l->all->on_accept(l, fd, &peer) < 0)
        metrics_add(&l->all->worker->metrics->rejections[METRICS_REJECTION_NO_MEMORY], 1);
    return true;
}

static void on_ready(void *owner, int fd)
{
    struct listener *l = owner;

    (void)fd;
    for (int i = 0; i < ACCEPTS_PER_EVENT && accept_one(l); i++)
        ;
}

static void configure(struct listener *l, const struct settings *s)
{
    const struct listener_settings *mine = &s->listeners[l->index];

    l->is_tls = mine->is_tls;
    l->is_redirect = mine->redirect_to_https;
    l->redirect_port = mine->redirect_port;
    l->guard = mine->invoke_authorization == SETTINGS_AUTHORIZATION_AWS_IAM ? LISTENER_SIGNED
                                                                            : LISTENER_OPEN;
    l->hsts_line[0] = 0;
    if (mine->is_tls && mine->hsts_max_age_s > 0)
        snprintf(l->hsts_line, sizeof(l->hsts_line), "Strict-Transport-Security: max-age=%u\r\n",
                 mine->hsts_max_age_s);
}

void listener_take_settings(struct listeners *all)
{
    if (!worker_take_settings(all->worker))
        return;
    for (int i = 0; i < all->nr; i++)
        configure(&all->list[i], all->worker->tuning->settings);
}

int listener_init(struct listeners *all, struct worker *w, struct clients *clients,
                  listener_accepted *on_accept, int nr_max)
{
    *all = (struct listeners){.worker = w, .clients = clients, .on_accept = on_accept};
    all->spare_fd = -1;
    take_spare(all);
    for (int i = 0; i < 2; i++) {
        all->admin[i].all = all;
        all->admin[i].index = -1;
        all->admin[i].is_tls = i == 1;
        all->admin[i].guard = LISTENER_ADMIN;
    }
    all->list = calloc((size_t)nr_max, sizeof(*all->list));
    return all->list ? 0 : -ENOMEM;
}

int listener_start(struct listeners *all, int fd)
{
    struct listener *l = &all->list[all->nr];

    l->all = all;
    l->index = all->nr;
    configure(l, all->worker->tuning->settings);
    l->acceptor = acceptor_open(&all->worker->loop, fd, on_ready, l);
    if (!l->acceptor)
        return -ENOMEM;
    all->nr++;
    return 0;
}

/* ---- Closing ---- */

static void close_listener(struct listener *l)
{
    struct loop *loop = &l->all->worker->loop;

    wheel_forget(&loop->wheel, &l->rest.node);
    acceptor_close(&l->acceptor);
}

static void accept_all(struct listener *l)
{
    while (accept_one(l))
        ;
}

static void on_closing_over(struct deadline *deadline)
{
    struct listener *l = (struct listener *)((char *)deadline - offsetof(struct listener, rest));
    struct listeners *all = l->all;

    accept_all(l);
    close_listener(l);
    if (!listener_is_any_open(all) && all->on_closed)
        all->on_closed(all);
}

/* Closing a listening socket resets the connections in its queue, and there is no moment at which
 * the queue is known to be empty. So the kernel is told to drop the first packet of every new
 * connection: its client sends that again a second later, to the next process or to nobody. The
 * program sees TCP's header: byte 13 holds the flags; SYN (2) without ACK (16) is dropped. False
 * where the kernel refuses it. */
static bool drop_new_connections(int fd)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),          BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0;
}

static void stop(struct listener *l)
{
    struct loop *loop = &l->all->worker->loop;

    if (!l->acceptor || l->is_closing)
        return;
    l->is_closing = true;
    wheel_forget(&loop->wheel, &l->rest.node);
    bool is_shut = drop_new_connections(acceptor_fd(l->acceptor));
    accept_all(l);
    if (!is_shut) {
        close_listener(l);
        return;
    }
    acceptor_resume(l->acceptor); /* it may have rested */
    l->rest.expired = on_closing_over;
    wheel_set(&loop->wheel, &l->rest.node, loop->now_ms + CLOSING_MS);
}

void listener_stop(struct listeners *all)
{
    for (int i = 0; i < all->nr; i++)
        stop(&all->list[i]);
}

void listener_close(struct listeners *all)
{
    for (int i = 0; i < all->nr; i++)
        close_listener(&all->list[i]);
}

bool listener_is_any_open(const struct listeners *all)
{
    for (int i = 0; i < all->nr; i++)
        if (all->list[i].acceptor)
            return true;
    return false;
}

void listener_fini(struct listeners *all)
{
    for (int i = 0; i < all->nr; i++)
        acceptor_close(&all->list[i].acceptor);
    free(all->list);
    if (all->worker && all->spare_fd >= 0)
        close(all->spare_fd);
}
