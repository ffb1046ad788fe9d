/* By segments, never by a prefix: a machine, its versions and its aliases differ in how many there
 * are. */
#include "control/sfn_arn.h"

#include <stdio.h>

/* Cuts the next segment off; false where there is none. */
static bool cut(struct str *rest, struct str *segment)
{
    if (!rest->p)
        return false;
    *segment = str_until(*rest, ':');
    if (segment->n == rest->n) {
        rest->p = NULL;
        rest->n = 0;
    } else {
        rest->p += segment->n + 1;
        rest->n -= segment->n + 1;
    }
    return true;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

static const char *read_machine(struct sfn_arn *out, struct str rest, bool is_alias)
{
    bool has_qualifier = cut(&rest, &out->qualifier);

    if (memchr(out->name.p, '/', out->name.n)) {
        out->kind = SFN_ARN_LABEL;
        return NULL;
    }
    if (!machine_is_name(out->name) || rest.p || (is_alias && !has_qualifier))
        return "Invalid resource name";
    if (!has_qualifier) {
        out->kind = SFN_ARN_MACHINE;
        return NULL;
    }
    out->kind = is_number(out->qualifier) && !is_alias ? SFN_ARN_VERSION : SFN_ARN_ALIAS;
    return out->kind == SFN_ARN_VERSION || machine_is_alias_name(out->qualifier)
               ? NULL
               : "Invalid resource qualifier";
}

static const char *read_execution(struct sfn_arn *out, struct str rest, bool is_express)
{
    out->kind = is_express ? SFN_ARN_EXPRESS : SFN_ARN_EXECUTION;
    if (!machine_is_name(out->name) || !cut(&rest, &out->qualifier) || out->qualifier.n == 0 ||
        (is_express && (!cut(&rest, &out->id) || out->id.n == 0)) || rest.p)
        return "Invalid resource name";
    return NULL;
}

const char *sfn_arn_parse(struct str text, struct sfn_arn *out)
{
    struct str rest = text, prefix, partition, service;
    const char *wrong;

    *out = (struct sfn_arn){.text = text};
    if (!cut(&rest, &prefix) || !str_eq(prefix, STR("arn")))
        return "Invalid ARN prefix";
    if (!cut(&rest, &partition) || partition.n == 0 || !arn_is_partition(partition))
        return "Invalid partition";
    if (!cut(&rest, &service) || !str_eq(service, STR("states")))
        return "Service not valid in this context";
    if (!cut(&rest, &out->region) || out->region.n == 0)
        return "Region not specified";
    if (!cut(&rest, &out->account) || out->account.n == 0)
        return "Account not specified";
    if (!cut(&rest, &out->type) || !cut(&rest, &out->name) || out->name.n == 0)
        return "Resource not specified";
    if (str_eq(out->type, STR("stateMachine")))
        wrong = read_machine(out, rest, false);
    else if (str_eq(out->type, STR("stateMachineAlias")))
        wrong = read_machine(out, rest, true);
    else if (str_eq(out->type, STR("execution")))
        wrong = read_execution(out, rest, false);
    else if (str_eq(out->type, STR("express")))
        wrong = read_execution(out, rest, true);
    else
        out->kind = SFN_ARN_OTHER, wrong = NULL;
    if (!wrong && out->kind <= SFN_ARN_EXPRESS && !machine_full(out->name, out->function))
        wrong = "Invalid resource name";
    return wrong;
}

void sfn_arn_write(const struct arn_home *home, const char *type, struct str name,
                   struct str qualifier, char out[SFN_ARN_MAX])
{
    struct str partition = arn_partition(home->region);

    snprintf(out, SFN_ARN_MAX, "arn:%.*s:states:%.*s:%.*s:%s:%.*s%s%.*s", STR_ARG(partition),
             STR_ARG(home->region), STR_ARG(home->account), type, STR_ARG(name),
             qualifier.n > 0 ? ":" : "", STR_ARG(qualifier));
}
