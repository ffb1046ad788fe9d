/* A request that is gathered before a version is drawn for it: its head as text, its payload in one
 * piece, checked while it comes. And a response that is gathered before it is passed on, because
 * only its end tells what it means.
 *
 * It belongs to one exchange, and does nothing by itself. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_GATHERED_H
#define WEIR_PROXY_EXCHANGE_GATHERED_H

#include "base/buffer.h"
#include "base/jsoncheck.h"
#include "proxy/exchange/pick.h"
#include "proxy/http/head.h"
#include "proxy/worker/worker.h"

struct gathered {
    struct buffer head;    /* the request's, as it came */
    struct buffer payload; /* of the request, until it is sent; then of the response */
    uint64_t limit;        /* of payload, in bytes */
    bool is_too_large;     /* it would have been longer */
    bool is_checked;       /* it has to be JSON */
    struct jsoncheck check;
    /* Of the response: */
    int status;
    bool is_held;   /* nothing of it was passed on: it may be an error */
    bool has_begun; /* its head was passed on */
    bool is_marked; /* it has the field by which a runtime marks errors */
};

/* NULL when out of memory. */
struct gathered *gathered_make(const struct head *head, uint64_t limit, bool is_checked);

/* Clears the pointer, which may be NULL. */
void gathered_free(struct gathered **gathered);

/* The next bytes; what is over the limit is not kept. 0, or -ENOMEM. */
int gathered_add(struct gathered *gathered, struct str bytes) __attribute__((warn_unused_result));

/* Of a complete payload: 0, or -1 with the refusal of what is wrong with it. An empty one is right:
 * no event, for Lambda. */
int gathered_complain(const struct gathered *gathered, bool is_event, struct choice *refusal);

/* Reads the kept head again, into the worker's made_head: that of a request whose body is the
 * payload, whatever its framing was. It is valid until the worker makes another head. NULL when it
 * cannot be read, which of a head that was read before never happens. */
struct head *gathered_head(struct gathered *gathered, struct worker *w);

/* From now on it gathers a response. */
void gathered_turn(struct gathered *gathered, uint64_t limit);

#endif
