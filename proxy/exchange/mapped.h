/* What a runtime interface emulator answers, as Lambda would: its status and body say the same
 * things in other ways (docs/invoke.md has the table). The response is gathered, then given to the
 * client. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_MAPPED_H
#define WEIR_PROXY_EXCHANGE_MAPPED_H

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/standin.h"

/* For exchanges that have been gathered and whose version is of kind rie. */
extern const struct exchange_filter mapped_rie;

/* What Lambda would answer to the whole response that was gathered. Strings lie in ex->gathered, in
 * out, or last as long as the process. */
struct standin mapped_answer(const struct exchange *ex, char out[STANDIN_ERROR_MAX]);

#endif
