/* Settings as the hot path wants them, computed when a worker takes new settings. The client
 * connections that began under a tuning count themselves as its users, and so does the worker
 * while it is the one in force.
 *
 * The worker's own thread. */
#ifndef WEIR_PROXY_WORKER_TUNING_H
#define WEIR_PROXY_WORKER_TUNING_H

#include <stddef.h>
#include <stdint.h>

#include "base/network.h"
#include "conf/settings.h"
#include "proxy/http/http1.h"
#include "router/arn.h"

enum { TUNING_READ_MAX = 256 * 1024 /* of read_bytes */, TUNING_STATUS_LINE_MAX = 8192 };

/* The request field that names the ARN by which a function was invoked. */
#define TUNING_ARN_FIELD "lambda-runtime-invoked-function-arn"

struct tuning {
    uint32_t nr_users;
    struct settings *settings;
    struct head_limits request_limits, response_limits;
    size_t read_bytes;
    /* "x-amz-executed-version: " and the name in it. */
    char *executed_line;
    size_t executed_line_len, executed_name_len;
    char *via_line; /* "Via: 1.1 weir\r\n" */
    size_t via_line_len;
    /* Weir's region and account, and what stands before a function's name in the field that tells
     * an endpoint by which ARN it was invoked. */
    struct arn_home home;
    char *arn_line; /* "lambda-runtime-invoked-function-arn: arn:...:function:" */
    size_t arn_line_len;
    /* forwarded.trust: of all clients, or of those in the networks. */
    bool trusts_all;
    int nr_trusted;
    struct network *trusted;
    char *certificate_name; /* forwarded.client_certificate_header, or NULL */
    size_t certificate_name_len;
};

/* A tuning with one user, the caller, which takes over a reference to the settings; NULL when
 * out of memory, and then the reference is released too. */
struct tuning *tuning_make_take(struct settings *settings) __attribute__((warn_unused_result));

/* Counts one more user. */
static inline struct tuning *tuning_ref(struct tuning *tuning)
{
    tuning->nr_users++;
    return tuning;
}

/* Is the client at this address, in text form, a proxy whose X-Forwarded-* fields count? */
bool tuning_trusts(const struct tuning *tuning, struct str address);

/* Ends a use and clears the pointer; the last one frees it. */
void tuning_unref(struct tuning **tuning);

#endif
