/* An HTTP request as the event that a function gets from its URL (proxy/payload/payload_event.h):
 * what of the request, its client and its connection goes into it. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_URLEVENT_H
#define WEIR_PROXY_EXCHANGE_URLEVENT_H

#include "base/buffer.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/pick.h"

/* Appends the event of a gathered request to out; body is the request's. choice has picked, and has
 * terms, path, query and the request's id. */
void urlevent_write(struct buffer *out, struct exchange *ex, const struct head *head,
                    const struct choice *choice, struct str body);

#endif
