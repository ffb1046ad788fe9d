/* weir limits nothing but what a function has reserved. The account's limit is there for clients
 * that subtract from it, and so that a reservation can be too much, as for Lambda: it leaves 100 to
 * functions that have reserved nothing. */
#include "control/lambda_concurrency.h"

#include "conf/jsondoc.h"
#include "conf/tabledoc.h"
#include "control/answer.h"
#include "control/lambda_page.h"
#include "control/lambda_shape.h"

enum { ACCOUNT_MAX = 1000000, UNRESERVED_MIN = 100, PROVISIONED_ITEMS_MAX = 50 };

/* What all functions but this one ("": none) have reserved. */
static json_int_t reserved_by_others(const struct lambda_call *call, const char *function)
{
    struct function *const *list;
    int nr = table_functions(lambda_call_table(call), &list);
    json_int_t sum = 0;

    for (int i = 0; i < nr; i++)
        if (list[i]->concurrency != FUNCTION_NO_CONCURRENCY &&
            !str_eq(list[i]->name, str_of(function)))
            sum += list[i]->concurrency;
    return sum;
}

/* ---- Reserved -------------------------------------------------------------------------------- */

void lambda_concurrency_put(struct lambda_call *call)
{
    const char *member = "ReservedConcurrentExecutions";
    const json_t *wanted = lambda_call_member(call, call->body, member, JSON_INTEGER);
    json_int_t n = json_integer_value(wanted);

    lambda_call_require(call, wanted, "reservedConcurrentExecutions");
    lambda_check_range(&call->check, wanted, "reservedConcurrentExecutions", 0, INT32_MAX);
    if (lambda_call_is_wrong(call) || !lambda_call_load(call, "$LATEST"))
        return;
    if (n > ACCOUNT_MAX - UNRESERVED_MIN - reserved_by_others(call, call->function)) {
        lambda_call_fail_untyped(call, "Specified ReservedConcurrentExecutions for function "
                                       "decreases account's UnreservedConcurrentExecution below "
                                       "its minimum value of [100].");
        return;
    }
    if (json_object_set_new(call->document, "concurrency", json_integer(n)) < 0)
        lambda_call_fail_memory(call);
    else
        lambda_call_submit(call);
}

/* What the function has reserved, or {}. */
static void answer_reserved(struct lambda_call *call)
{
    const json_t *reserved = json_object_get(call->document, "concurrency");

    answer_json(call->out, 200,
                reserved ? json_pack("{s:O}", "ReservedConcurrentExecutions", reserved)
                         : json_object());
}

void lambda_concurrency_was_put(struct lambda_call *call)
{
    if (lambda_call_load(call, ""))
        answer_reserved(call);
}

void lambda_concurrency_get(struct lambda_call *call)
{
    if (!lambda_call_is_wrong(call) && lambda_call_load(call, ""))
        answer_reserved(call);
}

void lambda_concurrency_delete(struct lambda_call *call)
{
    if (lambda_call_is_wrong(call) || !lambda_call_load(call, ""))
        return;
    if (json_object_del(call->document, "concurrency") == 0)
        lambda_call_submit(call);
    else
        lambda_call_answer_empty(call);
}

void lambda_concurrency_deleted(struct lambda_call *call)
{
    lambda_call_answer_empty(call);
}

/* ---- Provisioned ----------------------------------------------------------------------------- */

/* Reads the function and checks that the qualifier names a published version or an alias.
 * unpublished: what is said of $LATEST. False: answered. */
static bool open_qualified(struct lambda_call *call, const char *unpublished)
{
    const json_t *aliases, *versions;

    if (!*call->qualifier)
        lambda_call_require(call, NULL, "qualifier");
    if (lambda_call_is_wrong(call))
        return false;
    if (strcmp(call->qualifier, "$LATEST") == 0) {
        lambda_call_fail_value(call, "%s", unpublished);
        return false;
    }
    if (!lambda_call_load(call, call->qualifier))
        return false;
    aliases = json_object_get(call->document, "aliases");
    versions = json_object_get(call->document, "versions");
    if (json_object_get(aliases, call->qualifier) || json_object_get(versions, call->qualifier))
        return true;
    lambda_call_fail_function(call, call->qualifier);
    return false;
}

void lambda_concurrency_put_provisioned(struct lambda_call *call)
{
    const char *member = "ProvisionedConcurrentExecutions";
    const json_t *wanted = lambda_call_member(call, call->body, member, JSON_INTEGER);
    const json_t *alias;

    lambda_call_require(call, wanted, "provisionedConcurrentExecutions");
    lambda_check_range(&call->check, wanted, "provisionedConcurrentExecutions", 1, INT32_MAX);
    if (!open_qualified(call, "Provisioned Concurrency Configs cannot be applied to unpublished "
                              "function versions."))
        return;
    alias = json_object_get(json_object_get(call->document, "aliases"), call->qualifier);
    if (json_object_size(json_object_get(alias, "weights")) > 1)
        lambda_call_fail_value(call, "Alias with weights can not be used with Provisioned "
                                     "Concurrency");
    else
        lambda_call_fail_value(call, "Provisioned Concurrency is not supported: weir starts no "
                                     "execution environments, and endpoints run by themselves.");
}

/* ListProvisionedConcurrencyConfigs: none. */
static void list_provisioned(struct lambda_call *call)
{
    struct lambda_page page;

    lambda_page_read(&page, call, PROVISIONED_ITEMS_MAX, PROVISIONED_ITEMS_MAX);
    if (!lambda_call_is_wrong(call) && lambda_call_load(call, ""))
        lambda_page_answer(&page, call, "ProvisionedConcurrencyConfigs");
    json_decref(page.list);
}

void lambda_concurrency_get_provisioned(struct lambda_call *call)
{
    char which[LAMBDA_TEXT];

    if (lambda_call_query(call, "List", which, sizeof(which), NULL))
        list_provisioned(call);
    else if (open_qualified(call, "The function resource provided must be an alias or a published "
                                  "version."))
        lambda_call_fail(call, 404, "ProvisionedConcurrencyConfigNotFoundException",
                         "No Provisioned Concurrency Config found for this function");
}

void lambda_concurrency_delete_provisioned(struct lambda_call *call)
{
    if (open_qualified(call, "The function resource provided must be an alias or a published "
                             "version."))
        lambda_call_answer_empty(call);
}

/* ---- The account ----------------------------------------------------------------------------- */

void lambda_concurrency_account(struct lambda_call *call)
{
    struct function *const *list;
    int nr_all = table_functions(lambda_call_table(call), &list), nr = 0;
    json_t *limit, *usage;

    for (int i = 0; i < nr_all; i++)
        nr += !list[i]->machine;

    limit = json_pack("{s:I, s:I, s:I, s:I, s:I}", "TotalCodeSize", (json_int_t)80530636800,
                      "CodeSizeUnzipped", (json_int_t)262144000, "CodeSizeZipped",
                      (json_int_t)52428800, "ConcurrentExecutions", (json_int_t)ACCOUNT_MAX,
                      "UnreservedConcurrentExecutions", ACCOUNT_MAX - reserved_by_others(call, ""));
    usage = json_pack("{s:i, s:i}", "TotalCodeSize", 0, "FunctionCount", nr);
    answer_json(call->out, 200,
                json_pack("{s:o, s:o}", "AccountLimit", limit, "AccountUsage", usage));
}
