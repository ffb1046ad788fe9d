/* One request of the control loop on its way: connecting, TLS, a request, its answer. A health
 * check (when to check and what follows from the result is health.h's), or an errand of the control
 * API, whose request is given as text and whose answer is kept.
 *
 *     CONNECTING -> HANDSHAKE (https) -> ASKING -> READING -> result
 *          \-- tcp: result
 *
 * The control thread. */
#ifndef WEIR_PROXY_UPSTREAM_HEALTH_PROBE_H
#define WEIR_PROXY_UPSTREAM_HEALTH_PROBE_H

#include "metrics/metrics.h"
#include "proxy/io/loop.h"
#include "proxy/upstream/address.h"
#include "router/table.h"

enum { HEALTH_PROBE_DETAIL = 200 };

struct health_probe;
struct tls_origin;

enum { HEALTH_PROBE_BODY_MAX = 65536 };

/* What an errand was answered. */
struct health_probe_answer {
    int status; /* 0: no answer */
    bool is_function_error;
    size_t body_bytes;
    char body[HEALTH_PROBE_BODY_MAX]; /* its beginning */
};

/* Of an errand. */
struct health_probe_errand {
    struct str request; /* head and body; used within health_probe_open only */
    /* a connected socket, taken over in any case; -1: address is to be connected to */
    int fd;
    struct health_probe_answer *answer; /* zeroed; outlives the probe */
};

struct health_probe_order {
    struct loop *loop;
    const struct endpoint *endpoint; /* used within health_probe_open only; NULL: an errand */
    const union address *address;    /* likewise */
    const struct health_probe_errand *errand;
    struct tls_origin *tls; /* for an http check of an https endpoint; else NULL */
    /* The result; never from within health_probe_open. The probe is closed in the call, or by it.
     * detail, a sentence for people, is valid in the call. */
    void (*on_result)(void *context, enum metrics_check result, const char *detail);
    void *context;
};

/* Begins a check. NULL with *result, and a sentence in detail, where it is over at once. */
struct health_probe *health_probe_open(const struct health_probe_order *order,
                                       enum metrics_check *result,
                                       char detail[HEALTH_PROBE_DETAIL]);

/* Where it stands, for a check that took too long. */
const char *health_probe_stage(const struct health_probe *probe);

/* Ends it without a result, closes its connection and clears the pointer. NULL is fine. */
void health_probe_close(struct health_probe **probe);

#endif
