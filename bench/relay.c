/* relay: what moving the bytes costs at least. The bench's 1.00.
 *
 *   relay -l PORT -u PORT [-o] [-t CERTIFICATE -k KEY]
 *
 *   client --recv--> relay --send--> upstream        one thread, one epoll, one buffer, no HTTP
 *   client <--send-- relay <--recv-- upstream
 *
 * A client connection holds one upstream connection, taken from a pool when it is accepted and
 * given back when it ends. With -o the first bytes of the answer end the client connection: a
 * connection per request, closed by the server, as the proxies do it. With -t and -k the client
 * side is TLS by OpenSSL: the limit for the TLS rows. A relay that cannot tell where an answer ends
 * may only pool connections of clients that left between two requests; the load generator takes
 * care of that. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/net.h"

#define READ_BYTES 32768 /* 64 KiB cost nearly twice as much per MiB on loopback */

struct end {
    int fd;
    bool is_upstream;
    bool is_asked; /* upstream: bytes went out that no bytes have answered */
    bool is_gone;
    uint32_t watched; /* epoll events */
    SSL *ssl;         /* client side of a TLS relay */
    struct end *peer; /* NULL: pooled */
    struct end *next; /* in the pool, or among the gone */
    char *rest;       /* what the socket did not take; its peer is not read meanwhile */
    size_t rest_length, rest_sent;
};

static int epoll, upstream_port;
static bool is_once;
static SSL_CTX *tls;
static struct end *pool, *gone;
static char buffer[READ_BYTES];

static void watch_what_matters(struct end *end)
{
    uint32_t events = (end->rest ? EPOLLOUT : 0) | (end->peer && end->peer->rest ? 0 : EPOLLIN);

    if (events != end->watched)
        net_rewatch(epoll, end->fd, events, end);
    end->watched = events;
}

static struct end *make_end(int fd, bool is_upstream)
{
    struct end *end = net_alloc(1, sizeof(*end));

    end->fd = fd;
    end->is_upstream = is_upstream;
    end->watched = EPOLLIN;
    net_watch(epoll, fd, EPOLLIN, end);
    return end;
}

static void leave(struct end *end)
{
    if (end->is_gone)
        return;
    if (end->ssl) {
        SSL_shutdown(end->ssl);
        SSL_free(end->ssl);
    }
    close(end->fd);
    free(end->rest);
    end->rest = NULL;
    end->is_gone = true;
    end->next = gone;
    gone = end;
}

/* The client has gone, or is sent away: its upstream connection is kept if it is at rest. */
static void part(struct end *client)
{
    struct end *upstream = client->peer;

    upstream->peer = NULL;
    if (upstream->is_asked || upstream->rest) {
        leave(upstream);
    } else if (!upstream->is_gone) {
        watch_what_matters(upstream);
        upstream->next = pool;
        pool = upstream;
    }
    leave(client);
}

static void end_pair(struct end *end)
{
    if (end->is_upstream)
        leave(end);
    part(end->is_upstream ? end->peer : end);
}

static void leave_pool(struct end *end)
{
    struct end **link = &pool;

    while (*link && *link != end)
        link = &(*link)->next;
    if (*link)
        *link = end->next;
    leave(end);
}

/* As recv and send: -1 with EAGAIN when there is nothing to do now. */
static ssize_t tls_result(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);

    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static ssize_t get(struct end *end)
{
    if (!end->ssl)
        return recv(end->fd, buffer, sizeof(buffer), 0);
    int n = SSL_read(end->ssl, buffer, sizeof(buffer));
    return n > 0 ? n : tls_result(end->ssl, n);
}

static ssize_t put(struct end *end, const char *bytes, size_t length)
{
    if (!end->ssl)
        return send(end->fd, bytes, length, MSG_NOSIGNAL);
    int n = SSL_write(end->ssl, bytes, (int)length);
    return n > 0 ? n : tls_result(end->ssl, n);
}

/* Sends what was just read; 0, or -1 when the pair cannot go on. */
static int pass(struct end *to, size_t length)
{
    ssize_t n = put(to, buffer, length);

    if (n < 0 && errno != EAGAIN)
        return -1;
    if (n == (ssize_t)length)
        return 0;
    if (n < 0)
        n = 0;
    to->rest_length = length - (size_t)n;
    to->rest_sent = 0;
    to->rest = net_alloc(1, to->rest_length);
    memcpy(to->rest, buffer + n, to->rest_length);
    watch_what_matters(to);
    watch_what_matters(to->peer);
    return 0;
}

static void readable(struct end *end);

static void writable(struct end *end)
{
    ssize_t n = put(end, end->rest + end->rest_sent, end->rest_length - end->rest_sent);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0) {
        end_pair(end);
        return;
    }
    end->rest_sent += (size_t)n;
    if (end->rest_sent < end->rest_length)
        return;
    free(end->rest);
    end->rest = NULL;
    watch_what_matters(end);
    watch_what_matters(end->peer);
    if (end->peer->ssl && SSL_has_pending(end->peer->ssl))
        readable(end->peer);
}

static void readable(struct end *end)
{
    do {
        ssize_t n = get(end); /* OpenSSL shakes hands inside SSL_read */

        if (n < 0 && errno == EAGAIN)
            return;
        if (!end->peer) {
            leave_pool(end); /* an end or stray bytes: of no use any more */
            return;
        }
        if (n <= 0 || pass(end->peer, (size_t)n)) {
            end_pair(end);
            return;
        }
        if (end->is_upstream)
            end->is_asked = false;
        else
            end->peer->is_asked = true;
        if (is_once && end->is_upstream) {
            part(end->peer);
            return;
        }
    } while (end->ssl && SSL_has_pending(end->ssl) && !end->peer->rest);
}

static struct end *take_upstream(void)
{
    struct end *end = pool;

    if (end) {
        pool = end->next;
        return end;
    }
    int fd = net_connect(upstream_port, true);
    if (fd < 0)
        net_die("connect upstream");
    return make_end(fd, true);
}

static void welcome(int listener)
{
    for (int fd = net_accept(listener); fd >= 0; fd = net_accept(listener)) {
        struct end *client = make_end(fd, false);

        if (tls) {
            client->ssl = SSL_new(tls);
            if (!client->ssl || !SSL_set_fd(client->ssl, fd))
                net_die("TLS");
            SSL_set_accept_state(client->ssl);
        }
        client->peer = take_upstream();
        client->peer->peer = client;
    }
}

static void use_tls(const char *certificate, const char *key)
{
    tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_session_id_context(tls, (const unsigned char *)"relay", 5);
    SSL_CTX_set_num_tickets(tls, 1);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
}

static int read_options(int argc, char **argv)
{
    const char *certificate = NULL, *key = NULL;
    int listen_port = 0;

    for (int option = getopt(argc, argv, "l:u:ot:k:"); option != -1;
         option = getopt(argc, argv, "l:u:ot:k:")) {
        if (option == 'l')
            listen_port = (int)net_number(optarg, "-l");
        else if (option == 'u')
            upstream_port = (int)net_number(optarg, "-u");
        else if (option == 'o')
            is_once = true;
        else if (option == 't')
            certificate = optarg;
        else if (option == 'k')
            key = optarg;
        else
            exit(2);
    }
    if (!listen_port || !upstream_port || !certificate != !key) {
        fprintf(stderr, "usage: relay -l PORT -u PORT [-o] [-t CERTIFICATE -k KEY]\n");
        exit(2);
    }
    if (certificate)
        use_tls(certificate, key);
    return listen_port;
}

static void handle(struct end *end, uint32_t events)
{
    if (end->is_gone)
        return;
    if (events & EPOLLOUT && end->rest)
        writable(end);
    if (end->is_gone || !(events & ~(uint32_t)EPOLLOUT))
        return;
    if (end->peer && end->peer->rest)
        end_pair(end); /* not to be read now, so this is an error or a hangup */
    else
        readable(end);
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];
    int listener = net_listen(read_options(argc, argv));

    signal(SIGPIPE, SIG_IGN);
    net_raise_descriptors();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    net_watch(epoll, listener, EPOLLIN, NULL);
    for (;;) {
        int n = epoll_wait(epoll, events, 256, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                handle(events[i].data.ptr, events[i].events);
            else
                welcome(listener);
        }
        while (gone) {
            struct end *end = gone;

            gone = end->next;
            free(end);
        }
    }
}
