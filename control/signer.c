/* One canonical form is enough: a path without query, and four headers at most. */
#include "control/signer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "conf/credentials.h"

enum { HASH = 32, HEX = 64, STAMP = 16, DAY = 8, REGION_MAX = 64 };

static const char SERVICE[] = "lambda", END[] = "aws4_request";

static void write_hex(char out[HEX + 1], const unsigned char bytes[HASH])
{
    for (int i = 0; i < HASH; i++)
        (void)text_hex_fixed(out + 2 * i, bytes[i], 2);
    out[HEX] = '\0';
}

static bool hash(struct str text, char out[HEX + 1])
{
    unsigned char bytes[HASH];

    if (EVP_Digest(text.p, text.n, bytes, NULL, EVP_sha256(), NULL) != 1)
        return false;
    write_hex(out, bytes);
    return true;
}

/* key and out may be the same. */
static bool chain(unsigned char out[HASH], const void *key, size_t key_length, struct str text)
{
    return HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text.p, text.n, out,
                NULL) != NULL;
}

static bool sign(const struct signer_key *key, const char *stamp, struct str text,
                 char out[HEX + 1])
{
    char secret[4 + CREDENTIALS_SECRET_MAX + 1];
    unsigned char k[HASH];
    int n = snprintf(secret, sizeof(secret), "AWS4%s", key->secret_access_key);
    bool is_good = n > 0 && (size_t)n < sizeof(secret) &&
                   chain(k, secret, (size_t)n, (struct str){stamp, DAY}) &&
                   chain(k, k, HASH, str_of(key->region)) && chain(k, k, HASH, str_of(SERVICE)) &&
                   chain(k, k, HASH, str_of(END)) && chain(k, k, HASH, text);

    if (is_good)
        write_hex(out, k);
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(k, sizeof(k));
    return is_good;
}

/* The hash of the canonical request. */
static bool hash_request(const struct signer_key *key, const struct signer_request *request,
                         const char *stamp, const char *body, char out[HEX + 1])
{
    const char *token = key->session_token;
    char *text = NULL;
    int n = asprintf(
        &text, "%s\n%s\n\nhost:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n%s%s%s\n%s%s\n%s",
        request->method, request->path, request->host, body, stamp,
        token ? "x-amz-security-token:" : "", token ? token : "", token ? "\n" : "",
        "host;x-amz-content-sha256;x-amz-date", token ? ";x-amz-security-token" : "", body);
    bool is_good = n > 0 && hash((struct str){text, (size_t)n}, out);

    if (n > 0)
        free(text);
    return is_good;
}

static char *write_fields(const struct signer_key *key, const char *stamp, const char *body,
                          const char *signature)
{
    const char *token = key->session_token;
    char *text = NULL;
    int n = asprintf(&text,
                     "X-Amz-Date: %s\r\nX-Amz-Content-SHA256: %s\r\n%s%s%s"
                     "Authorization: AWS4-HMAC-SHA256 Credential=%s/%.*s/%s/%s/%s, "
                     "SignedHeaders=host;x-amz-content-sha256;x-amz-date%s, Signature=%s\r\n",
                     stamp, body, token ? "X-Amz-Security-Token: " : "", token ? token : "",
                     token ? "\r\n" : "", key->access_key_id, DAY, stamp, key->region, SERVICE, END,
                     token ? ";x-amz-security-token" : "", signature);

    return n > 0 ? text : NULL;
}

char *signer_fields(const struct signer_key *key, const struct signer_request *request)
{
    time_t now = (time_t)request->now_s;
    char stamp[STAMP + 8], body[HEX + 1], canonical[HEX + 1], signature[HEX + 1];
    char to_sign[256 + REGION_MAX];
    struct tm tm;
    int n;

    gmtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    if (strlen(key->region) > REGION_MAX || !hash(request->body, body) ||
        !hash_request(key, request, stamp, body, canonical))
        return NULL;
    n = snprintf(to_sign, sizeof(to_sign), "AWS4-HMAC-SHA256\n%s\n%.*s/%s/%s/%s\n%s", stamp, DAY,
                 stamp, key->region, SERVICE, END, canonical);
    if (!sign(key, stamp, (struct str){to_sign, (size_t)n}, signature))
        return NULL;
    return write_fields(key, stamp, body, signature);
}
