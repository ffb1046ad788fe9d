/* What tls.c needs of the listeners' side; the public part is in tls.h. */
#ifndef WEIR_PROXY_TLS_TLS_SERVER_H
#define WEIR_PROXY_TLS_TLS_SERVER_H

#include <openssl/ssl.h>

struct tls_server;

/* A new session on a listener that terminates TLS; NULL when out of memory. The server must be kept
 * until it is freed. */
SSL *tls_server_begin(struct tls_server *server, int listener);

#endif
