/* Gathering and sending. */
#include "proxy/io/outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/io/io.h"

int outbox_init(struct outbox *o)
{
    memset(o, 0, sizeof(*o));
    o->flat = malloc(OUTBOX_FLAT);
    return o->flat ? 0 : -ENOMEM;
}

void outbox_fini(struct outbox *o)
{
    free(o->flat);
    o->flat = NULL;
}

/* Skips n bytes that were sent, from piece *first on. */
static void advance(struct outbox *o, int *first, size_t n)
{
    while (n > 0 && n >= o->pieces[*first].iov_len)
        n -= o->pieces[(*first)++].iov_len;
    if (n > 0) {
        o->pieces[*first].iov_base = (char *)o->pieces[*first].iov_base + n;
        o->pieces[*first].iov_len -= n;
    }
}

static int finish(struct outbox *o, int result)
{
    outbox_drop(o);
    return result;
}

/* What the socket did not take, from piece first on. */
static int keep_rest(struct outbox *o, int first, struct backlog *b)
{
    int result = 0;

    for (; first < o->nr_pieces && result == 0; first++)
        result = backlog_keep(b, o->pieces[first].iov_base, o->pieces[first].iov_len);
    return finish(o, result == 0 && !backlog_is_empty(b) ? 1 : result);
}

int outbox_flush(struct outbox *o, struct io *io, struct backlog *b)
{
    int first = 0;

    assert(outbox_is_empty(o) || o->owner == io);
    if (o->nr_pieces == 0 || !backlog_is_empty(b))
        return keep_rest(o, 0, b);
    ssize_t n = io_write(io, o->pieces, o->nr_pieces);
    /* Nearly always all is one piece, and the socket takes it. */
    if (o->nr_pieces == 1 && n == (ssize_t)o->pieces[0].iov_len)
        return finish(o, 0);
    if (n < 0 && n != -EAGAIN)
        return finish(o, (int)n);
    /* A short write means that the socket is full; the event for room is on its way. */
    if (n > 0)
        advance(o, &first, (size_t)n);
    return keep_rest(o, first, b);
}
