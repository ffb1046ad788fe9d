/* From calls to engines and back. */
#include "control/sfn_engine.h"

#include <stdlib.h>
#include <string.h>

#include "control/execution_engine.h"

enum { OFFERS_MAX = 16 };

/* What is out for a call. */
struct sfn_engine_wait {
    struct execution_asked *asked; /* NULL: forgotten */
    struct executions *x;
    void (*answer)(struct sfn_engine_wait *wait, json_t *body, struct sfn_call *call);
    struct store_execution
        execution; /* its strings are owned: machine, name, alias, version, ... */
    char *memory[8];
    /* Of an offer: */
    struct table *table;
    json_t *body;
    const char *operation;
    struct {
        const struct version *version;
    } offers[OFFERS_MAX];
    int nr_offers, at;
};

static void dispose(struct sfn_engine_wait *wait)
{
    for (int i = 0; i < 8; i++)
        free(wait->memory[i]);
    if (wait->table)
        table_unref(&wait->table);
    json_decref(wait->body);
    free(wait);
}

static void forget(struct execution_asked *asked)
{
    asked->engine->asked = NULL;
    asked->engine = NULL;
}

/* From now on its answer is the call's. */
static void await(struct execution_asked *asked, struct sfn_engine_wait *wait)
{
    asked->engine = wait;
    asked->forget = forget;
}

static struct sfn_engine_wait *make(struct execution_asked *asked,
                                    const struct store_execution *execution)
{
    struct sfn_engine_wait *wait = calloc(1, sizeof(*wait));
    const char **texts[8];
    bool is_whole = true;

    if (!wait)
        return NULL;
    wait->asked = asked;
    wait->x = asked->hooks->executions;
    if (!execution)
        return wait;
    wait->execution =
        (struct store_execution){.key = execution->key,
                                 .machine = execution->machine,
                                 .name = execution->name,
                                 .alias = execution->alias,
                                 .version = execution->version,
                                 .meta = execution->meta,
                                 .id = execution->id,
                                 .definition_id = execution->definition_id,
                                 .definition = execution->definition ? execution->definition : "",
                                 .started_ms = execution->started_ms,
                                 .deadline_ms = execution->deadline_ms};
    texts[0] = &wait->execution.machine;
    texts[1] = &wait->execution.name;
    texts[2] = &wait->execution.alias;
    texts[3] = &wait->execution.version;
    texts[4] = &wait->execution.meta;
    texts[5] = &wait->execution.id;
    texts[6] = &wait->execution.definition_id;
    texts[7] = &wait->execution.definition;
    for (int i = 0; i < 8; i++) {
        wait->memory[i] = strdup(*texts[i]);
        *texts[i] = wait->memory[i];
        is_whole &= wait->memory[i] != NULL;
    }
    if (is_whole)
        return wait;
    dispose(wait);
    return NULL;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void finish(struct sfn_engine_wait *wait, const struct engine_answer *answer)
{
    struct execution_asked *asked = wait->asked;
    const struct execution_told told = {
        .result = answer->status > 0 && answer->body && answer->status < 500 ? EXECUTION_REFUSED
                                                                             : EXECUTION_AWAY,
        .reason = answer->status > 0 ? "it answers with an error" : answer->reason,
        .refusal = answer->body};
    struct api_response response = {.status = 0};
    struct sfn_call call = {.hooks = wait->x->hooks, .out = &response};

    if (asked && answer->status == 200 && answer->body) {
        wait->answer(wait, answer->body, &call);
        sfn_asked_over(asked, &response);
    } else if (asked) {
        (void)!sfn_asked_fail(asked, &told, &call);
        sfn_asked_over(asked, &response);
    }
    sfn_call_fini(&call);
    dispose(wait);
}

static void on_answer(void *context, const struct engine_answer *answer)
{
    struct sfn_engine_wait *wait = context;

    if (wait->asked)
        wait->asked->engine = NULL;
    finish(wait, answer);
}

/* Passes the call on: body gets the engine's own ARN. */
static bool pass(struct execution_asked *asked, const struct execution_told *told,
                 const char *operation, json_t *body,
                 void (*answer)(struct sfn_engine_wait *wait, json_t *body, struct sfn_call *call))
{
    struct executions *x = asked->hooks->executions;
    const struct store_execution *e = told->execution;
    struct sfn_engine_wait *wait;
    struct table *table = NULL;
    char *arn = NULL;
    bool is_asked = false;

    wait = execution_engine_of(x, e, &arn, &table) ? make(asked, e) : NULL;
    if (wait) {
        wait->answer = answer;
        json_object_set_new(body, "executionArn", json_string(arn));
        is_asked = execution_engine_ask(x, table, e->machine, e->version, operation,
                                        json_incref(body), on_answer, wait) == 0;
        if (is_asked)
            await(asked, wait);
        else
            dispose(wait);
    }
    if (table)
        table_unref(&table);
    free(arn);
    json_decref(body);
    return is_asked;
}

/* Engines of before redrives say nothing of them. */
static void set_redrive(const struct sfn_engine_wait *wait, json_t *body)
{
    const char *status = json_string_value(json_object_get(body, "status"));
    bool has_failed = status && strcmp(status, "RUNNING") != 0 && strcmp(status, "SUCCEEDED") != 0;

    if (json_object_get(body, "redriveCount"))
        return;
    json_object_set_new(body, "redriveCount", json_integer(sfn_asked_redrives(&wait->execution)));
    json_object_set_new(body, "redriveStatus",
                        json_string(has_failed ? "REDRIVABLE" : "NOT_REDRIVABLE"));
}

static void answer_described(struct sfn_engine_wait *wait, json_t *body, struct sfn_call *call)
{
    json_object_del(body, "stateMachineVersionArn");
    json_object_del(body, "stateMachineAliasArn");
    sfn_asked_set_names(call, body, &wait->execution);
    set_redrive(wait, body);
    sfn_asked_set_qualifiers(call, body, &wait->execution);
    sfn_call_answer_take(call, json_incref(body));
}

bool sfn_engine_describe(struct execution_asked *asked, const struct execution_told *told)
{
    return told->execution->status == EXECUTION_RUNNING &&
           pass(asked, told, "DescribeExecution", json_object(), answer_described);
}

static void answer_history(struct sfn_engine_wait *wait, json_t *body, struct sfn_call *call)
{
    json_t *events = json_object_get(body, "events");

    for (size_t i = 0; i < json_array_size(events); i++) {
        json_t *details =
            json_object_get(json_array_get(events, i), "executionStartedEventDetails");

        if (!details)
            continue;
        json_object_del(details, "stateMachineVersionArn");
        json_object_del(details, "stateMachineAliasArn");
        sfn_asked_set_qualifiers(call, details, &wait->execution);
    }
    sfn_call_answer_take(call, json_incref(body));
}

bool sfn_engine_history(struct execution_asked *asked, const struct execution_told *told)
{
    json_t *body = asked->body ? json_copy(asked->body) : json_object();

    return pass(asked, told, "GetExecutionHistory", body, answer_history);
}

static void answer_redriven(struct sfn_engine_wait *wait, json_t *body, struct sfn_call *call)
{
    execution_reopen(wait->x, &wait->execution);
    sfn_call_answer_take(call, json_incref(body));
}

bool sfn_engine_redrive(struct execution_asked *asked, const struct execution_told *told)
{
    json_t *body = asked->body ? json_copy(asked->body) : json_object();

    return pass(asked, told, "RedriveExecution", body, answer_redriven);
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static bool offer_next(struct sfn_engine_wait *wait);

static void answer_offered(struct sfn_engine_wait *wait, json_t *body, struct sfn_call *call)
{
    (void)wait;
    sfn_call_answer_take(call, json_incref(body));
}

static void on_offered(void *context, const struct engine_answer *answer)
{
    struct sfn_engine_wait *wait = context;

    if (answer->status != 200 && wait->asked && wait->at < wait->nr_offers && offer_next(wait))
        return;
    on_answer(wait, answer);
}

static bool offer_next(struct sfn_engine_wait *wait)
{
    const struct version *version = wait->offers[wait->at++].version;
    struct str bare = machine_bare(version->function->name);
    char machine[MACHINE_BYTES_MAX + 1], name[32];

    snprintf(machine, sizeof(machine), "%.*s", STR_ARG(bare));
    snprintf(name, sizeof(name), "%.*s", STR_ARG(version->name));
    return execution_engine_ask(wait->x, wait->table, machine, name, wait->operation,
                                json_incref(wait->body), on_offered, wait) == 0;
}

static bool is_known(const struct sfn_engine_wait *wait, const struct version *version)
{
    for (int i = 0; i < wait->nr_offers; i++)
        if (strcmp(wait->offers[i].version->endpoints[0].url, version->endpoints[0].url) == 0)
            return true;
    return false;
}

static void gather(struct sfn_engine_wait *wait)
{
    struct function *const *list;
    int nr = table_functions(wait->table, &list);

    for (int i = 0; i < nr; i++)
        for (int k = 0; list[i]->machine && k < list[i]->nr_versions; k++) {
            const struct version *version = &list[i]->versions[k];

            if (version->kind == VERSION_SFN && wait->nr_offers < OFFERS_MAX &&
                !is_known(wait, version))
                wait->offers[wait->nr_offers++].version = version;
        }
}

bool sfn_engine_offer(struct execution_asked *asked, const char *operation, json_t *body)
{
    struct sfn_engine_wait *wait = make(asked, NULL);

    if (!wait)
        return false;
    wait->table = table_ref(asked->hooks->table(asked->hooks->context));
    wait->body = json_incref(body);
    wait->operation = operation;
    wait->answer = answer_offered;
    gather(wait);
    if (wait->nr_offers > 0 && offer_next(wait)) {
        await(asked, wait);
        asked->waiter->execution = asked;
        return true;
    }
    dispose(wait);
    return false;
}
