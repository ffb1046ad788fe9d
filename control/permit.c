/* Rights of access keys. */
#include "control/permit.h"

#include <stdio.h>

enum { RESOURCE_MAX = 300 };

bool permit_check(const struct credentials_key *key, const struct permit *permit,
                  struct sigv4_refusal *refusal)
{
    struct str qualifier = permit->qualifier;
    char resource[RESOURCE_MAX] = "*";

    if (credentials_allow(key, permit->right, permit->function))
        return true;
    if (permit->function.n > 0)
        snprintf(resource, sizeof(resource), "arn:aws:lambda:%s:%s:function:%.*s%s%.*s",
                 permit->region, permit->account, STR_ARG(permit->function),
                 qualifier.n > 0 ? ":" : "", (int)qualifier.n, qualifier.n > 0 ? qualifier.p : "");
    sigv4_refuse(refusal, "AccessDeniedException",
                 "User: arn:aws:iam::%s:user/%s is not authorized to perform: %s on resource: %s",
                 permit->account, key->access_key_id, permit->action, resource);
    return false;
}
