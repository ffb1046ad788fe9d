/* Names and numbers of an exchange, for the log. */
#include "proxy/exchange/record.h"

#include "base/clock.h"
#include "base/text.h"
#include "metrics/accesslog.h"
#include "proxy/exchange/account.h"
#include "proxy/exchange/observe.h"

static void fill_names(struct exchange *ex)
{
    struct exchange_names *names = &ex->names;

    if (!ex->target)
        return;
    names->function = ex->target->function->name;
    names->alias = ex->target->alias;
    if (!ex->arm) /* a dry run picks no version */
        return;
    names->version = ex->arm->version->name;
    if (ex->run != ex->arm)
        names->executed_version = ex->run->version->name;
    if (ex->endpoint)
        names->endpoint = (struct str){ex->endpoint->url, ex->endpoint->url_len};
}

/* By enum picked. */
static const struct str pick_names[] = {
    [PICKED_NAMED] = {NULL, 0},          [PICKED_EXACT] = {"exact", 5},
    [PICKED_RANDOM] = {"random", 6},     [PICKED_STICKY] = {"sticky", 6},
    [PICKED_PIN] = {"pin", 3},           [PICKED_OVERRIDE] = {"override", 8},
    [PICKED_EXCLUDED] = {"excluded", 8}, [PICKED_DEFERRED] = {"deferred", 8},
};

void record_end(struct exchange *ex, struct str outcome)
{
    const struct request *r = &ex->request;

    observe_end(ex);
    fill_names(ex);
    struct accesslog_entry entry = {
        .unix_us = ex->start_unix_us,
        .request_id = {r->request_id, ID_LENGTH},
        .client = exchange_client(ex),
        .method = r->method,
        .target = r->target,
        .host = r->host,
        .protocol = ex->minor ? STR("HTTP/1.1") : STR("HTTP/1.0"),
        .function = ex->names.function,
        .alias = ex->names.alias,
        .version = ex->names.version,
        .executed_version = ex->names.executed_version,
        .endpoint = ex->names.endpoint,
        .pick = pick_names[ex->picked],
        .has_key = ex->caller.is_known,
        .key = ex->caller.hash,
        .status = ex->status,
        .outcome = outcome,
        .detail = ex->fault ? str_of(ex->fault) : (struct str){0},
        .bytes_in = ex->bytes_in,
        .bytes_out = ex->bytes_out,
        .connect_us = ex->connect_us,
        .head_us = ex->head_us,
        .total_us = (int64_t)(clock_us() - ex->start_us),
        .retries = (int)ex->nr_retries,
        .is_upstream_reused = ex->was_reused,
        .user_agent = r->user_agent,
        .attempt = ex->order ? ex->order->attempt : 0,
    };
    if (r->has_trace_id)
        entry.trace_id = (struct str){r->trace_id, REQUEST_TRACE_ID};
    account_exchange(ex->cell, ex->worker->log, &entry, ex->is_function_error, ex->outcome);
}

void record_outlive_table(struct exchange *ex)
{
    struct request *r = &ex->request;
    struct exchange_names *names = &ex->names;
    struct str *each[] = {&names->function, &names->alias, &names->version,
                          &names->executed_version, &names->endpoint};
    size_t n = r->head_at + r->head_len + r->body_len;
    size_t room = n;

    fill_names(ex);
    for (int i = 0; i < 5; i++)
        room += each[i]->n;
    if (room > r->room && request_grow(r, ex->worker, room) < 0)
        return;
    char *p = r->block + n;
    for (int i = 0; i < 5; i++) {
        struct str name = {p, each[i]->n};
        p = text_str(p, *each[i]);
        *each[i] = name;
    }
    observe_end(ex);
    in_flight_hold(&ex->in_flight);
    ex->target = NULL;
    ex->arm = ex->run = NULL;
    ex->endpoint = NULL;
    lease_unref(&ex->lease);
}
