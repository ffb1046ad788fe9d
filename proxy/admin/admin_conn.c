/* A connection of the admin listener: one request at a time, answered in full before the next is
 * read. Speed is no concern here; a page of many megabytes, a slow reader and a broken request are.
 */
#include "proxy/admin/admin_conn.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/prng.h"
#include "base/text.h"
#include "proxy/admin/admin_body.h"
#include "proxy/admin/admin_head.h"
#include "proxy/http/fieldlist.h"
#include "proxy/http/http1.h"
#include "proxy/http/leftover.h"
#include "proxy/http/partial.h"
#include "proxy/io/outbox.h"
#include "proxy/io/release.h"
#include "proxy/tls/tls.h"
#include "proxy/worker/handover.h"
#include "router/invoke.h"

enum { HEAD_MS = 10000, IDLE_MS = 60000 };
enum { SEND_BYTES = 256 * 1024, SENDS = 8 };
enum { LINGER_MS = 2000, LINGER_BYTES = 80 * 1024 * 1024, LINGER_READS = 16 };

/* WAITING: for an answer that comes later. While SENDING and after it nothing is read. */
enum state { HANDSHAKE, READING_HEAD, READING_BODY, SENDING, WAITING, LINGERING, CLOSED };

struct admin_conn {
    struct io io; /* first */
    struct loop_garbage garbage;
    struct deadline deadline;
    struct admin_conns *all;
    LIST_ENTRY(admin_conn) link;
    enum state state;
    bool is_last, is_head_request, is_http10;
    bool has_certificate;
    bool is_body_read; /* the request in hand has come to its end */
    struct partial *partial;
    struct http1 parser;
    struct head head; /* of the request in hand; its strings stand in text */
    char *text;       /* the request head's bytes */
    char *body;
    size_t body_len, body_room;
    struct leftover leftover; /* pipelined requests */
    size_t discarded;         /* while it lingers */
    struct backlog backlog;
    char *answer; /* a large body, behind what is in backlog */
    size_t answer_at, answer_bytes;
    struct api_waiter waiter;
};

static const struct head_limits limits = {
    .line_bytes = 8192, .header_bytes = 32768, .header_count = 100};

static void take_bytes(struct admin_conn *c, const char *data, size_t n);

/* ---- Life ------------------------------------------------------------------------------------ */

static void free_conn(struct loop_garbage *garbage)
{
    struct admin_conn *c =
        (struct admin_conn *)((char *)garbage - offsetof(struct admin_conn, garbage));

    partial_free(&c->partial);
    free(c->text);
    free(c->body);
    leftover_fini(&c->leftover);
    free(c);
}

static void drop_answer(struct admin_conn *c)
{
    release_take(c->all->loop, c->answer);
    c->answer = NULL;
}

/* Its socket has gone. */
static void end_conn(struct admin_conn *c)
{
    struct admin_conns *all = c->all;

    c->state = CLOSED;
    drop_answer(c);
    wheel_forget(&all->loop->wheel, &c->deadline.node);
    backlog_fini(&c->backlog);
    http1_fini(&c->parser);
    LIST_REMOVE(c, link);
    all->nr--;
    loop_discard(all->loop, &c->garbage, free_conn);
}

static void close_conn(struct admin_conn *c)
{
    if (c->state == CLOSED)
        return;
    if (c->state == WAITING)
        api_forget(&c->waiter);
    io_close(c->all->loop, &c->io);
    end_conn(c);
}

static void set_deadline(struct admin_conn *c, uint32_t in_ms)
{
    wheel_set(&c->all->loop->wheel, &c->deadline.node, c->all->loop->now_ms + in_ms);
}

static void begin_request(struct admin_conn *c)
{
    c->state = READING_HEAD;
    free(c->text);
    free(c->body);
    c->text = c->body = NULL;
    c->body_len = c->body_room = 0;
    http1_fini(&c->parser);
    http1_init_request(&c->parser, &c->all->scratch, &limits);
    set_deadline(c, IDLE_MS);
}

/* ---- Answering ------------------------------------------------------------------------------- */

/* Closing on unread bytes would reset the connection and could destroy the answer on its way: what
 * still comes is thrown away for a while. */
static void linger_on(struct admin_conn *c)
{
    for (int i = 0; i < LINGER_READS; i++) {
        if (!c->io.is_readable)
            return;
        ssize_t n = io_read(&c->io, c->all->buffer, ADMIN_READ_BYTES);
        if (n == -EAGAIN)
            return;
        c->discarded += n > 0 ? (size_t)n : 0;
        if (n <= 0 || c->discarded > LINGER_BYTES) {
            close_conn(c);
            return;
        }
    }
    io_again(c->all->loop, &c->io);
}

static void after_answer(struct admin_conn *c)
{
    if (c->is_last && c->is_body_read) {
        io_shutdown(&c->io);
        close_conn(c);
        return;
    }
    if (c->is_last) {
        c->state = LINGERING;
        c->discarded = 0;
        io_shutdown(&c->io);
        set_deadline(c, LINGER_MS);
        io_again(c->all->loop, &c->io);
        return;
    }
    begin_request(c);
    if (!leftover_is_empty(&c->leftover) || c->io.is_readable)
        io_again(c->all->loop, &c->io);
}

/* 0: all is sent, 1: some is left, or a negative errno. A client that reads as fast as we write
 * does not keep the loop from others. */
static int send_answer(struct admin_conn *c)
{
    int r = backlog_send(&c->backlog, &c->io);

    for (int i = 0; r == 0 && c->answer && i < SENDS; i++) {
        size_t left = c->answer_bytes - c->answer_at;
        struct iovec piece = {c->answer + c->answer_at, left < SEND_BYTES ? left : SEND_BYTES};
        ssize_t n = io_write(&c->io, &piece, 1);

        if (n < 0)
            return n == -EAGAIN ? 1 : (int)n;
        c->answer_at += (size_t)n;
        if (c->answer_at < c->answer_bytes)
            continue;
        drop_answer(c);
    }
    if (r != 0 || !c->answer)
        return r;
    io_again(c->all->loop, &c->io);
    return 1;
}

/* Keeps the body for send_answer; a small one goes with the head. */
static int keep_answer(struct admin_conn *c, struct api_response *response)
{
    assert(!c->answer);
    if (response->length == 0 || c->is_head_request)
        return 0;
    if (response->length <= SEND_BYTES)
        return backlog_keep(&c->backlog, response->body, response->length);
    c->answer = response->body;
    c->answer_at = 0;
    c->answer_bytes = response->length;
    response->body = NULL;
    return 0;
}

/* Ends the response's body in any case. */
static void answer(struct admin_conn *c, struct api_response *response)
{
    struct prng *rng = &c->all->rng;
    struct admin_head terms = {
        .id = {prng_next(rng), prng_next(rng)}, .is_last = c->is_last, .is_http10 = c->is_http10};
    char head[ADMIN_HEAD_BYTES];
    size_t head_len = (size_t)(admin_head_write(head, response, terms) - head);
    int r = backlog_keep(&c->backlog, head, head_len);

    if (r == 0)
        r = keep_answer(c, response);
    if (response->length > SEND_BYTES)
        release_take(c->all->loop, response->body);
    else
        free(response->body);
    c->state = SENDING;
    set_deadline(c, IDLE_MS);
    if (r == 0)
        r = send_answer(c);
    if (r < 0)
        close_conn(c);
    else if (r == 0)
        after_answer(c);
}

static void refuse(struct admin_conn *c, int status, const char *type, const char *message)
{
    struct api_response response = {
        .status = status, .content_type = "application/json", .error_type = type};
    char *p;

    c->is_last = true;
    response.body = malloc(strlen(message) + 32);
    if (response.body) {
        p = text_lit(response.body, "{\"message\":\"");
        p = text_str(p, str_of(message));
        p = text_lit(p, "\",\"Type\":\"User\"}\n");
        response.length = (size_t)(p - response.body);
    }
    answer(c, &response);
}

static void on_answered(struct api_waiter *waiter, struct api_response *response)
{
    struct admin_conn *c =
        (struct admin_conn *)((char *)waiter - offsetof(struct admin_conn, waiter));

    assert(c->state == WAITING);
    answer(c, response);
}

static void handle(struct admin_conn *c)
{
    struct head *head = &c->head;
    struct sigv4_field fields[HEAD_FIELDS_MAX];
    struct api_request request = {
        .method = head_method(head),
        .path = head_path(head),
        .query = head_query(head),
        .host = head->host >= 0 ? head_value(head, &head->fields[head->host]) : STR(""),
        .origin = admin_body_field(head, STR("origin")),
        .content_type = admin_body_field(head, STR("content-type")),
        .target = admin_body_field(head, STR("x-amz-target")),
        .if_match = admin_body_field(head, STR("if-match")),
        .if_none_match = admin_body_field(head, STR("if-none-match")),
        .fields = fields,
        .nr_fields = fieldlist_take(head, fields),
        .has_certificate = c->has_certificate,
        .body = {c->body, c->body_len},
        .body_owner = &c->body,
    };
    struct api_response response = {.status = 0};

    c->waiter.answered = on_answered;
    if (api_handle(c->all->hooks, &request, &c->waiter, &response)) {
        answer(c, &response);
        return;
    }
    c->state = WAITING;
    wheel_clear(&c->deadline.node); /* however long it takes */
}

/* ---- Reading --------------------------------------------------------------------------------- */

static int keep_body(struct admin_conn *c, struct str span)
{
    if (c->body_len + span.n > c->body_room) {
        size_t room = 2 * (c->body_len + span.n);
        char *grown = realloc(c->body, room);
        if (!grown)
            return -ENOMEM;
        c->body = grown;
        c->body_room = room;
    }
    memcpy(c->body + c->body_len, span.p, span.n);
    c->body_len += span.n;
    return 0;
}

static size_t body_max(const struct admin_conn *c)
{
    const struct api_hooks *hooks = c->all->hooks;

    return admin_body_max(&c->head, hooks->settings(hooks->context), c->has_certificate);
}

static void refuse_body(struct admin_conn *c)
{
    char message[ADMIN_BODY_MESSAGE_MAX];

    refuse(c, 413, "RequestEntityTooLargeException",
           admin_body_message(&c->head, body_max(c), message));
}

static void read_body(struct admin_conn *c, const char *cursor, const char *end)
{
    for (;;) {
        struct str span;
        switch (http1_body_next(&c->parser, &cursor, end, &span)) {
        case HTTP1_SPAN:
            if (c->body_len + span.n > body_max(c)) {
                refuse_body(c);
                return;
            }
            if (keep_body(c, span) < 0) {
                close_conn(c);
                return;
            }
            continue;
        case HTTP1_MORE:
            set_deadline(c, HEAD_MS);
            return;
        case HTTP1_END:
            c->is_body_read = true;
            if (leftover_keep(&c->leftover, cursor, (size_t)(end - cursor)) < 0)
                close_conn(c);
            else
                handle(c);
            return;
        default:
            refuse(c, 400, "BadRequestException", "The body is malformed.");
            return;
        }
    }
}

/* An Invoke: a worker serves it, from the head on. */
static void hand_over(struct admin_conn *c, const char *data, const char *end)
{
    struct admin_conns *all = c->all;
    struct handover *h = handover_make((struct str){data, (size_t)(end - data)});

    if (!h) {
        close_conn(c);
        return;
    }
    h->has_certificate = c->has_certificate;
    io_depart(all->loop, &c->io, &h->io);
    end_conn(c);
    all->invokes.hand_over(all->invokes.context, &h);
}

/* The head's bytes are copied: the request is handled after its body, from other reads. */
static void on_head(struct admin_conn *c, const struct head *head, const char *end)
{
    const char *rest = head->base + head->bytes;

    if (invoke_is_path(head_path(head))) {
        hand_over(c, head->base, end);
        return;
    }
    c->text = malloc(head->bytes);
    if (!c->text) {
        close_conn(c);
        return;
    }
    memcpy(c->text, head->base, head->bytes);
    c->head = *head;
    c->head.base = c->text;
    c->is_last = head->is_close || (head->minor == 0 && !head->is_keep_alive);
    c->is_head_request = head->is_head;
    c->is_http10 = head->minor == 0;
    c->is_body_read = false;
    c->state = READING_BODY;
    if (head->body == BODY_LENGTH && head->content_length > body_max(c)) {
        refuse_body(c);
        return;
    }
    if (head->is_expect_continue && rest == end) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        struct iovec piece = {(void *)go_on, sizeof(go_on) - 1};
        if (io_write(&c->io, &piece, 1) != (ssize_t)piece.iov_len) {
            close_conn(c);
            return;
        }
    }
    read_body(c, rest, end);
}

static void take_bytes(struct admin_conn *c, const char *data, size_t n)
{
    struct head *head = c->parser.head;

    if (c->state == READING_BODY) {
        read_body(c, data, data + n);
        return;
    }
    switch (http1_head_feed(&c->parser, data, n)) {
    case HTTP1_HEAD:
        on_head(c, head, data + n);
        return;
    case HTTP1_MORE:
        set_deadline(c, HEAD_MS);
        if (partial_keep(&c->partial, &c->parser, data, n) < 0)
            close_conn(c);
        return;
    default:
        c->is_head_request = c->is_http10 = c->is_body_read = false;
        refuse(c, http1_error_status((enum head_error)c->parser.error), "BadRequestException",
               c->parser.detail);
        return;
    }
}

static void use_leftover(struct admin_conn *c)
{
    struct str bytes = leftover_begin(&c->leftover);

    take_bytes(c, bytes.p, bytes.n);
    leftover_finish(&c->leftover);
}

static void read_some(struct admin_conn *c)
{
    struct str bytes;
    ssize_t n = partial_read(c->partial, &c->io, c->all->buffer, ADMIN_READ_BYTES, &bytes);

    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        close_conn(c);
        return;
    }
    take_bytes(c, bytes.p, bytes.n);
    partial_finish(&c->partial);
    if (c->state < SENDING && c->io.is_readable)
        io_again(c->all->loop, &c->io);
}

static void shake_hands(struct admin_conn *c)
{
    const char *reason = NULL;
    int r = tls_handshake(&c->io, &reason);

    if (r == -EAGAIN)
        return;
    if (r < 0) {
        log_debug("a TLS handshake on the admin listener failed: %s", reason ? reason : "unknown");
        c->state = LINGERING; /* for the alert to arrive */
        c->discarded = 0;
        set_deadline(c, LINGER_MS);
        io_again(c->all->loop, &c->io);
        return;
    }
    c->has_certificate = tls_has_peer(&c->io);
    begin_request(c);
}

static void on_conn_ready(struct loop *loop, struct io *io, uint32_t events)
{
    struct admin_conn *c = (struct admin_conn *)io;

    (void)loop;
    if (c->state == HANDSHAKE) {
        shake_hands(c);
        if (c->state == HANDSHAKE || c->state == LINGERING)
            return;
    }
    if (c->state == SENDING && (events == 0 || (events & EPOLLOUT))) {
        int r = send_answer(c);
        if (r < 0)
            close_conn(c);
        else if (r == 0)
            after_answer(c);
        else
            set_deadline(c, IDLE_MS);
        return;
    }
    if ((c->state == SENDING || c->state == WAITING) && (events & (EPOLLHUP | EPOLLERR))) {
        close_conn(c);
        return;
    }
    if (c->state < SENDING && !leftover_is_empty(&c->leftover))
        use_leftover(c);
    /* What was left over may have been the beginning of a request, whose rest is in the kernel:
     * that makes no event any more. */
    if (c->state < SENDING && leftover_is_empty(&c->leftover) && io->is_readable)
        read_some(c);
    else if (c->state == LINGERING)
        linger_on(c);
}

/* ---- All of them ----------------------------------------------------------------------------- */

static void on_deadline(struct deadline *deadline)
{
    close_conn((struct admin_conn *)((char *)deadline - offsetof(struct admin_conn, deadline)));
}

static void add(struct admin_conns *all, struct admin_conn *c)
{
    c->all = all;
    c->deadline.expired = on_deadline;
    LIST_INSERT_HEAD(&all->list, c, link);
    all->nr++;
}

void admin_conn_open(struct admin_conns *all, int fd, struct tls_server *tls)
{
    struct admin_conn *c = all->nr < ADMIN_CONNECTIONS_MAX ? calloc(1, sizeof(*c)) : NULL;

    if (!c || io_open(all->loop, &c->io, fd, on_conn_ready) < 0) {
        if (!c)
            close(fd);
        free(c);
        return;
    }
    add(all, c);
    if (!tls)
        begin_request(c);
    else if (tls_accept(&c->io, tls, TLS_ADMIN_LISTENER) < 0) {
        close_conn(c);
        return;
    }
    set_deadline(c, HEAD_MS);
}

void admin_conn_adopt_take(struct admin_conns *all, struct handover **handover)
{
    struct handover *h = *handover;
    struct admin_conn *c = calloc(1, sizeof(*c));

    *handover = NULL;
    if (!c || io_arrive(all->loop, &c->io, &h->io, on_conn_ready) < 0) {
        free(c);
        handover_free(&h);
        return;
    }
    add(all, c);
    c->has_certificate = h->has_certificate;
    begin_request(c);
    if (leftover_keep(&c->leftover, h->bytes, h->n) < 0)
        close_conn(c);
    else
        io_again(all->loop, &c->io);
    handover_free(&h);
}

void admin_conn_close_all(struct admin_conns *all)
{
    while (!LIST_EMPTY(&all->list))
        close_conn(LIST_FIRST(&all->list));
}
