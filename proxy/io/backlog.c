/* Keeping bytes and sending them later. */
#include "proxy/io/backlog.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int backlog_keep(struct backlog *b, const void *p, size_t n)
{
    if (b->at == b->len)
        b->at = b->len = 0;
    if (b->len + n > b->room) {
        size_t room = b->room ? b->room : 4096;
        while (room < b->len + n)
            room *= 2;
        char *grown = realloc(b->data, room);
        if (!grown)
            return -ENOMEM;
        b->data = grown;
        b->room = room;
    }
    memcpy(b->data + b->len, p, n);
    b->len += n;
    return 0;
}

/* The memory goes back at once: a connection that is not behind holds none. */
void backlog_fini(struct backlog *b)
{
    free(b->data);
    memset(b, 0, sizeof(*b));
}

void backlog_hold(struct backlog *b)
{
    assert(backlog_is_empty(b));
    b->at = BACKLOG_HELD;
    b->len = 0;
}

void backlog_release(struct backlog *b)
{
    assert(backlog_is_held(b));
    b->at = 0;
}

int backlog_send(struct backlog *b, struct io *io)
{
    if (backlog_is_held(b))
        return 1;
    while (b->at < b->len) {
        struct iovec piece = {b->data + b->at, b->len - b->at};
        ssize_t n = io_write(io, &piece, 1);
        if (n == -EAGAIN)
            return 1;
        if (n < 0)
            return (int)n;
        b->at += (size_t)n;
    }
    backlog_fini(b);
    return 0;
}
