/* The life of a client connection between its events: changes of state, and the end. */
#include "proxy/client/conn.h"

#include <stddef.h>
#include <stdlib.h>

#include "proxy/client/admission.h"
#include "proxy/client/hold.h"

struct request_caller conn_from(const struct client *c)
{
    return (struct request_caller){
        .address = {c->peer.text, c->peer.text_len},
        .certificate_subject = {c->certificate_subject, c->certificate_len},
        .is_tls = c->listener->is_tls,
    };
}

static void free_client(struct loop_garbage *garbage)
{
    struct client *c = (struct client *)((char *)garbage - offsetof(struct client, garbage));

    assert(c->state == CLIENT_CLOSED && !c->exchange && c->io.fd < 0);
    partial_free(&c->partial);
    leftover_fini(&c->leftover);
    hold_free(&c->hold);
    free(c->certificate_subject);
    free(c);
}

static void free_exchange(struct loop_garbage *garbage)
{
    struct exchange *ex = (struct exchange *)((char *)garbage - offsetof(struct exchange, garbage));

    assert(ex->state == EXCHANGE_OVER && !ex->upstream && !ex->lease);
    freelist_put(&ex->worker->exchanges, ex);
}

static void drop_exchange(struct client *c, enum metrics_error why)
{
    struct exchange *ex = c->exchange;

    if (!ex)
        return;
    c->exchange = NULL;
    exchange_abort(ex, why);
    assert(ex->state == EXCHANGE_OVER);
    loop_discard(&c->worker->loop, &ex->garbage, free_exchange);
}

/* Has the client part of a response of which it cannot get the rest? */
static bool is_response_cut(const struct client *c)
{
    return c->output == CLIENT_OUTPUT_CUT || !backlog_is_empty(&c->backlog) ||
           (c->exchange && c->exchange->state == EXCHANGE_RESPONDING);
}

/* Is nothing under way that the end of the connection would cut short? */
static bool is_at_rest(const struct client *c)
{
    switch ((enum client_state)c->state) {
    case CLIENT_IDLE:
    case CLIENT_HEAD:
    case CLIENT_EXCHANGE: /* without one: it is over, and its response has been sent */
    case CLIENT_FINISHING:
    case CLIENT_DISCARD:
        return !c->exchange && c->output < CLIENT_OUTPUT_CUT && backlog_is_empty(&c->backlog);
    default:
        return false;
    }
}

static void end_use(struct client *c)
{
    backlog_fini(&c->backlog);
    http1_fini(&c->parser);
    metrics_sub(&c->worker->metrics->client_connections, 1);
}

/* The socket is closed, and what belonged to it is given back. */
static void end_connection(struct client *c, bool is_reset)
{
    struct worker *w = c->worker;

    if (c->io.fd < 0)
        return;
    if (is_reset)
        io_reset(&w->loop, &c->io);
    io_close(&w->loop, &c->io);
    end_use(c);
}

/* The client is no more. */
static void end_client(struct client *c)
{
    struct clients *clients = c->listener->all->clients;

    assert(!c->exchange && c->io.fd < 0);
    conn_goto(c, CLIENT_CLOSED);
    wheel_forget(&c->worker->loop.wheel, &c->deadline.node);
    LIST_REMOVE(c, link);
    /* Not before: who leaves must not get round the limits of what one client may have running. */
    if (c->is_admitted)
        admission_leave(c->worker->shared->admission, &c->peer.number);
    tuning_unref(&c->tuning);
    loop_discard(&c->worker->loop, &c->garbage, free_client);
    if (--clients->nr == 0 && clients->on_empty)
        clients->on_empty(clients);
}

/* why is the outcome of an exchange that still runs. */
static void close_for(struct client *c, enum metrics_error why)
{
    if (c->state == CLIENT_CLOSED)
        return;
    if (c->io.layer && is_at_rest(c))
        io_shutdown(&c->io); /* without a farewell the client would take what it has for cut */
    /* A response that ends with the connection must not seem complete when it is not. */
    bool is_reset = c->framing == CLIENT_FRAMING_CLOSE && is_response_cut(c);
    drop_exchange(c, why);
    end_connection(c, is_reset);
    end_client(c);
}

void conn_close(struct client *c)
{
    close_for(c, METRICS_ERROR_CLIENT_ABORT);
}

void conn_cut(struct client *c)
{
    close_for(c, METRICS_ERROR_DRAIN_TIMEOUT);
}

void conn_depart(struct client *c, struct io_baggage *out)
{
    assert(!c->exchange && !c->hold && backlog_is_empty(&c->backlog));
    io_depart(&c->worker->loop, &c->io, out);
    end_use(c);
    end_client(c);
}

void conn_leave(struct client *c)
{
    bool is_kept = conn_is_waiting(c) && c->exchange &&
                   c->tuning->settings->client_half_close == SETTINGS_HALF_CLOSE_ANSWER;

    if (!is_kept) {
        conn_close(c);
        return;
    }
    conn_limit_output(c, CLIENT_OUTPUT_BROKEN);
    end_connection(c, false);
    leftover_fini(&c->leftover);
    c->discarded = 0;
    conn_goto(c, CLIENT_LEFT);
    if (c->exchange->state == EXCHANGE_RESPONDING)
        conn_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
    exchange_on_client_left(c->exchange);
}

void conn_begin_idle(struct client *c)
{
    struct worker *w = c->worker;

    assert(!c->exchange && backlog_is_empty(&c->backlog));
    c->idle_since_ms = w->loop.now_ms;
    c->is_paused = c->is_body_read = c->is_expecting = c->is_head_request = false;
    http1_init_request(&c->parser, &w->request_head, &c->tuning->request_limits);
    conn_goto(c, CLIENT_IDLE);
}

void conn_linger(struct client *c)
{
    assert(!c->exchange);
    c->discarded = 0;
    io_shutdown(&c->io);
    conn_goto(c, CLIENT_LINGER);
    if (c->io.is_readable)
        io_again(&c->worker->loop, &c->io);
}

/* The response has been sent to the last byte. */
void conn_after_response(struct client *c)
{
    assert(!c->exchange && backlog_is_empty(&c->backlog));
    if (c->output >= CLIENT_OUTPUT_CUT) {
        conn_close(c);
        return;
    }
    if (!conn_is_last(c) && !c->is_body_read && conn_is_rest_small(c)) {
        conn_goto(c, CLIENT_DISCARD);
        if (c->io.is_readable || c->hold)
            io_again(&c->worker->loop, &c->io);
        return;
    }
    if (conn_is_last(c) || !c->is_body_read) {
        /* Closing on unread bytes would reset the connection and could destroy the response on
         * its way. */
        if (!c->is_body_read || !leftover_is_empty(&c->leftover) || c->io.is_readable)
            conn_linger(c);
        else
            conn_close(c);
        return;
    }
    http1_fini(&c->parser);
    conn_begin_idle(c);
    if (!leftover_is_empty(&c->leftover) || c->io.is_readable)
        io_again(&c->worker->loop, &c->io);
}

void conn_next(struct client *c)
{
    struct exchange *ex = c->exchange;

    if (ex) {
        assert(ex->state == EXCHANGE_OVER);
        c->exchange = NULL;
        loop_discard(&c->worker->loop, &ex->garbage, free_exchange);
    }
    if (c->state == CLIENT_LEFT) {
        end_client(c);
        return;
    }
    if (backlog_is_empty(&c->backlog) && c->output != CLIENT_OUTPUT_BROKEN) {
        conn_after_response(c);
        return;
    }
    conn_goto(c, CLIENT_FINISHING);
    if (backlog_is_held(&c->backlog))
        conn_set_deadline(c, CONN_WITHHELD_MS);
    if (c->output == CLIENT_OUTPUT_BROKEN) /* its event closes it */
        io_again(&c->worker->loop, &c->io);
}
