/* One health check. The answer has to be whole: an endpoint that breaks off in its middle is not
 * well. Of a body only so much is waited for, though: a page of megabytes is no reason to read it
 * every few seconds. */
#include "proxy/upstream/health_probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "proxy/http/http1.h"
#include "proxy/http/partial.h"
#include "proxy/io/backlog.h"
#include "proxy/tls/tls.h"

enum {
    READ_BYTES = 16384,
    READS_PER_EVENT = 4,
    INTERIM_MAX = 10,
    BODY_MAX = HEALTH_PROBE_BODY_MAX
};

enum state { CONNECTING, HANDSHAKE, ASKING, READING, CLOSED };

static const char *const stages[] = {
    [CONNECTING] = "no connection",
    [HANDSHAKE] = "no end of the TLS handshake",
    [ASKING] = "the request was not taken",
    [READING] = "no whole answer",
    [CLOSED] = "nothing",
};

struct health_probe {
    struct io io; /* first */
    struct loop_garbage garbage;
    struct loop *loop;
    struct tls_origin *tls;
    void (*on_result)(void *context, enum metrics_check result, const char *detail);
    void *context;
    enum state state;
    bool is_tcp, is_in_body;
    uint8_t nr_interim;
    uint16_t status_min, status_max;
    struct health_probe_answer *answer; /* of an errand, else NULL */
    size_t body_bytes;
    struct backlog request;
    struct partial *partial;
    struct http1 parser;
};

static const struct head_limits limits = {
    .line_bytes = 8192, .header_bytes = 65536, .header_count = HEAD_FIELDS_MAX - 1};

/* The control thread's; valid within one event. */
static struct head scratch;
static char buffer[READ_BYTES];

/* ---- Ending ---------------------------------------------------------------------------------- */

static void free_probe(struct loop_garbage *garbage)
{
    struct health_probe *p =
        (struct health_probe *)((char *)garbage - offsetof(struct health_probe, garbage));

    partial_free(&p->partial);
    free(p);
}

static void close_now(struct health_probe *p)
{
    if (p->state == CLOSED)
        return;
    if (p->state > HANDSHAKE && p->io.layer)
        io_shutdown(&p->io);
    p->state = CLOSED;
    io_close(p->loop, &p->io);
    backlog_fini(&p->request);
    http1_fini(&p->parser);
    loop_discard(p->loop, &p->garbage, free_probe);
}

void health_probe_close(struct health_probe **probe)
{
    if (*probe)
        close_now(*probe);
    *probe = NULL;
}

const char *health_probe_stage(const struct health_probe *probe)
{
    return stages[probe->state];
}

static void finish(struct health_probe *p, enum metrics_check result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void finish(struct health_probe *p, enum metrics_check result, const char *format, ...)
{
    char detail[HEALTH_PROBE_DETAIL];
    va_list args;

    if (p->state == CLOSED)
        return;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    close_now(p);
    p->on_result(p->context, result, detail);
}

/* ---- The answer ------------------------------------------------------------------------------ */

static void on_complete(struct health_probe *p)
{
    finish(p, METRICS_CHECK_OK, "the answer is good");
}

static void keep_body(struct health_probe_answer *answer, struct str span)
{
    size_t room = BODY_MAX - answer->body_bytes, n = span.n < room ? span.n : room;

    memcpy(answer->body + answer->body_bytes, span.p, n);
    answer->body_bytes += n;
}

static void read_body(struct health_probe *p, const char *cursor, const char *end)
{
    for (;;) {
        struct str span;
        switch (http1_body_next(&p->parser, &cursor, end, &span)) {
        case HTTP1_SPAN:
            p->body_bytes += span.n;
            if (p->answer)
                keep_body(p->answer, span);
            if (p->body_bytes > BODY_MAX) {
                on_complete(p);
                return;
            }
            continue;
        case HTTP1_MORE:
            return;
        case HTTP1_END:
            on_complete(p);
            return;
        default:
            finish(p, METRICS_CHECK_MALFORMED, "the answer's body is malformed");
            return;
        }
    }
}

static void note_answer(struct health_probe_answer *answer, const struct head *head)
{
    answer->status = head->status;
    for (int i = 0; i < head->nr_fields; i++)
        answer->is_function_error |=
            str_ieq(head_name(head, &head->fields[i]), STR("x-amz-function-error"));
}

/* True when a final head that counts as healthy was read, and its body follows. */
static bool on_head(struct health_probe *p, const struct head *head)
{
    if (head->status < 200) {
        if (head->status == 101 || head->minor == 0 || ++p->nr_interim > INTERIM_MAX)
            finish(p, METRICS_CHECK_MALFORMED, "status %d was not asked for", head->status);
        return false;
    }
    if (p->answer)
        note_answer(p->answer, head);
    else if (head->status < p->status_min || head->status > p->status_max) {
        finish(p, METRICS_CHECK_STATUS, "status %d is not within %u to %u", head->status,
               p->status_min, p->status_max);
        return false;
    }
    http1_response_to(&p->parser, false);
    p->is_in_body = true;
    return true;
}

static void read_heads(struct health_probe *p, const char *data, const char *end)
{
    for (;;) {
        struct head *head = p->parser.head;
        enum http1_result r = http1_head_feed(&p->parser, data, (size_t)(end - data));
        if (r == HTTP1_MORE) {
            if (partial_keep(&p->partial, &p->parser, data, (size_t)(end - data)) < 0)
                finish(p, METRICS_CHECK_INTERNAL, "weir is out of memory");
            return;
        }
        if (r == HTTP1_FAILED) {
            finish(p, METRICS_CHECK_MALFORMED, "the answer is malformed: %s", p->parser.detail);
            return;
        }
        data = head->base + head->bytes;
        if (on_head(p, head)) {
            read_body(p, data, end);
            return;
        }
        if (p->state == CLOSED)
            return;
        http1_init_response(&p->parser, &scratch, &limits);
        if (data == end)
            return;
    }
}

static void take_bytes(struct health_probe *p, const char *data, size_t n)
{
    if (p->is_in_body)
        read_body(p, data, data + n);
    else
        read_heads(p, data, data + n);
}

static void on_end(struct health_probe *p, ssize_t n)
{
    if (n == 0 && p->is_in_body && http1_body_eof(&p->parser))
        on_complete(p);
    else
        finish(p, METRICS_CHECK_CLOSED, "the connection was %s before the answer was complete",
               n == 0 ? "closed" : "reset");
}

static void read_once(struct health_probe *p)
{
    struct str bytes;
    ssize_t n = partial_read(p->partial, &p->io, buffer, READ_BYTES, &bytes);

    if (n == -EAGAIN)
        return;
    if (n == -ENOMEM) {
        finish(p, METRICS_CHECK_INTERNAL, "weir is out of memory");
        return;
    }
    if (n <= 0) {
        on_end(p, n);
        return;
    }
    take_bytes(p, bytes.p, bytes.n);
    partial_finish(&p->partial);
}

static void read_some(struct health_probe *p)
{
    for (int i = 0; i < READS_PER_EVENT && p->state >= ASKING && p->state != CLOSED; i++) {
        if (!p->io.is_readable)
            return;
        read_once(p);
    }
    if (p->state != CLOSED && p->io.is_readable)
        io_again(p->loop, &p->io);
}

/* ---- The way there --------------------------------------------------------------------------- */

/* An answer may come before the request is gone, and is read all the same. */
static void send_request(struct health_probe *p)
{
    int r = backlog_send(&p->request, &p->io);

    if (r < 0) /* what the endpoint said before it stopped reading decides */
        p->io.is_readable = true;
    if (r != 1)
        p->state = READING;
    if (p->io.is_readable)
        read_some(p);
}

static void ask(struct health_probe *p)
{
    p->state = ASKING;
    send_request(p);
}

static void shake_hands(struct health_probe *p)
{
    const char *reason = NULL;
    int r = tls_handshake(&p->io, &reason);

    if (r == 0)
        ask(p);
    else if (r != -EAGAIN)
        finish(p, METRICS_CHECK_TLS, "TLS failed: %s", reason ? reason : "unknown");
}

static void on_connecting(struct health_probe *p, uint32_t events)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
        return;
    if (getsockopt(p->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error) {
        finish(p, METRICS_CHECK_CONNECT, "no connection: %s", strerror(error));
    } else if (p->is_tcp) {
        finish(p, METRICS_CHECK_OK, "it can be connected to");
    } else if (!p->tls) {
        ask(p);
    } else if (tls_connect(&p->io, p->tls) < 0) {
        finish(p, METRICS_CHECK_INTERNAL, "weir is out of memory");
    } else {
        p->state = HANDSHAKE;
        shake_hands(p);
    }
}

static void on_ready(struct loop *loop, struct io *io, uint32_t events)
{
    struct health_probe *p = (struct health_probe *)io;

    (void)loop;
    switch (p->state) {
    case CONNECTING:
        on_connecting(p, events);
        return;
    case HANDSHAKE:
        shake_hands(p);
        return;
    case ASKING:
        send_request(p);
        return;
    case READING:
        read_some(p);
        return;
    case CLOSED:
        return;
    }
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static int write_request(struct health_probe *p, const struct endpoint *endpoint)
{
    const struct version *version = endpoint->version;
    struct str path = str_of(version->health_check.path);
    struct str host = str_of(version->host ? version->host : endpoint->origin->authority);
    char *start = malloc(path.n + host.n + 128), *end = start;
    int r;

    if (!start)
        return -ENOMEM;
    end = text_lit(end, "GET ");
    end = text_str(end, path);
    end = text_lit(end, " HTTP/1.1\r\nHost: ");
    end = text_str(end, host);
    end = text_lit(end, "\r\nUser-Agent: weir-health-check\r\nConnection: close\r\n\r\n");
    r = backlog_keep(&p->request, start, (size_t)(end - start));
    free(start);
    return r;
}

/* Whether an error of socket or connect is about this machine, and says nothing of the endpoint. */
static bool is_ours(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
           error == EADDRNOTAVAIL;
}

static int open_connection(struct health_probe *p, const struct health_probe_order *order,
                           enum metrics_check *result, char detail[HEALTH_PROBE_DETAIL])
{
    int fd = order->errand && order->errand->fd >= 0 ? order->errand->fd
                                                     : address_connect(order->address);
    int error = fd < 0 ? -fd : -io_open(p->loop, &p->io, fd, on_ready);

    if (error == 0)
        return 0;
    *result = fd >= 0 || is_ours(error) ? METRICS_CHECK_INTERNAL : METRICS_CHECK_CONNECT;
    snprintf(detail, HEALTH_PROBE_DETAIL, "no connection: %s", strerror(error));
    return -1;
}

/* What it asks, and what counts as an answer. 0, or -ENOMEM. */
static int prepare(struct health_probe *p, const struct health_probe_order *order)
{
    const struct health_check *check;

    if (order->errand) {
        p->answer = order->errand->answer;
        return backlog_keep(&p->request, order->errand->request.p, order->errand->request.n);
    }
    check = &order->endpoint->version->health_check;
    p->is_tcp = check->is_tcp;
    p->status_min = check->status_min;
    p->status_max = check->status_max;
    return p->is_tcp ? 0 : write_request(p, order->endpoint);
}

struct health_probe *health_probe_open(const struct health_probe_order *order,
                                       enum metrics_check *result, char detail[HEALTH_PROBE_DETAIL])
{
    struct health_probe *p = calloc(1, sizeof(*p));
    int r = -1;

    *result = METRICS_CHECK_INTERNAL;
    snprintf(detail, HEALTH_PROBE_DETAIL, "weir is out of memory");
    if (p) {
        p->loop = order->loop;
        p->tls = order->tls;
        p->on_result = order->on_result;
        p->context = order->context;
        http1_init_response(&p->parser, &scratch, &limits);
        r = prepare(p, order);
    }
    if (r < 0 && order->errand && order->errand->fd >= 0)
        close(order->errand->fd);
    if (r >= 0 && open_connection(p, order, result, detail) == 0)
        return p;
    if (p)
        backlog_fini(&p->request);
    free(p);
    return NULL;
}
