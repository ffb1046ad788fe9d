/* The rules for both sides in one place.
 *
 * TLS 1.2 is spoken with forward secrecy and authenticated encryption only, TLS 1.3 has nothing
 * else. The client's order of ciphers decides, as all are strong and it knows its hardware. Key
 * exchange groups are left to OpenSSL, which brings new ones (post-quantum since 3.5) with updates.
 */
#include "proxy/tls_rules.h"

static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* Two records and their frames are read at once where that many wait: half the system calls of a
 * large body. The memory exists only while there is something in it. */
enum { READ_BUFFER = 2 * (TLS_RULES_RECORD + 256 + 5) };

SSL_CTX *tls_rules_context(const SSL_METHOD *method, int min_version)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (!ctx)
        return NULL;
    if (SSL_CTX_set_min_proto_version(ctx, min_version) != 1 ||
        SSL_CTX_set_cipher_list(ctx, ciphers) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    /* The chain is what the file says: OpenSSL would otherwise look for one in the store of
     * authorities, at every handshake. Buffers of idle connections are given back. */
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, READ_BUFFER);
    return ctx;
}
