/* A head that did not arrive in one read: its bytes so far, contiguous, and what the parser made of them. Most connections never need one. */
#ifndef WEIR_PROXY_HTTP_PARTIAL_H
#define WEIR_PROXY_HTTP_PARTIAL_H

#include "proxy/http/http1.h"

struct partial {
    struct http1_head head;
    char *bytes;
    size_t len, room;
    bool is_kept; /* by the feed that is going on */
};

/* The parser wants more after n bytes at data. Keeps them in *partial, which is made if it is NULL; data may lie within it. The parser goes
 * on with the head in it. 0 or -ENOMEM. */
int partial_keep(struct partial **partial, struct http1 *parser, const char *data, size_t n)
    __attribute__((warn_unused_result));

/* Where the next bytes are to be read to, and how many. 0 or -ENOMEM. */
int partial_room(struct partial *partial, char **at, size_t *room) __attribute__((warn_unused_result));

/* Around a feed of the whole of partial: frees it afterwards unless the feed kept it. */
void partial_begin(struct partial *partial, size_t new_bytes);
void partial_finish(struct partial **partial);

/* Frees and clears; NULL is fine. */
void partial_free(struct partial **partial);

#endif
