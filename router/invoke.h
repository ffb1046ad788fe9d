/* Lambda's Invoke addresses: which function and qualifier does a request target name? Pure; no
 * allocation.
 *
 *     /2015-03-31/functions/{FunctionName}/invocations[?Qualifier=Q]
 *     /2021-11-15/functions/{FunctionName}/response-streaming-invocations[?Qualifier=Q]
 *     /2014-11-13/functions/{FunctionName}/invoke-async[/]
 *
 * FunctionName is a name, name:qualifier, a partial ARN (000000000000:function:hello[:q] or
 * 000000000000:hello[:q], a region before either, or function:hello[:q]) or a full ARN
 * (arn:aws:lambda:us-east-1:000000000000:function:hello[:q]), percent-encoded or not. The
 * region and the account must be weir's own; the partition may be any.
 *
 * Lambda's own pattern leaves some texts open to two readings. Here twelve digits before a colon
 * are an account, and what looks like a region is one only before an account, so that a function
 * called my-app-1 can be invoked as my-app-1:live. */
#ifndef WEIR_ROUTER_INVOKE_H
#define WEIR_ROUTER_INVOKE_H

#include <stdbool.h>

#include "base/str.h"
#include "router/arn.h"

/* INVOKE_LENGTH_MAX: of a FunctionName, as the service has it (its model says INVOKE_NAME_MAX). */
enum {
    INVOKE_TEXT_MAX = 512,
    INVOKE_NAME_MAX = 256,
    INVOKE_LENGTH_MAX = 170,
    INVOKE_QUALIFIER_MAX = 128,
    INVOKE_REASON_MAX = 1600
};

enum invoke_operation {
    INVOKE_BUFFERED, /* Invoke */
    INVOKE_STREAM,   /* InvokeWithResponseStream */
    INVOKE_ASYNC     /* InvokeAsync: Invoke of type Event */
};

enum invoke_result {
    INVOKE_OK,
    INVOKE_NOT_THIS,      /* the path is not an Invoke path: try routes */
    INVOKE_BAD_NAME,      /* FunctionName does not match the grammar: 400 ValidationException */
    INVOKE_BAD_QUALIFIER, /* Qualifier does not match the grammar: 400 ValidationException */
    INVOKE_OTHER_REGION,  /* 404 ResourceNotFoundException */
    INVOKE_OTHER_ACCOUNT, /* 403 AccessDeniedException */
    /* two qualifiers that differ, in name and query: 400 InvalidParameterValueException */
    INVOKE_MISMATCH
};

struct invoke_address {
    struct str function;  /* points into text or into the path */
    struct str qualifier; /* into text, the path or the query; empty where none was given */
    enum invoke_operation operation;
    char text[INVOKE_TEXT_MAX]; /* decoded */
};

/* False: invoke_parse would say INVOKE_NOT_THIS. */
static inline bool invoke_may_be(struct str path)
{
    return path.n > 3 && path.p[1] == '2' && path.p[2] == '0';
}

/* home: the region and the account that a name may have. path and query (without '?', may be empty)
 * as they came on the wire, both already free of control bytes. Of the query only Qualifier counts;
 * given twice it must be the same. What is returned is well-formed but need not exist: names may
 * have dots or 170 letters here, as for Lambda they are not found rather than wrong. */
enum invoke_result invoke_parse(struct invoke_address *out, const struct arn_home *home,
                                struct str path, struct str query);

/* After any result but INVOKE_OK and INVOKE_NOT_THIS for the same arguments: what is wrong, in
 * Lambda's words, terminated. Every member that is wrong is named. */
void invoke_explain(enum invoke_result result, const struct arn_home *home, struct str path,
                    struct str query, char out[INVOKE_REASON_MAX]);

/* Is it the path of an Invoke? Then invoke_parse answers anything but INVOKE_NOT_THIS. */
bool invoke_is_path(struct str path);

/* A FunctionName as it stands in another path, percent-encoded or not, of any region and account:
 * sets function, and qualifier where it has one. INVOKE_OK or INVOKE_BAD_NAME. */
enum invoke_result invoke_parse_name(struct invoke_address *out, struct str raw);

/* Decodes percent-encoding into at most max bytes, without a terminator; the length, or -1 where it
 * is too long or malformed. */
int invoke_decode(struct str s, char *out, int max);
/* The same into a terminated string of size bytes; what cannot be a name becomes "", which none
 * is. */
void invoke_decode_name(struct str s, char *out, size_t size);

/* The grammars of documents and addresses. */
bool invoke_is_function_name(struct str s); /* [A-Za-z0-9_-]{1,64} */
bool invoke_is_alias_name(struct str s);    /* [A-Za-z0-9_-]{1,128}, not all digits */
bool invoke_is_version_name(struct str s);  /* $LATEST or [1-9][0-9]*, at most 20 digits */

#endif
