/* Writing: what one event has to say to one peer is gathered in the worker's outbox, then sent
 * with one call; what the socket does not take goes to the connection's backlog, and whoever fed
 * it pauses until that is gone.
 *
 * Small pieces are copied one behind the other, so that a head with a small body is one flat
 * write; large bodies are written from where they were read. */
#ifndef WEIR_PROXY_IO_OUTBOX_H
#define WEIR_PROXY_IO_OUTBOX_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "proxy/io/backlog.h"

/* The flat part takes the largest head of a response whole: client/respond_head.c asserts that. */
enum { OUTBOX_PIECES = 64, OUTBOX_FLAT = 160 * 1024, OUTBOX_COPY_MAX = 4096 };

/* One per worker, empty between events. While it holds something it belongs to one connection:
 * who puts bytes into it asks for it with outbox_of, and that connection alone may send them. */
struct outbox {
    const struct io *owner; /* means nothing while it is empty */
    char *flat;
    size_t flat_len;
    int nr_pieces;
    struct iovec pieces[OUTBOX_PIECES];
};

int outbox_init(struct outbox *o) __attribute__((warn_unused_result));
void outbox_fini(struct outbox *o);

static inline bool outbox_is_empty(const struct outbox *o)
{
    return o->nr_pieces == 0;
}

/* The outbox, to gather bytes for that connection; nobody else's lie in it. */
static inline struct outbox *outbox_of(struct outbox *o, const struct io *io)
{
    assert(outbox_is_empty(o) || o->owner == io);
    o->owner = io;
    return o;
}

/* For the end of each event. Bytes left behind would be sent to whoever comes next. */
static inline void outbox_must_be_empty(const struct outbox *o)
{
    assert(outbox_is_empty(o));
}

/* Forgets what has not been flushed: it belonged to an exchange that is given up, and the next
 * flush is for another socket. */
static inline void outbox_drop(struct outbox *o)
{
    o->nr_pieces = 0;
    o->flat_len = 0;
}

/* Whether n more bytes in up to three pieces fit; if not, flush first. */
static inline bool outbox_has_room(const struct outbox *o, size_t n)
{
    return o->flat_len + n <= OUTBOX_FLAT && o->nr_pieces + 3 <= OUTBOX_PIECES;
}

/* Room for n bytes in the flat buffer, to be filled by the caller and then claimed with
 * outbox_claim. */
static inline char *outbox_reserve(struct outbox *o)
{
    return o->flat + o->flat_len;
}

static inline void outbox_claim(struct outbox *o, size_t n)
{
    struct iovec *last = &o->pieces[o->nr_pieces - 1];

    if (o->nr_pieces > 0 && (char *)last->iov_base + last->iov_len == o->flat + o->flat_len)
        last->iov_len += n;
    else
        o->pieces[o->nr_pieces++] = (struct iovec){o->flat + o->flat_len, n};
    o->flat_len += n;
}

static inline void outbox_copy(struct outbox *o, const void *p, size_t n)
{
    memcpy(outbox_reserve(o), p, n);
    outbox_claim(o, n);
}

/* Bytes that stay where they are until the flush. */
static inline void outbox_refer(struct outbox *o, const void *p, size_t n)
{
    o->pieces[o->nr_pieces++] = (struct iovec){(void *)p, n};
}

/* Sends all, or keeps it in the backlog behind what waits there. 0: all gone, 1: the backlog
 * holds some, or a negative errno. Empties the outbox in every case. */
int outbox_flush(struct outbox *o, struct io *io, struct backlog *b)
    __attribute__((warn_unused_result));

#endif
