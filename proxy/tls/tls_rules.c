/* The rules for both sides in one place.
 *
 * TLS 1.2 is spoken with forward secrecy and authenticated encryption only, TLS 1.3 has nothing
 * else. The client's order of ciphers decides, as all are strong and it knows its hardware. Keys
 * are exchanged over elliptic curves, beside a post-quantum scheme where OpenSSL has it
 * (since 3.5), and not in finite fields: of those a client may choose one that costs the server a
 * hundred times as much as a curve does (CVE-2002-20001). */
#include "proxy/tls/tls_rules.h"

#include <openssl/err.h>

static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

#define CURVES "X25519:P-256:X448:P-384:P-521"

/* Two records and their frames are read at once where that many wait: half the system calls of a
 * large body. The memory exists only while there is something in it. */
enum { READ_BUFFER = 2 * (TLS_RULES_RECORD + 256 + 5) };

/* A list with a name that OpenSSL does not know is refused whole. */
static int set_groups(SSL_CTX *ctx)
{
    if (SSL_CTX_set1_groups_list(ctx, "X25519MLKEM768:" CURVES) == 1)
        return 1;
    ERR_clear_error();
    return SSL_CTX_set1_groups_list(ctx, CURVES);
}

SSL_CTX *tls_rules_context(const SSL_METHOD *method, int min_version)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (!ctx)
        return NULL;
    if (SSL_CTX_set_min_proto_version(ctx, min_version) != 1 ||
        SSL_CTX_set_cipher_list(ctx, ciphers) != 1 || set_groups(ctx) != 1) {
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
