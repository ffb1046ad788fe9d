/* One health check on its way: connecting, TLS, one GET, its answer. When to check and what follows from the result is health.h's.
 *
 *     CONNECTING -> HANDSHAKE (https) -> ASKING -> READING -> result
 *          \-- tcp: result
 *
 * The control thread. */
#ifndef WEIR_PROXY_UPSTREAM_HEALTH_PROBE_H
#define WEIR_PROXY_UPSTREAM_HEALTH_PROBE_H

#include "metrics/metrics.h"
#include "proxy/upstream/address.h"
#include "proxy/io/loop.h"
#include "router/table.h"

enum { HEALTH_PROBE_DETAIL = 200 };

struct health_probe;
struct tls_origin;

struct health_probe_order {
    struct loop *loop;
    const struct endpoint *endpoint; /* used within health_probe_open only */
    const union address *address;    /* likewise */
    struct tls_origin *tls; /* for an http check of an https endpoint; else NULL */
    /* The result; never from within health_probe_open. The probe is closed in the call, or by it. detail, a sentence for people, is valid in the call. */
    void (*on_result)(void *context, enum metrics_check result, const char *detail);
    void *context;
};

/* Begins a check. NULL with *result, and a sentence in detail, where it is over at once. */
struct health_probe *health_probe_open(const struct health_probe_order *order, enum metrics_check *result,
                                       char detail[HEALTH_PROBE_DETAIL]);

/* Where it stands, for a check that took too long. */
const char *health_probe_stage(const struct health_probe *probe);

/* Ends it without a result, closes its connection and clears the pointer. NULL is fine. */
void health_probe_close(struct health_probe **probe);

#endif
