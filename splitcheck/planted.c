/* The planted server. */
#include "splitcheck/planted.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKLOG = 16, READ_BYTES = 4096, PERIOD = 100, SEED = 20111019 };

struct planted {
    struct planted_plan plan;
    uv_tcp_t listener;
    uint32_t nr_open; /* handles that the loop has not closed yet */
    uint64_t tickets;
    struct prng prng;
    struct guest *guests;
};

struct guest {
    uv_tcp_t tcp;
    struct planted *planted;
    struct guest *next, **at; /* in planted's list */
    unsigned nr_end;          /* how much of the blank line behind a head has come */
};

struct reply {
    uv_write_t write;
    char text[160];
};

/* ---- The plan -------------------------------------------------------------------------------- */

static int pick(struct planted *planted)
{
    const struct planted_plan *plan = &planted->plan;
    uint32_t percent = plan->percent + plan->is_off_by_one;
    uint64_t place = planted->tickets++ % PERIOD;

    switch (plan->kind) {
    case PLANTED_RANDOM:
        return prng_below(&planted->prng, PERIOD) < percent ? 2 : 1;
    case PLANTED_BLOCKS:
        return place >= PERIOD - percent ? 2 : 1;
    default:
        /* Version 2 where its due number passes a half: errors stay within a half. */
        return (2 * (place + 1) * percent + PERIOD) / (2 * PERIOD) >
                       (2 * place * percent + PERIOD) / (2 * PERIOD)
                   ? 2
                   : 1;
    }
}

void planted_reload(struct planted *planted)
{
    if (planted->plan.forgets_on_reload)
        planted->tickets = 0;
}

/* ---- Connections ----------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct planted *planted = handle->data;

    if (handle != (uv_handle_t *)&planted->listener)
        free(handle); /* a guest begins with its socket */
    if (--planted->nr_open == 0)
        free(planted);
}

static void leave(struct guest *guest)
{
    struct planted *planted = guest->planted;

    if (uv_is_closing((uv_handle_t *)&guest->tcp))
        return;
    *guest->at = guest->next;
    if (guest->next)
        guest->next->at = guest->at;
    guest->tcp.data = planted;
    uv_close((uv_handle_t *)&guest->tcp, on_closed);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    free(write->data);
}

static void answer(struct guest *guest)
{
    struct reply *reply = malloc(sizeof(*reply));
    uv_buf_t buf;
    int n;

    if (!reply) {
        leave(guest);
        return;
    }
    n = snprintf(reply->text, sizeof(reply->text),
                 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-amz-executed-version: %d\r\n\r\n",
                 pick(guest->planted));
    buf = uv_buf_init(reply->text, (unsigned)n);
    reply->write.data = reply;
    if (uv_write(&reply->write, (uv_stream_t *)&guest->tcp, &buf, 1, on_written) < 0) {
        free(reply);
        leave(guest);
    }
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char bytes[READ_BYTES];

    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

/* Requests have no bodies here: each ends with its head. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    static const char end[] = "\r\n\r\n";
    struct guest *guest = (struct guest *)stream;

    if (n < 0) {
        leave(guest);
        return;
    }
    for (ssize_t i = 0; i < n && !uv_is_closing((uv_handle_t *)stream); i++) {
        if (buf->base[i] == end[guest->nr_end])
            guest->nr_end++;
        else
            guest->nr_end = buf->base[i] == end[0];
        if (guest->nr_end == 4) {
            guest->nr_end = 0;
            answer(guest);
        }
    }
}

static void on_guest(uv_stream_t *listener, int status)
{
    struct planted *planted = listener->data;
    struct guest *guest = status == 0 ? calloc(1, sizeof(*guest)) : NULL;

    if (!guest)
        return;
    guest->planted = planted;
    guest->next = planted->guests;
    guest->at = &planted->guests;
    if (guest->next)
        guest->next->at = &guest->next;
    planted->guests = guest;
    planted->nr_open++;
    uv_tcp_init(listener->loop, &guest->tcp);
    if (uv_accept(listener, (uv_stream_t *)&guest->tcp) < 0 ||
        uv_read_start((uv_stream_t *)&guest->tcp, on_room, on_read) < 0)
        leave(guest);
    else
        uv_tcp_nodelay(&guest->tcp, 1);
}

struct planted *planted_open(uv_loop_t *loop, const struct planted_plan *plan)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct planted *planted = calloc(1, sizeof(*planted));

    if (!planted)
        return NULL;
    planted->plan = *plan;
    prng_seed(&planted->prng, SEED);
    uv_tcp_init(loop, &planted->listener);
    planted->listener.data = planted;
    planted->nr_open = 1;
    if (uv_tcp_bind(&planted->listener, (struct sockaddr *)&address, 0) < 0 ||
        uv_listen((uv_stream_t *)&planted->listener, BACKLOG, on_guest) < 0) {
        planted_close(planted);
        return NULL;
    }
    return planted;
}

uint16_t planted_port(const struct planted *planted)
{
    struct sockaddr_in address = {0};
    int n = sizeof(address);

    uv_tcp_getsockname(&planted->listener, (struct sockaddr *)&address, &n);
    return ntohs(address.sin_port);
}

void planted_close(struct planted *planted)
{
    while (planted->guests)
        leave(planted->guests);
    uv_close((uv_handle_t *)&planted->listener, on_closed);
}
