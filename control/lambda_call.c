/* Reading a call, and the errors that all operations have in common. */
#include "control/lambda_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_function.h"
#include "control/answer.h"

enum { MESSAGE_MAX = 4096 };

void lambda_call_fini(struct lambda_call *call)
{
    json_decref(call->body);
    json_decref(call->document);
    call->body = call->document = NULL;
}

/* ---- Errors ---------------------------------------------------------------------------------- */

void lambda_call_fail(struct lambda_call *call, int status, const char *type, const char *format,
                      ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    answer_error(call->out, status, type, message);
}

void lambda_call_fail_value(struct lambda_call *call, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    answer_error(call->out, 400, "InvalidParameterValueException", message);
}

void lambda_call_fail_untyped(struct lambda_call *call, const char *message)
{
    answer_json(call->out, 400, json_pack("{s:s}", "message", message));
    call->out->error_type = "InvalidParameterValueException";
}

void lambda_call_fail_function(struct lambda_call *call, const char *qualifier)
{
    lambda_call_fail(call, 404, "ResourceNotFoundException", "Function not found: %s",
                     lambda_call_arn(call, call->function, qualifier).s);
}

void lambda_call_fail_memory(struct lambda_call *call)
{
    answer_json(call->out, 503, NULL);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static struct arn_home home_of(const struct lambda_call *call)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);

    return (struct arn_home){str_of(settings->aws.region), str_of(settings->aws.account_id)};
}

struct lambda_arn lambda_call_arn(const struct lambda_call *call, const char *function,
                                  const char *qualifier)
{
    struct arn_home home = home_of(call);
    struct lambda_arn arn;

    *arn_write(arn.s, &home, str_of(function), str_of(qualifier)) = '\0';
    return arn;
}

bool lambda_call_query(const struct lambda_call *call, const char *name, char *out, size_t size,
                       const char **next)
{
    struct str query = call->request->query;

    if (next && *next) {
        query.n -= (size_t)(*next - query.p);
        query.p = *next;
    }
    while (query.n > 0) {
        struct str pair = str_until(query, '&');
        struct str key = str_until(pair, '=');
        size_t used = pair.n + (pair.n < query.n);

        query.p += used;
        query.n -= used;
        if (!str_eq(key, str_of(name)))
            continue;
        struct str value = {pair.p + key.n + (key.n < pair.n), pair.n - key.n - (key.n < pair.n)};
        int n = invoke_decode(value, out, (int)size - 1);
        if (n < 0 || memchr(out, '\0', (size_t)n)) /* nothing that it could name is so long */
            n = snprintf(out, size, "?");
        out[n] = '\0';
        if (next)
            *next = query.p;
        return true;
    }
    return false;
}

void lambda_call_read_name(struct lambda_call *call, struct str text, size_t bytes_max)
{
    bool is_good = lambda_name_parse(text, &call->name) && !strchr(call->name.function, '.') &&
                   !strchr(call->name.qualifier, '.');

    lambda_check_function(&call->check, call->name.text, is_good, bytes_max);
    call->function = call->name.function;
    call->qualifier = call->query[0] ? call->query : call->name.qualifier;
}

void lambda_call_decode(struct str segment, char *out, size_t size)
{
    int n = invoke_decode(segment, out, (int)size - 1);

    if (n < 0 || memchr(out, '\0', (size_t)n))
        snprintf(out, size, "%.*s", STR_ARG(segment));
    else
        out[n] = '\0';
}

void lambda_call_read_names(struct lambda_call *call)
{
    enum lambda_naming naming = call->operation->naming;
    char text[INVOKE_TEXT_MAX];

    call->function = call->qualifier = "";
    if (naming == LAMBDA_NO_NAME)
        return;
    if (call->segments[1].p) {
        lambda_call_decode(call->segments[1], call->alias, sizeof(call->alias));
        lambda_check_alias(&call->check, call->alias);
    }
    if (naming == LAMBDA_QUALIFIED &&
        lambda_call_query(call, "Qualifier", call->query, sizeof(call->query), NULL))
        lambda_check_qualifier(&call->check, call->query);
    lambda_call_decode(call->segments[0], text, sizeof(text));
    lambda_call_read_name(call, str_of(text), LAMBDA_NAME_BYTES);
}

/* ---- Members of the body --------------------------------------------------------------------- */

bool lambda_call_read_body(struct lambda_call *call)
{
    struct problems problems = {0};
    struct jsondoc doc = {.problems = &problems};
    struct str body = call->request->body.n > 0 ? call->request->body : STR("{}");

    call->body = jsondoc_load(&doc, body.p, body.n);
    if (!call->body)
        lambda_call_fail(call, 400, "InvalidRequestContentException",
                         "Could not parse request body into json: %s",
                         problems.nr > 0 ? problems.list[0].message : "out of memory");
    problems_fini(&problems);
    return call->body != NULL;
}

const json_t *lambda_call_member(struct lambda_call *call, const json_t *object, const char *name,
                                 json_type type)
{
    const json_t *value = json_object_get(object, name);
    json_type is = value ? json_typeof(value) : JSON_NULL;

    if (is == JSON_NULL)
        return NULL;
    if (is == type || (type == JSON_TRUE && is == JSON_FALSE))
        return value;
    if (!call->wrong_type)
        call->wrong_type = name;
    return NULL;
}

const char *lambda_call_text(struct lambda_call *call, const json_t *object, const char *name)
{
    return json_string_value(lambda_call_member(call, object, name, JSON_STRING));
}

void lambda_call_require(struct lambda_call *call, const void *value, const char *member)
{
    if (!value)
        lambda_check_add(&call->check, (struct str){NULL, 0}, member, "Member must not be null");
}

/* ---- What is wrong with it ------------------------------------------------------------------- */

/* Lambda knows who calls; weir's account stands for it. */
static void fail_access(struct lambda_call *call)
{
    struct arn_home home = home_of(call);
    char message[MESSAGE_MAX];

    snprintf(message, sizeof(message),
             "User: arn:aws:iam::%.*s:root is not authorized to perform: lambda:%s on resource: %s "
             "because no resource-based policy allows the lambda:%s action",
             STR_ARG(home.account), call->operation->name, call->name.text, call->operation->name);
    answer_json(call->out, 403, json_pack("{s:s}", "Message", message));
    call->out->error_type = "AccessDeniedException";
}

static bool is_elsewhere(struct lambda_call *call)
{
    struct arn_home home = home_of(call);
    const struct lambda_name *name = &call->name;

    if (name->account[0] && !str_eq(str_of(name->account), home.account)) {
        fail_access(call);
        return true;
    }
    if (name->region[0] && !str_eq(str_of(name->region), home.region)) {
        lambda_call_fail(call, 404, "ResourceNotFoundException",
                         "Functions from '%s' are not reachable in this region ('%.*s')",
                         name->region, STR_ARG(home.region));
        return true;
    }
    return false;
}

static bool is_badly_qualified(struct lambda_call *call)
{
    const char *qualifier = call->name.qualifier;

    if (qualifier[0] == '\0')
        return false;
    switch (call->operation->naming) {
    case LAMBDA_QUALIFIED:
        if (call->query[0] == '\0' || strcmp(call->query, qualifier) == 0)
            return false;
        lambda_call_fail_value(call, "The derived qualifier from the function name does not match "
                                     "the specified qualifier.");
        return true;
    case LAMBDA_LATEST:
        if (strcmp(qualifier, "$LATEST") == 0)
            return false;
        lambda_call_fail_value(call, "Current operation does not support versions other than "
                                     "$LATEST");
        return true;
    case LAMBDA_OF_FUNCTION:
        lambda_call_fail_value(call,
                               "This operation is permitted on Lambda functions only. Aliases and "
                               "versions do not support this operation. Please specify either a "
                               "function name or an unqualified function ARN.");
        return true;
    case LAMBDA_NO_NAME: /* it has words of its own */
        return false;
    case LAMBDA_PLAIN:
        break;
    }
    lambda_call_fail_value(call, "The function name must not have a qualifier in this operation.");
    return true;
}

bool lambda_call_is_wrong(struct lambda_call *call)
{
    if (call->wrong_type) {
        lambda_call_fail(call, 400, "SerializationException", "The member %s has another type.",
                         call->wrong_type);
        return true;
    }
    return lambda_check_answer(&call->check, call->out) || is_elsewhere(call) ||
           is_badly_qualified(call);
}

/* ---- What there is --------------------------------------------------------------------------- */

struct table *lambda_call_table(const struct lambda_call *call)
{
    return call->hooks->table(call->hooks->context);
}

const struct function *lambda_call_function(const struct lambda_call *call)
{
    return table_function(lambda_call_table(call), str_of(call->function));
}

bool lambda_call_load(struct lambda_call *call, const char *qualifier)
{
    const struct function *function = lambda_call_function(call);

    if (!function) {
        lambda_call_fail_function(call, qualifier);
        return false;
    }
    call->document = tabledoc_function_write(lambda_call_table(call), function);
    if (!call->document)
        lambda_call_fail_memory(call);
    return call->document != NULL;
}

bool lambda_call_has_revision(struct lambda_call *call, enum change_kind kind, const char *name,
                              const char *revision)
{
    char now[CHANGE_REVISION_SIZE];

    if (!revision)
        return true;
    if (change_revision(call->hooks, kind, str_of(call->function), str_of(name), now) < 0) {
        lambda_call_fail_memory(call);
        return false;
    }
    if (strcmp(revision, now) == 0)
        return true;
    lambda_call_fail(call, 412, "PreconditionFailedException",
                     "The Revision Id provided does not match the latest Revision Id. Call the "
                     "GetFunction/GetAlias API to retrieve the latest Revision Id");
    return false;
}

/* ---- Changing -------------------------------------------------------------------------------- */

/* What the table document's rules say, where no text of Lambda's says it: the first problem with
 * its place. */
static void fail_refused(struct lambda_call *call, const struct problems *problems)
{
    const struct problem *first = problems->nr > 0 ? &problems->list[0] : NULL;

    bool is_deletion = str_eq(call->request->method, STR("DELETE"));

    lambda_call_fail(call, is_deletion ? 409 : 400,
                     is_deletion ? "ResourceConflictException" : "InvalidParameterValueException",
                     "%s%s%s", first ? first->path : "", first ? ": " : "",
                     first ? first->message : "The table document does not take it.");
}

static void on_done(struct change *change, const struct change_result *result)
{
    struct lambda_call *call = change->state;

    if (result->status == CHANGE_DONE)
        call->operation->finish(call);
    else if (result->status == CHANGE_REFUSED)
        fail_refused(call, result->problems);
    else
        change_answer_failure(change, result);
}

/* Takes the document. */
static void submit(struct lambda_call *call, enum change_kind kind, json_t *document)
{
    struct change_edit edit = {
        .kind = kind, .function = call->function, .name = call->alias, .document = document};

    change_submit(call->change, &edit, 1, on_done);
}

void lambda_call_submit(struct lambda_call *call)
{
    json_t *document = call->document;

    call->document = NULL;
    submit(call, CHANGE_FUNCTION, document);
}

void lambda_call_submit_alias_take(struct lambda_call *call, json_t *document)
{
    submit(call, CHANGE_ALIAS, document);
}

void lambda_call_submit_deletion(struct lambda_call *call)
{
    submit(call, CHANGE_FUNCTION, NULL);
}

void lambda_call_answer_empty(struct lambda_call *call)
{
    call->out->status = 204;
}
