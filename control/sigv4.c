/* Verifying signatures, in the order of the specification: parts, key, scope, time, then the hash
 * of the canonical request. control/canonical.h writes that request. */
#include "control/sigv4.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"
#include "control/canonical.h"

/* SKEW_S: how far the client's clock may be off. EXPIRES_MAX: of presigned URLs, a week. */
enum { SKEW_S = 300, EXPIRES_MAX = 604800 };
enum { HASH = 32, HEX = 2 * HASH, STAMP = 16, DAY = 8, SCOPE_PART_MAX = 64 };

#define ALGORITHM  "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

static const char mismatch[] =
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details.";

struct sigv4 {
    const struct credentials_key *key;
    const char *region, *service;
    EVP_MD_CTX *canonical; /* of the canonical request up to the body's hash */
    EVP_MD_CTX *body;
    char stamp[STAMP + 1];  /* 20260102T030405Z */
    char signature[HEX];    /* the client's */
    char content_hash[HEX]; /* what the client says of the body's, where it does */
    bool has_content_hash;
};

/* What a request says about its signature; the strings lie in the request or in its query. */
struct parts {
    struct str credential, signed_headers, signature, stamp, token, expires;
    struct str content_hash; /* p NULL: none */
    bool is_presigned;
};

/* What Credential says: KEY/DAY/REGION/SERVICE/aws4_request. */
struct scope {
    struct str key, day, region, service, terminator;
};

/* ---- Refusing -------------------------------------------------------------------------------- */

void sigv4_refuse(struct sigv4_refusal *refusal, const char *type, const char *format, ...)
{
    va_list args;

    refusal->type = type;
    va_start(args, format);
    vsnprintf(refusal->message, sizeof(refusal->message), format, args);
    va_end(args);
    for (char *p = refusal->message; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
}

static int refuse_memory(struct sigv4_refusal *refusal)
{
    sigv4_refuse(refusal, "ServiceException", "weir is out of memory.");
    return -1;
}

/* How much of a client's text a message shows. */
static int shown(struct str s)
{
    return s.n < 64 ? (int)s.n : 64;
}

/* ---- Finding the parts ----------------------------------------------------------------------- */

/* The value of the field, p NULL where there is none; *nr counts them. */
static struct str find_field(const struct sigv4_request *request, struct str name, int *nr)
{
    struct str value = {NULL, 0};

    *nr = 0;
    for (int i = 0; i < request->nr_fields; i++)
        if (str_ieq(request->fields[i].name, name) && (*nr)++ == 0)
            value = request->fields[i].value;
    return value;
}

static bool take_part(struct str piece, struct str name, struct str *out)
{
    if (piece.n <= name.n || piece.p[name.n] != '=' || memcmp(piece.p, name.p, name.n) != 0)
        return false;
    *out = str_trim((struct str){piece.p + name.n + 1, piece.n - name.n - 1});
    return true;
}

/* "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=..." */
static int read_authorization(struct str value, struct parts *parts, struct sigv4_refusal *refusal)
{
    struct str algorithm = str_until(value, ' ');
    struct str rest = {value.p + algorithm.n, value.n - algorithm.n};

    if (algorithm.n > 5 && memcmp(algorithm.p, "AWS4-", 5) == 0 &&
        !str_eq(algorithm, STR(ALGORITHM))) {
        sigv4_refuse(refusal, "IncompleteSignatureException",
                     "Unsupported AWS 'algorithm': '%.*s'.", shown(algorithm), algorithm.p);
        return -1;
    }
    if (!str_eq(algorithm, STR(ALGORITHM)))
        rest.n = 0;
    while (rest.n > 0) {
        struct str piece = str_until(rest, ',');
        size_t used = piece.n + (piece.n < rest.n);

        piece = str_trim(piece);
        if (!take_part(piece, STR("Credential"), &parts->credential) &&
            !take_part(piece, STR("SignedHeaders"), &parts->signed_headers))
            (void)take_part(piece, STR("Signature"), &parts->signature);
        rest.p += used;
        rest.n -= used;
    }
    return 0;
}

/* The time as the string to sign has it, from X-Amz-Date or Date; into stamp. */
static int read_header_time(const struct sigv4_request *request, struct parts *parts,
                            char stamp[STAMP + 1])
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int nr;
    struct str date = find_field(request, STR("x-amz-date"), &nr);

    parts->stamp = date.p ? date : find_field(request, STR("date"), &nr);
    date = parts->stamp;
    /* Fri, 02 Jan 2026 03:04:05 GMT (RFC 9110 section 5.6.7) */
    if (date.n != 29 || memcmp(date.p + 25, " GMT", 4) != 0)
        return nr;
    for (int month = 0; month < 12; month++) {
        if (memcmp(date.p + 8, months + 3 * month, 3) != 0)
            continue;
        snprintf(stamp, STAMP + 1, "%.4s%02d%.2sT%.2s%.2s%.2sZ", date.p + 12, month + 1, date.p + 5,
                 date.p + 17, date.p + 20, date.p + 23);
        parts->stamp = (struct str){stamp, STAMP};
    }
    return nr;
}

static void append(struct sigv4_refusal *refusal, const char *text)
{
    size_t n = strlen(refusal->message);

    snprintf(refusal->message + n, sizeof(refusal->message) - n, "%s%s", n > 0 ? " " : "", text);
}

static int check_header_parts(const struct parts *parts, struct sigv4_refusal *refusal)
{
    sigv4_refuse(refusal, "IncompleteSignatureException", "%s", "");
    if (parts->credential.n == 0)
        append(refusal, "Authorization header requires 'Credential' parameter.");
    if (parts->signature.n == 0)
        append(refusal, "Authorization header requires 'Signature' parameter.");
    if (parts->signed_headers.n == 0)
        append(refusal, "Authorization header requires 'SignedHeaders' parameter.");
    if (!parts->stamp.p)
        append(refusal, "Authorization header requires existence of either a 'X-Amz-Date' or a "
                        "'Date' header.");
    return refusal->message[0] ? -1 : 0;
}

static int read_header(const struct sigv4_request *request, struct str authorization,
                       struct parts *parts, char stamp[STAMP + 1], struct sigv4_refusal *refusal)
{
    int nr, nr_dates = read_header_time(request, parts, stamp);
    struct str token = find_field(request, STR("x-amz-security-token"), &nr);

    parts->token = token;
    if (read_authorization(authorization, parts, refusal) < 0 ||
        check_header_parts(parts, refusal) < 0)
        return -1;
    if (nr > 1 || nr_dates > 1) {
        sigv4_refuse(refusal, "IncompleteSignatureException",
                     "The date and the security token must be there once.");
        return -1;
    }
    return 0;
}

static int check_query_part(struct str value, const char *name, struct sigv4_refusal *refusal)
{
    if (value.n > 0)
        return 0;
    sigv4_refuse(refusal, "IncompleteSignatureException",
                 "AWS query-string parameters must include '%s'.", name);
    return -1;
}

/* X-Amz-... in the query, decoded. */
static int read_query(const struct canonical_query *query, struct parts *parts,
                      struct sigv4_refusal *refusal)
{
    struct str algorithm = canonical_query_get(query, STR("X-Amz-Algorithm"));

    parts->is_presigned = true;
    parts->credential = canonical_query_get(query, STR("X-Amz-Credential"));
    parts->stamp = canonical_query_get(query, STR("X-Amz-Date"));
    parts->expires = canonical_query_get(query, STR("X-Amz-Expires"));
    parts->signed_headers = canonical_query_get(query, STR("X-Amz-SignedHeaders"));
    parts->signature = canonical_query_get(query, STR("X-Amz-Signature"));
    parts->token = canonical_query_get(query, STR("X-Amz-Security-Token"));
    parts->content_hash = canonical_query_get(query, STR("X-Amz-Content-Sha256"));
    if (check_query_part(algorithm, "X-Amz-Algorithm", refusal) < 0 ||
        check_query_part(parts->credential, "X-Amz-Credential", refusal) < 0 ||
        check_query_part(parts->signature, "X-Amz-Signature", refusal) < 0 ||
        check_query_part(parts->signed_headers, "X-Amz-SignedHeaders", refusal) < 0 ||
        check_query_part(parts->stamp, "X-Amz-Date", refusal) < 0 ||
        check_query_part(parts->expires, "X-Amz-Expires", refusal) < 0)
        return -1;
    if (str_eq(algorithm, STR(ALGORITHM)))
        return 0;
    sigv4_refuse(refusal, "IncompleteSignatureException", "Unsupported AWS 'algorithm': '%.*s'.",
                 shown(algorithm), algorithm.p);
    return -1;
}

bool sigv4_is_signed(const struct sigv4_request *request)
{
    int nr;

    return find_field(request, STR("authorization"), &nr).p ||
           canonical_query_has(request->query, STR("X-Amz-Signature")) ||
           canonical_query_has(request->query, STR("X-Amz-Algorithm"));
}

static int find_parts(const struct sigv4_request *request, const struct canonical_query *query,
                      struct parts *parts, char stamp[STAMP + 1], struct sigv4_refusal *refusal)
{
    int nr, nr_hashes;
    struct str authorization = find_field(request, STR("authorization"), &nr);
    struct str hash = find_field(request, STR("x-amz-content-sha256"), &nr_hashes);

    if (nr > 1 || nr_hashes > 1) {
        sigv4_refuse(refusal, "IncompleteSignatureException", "%s must be there once.",
                     nr > 1 ? "Authorization" : "x-amz-content-sha256");
        return -1;
    }
    if (authorization.p) {
        if (read_header(request, authorization, parts, stamp, refusal) < 0)
            return -1;
    } else if (sigv4_is_signed(request)) {
        if (read_query(query, parts, refusal) < 0)
            return -1;
    } else {
        sigv4_refuse(refusal, "MissingAuthenticationTokenException",
                     "Missing Authentication Token");
        return -1;
    }
    if (hash.p)
        parts->content_hash = hash;
    return 0;
}

/* ---- Key and scope --------------------------------------------------------------------------- */

static int read_scope(struct str credential, struct scope *out, struct sigv4_refusal *refusal)
{
    struct str *parts[] = {&out->key, &out->day, &out->region, &out->service, &out->terminator};
    struct str rest = credential;
    int nr = 0;

    for (size_t i = 0; i < credential.n; i++)
        nr += credential.p[i] == '/';
    if (nr != 4) {
        sigv4_refuse(refusal, "IncompleteSignatureException",
                     "Credential must have exactly 5 slash-delimited elements, e.g. "
                     "keyid/date/region/service/term, got '%.*s'",
                     shown(credential), credential.p);
        return -1;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        *parts[i] = str_until(rest, '/');
        size_t used = parts[i]->n + (parts[i]->n < rest.n);
        rest.p += used;
        rest.n -= used;
    }
    return 0;
}

static bool is_same_secret(struct str a, const char *b)
{
    struct str own = str_of(b);

    return a.n == own.n && CRYPTO_memcmp(a.p ? a.p : "", own.p ? own.p : "", a.n) == 0;
}

static int find_key(struct sigv4 *s, const struct credentials *credentials,
                    const struct scope *scope, struct str token, struct sigv4_refusal *refusal)
{
    s->key = credentials_find(credentials, scope->key);
    if (s->key && is_same_secret(token, s->key->session_token))
        return 0;
    sigv4_refuse(refusal, "UnrecognizedClientException",
                 "The security token included in the request is invalid.");
    return -1;
}

static int check_scope(const struct sigv4_request *request, const struct scope *scope,
                       struct str stamp, struct sigv4_refusal *refusal)
{
    const char *type = "InvalidSignatureException";

    if (!str_eq(scope->region, str_of(request->region)))
        sigv4_refuse(refusal, type, "Credential should be scoped to a valid region, not '%.*s'",
                     shown(scope->region), scope->region.p);
    else if (!str_eq(scope->service, str_of(request->service)))
        sigv4_refuse(refusal, type, "Credential should be scoped to correct service: '%s'",
                     request->service);
    else if (!str_eq(scope->terminator, STR(TERMINATOR)))
        sigv4_refuse(refusal, type,
                     "Credential should be scoped with a valid terminator: '" TERMINATOR
                     "', not '%.*s'",
                     shown(scope->terminator), scope->terminator.p);
    else if (!str_eq(scope->day, (struct str){stamp.p, DAY}))
        sigv4_refuse(refusal, type,
                     "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                     "date from HTTP");
    else
        return 0;
    return -1;
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* 20260102T030405Z to Unix time; false where it is no time. */
static bool read_stamp(struct str stamp, uint64_t *out)
{
    static const char form[] = "dddddddd\0dddddd";
    struct tm tm = {0};
    time_t time;

    if (stamp.n != STAMP || stamp.p[8] != 'T' || stamp.p[15] != 'Z')
        return false;
    for (int i = 0; i < STAMP - 1; i++)
        if (form[i] && (stamp.p[i] < '0' || stamp.p[i] > '9'))
            return false;
#define DIGITS(at) ((stamp.p[at] - '0') * 10 + stamp.p[(at) + 1] - '0')
    tm.tm_year = DIGITS(0) * 100 + DIGITS(2) - 1900;
    tm.tm_mon = DIGITS(4) - 1;
    tm.tm_mday = DIGITS(6);
    tm.tm_hour = DIGITS(9);
    tm.tm_min = DIGITS(11);
    tm.tm_sec = DIGITS(13);
#undef DIGITS
    if (tm.tm_year < 70 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    time = timegm(&tm);
    *out = (uint64_t)time;
    return time >= 0;
}

static void write_stamp(char out[STAMP + 1], uint64_t unix_s)
{
    time_t time = (time_t)unix_s;
    struct tm tm;

    gmtime_r(&time, &tm);
    strftime(out, STAMP + 1, "%Y%m%dT%H%M%SZ", &tm);
}

static bool read_expires(struct str text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || *out > EXPIRES_MAX)
            return false;
        *out = *out * 10 + (uint64_t)(text.p[i] - '0');
    }
    return *out >= 1 && *out <= EXPIRES_MAX;
}

static int check_too_old(const struct parts *parts, uint64_t signed_s, uint64_t now_s,
                         struct sigv4_refusal *refusal)
{
    char limit[STAMP + 1], now[STAMP + 1], end[STAMP + 1];
    uint64_t expires_s;

    write_stamp(now, now_s);
    if (!parts->is_presigned) {
        if (signed_s + SKEW_S >= now_s)
            return 0;
        write_stamp(limit, now_s - SKEW_S);
        sigv4_refuse(refusal, "InvalidSignatureException",
                     "Signature expired: %.*s is now earlier than %s (%s - 5 min.)",
                     (int)parts->stamp.n, parts->stamp.p, limit, now);
        return -1;
    }
    if (!read_expires(parts->expires, &expires_s)) {
        sigv4_refuse(refusal, "IncompleteSignatureException",
                     "X-Amz-Expires must be a number of seconds from 1 to 604800, not '%.*s'",
                     shown(parts->expires), parts->expires.p);
        return -1;
    }
    if (signed_s + expires_s >= now_s)
        return 0;
    write_stamp(end, signed_s + expires_s);
    sigv4_refuse(refusal, "InvalidSignatureException",
                 "Signature expired: %s is now earlier than %s", end, now);
    return -1;
}

static int check_time(const struct parts *parts, uint64_t now_s, struct sigv4_refusal *refusal)
{
    char limit[STAMP + 1], now[STAMP + 1];
    uint64_t signed_s = 0;

    (void)read_stamp(parts->stamp, &signed_s); /* checked before */
    if (signed_s <= now_s + SKEW_S)
        return check_too_old(parts, signed_s, now_s, refusal);
    write_stamp(limit, now_s + SKEW_S);
    write_stamp(now, now_s);
    sigv4_refuse(refusal, "InvalidSignatureException",
                 "Signature not yet current: %.*s is still later than %s (%s + 5 min.)",
                 (int)parts->stamp.n, parts->stamp.p, limit, now);
    return -1;
}

static int check_stamp(struct str stamp, struct sigv4_refusal *refusal)
{
    uint64_t unused;

    if (read_stamp(stamp, &unused))
        return 0;
    sigv4_refuse(refusal, "IncompleteSignatureException",
                 "Date must be in ISO-8601 'basic format'. Got '%.*s'. See "
                 "http://en.wikipedia.org/wiki/ISO_8601",
                 shown(stamp), stamp.p);
    return -1;
}

/* ---- Hashes ---------------------------------------------------------------------------------- */

static void write_hex(char out[HEX], const unsigned char hash[HASH])
{
    for (int i = 0; i < HASH; i++)
        (void)text_hex_fixed(out + 2 * i, hash[i], 2);
}

static EVP_MD_CTX *begin_hash(void)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();

    if (hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1)
        return hash;
    EVP_MD_CTX_free(hash);
    return NULL;
}

static void add(void *hash, struct str piece)
{
    if (piece.n > 0)
        EVP_DigestUpdate(hash, piece.p, piece.n);
}

static void end_hash(EVP_MD_CTX *hash, char out[HEX])
{
    unsigned char bytes[HASH];

    EVP_DigestFinal_ex(hash, bytes, NULL);
    write_hex(out, bytes);
}

/* The body's hash as the client says it. */
static int take_content_hash(struct sigv4 *s, const struct parts *parts,
                             struct sigv4_refusal *refusal)
{
    if (!parts->content_hash.p)
        return 0;
    if (parts->content_hash.n != HEX) {
        sigv4_refuse(refusal, "InvalidSignatureException",
                     "x-amz-content-sha256 must be the SHA-256 of the body in hexadecimal, not "
                     "'%.*s': an unsigned or streaming payload is not accepted here.",
                     shown(parts->content_hash), parts->content_hash.p);
        return -1;
    }
    memcpy(s->content_hash, parts->content_hash.p, HEX);
    s->has_content_hash = true;
    return 0;
}

/* All of the canonical request but the body's hash. */
static int hash_request(struct sigv4 *s, const struct sigv4_request *request,
                        const struct canonical_query *query, const struct parts *parts,
                        struct sigv4_refusal *refusal)
{
    struct canonical_sink sink = {.add = add, .context = s->canonical};

    add(s->canonical, request->method);
    add(s->canonical, STR("\n"));
    if (canonical_path(&sink, request->path) < 0)
        return refuse_memory(refusal);
    add(s->canonical, STR("\n"));
    canonical_query_write(&sink, query,
                          parts->is_presigned ? STR("X-Amz-Signature") : (struct str){NULL, 0});
    add(s->canonical, STR("\n"));
    switch (canonical_headers(&sink, request, parts->signed_headers)) {
    case CANONICAL_OK:
        break;
    case CANONICAL_NO_HOST:
        sigv4_refuse(refusal, "InvalidSignatureException",
                     "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
        return -1;
    case CANONICAL_ABSENT:
        sigv4_refuse(refusal, "InvalidSignatureException", "%s", mismatch);
        return -1;
    }
    add(s->canonical, STR("\n"));
    add(s->canonical, parts->signed_headers);
    add(s->canonical, STR("\n"));
    return 0;
}

/* key and out may be the same. */
static bool sign(unsigned char out[HASH], const void *key, size_t key_length, struct str text)
{
    return HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text.p, text.n, out,
                NULL) != NULL;
}

static bool compute_signature(const struct sigv4 *s, struct str to_sign, char out[HEX])
{
    char secret[4 + CREDENTIALS_SECRET_MAX + 1];
    unsigned char key[HASH], next[HASH];
    int n = snprintf(secret, sizeof(secret), "AWS4%s", s->key->secret_access_key);
    bool is_good = sign(key, secret, (size_t)n, (struct str){s->stamp, DAY}) &&
                   sign(next, key, HASH, str_of(s->region)) &&
                   sign(key, next, HASH, str_of(s->service)) &&
                   sign(next, key, HASH, STR(TERMINATOR)) && sign(key, next, HASH, to_sign);

    write_hex(out, key);
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(next, sizeof(next));
    return is_good;
}

/* ---- The three steps ------------------------------------------------------------------------- */

static int check(struct sigv4 *s, const struct sigv4_request *request,
                 const struct credentials *credentials, const struct canonical_query *query,
                 struct sigv4_refusal *refusal)
{
    struct parts parts = {.is_presigned = false};
    char stamp[STAMP + 1];
    struct scope scope;

    if (find_parts(request, query, &parts, stamp, refusal) < 0 ||
        read_scope(parts.credential, &scope, refusal) < 0 ||
        check_stamp(parts.stamp, refusal) < 0 ||
        find_key(s, credentials, &scope, parts.token, refusal) < 0 ||
        check_scope(request, &scope, parts.stamp, refusal) < 0 ||
        check_time(&parts, request->now_s, refusal) < 0 ||
        take_content_hash(s, &parts, refusal) < 0)
        return -1;
    if (parts.signature.n != HEX) {
        sigv4_refuse(refusal, "InvalidSignatureException", "%s", mismatch);
        return -1;
    }
    memcpy(s->signature, parts.signature.p, HEX);
    memcpy(s->stamp, parts.stamp.p, STAMP);
    return hash_request(s, request, query, &parts, refusal);
}

struct sigv4 *sigv4_begin(const struct sigv4_request *request,
                          const struct credentials *credentials, struct sigv4_refusal *refusal)
{
    struct sigv4 *s = calloc(1, sizeof(*s));
    struct canonical_query *query = canonical_query_make(request->query);
    int r = -1;

    if (s) {
        s->region = request->region;
        s->service = request->service;
        s->canonical = begin_hash();
        s->body = begin_hash();
    }
    if (s && query && s->canonical && s->body)
        r = check(s, request, credentials, query, refusal);
    else
        refuse_memory(refusal);
    canonical_query_free(&query);
    if (r < 0)
        sigv4_free(&s);
    return s;
}

void sigv4_body(struct sigv4 *s, struct str piece)
{
    add(s->body, piece);
}

const struct credentials_key *sigv4_end(struct sigv4 **sigv4, struct sigv4_refusal *refusal)
{
    struct sigv4 *s = *sigv4;
    const struct credentials_key *key = s->key;
    char body[HEX], canonical[HEX], own[HEX], to_sign[512];
    int n, is_wrong;

    end_hash(s->body, body);
    add(s->canonical, (struct str){s->has_content_hash ? s->content_hash : body, HEX});
    end_hash(s->canonical, canonical);
    n = snprintf(to_sign, sizeof(to_sign), ALGORITHM "\n%s\n%.*s/%.*s/%s/" TERMINATOR "\n%.*s",
                 s->stamp, DAY, s->stamp, SCOPE_PART_MAX, s->region, s->service, HEX, canonical);
    if (!compute_signature(s, (struct str){to_sign, (size_t)n}, own)) {
        refuse_memory(refusal);
        key = NULL;
    } else {
        is_wrong = CRYPTO_memcmp(own, s->signature, HEX);
        if (s->has_content_hash)
            is_wrong |= CRYPTO_memcmp(body, s->content_hash, HEX);
        if (is_wrong) {
            sigv4_refuse(refusal, "InvalidSignatureException", "%s", mismatch);
            key = NULL;
        }
    }
    sigv4_free(sigv4);
    return key;
}

void sigv4_free(struct sigv4 **sigv4)
{
    struct sigv4 *s = *sigv4;

    *sigv4 = NULL;
    if (!s)
        return;
    EVP_MD_CTX_free(s->canonical);
    EVP_MD_CTX_free(s->body);
    free(s);
}

const struct credentials_key *sigv4_verify(const struct sigv4_request *request, struct str body,
                                           const struct credentials *credentials,
                                           struct sigv4_refusal *refusal)
{
    struct sigv4 *s = sigv4_begin(request, credentials, refusal);

    if (!s)
        return NULL;
    sigv4_body(s, body);
    return sigv4_end(&s, refusal);
}
