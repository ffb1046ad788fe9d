/* Counting and logging. */
#include "proxy/exchange/account.h"

/* Is it the version's failure, whatever the client was told? */
static bool is_versions(enum metrics_error why)
{
    switch (why) {
    case METRICS_ERROR_CONNECT:
    case METRICS_ERROR_CONNECT_TIMEOUT:
    case METRICS_ERROR_RESOLVE:
    case METRICS_ERROR_TLS:
    case METRICS_ERROR_RESPONSE_TIMEOUT:
    case METRICS_ERROR_STREAM_TIMEOUT:
    case METRICS_ERROR_RESET:
    case METRICS_ERROR_BAD_RESPONSE:
    case METRICS_ERROR_UNAVAILABLE:
        return true;
    default:
        return false;
    }
}

void account_exchange(struct metrics_cell *cell, struct accesslog_ring *log,
                      const struct accesslog_entry *entry, bool is_function_error,
                      enum metrics_error why)
{
    if (cell) {
        metrics_add(&cell->responses[entry->status / 100 < 6 ? entry->status / 100 : 0], 1);
        if (why != METRICS_ERROR_NONE)
            metrics_add(&cell->errors[why], 1);
        if (entry->status >= 500 || is_function_error || is_versions(why))
            metrics_add(&cell->failed, 1);
        metrics_observe(cell, (uint64_t)entry->total_us);
        metrics_end(cell);
    }
    if (log)
        accesslog_write(log, entry);
}

void account_unread(struct worker *w, const struct request_caller *from, const char *request_id,
                    int status, size_t bytes_out, enum metrics_rejection why, const char *detail)
{
    struct accesslog_entry entry = {
        .unix_us = loop_unix_us(&w->loop),
        .request_id = {request_id, ID_LENGTH},
        .client = from->address,
        .status = status,
        .bytes_out = bytes_out,
        .outcome = str_of(metrics_rejection_labels[why]),
        .detail = detail ? str_of(detail) : (struct str){0},
        .connect_us = -1,
        .head_us = -1,
        .total_us = -1,
    };

    metrics_add(&w->metrics->rejections[why], 1);
    if (w->log)
        accesslog_write(w->log, &entry);
}
