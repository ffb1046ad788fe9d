/* For the tests of TLS: two ends of one TCP connection on one loop, turned by hand. An end is an io
 * with a layer of tls.c that sends a pattern and checks the pattern that it gets; or the test gives
 * one end to OpenSSL itself (struct raw), to do what a well-behaved peer would not. Included by a
 * test file after tls_lab.h. */
#ifndef WEIR_TESTS_UNIT_TLS_PAIR_H
#define WEIR_TESTS_UNIT_TLS_PAIR_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "proxy/io/loop.h"
#include "proxy/tls/tls.h"
#include "tls_lab.h"

enum { PAIR_TURNS_MAX = 50000, PAIR_NO_END = 1, PAIR_IOV = 5 };

struct end {
    struct io io; /* first */
    bool is_established, is_plain;
    int failure; /* of the handshake */
    char reason[512];
    size_t to_send, sent;
    ssize_t write_error;
    size_t received, read_size; /* 0: does not read */
    bool is_garbled;
    ssize_t end;        /* what reading ended with; PAIR_NO_END */
    unsigned nr_eagain; /* reads that gave nothing */
    unsigned seed;
};

struct pair {
    struct loop loop;
    struct qsbr *qsbr;
    struct end server, client; /* client.io is closed where a raw peer has its place */
    struct io ticker;
    int ticker_peer;
    int raw_fd;
};

/* ---- The pattern ---------------------------------------------------------------------------- */

LAB unsigned char pattern_at(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

LAB void pattern_fill(unsigned char *out, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = pattern_at(from + i);
}

LAB bool pattern_is(const unsigned char *bytes, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != pattern_at(from + i))
            return false;
    return true;
}

/* ---- An end --------------------------------------------------------------------------------- */

/* Sends as the proxy does: what was not taken comes again from other memory, cut in other places.
 */
LAB void end_send(struct end *end)
{
    while (end->is_established && end->sent < end->to_send && end->write_error == 0) {
        size_t n = end->to_send - end->sent < 40000 ? end->to_send - end->sent : 40000;
        unsigned char *bytes = malloc(n);
        struct iovec iov[PAIR_IOV];
        size_t at = 0;
        assert_non_null(bytes);
        pattern_fill(bytes, end->sent, n);
        for (int i = 0; i < PAIR_IOV; i++) {
            end->seed = end->seed * 1103515245U + 12345U;
            size_t piece = i == PAIR_IOV - 1 ? n - at : (end->seed >> 8) % (n - at + 1);
            iov[i] = (struct iovec){bytes + at, piece};
            at += piece;
        }
        ssize_t r = io_write(&end->io, iov, PAIR_IOV);
        free(bytes);
        if (r == -EAGAIN)
            return;
        if (r < 0)
            end->write_error = r;
        else
            end->sent += (size_t)r;
    }
}

LAB void end_receive(struct loop *loop, struct end *end)
{
    unsigned char bytes[65536];

    for (int i = 0; i < 4 && end->io.is_readable && end->end == PAIR_NO_END && end->read_size > 0;
         i++) {
        ssize_t n = io_read(&end->io, bytes, end->read_size);
        if (n == -EAGAIN) {
            end->nr_eagain++;
            assert_false(end->io.is_readable && end->sent == end->to_send);
            return;
        }
        if (n <= 0) {
            end->end = n;
            return;
        }
        end->is_garbled |= !pattern_is(bytes, end->received, (size_t)n);
        end->received += (size_t)n;
    }
    if (end->io.is_readable && end->end == PAIR_NO_END && end->read_size > 0)
        io_again(loop, &end->io);
}

LAB void end_on_ready(struct loop *loop, struct io *io, uint32_t events)
{
    struct end *end = (struct end *)io;
    const char *reason = NULL;

    if (!end->is_established) {
        int r = end->failure ? end->failure : tls_handshake(io, &reason);
        if (r == -EAGAIN || end->failure)
            return;
        if (r < 0) {
            end->failure = r;
            snprintf(end->reason, sizeof(end->reason), "%s", reason);
            return;
        }
        end->is_established = true;
        events |= EPOLLOUT;
    }
    if (events & EPOLLOUT)
        end_send(end);
    end_receive(loop, end);
}

/* More to send; begins at once. */
LAB void end_add(struct end *end, size_t n)
{
    end->to_send += n;
    end_send(end);
}

/* ---- The pair ------------------------------------------------------------------------------- */

LAB void pair_on_tick(struct loop *loop, struct io *io, uint32_t events)
{
    (void)loop, (void)io, (void)events;
}

/* One turn, which waits for a moment if there is nothing to do. */
LAB void pair_turn(struct pair *pair)
{
    struct pollfd news = {.fd = pair->loop.epoll_fd, .events = POLLIN};

    if (!pair->loop.again)
        poll(&news, 1, 1);
    pair->loop.is_stopped = false;
    pair->loop.on_turn = loop_stop;
    io_again(&pair->loop, &pair->ticker); /* the loop itself is not to wait */
    loop_run(&pair->loop);
}

/* Turns until the condition holds; fails the test if it never does. */
#define pair_until(pair, condition)                                                                \
    do {                                                                                           \
        int turns_ = 0;                                                                            \
        for (; !(condition) && turns_ < PAIR_TURNS_MAX; turns_++)                                  \
            pair_turn(pair);                                                                       \
        assert_true(condition);                                                                    \
    } while (0)

/* Enough turns for everything on its way to arrive. */
LAB void pair_settle(struct pair *pair)
{
    for (int i = 0; i < 20; i++)
        pair_turn(pair);
}

LAB void pair_sockets(int fds[2], int buffer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (buffer)
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer)
        setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    assert_int_equal(connect(fds[1], (struct sockaddr *)&address, length), 0);
    fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fds[0] >= 0);
    close(listener);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (buffer)
            setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    }
}

LAB void end_init(struct end *end, struct loop *loop, int fd, unsigned seed)
{
    memset(end, 0, sizeof(*end));
    assert_int_equal(io_open(loop, &end->io, fd, end_on_ready), 0);
    end->end = PAIR_NO_END;
    end->read_size = 32768;
    end->seed = seed;
}

/* A connection whose server side is a listener of server; the other side is the test's, as
 * pair->raw_fd. buffer: size of socket buffers, 0: the system's. */
LAB void pair_open_raw(struct pair *pair, struct tls_server *server, int listener, int buffer)
{
    int fds[2], ticks[2];

    memset(pair, 0, sizeof(*pair));
    pair->qsbr = qsbr_make();
    assert_non_null(pair->qsbr);
    assert_int_equal(loop_init(&pair->loop, pair->qsbr, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ticks), 0);
    assert_int_equal(io_open(&pair->loop, &pair->ticker, ticks[0], pair_on_tick), 0);
    pair->ticker_peer = ticks[1];
    pair_sockets(fds, buffer);
    end_init(&pair->server, &pair->loop, fds[0], 1);
    if (server)
        assert_int_equal(tls_accept(&pair->server.io, server, listener), 0);
    pair->client.io.fd = -1;
    pair->raw_fd = fds[1];
}

/* A connection between a listener of server and an origin. */
LAB void pair_open(struct pair *pair, struct tls_server *server, int listener,
                   struct tls_origin *origin, int buffer)
{
    pair_open_raw(pair, server, listener, buffer);
    end_init(&pair->client, &pair->loop, pair->raw_fd, 2);
    pair->raw_fd = -1;
    assert_int_equal(tls_connect(&pair->client.io, origin), 0);
}

/* A connection from an origin to a server in the test's hands, as pair->raw_fd. */
LAB void pair_open_to_raw(struct pair *pair, struct tls_origin *origin)
{
    pair_open_raw(pair, NULL, 0, 0);
    int fd = dup(pair->server.io.fd);
    assert_true(fd >= 0);
    io_close(&pair->loop, &pair->server.io);
    end_init(&pair->client, &pair->loop, pair->raw_fd, 2);
    pair->raw_fd = fd;
    assert_int_equal(tls_connect(&pair->client.io, origin), 0);
}

/* Until both sides are through, or one of them has failed. */
LAB void pair_shake_hands(struct pair *pair)
{
    pair_until(pair, (pair->server.is_established && pair->client.is_established) ||
                         pair->server.failure || pair->client.failure);
}

LAB void pair_close(struct pair *pair)
{
    io_close(&pair->loop, &pair->server.io);
    io_close(&pair->loop, &pair->client.io);
    io_close(&pair->loop, &pair->ticker);
    close(pair->ticker_peer);
    if (pair->raw_fd >= 0)
        close(pair->raw_fd);
    loop_fini(&pair->loop);
    qsbr_free(&pair->qsbr);
}

/* ---- A client in the test's hands ----------------------------------------------------------- */

struct raw {
    SSL_CTX *ctx;
    SSL *ssl;
};

/* version: the only one it speaks; 0: any. It verifies nothing. */
LAB void raw_open(struct raw *raw, struct pair *pair, int version)
{
    raw->ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(raw->ctx);
    SSL_CTX_set_min_proto_version(raw->ctx, version);
    SSL_CTX_set_max_proto_version(raw->ctx, version);
    raw->ssl = SSL_new(raw->ctx);
    assert_non_null(raw->ssl);
    SSL_set_fd(raw->ssl, pair->raw_fd);
    SSL_set_connect_state(raw->ssl);
}

/* The same as a server; version as above. */
LAB void raw_open_server(struct raw *raw, struct pair *pair, int version,
                         const struct lab_cert *cert)
{
    raw->ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(raw->ctx);
    SSL_CTX_set_security_level(raw->ctx, 0); /* it may do what weir does not want */
    SSL_CTX_set_min_proto_version(raw->ctx, version);
    SSL_CTX_set_max_proto_version(raw->ctx, version);
    assert_int_equal(SSL_CTX_use_certificate(raw->ctx, cert->x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(raw->ctx, cert->key), 1);
    raw->ssl = SSL_new(raw->ctx);
    assert_non_null(raw->ssl);
    SSL_set_fd(raw->ssl, pair->raw_fd);
    SSL_set_accept_state(raw->ssl);
}

LAB void raw_close(struct raw *raw)
{
    SSL_free(raw->ssl);
    SSL_CTX_free(raw->ctx);
    ERR_clear_error();
}

/* Its handshake, in turns with the pair's: 0, or OpenSSL's reason for its failure. */
LAB int raw_shake_hands(struct raw *raw, struct pair *pair)
{
    for (int i = 0; i < PAIR_TURNS_MAX; i++) {
        ERR_clear_error();
        int r = SSL_do_handshake(raw->ssl);
        if (r == 1) {
            struct end *other = SSL_is_server(raw->ssl) ? &pair->client : &pair->server;
            pair_until(pair, other->is_established || other->failure);
            return 0;
        }
        if (SSL_get_error(raw->ssl, r) != SSL_ERROR_WANT_READ)
            return ERR_peek_last_error() ? ERR_GET_REASON(ERR_peek_last_error()) : -1;
        pair_turn(pair);
    }
    fail_msg("the handshake does not end");
    return -1;
}

/* One SSL_read, repeated until it gives something: bytes, or 0 and the error in *error. */
LAB int raw_read(struct raw *raw, struct pair *pair, void *bytes, int n, int *error)
{
    for (int i = 0; i < PAIR_TURNS_MAX; i++) {
        ERR_clear_error();
        int r = SSL_read(raw->ssl, bytes, n);
        *error = SSL_get_error(raw->ssl, r);
        if (r > 0)
            return r;
        if (*error != SSL_ERROR_WANT_READ && *error != SSL_ERROR_WANT_WRITE)
            return 0;
        pair_turn(pair);
    }
    fail_msg("nothing comes");
    return -1;
}

/* ---- Listeners and origins without documents ------------------------------------------------ */

/* Settings with one TLS listener that has these certificates. */
struct plan {
    struct settings settings;
    struct listener_settings listener;
    struct certificate_settings certificates[8];
    struct problems problems;
};

LAB void plan_init(struct plan *plan, const struct lab_cert *const *certs, int nr)
{
    memset(plan, 0, sizeof(*plan));
    for (int i = 0; i < nr; i++)
        plan->certificates[i] =
            (struct certificate_settings){(char *)certs[i]->file, (char *)certs[i]->key_file};
    plan->listener.is_tls = true;
    plan->listener.nr_certificates = nr;
    plan->listener.certificates = plan->certificates;
    plan->listener.min_version = (char *)"1.2";
    plan->settings.listeners = &plan->listener;
    plan->settings.nr_listeners = 1;
    plan->settings.tls.ticket_rotation_s = 3600;
}

LAB struct tls_server *plan_make(struct plan *plan, struct tls_server *previous)
{
    struct tls_server *server = tls_server_make(&plan->settings, previous, &plan->problems);

    for (size_t i = 0; i < plan->problems.nr; i++)
        print_message("%s: %s\n", plan->problems.list[i].path, plan->problems.list[i].message);
    assert_non_null(server);
    return server;
}

LAB struct origin plan_origin(const char *host, const char *ca_file)
{
    return (struct origin){.is_tls = true,
                           .port = 443,
                           .host = (char *)host,
                           .tls = {.verify = ca_file != NULL, .ca_file = (char *)ca_file}};
}

#endif
