/* What an exchange leaves behind: its counters and its line in the access log. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_ACCOUNT_H
#define WEIR_PROXY_EXCHANGE_ACCOUNT_H

#include "metrics/accesslog.h"
#include "metrics/metrics.h"
#include "proxy/exchange/request.h"
#include "proxy/worker/worker.h"

/* An exchange that is over, however it went. cell: of what was picked, NULL where nothing was, or
 * memory was short. log: NULL where there is none. */
void account_exchange(struct metrics_cell *cell, struct accesslog_ring *log,
                      const struct accesslog_entry *entry, bool is_function_error,
                      enum metrics_error why);

/* A request that never became an exchange, because its head could not be read or was redirected;
 * bytes_out: its answer's body; detail: why, for the log; NULL: nothing more to say. */
void account_unread(struct worker *w, const struct request_caller *from, const char *request_id,
                    int status, size_t bytes_out, enum metrics_rejection why, const char *detail);

#endif
