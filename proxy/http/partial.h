/* A head that did not arrive in one read: its bytes so far, contiguous, and what the parser made
 * of them. Most connections never need one. */
#ifndef WEIR_PROXY_HTTP_PARTIAL_H
#define WEIR_PROXY_HTTP_PARTIAL_H

#include "proxy/http/http1.h"
#include "proxy/io/io.h"

struct partial {
    struct head head;
    char *bytes;
    size_t len, room;
    bool is_kept; /* by the feed that is going on */
};

/* The parser wants more after n bytes at data. Keeps them in *partial, which is made if it is
 * NULL; data may lie within it. The parser goes on with the head in it. 0 or -ENOMEM. */
int partial_keep(struct partial **partial, struct http1 *parser, const char *data, size_t n)
    __attribute__((warn_unused_result));

/* Frees and clears; NULL is fine. */
void partial_free(struct partial **partial);

/* The two halves of partial_read, for bytes that come from elsewhere: where the next ones go, and
 * how many (0 or -ENOMEM); so many have come. */
int partial_room(struct partial *partial, char **at, size_t *room)
    __attribute__((warn_unused_result));
void partial_begin(struct partial *partial, size_t new_bytes);

/* For partial_read: reads behind what is kept. */
ssize_t partial_read_more(struct partial *partial, struct io *io, struct str *bytes)
    __attribute__((warn_unused_result));

/* Reads once: behind a head that is kept, else into the buffer. *bytes are those to feed, all of
 * the kept head's or only the new ones; call partial_finish afterwards. Answers as io_read, and
 * -ENOMEM. */
static inline __attribute__((always_inline, warn_unused_result)) ssize_t
partial_read(struct partial *partial, struct io *io, char *buffer, size_t room, struct str *bytes)
{
    if (partial)
        return partial_read_more(partial, io, bytes);
    ssize_t n = io_read(io, buffer, room);
    *bytes = (struct str){buffer, n > 0 ? (size_t)n : 0};
    return n;
}

/* The bytes have been fed: a head that they completed is kept no longer. */
static inline void partial_finish(struct partial **partial)
{
    if (*partial && !(*partial)->is_kept)
        partial_free(partial);
}

#endif
