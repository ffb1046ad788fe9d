/* Certificates and keys from PEM files. Each call that fails says in a clause what is wrong with
 * the file, such as "there is no such file; check the name": the caller puts the file's name in
 * front. Control thread, or a worker at the first use of an origin. */
#ifndef WEIR_PROXY_TLS_TLS_PEM_H
#define WEIR_PROXY_TLS_TLS_PEM_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

enum { TLS_PEM_WHY = 512 };

/* A certificate, what links it to its authority, and its key. */
struct tls_pem {
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf; may be empty */
    EVP_PKEY *key;
};

/* What is wrong with each of the two files of a pair; empty where nothing is. */
struct tls_pem_reasons {
    char certificate[TLS_PEM_WHY];
    char key[TLS_PEM_WHY];
};

/* Reads a pair: the first certificate of the one file into pem->leaf, its others into pem->chain,
 * and the private key, which must not be encrypted and must belong to the leaf, of the other; they
 * may be the same file. A pair that does not belong together is read again a few times: someone who
 * renews both at one moment, by turning a link, may do so between the two readings. 0, or -1 with
 * reasons; the caller ends pem with tls_pem_fini either way. */
int tls_pem_read_pair(struct tls_pem *pem, const char *certificate, const char *key,
                      struct tls_pem_reasons *reasons) __attribute__((warn_unused_result));

/* Gives the context the pair, beside pairs of other key types. 0, or -1 with why. */
int tls_pem_use(const struct tls_pem *pem, SSL_CTX *ctx, char why[TLS_PEM_WHY])
    __attribute__((warn_unused_result));

/* Logs a warning where the leaf has expired, or is not valid yet: those who see it (such as
 * "clients") will refuse it. */
void tls_pem_warn(const char *certificate, const struct tls_pem *pem, const char *who);

void tls_pem_fini(struct tls_pem *pem);

/* What a file's content is recognised by, to be compared by memcmp: equal means that it need not be
 * read again. */
struct tls_pem_print {
    uint64_t device, inode, size, seconds, nanoseconds;
    /* unlike any other where the file was written to just now, as it may be again within the
     * same tick of its clock */
    uint64_t doubt;
};

/* All 0 where there is no such file, or file is NULL. Take it before the file is read: a change in
 * between is then seen later. */
struct tls_pem_print tls_pem_take_print(const char *file);

/* All certificates of a file, one at least; the caller frees the list and them. NULL with why. */
STACK_OF(X509) * tls_pem_read_list(const char *file, char why[TLS_PEM_WHY]);

/* A store in which each of the list is trusted by itself; NULL when out of memory. */
X509_STORE *tls_pem_store(STACK_OF(X509) * list);

#endif
