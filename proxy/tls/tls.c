/* TLS as a layer of an io: bytes through OpenSSL on the io's own socket.
 *
 *     io_read  --> SSL_read  --> take_from_socket --> recv
 *     io_write --> SSL_write --> put_into_socket  --> send
 *
 * The two functions at the socket are OpenSSL's BIO. They know what OpenSSL's own does not: whether
 * the last recv came back short, so that the socket is empty and its next event is to be waited
 * for. Thus a request that has arrived whole costs one recv, as without TLS, and never one that
 * ends in EAGAIN.
 *
 * io->is_readable says for the layer what it says for a socket: reading again may bring something,
 * be it from the socket or from what OpenSSL has taken from it already.
 *
 * What the socket does not take of a record is held here, encrypted as it is, and the caller is
 * told that the record was not written: it comes again with the same bytes, as after any short
 * write, and once the record has gone they are passed over. OpenSSL could hold it too, but then
 * breaks the connection if the peer asks for new keys meanwhile (it cannot put its answer behind
 * half a record). */
#include "proxy/tls/tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/tls/tls_origin.h"
#include "proxy/tls/tls_reason.h"
#include "proxy/tls/tls_rules.h"
#include "proxy/tls/tls_server.h"

/* TLS' own messages (tickets, key updates) that a peer may send without sending data; more is taken
 * for an attack, as each costs more to take in than to send. */
enum { MESSAGES_MAX = 100 };

/* Encrypted bytes that may be held: a record, and answers to what the peer has sent meanwhile. */
enum { HELD_MAX = 4 * TLS_RULES_RECORD };

struct stream {
    SSL *ssl;
    struct io *io;
    struct tls_server *server; /* NULL on the side of endpoints */
    char *held; /* what the socket did not take: bytes [held_at, held_length); NULL: nothing */
    size_t held_at, held_length;
    size_t unsent;       /* bytes of the caller's in what is held, which it will bring again */
    int system_error;    /* errno of the socket's failure */
    int end;             /* what reading returns from now on, where has_end */
    int nr_messages;     /* since the last data */
    bool is_established; /* the handshake is done */
    bool has_end;
    bool is_empty; /* nothing more is in the socket: wait for its event */
    bool is_at_eof;
    bool is_failed, is_shut;
};

static const struct io_layer stream_layer;

/* Where a head and the beginning of a body become one record; each worker's own. */
static _Thread_local char record[TLS_RULES_RECORD];

/* ---- At the socket -------------------------------------------------------------------------- */

static int take_from_socket(BIO *bio, char *buf, int n)
{
    struct stream *t = BIO_get_data(bio);
    ssize_t r;

    BIO_clear_retry_flags(bio);
    if (t->nr_messages > MESSAGES_MAX) {
        t->system_error = EPROTO;
        return -1;
    }
    if (t->is_empty) {
        BIO_set_retry_read(bio);
        return -1;
    }
    do
        r = recv(t->io->fd, buf, (size_t)n, 0);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno == EAGAIN) {
        t->is_empty = true;
        BIO_set_retry_read(bio);
    } else if (r < 0) {
        t->system_error = errno;
    } else if (r == 0) {
        t->is_at_eof = true;
    } else if (r < n && !t->io->is_hangup) {
        t->is_empty = true; /* what comes later makes an event; after a hang-up none comes */
    }
    return (int)r;
}

/* As much as the socket takes, 0 to n, or -1 with t->system_error. */
static ssize_t send_some(struct stream *t, const char *bytes, size_t n)
{
    ssize_t r;

    do
        r = send(t->io->fd, bytes, n, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno == EAGAIN)
        return 0;
    if (r < 0)
        t->system_error = errno;
    return r;
}

/* Sends what is held. 0: nothing is held any more; -EAGAIN; or the socket's failure. */
static int flush(struct stream *t)
{
    ssize_t r;

    if (!t->held)
        return 0;
    r = send_some(t, t->held + t->held_at, t->held_length - t->held_at);
    if (r < 0)
        return -t->system_error;
    t->held_at += (size_t)r;
    if (t->held_at < t->held_length)
        return -EAGAIN;
    free(t->held);
    t->held = NULL;
    t->held_at = t->held_length = 0;
    return 0;
}

static int hold(struct stream *t, const char *bytes, size_t n)
{
    char *grown = t->held_length + n <= HELD_MAX ? realloc(t->held, t->held_length + n) : NULL;

    if (!grown) {
        t->system_error = ENOBUFS;
        return -1;
    }
    memcpy(grown + t->held_length, bytes, n);
    t->held = grown;
    t->held_length += n;
    return 0;
}

/* Takes all, for OpenSSL never to wait; or fails for good. */
static int put_into_socket(BIO *bio, const char *buf, int n)
{
    struct stream *t = BIO_get_data(bio);
    ssize_t r = t->held ? 0 : send_some(t, buf, (size_t)n);

    BIO_clear_retry_flags(bio);
    if (r < 0 || (r < n && hold(t, buf + r, (size_t)(n - r)) < 0))
        return -1;
    return n;
}

static long control_socket(BIO *bio, int command, long number, void *pointer)
{
    const struct stream *t = BIO_get_data(bio);

    (void)number, (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return t->is_at_eof;
    default:
        return 0;
    }
}

/* Made by whoever needs it first; where there was no memory for it, the next one tries again. */
static const BIO_METHOD *get_socket_method(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static BIO_METHOD *_Atomic socket_method;
    BIO_METHOD *method = atomic_load_explicit(&socket_method, memory_order_acquire);

    if (method)
        return method;
    pthread_mutex_lock(&lock);
    method = atomic_load_explicit(&socket_method, memory_order_relaxed);
    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir socket");
        if (method) {
            BIO_meth_set_read(method, take_from_socket);
            BIO_meth_set_write(method, put_into_socket);
            BIO_meth_set_ctrl(method, control_socket);
            atomic_store_explicit(&socket_method, method, memory_order_release);
        }
    }
    pthread_mutex_unlock(&lock);
    return method;
}

static BIO *new_socket_bio(struct stream *t)
{
    const BIO_METHOD *method = get_socket_method();
    BIO *bio = method ? BIO_new(method) : NULL;

    if (!bio)
        return NULL;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}

/* Told of each message and frame: counts the messages after the handshake. */
static void on_message(int is_sent, int version, int type, const void *bytes, size_t n, SSL *ssl,
                       void *arg)
{
    struct stream *t = arg;

    (void)version, (void)bytes, (void)n, (void)ssl;
    if (!is_sent && type == SSL3_RT_HANDSHAKE && t->is_established)
        t->nr_messages++;
}

/* ---- Beginning and end ---------------------------------------------------------------------- */

static void free_session(SSL *ssl, struct tls_server **server, bool is_failed)
{
    if (!*server) {
        tls_origin_end(ssl, is_failed);
        return;
    }
    SSL_free(ssl);
    tls_server_unref(server);
}

/* Puts the layer over the io; it owns the session and the reference to the server from now on, also
 * when it fails. */
static int attach_take(struct io *io, SSL *ssl, struct tls_server *server)
{
    struct stream *t = calloc(1, sizeof(*t));
    BIO *bio = t ? new_socket_bio(t) : NULL;

    if (!bio) {
        free(t);
        free_session(ssl, &server, false);
        ERR_clear_error();
        return -ENOMEM;
    }
    t->ssl = ssl;
    t->io = io;
    t->server = server;
    SSL_set_bio(ssl, bio, bio);
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, t);
    io->layer = &stream_layer;
    io->layer_state = t;
    return 0;
}

int tls_accept(struct io *io, struct tls_server *server, int listener)
{
    SSL *ssl = tls_server_begin(server, listener);

    if (!ssl) {
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_accept_state(ssl);
    return attach_take(io, ssl, tls_server_ref(server));
}

int tls_connect(struct io *io, struct tls_origin *tls)
{
    SSL *ssl = tls_origin_begin(tls);

    if (!ssl) {
        ERR_clear_error();
        return -ENOMEM;
    }
    SSL_set_connect_state(ssl);
    return attach_take(io, ssl, NULL);
}

/* OpenSSL takes a session that was freed without having been shut down for a bad one, and would not
 * resume it. A connection that just ended without farewell is no reason for that; a failure is. */
static void stream_free(struct io *io)
{
    struct stream *t = io->layer_state;

    if (!t->is_failed)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    free_session(t->ssl, &t->server, t->is_failed);
    free(t->held);
    free(t);
    io->layer_state = NULL;
    ERR_clear_error();
}

/* ---- Handshake ------------------------------------------------------------------------------ */

/* An endpoint may choose no protocol, but none that was not offered. */
static bool has_good_protocol(const struct stream *t)
{
    const unsigned char *protocol;
    unsigned int n;

    SSL_get0_alpn_selected(t->ssl, &protocol, &n);
    return n == 0 ||
           (n == TLS_RULES_ALPN_LENGTH - 1 && memcmp(protocol, &TLS_RULES_ALPN[1], n) == 0);
}

int tls_handshake(struct io *io, const char **reason)
{
    struct stream *t = io->layer_state;
    int r = flush(t);

    if (r == -EAGAIN)
        return r;
    t->is_empty = !io->is_readable;
    ERR_clear_error();
    r = SSL_do_handshake(t->ssl);
    io->is_readable = !t->is_empty || (r == 1 && SSL_has_pending(t->ssl));
    if (r == 1) {
        t->is_established = true;
        if (has_good_protocol(t))
            return 0;
        *reason = "the peer chose an application protocol (ALPN) that was not offered";
    } else if (SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_READ) {
        return -EAGAIN;
    } else {
        *reason = tls_reason(t->ssl, t->system_error);
    }
    t->is_failed = true;
    return -EPROTO;
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* An end that was announced is an end; anything else is a break. */
static int error_of(const struct stream *t, int ssl_error)
{
    unsigned long error = ERR_peek_last_error();

    if (ssl_error == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (t->system_error)
        return -t->system_error;
    if (ssl_error == SSL_ERROR_SYSCALL || t->is_at_eof)
        return -ECONNRESET;
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
                   ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING
               ? -ECONNRESET
               : -EPROTO;
}

/* Keeps the end for this read and all later ones. */
static void come_to_end(struct stream *t, int end)
{
    t->has_end = true;
    t->end = end;
    t->is_failed |= end < 0;
    t->io->is_hangup = true;
}

/* After a handshake that failed: what the peer still sends is taken as it is, for the caller to
 * throw away. */
static ssize_t read_raw(struct io *io, void *buf, size_t n)
{
    ssize_t r;

    do
        r = recv(io->fd, buf, n, 0);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno == EAGAIN)
        io->is_readable = false;
    return r < 0 ? -errno : r;
}

static ssize_t stream_read(struct io *io, void *buf, size_t n)
{
    struct stream *t = io->layer_state;
    size_t done = 0;

    if (!t->is_established)
        return read_raw(io, buf, n);
    t->is_empty = !io->is_readable;
    ERR_clear_error();
    while (!t->has_end && done < n) {
        size_t got = 0;
        int r = SSL_read_ex(t->ssl, (char *)buf + done, n - done, &got);
        if (r == 1) {
            done += got;
            t->nr_messages = 0;
            io->is_readable = !t->is_empty || SSL_has_pending(t->ssl);
            if (!io->is_readable)
                break;
            continue;
        }
        int error = SSL_get_error(t->ssl, r);
        if (error == SSL_ERROR_WANT_READ) {
            io->is_readable = false;
            break;
        }
        come_to_end(t, error_of(t, error));
    }
    ERR_clear_error();
    if (t->has_end)
        io->is_readable = true;
    if (done > 0)
        return (ssize_t)done;
    return t->has_end ? t->end : -EAGAIN;
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* Where the next byte to write is. */
struct cursor {
    const struct iovec *iov;
    int n;
    size_t offset; /* into *iov */
};

/* The next bytes for one record: where they lie, or gathered. Returns how many, 0 at the end. */
static size_t next_record(const struct cursor *at, const char **data)
{
    struct cursor c = *at;
    size_t n = 0;

    while (c.n > 0 && c.iov->iov_len == c.offset) {
        c.iov++;
        c.n--;
        c.offset = 0;
    }
    if (c.n == 0)
        return 0;
    if (c.n == 1 || c.iov->iov_len - c.offset >= sizeof(record)) {
        size_t whole = c.iov->iov_len - c.offset;
        *data = (const char *)c.iov->iov_base + c.offset;
        return whole < sizeof(record) ? whole : sizeof(record);
    }
    for (; c.n > 0 && n < sizeof(record); c.iov++, c.n--, c.offset = 0) {
        size_t piece = c.iov->iov_len - c.offset;
        if (piece > sizeof(record) - n)
            piece = sizeof(record) - n;
        memcpy(record + n, (const char *)c.iov->iov_base + c.offset, piece);
        n += piece;
    }
    *data = record;
    return n;
}

static void advance(struct cursor *c, size_t n)
{
    while (n > 0) {
        size_t left = c->iov->iov_len - c->offset;
        if (n < left) {
            c->offset += n;
            return;
        }
        n -= left;
        c->iov++;
        c->n--;
        c->offset = 0;
    }
}

/* Sends what is held, and passes over the caller's bytes in it. 0, -EAGAIN or the failure. */
static int finish_held(struct stream *t, struct cursor *at, size_t *done)
{
    int r = flush(t);

    if (r < 0)
        return r;
    for (; t->unsent > 0; at->iov++, at->n--) {
        if (at->n == 0) /* the caller has lost bytes that it was to keep */
            return -EPROTO;
        if (at->iov->iov_len > t->unsent) {
            at->offset = t->unsent;
            *done += t->unsent;
            t->unsent = 0;
            return 0;
        }
        *done += at->iov->iov_len;
        t->unsent -= at->iov->iov_len;
    }
    return 0;
}

static ssize_t stream_write(struct io *io, const struct iovec *iov, int n)
{
    struct stream *t = io->layer_state;
    struct cursor at = {iov, n, 0};
    const char *data;
    size_t done = 0;
    int result = t->is_established ? finish_held(t, &at, &done) : -EPROTO;

    if (result < 0)
        return result;
    ERR_clear_error();
    for (;;) {
        size_t size = next_record(&at, &data), written = 0;
        if (size == 0)
            break;
        int r = SSL_write_ex(t->ssl, data, size, &written);
        if (r != 1) {
            result = error_of(t, SSL_get_error(t->ssl, r));
            t->is_failed = true;
            ERR_clear_error();
            return result < 0 ? result : -EPIPE;
        }
        if (t->held) {
            t->unsent = written;
            return done > 0 ? (ssize_t)done : -EAGAIN;
        }
        done += written;
        advance(&at, written);
    }
    return (ssize_t)done;
}

/* Makes room for a few bytes in a socket that is full. */
static void widen(int fd)
{
    int size = 0;
    socklen_t length = sizeof(size);

    /* The kernel tells twice what was set, so this doubles it. */
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) == 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* close_notify, once. Without it the peer could not tell the end from a cut, so it should not be
 * lost because the socket is full just then. */
static void stream_shutdown(struct io *io)
{
    struct stream *t = io->layer_state;

    if (t->is_shut || t->is_failed || t->unsent > 0 || !t->is_established)
        return;
    t->is_shut = true;
    ERR_clear_error();
    if (SSL_shutdown(t->ssl) < 0)
        t->is_failed = true;
    ERR_clear_error();
    if (t->held) {
        widen(io->fd);
        if (flush(t) < 0)
            t->is_failed = true;
    }
}

static void stream_moved(struct io *io)
{
    ((struct stream *)io->layer_state)->io = io;
}

static const struct io_layer stream_layer = {
    .moved = stream_moved,
    .read = stream_read,
    .write = stream_write,
    .shutdown = stream_shutdown,
    .free = stream_free,
};

/* ---- The peer ------------------------------------------------------------------------------- */

bool tls_has_peer(struct io *io)
{
    const struct stream *t = io->layer == &stream_layer ? io->layer_state : NULL;

    return t && SSL_get0_peer_certificate(t->ssl) && SSL_get_verify_result(t->ssl) == X509_V_OK;
}

void tls_peer_subject(struct io *io, char *out, size_t room)
{
    const struct stream *t = io->layer == &stream_layer ? io->layer_state : NULL;
    X509 *peer = t ? SSL_get0_peer_certificate(t->ssl) : NULL;
    BIO *text = NULL;
    char *bytes;
    long n;

    out[0] = '\0';
    if (!peer || SSL_get_verify_result(t->ssl) != X509_V_OK)
        return;
    text = BIO_new(BIO_s_mem());
    if (text && X509_NAME_print_ex(text, X509_get_subject_name(peer), 0, XN_FLAG_RFC2253) >= 0) {
        n = BIO_get_mem_data(text, &bytes);
        if (n > 0 && (size_t)n < room) {
            memcpy(out, bytes, (size_t)n);
            out[n] = '\0';
        }
    }
    BIO_free(text);
    ERR_clear_error();
}

void tls_describe(const struct io *io, const char **version, const char **cipher)
{
    const struct stream *t = io->layer == &stream_layer ? io->layer_state : NULL;

    *version = t ? SSL_get_version(t->ssl) : NULL;
    *cipher = t ? SSL_get_cipher_name(t->ssl) : NULL;
}
