/* What weir asks of TLS on either side: versions, ciphers, modes. */
#ifndef WEIR_PROXY_TLS_TLS_RULES_H
#define WEIR_PROXY_TLS_TLS_RULES_H

#include <stdint.h>

#include <openssl/ssl.h>

/* The one application protocol that is spoken, as ALPN writes it (RFC 7301), and its length. */
#define TLS_RULES_ALPN "\x08http/1.1"
enum { TLS_RULES_ALPN_LENGTH = 9 };

/* Records are made of this many bytes at most (RFC 8446 section 5.1). */
enum { TLS_RULES_RECORD = 16384 };

/* A new context for servers or clients under these rules, from version min_version (TLS1_2_VERSION
 * or TLS1_3_VERSION) on; NULL when out of memory. */
SSL_CTX *tls_rules_context(const SSL_METHOD *method, int min_version);

#endif
