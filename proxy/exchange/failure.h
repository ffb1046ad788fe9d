/* What weir answers where an invocation comes to nothing. Pure. */
#ifndef WEIR_PROXY_EXCHANGE_FAILURE_H
#define WEIR_PROXY_EXCHANGE_FAILURE_H

#include "metrics/metrics.h"

enum { FAILURE_MESSAGE = 160 };

struct failure {
    int status;
    const char *type, *message; /* x-amzn-ErrorType, and a sentence */
};

/* is_serial: of an endpoint that runs one invocation at a time; one too many is throttled then. */
struct failure failure_of(enum metrics_error why, bool is_serial);

/* Of a response that broke a rule or limit: says which, in message, which the failure then borrows.
 * fault: a clause without a full stop. */
void failure_explain(struct failure *failure, const char *fault, char message[FAILURE_MESSAGE]);

#endif
