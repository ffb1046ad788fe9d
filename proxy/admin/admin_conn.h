/* A connection of the admin listener: reads requests for control/api.h, writes the answers. Control
 * thread. */
#ifndef WEIR_PROXY_ADMIN_ADMIN_CONN_H
#define WEIR_PROXY_ADMIN_ADMIN_CONN_H

#include <sys/queue.h>

#include "base/prng.h"
#include "control/api.h"
#include "proxy/http/head.h"
#include "proxy/io/loop.h"

enum { ADMIN_CONNECTIONS_MAX = 256, ADMIN_READ_BYTES = 16384 };

struct admin_conn;
struct handover;
struct tls_server;

/* Where requests that invoke go, which the admin listener does not serve itself: the connection is
 * handed over to a worker, and may come back by admin_adopt_take. */
struct admin_invokes {
    void (*hand_over)(void *context, struct handover **handover); /* clears the pointer */
    void *context;
};

/* All connections of a listener, and what they share. The listener owns it and fills in loop,
 * hooks, invokes and rng; the rest begins as zeros. */
struct admin_conns {
    struct loop *loop;
    const struct api_hooks *hooks;
    struct admin_invokes invokes;
    struct prng rng;
    LIST_HEAD(, admin_conn) list;
    int nr;
    struct head scratch; /* of the head that is being read; a request that waits has a copy */
    char buffer[ADMIN_READ_BYTES];
};

/* Takes an accepted, non-blocking socket; tls is NULL where the listener speaks none. The
 * socket is closed where there are too many already, or no memory for one more. */
void admin_conn_open(struct admin_conns *all, int fd, struct tls_server *tls);

/* Takes a connection back from a worker, between two requests. Clears the pointer; without memory
 * the connection is closed. */
void admin_conn_adopt_take(struct admin_conns *all, struct handover **handover);

/* The loop frees what they use. */
void admin_conn_close_all(struct admin_conns *all);

#endif
