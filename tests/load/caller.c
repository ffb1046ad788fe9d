/* Edge-triggered like the demo's peer. A connection that fails is closed and the next call makes
 * another; no call is tried again, for a test wants to know. */
#include "caller.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "outcome.h"
#include "tests/demo/pattern.h"

enum { READ_ROOM = 16 * 1024 };

void caller_init(struct caller *caller)
{
    *caller = (struct caller){.fd = -1};
}

static void disconnect(struct caller *caller)
{
    if (caller->fd >= 0)
        close(caller->fd);
    caller->fd = -1;
    caller->in.start = caller->in.end = caller->out.start = caller->out.end = 0;
}

void caller_fini(struct caller *caller)
{
    disconnect(caller);
    bytes_fini(&caller->in);
    bytes_fini(&caller->out);
    bytes_fini(&caller->trailers);
}

static void fail(struct caller *caller, enum outcome_failure failure)
{
    outcome_fail(failure);
    disconnect(caller);
    caller->state = CALLER_IDLE;
}

static void fail_by_loss(struct caller *caller)
{
    fail(caller, caller->has_answer_begun ? OUTCOME_FAILURE_INCOMPLETE : OUTCOME_FAILURE_CLOSED);
}

static void complete(struct caller *caller, const struct caller_plan *plan)
{
    const struct answer *answer = &caller->answer;

    outcome_answer(answer->status, str_of(answer->version), str_of(answer->demo_version),
                   caller->body.count, clock_us() - caller->began_us);
    caller->state = CALLER_IDLE;
    if (!answer->keep_alive || plan->is_closing || bytes_count(&caller->out) > 0 || caller->is_gone)
        disconnect(caller);
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void append_path(struct bytes *out, const struct caller_plan *plan, uint64_t n)
{
    const char *mark = strstr(plan->path, "{n}");

    if (!mark) {
        bytes_text(out, plan->path);
        return;
    }
    bytes_append(out, plan->path, (size_t)(mark - plan->path));
    bytes_number(out, n % plan->spread);
    bytes_text(out, mark + 3);
}

static void make_request(struct caller *caller, const struct caller_plan *plan, uint64_t n)
{
    struct bytes *out = &caller->out;

    bytes_text(out, plan->method);
    bytes_text(out, " ");
    append_path(out, plan, n);
    bytes_text(out, " HTTP/1.1\r\nHost: ");
    bytes_text(out, plan->host);
    if (plan->body_bytes > 0 || strcmp(plan->method, "GET") != 0) {
        bytes_text(out, "\r\nContent-Length: ");
        bytes_number(out, plan->body_bytes);
    }
    bytes_text(out, plan->is_closing ? "\r\nConnection: close\r\n" : "\r\n");
    bytes_append(out, bytes_front(&plan->headers), bytes_count(&plan->headers));
    bytes_text(out, "\r\n");
    pattern_fill(bytes_room(out, plan->body_bytes), plan->body_bytes, 0);
    bytes_added(out, plan->body_bytes);
}

static void flush(struct caller *caller)
{
    while (bytes_count(&caller->out) > 0 && caller->is_writable) {
        ssize_t n =
            send(caller->fd, bytes_front(&caller->out), bytes_count(&caller->out), MSG_NOSIGNAL);

        if (n > 0) {
            bytes_consume(&caller->out, (size_t)n);
            caller->last_us = clock_us();
        } else {
            /* A lost connection is noticed by reading, which may still find an early answer. */
            caller->is_writable = false;
        }
    }
}

static bool begin_connecting(struct caller *caller, const struct caller_plan *plan)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = caller};
    int one = 1;

    caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    caller->is_readable = caller->is_writable = caller->is_gone = false;
    if (caller->fd < 0)
        return false;
    setsockopt(caller->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(caller->fd, (const struct sockaddr *)&plan->address, sizeof(plan->address)) < 0 &&
        errno != EINPROGRESS)
        return false;
    return epoll_ctl(plan->epoll_fd, EPOLL_CTL_ADD, caller->fd, &event) == 0;
}

void caller_begin(struct caller *caller, const struct caller_plan *plan, uint64_t n)
{
    caller->began_us = caller->last_us = clock_us();
    caller->has_answer_begun = false;
    caller->body = (struct reqbody){0};
    if (caller->fd >= 0) {
        caller->state = CALLER_AWAITING;
        make_request(caller, plan, n);
        flush(caller);
        return;
    }
    caller->state = CALLER_CONNECTING;
    make_request(caller, plan, n);
    if (!begin_connecting(caller, plan))
        fail(caller, OUTCOME_FAILURE_CONNECT);
}

/* ---- Receiving ------------------------------------------------------------------------------- */

static bool fill(struct caller *caller)
{
    char *room = bytes_room(&caller->in, READ_ROOM);
    size_t asked = caller->in.capacity - caller->in.end;
    ssize_t n = recv(caller->fd, room, asked, 0);

    if (n > 0) {
        bytes_added(&caller->in, (size_t)n);
        caller->last_us = clock_us();
        caller->has_answer_begun = true;
        if ((size_t)n < asked && !caller->is_gone)
            caller->is_readable = false;
        return true;
    }
    caller->is_readable = false;
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        caller->is_gone = true;
    return false;
}

static bool has_content(const struct caller *caller, const struct caller_plan *plan)
{
    int status = caller->answer.status;

    return status != 204 && status != 304 && strcmp(plan->method, "HEAD") != 0;
}

static void take_head(struct caller *caller, const struct caller_plan *plan)
{
    struct answer *answer = &caller->answer;
    struct reqhead framing;
    ssize_t used = answer_parse(answer, bytes_front(&caller->in), bytes_count(&caller->in),
                                plan->version_header);

    if (used < 0) {
        fail(caller, OUTCOME_FAILURE_MALFORMED);
        return;
    }
    bytes_consume(&caller->in, (size_t)used);
    if (used == 0 || answer->status < 200)
        return;
    memset(&framing, 0, offsetof(struct reqhead, fields));
    if (has_content(caller, plan)) {
        framing.is_chunked = answer->is_chunked;
        framing.length = answer->has_length ? answer->length : UINT64_MAX;
        if (answer->is_chunked)
            framing.length = 0;
    }
    caller->trailers.start = caller->trailers.end = 0;
    reqbody_begin(&caller->body, &framing, &caller->trailers);
    caller->state = CALLER_CONTENT;
}

/* Takes what is in the buffer; returns whether anything moved. */
static bool digest(struct caller *caller, const struct caller_plan *plan)
{
    size_t before = bytes_count(&caller->in);
    struct str data;
    ssize_t used;

    if (caller->state == CALLER_AWAITING && before > 0)
        take_head(caller, plan);
    if (caller->state != CALLER_CONTENT)
        return bytes_count(&caller->in) != before;
    used = reqbody_take(&caller->body, bytes_front(&caller->in), bytes_count(&caller->in), &data);
    if (used < 0) {
        fail(caller, OUTCOME_FAILURE_MALFORMED);
        return true;
    }
    bytes_consume(&caller->in, (size_t)used);
    if (caller->body.state == REQBODY_DONE) {
        complete(caller, plan);
        return true;
    }
    return bytes_count(&caller->in) != before;
}

static bool ends_with_connection(const struct caller *caller)
{
    return caller->state == CALLER_CONTENT && !caller->answer.is_chunked &&
           !caller->answer.has_length;
}

static void receive(struct caller *caller, const struct caller_plan *plan)
{
    bool has_moved = true;

    while (has_moved && caller->state != CALLER_IDLE) {
        has_moved = digest(caller, plan);
        if (!has_moved && caller->is_readable)
            has_moved = fill(caller);
    }
    if (caller->state == CALLER_IDLE || !caller->is_gone)
        return;
    if (ends_with_connection(caller))
        complete(caller, plan);
    else
        fail_by_loss(caller);
}

void caller_event(struct caller *caller, const struct caller_plan *plan, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
        caller->is_readable = true;
    if (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP))
        caller->is_gone = true;
    if (events & EPOLLOUT)
        caller->is_writable = true;
    if (caller->state == CALLER_CONNECTING) {
        if (events & (EPOLLERR | EPOLLHUP)) {
            fail(caller, OUTCOME_FAILURE_CONNECT);
            return;
        }
        outcome_connected();
        caller->state = CALLER_AWAITING;
    }
    if (caller->state == CALLER_IDLE) {
        if (caller->is_gone)
            disconnect(caller);
        return;
    }
    flush(caller);
    receive(caller, plan);
}

void caller_expire(struct caller *caller, uint64_t before_us)
{
    if (caller->state != CALLER_IDLE && caller->last_us < before_us)
        fail(caller, OUTCOME_FAILURE_TIMEOUT);
}
