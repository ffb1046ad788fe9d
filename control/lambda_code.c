/* ImageUri to kind and endpoints, and back. */
#include "control/lambda_code.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "conf/hostport.h"
#include "conf/url.h"

enum { ENDPOINTS_MAX = 64, URI_MAX = 2048 };

static const char *const kinds[] = {"rie", "lambda"};

static bool begins(struct str s, const char *with)
{
    size_t n = strlen(with);

    return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* Takes "rie+" off; "http" where nothing is to be taken off. */
static const char *take_kind(struct str *part)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t n = strlen(kinds[i]);

        if (begins(*part, kinds[i]) && part->n > n && part->p[n] == '+') {
            part->p += n + 1;
            part->n -= n + 1;
            return kinds[i];
        }
    }
    return "http";
}

/* HOST:PORT[/PATH], and nothing that has a scheme. */
static bool is_bare(struct str part)
{
    struct hostport parsed;

    return !hostport_parse(str_until(part, '/'), &parsed) && parsed.has_port && parsed.host.n > 0;
}

/* One endpoint as a URL into out. NULL, or what is wrong. */
static const char *read_part(struct str part, char out[URI_MAX])
{
    struct url url;
    const char *wrong;

    if (part.n >= URI_MAX - sizeof("http://"))
        return "is too long";
    if (is_bare(part))
        snprintf(out, URI_MAX, "http://%.*s", STR_ARG(part));
    else
        snprintf(out, URI_MAX, "%.*s", STR_ARG(part));
    wrong = url_parse(str_of(out), &url);
    if (!wrong)
        return NULL;
    return "names no endpoint: it must be where the function runs, such as http://127.0.0.1:9001, "
           "127.0.0.1:9001, rie+http://127.0.0.1:9000 or lambda+https://functions.example.com, "
           "perhaps several with commas between";
}

/* Appends the part's URL to the list. */
static const char *add_part(struct str part, const char **kind, json_t *endpoints, bool *is_out)
{
    const char *own = take_kind(&part), *wrong;
    char url[URI_MAX];

    if (*kind && strcmp(own, *kind) != 0)
        return "has endpoints of several kinds: one version has one kind";
    *kind = own;
    wrong = read_part(part, url);
    if (wrong)
        return wrong;
    for (size_t i = 0; i < json_array_size(endpoints); i++)
        if (strcmp(json_string_value(json_array_get(endpoints, i)), url) == 0)
            return "has an endpoint twice";
    if (json_array_size(endpoints) == ENDPOINTS_MAX)
        return "has more than 64 endpoints";
    *is_out |= json_array_append_new(endpoints, json_string(url)) < 0;
    return NULL;
}

const char *lambda_code_read(const char *image_uri, json_t *version, bool *is_out)
{
    struct str rest = str_of(image_uri);
    json_t *endpoints = json_array();
    const char *kind = NULL, *wrong = NULL;

    *is_out = !endpoints;
    for (bool is_more = true; is_more && !wrong;) {
        struct str part = str_until(rest, ',');

        is_more = part.n < rest.n;
        wrong = add_part(part, &kind, endpoints, is_out);
        rest.p += part.n + is_more;
        rest.n -= part.n + is_more;
    }
    if (wrong) {
        json_decref(endpoints);
        return wrong;
    }
    *is_out |= json_object_set_new(version, "endpoints", endpoints) < 0;
    if (strcmp(kind, "http") == 0) /* as it is without saying */
        json_object_del(version, "kind");
    else
        *is_out |= json_object_set_new(version, "kind", json_string(kind)) < 0;
    return NULL;
}

static const char *kind_of(const json_t *version)
{
    const char *kind = json_string_value(json_object_get(version, "kind"));

    return kind ? kind : "http";
}

/* Do both run in the same places? */
static bool is_same(const json_t *a, const json_t *b)
{
    return strcmp(kind_of(a), kind_of(b)) == 0 &&
           json_equal(json_object_get(a, "endpoints"), json_object_get(b, "endpoints"));
}

static char *join(const json_t *version)
{
    const json_t *endpoints = json_object_get(version, "endpoints");
    const char *kind = kind_of(version);
    bool is_plain = strcmp(kind, "http") == 0;
    size_t size = 1, n = 0;
    char *text;

    for (size_t i = 0; i < json_array_size(endpoints); i++)
        size += strlen(kind) + json_string_length(json_array_get(endpoints, i)) + 2;
    text = malloc(size);
    if (!text)
        return NULL;
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(endpoints); i++)
        n +=
            (size_t)snprintf(text + n, size - n, "%s%s%s%s", i > 0 ? "," : "", is_plain ? "" : kind,
                             is_plain ? "" : "+", json_string_value(json_array_get(endpoints, i)));
    return text;
}

char *lambda_code_write(const json_t *version)
{
    const json_t *configuration = json_object_get(version, "configuration");
    const char *kept = json_string_value(json_object_get(configuration, "ImageUri"));
    json_t *meant = kept ? json_object() : NULL;
    bool is_out, is_true = meant && !lambda_code_read(kept, meant, &is_out) && !is_out &&
                           is_same(meant, version);

    json_decref(meant);
    return is_true ? strdup(kept) : join(version);
}

bool lambda_code_sha256(const char *image_uri, char out[LAMBDA_CODE_SHA256])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    if (!SHA256((const unsigned char *)image_uri, strlen(image_uri), digest)) {
        ERR_clear_error(); /* nobody asks the library why */
        return false;
    }
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
    return true;
}
