/* Reading requests by the terms of a URL. */
#include "proxy/exchange/terms.h"

#include "control/permit.h"

bool terms_permit(const struct credentials_key *key, const struct arn_home *home,
                  struct str function, struct str qualifier)
{
    struct sigv4_refusal refusal; /* nobody is told why */
    const struct permit permit = {
        .right = CREDENTIALS_INVOKE,
        .action = "lambda:InvokeFunctionUrl",
        .function = function,
        .qualifier = qualifier,
        .home = *home,
    };

    return key && permit_check(key, &permit, &refusal);
}

static struct str find(const struct head *head, struct str name)
{
    for (int i = 0; i < head->nr_fields; i++)
        if (str_ieq(head_name(head, &head->fields[i]), name))
            return head_value(head, &head->fields[i]);
    return STR("");
}

struct payload_cors terms_asked(const struct head *head)
{
    return (struct payload_cors){
        .origin = find(head, STR("origin")),
        .request_method = find(head, STR("access-control-request-method")),
        .request_headers = find(head, STR("access-control-request-headers")),
    };
}

bool terms_is_preflight(const struct url_terms *terms, const struct head *head)
{
    struct payload_cors asked;

    if (!terms->cors || !str_eq(head_method(head), STR("OPTIONS")))
        return false;
    asked = terms_asked(head);
    return payload_cors_is_preflight(head_method(head), &asked);
}
