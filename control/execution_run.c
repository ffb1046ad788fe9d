/* From the commit to the answer of what runs: places of versions that run only so many at a time,
 * the mark before a request goes out, and what comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/execution_engine.h"
#include "control/execution_snapshot.h"
#include "control/execution_work.h"
#include "control/tasktoken.h"
#include "router/machine.h"

enum { FIELDS_MAX = 4096 };

/* ---- Lanes ----------------------------------------------------------------------------------- */

static struct execution_lane *get_lane(struct execution *e)
{
    struct execution_lane *lane;

    LIST_FOREACH(lane, &e->x->lanes, link)
    {
        if (strcmp(lane->machine, e->record.machine) == 0 &&
            strcmp(lane->version, e->record.version) == 0)
            return lane;
    }
    lane = calloc(1, sizeof(*lane));
    if (!lane)
        return NULL;
    TAILQ_INIT(&lane->waiting);
    LIST_INSERT_HEAD(&e->x->lanes, lane, link);
    lane->machine = strdup(e->record.machine);
    lane->version = strdup(e->record.version);
    if (lane->machine && lane->version)
        return lane;
    execution_work_free_lane(lane);
    return NULL;
}

/* Whether it has a place now; else its turn comes. */
static bool enter_lane(struct execution *e, uint32_t max)
{
    if (e->is_in_lane)
        return true;
    if (!e->lane && max == 0)
        return true;
    if (!e->lane) {
        e->lane = get_lane(e);
        if (!e->lane) {
            execution_work_set_again(e, EXECUTION_ROOM_AGAIN_MS);
            return false;
        }
        TAILQ_INSERT_TAIL(&e->lane->waiting, e, in_lane);
    }
    if ((max > 0 && e->lane->nr >= max) || TAILQ_FIRST(&e->lane->waiting) != e)
        return false;
    TAILQ_REMOVE(&e->lane->waiting, e, in_lane);
    e->lane->nr++;
    e->is_in_lane = true;
    e = TAILQ_FIRST(&e->lane->waiting);
    if (e)
        execution_work_set_again(e, 0);
    return true;
}

/* ---- What comes back ------------------------------------------------------------------------- */

static void on_waiting_stored(void *context, enum store_outcome outcome, const char *reason)
{
    (void)context;
    if (outcome != STORE_DONE)
        log_error("that an endpoint has taken an execution could not be stored: %s; after a crash "
                  "it would be taken for interrupted",
                  reason);
}

static void note_stage(struct execution *e, enum execution_at at, enum store_execution_stage stage)
{
    const struct store_execution record = {
        .key = e->record.key, .status = EXECUTION_RUNNING, .stage = stage};

    e->at = at;
    e->record.stage = stage;
    if (!e->is_sync && store_execution_update(e->x->store, &record, on_waiting_stored, NULL) < 0)
        on_waiting_stored(NULL, STORE_FAILED, "out of memory");
}

static void take_outcome(struct execution *e, const struct run *run)
{
    struct ending outcome;

    ending_of_run(&outcome, run);
    if (outcome.status != EXECUTION_RUNNING) {
        execution_work_finish_take(e, &outcome);
        return;
    }
    execution_work_leave_lane(e);
    note_stage(e, EXECUTION_AT_WAITING, EXECUTION_WAITING);
}

static void on_over(struct run *run)
{
    struct execution *e = run->context;

    if (e && !e->x->is_ending) {
        e->run = NULL;
        if (run->end == RUN_NO_ROOM) {
            /* Nothing was sent: its input comes back. */
            e->input = run->input;
            e->input_bytes = run->input_bytes;
            run->input = NULL;
            e->table = run->table && !e->table ? table_ref(run->table) : e->table;
            note_stage(e, EXECUTION_AT_QUEUED, EXECUTION_ACCEPTED);
            execution_work_set_again(e, EXECUTION_ROOM_AGAIN_MS);
        } else if (run->end != RUN_CUT) {
            take_outcome(e, run);
        }
    }
    run_free(&run);
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void write_fields(const struct execution *e, char out[FIELDS_MAX])
{
    char arn[EXECUTION_ARN_MAX], token[TASKTOKEN_MAX + 1] = "";
    struct str name = str_until(str_of(e->record.name), ':'); /* of an EXPRESS one */

    execution_work_arn(e->x, &e->record, arn);
    if (!e->is_sync)
        tasktoken_write(token, e->record.key, e->record.id);
    snprintf(out, FIELDS_MAX,
             "x-weir-execution-arn: %s\r\nx-weir-execution-name: %.*s\r\n"
             "x-weir-execution-version: %s\r\n%s%s%s",
             arn, STR_ARG(name), e->record.version, token[0] ? "x-weir-task-token: " : "", token,
             token[0] ? "\r\n" : "");
}

static struct run *make_run(struct execution *e, const struct version *version)
{
    char full[MACHINE_BYTES_MAX + 1], fields[FIELDS_MAX] = "";
    struct run_spec spec = {.fields = fields,
                            .input = e->input,
                            .input_bytes = e->input_bytes,
                            .over = on_over,
                            .context = e};

    if (version->kind == VERSION_FUNCTION) {
        spec.function = version->task->function;
        spec.qualifier = version->task->qualifier ? version->task->qualifier : "";
        spec.version = "";
        return run_make(&spec);
    }
    (void)machine_full(str_of(e->record.machine), full);
    write_fields(e, fields);
    spec.table = e->table;
    spec.function = full;
    spec.qualifier = e->record.alias;
    spec.version = e->record.version;
    return run_make(&spec);
}

static void fail_runtime(struct execution *e, const char *cause)
{
    struct ending outcome = {.status = EXECUTION_RUNNING};

    ending_fail(&outcome, EXECUTION_FAILED, "States.Runtime", cause);
    execution_work_finish_take(e, &outcome);
}

static void send(struct execution *e)
{
    const struct version *version = execution_work_version(e);
    struct run *run;

    if (!version) {
        fail_runtime(e, "What this execution is to run cannot be found any more.");
        return;
    }
    run = make_run(e, version);
    if (!run) {
        note_stage(e, EXECUTION_AT_QUEUED, EXECUTION_ACCEPTED);
        execution_work_set_again(e, EXECUTION_STORE_AGAIN_MS);
        return;
    }
    id_make(&e->x->rng, run->id);
    e->at = EXECUTION_AT_RUNNING;
    e->run = run;
    if (!e->wards)
        table_unref(&e->table);
    if (!e->is_sync) { /* its answer shows it */
        free(e->input);
        e->input = NULL;
        e->input_bytes = 0;
    }
    e->x->hooks->run(e->x->hooks->context, run);
}

struct mark {
    struct executions *x;
    uint64_t key;
};

static void on_marked(void *context, enum store_outcome outcome, const char *reason)
{
    struct mark *mark = context;
    struct execution *e = mark->x->is_ending ? NULL : execution_work_by_key(mark->x, mark->key);

    free(mark);
    if (!e || e->at != EXECUTION_AT_MARKING)
        return; /* it was stopped meanwhile */
    if (outcome == STORE_DONE && e->x->is_running) {
        send(e);
        return;
    }
    if (outcome == STORE_DONE) { /* weir ends: another time */
        note_stage(e, EXECUTION_AT_QUEUED, EXECUTION_ACCEPTED);
        return;
    }
    if (!e->is_retrying)
        log_error("an execution of %s cannot be sent, as that could not be stored: %s; weir tries "
                  "again",
                  e->record.machine, reason);
    e->is_retrying = true;
    e->at = EXECUTION_AT_QUEUED;
    execution_work_set_again(e, EXECUTION_STORE_AGAIN_MS);
}

static void mark(struct execution *e)
{
    const struct store_execution record = {
        .key = e->record.key, .status = EXECUTION_RUNNING, .stage = EXECUTION_SENT};
    struct mark *mark = malloc(sizeof(*mark));

    if (mark)
        *mark = (struct mark){e->x, e->record.key};
    e->at = EXECUTION_AT_MARKING;
    if (mark && store_execution_update(e->x->store, &record, on_marked, mark) == 0)
        return;
    free(mark);
    e->at = EXECUTION_AT_QUEUED;
    execution_work_set_again(e, EXECUTION_STORE_AGAIN_MS);
}

/* After a restart nothing is pinned yet. */
static bool pin(struct execution *e)
{
    if (!e->table)
        e->table = execution_snapshot_table(e->x->hooks, e->record.machine, e->record.version,
                                            e->record.definition_id, e->definition);
    free(e->definition);
    e->definition = NULL;
    return e->table && execution_work_version(e);
}

void execution_run_advance(struct execution *e)
{
    if (e->at != EXECUTION_AT_QUEUED || !e->x->is_running)
        return;
    if (!pin(e))
        fail_runtime(e, "What this execution is to run cannot be made of what was stored.");
    else if (execution_work_has_engine(e) && e->is_sync)
        execution_engine_run(e);
    else if (execution_work_has_engine(e))
        execution_engine_turn(e);
    else if (!enter_lane(e, execution_work_version(e)->max_in_flight))
        return;
    else if (e->record.is_express)
        send(e);
    else
        mark(e);
}
