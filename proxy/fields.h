/* The header fields that mean something to a proxy, by number, so that a name is compared once and then switched on. */
#ifndef WEIR_PROXY_FIELDS_H
#define WEIR_PROXY_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define FIELDS(X)                                                                                  \
    X(HOST, "host")                                                                                \
    X(CONNECTION, "connection")                                                                    \
    X(CONTENT_LENGTH, "content-length")                                                            \
    X(TRANSFER_ENCODING, "transfer-encoding")                                                      \
    X(TE, "te")                                                                                    \
    X(TRAILER, "trailer")                                                                          \
    X(UPGRADE, "upgrade")                                                                          \
    X(EXPECT, "expect")                                                                            \
    X(KEEP_ALIVE, "keep-alive")                                                                    \
    X(PROXY_CONNECTION, "proxy-connection")                                                        \
    X(PROXY_AUTHENTICATE, "proxy-authenticate")                                                    \
    X(PROXY_AUTHORIZATION, "proxy-authorization")                                                  \
    X(HTTP2_SETTINGS, "http2-settings")                                                            \
    X(FORWARDED, "forwarded")                                                                      \
    X(X_FORWARDED_FOR, "x-forwarded-for")                                                          \
    X(X_FORWARDED_PROTO, "x-forwarded-proto")                                                      \
    X(X_FORWARDED_HOST, "x-forwarded-host")                                                        \
    X(X_FORWARDED_PORT, "x-forwarded-port")                                                        \
    X(X_REAL_IP, "x-real-ip")                                                                      \
    X(VIA, "via")                                                                                  \
    X(TRACEPARENT, "traceparent")                                                                  \
    X(TRACESTATE, "tracestate")                                                                    \
    X(REQUEST_ID, "x-amzn-requestid")                                                              \
    X(USER_AGENT, "user-agent")                                                                    \
    X(DATE, "date")                                                                                \
    X(STRICT_TRANSPORT_SECURITY, "strict-transport-security")                                      \
    X(MAX_FORWARDS, "max-forwards")

enum field_id {
    FIELD_OTHER,
#define X(id, name) FIELD_##id,
    FIELDS(X)
#undef X
        FIELD_COUNT
};

/* The number of a name, in any case. A few instructions for names that are not in the list. */
enum field_id fields_id(struct str name);

/* Whether a field concerns only one connection and is never passed on (RFC 9110 section 7.6.1), whatever Connection lists. Content-Length,
 * Transfer-Encoding and Host are not among them: the serialiser writes those itself. */
bool fields_is_hop_by_hop(enum field_id id);

/* Whether a trailer section must not carry it (RFC 9110 section 6.5.1): framing, routing, and what weir itself vouches for. */
bool fields_is_forbidden_trailer(enum field_id id);

/* A byte that may stand in a token (RFC 9110 section 5.6.2). */
bool fields_is_tchar(unsigned char c);

/* The next element of a comma-separated list, without white space; false at its end. *list moves on. */
bool fields_next_token(struct str *list, struct str *token);

#endif
