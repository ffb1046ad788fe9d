/* The client side of exchanges on HTTP/1 connections (struct exchange_front): writes responses. */
#ifndef WEIR_PROXY_CLIENT_RESPOND_H
#define WEIR_PROXY_CLIENT_RESPOND_H

#include "proxy/client/conn.h"
#include "proxy/http/reply.h"

extern const struct exchange_front respond_front;

/* Puts weir's own answer into the outbox and sends it. is_close: say so, and end the connection
 * after it. Answers how many bytes of it are body. Worker thread. */
size_t respond_own(struct client *c, const struct reply *reply);

#endif
