/* The cookie that a caller without a key gets, beside whatever the endpoint sets. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_ISSUE_H
#define WEIR_PROXY_EXCHANGE_ISSUE_H

#include "proxy/exchange/assign.h"
#include "proxy/exchange/exchange.h"
#include "router/alias_terms.h"

enum { ISSUE_MAX = 1024 };

/* The value of Set-Cookie (RFC 6265 section 4.1), terminated; its length. */
size_t issue_write(char out[ISSUE_MAX], const struct alias_source *source, struct str id);

/* Adds it to the response of the exchange. Where memory is short the caller gets none, and is a new
 * one the next time. */
void issue_cookie(struct exchange *ex, const struct issued *issued);

#endif
