/* The header fields that mean something to a proxy, by number, so that a name is compared once
 * and then switched on. */
#ifndef WEIR_PROXY_HTTP_FIELDS_H
#define WEIR_PROXY_HTTP_FIELDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

/* Name, its length, its first letter, and the one at three quarters of it: by these it is looked
 * up. */
#define FIELDS(X)                                                                                  \
    X(HOST, "host", 4, 'h', 't')                                                                   \
    X(CONNECTION, "connection", 10, 'c', 'i')                                                      \
    X(CONTENT_LENGTH, "content-length", 14, 'c', 'n')                                              \
    X(TRANSFER_ENCODING, "transfer-encoding", 17, 't', 'o')                                        \
    X(TE, "te", 2, 't', 'e')                                                                       \
    X(TRAILER, "trailer", 7, 't', 'e')                                                             \
    X(UPGRADE, "upgrade", 7, 'u', 'd')                                                             \
    X(EXPECT, "expect", 6, 'e', 'c')                                                               \
    X(KEEP_ALIVE, "keep-alive", 10, 'k', 'i')                                                      \
    X(PROXY_CONNECTION, "proxy-connection", 16, 'p', 't')                                          \
    X(PROXY_AUTHENTICATE, "proxy-authenticate", 18, 'p', 'i')                                      \
    X(PROXY_AUTHORIZATION, "proxy-authorization", 19, 'p', 'a')                                    \
    X(HTTP2_SETTINGS, "http2-settings", 14, 'h', 'i')                                              \
    X(FORWARDED, "forwarded", 9, 'f', 'd')                                                         \
    X(X_FORWARDED_FOR, "x-forwarded-for", 15, 'x', '-')                                            \
    X(X_FORWARDED_PROTO, "x-forwarded-proto", 17, 'x', 'p')                                        \
    X(X_FORWARDED_HOST, "x-forwarded-host", 16, 'x', 'h')                                          \
    X(X_FORWARDED_PORT, "x-forwarded-port", 16, 'x', 'p')                                          \
    X(X_FORWARDED_PREFIX, "x-forwarded-prefix", 18, 'x', 'r')                                      \
    X(X_REAL_IP, "x-real-ip", 9, 'x', '-')                                                         \
    X(VIA, "via", 3, 'v', 'a')                                                                     \
    X(TRACEPARENT, "traceparent", 11, 't', 'e')                                                    \
    X(TRACESTATE, "tracestate", 10, 't', 'a')                                                      \
    X(REQUEST_ID, "x-amzn-requestid", 16, 'x', 's')                                                \
    X(USER_AGENT, "user-agent", 10, 'u', 'e')                                                      \
    X(DATE, "date", 4, 'd', 'e')                                                                   \
    X(STRICT_TRANSPORT_SECURITY, "strict-transport-security", 25, 's', 'e')                        \
    X(MAX_FORWARDS, "max-forwards", 12, 'm', 'r')

enum field_id {
    FIELD_OTHER,
#define X(id, name, length, first, later) FIELD_##id,
    FIELDS(X)
#undef X
        FIELD_COUNT
};

enum { FIELDS_LENGTH_MIN = 2, FIELDS_LENGTH_MAX = 25, FIELDS_SLOTS = 64 };

#define FIELDS_SLOT(length, first, later) ((2 * (length) + 30 * (first) + (later)) % FIELDS_SLOTS)

struct fields_known {
    char name[FIELDS_LENGTH_MAX + 1];
    uint8_t length, id;
};

extern const struct fields_known fields_known[FIELDS_SLOTS];

static inline uint64_t fields_load(const char *p, size_t n)
{
    uint64_t word = 0;

    memcpy(&word, p, n);
    return word;
}

/* Equality with a known name of the same length, in pieces that overlap. Setting bit 5 lowers
 * letters and leaves digits and '-' alone, and maps no other byte of a token to one of those. */
static inline bool fields_is_name(const char *p, const char *name, size_t n)
{
    const uint64_t bit5 = UINT64_C(0x2020202020202020);

    if (n < 4)
        return (fields_load(p, 2) | 0x2020) == fields_load(name, 2) &&
               (fields_load(p + n - 2, 2) | 0x2020) == fields_load(name + n - 2, 2);
    if (n < 8)
        return (fields_load(p, 4) | 0x20202020) == fields_load(name, 4) &&
               (fields_load(p + n - 4, 4) | 0x20202020) == fields_load(name + n - 4, 4);
    for (size_t i = 0; i + 8 < n; i += 8)
        if ((fields_load(p + i, 8) | bit5) != fields_load(name + i, 8))
            return false;
    return (fields_load(p + n - 8, 8) | bit5) == fields_load(name + n - 8, 8);
}

/* The number of a name, in any case. */
static inline __attribute__((always_inline)) enum field_id fields_id(struct str name)
{
    const struct fields_known *known;

    if (name.n < FIELDS_LENGTH_MIN || name.n > FIELDS_LENGTH_MAX)
        return FIELD_OTHER;
    known = &fields_known[FIELDS_SLOT(name.n, (unsigned char)name.p[0] | 0x20u,
                                      (unsigned char)name.p[name.n * 3 / 4] | 0x20u)];
    if (known->length != name.n || !fields_is_name(name.p, known->name, name.n))
        return FIELD_OTHER;
    return (enum field_id)known->id;
}

/* Does it belong to the family X-Forwarded-*, known by a number or not (-Ssl, -Server, -Scheme)?
 * What they say is believed by frameworks, and so must come from somebody who is trusted. */
static inline bool fields_is_forwarded(struct str name)
{
    return name.n > 12 && fields_is_name(name.p, "x-forwarded-", 12);
}

/* Whether a field concerns only one connection and is never passed on (RFC 9110 section 7.6.1),
 * whatever Connection lists. Content-Length, Transfer-Encoding and Host are not among them: the
 * serialiser writes those itself. */
bool fields_is_hop_by_hop(enum field_id id);

/* Whether a trailer section must not carry it (RFC 9110 section 6.5.1): framing, routing, and
 * what weir itself vouches for. */
bool fields_is_forbidden_trailer(enum field_id id);

/* The next element of a comma-separated list, without white space; false at its end. *list moves
 * on. */
bool fields_next_token(struct str *list, struct str *token);

#endif
