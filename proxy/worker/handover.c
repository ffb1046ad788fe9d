/* Connections between threads. */
#include "proxy/worker/handover.h"

#include <stdlib.h>
#include <string.h>

struct handover *handover_make(struct str bytes)
{
    struct handover *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->io.fd = -1;
    h->bytes = malloc(bytes.n + 1);
    if (!h->bytes) {
        free(h);
        return NULL;
    }
    memcpy(h->bytes, bytes.p, bytes.n);
    h->n = bytes.n;
    return h;
}

void handover_free(struct handover **handover)
{
    struct handover *h = *handover;

    *handover = NULL;
    if (!h)
        return;
    io_drop(&h->io);
    free(h->bytes);
    free(h);
}

void handover_queue_init(struct handover_queue *q)
{
    pthread_mutex_init(&q->lock, NULL);
    STAILQ_INIT(&q->list);
    q->is_closed = false;
}

void handover_queue_fini(struct handover_queue *q)
{
    struct handover *h;

    while ((h = handover_get(q)))
        handover_free(&h);
    pthread_mutex_destroy(&q->lock);
}

bool handover_put_take(struct handover_queue *q, struct handover **handover)
{
    bool is_open;

    pthread_mutex_lock(&q->lock);
    is_open = !q->is_closed;
    if (is_open)
        STAILQ_INSERT_TAIL(&q->list, *handover, link);
    pthread_mutex_unlock(&q->lock);
    if (is_open)
        *handover = NULL;
    return is_open;
}

struct handover *handover_get(struct handover_queue *q)
{
    struct handover *h;

    pthread_mutex_lock(&q->lock);
    h = STAILQ_FIRST(&q->list);
    if (h)
        STAILQ_REMOVE_HEAD(&q->list, link);
    pthread_mutex_unlock(&q->lock);
    return h;
}

bool handover_close_if_empty(struct handover_queue *q)
{
    bool is_empty;

    pthread_mutex_lock(&q->lock);
    is_empty = STAILQ_EMPTY(&q->list);
    q->is_closed |= is_empty;
    pthread_mutex_unlock(&q->lock);
    return is_empty;
}
