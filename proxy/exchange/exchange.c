/* Exchanges. What the states mean for a failure of the endpoint decides everything else:
 *
 *     WAITING     nothing was sent: try again on the same version, whatever the method
 *     REQUESTING  the endpoint may have the request: try again only if it is idempotent, all of it
 *                 is still here, and the connection was a pooled one that said nothing (it was
 * dead) RESPONDING  the client has part of the answer: it is cut off, visibly
 *
 * Request bodies go into the block that holds the head as long as they fit there, so that they can
 * be sent again; after that they stream. */
#include "proxy/exchange/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "metrics/accesslog.h"
#include "proxy/exchange/account.h"
#include "proxy/exchange/failure.h"
#include "proxy/exchange/pick.h"
#include "proxy/exchange/upgrade.h"
#include "proxy/exchange/upload.h"

enum { CHUNKED_BODY_ROOM = 512 };

static void set_out(struct exchange *ex);
static const struct upstream_events events;
static const struct pool_waiter_events waiter_events;

/* ---- States ---------------------------------------------------------------------------------- */

/* The one place where a state changes. From REQUESTING on a connection is there; while one is on
 * its way the exchange is WAITING. */
static void go_to(struct exchange *ex, enum exchange_state state)
{
    struct metrics_worker *m = ex->worker->metrics;

    assert(ex->state != EXCHANGE_OVER);
    switch (state) {
    case EXCHANGE_WAITING: /* again */
        assert(ex->state <= EXCHANGE_REQUESTING && !ex->upstream);
        break;
    case EXCHANGE_REQUESTING:
        assert(ex->state == EXCHANGE_WAITING && ex->upstream);
        break;
    case EXCHANGE_RESPONDING:
        assert(ex->state == EXCHANGE_REQUESTING && ex->upstream);
        break;
    case EXCHANGE_TUNNEL:
        assert(ex->state == EXCHANGE_RESPONDING && ex->upstream);
        metrics_add(&m->upgrades, 1);
        metrics_add(&m->upgrades_open, 1);
        break;
    case EXCHANGE_OVER:
        assert(!ex->upstream && !pool_is_waiting(&ex->waiter));
        if (ex->state == EXCHANGE_TUNNEL)
            metrics_sub(&m->upgrades_open, 1);
        break;
    }
    ex->state = state;
}

static void go_to_place(struct exchange *ex, const struct place *place)
{
    ex->endpoint = place->endpoint;
    attempt_begin(&ex->attempt, place);
}

/* ---- Ending ---------------------------------------------------------------------------------- */

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

static void account(struct exchange *ex, struct str outcome)
{
    const struct request *r = &ex->request;

    fill_names(ex);
    struct accesslog_entry entry = {
        .unix_us = ex->start_unix_us,
        .request_id = {r->request_id, ID_LENGTH},
        .client = ex->from.address,
        .method = r->method,
        .target = r->target,
        .host = r->host,
        .protocol = ex->minor ? STR("HTTP/1.1") : STR("HTTP/1.0"),
        .function = ex->names.function,
        .alias = ex->names.alias,
        .version = ex->names.version,
        .executed_version = ex->names.executed_version,
        .endpoint = ex->names.endpoint,
        .status = ex->status,
        .outcome = outcome,
        .bytes_in = ex->bytes_in,
        .bytes_out = ex->bytes_out,
        .connect_us = ex->connect_us,
        .head_us = ex->head_us,
        .total_us = (int64_t)(clock_us() - ex->start_us),
        .retries = (int)ex->nr_retries,
        .is_upstream_reused = ex->was_reused,
        .user_agent = r->user_agent,
    };
    if (r->has_trace_id)
        entry.trace_id = (struct str){r->trace_id, REQUEST_TRACE_ID};
    account_exchange(ex->cell, ex->worker->log, &entry, ex->outcome);
}

/* The end of every exchange: account, then let go of everything. A connection that may carry others
 * has gone back to its pool before; one that is still here is closed, whatever it was about. */
static void finish(struct exchange *ex, struct str outcome)
{
    struct worker *w = ex->worker;

    if (pool_is_waiting(&ex->waiter))
        pool_forget_waiter(&ex->waiter);
    if (ex->upstream)
        pool_put(ex->pool, &ex->upstream, false);
    go_to(ex, EXCHANGE_OVER);
    account(ex, outcome);
    in_flight_leave(&ex->in_flight);
    request_fini(&ex->request, w);
    if (ex->lease)
        lease_unref(&ex->lease);
}

/* ---- Failing --------------------------------------------------------------------------------- */

/* weir's own answer where the client has none yet. The exchange is over. */
static void answer(struct exchange *ex, int status, const char *type, const char *message,
                   struct str outcome)
{
    const struct exchange_front *front = ex->front;

    ex->status = status;
    front->error(ex, status, type, message);
    finish(ex, outcome);
    front->over(ex);
}

static void give_up(struct exchange *ex, enum metrics_error why)
{
    const struct exchange_front *front = ex->front;
    struct failure failure = failure_of(why);

    ex->outcome = why;
    if (ex->state < EXCHANGE_RESPONDING ||
        (ex->state == EXCHANGE_RESPONDING && front->retract(ex))) {
        answer(ex, failure.status, failure.type, failure.message,
               str_of(metrics_error_labels[why]));
        return;
    }
    front->cut(ex);
    finish(ex, str_of(metrics_error_labels[why]));
    front->over(ex);
}

static bool is_before_sending(enum metrics_error why)
{
    return why == METRICS_ERROR_CONNECT || why == METRICS_ERROR_CONNECT_TIMEOUT ||
           why == METRICS_ERROR_TLS || why == METRICS_ERROR_RESOLVE;
}

static bool may_retry(const struct exchange *ex, enum metrics_error why, bool is_silent)
{
    if (ex->state >= EXCHANGE_RESPONDING || !ex->is_request_replayable ||
        ex->nr_retries >= ex->tuning->settings->upstream.retries)
        return false;
    if (ex->state == EXCHANGE_WAITING)
        return is_before_sending(why);
    return why == METRICS_ERROR_RESET && is_silent && ex->was_reused &&
           (ex->is_idempotent || !ex->is_request_sent);
}

/* Makes ready for another attempt on the same version: at another place if there is one, else at
 * the same. False when it may not be, memory is short, or a name has no address and there is no
 * other place. */
static bool prepare_retry(struct exchange *ex, enum metrics_error why, bool is_silent)
{
    struct place before = {ex->endpoint, ex->pool ? ex->pool->origin : NULL}, other;

    if (!may_retry(ex, why, is_silent))
        return false;
    other = balance_choose(ex->worker, ex->run->version, &before);
    if ((!other.endpoint && why == METRICS_ERROR_RESOLVE) || !worker_may_retry(ex->worker))
        return false;
    ex->nr_retries++;
    if (ex->cell)
        metrics_add(&ex->cell->retries, 1);
    ex->is_retry_fresh = ex->was_reused;
    ex->was_reused = ex->is_request_sent = false;
    go_to(ex, EXCHANGE_WAITING);
    if (!other.endpoint) {
        attempt_begin(&ex->attempt, &before);
        return true;
    }
    if (other.endpoint != ex->endpoint &&
        request_retarget(&ex->request, ex->worker, other.endpoint) < 0)
        return false;
    go_to_place(ex, &other);
    return true;
}

/* Nothing was sent: the other addresses of the name are tried within the time for one connection,
 * and that counts as no retry. */
static bool prepare_next_address(struct exchange *ex, enum metrics_error why)
{
    return ex->state == EXCHANGE_WAITING && why != METRICS_ERROR_RESOLVE &&
           is_before_sending(why) && attempt_next(&ex->attempt, ex->worker, ex->endpoint);
}

static void note_failure(struct exchange *ex, enum metrics_error why, bool is_silent)
{
    bool is_endpoints_fault = why != METRICS_ERROR_OVERLOAD && why != METRICS_ERROR_INTERNAL;

    if (is_endpoints_fault && ex->endpoint && !(is_silent && ex->was_reused))
        balance_on_failure(ex->worker, ex->endpoint, ex->pool);
}

/* The connection, or the wait for one, has come to nothing. */
static void fail(struct exchange *ex, enum metrics_error why, bool is_silent)
{
    if (ex->upstream)
        pool_put(ex->pool, &ex->upstream, false);
    note_failure(ex, why, is_silent);
    if (prepare_next_address(ex, why) || prepare_retry(ex, why, is_silent))
        set_out(ex);
    else
        give_up(ex, why);
}

void exchange_abort(struct exchange *ex, enum metrics_error why)
{
    if (ex->state == EXCHANGE_OVER)
        return;
    ex->outcome = why;
    /* Pieces of the request refer to its block, and would reach whoever is sent to next. */
    outbox_drop(&ex->worker->outbox);
    finish(ex, str_of(metrics_error_labels[why]));
}

/* ---- The request ----------------------------------------------------------------------------- */

static bool takes_body(const struct exchange *ex)
{
    return ex->state != EXCHANGE_OVER && (ex->upstream || ex->state == EXCHANGE_WAITING);
}

void exchange_body(struct exchange *ex, struct str span)
{
    ex->bytes_in += span.n;
    if (takes_body(ex) && upload_body(ex, span) < 0)
        give_up(ex, METRICS_ERROR_INTERNAL);
}

void exchange_end(struct exchange *ex, struct str trailers)
{
    ex->is_request_complete = true;
    if (takes_body(ex) && upload_end(ex, trailers) < 0)
        give_up(ex, METRICS_ERROR_INTERNAL);
}

void exchange_flush(struct exchange *ex)
{
    if (ex->state != EXCHANGE_OVER)
        upload_flush(ex);
}

/* ---- Getting a connection -------------------------------------------------------------------- */

static uint32_t max_connections(const struct exchange *ex)
{
    uint32_t own = ex->run->version->max_connections;

    return own ? own : ex->tuning->settings->limits.upstream_connections;
}

static uint32_t connect_ms(const struct exchange *ex)
{
    uint32_t own = ex->run->version->connect_ms;

    return own ? own : ex->tuning->settings->timeouts.connect_ms;
}

static void begin_request(struct exchange *ex)
{
    go_to(ex, EXCHANGE_REQUESTING);
    ex->connect_us = (int64_t)(ex->worker->loop.now_us - ex->start_us);
}

/* Asks for a connection, and again while that is refused at once. The exchange is REQUESTING then
 * with one that was kept, or WAITING to be told what it comes to, or OVER. */
static void acquire(struct exchange *ex)
{
    for (;;) {
        enum metrics_error error = METRICS_ERROR_INTERNAL;
        enum pool_result result = POOL_REFUSED;
        struct pool_wish wish = {
            .user = &ex->user,
            .waiter = &ex->waiter,
            .is_fresh = ex->is_retry_fresh,
            .max_connections = max_connections(ex),
            .is_over_all = ex->run->version->max_connections > 0,
            .connect_ms = connect_ms(ex),
        };

        assert(ex->state == EXCHANGE_WAITING && ex->endpoint && !ex->upstream);
        assert(ex->attempt.origin);
        if (ex->endpoint->origin->name)
            wish.connect_ms =
                attempt_share_ms(&ex->attempt, ex->worker, ex->endpoint, wish.connect_ms);
        ex->pool = pool_of(ex->worker, ex->attempt.origin);
        if (ex->pool)
            result = pool_acquire(ex->pool, &wish, &ex->upstream, &error);
        if (result == POOL_READY) {
            ex->was_reused = true;
            begin_request(ex);
        }
        if (result != POOL_REFUSED)
            return;
        note_failure(ex, error, true);
        if (!prepare_next_address(ex, error) && !prepare_retry(ex, error, true)) {
            give_up(ex, error);
            return;
        }
    }
}

static void on_drained(struct upstream_user *user)
{
    struct exchange *ex = (struct exchange *)user;

    if (ex->state == EXCHANGE_REQUESTING)
        upstream_wait(ex->upstream, ex->is_request_complete ? upload_response_head_ms(ex) : 0);
    if (ex->is_client_paused) {
        ex->is_client_paused = false;
        ex->front->resume(ex);
    }
}

/* The request goes out, as far as it has come. */
static void send_first(struct exchange *ex)
{
    upload_flush(ex);
    if (ex->state == EXCHANGE_REQUESTING && ex->is_client_paused &&
        !upstream_has_unsent(ex->upstream))
        on_drained(&ex->user);
}

/* Asks for a connection where the client side does not flush afterwards. */
static void set_out(struct exchange *ex)
{
    acquire(ex);
    if (ex->state == EXCHANGE_REQUESTING) /* a kept connection serves at once */
        send_first(ex);
}

static void on_connected(struct upstream_user *user)
{
    struct exchange *ex = (struct exchange *)user;

    begin_request(ex);
    send_first(ex);
}

static void on_failed(struct upstream_user *user, struct upstream *u, enum metrics_error why,
                      bool is_silent)
{
    struct exchange *ex = (struct exchange *)user;

    assert(ex->upstream == u);
    fail(ex, why, is_silent);
}

static struct exchange *of_waiter(struct pool_waiter *waiter)
{
    return (struct exchange *)((char *)waiter - offsetof(struct exchange, waiter));
}

static void on_turn(struct pool_waiter *waiter)
{
    struct exchange *ex = of_waiter(waiter);

    if (attempt_resume(&ex->attempt, ex->worker, ex->endpoint, ex->pool))
        set_out(ex);
    else
        fail(ex, METRICS_ERROR_UNAVAILABLE, true);
}

static void on_waited_in_vain(struct pool_waiter *waiter, enum metrics_error why)
{
    fail(of_waiter(waiter), why, true);
}

static const struct pool_waiter_events waiter_events = {.turn = on_turn,
                                                        .failed = on_waited_in_vain};

/* ---- Starting -------------------------------------------------------------------------------- */

static int reject(struct exchange *ex, int status, const char *type, const char *message,
                  enum metrics_rejection why)
{
    id_make(&ex->worker->rng, ex->request.request_id);
    metrics_add(&ex->worker->metrics->rejections[why], 1);
    answer(ex, status, type, message, str_of(metrics_rejection_labels[why]));
    return -1;
}

static void init(struct exchange *ex, const struct head *head, const struct request_caller *from)
{
    ex->from = *from;
    ex->lease = NULL;
    ex->target = NULL;
    ex->arm = ex->run = NULL;
    ex->endpoint = NULL;
    ex->cell = NULL;
    ex->upstream = NULL;
    ex->pool = NULL;
    ex->in_flight = (struct in_flight){.function = NULL};
    ex->waiter.on = &waiter_events;
    ex->waiter.pool = NULL;
    ex->waiter.has_turn = ex->waiter.has_slot = false;
    ex->waiter.slots.state = SLOTS_NONE;
    ex->user.on = &events;
    ex->user.related = ex->client;
    ex->user.limits = &ex->tuning->response_limits;
    ex->user.is_head = head->is_head;
    ex->user.is_upgrade = false;
    ex->names = (struct exchange_names){.function = {NULL, 0}};
    ex->request.block = NULL;
    ex->request.user_agent = ex->request.upgrade = (struct str){NULL, 0};
    ex->request.has_trace_id = false;
    ex->request.host = (struct str){NULL, 0};
    ex->request.method = head_method(head);
    ex->request.target = head_target(head);
    if (head->host >= 0)
        ex->request.host = head_value(head, &head->fields[head->host]);
    ex->state = EXCHANGE_WAITING;
    ex->request_body = head->body;
    ex->minor = head->minor;
    ex->is_idempotent = head->is_idempotent;
    ex->is_request_complete = head->body == BODY_NONE;
    ex->is_request_sent = false;
    ex->is_request_replayable = true;
    ex->is_client_paused = ex->is_retry_fresh = ex->was_reused = false;
    ex->status = 0;
    ex->outcome = METRICS_ERROR_NONE;
    ex->nr_retries = 0;
    ex->start_us = ex->worker->loop.now_us;
    ex->start_unix_us = loop_unix_us(&ex->worker->loop);
    ex->bytes_in = ex->bytes_out = 0;
    ex->connect_us = ex->head_us = -1;
    metrics_add(&ex->worker->metrics->requests, 1);
}

/* The first invocation of the arm on this worker, or at all. */
static __attribute__((noinline)) struct metrics_cell *make_cell(struct exchange *ex,
                                                                struct arm *arm)
{
    return metrics_cell(ex->worker->metrics, table_series(ex->lease->table, ex->target, arm));
}

static struct metrics_cell *cell_of(struct exchange *ex, struct arm *arm)
{
    uint32_t series = atomic_load_explicit(&arm->series, memory_order_relaxed);
    struct metrics_cell *cell = metrics_slots_find(&ex->worker->metrics->cells, series);

    return cell ? cell : make_cell(ex, arm);
}

/* The endpoint to use; a version without a healthy one runs elsewhere only if the alias asks for
 * that. */
static bool find_endpoint(struct exchange *ex)
{
    struct place place = balance_choose(ex->worker, ex->arm->version, NULL);

    ex->run = ex->arm;
    go_to_place(ex, &place);
    if (ex->endpoint || !ex->target->is_failover)
        return ex->endpoint != NULL;
    struct arm *other = pick_other_arm(ex->worker, ex->target, ex->arm);
    if (!other)
        return false;
    ex->run = other;
    place = balance_choose(ex->worker, other->version, NULL);
    go_to_place(ex, &place);
    struct metrics_cell *cell = cell_of(ex, other);
    if (cell)
        metrics_add(&cell->runs, 1);
    return ex->endpoint != NULL;
}

static size_t body_room(const struct head *head)
{
    if (head->body == BODY_CHUNKED)
        return CHUNKED_BODY_ROOM;
    return head->body == BODY_LENGTH && head->content_length <= OUTBOX_COPY_MAX
               ? (size_t)head->content_length
               : 0;
}

/* Method and size are refused before a version is drawn: such a request is no invocation. */
static int check_request(struct exchange *ex, const struct head *head)
{
    const struct settings *s = ex->tuning->settings;

    if (head->is_connect || (head->is_trace && !s->allow_trace))
        return reject(ex, 501, "NotImplementedException", "CONNECT and TRACE are not served here.",
                      METRICS_REJECTION_METHOD);
    if (head->has_max_forwards && head->max_forwards == 0) {
        ex->request.method = head_method(head);
        id_make(&ex->worker->rng, ex->request.request_id);
        answer(ex, 200, NULL, "The request was to go no further than this proxy (Max-Forwards: 0).",
               STR("ok"));
        return -1;
    }
    if (s->limits.body_bytes > 0 && head->body == BODY_LENGTH &&
        head->content_length > s->limits.body_bytes)
        return reject(ex, 413, "RequestEntityTooLargeException",
                      "The body is larger than this proxy takes.",
                      METRICS_REJECTION_BODY_TOO_LARGE);
    return 0;
}

/* No version is to run: something is wrong, or it is a dry run. */
static int refuse(struct exchange *ex, const struct head *head, const struct choice *choice)
{
    request_find_trace(&ex->request, head);
    if (choice->status != 204)
        return reject(ex, choice->status, choice->type, choice->message, choice->rejection);
    ex->target = choice->target;
    id_make(&ex->worker->rng, ex->request.request_id);
    answer(ex, choice->status, NULL, NULL, STR("dry_run"));
    return -1;
}

int exchange_start(struct exchange *ex, const struct head *head, const struct request_caller *from)
{
    struct worker *w = ex->worker;
    struct choice choice;
    int r;

    init(ex, head, from);
    if (check_request(ex, head) < 0)
        return -1;
    r = pick_version(&choice, w, head);
    ex->lease = choice.lease;
    if (r < 0)
        return refuse(ex, head, &choice);
    ex->target = choice.target;
    ex->arm = choice.arm;
    ex->cell = cell_of(ex, ex->arm);
    if (ex->cell)
        metrics_add(&ex->cell->picks, 1);
    bool has_endpoint = find_endpoint(ex);
    ex->user.is_upgrade =
        !choice.request.is_invoke && ex->run->version->allow_upgrade && upgrade_may_pass(head);
    ex->user.stream_idle_ms = ex->run->version->stream_idle_ms
                                  ? ex->run->version->stream_idle_ms
                                  : ex->tuning->settings->timeouts.stream_idle_ms;
    choice.request.is_upgrade = ex->user.is_upgrade;
    choice.request.body_room = body_room(head);
    /* Without an endpoint the request is made for any, for the log's sake. */
    const struct endpoint *endpoint = has_endpoint ? ex->endpoint : &ex->run->version->endpoints[0];
    if (request_make(&ex->request, w, ex->tuning, head, endpoint, from, &choice.request) < 0) {
        id_make(&w->rng, ex->request.request_id);
        give_up(ex, METRICS_ERROR_INTERNAL);
        return -1;
    }
    if (!has_endpoint) {
        give_up(ex, METRICS_ERROR_UNAVAILABLE);
        return -1;
    }
    if (!in_flight_enter(&ex->in_flight, ex->target->function, ex->run->version,
                         ex->tuning->settings->limits.in_flight)) {
        ex->outcome = METRICS_ERROR_OVERLOAD;
        answer(ex, 429, "TooManyRequestsException", "Rate Exceeded.",
               str_of(metrics_error_labels[METRICS_ERROR_OVERLOAD]));
        return -1;
    }
    acquire(ex);
    return ex->state == EXCHANGE_OVER ? -1 : 0;
}

/* ---- The response ---------------------------------------------------------------------------- */

/* What the front answers decides whether the endpoint is read on. */
static bool go_on(struct exchange *ex, int r)
{
    if (r == 0)
        return true;
    if (ex->upstream)
        upstream_pause(ex->upstream);
    return r > 0;
}

static bool on_interim(struct upstream_user *user, const struct head *head)
{
    struct exchange *ex = (struct exchange *)user;

    return ex->minor == 0 || go_on(ex, ex->front->interim(ex, head));
}

static bool is_gateway_error(int status)
{
    return status == 502 || status == 503 || status == 504;
}

/* An open tunnel must not keep its table: the names that the log will want move behind the request,
 * of which nothing is sent any more. Without memory for them the table stays. */
static void outlive_table(struct exchange *ex)
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
    in_flight_hold(&ex->in_flight);
    ex->target = NULL;
    ex->arm = ex->run = NULL;
    ex->endpoint = NULL;
    lease_unref(&ex->lease);
}

static bool on_head(struct upstream_user *user, const struct head *head, enum body_kind body)
{
    struct exchange *ex = (struct exchange *)user;

    if (head->status == 101 && !upgrade_was_asked_for(ex->request.upgrade, head)) {
        fail(ex, METRICS_ERROR_BAD_RESPONSE, false);
        return false;
    }
    ex->head_us = (int64_t)(ex->worker->loop.now_us - ex->start_us);
    ex->status = head->status;
    /* What goes well is known at its end: else one that always dies in its body would count as
     * well. */
    if (is_gateway_error(head->status))
        balance_on_failure(ex->worker, ex->endpoint, ex->pool);
    else if (head->status == 101)
        balance_on_success(ex->worker, ex->endpoint, ex->pool);
    go_to(ex, EXCHANGE_RESPONDING);
    int r = ex->front->head(ex, head, body);
    if (r >= 0 && head->status == 101) {
        go_to(ex, EXCHANGE_TUNNEL);
        upstream_tunnel(ex->upstream);
        outlive_table(ex);
        ex->front->tunnel(ex);
    }
    return go_on(ex, r);
}

static bool on_body(struct upstream_user *user, struct str span)
{
    struct exchange *ex = (struct exchange *)user;

    ex->bytes_out += span.n;
    return go_on(ex, ex->front->body(ex, span));
}

static bool on_flush(struct upstream_user *user)
{
    struct exchange *ex = (struct exchange *)user;

    return ex->state != EXCHANGE_OVER && go_on(ex, ex->front->flush(ex));
}

static void on_end(struct upstream_user *user, struct str trailers, bool is_reusable)
{
    struct exchange *ex = (struct exchange *)user;
    const struct exchange_front *front = ex->front;

    if (!is_gateway_error(ex->status))
        balance_on_success(ex->worker, ex->endpoint, ex->pool);
    front->end(ex, trailers);
    pool_put(ex->pool, &ex->upstream, is_reusable && ex->is_request_complete);
    finish(ex, str_of(metrics_error_labels[ex->outcome]));
    front->over(ex);
}

void exchange_on_client_left(struct exchange *ex)
{
    ex->outcome = METRICS_ERROR_CLIENT_ABORT;
    exchange_on_client_drained(ex);
}

void exchange_on_client_drained(struct exchange *ex)
{
    if (ex->upstream)
        upstream_resume(ex->upstream);
}

/* ---- Tunnels --------------------------------------------------------------------------------- */

void exchange_tunnel_bytes(struct exchange *ex, struct str bytes)
{
    ex->bytes_in += bytes.n;
    outbox_refer(upstream_outbox(ex->upstream), bytes.p, bytes.n);
    int r = upstream_flush(ex->upstream);
    if (r == 1) {
        ex->is_client_paused = true;
        ex->front->pause(ex);
    } else if (r < 0) {
        exchange_tunnel_end(ex);
    }
}

void exchange_tunnel_end(struct exchange *ex)
{
    const struct exchange_front *front = ex->front;

    front->end(ex, (struct str){NULL, 0});
    finish(ex, STR("ok"));
    front->over(ex);
}

static void on_tunnel_end(struct upstream_user *user)
{
    exchange_tunnel_end((struct exchange *)user);
}

static const struct upstream_events events = {
    .connected = on_connected,
    .failed = on_failed,
    .drained = on_drained,
    .interim = on_interim,
    .head = on_head,
    .body = on_body,
    .tunnel_bytes = on_body,
    .flush = on_flush,
    .end = on_end,
    .tunnel_end = on_tunnel_end,
};
