/* TLS on sockets: termination on listeners, and https endpoints. The only user of OpenSSL in proxy/, together with tls_context.c.
 *
 * A TLS socket is an io with a layer (loop.h): once the handshake is done, io_read and io_write carry plain bytes. A connection that
 * ends without close_notify reads as -ECONNRESET, so that nothing cut short is taken for complete. */
#ifndef WEIR_PROXY_TLS_H
#define WEIR_PROXY_TLS_H

#include "conf/settings.h"
#include "proxy/loop.h"
#include "router/origin.h"

/* Certificates and rules of all TLS listeners, frozen and counted; made anew at each reload. */
struct tls_server;
/* What a worker keeps per https origin: context and the last session. */
struct tls_origin;

/* Reads certificates, keys and CAs of every TLS listener. NULL with problems added. previous, or NULL, passes on its session ticket
 * keys. Control thread. */
struct tls_server *tls_server_make(const struct settings *settings, struct tls_server *previous, struct problems *problems);
struct tls_server *tls_server_ref(struct tls_server *server);
void tls_server_unref(struct tls_server **server); /* any thread */
/* Whether any listener terminates TLS. */
bool tls_server_is_used(const struct tls_server *server);
/* Makes a new ticket key when the old one is due; control thread, every few seconds. */
void tls_server_rotate(struct tls_server *server, uint64_t now_ms);

/* Begins the server side on an accepted socket. 0 or -ENOMEM. Worker thread. */
int tls_accept(struct io *io, struct tls_server *server, int listener) __attribute__((warn_unused_result));

/* Goes on with a handshake, either side: 0 done, -EAGAIN more to come, else it failed and *reason says why. */
int tls_handshake(struct io *io, const char **reason) __attribute__((warn_unused_result));

/* The subject of the verified client certificate in RFC 2253 form, into out (cut at room); "" where there is none. */
void tls_peer_subject(struct io *io, char *out, size_t room);

/* The worker's client side for an origin; NULL with *reason when its files cannot be read. */
struct tls_origin *tls_origin_make(const struct origin *origin, const char **reason);
void tls_origin_free(struct tls_origin **tls);

/* Begins the client side on a connected socket. 0 or -ENOMEM. */
int tls_connect(struct io *io, struct tls_origin *tls) __attribute__((warn_unused_result));

#endif
