/* What tls.c needs of the endpoints' side; the public part is in tls.h. */
#ifndef WEIR_PROXY_TLS_TLS_ORIGIN_H
#define WEIR_PROXY_TLS_TLS_ORIGIN_H

#include <stdbool.h>

#include <openssl/ssl.h>

struct tls_origin;

/* A new session to the origin, which resumes the last one where there is one; NULL when out of
 * memory. It holds the origin until tls_origin_end. Worker thread. */
SSL *tls_origin_begin(struct tls_origin *tls);

/* Frees the session and lets its origin go. is_failed: the handshake failed, and what it tried to
 * resume is not tried again. */
void tls_origin_end(SSL *ssl, bool is_failed);

#endif
