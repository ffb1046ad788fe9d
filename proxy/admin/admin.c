/* The admin listener: accepts, and rests where the process is short of something. What comes on a
 * connection is admin_conn.c's. */
#include "proxy/admin/admin.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/io/acceptor.h"
#include "proxy/worker/shared.h"

enum { REST_MS = 50 };

struct admin {
    struct acceptor *acceptor;
    struct loop_garbage garbage;
    struct deadline rest;
    struct shared *shared;
    struct admin_conns conns;
};

static void on_rested(struct deadline *deadline)
{
    struct admin *a = (struct admin *)((char *)deadline - offsetof(struct admin, rest));

    acceptor_resume(a->acceptor);
}

/* What waits to be accepted would wake the loop again at once: look away for a moment. */
static void rest(struct admin *a)
{
    acceptor_rest(a->acceptor);
    a->rest.expired = on_rested;
    wheel_set(&a->conns.loop->wheel, &a->rest.node, a->conns.loop->now_ms + REST_MS);
}

static void on_accept(void *owner, int listening_fd)
{
    struct admin *a = owner;
    const struct api_hooks *hooks = a->conns.hooks;
    int fd = accept4(listening_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    bool is_tls;

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            rest(a);
        return;
    }
    is_tls = hooks->settings(hooks->context)->admin_tls.certificate;
    assert(!is_tls || a->shared->tls); /* published together */
    admin_conn_open(&a->conns, fd, is_tls ? a->shared->tls : NULL);
}

void admin_adopt_take(struct admin *a, struct handover **handover)
{
    admin_conn_adopt_take(&a->conns, handover);
}

struct admin *admin_open(struct loop *loop, int fd, const struct api_hooks *hooks,
                         struct shared *shared, struct admin_invokes invokes)
{
    struct admin *a = calloc(1, sizeof(*a));

    if (!a) {
        close(fd);
        return NULL;
    }
    a->shared = shared;
    a->conns.loop = loop;
    a->conns.hooks = hooks;
    a->conns.invokes = invokes;
    prng_init(&a->conns.rng);
    LIST_INIT(&a->conns.list);
    a->acceptor = acceptor_open(loop, fd, on_accept, a);
    if (!a->acceptor) {
        free(a);
        return NULL;
    }
    return a;
}

static void free_admin(struct loop_garbage *garbage)
{
    free((char *)garbage - offsetof(struct admin, garbage));
}

void admin_close(struct admin **admin)
{
    struct admin *a = *admin;

    *admin = NULL;
    admin_conn_close_all(&a->conns);
    wheel_forget(&a->conns.loop->wheel, &a->rest.node);
    acceptor_close(&a->acceptor);
    loop_discard(a->conns.loop, &a->garbage, free_admin);
}
