/* Lambda's Invoke address: which function and qualifier does a request target name? Pure; no allocation.
 *
 *     /2015-03-31/functions/{FunctionName}/invocations[?Qualifier=Q]
 *
 * FunctionName is a name, name:qualifier, a partial ARN (000000000000:function:hello[:q], with or without region) or a full
 * ARN (arn:aws:lambda:us-east-1:000000000000:function:hello[:q]), percent-encoded or not. */
#ifndef WEIR_ROUTER_INVOKE_H
#define WEIR_ROUTER_INVOKE_H

#include <stdbool.h>

#include "base/str.h"

enum { INVOKE_TEXT_MAX = 512 };

enum invoke_result {
    INVOKE_OK,
    INVOKE_NOT_THIS,    /* the path is not an Invoke path: try routes */
    INVOKE_BAD_NAME,    /* FunctionName does not match the grammar: 400 ValidationException */
    INVOKE_BAD_QUALIFIER, /* Qualifier does not match the grammar: 400 ValidationException */
    INVOKE_MISMATCH     /* a qualifier in the name and another in the query: 400 InvalidParameterValueException */
};

struct invoke_address {
    struct str function;  /* points into text */
    struct str qualifier; /* empty where none was given */
    char text[INVOKE_TEXT_MAX]; /* decoded */
};

/* path and query (without '?', may be empty) as they came on the wire, both already free of control bytes. */
enum invoke_result invoke_parse(struct invoke_address *out, struct str path, struct str query);

/* The grammars of documents and addresses. */
bool invoke_is_function_name(struct str s); /* [A-Za-z0-9_-]{1,64} */
bool invoke_is_alias_name(struct str s);    /* [A-Za-z0-9_-]{1,128}, not all digits */
bool invoke_is_version_name(struct str s);  /* $LATEST or [1-9][0-9]*, at most 20 digits */

#endif
