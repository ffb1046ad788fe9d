/* Answers that weir makes itself, in the shape that AWS clients read: JSON with a message,
 * x-amzn-ErrorType, x-amzn-RequestId. Pure. */
#ifndef WEIR_PROXY_HTTP_REPLY_H
#define WEIR_PROXY_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct traceid;

enum { REPLY_MAX = 6144, REPLY_LOCATION_MAX = 1536 };

struct reply {
    int status;
    const char *type; /* x-amzn-ErrorType, or NULL for none */
    /* plain text; cut when very long; "" in AccessDeniedException is null; may be NULL for a 204,
     * which has no body */
    const char *message;
    const char *reason;          /* of a 429; NULL: ConcurrentInvocationLimitExceeded */
    const char *request_id;      /* ID_LENGTH bytes */
    const struct traceid *trace; /* of an Invoke that is not waited for, or NULL */
    const char *second;          /* the Unix time in hex, where there is a trace */
    const char *location;        /* for redirects, up to REPLY_LOCATION_MAX bytes, or NULL */
    const char *hsts_line;       /* or "" */
    bool is_head;                /* leave the body out */
    bool is_close;               /* say that the connection ends */
    bool is_http10;
};

/* Writes the whole answer at p, which has room for REPLY_MAX bytes; returns its end. date_line is
 * "Date: ...\r\n". *body_bytes is what of it is body. */
char *reply_write(char *p, struct str date_line, const struct reply *reply, size_t *body_bytes);

/* The standard's phrase for a status; "Unknown" where there is none. */
const char *reply_phrase(int status);

#endif
