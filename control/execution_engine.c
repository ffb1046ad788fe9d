/* Calls of engines: Step Functions' wire, as a client. */
#include "control/execution_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/execution_snapshot.h"
#include "control/execution_tell.h"
#include "control/execution_work.h"
#include "router/machine.h"

/* ANSWER_MAX: a description with an input and an output, each escaped. AWAY_MS: so long the version
 * of a start is kept that found its engine away. */
enum { ANSWER_MAX = 8 << 20, LIMIT_MS = 60000, SYNC_LIMIT_MS = 330000, AWAY_MS = 300000 };

/* ---- Calls ----------------------------------------------------------------------------------- */

struct asking {
    void (*over)(void *context, const struct engine_answer *answer);
    void *context;
};

static void on_over(struct run *run)
{
    struct asking *asking = run->context;
    struct engine_answer answer = {.status = 0, .reason = run->reason};

    if (asking && run->end == RUN_ANSWERED) {
        answer.status = run->status;
        answer.body = json_loadb(run->body_bytes > 0 ? run->body : " ",
                                 run->body_bytes > 0 ? run->body_bytes : 1, JSON_ALLOW_NUL, NULL);
    } else if (run->end == RUN_TOO_LARGE) {
        answer.reason = "its answer is too long";
    } else if (run->end == RUN_CUT) {
        answer.reason = "weir is ending";
    }
    if (asking)
        asking->over(asking->context, &answer);
    json_decref(answer.body);
    free(asking);
    run_free(&run);
}

int execution_engine_ask(struct executions *x, struct table *table, const char *machine,
                         const char *version, const char *operation, json_t *body,
                         void (*over)(void *context, const struct engine_answer *answer),
                         void *context)
{
    char full[MACHINE_BYTES_MAX + 1], fields[200];
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct asking *asking = malloc(sizeof(*asking));
    struct run_spec spec = {.table = table,
                            .function = full,
                            .qualifier = "",
                            .version = version,
                            .fields = fields,
                            .input = text,
                            .input_bytes = text ? strlen(text) : 0,
                            .content_type = "application/x-amz-json-1.0",
                            .max_bytes = ANSWER_MAX,
                            .limit_ms = strcmp(operation, "StartSyncExecution") == 0 ? SYNC_LIMIT_MS
                                                                                     : LIMIT_MS,
                            .over = on_over,
                            .context = asking};
    struct run *run = NULL;

    /* Engines check no signature, but some want to see one. */
    snprintf(fields, sizeof(fields), "X-Amz-Target: AWSStepFunctions.%s\r\n", operation);
    if (text && asking && machine_full(str_of(machine), full))
        run = run_make(&spec);
    json_decref(body);
    free(text);
    if (!run) {
        free(asking);
        return -1;
    }
    *asking = (struct asking){over, context};
    id_make(&x->rng, run->id);
    x->hooks->run(x->hooks->context, run);
    return 0;
}

/* ---- Executions ------------------------------------------------------------------------------ */

/* An execution for which a call is out; it may have gone when the answer comes. */
struct pending {
    struct executions *x;
    uint64_t key;
};

static struct execution *take(struct pending *pending)
{
    struct execution *e =
        pending->x->is_ending ? NULL : execution_work_by_key(pending->x, pending->key);

    free(pending);
    return e;
}

/* Asks for an execution that is stored; takes body. False: it is tried again. */
static bool ask(struct execution *e, const char *operation, json_t *body,
                void (*over)(void *context, const struct engine_answer *answer))
{
    struct pending *pending = malloc(sizeof(*pending));

    if (pending)
        *pending = (struct pending){e->x, e->record.key};
    if (pending && e->table &&
        execution_engine_ask(e->x, e->table, e->record.machine, e->record.version, operation, body,
                             over, pending) == 0)
        return true;
    free(pending);
    execution_work_set_again(e, EXECUTION_STORE_AGAIN_MS);
    return false;
}

static const char *text_of(const json_t *body, const char *member)
{
    return json_string_value(json_object_get(body, member));
}

static char *arn_of(const char *meta)
{
    json_t *json = json_loads(meta, 0, NULL);
    const char *arn = text_of(json, "engine");
    char *copy = arn ? strdup(arn) : NULL;

    json_decref(json);
    return copy;
}

bool execution_engine_of(struct executions *x, const struct store_execution *execution, char **arn,
                         struct table **table)
{
    *arn = arn_of(execution->meta);
    *table = *arn ? execution_snapshot_table(x->hooks, execution->machine, execution->version,
                                             execution->definition_id, execution->definition)
                  : NULL;
    if (*table)
        return true;
    free(*arn);
    *arn = NULL;
    return false;
}

/* ---- The end --------------------------------------------------------------------------------- */

/* What an engine says of one that has ended. */
static void take_end(struct ending *ending, const json_t *body, const char *status)
{
    const json_t *output = json_object_get(body, "output");

    if (strcmp(status, "SUCCEEDED") == 0) {
        ending_succeed(ending,
                       (struct str){json_string_value(output) ? json_string_value(output) : "null",
                                    json_string_value(output) ? json_string_length(output) : 4});
        return;
    }
    ending_fail(ending,
                strcmp(status, "TIMED_OUT") == 0 ? EXECUTION_TIMED_OUT
                : strcmp(status, "ABORTED") == 0 ? EXECUTION_ABORTED
                                                 : EXECUTION_FAILED,
                text_of(body, "error"), text_of(body, "cause"));
    ending->is_blamed = ending->status != EXECUTION_ABORTED;
}

static void finish(struct execution *e, const json_t *body, const char *status)
{
    struct ending ending = {.status = EXECUTION_RUNNING};

    take_end(&ending, body, status);
    e->is_over_there = true;
    execution_work_finish_take(e, &ending);
}

static void lose(struct execution *e)
{
    struct ending ending = {.status = EXECUTION_RUNNING};

    ending_fail(&ending, EXECUTION_FAILED, "Weir.Lost",
                "The engine does not know this execution any more.");
    e->is_over_there = true;
    execution_work_finish_take(e, &ending);
}

/* An engine that describes no EXPRESS executions, as AWS: weir knows that it began, and no more. */
static void leave(struct execution *e)
{
    struct ending ending = {.status = EXECUTION_RUNNING};

    ending_succeed(&ending, STR("null"));
    if (e->counts->running > 0)
        e->counts->running--;
    e->counts = NULL;
    e->is_over_there = true;
    execution_work_finish_take(e, &ending);
}

static void on_described(void *context, const struct engine_answer *answer)
{
    struct execution *e = take(context);
    const char *status = text_of(answer->body, "status");
    const char *type = text_of(answer->body, "__type");

    if (!e || e->at != EXECUTION_AT_WAITING)
        return;
    if (answer->status == 200 && status && strcmp(status, "RUNNING") != 0 &&
        strcmp(status, "PENDING_REDRIVE") != 0)
        finish(e, answer->body, status);
    else if (answer->status == 400 && e->record.is_express)
        leave(e);
    else if (answer->status == 400 && type && strstr(type, "ExecutionDoesNotExist"))
        lose(e);
    else
        execution_engine_follow(e);
}

void execution_engine_follow(struct execution *e)
{
    const struct settings *settings = e->x->hooks->settings(e->x->hooks->context);

    execution_work_set_again(e, settings->step_functions.poll_ms);
}

static void poll(struct execution *e)
{
    char *arn = arn_of(e->record.meta);

    (void)ask(e, "DescribeExecution", json_pack("{s:s}", "executionArn", arn ? arn : ""),
              on_described);
    free(arn);
}

static void on_stopped(void *context, const struct engine_answer *answer)
{
    (void)context;
    (void)answer;
}

void execution_engine_abandon(struct execution *e)
{
    char *arn = e->is_over_there ? NULL : arn_of(e->record.meta);
    json_t *body = arn ? json_pack("{s:s, s:s?, s:s?}", "executionArn", arn, "error",
                                   e->ending.error, "cause", e->ending.cause)
                       : NULL;

    if (body && e->table &&
        execution_engine_ask(e->x, e->table, e->record.machine, e->record.version, "StopExecution",
                             body, on_stopped, NULL) < 0)
        log_warning("out of memory: an execution goes on in its engine");
    else if (body && !e->table)
        json_decref(body);
    free(arn);
}

/* ---- The start ------------------------------------------------------------------------------- */

static void on_forgotten(void *context, enum store_outcome outcome, const char *reason)
{
    struct execution *e = take(context);
    struct execution_told told = {.result = EXECUTION_REFUSED};

    if (!e)
        return;
    if (outcome != STORE_DONE)
        log_error("an execution that its engine refused could not be deleted: %s", reason);
    told.refusal = e->refusal;
    if (!e->refusal)
        told.result = EXECUTION_AWAY;
    execution_tell_all(&e->starts, &told);
    if (e->record.alias[0])
        e->draw = execution_draws_open(&e->x->draws, e->record.machine, str_of(e->record.alias),
                                       str_of(e->record.version), e->record.key);
    execution_work_give_back(e);
    e->x->nr--;
    execution_work_free(&e);
}

/* It is not there: the name is free again, and so is the draw, once that is stored. */
static void forget(struct execution *e, json_t *refusal)
{
    struct pending *pending = malloc(sizeof(*pending));

    e->at = EXECUTION_AT_CLOSING;
    e->is_refused = true;
    e->is_away = false;
    e->refusal = json_incref(refusal);
    wheel_forget(&e->x->wheel, &e->again.node);
    if (pending)
        *pending = (struct pending){e->x, e->record.key};
    if (pending && store_execution_delete(e->x->store, e->record.key, on_forgotten, pending) == 0)
        return;
    free(pending);
    log_error("out of memory: an execution that its engine refused stays until the next start");
}

static void on_start_stored(void *context, enum store_outcome outcome, const char *reason)
{
    struct execution *e = take(context);

    (void)reason;
    if (!e || e->at != EXECUTION_AT_WAITING)
        return;
    if (outcome != STORE_DONE)
        log_error("the start of an execution in its engine could not be stored: %s", reason);
    execution_tell_started(e);
    free(e->input);
    e->input = NULL;
    e->input_bytes = 0;
    execution_engine_follow(e);
}

/* It runs there: by which ARN is stored before anybody is told. */
static void note_start(struct execution *e, const char *arn)
{
    json_t *meta = json_loads(e->record.meta, 0, NULL);
    struct pending *pending = malloc(sizeof(*pending));
    struct store_execution record = {
        .key = e->record.key, .status = EXECUTION_RUNNING, .stage = EXECUTION_WAITING};
    char *text = NULL;

    if (meta && json_object_set_new(meta, "engine", json_string(arn)) == 0)
        text = json_dumps(meta, JSON_COMPACT);
    json_decref(meta);
    e->at = EXECUTION_AT_WAITING;
    if (text) {
        free((void *)(uintptr_t)e->record.meta);
        e->record.meta = text;
    }
    record.meta = text;
    if (pending)
        *pending = (struct pending){e->x, e->record.key};
    execution_work_count(e);
    e->counts->started++;
    if (text && pending &&
        store_execution_update(e->x->store, &record, on_start_stored, pending) == 0)
        return;
    free(pending);
    log_error("out of memory: an execution is not followed");
}

static void on_started(void *context, const struct engine_answer *answer)
{
    struct execution *e = take(context);
    const char *arn = text_of(answer->body, "executionArn");
    struct execution_told told = {.result = EXECUTION_AWAY, .reason = answer->reason};

    if (!e || e->at != EXECUTION_AT_RUNNING)
        return;
    if (answer->status == 200 && arn) {
        note_start(e, arn);
        return;
    }
    if (answer->status >= 400 && answer->status < 500 && answer->status != 429 && answer->body) {
        forget(e, answer->body);
        return;
    }
    if (answer->status > 0)
        told.reason = "it answers with an error";
    e->at = EXECUTION_AT_QUEUED;
    e->is_away = true;
    execution_tell_all(&e->starts, &told);
    execution_work_set_again(e, AWAY_MS);
}

static json_t *start_body(const struct execution *e)
{
    struct str name = str_until(str_of(e->record.name), ':');
    const struct version *version = execution_work_version(e);
    json_t *body = json_object();

    json_object_set_new(body, "stateMachineArn", json_string(version->task->state_machine));
    json_object_set_new(body, "name", json_stringn(name.p, name.n));
    json_object_set_new(body, "input", json_stringn(e->input, e->input_bytes));
    return body;
}

void execution_engine_start(struct execution *e)
{
    e->is_away = false;
    e->at = EXECUTION_AT_RUNNING;
    if (!ask(e, "StartExecution", start_body(e), on_started)) {
        e->at = EXECUTION_AT_QUEUED;
    }
}

static void on_run(void *context, const struct engine_answer *answer)
{
    struct execution *e = context;
    const char *status = text_of(answer->body, "status");
    struct ending ending = {.status = EXECUTION_RUNNING};

    if (e->x->is_ending)
        return;
    if (answer->status == 200 && status) {
        finish(e, answer->body, status);
        return;
    }
    if (answer->status >= 400 && answer->body)
        ending_fail(&ending, EXECUTION_FAILED, text_of(answer->body, "__type"),
                    text_of(answer->body, "message"));
    else
        ending_fail(&ending, EXECUTION_FAILED, "States.Http.Socket", answer->reason);
    ending.is_blamed = true;
    e->is_over_there = true;
    execution_work_finish_take(e, &ending);
}

void execution_engine_run(struct execution *e)
{
    struct ending ending = {.status = EXECUTION_RUNNING};

    e->at = EXECUTION_AT_RUNNING;
    wheel_forget(&e->x->wheel, &e->deadline.node); /* the engine has a limit of its own */
    if (execution_engine_ask(e->x, e->table, e->record.machine, e->record.version,
                             "StartSyncExecution", start_body(e), on_run, e) == 0)
        return;
    ending_fail(&ending, EXECUTION_FAILED, "States.Runtime", "weir is out of memory");
    execution_work_finish_take(e, &ending);
}

void execution_engine_turn(struct execution *e)
{
    if (e->at == EXECUTION_AT_WAITING)
        poll(e);
    else if (e->at == EXECUTION_AT_QUEUED && e->is_away)
        forget(e, NULL);
    else if (e->at == EXECUTION_AT_QUEUED)
        execution_engine_start(e);
}
