/* Which certificates answer to which host name: the names in a listener's certificates, sorted, and
 * for each the set of certificates (one per key type) that a client asking for it is offered.
 * Frozen once made. */
#ifndef WEIR_PROXY_TLS_TLS_NAMES_H
#define WEIR_PROXY_TLS_TLS_NAMES_H

#include <openssl/x509.h>

/* Kinds of keys that may stand side by side: RSA, RSA-PSS, ECDSA, Ed25519, Ed448, others. */
enum { TLS_NAMES_KINDS = 6, TLS_NAMES_LENGTH_MAX = 253 };

/* Indices of certificates by kind of key, -1 where there is none. */
struct tls_names_set {
    int certificate[TLS_NAMES_KINDS];
};

struct tls_names;

/* nr > 0 certificates in the order of the settings: where two of the same kind have the same name,
 * the first is taken. NULL when out of memory. */
struct tls_names *tls_names_make(X509 *const *certificates, int nr);
void tls_names_free(struct tls_names **names);

/* The sets that occur. Number 0 is for clients that name no host, or one that nobody has: the first
 * certificate, beside those of other kinds that have all of its names. */
int tls_names_nr_sets(const struct tls_names *names);
const struct tls_names_set *tls_names_set(const struct tls_names *names, int i);

/* The set for a host name: an exact name goes before a wildcard, which stands for one label. 0
 * where nobody has the name. */
int tls_names_find(const struct tls_names *names, const char *host);

#endif
