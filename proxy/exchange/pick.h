/* Which version runs: request to target, target to arm. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_PICK_H
#define WEIR_PROXY_EXCHANGE_PICK_H

#include "proxy/exchange/request.h"
#include "proxy/http/head.h"
#include "proxy/worker/worker.h"
#include "router/table.h"

/* What a request asks for. On refusal the answer's parts are set. */
struct choice {
    struct lease *
        lease; /* the caller's from now on, also after a refusal once a table was consulted; may be NULL */
    struct target *target;
    struct arm *arm;
    struct request_options request; /* path, query, prefix, is_invoke are set; the rest is zero */
    int status;                     /* of a refusal; 204: a dry run that is right */
    const char *type;
    char message[400];
    enum metrics_rejection rejection;
};

/* Finds the target and draws its version, once. 0, or -1 with the refusal in *out. The strings of *out point into the head or last as
 * long as the process. */
int pick_version(struct choice *out, struct worker *w, const struct head *head)
    __attribute__((warn_unused_result));

/* For an alias with failover: the arm with the largest weight, other than not_this, that has an endpoint to use. NULL if none. */
struct arm *pick_other_arm(struct worker *w, struct target *target, const struct arm *not_this);

#endif
