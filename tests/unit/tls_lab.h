/* For the tests of TLS: authorities and certificates made on the spot, in a folder that goes away
 * with the test. Included by a test file. Nothing of it is asked of a network or kept in the tree.
 */
#ifndef WEIR_TESTS_UNIT_TLS_LAB_H
#define WEIR_TESTS_UNIT_TLS_LAB_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define LAB __attribute__((unused)) static

enum { LAB_PATH = 256, LAB_DAY = 24 * 3600 };

/* A certificate with its key and the files they are in. */
struct lab_cert {
    X509 *x;
    EVP_PKEY *key;
    char file[LAB_PATH], key_file[LAB_PATH];
};

/* What a certificate is to say; zero or NULL where nothing is said. */
struct lab_wish {
    const char *kind; /* "EC" (default), "RSA", "RSA1024", "ED25519" */
    const char *common_name, *organization;
    const char *names; /* subject alternative names, such as "DNS:a.example,IP:127.0.0.1" */
    const char *usage; /* extended key usage, such as "clientAuth" */
    const struct lab_cert *issuer; /* NULL: signs itself */
    bool is_authority, is_expired;
};

static char lab_folder[] = "/tmp/weir-tls-XXXXXX";

LAB int lab_begin(void **state)
{
    (void)state;
    return mkdtemp(lab_folder) ? 0 : -1;
}

LAB int lab_end(void **state)
{
    char command[LAB_PATH];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", lab_folder);
    return system(command);
}

LAB void lab_path(char path[LAB_PATH], const char *name)
{
    snprintf(path, LAB_PATH, "%s/%.200s", lab_folder, name);
}

/* Writes a file in one go, as an editor that renames over. */
LAB void lab_write(const char *path, const char *text)
{
    char other[LAB_PATH + 4];
    FILE *f;

    snprintf(other, sizeof(other), "%s.new", path);
    f = fopen(other, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(other, path), 0);
}

/* As if the file had been written long ago. */
LAB void lab_age(const char *path)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1700000000}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

LAB EVP_PKEY *lab_key(const char *kind)
{
    if (kind && strcmp(kind, "RSA") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    if (kind && strcmp(kind, "RSA1024") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    if (kind && strcmp(kind, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

LAB void lab_extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

LAB void lab_name(X509 *x, const struct lab_wish *wish)
{
    X509_NAME *name = X509_get_subject_name(x);

    if (wish->organization)
        X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                   (const unsigned char *)wish->organization, -1, -1, 0);
    if (wish->common_name)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   (const unsigned char *)wish->common_name, -1, -1, 0);
}

LAB void lab_write_pair(const struct lab_cert *cert)
{
    FILE *f = fopen(cert->file, "w");

    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, cert->x), 1);
    fclose(f);
    f = fopen(cert->key_file, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, cert->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

/* Makes a certificate and its files NAME.pem and NAME.key. */
LAB struct lab_cert lab_make(const char *name, const struct lab_wish *wish)
{
    static long serial = 1000;
    struct lab_cert cert = {.x = X509_new(), .key = lab_key(wish->kind)};
    X509 *issuer = wish->issuer ? wish->issuer->x : cert.x;
    EVP_PKEY *issuer_key = wish->issuer ? wish->issuer->key : cert.key;
    char path[LAB_PATH];

    assert_non_null(cert.key);
    X509_set_version(cert.x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert.x), -2 * LAB_DAY);
    X509_gmtime_adj(X509_getm_notAfter(cert.x), wish->is_expired ? -LAB_DAY : LAB_DAY);
    X509_set_pubkey(cert.x, cert.key);
    lab_name(cert.x, wish);
    X509_set_issuer_name(cert.x, X509_get_subject_name(issuer));
    lab_extend(cert.x, issuer, NID_basic_constraints,
               wish->is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (wish->names)
        lab_extend(cert.x, issuer, NID_subject_alt_name, wish->names);
    if (wish->usage)
        lab_extend(cert.x, issuer, NID_ext_key_usage, wish->usage);
    assert_true(
        X509_sign(cert.x, issuer_key,
                  EVP_PKEY_get_base_id(issuer_key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()) > 0);
    snprintf(path, sizeof(path), "%.200s.pem", name);
    lab_path(cert.file, path);
    snprintf(path, sizeof(path), "%.200s.key", name);
    lab_path(cert.key_file, path);
    lab_write_pair(&cert);
    ERR_clear_error();
    return cert;
}

LAB struct lab_cert lab_authority(const char *name)
{
    struct lab_wish wish = {.common_name = name, .is_authority = true};

    return lab_make(name, &wish);
}

LAB void lab_free(struct lab_cert *cert)
{
    X509_free(cert->x);
    EVP_PKEY_free(cert->key);
    cert->x = NULL;
    cert->key = NULL;
}

#endif
