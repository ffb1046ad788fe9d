/* ListExecutions: pages of the newest first. A page begins below the last execution of the one
 * before, so it is the same whatever was started meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "control/lambda_check.h"
#include "control/sfn_execution.h"

#define ANY_MACHINE (1u << SFN_ARN_MACHINE | 1u << SFN_ARN_VERSION | 1u << SFN_ARN_ALIAS)

static json_t *show(const struct sfn_call *call, const struct store_execution *e)
{
    json_t *item = json_object();

    sfn_asked_set_names(call, item, e);
    json_object_set_new(item, "status", json_string(execution_rows_statuses[e->status]));
    sfn_asked_set_time(item, "startDate", e->started_ms);
    if (e->stopped_ms > 0)
        sfn_asked_set_time(item, "stopDate", e->stopped_ms);
    sfn_asked_set_qualifiers(call, item, e);
    json_object_set_new(item, "redriveCount", json_integer(sfn_asked_redrives(e)));
    return item;
}

/* One more than the page has was asked for: it says whether there is another page. */
static void answer_list(struct execution_asked *asked, const struct execution_told *told,
                        struct sfn_call *call)
{
    json_t *items, *answer;
    int nr = told->nr;

    if (sfn_asked_fail(asked, told, call))
        return;
    items = json_array();
    for (int i = 0; i < nr && (uint32_t)i < asked->max; i++)
        if (!execution_is_unanswered(call->hooks->executions, told->execution[i].key))
            json_array_append_new(items, show(call, &told->execution[i]));
    answer = json_pack("{s:o}", "executions", items);
    if (nr > 0 && (uint32_t)nr > asked->max)
        json_object_set_new(answer, "nextToken",
                            sfn_asked_token(told->execution[asked->max - 1].key));
    sfn_call_answer_take(call, answer);
}

static void check_filters(struct sfn_call *call, const char *status, const char *redrive)
{
    lambda_check_choice(&call->check, status, "statusFilter",
                        "[SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]");
    lambda_check_choice(&call->check, redrive, "redriveFilter", "[REDRIVEN, NOT_REDRIVEN]");
}

/* False: it has failed. */
static bool check_machine(struct sfn_call *call, const struct sfn_arn *arn)
{
    const struct target *target = sfn_call_target(call, arn);

    if (!target)
        return false;
    if (!target->function->machine->is_express)
        return true;
    sfn_call_fail(call, "StateMachineTypeNotSupported",
                  "This operation is not supported by this type of state machine");
    return false;
}

static void query_of(const struct sfn_arn *arn, struct execution_asked *asked, char *name,
                     struct store_execution_query *query)
{
    size_t n = arn->qualifier.n < SFN_ARN_NAME_MAX ? arn->qualifier.n : SFN_ARN_NAME_MAX;

    memcpy(name, arn->qualifier.p ? arn->qualifier.p : "", n);
    name[n] = '\0';
    memcpy(asked->machine, arn->name.p, arn->name.n);
    asked->machine[arn->name.n] = '\0';
    query->machine = asked->machine;
    query->before_key = asked->after;
    query->limit = (int)asked->max + 1;
    query->version = arn->kind == SFN_ARN_VERSION ? name : NULL;
    query->alias = arn->kind == SFN_ARN_ALIAS ? name : NULL;
}

enum api_outcome sfn_execution_list(struct sfn_call *call, struct api_waiter *waiter)
{
    const char *status = sfn_call_text(call, "statusFilter");
    const char *redrive = sfn_call_text(call, "redriveFilter");
    bool has_machine = sfn_call_text(call, "stateMachineArn") != NULL;
    bool has_map_run = sfn_call_text(call, "mapRunArn") != NULL;
    struct store_execution_query query = {.status = status};
    char name[SFN_ARN_NAME_MAX + 1];
    struct execution_asked *asked;
    struct sfn_arn arn;
    uint32_t max;
    uint64_t after;

    check_filters(call, status, redrive);
    if (!sfn_asked_page(call, &max, &after))
        return API_ANSWERED;
    if (has_machine == has_map_run || has_map_run) {
        sfn_call_fail_reason(call, "MISSING_REQUIRED_PARAMETER",
                             "Must provide a StateMachine ARN (weir has no map runs)");
        return API_ANSWERED;
    }
    if (!sfn_call_arn(call, "stateMachineArn", ANY_MACHINE, &arn) || !check_machine(call, &arn))
        return API_ANSWERED;
    if (redrive && strcmp(redrive, "REDRIVEN") == 0)
        query.status = "none";
    asked = sfn_asked_make(call, waiter, arn.text.p, answer_list);
    if (!asked)
        return API_ANSWERED;
    asked->max = max;
    asked->after = after;
    query_of(&arn, asked, name, &query);
    return sfn_asked_result(asked, call,
                            execution_list(call->hooks->executions, &query, &asked->wait));
}
