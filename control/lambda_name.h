/* FunctionName as the control API takes it: a name, a partial or a full ARN, each perhaps with a
 * qualifier (router/invoke.h has the grammar), and whose region and account it says. Pure. */
#ifndef WEIR_CONTROL_LAMBDA_NAME_H
#define WEIR_CONTROL_LAMBDA_NAME_H

#include <stdbool.h>

#include "base/str.h"
#include "router/arn.h"
#include "router/invoke.h"

/* All terminated; "" where it was not given. */
struct lambda_name {
    char text[INVOKE_TEXT_MAX]; /* as it was given; cut where it is longer */
    char function[INVOKE_NAME_MAX + 1];
    char qualifier[INVOKE_QUALIFIER_MAX + 1];
    char region[ARN_REGION_MAX + 1];
    char account[ARN_ACCOUNT + 1];
};

/* False where the text, decoded, has not the form of a name; out->text is set in any case. */
bool lambda_name_parse(struct str text, struct lambda_name *out)
    __attribute__((warn_unused_result));

#endif
