/* Listening sockets as handles of libuv. */
#include "proxy/io/acceptor.h"

#include <stdlib.h>
#include <unistd.h>

struct acceptor {
    uv_poll_t poll; /* first */
    struct loop *loop;
    acceptor_ready *on_ready;
    void *owner;
    int fd;
};

/* An error shows in accept, which its owner calls. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct acceptor *a = (struct acceptor *)poll;

    (void)status;
    (void)events;
    loop_wake_up(a->loop);
    a->on_ready(a->owner, a->fd);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

void acceptor_rest(struct acceptor *a)
{
    (void)uv_poll_stop(&a->poll);
}

void acceptor_resume(struct acceptor *a)
{
    /* The handle is open and the descriptor known: it cannot fail. */
    (void)uv_poll_start(&a->poll, UV_READABLE, on_poll);
}

struct acceptor *acceptor_open(struct loop *loop, int fd, acceptor_ready *on_ready, void *owner)
{
    struct acceptor *a = malloc(sizeof(*a));

    if (!a || uv_poll_init(&loop->uv, &a->poll, fd) < 0) {
        close(fd);
        free(a);
        return NULL;
    }
    a->loop = loop;
    a->on_ready = on_ready;
    a->owner = owner;
    a->fd = fd;
    acceptor_resume(a);
    return a;
}

int acceptor_fd(const struct acceptor *a)
{
    return a->fd;
}

void acceptor_close(struct acceptor **acceptor)
{
    struct acceptor *a = *acceptor;

    *acceptor = NULL;
    if (!a)
        return;
    (void)uv_poll_stop(&a->poll);
    close(a->fd);
    uv_close((uv_handle_t *)&a->poll, on_closed);
}
