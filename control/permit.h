/* What the holder of an access key may do, and how the refusal reads. Pure; any thread. */
#ifndef WEIR_CONTROL_PERMIT_H
#define WEIR_CONTROL_PERMIT_H

#include <stdbool.h>

#include "base/str.h"
#include "conf/credentials.h"
#include "control/sigv4.h"
#include "router/arn.h"

/* Borrowed. */
struct permit {
    enum credentials_right right;
    const char *action;             /* such as "lambda:InvokeFunction": stands in the refusal */
    struct str function, qualifier; /* each may be empty; without a function: "*" */
    struct arn_home home;
};

/* Whether the key allows it; else the refusal, an AccessDeniedException that names the user, the
 * action and the resource as AWS does. */
bool permit_check(const struct credentials_key *key, const struct permit *permit,
                  struct sigv4_refusal *refusal) __attribute__((warn_unused_result));

#endif
