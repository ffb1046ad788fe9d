/* What a connection's socket did not take yet. It holds memory only while it is behind, and
 * never much: whoever feeds it pauses as soon as it is not empty. The connection's own thread. */
#ifndef WEIR_PROXY_IO_BACKLOG_H
#define WEIR_PROXY_IO_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/io/io.h"

/* What is still to be sent on a connection; zero is empty. While it is held it is not empty, and
 * sends nothing. */
struct backlog {
    char *data;
    size_t at, len, room; /* bytes [at, len) of data wait; at is BACKLOG_HELD: all, until release */
};

static const size_t BACKLOG_HELD = SIZE_MAX;

static inline bool backlog_is_empty(const struct backlog *b)
{
    return b->at == b->len;
}

/* Sends what waits. 0: all gone, 1: some is left, or a negative errno. */
int backlog_send(struct backlog *b, struct io *io) __attribute__((warn_unused_result));
/* Keeps a copy of bytes; 0 or -ENOMEM. */
int backlog_keep(struct backlog *b, const void *p, size_t n) __attribute__((warn_unused_result));
void backlog_fini(struct backlog *b);

static inline bool backlog_is_held(const struct backlog *b)
{
    return b->at == BACKLOG_HELD;
}
/* From now on nothing is sent. Nothing waits yet. */
void backlog_hold(struct backlog *b);
/* What waits by now can be sent. It was held. */
void backlog_release(struct backlog *b);

#endif
