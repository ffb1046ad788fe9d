/* Rights of access keys. */
#include "control/permit.h"

#include "router/invoke.h"

bool permit_check(const struct credentials_key *key, const struct permit *permit,
                  struct sigv4_refusal *refusal)
{
    char resource[ARN_ADDED_MAX + INVOKE_NAME_MAX + INVOKE_QUALIFIER_MAX + 2] = "*";

    if (credentials_allow(key, permit->right, permit->function))
        return true;
    if (permit->function.n > 0 && permit->function.n <= INVOKE_NAME_MAX &&
        permit->qualifier.n <= INVOKE_QUALIFIER_MAX)
        *arn_write(resource, &permit->home, permit->function, permit->qualifier) = '\0';
    sigv4_refuse(refusal, "AccessDeniedException",
                 "User: arn:aws:iam::%.*s:user/%s is not authorized to perform: %s on resource: %s",
                 STR_ARG(permit->home.account), key->access_key_id, permit->action, resource);
    return false;
}
