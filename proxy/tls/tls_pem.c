/* Reading PEM files with messages for people.
 *
 * The files are read whole and parsed from memory, so that "missing", "not readable" and "not PEM"
 * can be told apart; a key that wants a passphrase is refused, because nobody is there to be asked.
 * Where OpenSSL finds a pair wrong (key too small, digest too weak), its own words are passed on.
 */
#include "proxy/tls/tls_pem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/file.h"

/* A file whose last change is older was not changed again without showing it. */
enum { SETTLED_S = 2 };

/* How often a pair whose parts do not belong together is read. */
enum { PAIR_READS_MAX = 4 };

static void say(char why[TLS_PEM_WHY], const char *text)
{
    snprintf(why, TLS_PEM_WHY, "%s", text);
}

/* The newest entry of OpenSSL's queue after what weir has to say; empties the queue. */
static void say_error(char why[TLS_PEM_WHY], const char *text)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    snprintf(why, TLS_PEM_WHY, "%s: %s", text, reason ? reason : "unknown error");
    ERR_clear_error();
}

/* The file's text behind a BIO; *text and *length are the memory, to be ended with close_text. */
static BIO *open_text(const char *file, char **text, size_t *length, char why[TLS_PEM_WHY])
{
    struct problems problems = {0};
    BIO *bio = NULL;

    *text = file_read(file, length, &problems);
    if (!*text)
        say(why, problems.nr > 0 ? problems.list[0].message : "cannot be read");
    problems_fini(&problems);
    if (*text && *length <= INT32_MAX)
        bio = BIO_new_mem_buf(*text, (int)*length);
    if (*text && !bio)
        say(why, "there is not enough memory to read it");
    return bio;
}

static void close_text(BIO *bio, char *text, size_t length)
{
    BIO_free(bio);
    if (text)
        OPENSSL_cleanse(text, length); /* it may be a key */
    free(text);
}

struct tls_pem_print tls_pem_take_print(const char *file)
{
    static _Atomic uint64_t nr_doubts;
    struct tls_pem_print print = {0};
    struct stat st;

    if (!file || stat(file, &st) < 0)
        return print;
    print.device = st.st_dev;
    print.inode = st.st_ino;
    print.size = (uint64_t)st.st_size;
    print.seconds = (uint64_t)st.st_mtim.tv_sec;
    print.nanoseconds = (uint64_t)st.st_mtim.tv_nsec;
    if (clock_unix_us() / 1000000 < print.seconds + SETTLED_S)
        print.doubt = 1 + atomic_fetch_add(&nr_doubts, 1);
    return print;
}

/* Is what stopped the reading of certificates just that there are no more? */
static bool is_end_of_pem(void)
{
    unsigned long error = ERR_peek_last_error();

    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* Never asks: the terminal, if there is one, is not for that. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type of callback */
static int no_passphrase(char *buf, int size, int is_writing, void *arg)
{
    (void)buf, (void)size, (void)is_writing, (void)arg;
    return -1;
}

STACK_OF(X509) * tls_pem_read_list(const char *file, char why[TLS_PEM_WHY])
{
    STACK_OF(X509) *list = sk_X509_new_null();
    char *text = NULL;
    size_t length = 0;
    BIO *bio = open_text(file, &text, &length, why);
    bool is_good = false;

    ERR_clear_error();
    while (bio && list) {
        X509 *one = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
        if (!one) {
            is_good = is_end_of_pem() && sk_X509_num(list) > 0;
            break;
        }
        if (!sk_X509_push(list, one)) {
            X509_free(one);
            break;
        }
    }
    if (bio && !is_good) {
        if (list && is_end_of_pem())
            say(why, "has no certificate in it; a PEM file has a line -----BEGIN CERTIFICATE-----");
        else
            say_error(why, "has a certificate that cannot be read");
    }
    ERR_clear_error();
    close_text(bio, text, length);
    if (!is_good) {
        sk_X509_pop_free(list, X509_free);
        return NULL;
    }
    return list;
}

static int read_certificate(struct tls_pem *pem, const char *file, char why[TLS_PEM_WHY])
{
    STACK_OF(X509) *list = tls_pem_read_list(file, why);

    if (!list)
        return -1;
    pem->leaf = sk_X509_shift(list);
    pem->chain = list;
    return 0;
}

/* Why no key could be read from the text. */
static void say_no_key(const char *text, char why[TLS_PEM_WHY])
{
    if (!strstr(text, "PRIVATE KEY-----"))
        say(why, "has no private key in it; a PEM file has a line such as "
                 "-----BEGIN PRIVATE KEY-----");
    else if (strstr(text, "ENCRYPTED"))
        say(why, "is encrypted, and weir asks for no passphrase; store it without one "
                 "(openssl pkey -in FILE), readable by weir's user only");
    else
        say_error(why, "has a private key that cannot be read");
    ERR_clear_error();
}

static int read_key(struct tls_pem *pem, const char *file, char why[TLS_PEM_WHY])
{
    char *text = NULL;
    size_t length = 0;
    BIO *bio = open_text(file, &text, &length, why);

    if (!bio) {
        close_text(bio, text, length);
        return -1;
    }
    ERR_clear_error();
    pem->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    if (!pem->key)
        say_no_key(text, why);
    close_text(bio, text, length);
    return pem->key ? 0 : -1;
}

static bool belong_together(const struct tls_pem *pem)
{
    bool is_good = X509_check_private_key(pem->leaf, pem->key) == 1;

    ERR_clear_error();
    return is_good;
}

int tls_pem_read_pair(struct tls_pem *pem, const char *certificate, const char *key,
                      struct tls_pem_reasons *reasons)
{
    for (int i = 0; i < PAIR_READS_MAX; i++) {
        bool is_read;

        tls_pem_fini(pem);
        *reasons = (struct tls_pem_reasons){0};
        is_read = read_certificate(pem, certificate, reasons->certificate) == 0;
        if (read_key(pem, key, reasons->key) < 0 || !is_read)
            return -1;
        if (belong_together(pem))
            return 0;
    }
    say(reasons->key, "is not the key of this certificate; the two belong together");
    return -1;
}

int tls_pem_use(const struct tls_pem *pem, SSL_CTX *ctx, char why[TLS_PEM_WHY])
{
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(ctx, pem->leaf, pem->key, pem->chain, 1) == 1)
        return 0;
    say_error(why, "cannot be used");
    return -1;
}

void tls_pem_warn(const char *certificate, const struct tls_pem *pem, const char *who)
{
    const ASN1_TIME *begin = X509_get0_notBefore(pem->leaf), *end = X509_get0_notAfter(pem->leaf);
    bool has_expired = X509_cmp_current_time(end) <= 0;
    struct tm t;

    if (!has_expired && X509_cmp_current_time(begin) <= 0)
        return;
    if (ASN1_TIME_to_tm(has_expired ? end : begin, &t) == 1)
        log_warning("%s: the certificate %s on %04d-%02d-%02d; %s will refuse it", certificate,
                    has_expired ? "expired" : "becomes valid", t.tm_year + 1900, t.tm_mon + 1,
                    t.tm_mday, who);
}

void tls_pem_fini(struct tls_pem *pem)
{
    X509_free(pem->leaf);
    sk_X509_pop_free(pem->chain, X509_free);
    EVP_PKEY_free(pem->key);
    *pem = (struct tls_pem){0};
}

X509_STORE *tls_pem_store(STACK_OF(X509) * list)
{
    X509_STORE *store = X509_STORE_new();
    /* An authority that is named is trusted, whether or not it has signed itself. */
    bool is_good = store && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;

    for (int i = 0; is_good && i < sk_X509_num(list); i++)
        is_good = X509_STORE_add_cert(store, sk_X509_value(list, i)) == 1;
    ERR_clear_error();
    if (is_good)
        return store;
    X509_STORE_free(store);
    return NULL;
}
