/* Documents of state machines (docs/table.md), and what weir keeps of them in the "configuration"
 * of their versions, which the table only shows:
 *
 *     definition    as it came, byte for byte; none where the table file made the version
 *     revision      of what it says; none: the first, which is called INITIAL
 *     created       milliseconds since 1970; of $LATEST: of the machine; of a version: when it was
 *                   published
 *     updated, description, roleArn, loggingConfiguration, tracingConfiguration,
 *     encryptionConfiguration
 *     request       of $LATEST: what CreateStateMachine had, of what the same request is known
 *
 * Control thread. */
#ifndef WEIR_CONTROL_SFN_SHAPE_H
#define WEIR_CONTROL_SFN_SHAPE_H

#include <jansson.h>

#include "control/sfn_call.h"

/* The version that is the current revision, borrowed, and its name: $LATEST, or the highest. */
json_t *sfn_shape_current(const json_t *document, const char **name);
json_t *sfn_shape_version(const json_t *document, const char *name);
/* $LATEST; made from the current one where there is none. NULL when out of memory. */
json_t *sfn_shape_latest(json_t *document);

/* Its configuration, made where there is none; NULL when out of memory. */
json_t *sfn_shape_configuration(json_t *version);
const char *sfn_shape_text(const json_t *version, const char *member);

/* The definition's text: as it came, or the version as the table has it. To be freed; NULL when out
 * of memory. */
char *sfn_shape_definition(const json_t *version);

/* "INITIAL" where none is said. */
const char *sfn_shape_revision(const json_t *version);
/* Do both do the same? Without what is only shown. */
bool sfn_shape_is_same(const json_t *a, const json_t *b);

/* The highest number that the machine has, or has had; 0: none. */
json_int_t sfn_shape_last_number(const json_t *document);

/* When it was made, in seconds; of what the table file made when weir began. */
double sfn_shape_created(const struct sfn_call *call, const json_t *version);

/* DescribeStateMachine's answer, or what of it others have too. name: the version's. */
json_t *sfn_shape_describe(const struct sfn_call *call, const struct function *machine,
                           const json_t *version, const char *arn);

/* "arn:...:stateMachine:NAME[:QUALIFIER]". */
void sfn_shape_arn(const struct sfn_call *call, struct str machine, const char *qualifier,
                   char out[SFN_ARN_MAX]);

#endif
