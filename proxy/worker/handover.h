/* Connections on their way between the admin listener and the workers: an Invoke that comes on the
 * admin listener is a worker's to serve, and what comes after it is the admin listener's again.
 *
 *     admin_conn --> handover --> queue of a worker --> client      (an Invoke's head has come)
 *     client --> handover --> queue of the control loop --> admin_conn   (another head has come)
 *
 * Nothing is under way on a connection that is handed over: the bytes of the next request, as far
 * as they were read, go with it, and so does its TLS session. One owner at a time: who puts a
 * handover into a queue gives it away. */
#ifndef WEIR_PROXY_WORKER_HANDOVER_H
#define WEIR_PROXY_WORKER_HANDOVER_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/str.h"
#include "proxy/io/io.h"

struct handover {
    STAILQ_ENTRY(handover) link; /* the queue's */
    struct io_baggage io;
    bool has_certificate; /* the client has shown one that admin.tls.client_ca vouches for */
    char *bytes;
    size_t n;
};

struct handover_queue {
    pthread_mutex_t lock;
    STAILQ_HEAD(, handover) list;
    bool is_closed;
};

/* With a copy of the bytes, and without a socket yet; NULL when out of memory. Any thread, as for
 * the rest. */
struct handover *handover_make(struct str bytes);
/* Closes its socket. Clears the pointer; NULL is fine. */
void handover_free(struct handover **handover);

void handover_queue_init(struct handover_queue *queue);
/* Closes what is still in it. */
void handover_queue_fini(struct handover_queue *queue);

/* False where the queue is closed, and then the handover remains the caller's; else *handover is
 * cleared. The taker is woken by the caller. */
bool handover_put_take(struct handover_queue *queue, struct handover **handover)
    __attribute__((warn_unused_result));
/* The oldest, the caller's from now on, or NULL. */
struct handover *handover_get(struct handover_queue *queue);
/* Closes it, unless something is in it: false. */
bool handover_close_if_empty(struct handover_queue *queue);

#endif
