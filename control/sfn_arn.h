/* ARNs of Step Functions, read by segments:
 *
 *     arn:PARTITION:states:REGION:ACCOUNT:stateMachine:NAME[:VERSION|:ALIAS]
 *     arn:PARTITION:states:REGION:ACCOUNT:stateMachineAlias:NAME:ALIAS
 *     arn:PARTITION:states:REGION:ACCOUNT:execution:NAME:EXECUTION
 *     arn:PARTITION:states:REGION:ACCOUNT:express:NAME:EXECUTION:ID
 *
 * Pure; any thread. */
#ifndef WEIR_CONTROL_SFN_ARN_H
#define WEIR_CONTROL_SFN_ARN_H

#include <stdbool.h>

#include "base/str.h"
#include "router/arn.h"
#include "router/machine.h"

enum sfn_arn_kind {
    SFN_ARN_MACHINE,
    SFN_ARN_VERSION,
    SFN_ARN_ALIAS,
    SFN_ARN_EXECUTION,
    SFN_ARN_EXPRESS,
    SFN_ARN_LABEL, /* stateMachine:NAME/LABEL */
    SFN_ARN_OTHER  /* of another resource type of Step Functions: an activity, a map run */
};

enum { SFN_ARN_TEXT_MAX = 2048, SFN_ARN_NAME_MAX = 4 * 80 };

struct sfn_arn {
    enum sfn_arn_kind kind;
    struct str text;                      /* all of it, as it came */
    struct str type;                      /* the resource type */
    struct str region, account;           /* as it names them */
    struct str name;                      /* of the machine */
    struct str qualifier;                 /* version, alias or execution; empty of a machine */
    struct str id;                        /* of an express execution */
    char function[MACHINE_BYTES_MAX + 1]; /* the machine's name in the table */
};

/* NULL, or what is wrong with it: the text behind "Invalid Arn: '", without the quote, as
 * "Invalid ARN prefix: x" or a resource type. text stays as long as the ARN is used. */
const char *sfn_arn_parse(struct str text, struct sfn_arn *out);

/* "arn:aws:states:REGION:ACCOUNT:TYPE:NAME[:QUALIFIER]", terminated; qualifier may be empty. */
enum { SFN_ARN_MAX = 1200 };
void sfn_arn_write(const struct arn_home *home, const char *type, struct str name,
                   struct str qualifier, char out[SFN_ARN_MAX]);

#endif
