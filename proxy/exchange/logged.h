/* X-Amz-Log-Type: Tail, to a version of kind http: its response goes on as it comes, with weir's
 * own log of the invocation in a field. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_LOGGED_H
#define WEIR_PROXY_EXCHANGE_LOGGED_H

#include "proxy/exchange/exchange.h"

extern const struct exchange_filter logged_http;

#endif
