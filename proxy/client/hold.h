/* Invocations that have to show who asks: on listeners with invoke_authorization, and on connections
 * of the admin listener.
 *
 * A signature covers the body. So the request is held, byte for byte as it comes, until its body is
 * complete and its signature right; then the connection reads it again as if it came just now.
 * Nothing of it has reached the exchange before. Worker thread. */
#ifndef WEIR_PROXY_CLIENT_HOLD_H
#define WEIR_PROXY_CLIENT_HOLD_H

#include "proxy/client/conn.h"

/* A complete head, whose bytes stand at head->base, on a listener with a guard: whether it may go
 * on at once. Else it is held (CLIENT_HELD: give hold_take what follows), or has been refused. */
bool hold_admits(struct client *c, const struct head *head);

/* What follows the head of a request that is held. */
void hold_take(struct client *c, const char *cursor, const char *end);

/* The client is idle, and what was held waits to be read again: the next of it. */
bool hold_has_bytes(const struct client *c);
void hold_replay(struct client *c);

/* Clears the pointer, which may be NULL. */
void hold_free(struct hold **hold);

#endif
