/* From calls to waiters and back. */
#include "control/sfn_asked.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/jsoncheck.h"
#include "control/ending.h"
#include "control/lambda_check.h"

static void dispose(struct execution_asked *asked)
{
    free(asked->arn);
    free(asked->input);
    json_decref(asked->body);
    free(asked);
}

static void on_told(struct execution_wait *wait, const struct execution_told *told)
{
    sfn_asked_tell((struct execution_asked *)wait, told);
}

struct execution_asked *
sfn_asked_make(struct sfn_call *call, struct api_waiter *waiter, const char *arn,
               void (*answer)(struct execution_asked *asked, const struct execution_told *told,
                              struct sfn_call *call))
{
    struct execution_asked *asked = calloc(1, sizeof(*asked));

    if (!asked) {
        sfn_call_fail_memory(call);
        return NULL;
    }
    asked->wait.told = on_told;
    asked->waiter = waiter;
    asked->hooks = call->hooks;
    asked->answer = answer;
    asked->arn = strdup(arn);
    if (asked->arn)
        return asked;
    dispose(asked);
    sfn_call_fail_memory(call);
    return NULL;
}

enum api_outcome sfn_asked_result(struct execution_asked *asked, struct sfn_call *call,
                                  enum execution_result result)
{
    const struct execution_told told = {.result = result, .reason = "weir is ending"};

    if (result == EXECUTION_OK) {
        asked->waiter->execution = asked;
        return API_LATER;
    }
    asked->answer(asked, &told, call);
    dispose(asked);
    return API_ANSWERED;
}

void sfn_asked_tell(struct execution_asked *asked, const struct execution_told *told)
{
    struct api_response response = {.status = 0};
    struct sfn_call call = {.hooks = asked->hooks, .out = &response};

    if (told->result == EXECUTION_OK && asked->go_on && asked->go_on(asked, told))
        return;
    asked->answer(asked, told, &call);
    assert(call.is_over);
    sfn_call_fini(&call);
    sfn_asked_over(asked, &response);
}

void sfn_asked_over(struct execution_asked *asked, struct api_response *response)
{
    struct api_waiter *waiter = asked->waiter;

    dispose(asked);
    waiter->execution = NULL;
    waiter->answered(waiter, response);
}

void sfn_asked_forget(struct api_waiter *waiter)
{
    struct execution_asked *asked = waiter->execution;

    waiter->execution = NULL;
    execution_work_forget(&asked->wait);
    if (asked->engine)
        asked->forget(asked);
    dispose(asked);
}

/* ---- Common parts ---------------------------------------------------------------------------- */

bool sfn_asked_fail(struct execution_asked *asked, const struct execution_told *told,
                    struct sfn_call *call)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);
    char arn[EXECUTION_ARN_MAX];

    switch (told->result) {
    case EXECUTION_OK:
        return false;
    case EXECUTION_EXISTS:
        if (told->execution)
            execution_work_arn(call->hooks->executions, told->execution, arn);
        sfn_call_fail(call, "ExecutionAlreadyExists", "Execution Already Exists: '%s'",
                      told->execution ? arn : asked->arn);
        return true;
    case EXECUTION_NO_MACHINE:
        sfn_call_fail(call, "StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'",
                      asked->arn);
        return true;
    case EXECUTION_NONE:
        sfn_call_fail(call, "ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", asked->arn);
        return true;
    case EXECUTION_TOO_MANY:
        sfn_call_fail(call, "ExecutionLimitExceeded",
                      "%u executions run, which is all that executions.max allows.",
                      settings->executions.max);
        return true;
    case EXECUTION_NO_STORE:
        sfn_call_fail(call, "ValidationException",
                      "StartExecution needs a place where executions are kept: set "
                      "state.directory, or use StartSyncExecution.");
        return true;
    case EXECUTION_AWAY:
        sfn_call_fail(call, "ServiceUnavailable", "The engine that runs it cannot be reached: %s",
                      told->reason ? told->reason : "it was away for too long");
        call->out->status = 503;
        return true;
    case EXECUTION_REFUSED:
        sfn_call_answer_take(call, json_incref(told->refusal));
        if (call->out->status == 200)
            call->out->status = 400;
        return true;
    case EXECUTION_NO_MEMORY:
        sfn_call_fail_memory(call);
        return true;
    default:
        sfn_call_fail(call, "ServiceUnavailable", "It could not be stored or read: %s.",
                      told->reason ? told->reason : "unknown");
        call->out->status = 503;
        return true;
    }
}

static struct arn_home home_of(const struct sfn_call *call)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);

    return (struct arn_home){str_of(settings->aws.region), str_of(settings->aws.account_id)};
}

static void set_arn(const struct sfn_call *call, json_t *object, const char *member,
                    const char *machine, const char *qualifier)
{
    struct arn_home home = home_of(call);
    char arn[SFN_ARN_MAX];

    sfn_arn_write(&home, "stateMachine", str_of(machine), str_of(qualifier), arn);
    json_object_set_new(object, member, json_string(arn));
}

/* Whether it was started by the machine's plain ARN. */
static bool is_plain(const struct store_execution *execution)
{
    return strstr(execution->meta, "\"plain\"") != NULL;
}

void sfn_asked_set_qualifiers(const struct sfn_call *call, json_t *object,
                              const struct store_execution *execution)
{
    if (is_plain(execution))
        return;
    set_arn(call, object, "stateMachineVersionArn", execution->machine, execution->version);
    if (execution->alias[0])
        set_arn(call, object, "stateMachineAliasArn", execution->machine, execution->alias);
}

void sfn_asked_set_names(const struct sfn_call *call, json_t *object,
                         const struct store_execution *execution)
{
    struct str name = str_until(str_of(execution->name), ':'); /* of an EXPRESS one */
    char arn[EXECUTION_ARN_MAX];

    execution_work_arn(call->hooks->executions, execution, arn);
    json_object_set_new(object, "executionArn", json_string(arn));
    set_arn(call, object, "stateMachineArn", execution->machine, "");
    json_object_set_new(object, "name", json_stringn(name.p, name.n));
}

json_int_t sfn_asked_redrives(const struct store_execution *execution)
{
    json_t *meta = json_loads(execution->meta, 0, NULL);
    json_int_t nr = json_integer_value(json_object_get(meta, "redrives"));

    json_decref(meta);
    return nr;
}

void sfn_asked_set_time(json_t *object, const char *member, uint64_t ms)
{
    json_object_set_new(object, member, json_real((double)ms / 1000));
}

void sfn_asked_set_text(json_t *object, const char *member, const void *bytes, size_t n)
{
    json_object_set_new(object, member, json_stringn(bytes ? bytes : "", n));
}

/* ---- JSON in texts --------------------------------------------------------------------------- */

/* As Step Functions says it where a word is none of JSON's. */
static void fail_json(struct sfn_call *call, const char *type, const char *what, struct str text)
{
    const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$";
    char reason[JSONCHECK_REASON_MAX];
    struct jsoncheck check = {0};
    size_t blank = strspn(text.p, " \t\r\n"), n = strspn(text.p + blank, letters);

    if (n > 0 && n < 100 && (text.p[blank] < '0' || text.p[blank] > '9')) {
        sfn_call_fail(call, type,
                      "%s: 'Unrecognized token '%.*s': was expecting (JSON String, Number, Array, "
                      "Object or token 'null', 'true' or 'false')'",
                      what, (int)n, text.p + blank);
        return;
    }
    if (jsoncheck_feed(&check, text))
        (void)jsoncheck_end(&check);
    jsoncheck_reason(&check, reason);
    sfn_call_fail(call, type, "%s: '%s'", what, reason);
}

struct str sfn_asked_json(struct sfn_call *call, const char *member, const char *type,
                          const char *what)
{
    const json_t *value = sfn_call_member(call, call->body, member, JSON_STRING);
    struct str text = {json_string_value(value), json_string_length(value)};

    if (text.n > ENDING_OUTPUT_MAX)
        sfn_call_fail(call, "ValidationException",
                      "1 validation error detected: Value at '%s' failed to satisfy constraint: "
                      "Member must have length less than or equal to 262144",
                      member);
    else if (value && !ending_is_json(text))
        fail_json(call, type, what, text);
    return call->is_over ? (struct str){NULL, 0} : text;
}

/* ---- Pages ----------------------------------------------------------------------------------- */

json_t *sfn_asked_token(uint64_t after)
{
    char text[40], token[80];
    int n = snprintf(text, sizeof(text), "weir1:%llu", (unsigned long long)after);

    *base64_put(token, (struct str){text, (size_t)n}) = '\0';
    return json_string(token);
}

bool sfn_asked_is_token(const char *token)
{
    char text[128];
    ptrdiff_t n = strlen(token) < 80 ? base64_read(text, str_of(token)) : -1;

    return n > 6 && memcmp(text, "weir1:", 6) == 0;
}

bool sfn_asked_page(struct sfn_call *call, uint32_t *max, uint64_t *after)
{
    struct sfn_page page;
    char *end;

    sfn_call_page(call, &page);
    if (sfn_call_is_wrong(call))
        return false;
    *max = (uint32_t)page.max;
    *after = strtoull(page.after, &end, 10);
    if (!page.after[0] || (*end == '\0' && *after > 0))
        return true;
    sfn_call_fail(call, "InvalidToken", "Invalid Token: 'Invalid token'");
    return false;
}
