/* What a runtime interface emulator answers, as Lambda would: its status and body say the same things in
 * other ways (docs/invoke.md has the table). The response is gathered, then given to the client.
 * Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_MAPPED_H
#define WEIR_PROXY_EXCHANGE_MAPPED_H

#include "proxy/exchange/exchange.h"

/* For exchanges that have been gathered and whose version is of kind rie. */
extern const struct exchange_filter mapped_rie;

#endif
