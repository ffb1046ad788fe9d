/* What a connection's socket did not take yet. It holds memory only while it is behind, and
 * never much: whoever feeds it pauses as soon as it is not empty. The connection's own thread. */
#ifndef WEIR_PROXY_IO_BACKLOG_H
#define WEIR_PROXY_IO_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/io/io.h"

/* What is still to be sent on a connection; zero is empty. */
struct backlog {
    char *data;
    size_t at, len, room; /* bytes [at, len) of data wait */
};

static inline bool backlog_is_empty(const struct backlog *b)
{
    return b->at == b->len;
}

/* Sends what waits. 0: all gone, 1: some is left, or a negative errno. */
int backlog_send(struct backlog *b, struct io *io) __attribute__((warn_unused_result));
/* Keeps a copy of bytes; 0 or -ENOMEM. */
int backlog_keep(struct backlog *b, const void *p, size_t n) __attribute__((warn_unused_result));
void backlog_fini(struct backlog *b);

#endif
