/* Connections whose exchange is over while their endpoint still works on the request.
 *
 * A runtime interface emulator runs one invocation at a time, goes on with it when nobody waits for
 * it any more, and dies of a second one. So its connection is kept, and with it the slot
 * (worker/slots.h), until the answer has come or the connection has ended. Worker thread. */
#ifndef WEIR_PROXY_UPSTREAM_ABANDON_H
#define WEIR_PROXY_UPSTREAM_ABANDON_H

#include "proxy/upstream/pool.h"

/* Takes over an active connection of the pool whose request has been sent, or is being sent, and
 * clears the pointer. limits is copied, its own_field included in w's settings of now. Where memory
 * is short the connection is closed. */
void abandon_take(struct pool *pool, struct upstream **upstream, const struct head_limits *limits);

/* Closes all of them: the worker ends. */
void abandon_end(struct worker *w);

#endif
