/* The TLS side of https endpoints.
 *
 *     worker's pool --> tls_origin: name to verify, last session --> trust: what is read from files
 *     other workers' pools of this and other origins -----------------^  (context with authorities
 * and client certificate)
 *
 * The store of the system's authorities is a megabyte and takes tens of milliseconds to read. So
 * all origins with the same files share one context, whichever worker they belong to, and the
 * control thread reads the files before a table is put in force. The list of those contexts is the
 * one place here with a lock; it is taken once per connection, never for bytes.
 *
 * Names are verified as RFC 9525 says: by the alternative names in the certificate, not by its
 * subject, and a wildcard is a whole label. */
#include "proxy/tls/tls_origin.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "proxy/tls/tls.h"
#include "proxy/tls/tls_pem.h"
#include "proxy/tls/tls_rules.h"

enum { FILES = 3 }; /* authorities, certificate, key */

/* What was read from files; shared. */
struct trust {
    struct trust *next;
    struct origin_tls files; /* copies; server_name is not part of it */
    struct tls_pem_print prints[FILES];
    SSL_CTX *ctx;
    uint32_t nr_users;
    bool is_wanted;           /* prepared since the last reload: pools will come */
    _Atomic uint32_t version; /* grows when ctx is another one */
};

struct tls_origin {
    struct trust *trust;
    SSL_CTX *ctx; /* the trust's as of trust_version */
    uint32_t trust_version;
    uint32_t refs; /* the pool, and each connection */
    char *name;    /* what the certificate must name */
    bool is_address, verify;
    SSL_SESSION *session; /* the last one the endpoint gave under ctx, or NULL */
};

/* Of this list, of users and of contexts. Workers take it when they make a pool; only the control
 * thread removes and replaces. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct trust *all; /* under the lock */

/* Each thread's own, until its next call. */
static _Thread_local char why_text[TLS_PEM_WHY + 256];

/* ---- Reading files -------------------------------------------------------------------------- */

/* Gives *reason, if wanted, the sentence "FILE WHY". */
static void explain(const char **reason, const char *file, const char *why)
{
    snprintf(why_text, sizeof(why_text), "%s: %s", file, why);
    *reason = why_text;
}

static int use_authorities(SSL_CTX *ctx, const char *file, const char **reason)
{
    char why[TLS_PEM_WHY];
    STACK_OF(X509) * list;
    X509_STORE *store;

    if (!file) {
        if (SSL_CTX_set_default_verify_paths(ctx) == 1)
            return 0;
        explain(reason, "the system's certificate store", "cannot be read");
        return -1;
    }
    list = tls_pem_read_list(file, why);
    if (!list) {
        explain(reason, file, why);
        return -1;
    }
    store = tls_pem_store(list);
    sk_X509_pop_free(list, X509_free);
    if (store)
        SSL_CTX_set_cert_store(ctx, store); /* owns it from now on */
    return store ? 0 : -1;
}

static int use_certificate(SSL_CTX *ctx, const struct origin_tls *files, const char **reason)
{
    struct tls_pem pair = {0};
    struct tls_pem_reasons reasons;
    const char *key = files->key ? files->key : files->certificate;
    char why[TLS_PEM_WHY];
    int r;

    if (!files->certificate)
        return 0;
    r = tls_pem_read_pair(&pair, files->certificate, key, &reasons);
    if (r < 0 && reasons.certificate[0]) {
        explain(reason, files->certificate, reasons.certificate);
    } else if (r < 0) {
        explain(reason, key, reasons.key);
    } else {
        r = tls_pem_use(&pair, ctx, why);
        if (r < 0)
            explain(reason, files->certificate, why);
        else
            tls_pem_warn(files->certificate, &pair, "endpoints");
    }
    tls_pem_fini(&pair);
    return r;
}

/* The pool that asked keeps the session: contexts are shared, sessions are not. One that was agreed
 * before the files changed is not kept, as its resumption would not be verified by what is in force
 * now. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_origin *tls = SSL_get_app_data(ssl);

    if (SSL_get_SSL_CTX(ssl) != tls->ctx)
        return 0;
    SSL_SESSION_free(tls->session);
    tls->session = session;
    return 1; /* the reference is ours */
}

static SSL_CTX *make_context(const struct origin_tls *files, const char **reason)
{
    SSL_CTX *ctx = tls_rules_context(TLS_client_method(), TLS1_2_VERSION);

    *reason = "there is not enough memory for TLS"; /* all other failures have a file to name */
    if (!ctx)
        return NULL;
    if ((files->verify && use_authorities(ctx, files->ca_file, reason) < 0) ||
        use_certificate(ctx, files, reason) < 0 ||
        SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)TLS_RULES_ALPN,
                                TLS_RULES_ALPN_LENGTH) != 0) {
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, files->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    return ctx;
}

/* ---- What is shared ------------------------------------------------------------------------- */

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool has_files(const struct trust *trust, const struct origin_tls *files)
{
    return trust->files.verify == files->verify &&
           is_same_text(trust->files.ca_file, files->ca_file) &&
           is_same_text(trust->files.certificate, files->certificate) &&
           is_same_text(trust->files.key, files->key);
}

static void take_prints(const struct origin_tls *files, struct tls_pem_print prints[FILES])
{
    const char *authorities = files->ca_file ? files->ca_file : X509_get_default_cert_file();

    prints[0] = tls_pem_take_print(files->verify ? authorities : NULL);
    prints[1] = tls_pem_take_print(files->certificate);
    prints[2] = tls_pem_take_print(files->key);
}

static void trust_free(struct trust *trust)
{
    free(trust->files.ca_file);
    free(trust->files.certificate);
    free(trust->files.key);
    SSL_CTX_free(trust->ctx);
    free(trust);
}

static bool copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

static struct trust *trust_make(const struct origin_tls *files, const char **reason)
{
    struct trust *trust = calloc(1, sizeof(*trust));

    *reason = "there is not enough memory for TLS";
    if (!trust)
        return NULL;
    trust->files.verify = files->verify;
    take_prints(files, trust->prints); /* first: a change while they are read is then seen */
    if (copy_text(&trust->files.ca_file, files->ca_file) &&
        copy_text(&trust->files.certificate, files->certificate) &&
        copy_text(&trust->files.key, files->key))
        trust->ctx = make_context(files, reason);
    if (trust->ctx)
        return trust;
    trust_free(trust);
    return NULL;
}

/* How a trust is held: by a pool, or for pools to come. Under the lock. */
static void hold(struct trust *trust, bool is_pool)
{
    if (is_pool)
        trust->nr_users++;
    else
        trust->is_wanted = true;
}

/* Under the lock. */
static struct trust *find(const struct origin_tls *files)
{
    struct trust *trust = all;

    while (trust && !has_files(trust, files))
        trust = trust->next;
    return trust;
}

/* The trust for these files, read now if nobody has yet; held. NULL with *reason. */
static struct trust *trust_get(const struct origin_tls *files, bool is_pool, const char **reason)
{
    struct trust *found, *made;

    pthread_mutex_lock(&lock);
    found = find(files);
    if (found)
        hold(found, is_pool);
    pthread_mutex_unlock(&lock);
    if (found)
        return found;
    made = trust_make(files, reason); /* takes its time, so without the lock */
    if (!made)
        return NULL;
    pthread_mutex_lock(&lock);
    found = find(files);
    if (!found) {
        made->next = all;
        all = made;
    }
    hold(found ? found : made, is_pool);
    pthread_mutex_unlock(&lock);
    if (found)
        trust_free(made);
    return found ? found : made;
}

static void trust_put(struct trust *trust)
{
    pthread_mutex_lock(&lock);
    trust->nr_users--;
    pthread_mutex_unlock(&lock);
}

/* Reads the files again if they changed; what is in force stays if they cannot be used. */
static void refresh(struct trust *trust)
{
    struct tls_pem_print prints[FILES];
    const char *reason;
    SSL_CTX *ctx;

    take_prints(&trust->files, prints);
    if (memcmp(prints, trust->prints, sizeof(prints)) == 0)
        return;
    ctx = make_context(&trust->files, &reason);
    if (!ctx) {
        log_warning("TLS to endpoints goes on with the files that it has: %s", reason);
        return;
    }
    memcpy(trust->prints, prints, sizeof(prints));
    pthread_mutex_lock(&lock);
    SSL_CTX_free(trust->ctx); /* sessions and origins hold their own references */
    trust->ctx = ctx;
    atomic_fetch_add_explicit(&trust->version, 1, memory_order_release);
    pthread_mutex_unlock(&lock);
}

void tls_origin_refresh(void)
{
    struct trust *first;

    pthread_mutex_lock(&lock);
    first = all;
    pthread_mutex_unlock(&lock);
    /* Workers only add in front of the first. */
    for (struct trust *trust = first; trust; trust = trust->next)
        refresh(trust);
}

void tls_origin_reload(void)
{
    struct trust *unused = NULL;

    pthread_mutex_lock(&lock);
    for (struct trust **p = &all; *p;) {
        struct trust *trust = *p;
        if (trust->nr_users > 0 || trust->is_wanted) {
            trust->is_wanted = false;
            p = &trust->next;
            continue;
        }
        *p = trust->next;
        trust->next = unused;
        unused = trust;
    }
    pthread_mutex_unlock(&lock);
    while (unused) {
        struct trust *next = unused->next;
        trust_free(unused);
        unused = next;
    }
    tls_origin_refresh();
}

void tls_origin_files(void (*say)(void *arg, const char *path), void *arg)
{
    pthread_mutex_lock(&lock);
    for (const struct trust *trust = all; trust; trust = trust->next) {
        say(arg, trust->files.ca_file);
        say(arg, trust->files.certificate);
        say(arg, trust->files.key);
    }
    pthread_mutex_unlock(&lock);
}

int tls_origin_prepare(const struct origin *origin, const char **reason)
{
    return trust_get(&origin->tls, false, reason) ? 0 : -1;
}

/* ---- An origin of a worker ------------------------------------------------------------------ */

/* What the certificate must name: a host without its final dot, or an address. */
static int set_name(struct tls_origin *tls, const struct origin *origin)
{
    unsigned char address[sizeof(struct in6_addr)];
    const char *name = origin->tls.server_name ? origin->tls.server_name : origin->host;
    size_t n = strlen(name);

    tls->is_address =
        inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
    tls->name = strdup(name);
    if (!tls->name)
        return -1;
    if (!tls->is_address && n > 1 && name[n - 1] == '.')
        tls->name[n - 1] = '\0';
    return 0;
}

struct tls_origin *tls_origin_make(const struct origin *origin, const char **reason)
{
    struct tls_origin *tls = calloc(1, sizeof(*tls));

    if (!tls || set_name(tls, origin) < 0) {
        *reason = "there is not enough memory for TLS";
        free(tls);
        return NULL;
    }
    tls->refs = 1;
    tls->verify = origin->tls.verify;
    tls->trust = trust_get(&origin->tls, true, reason);
    if (!tls->trust)
        tls_origin_free(&tls);
    return tls;
}

static void let_go(struct tls_origin *tls)
{
    tls->refs--;
    if (tls->refs > 0)
        return;
    SSL_SESSION_free(tls->session);
    SSL_CTX_free(tls->ctx);
    if (tls->trust)
        trust_put(tls->trust);
    free(tls->name);
    free(tls);
}

void tls_origin_free(struct tls_origin **tls)
{
    struct tls_origin *t = *tls;

    *tls = NULL;
    if (t)
        let_go(t);
}

static void forget_session(struct tls_origin *tls)
{
    SSL_SESSION_free(tls->session);
    tls->session = NULL;
}

/* Takes over the context that is in force. */
static void renew_context(struct tls_origin *tls)
{
    if (tls->ctx &&
        tls->trust_version == atomic_load_explicit(&tls->trust->version, memory_order_acquire))
        return;
    forget_session(tls);
    SSL_CTX_free(tls->ctx);
    pthread_mutex_lock(&lock);
    tls->ctx = tls->trust->ctx;
    SSL_CTX_up_ref(tls->ctx);
    tls->trust_version = atomic_load_explicit(&tls->trust->version, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
}

/* SNI is for names only (RFC 6066 section 3). */
static bool set_peer_name(const struct tls_origin *tls, SSL *ssl)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (!tls->is_address && SSL_set_tlsext_host_name(ssl, tls->name) != 1)
        return false;
    if (!tls->verify)
        return true;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return tls->is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, tls->name) == 1
                           : X509_VERIFY_PARAM_set1_host(param, tls->name, 0) == 1;
}

SSL *tls_origin_begin(struct tls_origin *tls)
{
    SSL *ssl;

    renew_context(tls);
    ssl = SSL_new(tls->ctx);
    if (!ssl)
        return NULL;
    if (!set_peer_name(tls, ssl) || SSL_set_app_data(ssl, tls) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    if (tls->session && SSL_SESSION_is_resumable(tls->session) &&
        SSL_set_session(ssl, tls->session) != 1)
        forget_session(tls);
    tls->refs++;
    return ssl;
}

void tls_origin_end(SSL *ssl, bool is_failed)
{
    struct tls_origin *tls = SSL_get_app_data(ssl);

    if (is_failed)
        forget_session(tls);
    SSL_free(ssl);
    let_go(tls);
}
