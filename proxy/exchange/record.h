/* What an exchange leaves behind when it ends, and what its tunnel takes along. Below exchange.c.
 * Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_RECORD_H
#define WEIR_PROXY_EXCHANGE_RECORD_H

#include "proxy/exchange/exchange.h"

/* Counts it, and writes its line into the access log. It still has its lease. */
void record_end(struct exchange *ex, struct str outcome);

/* An open tunnel must not keep its table: the names that the log will want move behind the request,
 * of which nothing is sent any more. Without memory for them the table stays. */
void record_outlive_table(struct exchange *ex);

#endif
