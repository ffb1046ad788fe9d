/* FunctionConfiguration: a version of the table document as the Lambda API shows it. What weir
 * itself does not need (Role, MemorySize, Environment, ...) stands in the version's member
 * configuration under the names that Lambda has for it; what the table file does not say has
 * Lambda's defaults. Control thread. */
#ifndef WEIR_CONTROL_LAMBDA_SHAPE_H
#define WEIR_CONTROL_LAMBDA_SHAPE_H

#include "control/lambda_call.h"

/* What is to be shown. */
struct lambda_shape {
    const char *function;
    const json_t *document; /* the function's */
    const char *version;    /* one that it has */
    const char *qualifier;  /* in the ARN; "": none */
    bool is_listed;         /* an item of a list: without its state */
    bool is_new;            /* answer to CreateFunction: Pending, as Lambda says it */
};

/* A new reference; NULL when out of memory. */
json_t *lambda_shape_configuration(const struct lambda_call *call,
                                   const struct lambda_shape *shape);

/* The version that an unqualified name shows: $LATEST, or where there is none the last one. */
const char *lambda_shape_main(const json_t *document);

/* The version's member of that name; NULL where there is none. */
const json_t *lambda_shape_version(const json_t *document, const char *version);

/* A terminated copy; what does not fit is cut. */
void lambda_shape_terminate(struct str s, char *out, size_t size);

/* 2026-01-02T03:04:05.678+0000, as LastModified has it; with "Z" for is_url, as URL configs. */
enum { LAMBDA_SHAPE_DATE = 32 };
void lambda_shape_date(uint64_t unix_us, bool is_url, char out[LAMBDA_SHAPE_DATE]);

#endif
