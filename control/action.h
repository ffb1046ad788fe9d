/* What a request to the admin listener is about, for access keys: the action as AWS calls it, the
 * right that it takes, and the function whose it is. Pure; any thread. */
#ifndef WEIR_CONTROL_ACTION_H
#define WEIR_CONTROL_ACTION_H

#include "base/str.h"
#include "conf/credentials.h"
#include "router/invoke.h"

struct action {
    char name[64];       /* "lambda:UpdateAlias", "states:StartExecution", "weir:Write" */
    const char *service; /* of the scope of its signature */
    const char *json;    /* content type of a service's answers that has one address; NULL: REST */
    enum credentials_right right;
    struct str function; /* empty: of no one function; points into text */
    struct invoke_address text;
};

/* path as on the wire; target is X-Amz-Target, or empty; body may name a function that is to be
 * made. */
void action_read(struct action *out, struct str method, struct str path, struct str target,
                 struct str body);

#endif
