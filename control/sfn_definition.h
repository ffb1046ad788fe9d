/* What a definition means to weir:
 *
 *     {"kind": "http", "endpoints": [...]}    a version as the table document writes it
 *     {"StartAt": ..., "States": {...}}       Amazon States Language of one Task state that does
 *                                             the same on AWS
 *
 * and what it has beyond weir, where only an engine could run it. Pure. */
#ifndef WEIR_CONTROL_SFN_DEFINITION_H
#define WEIR_CONTROL_SFN_DEFINITION_H

#include <jansson.h>
#include <stdbool.h>

#include "router/arn.h"
#include "router/table.h"

enum { SFN_DEFINITION_MESSAGE = 1024 };

struct sfn_definition {
    json_t *version;  /* without a configuration; owned. NULL: weir cannot run it */
    bool is_asl;      /* well-formed, but beyond weir: an engine may run it */
    const char *code; /* SCHEMA_VALIDATION_FAILED, INVALID_JSON_DESCRIPTION; NULL: right */
    char message[SFN_DEFINITION_MESSAGE], location[SFN_DEFINITION_MESSAGE];
};

/* sfn_definition_fini ends it in any case. table: whose functions it may name. */
void sfn_definition_read(const char *text, const struct table *table, const struct arn_home *home,
                         struct sfn_definition *out);
void sfn_definition_fini(struct sfn_definition *definition);

#endif
