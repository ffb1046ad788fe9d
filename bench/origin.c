/* origin: the endpoints of the bench, as cheap as possible.
 *
 *   origin PORT...      the first port is version 1, the second version 2, ...
 *
 * One thread, one epoll; a request costs one recv and one send. A request is answered once its body
 * is in; ?s=BYTES sets the answer's size (else the request body's, or 200), ?d=MS holds it back.
 * The version stands in the header x-origin-version and in the first byte of the body, so that a
 * generator behind a proxy sees which version ran. Closing is left to the other side, whatever
 * Connection says: then a relay that knows no HTTP keeps its connections too. What the bench never
 * sends (pipelined requests, chunked bodies, long heads) ends the connection, and the bench sees a
 * failure. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/net.h"

#define VERSIONS_MAX     9
#define ANSWERS_MAX      32 /* sizes asked for in one run */
#define ANSWER_BYTES_MAX (64u << 20)
#define HEAD_MAX         8192
#define READ_BYTES       65536

/* One ready-made answer: head and body in one piece, made at its first use, kept to the end. */
struct answer {
    size_t size; /* of the body */
    size_t length;
    char *bytes;
};

struct version {
    int listener;
    char name;
    int nr_answers;
    struct answer answers[ANSWERS_MAX];
};

struct connection {
    int fd;
    struct version *version;
    struct connection *gone_next; /* closed in this turn, freed at its end */
    bool is_gone;

    char *head; /* the part of a head that has come, where it came in parts */
    size_t head_length;
    uint64_t body_left; /* of the request */
    size_t answer_size;
    uint64_t delay_ms;

    const struct answer *answer; /* being held back or sent */
    size_t answer_sent;
    uint64_t due_ns; /* while held back; in the list below, earliest first */
    struct connection *earlier, *later;
};

static struct version versions[VERSIONS_MAX];
static int nr_versions;
static int epoll;
static struct connection *held_first, *held_last;
static struct connection *gone;
static char input[READ_BYTES + HEAD_MAX];

static struct answer *answer_of(struct version *version, size_t size)
{
    for (int i = 0; i < version->nr_answers; i++)
        if (version->answers[i].size == size)
            return &version->answers[i];
    if (version->nr_answers == ANSWERS_MAX || size > ANSWER_BYTES_MAX)
        return NULL;

    struct answer *answer = &version->answers[version->nr_answers++];
    char date[64];
    time_t now = time(NULL);
    struct tm when;

    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &when));
    answer->size = size;
    answer->bytes = net_alloc(1, size + 512);
    answer->length = (size_t)snprintf(answer->bytes, 512,
                                      "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: %s\r\n"
                                      "Content-Type: text/plain\r\nContent-Length: %zu\r\n"
                                      "x-origin-version: %c\r\n\r\n",
                                      date, size, version->name);
    memset(answer->bytes + answer->length, 'x', size);
    answer->bytes[answer->length] = version->name;
    answer->length += size;
    return answer;
}

static void unhold(struct connection *connection)
{
    if (!connection->due_ns)
        return;
    if (connection->earlier)
        connection->earlier->later = connection->later;
    else
        held_first = connection->later;
    if (connection->later)
        connection->later->earlier = connection->earlier;
    else
        held_last = connection->earlier;
    connection->due_ns = 0;
}

/* Sorted from the far end: a run asks for one delay, so the place is nearly always there. */
static void hold(struct connection *connection)
{
    struct connection *before = held_last;

    connection->due_ns = net_now_ns() + connection->delay_ms * 1000000;
    while (before && before->due_ns > connection->due_ns)
        before = before->earlier;
    connection->earlier = before;
    connection->later = before ? before->later : held_first;
    if (connection->later)
        connection->later->earlier = connection;
    else
        held_last = connection;
    if (before)
        before->later = connection;
    else
        held_first = connection;
}

static void leave(struct connection *connection)
{
    if (connection->is_gone)
        return;
    unhold(connection);
    close(connection->fd);
    connection->is_gone = true;
    connection->gone_next = gone;
    gone = connection;
}

static void send_answer(struct connection *connection)
{
    const struct answer *answer = connection->answer;

    while (connection->answer_sent < answer->length) {
        ssize_t n = send(connection->fd, answer->bytes + connection->answer_sent,
                         answer->length - connection->answer_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            net_rewatch(epoll, connection->fd, EPOLLOUT, connection);
            return;
        }
        if (n < 0) {
            leave(connection);
            return;
        }
        connection->answer_sent += (size_t)n;
    }
    connection->answer = NULL;
}

static void begin_answer(struct connection *connection)
{
    connection->answer = answer_of(connection->version, connection->answer_size);
    connection->answer_sent = 0;
    if (!connection->answer)
        leave(connection);
    else if (connection->delay_ms)
        hold(connection);
    else
        send_answer(connection);
}

/* The number behind "&name=" or "?name=" in the query of the request line. */
static bool query_number(const char *line, size_t length, char name, uint64_t *value)
{
    const char *end = line + length;
    const char *at = memchr(line, '?', length);

    for (; at && at + 3 < end; at = memchr(at + 1, '&', (size_t)(end - at - 1)))
        if (at[1] == name && at[2] == '=') {
            *value = strtoull(at + 3, NULL, 10);
            return true;
        }
    return false;
}

/* Takes what is needed from a whole head; false for what the bench never sends. */
static bool read_head(struct connection *connection, const char *head, size_t length)
{
    const char *end = head + length;
    const char *line_end = memchr(head, '\n', length);
    uint64_t size = 0;

    connection->body_left = 0;
    for (const char *line = line_end + 1; line < end; line = line_end + 1) {
        line_end = memchr(line, '\n', (size_t)(end - line));
        if ((*line | 32) == 'c' && !strncasecmp(line, "content-length:", 15))
            connection->body_left = strtoull(line + 15, NULL, 10);
        else if ((*line | 32) == 't' && !strncasecmp(line, "transfer-encoding:", 18))
            return false;
    }
    connection->delay_ms = 0;
    line_end = memchr(head, '\n', length);
    query_number(head, (size_t)(line_end - head), 'd', &connection->delay_ms);
    if (!query_number(head, (size_t)(line_end - head), 's', &size))
        size = connection->body_left ? connection->body_left : 200;
    connection->answer_size = size ? size : 1;
    return true;
}

/* Handles one recv's worth of bytes; false when the connection cannot go on. */
static bool take(struct connection *connection, char *bytes, size_t length)
{
    while (length) {
        if (connection->answer)
            return false;
        if (!connection->body_left) {
            char *end = memmem(bytes, length, "\r\n\r\n", 4);

            if (!end) {
                if (length > HEAD_MAX)
                    return false;
                if (!connection->head)
                    connection->head = net_alloc(1, HEAD_MAX);
                memcpy(connection->head, bytes, length);
                connection->head_length = length;
                return true;
            }
            size_t head_length = (size_t)(end + 4 - bytes);
            if (!read_head(connection, bytes, head_length))
                return false;
            bytes += head_length;
            length -= head_length;
        } else {
            size_t part = length < connection->body_left ? length : connection->body_left;

            connection->body_left -= part;
            bytes += part;
            length -= part;
        }
        if (!connection->body_left)
            begin_answer(connection);
    }
    return true;
}

static void readable(struct connection *connection)
{
    size_t before = connection->head_length;
    ssize_t n = recv(connection->fd, input + before, READ_BYTES, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        leave(connection);
        return;
    }
    if (before)
        memcpy(input, connection->head, before);
    connection->head_length = 0;
    if (!take(connection, input, before + (size_t)n))
        leave(connection);
}

static void welcome(struct version *version)
{
    for (int fd = net_accept(version->listener); fd >= 0; fd = net_accept(version->listener)) {
        struct connection *connection = net_alloc(1, sizeof(*connection));

        connection->fd = fd;
        connection->version = version;
        net_watch(epoll, fd, EPOLLIN, connection);
    }
}

/* The event's data is a version for its listener, else a connection. */
static void handle(const struct epoll_event *event)
{
    struct version *version = event->data.ptr;
    struct connection *connection = event->data.ptr;

    if (version >= versions && version < versions + VERSIONS_MAX) {
        welcome(version);
    } else if (connection->is_gone) {
        return;
    } else if (event->events & EPOLLOUT) {
        send_answer(connection);
        if (!connection->answer && !connection->is_gone)
            net_rewatch(epoll, connection->fd, EPOLLIN, connection);
    } else {
        readable(connection);
    }
}

/* Sends what is due; returns how long to sleep. */
static int release_held(void)
{
    while (held_first) {
        uint64_t now = net_now_ns();
        struct connection *connection = held_first;

        if (connection->due_ns > now)
            return (int)((connection->due_ns - now) / 1000000) + 1;
        unhold(connection);
        send_answer(connection);
    }
    return -1;
}

static void free_gone(void)
{
    while (gone) {
        struct connection *connection = gone;

        gone = connection->gone_next;
        free(connection->head);
        free(connection);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];

    if (argc < 2 || argc > VERSIONS_MAX + 1) {
        fprintf(stderr, "usage: origin PORT...   (one per version, at most %d)\n", VERSIONS_MAX);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    net_raise_descriptors();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (nr_versions = 0; nr_versions < argc - 1; nr_versions++) {
        struct version *version = &versions[nr_versions];

        version->name = (char)('1' + nr_versions);
        version->listener = net_listen((int)net_number(argv[nr_versions + 1], "PORT"));
        net_watch(epoll, version->listener, EPOLLIN, version);
    }
    for (;;) {
        int n = epoll_wait(epoll, events, 256, release_held());

        for (int i = 0; i < n; i++)
            handle(&events[i]);
        free_gone();
    }
}
