/* Lambda's ARNs, and where weir says it is: the region and account that stand in each of them.
 *
 *     arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
 *
 * Pure; any thread. */
#ifndef WEIR_ROUTER_ARN_H
#define WEIR_ROUTER_ARN_H

#include <stdbool.h>

#include "base/str.h"

enum { ARN_REGION_MAX = 32, ARN_ACCOUNT = 12 };
/* What arn_write adds to the function and the qualifier. */
enum { ARN_ADDED_MAX = ARN_REGION_MAX + ARN_ACCOUNT + 48 };

/* The settings' aws.region and aws.account_id, borrowed. */
struct arn_home {
    struct str region, account;
};

/* The grammars of an ARN's parts, as Lambda's pattern of function names has them. */
bool arn_is_partition(struct str s); /* aws, aws-cn, aws-us-gov; empty too */
bool arn_is_region(struct str s);    /* eu-west-1, us-gov-east-1, us-isob-east-1, eusc-de-east-1 */
bool arn_is_account(struct str s);   /* twelve digits */

/* The partition of a region: aws, aws-cn, ... */
struct str arn_partition(struct str region);

/* Writes a function's ARN at p, which has room for ARN_ADDED_MAX and the two texts, without a
 * terminator; an empty qualifier is left out. The partition follows from the region. Returns the
 * end. */
char *arn_write(char *p, const struct arn_home *home, struct str function, struct str qualifier);

#endif
