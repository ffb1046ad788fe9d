/* TLS on sockets: termination on listeners, and https endpoints. OpenSSL is known to the files
 * tls*.c only:
 *
 *     tls.c         the layer: handshakes, bytes, the end
 *     tls_server.c  listeners' contexts and choices
 *     tls_names.c   host names to certificates (SNI)
 *     tls_tickets.c keys of session tickets
 *     tls_rules.c   versions, ciphers, modes of both sides
 *     tls_pem.c     certificates and keys from files
 *     tls_reason.c  why something failed, in words
 *     tls_origin.c  endpoints' contexts, names, sessions
 *
 * A TLS socket is an io with a layer (loop.h): once the handshake is done, io_read and io_write
 * carry plain bytes. A connection that ends without close_notify reads as -ECONNRESET, so that
 * nothing cut short is taken for complete. */
#ifndef WEIR_PROXY_TLS_TLS_H
#define WEIR_PROXY_TLS_TLS_H

#include "conf/settings.h"
#include "proxy/io/loop.h"
#include "router/origin.h"

/* Certificates and rules of all TLS listeners, frozen and counted; made anew at each reload. */
struct tls_server;
/* What a worker keeps per https origin: context and the last session. */
struct tls_origin;

/* Reads certificates, keys and CAs of every TLS listener. NULL with problems added. previous, or
 * NULL, passes on its session ticket keys, and is returned itself, with one more reference, where
 * neither the settings nor the files have changed. Control thread. */
struct tls_server *tls_server_make(const struct settings *settings, struct tls_server *previous,
                                   struct problems *problems);
struct tls_server *tls_server_ref(struct tls_server *server);
void tls_server_unref(struct tls_server **server); /* any thread */
/* Makes a new ticket key when the old one is due; control thread, every few seconds. */
void tls_server_rotate(struct tls_server *server, uint64_t now_ms);

/* The admin listener's place among the listeners. */
enum { TLS_ADMIN_LISTENER = -1 };

/* Begins the server side on an accepted socket, of a listener by its place in the settings. 0 or
 * -ENOMEM. Worker thread; control thread for the admin listener. */
int tls_accept(struct io *io, struct tls_server *server, int listener)
    __attribute__((warn_unused_result));

/* Goes on with a handshake, either side, to be called after each event: 0 done, -EAGAIN more to
 * come, else it failed and *reason says why (the thread's text until the next call). When it is
 * done, io->is_readable tells whether bytes came with its last message. When it has failed, the
 * peer has been sent an alert, and reading gives what it still sends, raw, to be thrown away:
 * closing at once would reset the connection, which may destroy the alert on its way. */
int tls_handshake(struct io *io, const char **reason) __attribute__((warn_unused_result));

/* The subject of the verified client certificate in RFC 2253 form, into out: printable ASCII, as
 * that form escapes all else. "" where there is none, or where it is longer than room - 1: cut, it
 * might be another's. */
void tls_peer_subject(struct io *io, char *out, size_t room);

/* Whether the client has shown a certificate that the listener's authorities vouch for. */
bool tls_has_peer(struct io *io);
/* The protocol and the cipher of a connection whose handshake is done, as OpenSSL calls them, such
 * as "TLSv1.3" and "TLS_AES_128_GCM_SHA256"; both NULL where it has no TLS. They last as long as
 * the process. */
void tls_describe(const struct io *io, const char **version, const char **cipher);

/* Reads the files that an https origin needs, so that no worker has to, and finds out whether they
 * are good: 0, or -1 with *reason (the thread's text until the next call). Control thread, before a
 * table is put in force. */
int tls_origin_prepare(const struct origin *origin, const char **reason)
    __attribute__((warn_unused_result));

/* Reads again what changed of the files of all origins; new connections go by it. A file that
 * cannot be used is logged, and what was read before stays in force. */
void tls_origin_refresh(void);

/* The same, and lets go of the files of origins that nobody uses and that were not prepared since
 * the last call. */
void tls_origin_reload(void);

/* Names each file that an origin in use, or about to be, is read from. NULL is said for none. */
void tls_origin_files(void (*say)(void *arg, const char *path), void *arg);

/* The worker's client side for an origin; NULL with *reason when its files cannot be read. Worker
 * thread, as for the rest. */
struct tls_origin *tls_origin_make(const struct origin *origin, const char **reason);
/* Connections that still use it keep it alive. */
void tls_origin_free(struct tls_origin **tls);

/* Begins the client side on a connected socket. 0 or -ENOMEM. */
int tls_connect(struct io *io, struct tls_origin *tls) __attribute__((warn_unused_result));

#endif
