/* One call of the Lambda API: what was asked, read and checked step by step, and what is answered.
 * Each resource's file (lambda_alias.c, lambda_function.c, ...) has its operations; lambda.c knows
 * which of them a request means.
 *
 * An operation's handle either answers at once or, where it changes something, submits edits of the
 * table document (control/change.h); once they are in force, its finish writes the answer. What is
 * wrong with a call is told in Lambda's order: types, then values (all of them in one message),
 * then account and region, then what depends on what there is. Control thread. */
#ifndef WEIR_CONTROL_LAMBDA_CALL_H
#define WEIR_CONTROL_LAMBDA_CALL_H

#include <jansson.h>
#include <stdbool.h>

#include "control/api.h"
#include "control/change.h"
#include "control/lambda_check.h"
#include "control/lambda_name.h"
#include "router/arn.h"
#include "router/invoke.h"

/* Decoded texts of paths and queries: what is longer is too long for anything. */
enum { LAMBDA_TEXT = 256, LAMBDA_NAME_BYTES = 140 };

struct lambda_call;
typedef void lambda_step(struct lambda_call *call);

/* How the FunctionName of an operation is read. */
enum lambda_naming {
    LAMBDA_NO_NAME,    /* there is none in the path */
    LAMBDA_PLAIN,      /* a name or ARN without qualifier */
    LAMBDA_LATEST,     /* with $LATEST as qualifier, or none */
    LAMBDA_QUALIFIED,  /* its qualifier, or that in the query, counts */
    LAMBDA_OF_FUNCTION /* of the function alone, with words of its own for qualifiers */
};

struct lambda_operation {
    const char *name;   /* Lambda's, such as GetAlias */
    const char *method; /* GET also serves HEAD */
    const char *path;   /* {F} and {N} stand for a segment, {R} for the rest */
    enum lambda_naming naming;
    lambda_step *handle; /* NULL: weir does not serve it */
    lambda_step *finish; /* of one that changes something, else NULL */
};

/* The text of an ARN. */
struct lambda_arn {
    char s[ARN_ADDED_MAX + INVOKE_NAME_MAX + INVOKE_QUALIFIER_MAX + 2];
};

struct lambda_call {
    const struct lambda_operation *operation;
    const struct api_hooks *hooks;
    const struct api_request *request;
    struct api_response *out;
    struct change *change;     /* whose turn it is; NULL: the operation only reads */
    struct lambda_check check; /* what is wrong with values */
    const char *wrong_type;    /* the first member that has another type; NULL: none */

    struct str segments[2];  /* of the path, as they came: {F} or {R}, {N} */
    struct lambda_name name; /* {F}, or the body's */
    const char *function;    /* name's */
    char query[LAMBDA_TEXT]; /* Qualifier of the query */
    const char *qualifier;   /* that which counts, name's or query's; "": none was given */
    char alias[LAMBDA_TEXT]; /* {N} */

    json_t *body;     /* owned; NULL: none */
    json_t *document; /* owned; the function's, in the table document */
    char version[24]; /* for finish: the version that was made, or chosen */
};

void lambda_call_fini(struct lambda_call *call);

/* ---- Errors: each answers -------------------------------------------------------------------- */

void lambda_call_fail(struct lambda_call *call, int status, const char *type, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));
/* 400 InvalidParameterValueException. */
void lambda_call_fail_value(struct lambda_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, of those that come without a Type. */
void lambda_call_fail_untyped(struct lambda_call *call, const char *message);
/* 404 "Function not found: ARN"; qualifier may be "". */
void lambda_call_fail_function(struct lambda_call *call, const char *qualifier);
void lambda_call_fail_memory(struct lambda_call *call);

/* ---- Names ----------------------------------------------------------------------------------- */

struct lambda_arn lambda_call_arn(const struct lambda_call *call, const char *function,
                                  const char *qualifier);

/* Fills in name, qualifier and alias from path and query, by the operation's naming. What is wrong
 * with their form is added to check; lambda_call_is_wrong tells. */
void lambda_call_read_names(struct lambda_call *call);
/* The same, of a name that stands elsewhere; decoded. */
void lambda_call_read_name(struct lambda_call *call, struct str text, size_t bytes_max);
/* A segment of the path, decoded; as it came where it cannot be. */
void lambda_call_decode(struct str segment, char *out, size_t size);

/* The value of a member of the query, decoded and terminated; false where there is none. Each call
 * with the *next of the one before finds the next of this name; start with NULL, or pass NULL. */
bool lambda_call_query(const struct lambda_call *call, const char *name, char *out, size_t size,
                       const char **next);

/* ---- Members of the body --------------------------------------------------------------------- */

/* Parses the body into call->body, an empty one as {}. False: answered. */
bool lambda_call_read_body(struct lambda_call *call) __attribute__((warn_unused_result));

/* The member, borrowed; NULL where it is absent or null, or of another type, which
 * lambda_call_is_wrong tells. JSON_TRUE stands for both booleans. */
const json_t *lambda_call_member(struct lambda_call *call, const json_t *object, const char *name,
                                 json_type type);
/* The same, a string's text. */
const char *lambda_call_text(struct lambda_call *call, const json_t *object, const char *name);

/* Adds to check that a member that the model requires is not there. */
void lambda_call_require(struct lambda_call *call, const void *value, const char *member);

/* After all was read: true, with an answer, where a type, a value, the account or the region is not
 * right, or where qualifiers differ or may not be. */
bool lambda_call_is_wrong(struct lambda_call *call) __attribute__((warn_unused_result));

/* ---- What there is --------------------------------------------------------------------------- */

struct table *lambda_call_table(const struct lambda_call *call);
/* The one that is named, in force; NULL where there is none. */
const struct function *lambda_call_function(const struct lambda_call *call);

/* Reads the function into call->document. qualifier: for the text of the 404. False: answered. */
bool lambda_call_load(struct lambda_call *call, const char *qualifier)
    __attribute__((warn_unused_result));

/* Is it the revision of the version, or alias, of call->function? Else answers 412. NULL is
 * right. */
bool lambda_call_has_revision(struct lambda_call *call, enum change_kind kind, const char *name,
                              const char *revision) __attribute__((warn_unused_result));

/* ---- Changing -------------------------------------------------------------------------------- */

/* The function's document becomes call->document; takes it. */
void lambda_call_submit(struct lambda_call *call);
/* The alias becomes this document; takes it. NULL: it goes. */
void lambda_call_submit_alias_take(struct lambda_call *call, json_t *document);
/* The function goes. */
void lambda_call_submit_deletion(struct lambda_call *call);

/* 204. */
void lambda_call_answer_empty(struct lambda_call *call);

#endif
