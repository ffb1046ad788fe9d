/* Requests to an etcd cluster: whichever endpoint answers, with a token where there is a user.
 *
 *     etcd_ask --> this endpoint, or the next one where it cannot be reached --> told once
 *
 * A request that only reads goes to the next endpoint after any failure. One that writes does so
 * only while it is certain that nothing was sent; else its fate is unknown. A token that etcd knows
 * no more is replaced, and the request made again.
 *
 * No callback comes from within a call to this file. Control thread. */
#ifndef WEIR_STORE_ETCD_H
#define WEIR_STORE_ETCD_H

#include <stdbool.h>

#include "base/buffer.h"
#include "store/etcdjson.h"
#include "store/store.h"

struct etcd;
struct etcd_call;

struct etcd_options {
    struct store_host host;
    const char *const *endpoints; /* URLs without a path */
    int nr_endpoints;
    uint64_t timeout_ms;             /* for one endpoint's answer */
    const char *username, *password; /* NULL: no user */
    const char *ca_file, *certificate, *key;
};

enum etcd_fate {
    ETCD_ANSWERED, /* also by an error of etcd's (answer->error): then nothing has changed */
    ETCD_NOT_SENT, /* nothing has changed, and nothing will */
    ETCD_UNKNOWN   /* it may have been done, or be done yet */
};

/* answer is NULL unless the fate is ETCD_ANSWERED; reason is a sentence without full stop where it
 * is not, or where the answer is an error. The call has ended: forget it. */
typedef void etcd_told(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                       const char *reason);

/* An answer of a watch, which is the reader's until the call returns. */
typedef void etcd_line(void *context, struct etcdjson_answer *answer);

/* All is copied. NULL with a reason. */
struct etcd *etcd_make(const struct etcd_options *options, struct store_reason *reason);
/* Nobody is told any more; clears the pointer, which may be NULL. Not from within a callback. */
void etcd_free(struct etcd **etcd);

/* path: such as "/v3/kv/range". The body goes over to the call, and is empty afterwards. is_write:
 * see above. NULL when out of memory: nothing will be told. */
struct etcd_call *etcd_ask(struct etcd *etcd, const char *path, struct buffer *body, bool is_write,
                           etcd_told *told, void *context);

/* A watch: line is told of all that comes, also of errors; told once it has ended, for whatever
 * reason. */
struct etcd_call *etcd_watch(struct etcd *etcd, struct buffer *body, etcd_line *line,
                             etcd_told *told, void *context);

/* It will not be told. Clears the pointer, which may be NULL. */
void etcd_cancel(struct etcd_call **call);

/* The endpoint that answered last, or is tried now. */
const char *etcd_endpoint(const struct etcd *etcd);

#endif
