/* Signing and checking. */
#include "proxy/exchange/pintoken.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "base/text.h"
#include "router/invoke.h"

enum { HASH = 32, TEXT_MAX = INVOKE_NAME_MAX + INVOKE_QUALIFIER_MAX + PINTOKEN_MAX + 32 };

/* The signature of what the token is about: PINTOKEN_SIGNATURE characters. */
static bool sign(char *out, const struct pintoken *about, struct str key)
{
    char text[TEXT_MAX], encoded[PINTOKEN_SIGNATURE + 1], *p = text;
    unsigned char hash[HASH];

    if (about->function.n > INVOKE_NAME_MAX || about->alias.n > INVOKE_QUALIFIER_MAX)
        return false;
    p = text_lit(p, "weir-pin\n");
    p = text_str(p, about->function);
    p = text_char(p, '\n');
    p = text_str(p, about->alias);
    p = text_char(p, '\n');
    p = text_str(p, about->version);
    p = text_char(p, '\n');
    p = decimal_put(p, about->issued_s);
    if (!HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)text, (size_t)(p - text),
              hash, NULL))
        return false;
    base64_put(encoded, (struct str){(const char *)hash, HASH});
    for (int i = 0; i < PINTOKEN_SIGNATURE; i++)
        out[i] = encoded[i] == '+' ? '-' : encoded[i] == '/' ? '_' : encoded[i];
    return true;
}

struct str pintoken_write(char *out, const struct pintoken *about, const struct pinkeys *keys)
{
    char *p = out;

    if (about->version.n > PINTOKEN_VERSION_MAX)
        return STR("");
    p = text_str(p, about->version);
    p = text_char(p, '.');
    p = decimal_put(p, about->issued_s);
    p = text_char(p, '.');
    if (!sign(p, about, keys->list[0]))
        return STR("");
    return (struct str){out, (size_t)(p - out) + PINTOKEN_SIGNATURE};
}

/* Decimal as pintoken_write writes it: no other text says the same. */
static bool read_seconds(struct str s, uint64_t *out)
{
    uint64_t n = 0;

    if (s.n == 0 || s.n > 15 || (s.n > 1 && s.p[0] == '0'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(s.p[i] - '0');
    }
    *out = n;
    return true;
}

/* Takes the part before the next '.' off. */
static bool next_part(struct str *rest, struct str *part)
{
    *part = str_until(*rest, '.');
    if (part->n == rest->n)
        return false;
    rest->p += part->n + 1;
    rest->n -= part->n + 1;
    return true;
}

bool pintoken_read(struct pintoken *out, struct str token, const struct pinkeys *keys,
                   uint64_t now_s, uint32_t for_s)
{
    char right[PINTOKEN_SIGNATURE];
    struct str rest = token, seconds;
    bool is_good = false;

    if (token.n > PINTOKEN_MAX || !next_part(&rest, &out->version) || !next_part(&rest, &seconds) ||
        out->version.n == 0 || out->version.n > PINTOKEN_VERSION_MAX ||
        rest.n != PINTOKEN_SIGNATURE || !read_seconds(seconds, &out->issued_s) ||
        out->issued_s + for_s <= now_s)
        return false;
    /* The text of the signature is compared, not its bytes: several texts say the same bytes. */
    for (int i = 0; i < keys->nr; i++)
        is_good |= sign(right, out, keys->list[i]) &&
                   CRYPTO_memcmp(right, rest.p, PINTOKEN_SIGNATURE) == 0;
    OPENSSL_cleanse(right, sizeof(right));
    return is_good;
}
