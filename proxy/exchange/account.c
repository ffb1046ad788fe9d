/* Counting and logging. */
#include "proxy/exchange/account.h"

#include "metrics/accesslog.h"

static void write_log(struct exchange *ex, uint64_t total_us, struct str outcome)
{
    const struct request *r = &ex->request;
    const struct version *version = ex->arm ? ex->arm->version : NULL;
    struct accesslog_entry entry = {
        .unix_us = ex->start_unix_us,
        .request_id = {r->request_id, ID_LENGTH},
        .client = ex->from.address,
        .method = r->method,
        .target = r->target,
        .host = r->host,
        .protocol = ex->minor ? STR("HTTP/1.1") : STR("HTTP/1.0"),
        .status = ex->status,
        .outcome = outcome,
        .bytes_in = ex->bytes_in,
        .bytes_out = ex->bytes_out,
        .connect_us = ex->connect_us,
        .head_us = ex->head_us,
        .total_us = (int64_t)total_us,
        .retries = (int)ex->nr_retries,
        .is_upstream_reused = ex->was_reused,
        .user_agent = r->user_agent,
    };

    if (r->has_trace_id)
        entry.trace_id = (struct str){r->trace_id, REQUEST_TRACE_ID};
    if (ex->target) {
        entry.function = ex->target->function->name;
        entry.alias = ex->target->alias;
    }
    if (version)
        entry.version = version->name;
    if (ex->run && ex->run != ex->arm)
        entry.executed_version = ex->run->version->name;
    if (ex->endpoint)
        entry.endpoint = (struct str){ex->endpoint->url, ex->endpoint->url_len};
    if (ex->worker->log)
        accesslog_write(ex->worker->log, &entry);
}

static void count(struct exchange *ex, uint64_t total_us)
{
    struct metrics_cell *cell = ex->cell;

    if (!cell)
        return;
    metrics_add(&cell->responses[ex->status / 100 < 6 ? ex->status / 100 : 0], 1);
    if (ex->outcome != METRICS_ERROR_NONE)
        metrics_add(&cell->errors[ex->outcome], 1);
    metrics_observe(cell, total_us);
    metrics_end(cell);
}

void account_exchange(struct exchange *ex, uint64_t total_us, struct str outcome)
{
    count(ex, total_us);
    write_log(ex, total_us, outcome);
}

void account_unread(struct worker *w, const struct request_caller *from, const char *request_id,
                    int status, size_t bytes_out, enum metrics_rejection why)
{
    struct accesslog_entry entry = {
        .unix_us = loop_unix_us(&w->loop),
        .request_id = {request_id, ID_LENGTH},
        .client = from->address,
        .status = status,
        .bytes_out = bytes_out,
        .outcome = str_of(metrics_rejection_labels[why]),
        .connect_us = -1,
        .head_us = -1,
        .total_us = -1,
    };

    metrics_add(&w->metrics->rejections[why], 1);
    if (w->log)
        accesslog_write(w->log, &entry);
}
