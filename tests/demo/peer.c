/* Edge-triggered epoll, registered once for both directions, so that an ordinary request costs one
 * recv and one send and no epoll_ctl. A read that comes back short has emptied the socket and no
 * second one is tried; the next edge tells of more.
 *
 *     INPUT_HEAD -> INPUT_BODY -> INPUT_HELD -> (answer complete) -> INPUT_HEAD
 *         answer closes: INPUT_DRAIN until the client has seen it        101: INPUT_TUNNEL
 *
 * Input and output advance in turn until neither can. A peer is freed only at the end of advance(),
 * never deeper. */
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alarms.h"
#include "reply.h"
#include "reqbody.h"
#include "tally.h"

enum { READ_ROOM = 16 * 1024, DRAIN_MS = 2000, SPARES_MAX = 256 };

enum input { INPUT_HEAD, INPUT_BODY, INPUT_HELD, INPUT_TUNNEL, INPUT_DRAIN };

struct peer {
    int fd;
    enum input input;
    bool is_readable, is_writable, is_gone, is_dead;
    bool is_answering; /* the present request's answer is not complete */
    bool is_in_flight; /* the present request is counted in the tally */
    bool was_counted;  /* as a connection */
    uint64_t id, ordinal;
    struct bytes in, out;
    struct reqbody body;
    struct reply reply;
    struct alarms_entry read_alarm; /* pause in reading, idle limit or drain limit, by input */
    LIST_ENTRY(peer) link;          /* in everyone or spares */
};

static const struct peer_settings *settings;
static struct reqhead head; /* used within one call only */
static LIST_HEAD(, peer) everyone, spares;
static int nr_spares;
static uint64_t next_id;

static void advance(struct peer *peer);

/* ---- How requests and connections end -------------------------------------------------------- */

static void leave_flight(struct peer *peer)
{
    if (peer->is_in_flight)
        tally.in_flight--;
    peer->is_in_flight = false;
}

/* The client is gone: if it was owed an answer, that is an abort. */
static void lose(struct peer *peer)
{
    if (peer->is_in_flight && peer->input != INPUT_TUNNEL && peer->input != INPUT_DRAIN)
        tally.aborted++;
    peer->is_dead = true;
}

static void reset(struct peer *peer)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    peer->is_dead = true;
}

/* Closing a socket with unread bytes would reset it and could take the answer away from the client;
 * so the rest is read first (RFC 9112 section 9.6). */
static void close_softly(struct peer *peer)
{
    bool is_all_read = peer->input == INPUT_HELD && bytes_count(&peer->in) == 0;

    leave_flight(peer);
    if (is_all_read && !peer->is_readable) {
        peer->is_dead = true;
        return;
    }
    shutdown(peer->fd, SHUT_WR);
    peer->input = INPUT_DRAIN;
    peer->in.start = peer->in.end = 0;
    alarms_set(&peer->read_alarm, DRAIN_MS);
}

static void wait_for_request(struct peer *peer)
{
    leave_flight(peer);
    peer->input = INPUT_HEAD;
    if (settings->idle_close_ms > 0 && bytes_count(&peer->in) == 0)
        alarms_set(&peer->read_alarm, settings->idle_close_ms);
}

static void count_response(const struct peer *peer)
{
    uint64_t class = peer->reply.does.status / 100;

    if (!peer->reply.is_control && class < 6)
        tally.responses[class]++;
}

static void finish(struct peer *peer, enum reply_ending ending)
{
    peer->is_answering = false;
    switch (ending) {
    case REPLY_KEEP:
        count_response(peer);
        if (peer->input == INPUT_HELD)
            wait_for_request(peer);
        break;
    case REPLY_CLOSE:
        count_response(peer);
        close_softly(peer);
        break;
    case REPLY_TUNNEL:
        tally.responses[1]++;
        tally.upgraded++;
        peer->input = INPUT_TUNNEL;
        break;
    case REPLY_FAIL_CLOSE:
        close_softly(peer);
        break;
    case REPLY_FAIL_RESET:
        reset(peer);
        break;
    case REPLY_FAIL_STALL:
    case REPLY_GOES_ON:
        break;
    }
}

/* ---- Input ----------------------------------------------------------------------------------- */

/* Reads at most limit bytes into in. Returns whether some came. */
static bool fill(struct peer *peer, size_t limit)
{
    char *room = bytes_room(&peer->in, READ_ROOM);
    size_t asked = peer->in.capacity - peer->in.end;
    ssize_t n;

    if (asked > limit)
        asked = limit;
    n = recv(peer->fd, room, asked, 0);
    if (n > 0) {
        bytes_added(&peer->in, (size_t)n);
        if ((size_t)n < asked && !peer->is_gone)
            peer->is_readable = false;
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        peer->is_readable = errno == EINTR;
        return false;
    }
    peer->is_readable = false;
    peer->is_gone = true;
    return false;
}

static void count_request(struct peer *peer)
{
    if (!peer->was_counted)
        tally.connections++;
    peer->was_counted = true;
    tally.requests++;
    tally.in_flight++;
    if (tally.in_flight > tally.max_in_flight)
        tally.max_in_flight = tally.in_flight;
    peer->is_in_flight = true;
}

static void read_behaviours(struct behave *does)
{
    struct str wrong;

    behave_copy(does, &settings->does);
    if (memchr(head.path.p, '=', head.path.n) || memmem(head.path.p, head.path.n, "/_do/", 5))
        behave_apply_path(does, head.path);
    behave_apply(does, head.query, '&', &wrong);
    behave_apply(does, head.demo, '&', &wrong);
}

static void begin_request(struct peer *peer)
{
    struct reply *reply = &peer->reply;

    if (alarms_is_set(&peer->read_alarm))
        alarms_clear(&peer->read_alarm);
    peer->ordinal++;
    read_behaviours(&reply->does);
    reply_begin(reply, &head, peer->id, peer->ordinal, head.keep_alive, &peer->out);
    if (!reply->is_control)
        count_request(peer);
    peer->is_answering = true;
    reqbody_begin(&peer->body, &head, &reply->trailers);
    if (peer->body.state == REQBODY_DONE) {
        reply_body_end(reply);
        peer->input = INPUT_HELD;
        return;
    }
    peer->input = INPUT_BODY;
    if (reply->does.read_delay > 0)
        alarms_set(&peer->read_alarm, reply->does.read_delay);
}

static void refuse(struct peer *peer)
{
    tally.malformed++;
    reply_malformed(&peer->out);
    (void)send(peer->fd, bytes_front(&peer->out), bytes_count(&peer->out), MSG_NOSIGNAL);
    peer->out.start = peer->out.end = 0;
    peer->is_answering = false;
    close_softly(peer);
}

static bool input_head(struct peer *peer)
{
    ssize_t used = 0;

    if (bytes_count(&peer->in) > 0)
        used = reqhead_parse(&head, bytes_front(&peer->in), bytes_count(&peer->in));
    if (used < 0) {
        refuse(peer);
        return true;
    }
    if (used > 0) {
        begin_request(peer); /* spans of head point into in */
        bytes_consume(&peer->in, (size_t)used);
        return true;
    }
    return peer->is_readable && fill(peer, SIZE_MAX);
}

static void end_body(struct peer *peer)
{
    reply_body_end(&peer->reply);
    peer->input = INPUT_HELD;
    if (!peer->is_answering)
        wait_for_request(peer); /* the answer came early and is complete */
}

static bool input_body(struct peer *peer)
{
    const struct behave *does = &peer->reply.does;
    struct str data;
    ssize_t used;

    if (alarms_is_set(&peer->read_alarm) || !reply_wants_body(&peer->reply))
        return false;
    used = reqbody_take(&peer->body, bytes_front(&peer->in), bytes_count(&peer->in), &data);
    if (used < 0) {
        refuse(peer);
        return true;
    }
    if (used > 0) {
        tally.body_bytes += data.n;
        reply_body(&peer->reply, data);
        bytes_consume(&peer->in, (size_t)used);
        if (peer->body.state == REQBODY_DONE)
            end_body(peer);
        return true;
    }
    if (!peer->is_readable || !fill(peer, does->read_pace > 0 ? does->read_pace : SIZE_MAX))
        return false;
    if (does->read_pace > 0)
        alarms_set(&peer->read_alarm, does->read_pace_ms > 0 ? does->read_pace_ms : 1);
    return true;
}

/* What was read after the head of a request for an upgrade goes back as well. */
static bool input_tunnel(struct peer *peer)
{
    size_t n = bytes_count(&peer->in);

    if (bytes_count(&peer->out) >= REPLY_OUT_MAX)
        return false;
    if (n == 0 && !(peer->is_readable && fill(peer, SIZE_MAX)))
        return false;
    n = bytes_count(&peer->in);
    bytes_append(&peer->out, bytes_front(&peer->in), n);
    bytes_consume(&peer->in, n);
    return true;
}

static bool input_drain(struct peer *peer)
{
    bool has_come = peer->is_readable && fill(peer, SIZE_MAX);

    peer->in.start = peer->in.end = 0;
    return has_come;
}

static bool advance_input(struct peer *peer)
{
    switch (peer->input) {
    case INPUT_HEAD:
        return input_head(peer);
    case INPUT_BODY:
        return input_body(peer);
    case INPUT_TUNNEL:
        return input_tunnel(peer);
    case INPUT_DRAIN:
        return input_drain(peer);
    case INPUT_HELD:
        break;
    }
    return false;
}

/* ---- Output ---------------------------------------------------------------------------------- */

static bool flush(struct peer *peer)
{
    ssize_t n;

    if (bytes_count(&peer->out) == 0 || !peer->is_writable)
        return false;
    n = send(peer->fd, bytes_front(&peer->out), bytes_count(&peer->out), MSG_NOSIGNAL);
    if (n > 0) {
        bytes_consume(&peer->out, (size_t)n);
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        peer->is_writable = errno == EINTR;
    else
        lose(peer);
    return false;
}

static bool advance_output(struct peer *peer)
{
    enum reply_ending ending = REPLY_GOES_ON;
    bool has_sent;

    if (peer->is_answering)
        ending = reply_produce(&peer->reply, &peer->out);
    has_sent = flush(peer);
    if (ending != REPLY_GOES_ON && bytes_count(&peer->out) == 0 && !peer->is_dead) {
        finish(peer, ending);
        return true;
    }
    return has_sent;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void end_peer(struct peer *peer)
{
    leave_flight(peer);
    tally.open--;
    close(peer->fd);
    alarms_clear(&peer->read_alarm);
    alarms_clear(&peer->reply.alarm);
    LIST_REMOVE(peer, link);
    if (nr_spares < SPARES_MAX) {
        LIST_INSERT_HEAD(&spares, peer, link);
        nr_spares++;
        return;
    }
    reply_fini(&peer->reply);
    bytes_fini(&peer->in);
    bytes_fini(&peer->out);
    free(peer);
}

/* A client that is gone and whose bytes are all read: nothing more can come of it, but for a
 * tunnel's last bytes. */
static void heed_departure(struct peer *peer)
{
    if (!peer->is_gone || peer->is_dead)
        return;
    if (peer->input == INPUT_TUNNEL && (peer->is_readable || bytes_count(&peer->out) > 0))
        return;
    if (peer->is_readable && peer->input != INPUT_HELD && !alarms_is_set(&peer->read_alarm))
        return;
    lose(peer);
}

static void advance(struct peer *peer)
{
    bool has_moved = true;

    while (has_moved && !peer->is_dead) {
        has_moved = advance_input(peer);
        if (!peer->is_dead && advance_output(peer))
            has_moved = true;
    }
    heed_departure(peer);
    if (peer->is_dead)
        end_peer(peer);
}

static void on_reply_alarm(void *context)
{
    advance(context);
}

static void on_read_alarm(void *context)
{
    struct peer *peer = context;

    if (peer->input == INPUT_HEAD || peer->input == INPUT_DRAIN)
        peer->is_dead = true;
    advance(peer);
}

void peer_event(struct peer *peer, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
        peer->is_readable = true;
    if (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP))
        peer->is_gone = true;
    if (events & EPOLLOUT)
        peer->is_writable = true;
    if (events & (EPOLLERR | EPOLLHUP))
        lose(peer);
    advance(peer);
}

static struct peer *take_spare(void)
{
    struct peer *peer = LIST_FIRST(&spares), *fresh;

    if (!peer) {
        fresh = calloc(1, sizeof(*fresh));
        if (!fresh) {
            fputs("out of memory\n", stderr);
            exit(1);
        }
        return fresh;
    }
    LIST_REMOVE(peer, link);
    nr_spares--;
    peer->in.start = peer->in.end = peer->out.start = peer->out.end = 0;
    *peer = (struct peer){.in = peer->in, .out = peer->out, .reply = peer->reply};
    return peer;
}

void peer_open(int fd, int epoll_fd)
{
    struct peer *peer = take_spare();
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = peer};

    peer->fd = fd;
    peer->input = INPUT_HEAD;
    peer->is_writable = true;
    peer->id = ++next_id;
    peer->read_alarm = (struct alarms_entry){.ring = on_read_alarm, .context = peer};
    peer->reply.alarm = (struct alarms_entry){.ring = on_reply_alarm, .context = peer};
    tally.accepted++;
    tally.open++;
    LIST_INSERT_HEAD(&everyone, peer, link);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        end_peer(peer);
}

void peer_configure(const struct peer_settings *new_settings)
{
    settings = new_settings;
}
