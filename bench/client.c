/* A connection of the load generator; see client.h. Answers are checked for status, length, and
 * that header and body name the same version: a proxy that is fast because it is wrong shows as
 * failures. */
#include "bench/client.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/net.h"

struct client_rules client_rules;
static char buffer[1 << 18];

static void watch(struct client *client, uint32_t events)
{
    if (!client->watched)
        net_watch(client_rules.epoll, client->fd, events, client);
    else if (client->watched != events)
        net_rewatch(client_rules.epoll, client->fd, events, client);
    client->watched = events;
}

static void hang_up(struct client *client)
{
    if (client->ssl) {
        SSL_shutdown(client->ssl);
        SSL_free(client->ssl);
        ERR_clear_error();
        client->ssl = NULL;
    }
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->state = CLIENT_CLOSED;
    client->watched = 0;
}

static void lose(struct client *client, const char *why)
{
    enum client_state was = client->state;
    bool is_unanswered =
        client->was_used && !client->head_length && (was == CLIENT_SENDING || was == CLIENT_HEAD);

    hang_up(client);
    client_rules.on_lost(client, was == CLIENT_ENDING ? NULL : why, is_unanswered);
}

void client_open(struct client *client)
{
    client->was_used = false;
    client->head_length = 0;
    client->watched = 0;
    client->state = CLIENT_CONNECTING;
    client->fd = net_connect(client_rules.port, false);
    if (client->fd < 0)
        lose(client, "connect");
    else
        watch(client, EPOLLOUT);
}

static ssize_t tls_result(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);

    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static ssize_t get(struct client *client)
{
    if (!client->ssl)
        return recv(client->fd, buffer, sizeof(buffer), 0);
    int n = SSL_read(client->ssl, buffer, sizeof(buffer));
    return n > 0 ? n : tls_result(client->ssl, n);
}

static ssize_t put(struct client *client, const char *bytes, size_t length)
{
    if (!client->ssl)
        return send(client->fd, bytes, length, MSG_NOSIGNAL);
    int n = SSL_write(client->ssl, bytes, (int)length);
    return n > 0 ? n : tls_result(client->ssl, n);
}

static void go_on_sending(struct client *client)
{
    const struct request *request = client->request;

    while (client->sent < request->length) {
        ssize_t n = put(client, request->bytes + client->sent, request->length - client->sent);

        if (n < 0 && errno == EAGAIN) {
            watch(client, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0) {
            lose(client, "closed while the request was being sent");
            return;
        }
        client->sent += (size_t)n;
    }
    client->state = CLIENT_HEAD;
    watch(client, EPOLLIN);
    client_rules.on_sent(client);
}

void client_send(struct client *client, const struct request *request, uint64_t due_ns)
{
    client->request = request;
    client->sent = 0;
    client->head_length = 0;
    client->due_ns = due_ns;
    client->sent_ns = net_now_ns();
    client->state = CLIENT_SENDING;
    go_on_sending(client);
}

/* NULL, or what is wrong with the head. */
static const char *check_head(struct client *client, const char *head, size_t length)
{
    const char *name = client_rules.version_header;
    size_t name_length = name ? strlen(name) : 0;
    const char *end = head + length;
    const char *line = memchr(head, '\n', length);
    bool has_length = false;

    if (length < 12 || memcmp(head, "HTTP/1.1 200", 12) != 0)
        return "status other than 200";
    client->head_version = 0;
    for (line++; line < end; line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1) {
        if ((*line | 32) == 'c' && !strncasecmp(line, "content-length:", 15)) {
            client->body_left = strtoull(line + 15, NULL, 10);
            has_length = true;
        } else if (name && (*line | 32) == *name && !strncasecmp(line, name, name_length)) {
            client->head_version = (int)strtol(line + name_length, NULL, 10);
        }
    }
    if (!has_length || client->body_left != client_rules.answer_bytes)
        return "length other than asked for";
    if (name && !client->head_version)
        return "no header with the version";
    return NULL;
}

/* Takes the bytes of a head; how many, 0 when more are needed, -1 when lost. */
static ssize_t take_head(struct client *client, char *bytes, size_t length)
{
    size_t before = client->head_length;
    char *head = bytes;
    size_t head_bytes = length;

    if (before) {
        head_bytes = before + length < CLIENT_HEAD_MAX ? before + length : CLIENT_HEAD_MAX;
        memcpy(client->head + before, bytes, head_bytes - before);
        head = client->head;
    }
    char *end = memmem(head, head_bytes, "\r\n\r\n", 4);
    if (!end) {
        if (head_bytes >= CLIENT_HEAD_MAX) {
            lose(client, "head too long");
            return -1;
        }
        if (!client->head)
            client->head = net_alloc(1, CLIENT_HEAD_MAX);
        if (!before)
            memcpy(client->head, bytes, length);
        client->head_length = before + length;
        return 0;
    }
    const char *wrong = check_head(client, head, (size_t)(end + 4 - head));
    client->head_length = (size_t)(end + 4 - head);
    if (wrong) {
        lose(client, wrong);
        return -1;
    }
    client->state = CLIENT_BODY;
    client->version = 0;
    return end + 4 - head - (ssize_t)before;
}

static void finish(struct client *client)
{
    if (client_rules.version_header && client->head_version != client->version) {
        lose(client, "header and body name different versions");
        return;
    }
    client->was_used = true;
    client->request = NULL;
    client->state = client_rules.is_once ? CLIENT_ENDING : CLIENT_FREE;
    client_rules.on_answer(client);
}

static void take(struct client *client, char *bytes, size_t length)
{
    if (client->state == CLIENT_SENDING || client->state == CLIENT_HEAD) {
        ssize_t n = take_head(client, bytes, length);

        if (n <= 0)
            return;
        bytes += n;
        length -= (size_t)n;
    } else if (client->state != CLIENT_BODY) {
        lose(client, "bytes that nobody asked for");
        return;
    }
    if (length && !client->version)
        client->version = *bytes >= '1' && *bytes <= '9' ? *bytes - '0' : 0;
    if (length > client->body_left) {
        lose(client, "more bytes than the length says");
        return;
    }
    client->body_left -= length;
    if (!client->body_left)
        finish(client);
}

static void readable(struct client *client)
{
    do {
        ssize_t n = get(client);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            lose(client, n ? "reset" : "closed");
            return;
        }
        take(client, buffer, (size_t)n);
    } while (client->ssl && SSL_has_pending(client->ssl));
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct client *client = SSL_get_app_data(ssl);

    SSL_SESSION_free(client->session);
    client->session = session;
    return 1;
}

void client_use_tls(void)
{
    client_rules.tls = SSL_CTX_new(TLS_client_method());
    if (!client_rules.tls)
        net_die("TLS");
    SSL_CTX_set_min_proto_version(client_rules.tls, TLS1_3_VERSION);
    SSL_CTX_set_mode(client_rules.tls, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_read_ahead(client_rules.tls, 1);
    SSL_CTX_set_session_cache_mode(client_rules.tls,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client_rules.tls, keep_session);
}

static void begin_handshake(struct client *client)
{
    client->ssl = SSL_new(client_rules.tls);
    if (!client->ssl || !SSL_set_fd(client->ssl, client->fd))
        net_die("TLS");
    SSL_set_app_data(client->ssl, client);
    SSL_set_connect_state(client->ssl);
    SSL_set_tlsext_host_name(client->ssl, "localhost");
    if (client_rules.is_resuming && client->session)
        SSL_set_session(client->ssl, client->session);
    client->state = CLIENT_HANDSHAKE;
}

static void become_free(struct client *client)
{
    client->state = CLIENT_FREE;
    watch(client, EPOLLIN);
    client_rules.on_free(client);
}

static void connected(struct client *client, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) {
        lose(client, "connection refused");
    } else if (client_rules.tls) {
        begin_handshake(client);
        client_event(client, EPOLLOUT);
    } else {
        become_free(client);
    }
}

static void shake_hands(struct client *client)
{
    int done = SSL_do_handshake(client->ssl);

    if (done == 1)
        become_free(client);
    else if (tls_result(client->ssl, done) < 0 && errno == EAGAIN)
        watch(client, SSL_want_write(client->ssl) ? EPOLLOUT : EPOLLIN);
    else
        lose(client, "TLS handshake");
}

void client_event(struct client *client, uint32_t events)
{
    if (client->state == CLIENT_CONNECTING) {
        connected(client, events);
        return;
    }
    if (client->state == CLIENT_HANDSHAKE) {
        shake_hands(client);
        return;
    }
    if (events & EPOLLOUT && client->state == CLIENT_SENDING)
        go_on_sending(client);
    if (events & ~(uint32_t)EPOLLOUT && client->state != CLIENT_CLOSED)
        readable(client);
}
