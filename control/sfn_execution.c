/* Starting, describing and stopping executions. */
#include "control/sfn_execution.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "control/execution_snapshot.h"
#include "control/lambda_check.h"
#include "control/sfn_engine.h"
#include "control/sigv4.h"

enum { NAME_MAX_CHARACTERS = 80, TRACE_MAX = 256, ERROR_MAX = 256, CAUSE_MAX = 32768 };

#define ANY_MACHINE (1u << SFN_ARN_MACHINE | 1u << SFN_ARN_VERSION | 1u << SFN_ARN_ALIAS)

/* ---- Start ----------------------------------------------------------------------------------- */

static void answer_started(struct execution_asked *asked, const struct execution_told *told,
                           struct sfn_call *call)
{
    json_t *answer;
    char arn[EXECUTION_ARN_MAX];

    if (sfn_asked_fail(asked, told, call))
        return;
    answer = json_object();
    execution_work_arn(call->hooks->executions, told->execution, arn);
    json_object_set_new(answer, "executionArn", json_string(arn));
    sfn_asked_set_time(answer, "startDate", told->execution->started_ms);
    sfn_call_answer_take(call, answer);
}

static void set_outcome(json_t *answer, const struct store_execution *e)
{
    if (e->output) {
        sfn_asked_set_text(answer, "output", e->output, e->output_bytes);
        json_object_set_new(answer, "outputDetails", json_pack("{s:b}", "included", 1));
    }
    if (e->error)
        json_object_set_new(answer, "error", json_string(e->error));
    if (e->cause)
        json_object_set_new(answer, "cause", json_string(e->cause));
}

static void set_input(json_t *answer, const struct store_execution *e)
{
    sfn_asked_set_text(answer, "input", e->input, e->input_bytes);
    json_object_set_new(answer, "inputDetails", json_pack("{s:b}", "included", 1));
}

static void set_times(json_t *answer, const struct store_execution *e)
{
    sfn_asked_set_time(answer, "startDate", e->started_ms);
    if (e->stopped_ms > 0)
        sfn_asked_set_time(answer, "stopDate", e->stopped_ms);
}

static void answer_sync(struct execution_asked *asked, const struct execution_told *told,
                        struct sfn_call *call)
{
    const struct store_execution *e = told->execution;
    json_t *answer;

    if (sfn_asked_fail(asked, told, call))
        return;
    answer = json_object();
    sfn_asked_set_names(call, answer, e);
    set_times(answer, e);
    json_object_set_new(answer, "status", json_string(execution_rows_statuses[e->status]));
    set_input(answer, e);
    set_outcome(answer, e);
    json_object_set_new(answer, "billingDetails",
                        json_pack("{s:i, s:I}", "billedMemoryUsedInMB", 64,
                                  "billedDurationInMilliseconds",
                                  (json_int_t)((e->stopped_ms - e->started_ms + 99) / 100 * 100)));
    sfn_call_answer_take(call, answer);
}

/* The field of this name; empty: none. */
static struct str field_of(const struct api_request *request, const char *name)
{
    for (int i = 0; i < request->nr_fields; i++)
        if (str_ieq(request->fields[i].name, str_of(name)))
            return request->fields[i].value;
    return STR("");
}

/* A name for all attempts of one call, by amz-sdk-invocation-id; false: there is none. */
static bool make_retry_name(const struct sfn_call *call, const struct sfn_arn *arn,
                            struct str input, char out[ID_LENGTH + 1])
{
    struct str id = field_of(call->request, "amz-sdk-invocation-id");
    const struct str parts[] = {id, arn->text, input};
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct buffer text = {0};
    uint64_t words[2];

    if (id.n == 0)
        return false;
    for (size_t i = 0; i < 3; i++) {
        buffer_add(&text, parts[i]);
        buffer_char(&text, '\n');
    }
    if (text.is_out) {
        buffer_fini(&text);
        return false;
    }
    SHA256((const unsigned char *)text.p, text.n, hash);
    buffer_fini(&text);
    memcpy(words, hash, sizeof(words));
    id_write(out, words[0], words[1]);
    out[ID_LENGTH] = '\0';
    return true;
}

static char *make_meta(const struct sfn_arn *arn, const char *trace)
{
    json_t *meta = json_object();
    char *text;

    if (arn->kind == SFN_ARN_MACHINE)
        json_object_set_new(meta, "plain", json_true());
    if (trace)
        json_object_set_new(meta, "traceHeader", json_string(trace));
    text = json_dumps(meta, JSON_COMPACT);
    json_decref(meta);
    return text;
}

static enum api_outcome begin(struct sfn_call *call, struct api_waiter *waiter,
                              const struct sfn_arn *arn, struct execution_start *start,
                              struct str input)
{
    char retry_name[ID_LENGTH + 1];
    char *meta = make_meta(arn, sfn_call_text(call, "traceHeader"));
    struct execution_asked *asked =
        sfn_asked_make(call, waiter, arn->text.p, start->is_sync ? answer_sync : answer_started);
    enum execution_result result;

    if (!asked || !meta) {
        free(meta);
        return API_ANSWERED;
    }
    asked->input = strndup(input.p, input.n);
    asked->input_bytes = input.n;
    asked->wait.input = (struct str){asked->input, input.n};
    start->meta = meta;
    if (!start->name && !start->is_express && make_retry_name(call, arn, input, retry_name)) {
        start->name = retry_name;
        start->is_retry_name = true;
    }
    result = asked->input ? execution_start_begin(call->hooks->executions, start, &asked->wait)
                          : EXECUTION_NO_MEMORY;
    free(meta);
    return sfn_asked_result(asked, call, result);
}

static enum api_outcome start(struct sfn_call *call, struct api_waiter *waiter, bool is_sync)
{
    const char *name = sfn_call_text(call, "name"), *trace = sfn_call_text(call, "traceHeader");
    struct execution_start start = {.name = name, .is_sync = is_sync};
    const struct target *target;
    struct sfn_arn arn;
    struct str input;

    lambda_check_length(&call->check, name, "name", 1, NAME_MAX_CHARACTERS);
    lambda_check_length(&call->check, trace, "traceHeader", 0, TRACE_MAX);
    if (!sfn_call_arn(call, "stateMachineArn", ANY_MACHINE, &arn))
        return API_ANSWERED;
    if (name && !machine_is_name(str_of(name)))
        sfn_call_fail(call, "InvalidName", "Invalid Name: '%s'", name);
    target = call->is_over ? NULL : sfn_call_target(call, &arn);
    if (!target)
        return API_ANSWERED;
    start.machine = arn.name;
    start.qualifier = target->alias.n > 0 ? target->alias : target->arms[0].version->name;
    start.is_express = target->function->machine->is_express;
    if (is_sync && !start.is_express)
        sfn_call_fail(call, "StateMachineTypeNotSupported",
                      "This operation is not supported by this type of state machine");
    input = sfn_asked_json(call, "input", "InvalidExecutionInput",
                           "Invalid State Machine Execution Input");
    if (call->is_over)
        return API_ANSWERED;
    return begin(call, waiter, &arn, &start, input.p ? input : STR("{}"));
}

enum api_outcome sfn_execution_start(struct sfn_call *call, struct api_waiter *waiter)
{
    return start(call, waiter, false);
}

enum api_outcome sfn_execution_start_sync(struct sfn_call *call, struct api_waiter *waiter)
{
    return start(call, waiter, true);
}

/* ---- One execution --------------------------------------------------------------------------- */

static void text_of(struct str s, char out[SFN_ARN_NAME_MAX + 1])
{
    snprintf(out, SFN_ARN_NAME_MAX + 1, "%.*s", STR_ARG(s));
}

/* Has the execution that the call names looked up. */
static enum api_outcome find(struct sfn_call *call, struct api_waiter *waiter,
                             void (*answer)(struct execution_asked *asked,
                                            const struct execution_told *told,
                                            struct sfn_call *call),
                             const struct execution_asked *wishes)
{
    char machine[SFN_ARN_NAME_MAX + 1], name[SFN_ARN_NAME_MAX + 1];
    struct execution_asked *asked;
    struct sfn_arn arn;

    if (!sfn_call_arn(call, "executionArn", 1u << SFN_ARN_EXECUTION, &arn))
        return API_ANSWERED;
    asked = sfn_asked_make(call, waiter, arn.text.p, answer);
    if (!asked)
        return API_ANSWERED;
    if (wishes) {
        asked->max = wishes->max;
        asked->after = wishes->after;
        asked->is_reverse = wishes->is_reverse;
        asked->has_no_data = wishes->has_no_data;
        asked->is_other_token = wishes->is_other_token;
        asked->go_on = wishes->go_on;
        asked->body = json_incref(call->body);
    }
    text_of(arn.name, machine);
    text_of(arn.qualifier, name);
    return sfn_asked_result(asked, call,
                            execution_find(call->hooks->executions, machine, name, &asked->wait));
}

static void set_redrive(json_t *answer, const struct store_execution *e)
{
    char reason[100];
    bool has_engine = strstr(e->meta, "\"engine\"") != NULL;

    json_object_set_new(answer, "redriveCount", json_integer(sfn_asked_redrives(e)));
    if (has_engine && e->status != EXECUTION_RUNNING && e->status != EXECUTION_SUCCEEDED) {
        json_object_set_new(answer, "redriveStatus", json_string("REDRIVABLE"));
        return;
    }
    snprintf(reason, sizeof(reason), "Execution is %s and cannot be redriven",
             execution_rows_statuses[e->status]);
    json_object_set_new(answer, "redriveStatus", json_string("NOT_REDRIVABLE"));
    json_object_set_new(answer, "redriveStatusReason", json_string(reason));
}

static void answer_described(struct execution_asked *asked, const struct execution_told *told,
                             struct sfn_call *call)
{
    const struct store_execution *e = told->execution;
    json_t *answer, *meta, *trace;

    if (sfn_asked_fail(asked, told, call))
        return;
    answer = json_object();
    sfn_asked_set_names(call, answer, e);
    json_object_set_new(answer, "status", json_string(execution_rows_statuses[e->status]));
    set_times(answer, e);
    set_input(answer, e);
    set_outcome(answer, e);
    sfn_asked_set_qualifiers(call, answer, e);
    meta = json_loads(e->meta, 0, NULL);
    trace = json_object_get(meta, "traceHeader");
    if (trace)
        json_object_set(answer, "traceHeader", trace);
    json_decref(meta);
    set_redrive(answer, e);
    sfn_call_answer_take(call, answer);
}

enum api_outcome sfn_execution_describe(struct sfn_call *call, struct api_waiter *waiter)
{
    const struct execution_asked wishes = {.go_on = sfn_engine_describe};

    return find(call, waiter, answer_described, &wishes);
}

static void answer_machine(struct execution_asked *asked, const struct execution_told *told,
                           struct sfn_call *call)
{
    json_t *answer;

    if (sfn_asked_fail(asked, told, call))
        return;
    answer = execution_snapshot_describe(call->hooks, told->execution);
    sfn_call_answer_take(call, answer);
}

enum api_outcome sfn_execution_describe_machine(struct sfn_call *call, struct api_waiter *waiter)
{
    return find(call, waiter, answer_machine, NULL);
}

/* ---- Stop and redrive ------------------------------------------------------------------------ */

static void answer_stopped(struct execution_asked *asked, const struct execution_told *told,
                           struct sfn_call *call)
{
    json_t *answer;

    if (sfn_asked_fail(asked, told, call))
        return;
    answer = json_object();
    sfn_asked_set_time(answer, "stopDate", told->execution->stopped_ms);
    sfn_call_answer_take(call, answer);
}

enum api_outcome sfn_execution_stop(struct sfn_call *call, struct api_waiter *waiter)
{
    const char *error = sfn_call_text(call, "error"), *cause = sfn_call_text(call, "cause");
    char machine[SFN_ARN_NAME_MAX + 1], name[SFN_ARN_NAME_MAX + 1];
    struct execution_asked *asked;
    struct sfn_arn arn;

    lambda_check_length(&call->check, error, "error", 0, ERROR_MAX);
    lambda_check_length(&call->check, cause, "cause", 0, CAUSE_MAX);
    if (!sfn_call_arn(call, "executionArn", 1u << SFN_ARN_EXECUTION, &arn))
        return API_ANSWERED;
    asked = sfn_asked_make(call, waiter, arn.text.p, answer_stopped);
    if (!asked)
        return API_ANSWERED;
    text_of(arn.name, machine);
    text_of(arn.qualifier, name);
    return sfn_asked_result(
        asked, call,
        execution_stop(call->hooks->executions, machine, name, error, cause, &asked->wait));
}

static void answer_redriven(struct execution_asked *asked, const struct execution_told *told,
                            struct sfn_call *call)
{
    if (sfn_asked_fail(asked, told, call))
        return;
    sfn_call_fail(call, "ExecutionNotRedrivable",
                  "Execution Not Redrivable: '%s': it has no states to begin at again; start "
                  "another one.",
                  asked->arn);
}

enum api_outcome sfn_execution_redrive(struct sfn_call *call, struct api_waiter *waiter)
{
    const struct execution_asked wishes = {.go_on = sfn_engine_redrive};
    const char *token = sfn_call_text(call, "clientToken");

    lambda_check_length(&call->check, token, "clientToken", 1, 64);
    return find(call, waiter, answer_redriven, &wishes);
}

/* ---- History --------------------------------------------------------------------------------- */

static json_t *make_event(uint64_t ms, int id, const char *type, const char *details_name,
                          json_t *details)
{
    json_t *event = json_object();

    sfn_asked_set_time(event, "timestamp", ms);
    json_object_set_new(event, "type", json_string(type));
    json_object_set_new(event, "id", json_integer(id));
    json_object_set_new(event, "previousEventId", json_integer(id - 1));
    json_object_set_new(event, details_name, details);
    return event;
}

static json_t *first_event(const struct sfn_call *call, const struct store_execution *e,
                           bool has_no_data)
{
    json_t *details = json_object(), *machine = execution_snapshot_describe(call->hooks, e);
    json_t *role = json_object_get(machine, "roleArn");

    if (!has_no_data) {
        sfn_asked_set_text(details, "input", e->input, e->input_bytes);
        json_object_set_new(details, "inputDetails", json_pack("{s:b}", "truncated", 0));
    }
    json_object_set_new(details, "roleArn", role ? json_incref(role) : json_string(""));
    sfn_asked_set_qualifiers(call, details, e);
    json_decref(machine);
    return make_event(e->started_ms, 1, "ExecutionStarted", "executionStartedEventDetails",
                      details);
}

static json_t *last_event(const struct store_execution *e, bool has_no_data)
{
    static const char *const types[EXECUTION_STATUSES][2] = {
        [EXECUTION_SUCCEEDED] = {"ExecutionSucceeded", "executionSucceededEventDetails"},
        [EXECUTION_FAILED] = {"ExecutionFailed", "executionFailedEventDetails"},
        [EXECUTION_TIMED_OUT] = {"ExecutionTimedOut", "executionTimedOutEventDetails"},
        [EXECUTION_ABORTED] = {"ExecutionAborted", "executionAbortedEventDetails"}};
    json_t *details = json_object();

    if (e->output && !has_no_data) {
        sfn_asked_set_text(details, "output", e->output, e->output_bytes);
        json_object_set_new(details, "outputDetails", json_pack("{s:b}", "truncated", 0));
    }
    if (e->error)
        json_object_set_new(details, "error", json_string(e->error));
    if (e->cause)
        json_object_set_new(details, "cause", json_string(e->cause));
    return make_event(e->stopped_ms, 2, types[e->status][0], types[e->status][1], details);
}

static json_t *all_events(const struct execution_asked *asked, const struct sfn_call *call,
                          const struct store_execution *e)
{
    json_t *events = json_array();

    json_array_append_new(events, first_event(call, e, asked->has_no_data));
    if (e->status == EXECUTION_RUNNING)
        return events;
    if (asked->is_reverse)
        json_array_insert_new(events, 0, last_event(e, asked->has_no_data));
    else
        json_array_append_new(events, last_event(e, asked->has_no_data));
    return events;
}

static void answer_history(struct execution_asked *asked, const struct execution_told *told,
                           struct sfn_call *call)
{
    json_t *answer, *events, *page;
    size_t nr, end;

    if (sfn_asked_fail(asked, told, call))
        return;
    if (asked->is_other_token) {
        sfn_call_fail(call, "InvalidToken", "Invalid Token: 'Invalid token'");
        return;
    }
    events = all_events(asked, call, told->execution);
    nr = json_array_size(events);
    page = json_array();
    end = asked->after + asked->max < nr ? asked->after + asked->max : nr;
    for (size_t i = asked->after; i < end; i++)
        json_array_append(page, json_array_get(events, i));
    answer = json_pack("{s:o}", "events", page);
    if (end < nr)
        json_object_set_new(answer, "nextToken", sfn_asked_token(end));
    json_decref(events);
    sfn_call_answer_take(call, answer);
}

enum api_outcome sfn_execution_history(struct sfn_call *call, struct api_waiter *waiter)
{
    struct execution_asked wishes = {.go_on = sfn_engine_history};
    const json_t *reverse = sfn_call_member(call, call->body, "reverseOrder", JSON_TRUE);
    const json_t *data = sfn_call_member(call, call->body, "includeExecutionData", JSON_TRUE);

    const char *token = sfn_call_text(call, "nextToken");

    /* A token that is not weir's may be an engine's. */
    wishes.is_other_token = token && !sfn_asked_is_token(token);
    if (wishes.is_other_token)
        lambda_check_length(&call->check, token, "nextToken", 1, 1024);
    else if (!sfn_asked_page(call, &wishes.max, &wishes.after))
        return API_ANSWERED;
    wishes.is_reverse = json_is_true(reverse);
    wishes.has_no_data = json_is_false(data);
    return find(call, waiter, answer_history, &wishes);
}
