/* What weir answers where an invocation comes to nothing. Pure. */
#ifndef WEIR_PROXY_EXCHANGE_FAILURE_H
#define WEIR_PROXY_EXCHANGE_FAILURE_H

#include "metrics/metrics.h"

struct failure {
    int status;
    const char *type, *message; /* x-amzn-ErrorType, and a sentence */
};

struct failure failure_of(enum metrics_error why);

#endif
