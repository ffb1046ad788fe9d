/* A value and its parameters. */
#include "proxy/exchange/override.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { HASH = 32 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static void skip(struct str *s, size_t n)
{
    n = n < s->n ? n : s->n;
    s->p += n;
    s->n -= n;
}

/* The value of a parameter, which may be quoted; moves on behind the semicolon that ends it. */
static struct str take_value(struct str *rest)
{
    struct str value;

    *rest = trim(*rest);
    if (rest->n == 0 || rest->p[0] != '"') {
        value = str_until(*rest, ';');
        skip(rest, value.n + 1);
        return trim(value);
    }
    skip(rest, 1);
    value = str_until(*rest, '"');
    skip(rest, value.n + 1);
    skip(rest, str_until(*rest, ';').n + 1);
    return value;
}

struct override override_read(struct str value)
{
    struct override out = {trim(str_until(value, ';')), STR("")};
    struct str rest = value;

    skip(&rest, str_until(value, ';').n + 1);
    while (rest.n > 0) {
        struct str name = str_until(rest, '=');
        struct str all = str_until(rest, ';'), found;

        if (all.n < name.n) { /* it has no value */
            skip(&rest, all.n + 1);
            continue;
        }
        skip(&rest, name.n + 1);
        found = take_value(&rest);
        if (str_ieq(trim(name), STR("secret")))
            out.secret = found;
    }
    return out;
}

bool override_is_secret(struct str secret, const uint8_t sha256[32])
{
    unsigned char hash[HASH];
    bool is_right =
        EVP_Digest(secret.p ? secret.p : "", secret.n, hash, NULL, EVP_sha256(), NULL) == 1 &&
        CRYPTO_memcmp(hash, sha256, HASH) == 0;

    OPENSSL_cleanse(hash, sizeof(hash));
    return is_right;
}
