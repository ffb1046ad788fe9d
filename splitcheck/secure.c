/* TLS over memory. */
#include "splitcheck/secure.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct secure_rules {
    SSL_CTX *context;
    char *host;
    bool verifies;
};

struct secure {
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
};

static bool is_address(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

struct secure_rules *secure_rules_make(const char *host, bool verifies)
{
    struct secure_rules *rules = calloc(1, sizeof(*rules));

    if (!rules)
        return NULL;
    rules->verifies = verifies;
    rules->host = strdup(host);
    rules->context = SSL_CTX_new(TLS_client_method());
    if (!rules->host || !rules->context) {
        secure_rules_free(rules);
        return NULL;
    }
    if (verifies) {
        SSL_CTX_set_default_verify_paths(rules->context);
        SSL_CTX_set_verify(rules->context, SSL_VERIFY_PEER, NULL);
    }
    return rules;
}

void secure_rules_free(struct secure_rules *rules)
{
    if (!rules)
        return;
    SSL_CTX_free(rules->context);
    free(rules->host);
    free(rules);
}

struct secure *secure_make(const struct secure_rules *rules)
{
    struct secure *secure = calloc(1, sizeof(*secure));
    bool works;

    if (!secure)
        return NULL;
    secure->ssl = SSL_new(rules->context);
    secure->in = BIO_new(BIO_s_mem());
    secure->out = BIO_new(BIO_s_mem());
    if (!secure->ssl || !secure->in || !secure->out) {
        BIO_free(secure->in);
        BIO_free(secure->out);
        SSL_free(secure->ssl);
        free(secure);
        return NULL;
    }
    SSL_set_bio(secure->ssl, secure->in, secure->out);
    SSL_set_connect_state(secure->ssl);
    works = is_address(rules->host)
                ? !rules->verifies ||
                      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(secure->ssl), rules->host)
                : SSL_set_tlsext_host_name(secure->ssl, rules->host) &&
                      (!rules->verifies || SSL_set1_host(secure->ssl, rules->host));
    if (!works) {
        secure_free(secure);
        return NULL;
    }
    return secure;
}

void secure_free(struct secure *secure)
{
    if (!secure)
        return;
    SSL_free(secure->ssl);
    free(secure);
}

bool secure_feed(struct secure *secure, const char *p, size_t n)
{
    return BIO_write(secure->in, p, (int)n) == (int)n;
}

int secure_handshake(struct secure *secure)
{
    int r;

    ERR_clear_error();
    r = SSL_do_handshake(secure->ssl);
    if (r == 1)
        return 1;
    return SSL_get_error(secure->ssl, r) == SSL_ERROR_WANT_READ ? 0 : -1;
}

bool secure_write(struct secure *secure, const char *p, size_t n)
{
    ERR_clear_error();
    return SSL_write(secure->ssl, p, (int)n) == (int)n;
}

long secure_read(struct secure *secure, char *buf, size_t room)
{
    int r;

    ERR_clear_error();
    r = SSL_read(secure->ssl, buf, (int)room);
    if (r > 0)
        return r;
    return SSL_get_error(secure->ssl, r) == SSL_ERROR_WANT_READ ? 0 : -1;
}

size_t secure_drain(struct secure *secure, char *buf, size_t room)
{
    int r = BIO_pending(secure->out) > 0 ? BIO_read(secure->out, buf, (int)room) : 0;

    return r > 0 ? (size_t)r : 0;
}

const char *secure_why(const struct secure *secure)
{
    long wrong = SSL_get_verify_result(secure->ssl);
    unsigned long error = ERR_peek_last_error();
    const char *why = error ? ERR_reason_error_string(error) : NULL;

    if (wrong != X509_V_OK)
        return X509_verify_cert_error_string(wrong);
    return why ? why : "the server ended the handshake";
}
