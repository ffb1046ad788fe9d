/* Bytes that were read together with a request and stand behind it: the next ones, pipelined.
 * They wait here until the connection gets to them, one request at a time. What is left of them
 * stays where it is, so that many small requests in one read cost no copy each. The connection's
 * own thread. */
#ifndef WEIR_PROXY_HTTP_LEFTOVER_H
#define WEIR_PROXY_HTTP_LEFTOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Zero is empty. */
struct leftover {
    char *bytes;    /* owned */
    size_t at, len; /* bytes [at, len) wait */
};

static inline bool leftover_is_empty(const struct leftover *l)
{
    return l->at == l->len;
}

/* Keeps n bytes at data: a copy, or, where they are the end of those that leftover_begin gave
 * out, those. Nothing else waits. 0 or -ENOMEM. */
int leftover_keep(struct leftover *l, const char *data, size_t n)
    __attribute__((warn_unused_result));

/* Keeps a copy of n more bytes behind those that wait. 0 or -ENOMEM. */
int leftover_add(struct leftover *l, const char *data, size_t n)
    __attribute__((warn_unused_result));

/* Gives out all that waits; valid until leftover_finish. */
struct str leftover_begin(struct leftover *l);

/* The bytes that leftover_begin gave out have been used, but for those that were kept again. */
void leftover_finish(struct leftover *l);

/* Frees and empties. */
void leftover_fini(struct leftover *l);

#endif
