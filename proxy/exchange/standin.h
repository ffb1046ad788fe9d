/* Responses that weir makes in the place of an endpoint's: what Lambda answers to an Invoke, given
 * to the exchange's front as if it had come from a connection. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_STANDIN_H
#define WEIR_PROXY_EXCHANGE_STANDIN_H

#include "proxy/exchange/exchange.h"

struct standin {
    int status;
    bool is_function_error;   /* X-Amz-Function-Error: Unhandled */
    const char *content_type; /* NULL: application/json */
    const char *error_type;   /* x-amzn-ErrorType, or NULL */
    struct str fields;        /* further field lines, or empty; at most STANDIN_FIELDS_MAX bytes */
    struct str payload;
    bool is_http;   /* to a request that was no Invoke */
    bool is_stream; /* what follows is written by the caller: no length, no payload yet */
};

enum { STANDIN_FIELDS_MAX = 12288 };

/* Its head, in the worker's made_head. *body is how it is framed. The text is the caller's. */
struct standin_text {
    char text[STANDIN_FIELDS_MAX + 1024];
};
const struct head *standin_head(struct worker *w, const struct standin *answer,
                                struct standin_text *text, enum body_kind *body);

/* Gives all of it to the front of an exchange that has no response yet. The exchange is not
 * ended. */
void standin_give(struct exchange *ex, const struct standin *answer);

/* Tells a client that waits for leave to send its body to send it. */
void standin_continue(struct exchange *ex);

/* An Invoke came to nothing because its function ran longer than its timeout_ms. */
bool standin_has_timed_out(const struct exchange *ex, enum metrics_error why);

/* Gives the front what Lambda answers where a function ran longer than its timeout_ms, if that is
 * why the exchange of an Invoke came to nothing. */
bool standin_for_timeout(struct exchange *ex, enum metrics_error why);

/* The function ran longer than its timeout_ms: the body of the function error. */
enum { STANDIN_ERROR_MAX = 512 };
struct str standin_timed_out(const struct exchange *ex, uint32_t timeout_ms,
                             char out[STANDIN_ERROR_MAX]);

/* The response to an Invoke is over its limit: the body of the function error. */
struct str standin_too_large(uint64_t limit, char out[STANDIN_ERROR_MAX]);

/* Weir's own START, END and REPORT of an invocation that ends now, in base64; and as the field
 * X-Amz-Log-Result. */
struct str standin_log(const struct exchange *ex, char out[STANDIN_ERROR_MAX]);
struct str standin_log_line(const struct exchange *ex, char out[STANDIN_ERROR_MAX]);

#endif
