/* The course of exchanges. What the states mean for a failure of the endpoint decides all else:
 *
 *     WAITING     nothing was sent: try again on the same version, whatever the method
 *     REQUESTING  the endpoint may have the request: try again only if it is idempotent, all of it
 *                 is still here, and the connection was a pooled one that said nothing (dead)
 *     RESPONDING  the client has part of the answer: it is cut off, visibly */
#include "proxy/exchange/course.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "proxy/exchange/compose.h"
#include "proxy/exchange/extras.h"
#include "proxy/exchange/failure.h"
#include "proxy/exchange/furl.h"
#include "proxy/exchange/gathered.h"
#include "proxy/exchange/observe.h"
#include "proxy/exchange/record.h"
#include "proxy/exchange/standin.h"
#include "proxy/exchange/upgrade.h"
#include "proxy/exchange/upload.h"
#include "proxy/exchange/warden.h"
#include "proxy/upstream/abandon.h"

static void set_out(struct exchange *ex);

/* ---- States ---------------------------------------------------------------------------------- */

void course_goto(struct exchange *ex, enum exchange_state state)
{
    struct metrics_worker *m = ex->worker->metrics;

    assert(ex->state != EXCHANGE_OVER);
    switch (state) {
    case EXCHANGE_GATHERING:
        assert(ex->state == EXCHANGE_WAITING && ex->gathered);
        break;
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

void course_take_place(struct exchange *ex, const struct place *place)
{
    ex->endpoint = place->endpoint;
    attempt_begin(&ex->attempt, place);
}

/* ---- Ending ---------------------------------------------------------------------------------- */

/* Lets go of a connection in the middle of its work. An emulator goes on with what it was sent. */
static void leave_connection(struct exchange *ex, bool is_alive)
{
    bool is_serial = ex->run && ex->run->version->kind == VERSION_RIE;

    if (is_alive && is_serial && ex->is_request_sent && ex->upstream->state == UPSTREAM_ACTIVE)
        abandon_take(ex->pool, &ex->upstream, ex->user.limits);
    else
        pool_put(ex->pool, &ex->upstream, false);
}

/* What only gathered exchanges have. */
static void end_gathered(struct exchange *ex)
{
    gathered_free(&ex->gathered);
    free(ex->event);
    if (ex->acceptance)
        ex->acceptance->ex = NULL;
}

void course_finish(struct exchange *ex, struct str outcome)
{
    struct worker *w = ex->worker;

    if (pool_is_waiting(&ex->waiter))
        pool_forget_waiter(&ex->waiter);
    if (ex->upstream)
        leave_connection(ex, true);
    course_goto(ex, EXCHANGE_OVER);
    warden_end(ex);
    record_end(ex, outcome);
    in_flight_leave(&ex->in_flight);
    request_fini(&ex->request, w);
    if (ex->gathered)
        end_gathered(ex);
    if (ex->furl)
        furl_free(&ex->furl);
    if (ex->extras)
        extras_free(&ex->extras);
    if (ex->lease)
        lease_unref(&ex->lease);
}

/* ---- Failing --------------------------------------------------------------------------------- */

void course_answer(struct exchange *ex, int status, const char *type, const char *message,
                   struct str outcome)
{
    const struct exchange_front *front = ex->front;

    ex->status = status;
    in_flight_leave(&ex->in_flight);
    front->error(ex, status, type, message);
    course_finish(ex, outcome);
    front->over(ex);
}

/* The front has been given a whole response in the place of the endpoint's. */
static bool is_made_good(struct exchange *ex, enum metrics_error why)
{
    if (ex->filter && ex->filter->gave_up && ex->filter->gave_up(ex, why))
        return true;
    return ex->state < EXCHANGE_RESPONDING && standin_for_timeout(ex, why);
}

/* The client is told, if it has no response yet that it may have seen; else it sees a cut. */
static void end_badly(struct exchange *ex, enum metrics_error why, const struct failure *failure)
{
    const struct exchange_front *front = ex->front;
    struct str outcome = str_of(metrics_error_labels[why]);

    if (ex->state < EXCHANGE_RESPONDING) {
        course_answer(ex, failure->status, failure->type, failure->message, outcome);
        return;
    }
    if (ex->state == EXCHANGE_RESPONDING && front->retract(ex)) {
        ex->bytes_out = 0;
        if (!standin_for_timeout(ex, why)) {
            course_answer(ex, failure->status, failure->type, failure->message, outcome);
            return;
        }
    } else {
        front->cut(ex);
    }
    course_finish(ex, outcome);
    front->over(ex);
}

void course_give_up(struct exchange *ex, enum metrics_error why)
{
    const struct exchange_front *front = ex->front;
    bool is_serial = ex->run && ex->run->version->kind == VERSION_RIE;
    struct failure failure = failure_of(why, is_serial);
    char message[FAILURE_MESSAGE];

    if (why == METRICS_ERROR_BAD_RESPONSE && ex->fault)
        failure_explain(&failure, ex->fault, message);
    warden_gave_up(ex, why);
    ex->outcome = why;
    in_flight_leave(&ex->in_flight);
    if (!is_made_good(ex, why)) {
        end_badly(ex, why, &failure);
        return;
    }
    course_finish(ex, str_of(metrics_error_labels[why]));
    front->over(ex);
}

void course_refuse(struct exchange *ex, enum metrics_error why, struct failure failure)
{
    ex->outcome = why;
    /* What was read before waits for the endpoint: the answer must not stand behind it. */
    outbox_drop(&ex->worker->outbox);
    end_badly(ex, why, &failure);
}

static bool is_before_sending(enum metrics_error why)
{
    return why == METRICS_ERROR_CONNECT || why == METRICS_ERROR_CONNECT_TIMEOUT ||
           why == METRICS_ERROR_TLS || why == METRICS_ERROR_RESOLVE;
}

static bool may_retry(const struct exchange *ex, enum metrics_error why, bool is_silent)
{
    if (ex->state >= EXCHANGE_RESPONDING || !ex->is_request_replayable ||
        (ex->order && ex->order->is_execution) ||
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
    course_goto(ex, EXCHANGE_WAITING);
    if (!other.endpoint) {
        attempt_begin(&ex->attempt, &before);
        return true;
    }
    if (other.endpoint != ex->endpoint && compose_retarget(ex, other.endpoint) < 0)
        return false;
    course_take_place(ex, &other);
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
        leave_connection(ex, why == METRICS_ERROR_RESPONSE_TIMEOUT ||
                                 why == METRICS_ERROR_STREAM_TIMEOUT);
    note_failure(ex, why, is_silent);
    if (prepare_next_address(ex, why) || prepare_retry(ex, why, is_silent))
        set_out(ex);
    else
        course_give_up(ex, why);
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
    course_goto(ex, EXCHANGE_REQUESTING);
    ex->connect_us = (int64_t)(ex->worker->loop.now_us - ex->start_us);
}

void course_acquire(struct exchange *ex)
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
            course_give_up(ex, error);
            return;
        }
    }
}

static void on_drained(struct upstream_user *user)
{
    struct exchange *ex = (struct exchange *)user;

    if (ex->state == EXCHANGE_REQUESTING)
        upload_wait(ex);
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
    course_acquire(ex);
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
    if (why == METRICS_ERROR_BAD_RESPONSE)
        ex->fault = u->parser.detail;
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

const struct pool_waiter_events course_waiter_events = {.turn = on_turn,
                                                        .failed = on_waited_in_vain};

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

static bool is_gateway_error(const struct exchange *ex)
{
    return !ex->is_functions_word && (ex->status == 502 || ex->status == 503 || ex->status == 504);
}

/* Lambda's own endpoints tell it by a field. */
static bool is_marked(const struct head *head)
{
    bool is = false;

    for (int i = 0; i < head->nr_fields; i++)
        is |= head->fields[i].name_len == 20 &&
              str_ieq(head_name(head, &head->fields[i]), STR("x-amz-function-error"));
    return is;
}

static bool on_head(struct upstream_user *user, const struct head *head, enum body_kind body)
{
    struct exchange *ex = (struct exchange *)user;

    if (head->status == 101 && !upgrade_was_asked_for(ex->request.upgrade, head)) {
        ex->fault = "it switches to another protocol than was asked for";
        fail(ex, METRICS_ERROR_BAD_RESPONSE, false);
        return false;
    }
    ex->head_us = (int64_t)(ex->worker->loop.now_us - ex->start_us);
    ex->status = head->status;
    observe_head(ex, head);
    if (ex->run->version->kind == VERSION_LAMBDA)
        ex->is_function_error = is_marked(head);
    warden_head(ex, head);
    /* What goes well is known at its end: else one that always dies in its body would count as
     * well. */
    if (is_gateway_error(ex))
        balance_on_failure(ex->worker, ex->endpoint, ex->pool);
    else if (head->status == 101)
        balance_on_success(ex->worker, ex->endpoint, ex->pool);
    course_goto(ex, EXCHANGE_RESPONDING);
    int r = ex->front->head(ex, head, body);
    if (r >= 0 && head->status == 101) {
        course_goto(ex, EXCHANGE_TUNNEL);
        upstream_tunnel(ex->upstream);
        record_outlive_table(ex);
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

    if (!is_gateway_error(ex))
        balance_on_success(ex->worker, ex->endpoint, ex->pool);
    warden_end(ex);
    in_flight_leave(&ex->in_flight);
    front->end(ex, trailers);
    pool_put(ex->pool, &ex->upstream, is_reusable && ex->is_request_complete);
    course_finish(ex, str_of(metrics_error_labels[ex->outcome]));
    front->over(ex);
}

/* ---- Tunnels --------------------------------------------------------------------------------- */

void course_tunnel_bytes(struct exchange *ex, struct str bytes)
{
    ex->bytes_in += bytes.n;
    outbox_refer(upstream_outbox(ex->upstream), bytes.p, bytes.n);
    int r = upstream_flush(ex->upstream);
    if (r == 1) {
        ex->is_client_paused = true;
        ex->front->pause(ex);
    } else if (r < 0) {
        course_tunnel_end(ex);
    }
}

void course_tunnel_end(struct exchange *ex)
{
    const struct exchange_front *front = ex->front;

    front->end(ex, (struct str){NULL, 0});
    course_finish(ex, STR("ok"));
    front->over(ex);
}

static void on_tunnel_end(struct upstream_user *user)
{
    course_tunnel_end((struct exchange *)user);
}

/* ---- Responses that do not go on as they come ------------------------------------------------ */

static bool on_filtered_head(struct upstream_user *user, const struct head *head,
                             enum body_kind body)
{
    struct exchange *ex = (struct exchange *)user;

    observe_head(ex, head);
    return ex->filter->head(ex, head, body);
}

static bool on_filtered_body(struct upstream_user *user, struct str span)
{
    struct exchange *ex = (struct exchange *)user;

    return ex->filter->body(ex, span);
}

static bool on_filtered_flush(struct upstream_user *user)
{
    struct exchange *ex = (struct exchange *)user;

    return ex->filter->flush(ex);
}

static void on_filtered_end(struct upstream_user *user, struct str trailers, bool is_reusable)
{
    struct exchange *ex = (struct exchange *)user;

    in_flight_leave(&ex->in_flight);
    ex->filter->end(ex, trailers, is_reusable);
}

const struct upstream_events course_filtered_events = {
    .connected = on_connected,
    .failed = on_failed,
    .drained = on_drained,
    .interim = on_interim,
    .head = on_filtered_head,
    .body = on_filtered_body,
    .flush = on_filtered_flush,
    .end = on_filtered_end,
};

/* The response is over its limit, and nothing of it was passed on. */
static void replace_large(struct exchange *ex)
{
    char error[STANDIN_ERROR_MAX];
    struct standin standin = {
        .status = 200,
        .is_function_error = true,
        .payload = standin_too_large(ex->tuning->settings->limits.invoke_response_bytes, error),
    };

    warden_failed(ex);
    leave_connection(ex, false);
    ex->bytes_out = 0;
    standin_give(ex, &standin);
    course_finish(ex, STR("ok"));
    ex->front->over(ex);
}

static bool on_invoke_head(struct upstream_user *user, const struct head *head, enum body_kind body)
{
    struct exchange *ex = (struct exchange *)user;

    if (head->content_length <= ex->tuning->settings->limits.invoke_response_bytes)
        return on_head(user, head, body);
    replace_large(ex);
    return false;
}

/* One of unknown length is over its limit: if part of it has left, the client must see that it is
 * not whole. */
static bool on_invoke_body(struct upstream_user *user, struct str span)
{
    struct exchange *ex = (struct exchange *)user;

    if (ex->bytes_out + span.n <= ex->tuning->settings->limits.invoke_response_bytes)
        return on_body(user, span);
    if (ex->front->retract(ex)) {
        replace_large(ex);
        return false;
    }
    ex->fault = "the response is over limits.invoke_response_bytes";
    fail(ex, METRICS_ERROR_BAD_RESPONSE, false);
    return false;
}

/* To an Invoke, passed on as it comes. */
const struct upstream_events course_invoke_events = {
    .connected = on_connected,
    .failed = on_failed,
    .drained = on_drained,
    .interim = on_interim,
    .head = on_invoke_head,
    .body = on_invoke_body,
    .flush = on_flush,
    .end = on_end,
};

const struct upstream_events course_events = {
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
