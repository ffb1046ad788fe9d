/* What an exchange leaves behind: its counters and its line in the access log. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_ACCOUNT_H
#define WEIR_PROXY_EXCHANGE_ACCOUNT_H

#include "proxy/exchange/exchange.h"

/* An exchange that is over, however it went. outcome is the log's word for it: "ok", or the label of an error or a rejection. */
void account_exchange(struct exchange *ex, uint64_t total_us, struct str outcome);

/* A request that never became an exchange, because its head could not be read or was redirected; bytes_out: its answer's body. */
void account_unread(struct worker *w, const struct request_caller *from, const char *request_id, int status,
                    size_t bytes_out, enum metrics_rejection why);

#endif
