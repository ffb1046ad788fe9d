/* InvokeWithResponseStream: responses of kind http and rie go to the client in the frames of an
 * event stream, each piece as it comes. The last frame says how it went: a stream never ends
 * silently. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_FRAMED_H
#define WEIR_PROXY_EXCHANGE_FRAMED_H

#include "proxy/exchange/exchange.h"

extern const struct exchange_filter framed_http;
/* For exchanges that have been gathered. What may be a function's error is held back until it is
 * known to be one, or not. */
extern const struct exchange_filter framed_rie;

#endif
