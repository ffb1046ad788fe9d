/* Certificates and keys from PEM files. Each call that fails says in a clause what is wrong with the file, such as "there is no such file;
 * check the name": the caller puts the file's name in front. Control thread, or a worker at the first use of an origin. */
#ifndef WEIR_PROXY_TLS_PEM_H
#define WEIR_PROXY_TLS_PEM_H

#include <stddef.h>

#include <openssl/ssl.h>

enum { TLS_PEM_WHY = 512 };

/* A certificate, what links it to its authority, and its key. */
struct tls_pem {
    X509 *leaf;
    STACK_OF(X509) *chain; /* without the leaf; may be empty */
    EVP_PKEY *key;
};

/* Reads the first certificate of the file into pem->leaf and the others into pem->chain. 0, or -1 with why. */
int tls_pem_read_certificate(struct tls_pem *pem, const char *file, char why[TLS_PEM_WHY])
    __attribute__((warn_unused_result));

/* Reads the private key, which must not be encrypted and must belong to pem->leaf where that is read already. 0, or -1 with why. */
int tls_pem_read_key(struct tls_pem *pem, const char *file, char why[TLS_PEM_WHY])
    __attribute__((warn_unused_result));

/* Gives the context the pair, beside pairs of other key types. 0, or -1 with why. */
int tls_pem_use(const struct tls_pem *pem, SSL_CTX *ctx, char why[TLS_PEM_WHY])
    __attribute__((warn_unused_result));

void tls_pem_fini(struct tls_pem *pem);

/* Reads a file of authorities into a store, each of them trusted by itself, and, where names is not NULL, their subjects into *names (as a
 * server tells them to clients). NULL with why. */
X509_STORE *tls_pem_read_authorities(const char *file, STACK_OF(X509_NAME) **names, char why[TLS_PEM_WHY]);

#endif
