/* The request on its way to the endpoint: what is kept for a repetition, what streams, and when the
 * client is made to pause. Below exchange.c, which decides; nothing here ends an exchange. Worker
 * thread. */
#ifndef WEIR_PROXY_EXCHANGE_UPLOAD_H
#define WEIR_PROXY_EXCHANGE_UPLOAD_H

#include "proxy/exchange/exchange.h"

/* A piece of the body, or its end, of an exchange that waits for a connection or has one. 0, or
 * -ENOMEM where it waits and there is no room to keep it. */
int upload_body(struct exchange *ex, struct str span) __attribute__((warn_unused_result));
int upload_end(struct exchange *ex, struct str trailers) __attribute__((warn_unused_result));

/* Sends what has been gathered, of an exchange that is not over. */
void upload_flush(struct exchange *ex);

/* What was sent so far has gone: how long the endpoint may take to answer counts from now on, if
 * that was all of the request. */
void upload_wait(struct exchange *ex);

#endif
