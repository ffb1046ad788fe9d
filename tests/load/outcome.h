/* What came of the calls: counted by kind, status and version, with their durations. */
#ifndef WEIR_LOAD_OUTCOME_H
#define WEIR_LOAD_OUTCOME_H

#include <stdint.h>
#include <stdio.h>

#include "base/str.h"

/* How a call failed. A complete answer of any status is no failure here. */
#define OUTCOME_FAILURES(X)                                                                                            \
    X(CONNECT, "connect")       /* no connection */                                                                    \
    X(CLOSED, "closed")         /* the connection ended before the first byte of an answer */                          \
    X(INCOMPLETE, "incomplete") /* it ended, or stopped making sense, in the middle of one */                          \
    X(MALFORMED, "malformed")   /* what came is not an HTTP/1.1 answer */                                              \
    X(TIMEOUT, "timeout")       /* nothing came for too long */

enum outcome_failure {
#define X(name, label) OUTCOME_FAILURE_##name,
    OUTCOME_FAILURES(X)
#undef X
        OUTCOME_FAILURE_COUNT
};

/* A complete answer. version is the executed-version header's value, demo_version what the endpoint says of itself; each
 * empty where there is none. */
void outcome_answer(int status, struct str version, struct str demo_version, uint64_t body_bytes, uint64_t us);

void outcome_fail(enum outcome_failure failure);

void outcome_connected(void);

/* Everything since the start as one line of JSON. */
void outcome_print(FILE *out);

#endif
