/* The TLS side of listeners: contexts, and the choices that a handshake asks for.
 *
 *     listener --> names --> set of certificates --> context      (SNI)
 *          \-----> context 0 for all other clients
 *     all contexts of all listeners --> one ring of ticket keys
 *
 * Everything is made at load and only read afterwards, except the ticket keys. All contexts of a
 * listener differ in nothing but their certificates, so that the one a client ends up with changes
 * no rule. */
#include "proxy/tls/tls_server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/log.h"
#include "proxy/tls/tls.h"
#include "proxy/tls/tls_names.h"
#include "proxy/tls/tls_pem.h"
#include "proxy/tls/tls_rules.h"
#include "proxy/tls/tls_tickets.h"

enum { HASH = 32 }; /* SHA-256 */

struct listener {
    struct tls_names *names;
    SSL_CTX **contexts; /* one per set of names; NULL: the listener is plain */
    int nr_contexts;
};

struct tls_server {
    _Atomic uint32_t refs;
    struct tls_tickets *tickets;
    uint64_t rotation_ms;
    unsigned char inputs[HASH]; /* of all that it was made from */
    bool is_used;
    int nr_listeners;
    struct listener *listeners; /* as in the settings, and the admin listener behind them */
};

/* A listener in the making. */
struct draft {
    struct tls_server *server;
    struct problems *problems;
    const struct listener_settings *settings;
    int index;                           /* TLS_ADMIN_LISTENER: the admin listener */
    struct tls_pem *pairs;               /* as settings->certificates */
    X509 **leaves;                       /* of the pairs, borrowed */
    STACK_OF(X509) * client_authorities; /* NULL: no client certificates */
    X509_STORE *client_store;
    unsigned char session_context[HASH];
};

/* Out of memory, or OpenSSL cannot do what it always can. */
static void report_failure(struct problems *problems)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    problems_add(problems, "tls_failure", NULL, "$.listeners", "TLS cannot be set up: %s",
                 reason ? reason : "there is not enough memory");
    ERR_clear_error();
}

/* A file is wrong. key is the setting that names it, of the i-th certificate, or of the listener
 * where i is -1. */
static void report_file(const struct draft *d, int i, const char *key, const char *file,
                        const char *why)
{
    char path[96];

    /* The first certificate is written directly under tls, the others in tls.certificates. */
    if (d->index == TLS_ADMIN_LISTENER)
        snprintf(path, sizeof(path), "$.admin.tls.%s", key);
    else if (i > 0)
        snprintf(path, sizeof(path), "$.listeners[%d].tls.certificates[%d].%s", d->index, i - 1,
                 key);
    else
        snprintf(path, sizeof(path), "$.listeners[%d].tls.%s", d->index, key);
    problems_add(d->problems, "tls_file", NULL, path, "%s: %s", file, why);
}

/* ---- Choices during a handshake ------------------------------------------------------------- */

/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type of callback */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const struct listener *listener = arg;
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    int set = host ? tls_names_find(listener->names, host) : 0;

    (void)alert;
    if (set > 0 && !SSL_set_SSL_CTX(ssl, listener->contexts[set]))
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return host ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* A client that offers protocols must offer http/1.1 (RFC 7301 section 3.2); one that offers none
 * gets it. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                   const unsigned char *offered, unsigned int offered_length, void *arg)
{
    (void)ssl, (void)arg;
    for (unsigned int i = 0; i < offered_length; i += 1U + offered[i]) {
        if (offered[i] != TLS_RULES_ALPN_LENGTH - 1 || i + TLS_RULES_ALPN_LENGTH > offered_length ||
            memcmp(&offered[i], TLS_RULES_ALPN, TLS_RULES_ALPN_LENGTH) != 0)
            continue;
        *out = &offered[i + 1];
        *out_length = offered[i];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* With TLS 1.3 a client uses a ticket once (RFC 8446 appendix C.4), so each resumption must bring a
 * new one. */
static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac, int is_sealing)
{
    struct tls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    int result = tls_tickets_set_up(server->tickets, name, iv, cipher, mac, is_sealing);

    return result == 1 && !is_sealing && SSL_version(ssl) == TLS1_3_VERSION ? 2 : result;
}

/* A ticket carries the client's certificate past the check that a handshake makes, and each
 * resumption brings a new ticket: once the certificate has expired, that ends. */
static SSL_TICKET_RETURN on_ticket_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                          size_t name_length, SSL_TICKET_STATUS status, void *arg)
{
    X509 *peer = session ? SSL_SESSION_get0_peer(session) : NULL;

    (void)ssl, (void)name, (void)name_length, (void)arg;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (peer && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* ---- Contexts ------------------------------------------------------------------------------- */

static int set_up_client_certificates(const struct draft *d, SSL_CTX *ctx)
{
    int mode =
        SSL_VERIFY_PEER | (d->settings->client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);

    SSL_CTX_set1_cert_store(ctx, d->client_store);
    for (int i = 0; i < sk_X509_num(d->client_authorities); i++)
        if (SSL_CTX_add_client_CA(ctx, sk_X509_value(d->client_authorities, i)) != 1)
            return -1;
    SSL_CTX_set_verify(ctx, mode, NULL);
    return SSL_CTX_set_session_ticket_cb(ctx, NULL, on_ticket_opened, NULL) == 1 ? 0 : -1;
}

/* Sessions live in tickets only; none is older than the keys that open it. One ticket a handshake,
 * as a connection that is resumed gets the next one: OpenSSL's second costs every handshake as much
 * as a tenth of it, for clients that keep several. */
static int set_up_sessions(const struct draft *d, SSL_CTX *ctx)
{
    long seconds = (long)(d->server->rotation_ms / 1000) * (TLS_TICKETS_ACCEPTED - 1);

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, seconds);
    if (SSL_CTX_set_app_data(ctx, d->server) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
        SSL_CTX_set_session_id_context(ctx, d->session_context, sizeof(d->session_context)) != 1)
        return -1;
    return 0;
}

static SSL_CTX *make_context(struct draft *d, struct listener *listener,
                             const struct tls_names_set *set)
{
    bool is_new_only = d->settings->min_version && strcmp(d->settings->min_version, "1.3") == 0;
    SSL_CTX *ctx =
        tls_rules_context(TLS_server_method(), is_new_only ? TLS1_3_VERSION : TLS1_2_VERSION);
    char why[TLS_PEM_WHY];

    if (!ctx || set_up_sessions(d, ctx) < 0 ||
        (d->client_store && set_up_client_certificates(d, ctx) < 0)) {
        report_failure(d->problems);
        goto fail;
    }
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, listener);
    for (int kind = 0; kind < TLS_NAMES_KINDS; kind++) {
        int i = set->certificate[kind];
        if (i < 0 || tls_pem_use(&d->pairs[i], ctx, why) == 0)
            continue;
        report_file(d, i, "certificate", d->settings->certificates[i].certificate, why);
        goto fail;
    }
    return ctx;
fail:
    SSL_CTX_free(ctx);
    return NULL;
}

/* Where it fails it has added a problem. */
static void make_contexts(struct draft *d, struct listener *listener)
{
    int nr;

    listener->names = tls_names_make(d->leaves, d->settings->nr_certificates);
    nr = listener->names ? tls_names_nr_sets(listener->names) : 0;
    listener->contexts = nr > 0 ? calloc((size_t)nr, sizeof(SSL_CTX *)) : NULL;
    if (!listener->contexts) {
        report_failure(d->problems);
        return;
    }
    for (; listener->nr_contexts < nr; listener->nr_contexts++) {
        SSL_CTX *ctx =
            make_context(d, listener, tls_names_set(listener->names, listener->nr_contexts));
        if (!ctx)
            return;
        listener->contexts[listener->nr_contexts] = ctx;
    }
}

/* ---- Files ---------------------------------------------------------------------------------- */

static int read_pair(struct draft *d, int i)
{
    const struct certificate_settings *files = &d->settings->certificates[i];
    struct tls_pem *pair = &d->pairs[i];
    struct tls_pem_reasons reasons;
    int r = tls_pem_read_pair(pair, files->certificate, files->key, &reasons);

    if (r < 0 && reasons.certificate[0])
        report_file(d, i, "certificate", files->certificate, reasons.certificate);
    if (r < 0 && reasons.key[0])
        report_file(d, i, "key", files->key, reasons.key);
    if (r == 0)
        tls_pem_warn(files->certificate, pair, "clients");
    d->leaves[i] = pair->leaf;
    return r;
}

static int read_client_authorities(struct draft *d)
{
    char why[TLS_PEM_WHY];

    if (!d->settings->client_ca)
        return 0;
    d->client_authorities = tls_pem_read_list(d->settings->client_ca, why);
    if (!d->client_authorities) {
        report_file(d, -1, "client_ca", d->settings->client_ca, why);
        return -1;
    }
    d->client_store = tls_pem_store(d->client_authorities);
    if (!d->client_store)
        report_failure(d->problems);
    return d->client_store ? 0 : -1;
}

/* Sessions are resumed only where client certificates are asked for by the same rules and trusted
 * by the same authorities as when they began. */
static int make_session_context(struct draft *d)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned char is_required = d->settings->client_required;
    bool is_good = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(hash, &is_required, 1) == 1;

    for (int i = 0; is_good && i < sk_X509_num(d->client_authorities); i++) {
        unsigned char one[EVP_MAX_MD_SIZE];
        unsigned int length = 0;
        is_good =
            X509_digest(sk_X509_value(d->client_authorities, i), EVP_sha256(), one, &length) == 1 &&
            EVP_DigestUpdate(hash, one, length) == 1;
    }
    is_good = is_good && EVP_DigestFinal_ex(hash, d->session_context, NULL) == 1;
    EVP_MD_CTX_free(hash);
    if (!is_good)
        report_failure(d->problems);
    return is_good ? 0 : -1;
}

static void draft_fini(struct draft *d)
{
    for (int i = 0; d->pairs && i < d->settings->nr_certificates; i++)
        tls_pem_fini(&d->pairs[i]);
    free(d->pairs);
    free(d->leaves);
    sk_X509_pop_free(d->client_authorities, X509_free);
    X509_STORE_free(d->client_store);
}

/* All files are read before the first failure ends it, so that people see everything that is wrong.
 */
static void make_listener(struct draft *d, struct listener *listener)
{
    int nr = d->settings->nr_certificates, r = 0;

    d->pairs = calloc((size_t)nr, sizeof(*d->pairs));
    d->leaves = calloc((size_t)nr, sizeof(*d->leaves));
    if (!d->pairs || !d->leaves) {
        report_failure(d->problems);
        goto out;
    }
    for (int i = 0; i < nr; i++)
        if (read_pair(d, i) < 0)
            r = -1;
    if (read_client_authorities(d) < 0)
        r = -1;
    if (r == 0 && make_session_context(d) == 0)
        make_contexts(d, listener);
out:
    draft_fini(d);
}

/* ---- What it was made from ------------------------------------------------------------------ */

static bool add_text(EVP_MD_CTX *hash, const char *text)
{
    return EVP_DigestUpdate(hash, text ? text : "", text ? strlen(text) + 1 : 0) == 1;
}

/* A file's name and which content it has now. */
static bool add_file(EVP_MD_CTX *hash, const char *file)
{
    struct tls_pem_print print = tls_pem_take_print(file);

    return add_text(hash, file) && EVP_DigestUpdate(hash, &print, sizeof(print)) == 1;
}

static bool add_listener(EVP_MD_CTX *hash, const struct listener_settings *listener)
{
    int head[3] = {listener->is_tls, listener->nr_certificates, listener->client_required};
    bool is_good = EVP_DigestUpdate(hash, head, sizeof(head)) == 1 &&
                   add_text(hash, listener->min_version) && add_file(hash, listener->client_ca);

    for (int i = 0; is_good && i < listener->nr_certificates; i++)
        is_good = add_file(hash, listener->certificates[i].certificate) &&
                  add_file(hash, listener->certificates[i].key);
    return is_good;
}

/* Two servers with the same inputs are the same but for their ticket keys. */
static int hash_inputs(const struct settings *settings, unsigned char inputs[HASH])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool is_good = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(hash, &settings->tls.ticket_rotation_s, sizeof(uint32_t)) == 1;

    struct certificate_settings certificate;
    struct listener_settings admin = settings_admin_listener(settings, &certificate);

    for (int i = 0; is_good && i < settings->nr_listeners; i++)
        is_good = add_listener(hash, &settings->listeners[i]);
    is_good = is_good && add_listener(hash, &admin) && EVP_DigestFinal_ex(hash, inputs, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return is_good ? 0 : -1;
}

static struct listener *find_listener(struct tls_server *server, int index)
{
    return &server->listeners[index == TLS_ADMIN_LISTENER ? server->nr_listeners : index];
}

/* ---- The whole ------------------------------------------------------------------------------ */

static void server_free(struct tls_server *server)
{
    for (int i = 0; server->listeners && i <= server->nr_listeners; i++) {
        struct listener *listener = &server->listeners[i];
        for (int k = 0; k < listener->nr_contexts; k++)
            SSL_CTX_free(listener->contexts[k]);
        free(listener->contexts);
        tls_names_free(&listener->names);
    }
    free(server->listeners);
    tls_tickets_unref(&server->tickets);
    free(server);
}

/* With its own ticket keys, or those of previous; without listeners yet. */
static struct tls_server *make_empty(const struct settings *settings,
                                     const struct tls_server *previous)
{
    struct tls_server *server = calloc(1, sizeof(*server));
    size_t nr = (size_t)settings->nr_listeners + 1;

    if (!server)
        return NULL;
    atomic_store_explicit(&server->refs, 1, memory_order_relaxed);
    server->rotation_ms = (uint64_t)settings->tls.ticket_rotation_s * 1000;
    server->nr_listeners = settings->nr_listeners;
    server->listeners = calloc(nr, sizeof(*server->listeners));
    server->tickets = previous ? tls_tickets_ref(previous->tickets) : tls_tickets_make(clock_ms());
    if (server->listeners && server->tickets)
        return server;
    server_free(server);
    return NULL;
}

static void make_if_tls(struct tls_server *server, const struct listener_settings *settings,
                        int index, struct problems *problems)
{
    struct draft d = {.server = server, .problems = problems, .settings = settings, .index = index};

    if (!settings->is_tls)
        return;
    server->is_used = true;
    make_listener(&d, find_listener(server, index));
}

static void make_listeners(struct tls_server *server, const struct settings *settings,
                           struct problems *problems)
{
    struct certificate_settings certificate;
    struct listener_settings admin = settings_admin_listener(settings, &certificate);

    for (int i = 0; i < settings->nr_listeners; i++)
        make_if_tls(server, &settings->listeners[i], i, problems);
    make_if_tls(server, &admin, TLS_ADMIN_LISTENER, problems);
}

struct tls_server *tls_server_make(const struct settings *settings, struct tls_server *previous,
                                   struct problems *problems)
{
    size_t before = problems_count(problems);
    unsigned char inputs[HASH];
    struct tls_server *server;

    /* A library that could not begin must not be used at all. */
    if (OPENSSL_init_ssl(0, NULL) != 1 || !OSSL_LIB_CTX_get0_global_default()) {
        problems_add(problems, "tls_failure", NULL, "$.listeners",
                     "TLS cannot be set up: there is not enough memory");
        return NULL;
    }
    ERR_clear_error();
    if (hash_inputs(settings, inputs) < 0) {
        report_failure(problems);
        return NULL;
    }
    if (previous && memcmp(inputs, previous->inputs, HASH) == 0)
        return tls_server_ref(previous);
    server = make_empty(settings, previous);
    if (!server) {
        report_failure(problems);
        return NULL;
    }
    memcpy(server->inputs, inputs, HASH);
    make_listeners(server, settings, problems);
    if (problems_count(problems) == before)
        return server;
    server_free(server);
    return NULL;
}

struct tls_server *tls_server_ref(struct tls_server *server)
{
    atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed);
    return server;
}

void tls_server_unref(struct tls_server **server)
{
    struct tls_server *s = *server;

    *server = NULL;
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        server_free(s);
}

void tls_server_rotate(struct tls_server *server, uint64_t now_ms)
{
    if (server->is_used && !tls_tickets_rotate(server->tickets, now_ms, server->rotation_ms))
        log_error("the system gives no random numbers: the key of session tickets stays as it is");
}

SSL *tls_server_begin(struct tls_server *server, int listener)
{
    return SSL_new(find_listener(server, listener)->contexts[0]);
}
