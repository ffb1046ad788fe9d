/* POST requests over HTTP/1.1 and TLS, on the control thread's loop, by libcurl's multi interface:
 *
 *     httpclient_post --> told once: an answer, or why there is none
 *                     \-> of a stream, before: each line as it comes
 *
 * No callback comes from within a call to this file. Control thread. */
#ifndef WEIR_STORE_HTTPCLIENT_H
#define WEIR_STORE_HTTPCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "store/store.h"

struct httpclient;
struct httpclient_call;

/* Files in PEM, or NULL: the system's authorities, no certificate of one's own. They are read for
 * each connection. */
struct httpclient_options {
    struct store_host host;
    const char *ca_file, *certificate, *key;
};

struct httpclient_request {
    const char *url;
    struct str body;           /* JSON; copied */
    const char *authorization; /* the field's value, or NULL */
    uint64_t timeout_ms;       /* for all of it; of a stream for the connection */
    size_t answer_max;         /* bytes; of a stream of a line */
    /* Of a stream; else NULL. Without the newline; lasts as long as the call. */
    void (*line)(void *context, struct str line);
};

struct httpclient_answer {
    int status;         /* 0: there is none, for this reason */
    struct str body;    /* terminated; lasts as long as the call */
    const char *reason; /* NULL, or a sentence without full stop */
    bool was_sent;      /* the other side may have had the request */
};

/* The call has ended: forget it. */
typedef void httpclient_told(void *context, const struct httpclient_answer *answer);

/* The strings of options are copied. NULL with a reason. */
struct httpclient *httpclient_make(const struct httpclient_options *options,
                                   struct store_reason *reason);

/* Nobody is told any more; clears the pointer, which may be NULL. Not from within a callback. The
 * loop's next turn frees the rest. */
void httpclient_free(struct httpclient **client);

/* NULL when out of memory: nothing will be told. */
struct httpclient_call *httpclient_post(struct httpclient *client,
                                        const struct httpclient_request *request,
                                        httpclient_told *told, void *context);

/* It will not be told. Clears the pointer, which may be NULL. */
void httpclient_cancel(struct httpclient_call **call);

#endif
