/* The TLS side of listeners: contexts, and the choices that a handshake asks for.
 *
 *     listener --> names --> set of certificates --> context      (SNI)
 *          \-----> context 0 for all other clients
 *     all contexts of all listeners --> one ring of ticket keys
 *
 * Everything is made at load and only read afterwards, except the ticket keys. All contexts of a listener differ in nothing but their certificates, so
 * that the one a client ends up with changes no rule. */
#include "proxy/tls_server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/log.h"
#include "proxy/tls.h"
#include "proxy/tls_common.h"
#include "proxy/tls_names.h"
#include "proxy/tls_pem.h"
#include "proxy/tls_tickets.h"

struct listener {
    struct tls_names *names;
    SSL_CTX **contexts; /* one per set of names; NULL: the listener is plain */
    int nr_contexts;
};

struct tls_server {
    _Atomic uint32_t refs;
    struct tls_tickets *tickets;
    uint64_t rotation_ms;
    bool is_used;
    int nr_listeners;
    struct listener *listeners; /* as in the settings */
};

/* Making one listener. */
struct draft {
    const struct listener_settings *settings;
    int index;
    struct tls_server *server;
    struct problems *problems;
    struct tls_pem *pairs; /* as settings->certificates */
    X509_STORE *client_store;
    STACK_OF(X509_NAME) *client_names;
    unsigned char session_context[SHA256_DIGEST_LENGTH];
};
