/* Gathering and sending. */
#include "proxy/outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/io.h"

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

int outbox_flush(struct outbox *o, struct io *io, struct backlog *b)
{
    int first = 0, result = 0;

    while (backlog_is_empty(b) && first < o->nr_pieces) {
        ssize_t n = io_write(io, &o->pieces[first], o->nr_pieces - first);
        if (n == -EAGAIN)
            break;
        if (n < 0) {
            result = (int)n;
            goto out;
        }
        advance(o, &first, (size_t)n);
        /* A short write means that the socket is full; the event for room is on its way. */
        if (first < o->nr_pieces)
            break;
    }
    for (; first < o->nr_pieces && result == 0; first++)
        result = backlog_keep(b, o->pieces[first].iov_base, o->pieces[first].iov_len);
    if (result == 0 && !backlog_is_empty(b))
        result = 1;
out:
    o->nr_pieces = 0;
    o->flat_len = 0;
    return result;
}
