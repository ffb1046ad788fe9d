/* Lives of executions: from weir's start to its end, the wheel, and what is asked of them by
 * others. */
#include "control/execution.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/execution_engine.h"
#include "control/execution_index.h"
#include "control/execution_snapshot.h"
#include "control/execution_work.h"
#include "control/tasktoken.h"

enum { PRUNE_EVERY_MS = 3600000 };

static void tell(struct execution_wait *wait, enum execution_result result,
                 const struct store_execution *execution, const char *reason)
{
    const struct execution_told told = {.result = result, .reason = reason, .execution = execution};

    wait->told(wait, &told);
}

/* ---- Time ------------------------------------------------------------------------------------ */

static void time_out(struct execution *e)
{
    struct ending outcome = {.status = EXECUTION_RUNNING};
    uint64_t now_ms = execution_work_now_ms();

    if (e->at == EXECUTION_AT_CLOSING)
        return;
    if (now_ms < e->record.deadline_ms) { /* the clock was set, or it is years off */
        wheel_set(&e->x->wheel, &e->deadline.node, clock_ms() + (e->record.deadline_ms - now_ms));
        return;
    }
    ending_fail(&outcome, EXECUTION_TIMED_OUT, "States.Timeout", NULL);
    outcome.is_blamed = true;
    execution_work_finish_take(e, &outcome);
}

static void on_expired(struct wheel_node *node, void *context)
{
    const struct execution_timer *timer = (struct execution_timer *)(void *)node;
    struct execution *e = timer->execution;

    (void)context;
    if (timer->is_deadline)
        time_out(e);
    else if (e->at == EXECUTION_AT_CLOSING)
        execution_work_store_end(e);
    else if (execution_work_has_engine(e) && !e->is_sync)
        execution_engine_turn(e);
    else
        execution_run_advance(e);
}

static void prune(struct executions *x)
{
    x->prune_ms = clock_ms() + PRUNE_EVERY_MS;
    if (store_executions_prune(x->store, execution_work_kept_since_ms(x), NULL, NULL) < 0)
        log_warning("out of memory: executions that ended long ago are kept a while longer");
}

void execution_turn(struct executions *x)
{
    uint64_t now_ms = clock_ms();

    wheel_advance(&x->wheel, now_ms, on_expired, x);
    if (now_ms >= x->prune_ms && x->store->is_durable)
        prune(x);
    execution_work_wake(x);
}

/* ---- What others ask ------------------------------------------------------------------------- */

static void on_found(struct execution_wait *wait, const struct store_execution *execution,
                     const char *reason)
{
    tell(wait,
         reason      ? EXECUTION_NOT_STORED
         : execution ? EXECUTION_OK
                     : EXECUTION_NONE,
         execution, reason);
}

static bool is_unanswered(const struct execution *e)
{
    return e && (e->is_away || e->is_refused);
}

bool execution_is_unanswered(struct executions *x, uint64_t key)
{
    return is_unanswered(execution_work_by_key(x, key));
}

enum execution_result execution_find(struct executions *x, const char *machine, const char *name,
                                     struct execution_wait *wait)
{
    const struct store_execution_query query = {.machine = machine, .name = name, .has_data = true};

    if (is_unanswered(execution_work_by_name(x, machine, name)))
        return EXECUTION_NONE;
    return execution_work_look_up(x, &query, wait, on_found);
}

enum execution_result execution_list(struct executions *x,
                                     const struct store_execution_query *query,
                                     struct execution_wait *wait)
{
    return execution_work_look_up(x, query, wait, on_found);
}

/* Waits for the end's commit. */
static void wait_for_end(struct execution *e, struct execution_wait *wait)
{
    wait->look = NULL;
    LIST_INSERT_HEAD(&e->ends, wait, link);
}

enum execution_result execution_stop(struct executions *x, const char *machine, const char *name,
                                     const char *error, const char *cause,
                                     struct execution_wait *wait)
{
    struct execution *e = execution_work_by_name(x, machine, name);
    struct ending outcome = {.status = EXECUTION_RUNNING};

    if (!e || e->at <= EXECUTION_AT_PUTTING || e->is_sync || e->is_away || e->is_refused)
        return execution_find(x, machine, name, wait);
    wait_for_end(e, wait);
    if (e->at == EXECUTION_AT_CLOSING)
        return EXECUTION_OK;
    ending_fail(&outcome, EXECUTION_ABORTED, error, cause);
    execution_work_finish_take(e, &outcome);
    return EXECUTION_OK;
}

static void on_token_found(struct execution_wait *wait, const struct store_execution *execution,
                           const char *reason)
{
    tell(wait,
         reason      ? EXECUTION_NOT_STORED
         : execution ? EXECUTION_ENDED
                     : EXECUTION_NONE,
         execution, reason);
}

static bool takes_reports(const struct execution *e, struct str id)
{
    return (e->at == EXECUTION_AT_RUNNING || e->at == EXECUTION_AT_WAITING) &&
           tasktoken_is(id, e->record.id);
}

enum execution_result execution_report(struct executions *x, enum execution_report report,
                                       struct str token, struct str output, const char *error,
                                       const char *cause, struct execution_wait *wait)
{
    struct ending outcome = {.status = EXECUTION_RUNNING};
    struct execution *e;
    uint64_t key;
    struct str id;

    if (!tasktoken_read(token, &key, &id))
        return EXECUTION_BAD_TOKEN;
    e = execution_work_by_key(x, key);
    if (!e || !takes_reports(e, id)) {
        const struct store_execution_query query = {.key = key};
        return execution_work_look_up(x, &query, wait, on_token_found);
    }
    if (report == EXECUTION_HEARTBEAT)
        return EXECUTION_BEATS;
    if (report == EXECUTION_SUCCESS)
        ending_succeed(&outcome, output);
    else
        ending_fail(&outcome, EXECUTION_FAILED, error, cause);
    outcome.is_blamed = report == EXECUTION_FAILURE;
    wait_for_end(e, wait);
    execution_work_finish_take(e, &outcome);
    return EXECUTION_OK;
}

/* ---- Life ------------------------------------------------------------------------------------ */

int execution_init(struct executions *x, const struct api_hooks *hooks, struct store *store,
                   void *draws)
{
    *x = (struct executions){.hooks = hooks, .store = store, .abandon = execution_engine_abandon};
    execution_draws_init(&x->draws, draws);
    TAILQ_INIT(&x->all);
    prng_init(&x->rng);
    wheel_init(&x->wheel, clock_ms());
    x->names = execution_index_make();
    x->keys = execution_index_make();
    return x->names && x->keys ? 0 : -1;
}

struct loading {
    struct executions *x;
    uint32_t nr, nr_interrupted;
    bool is_short;
};

/* Whether a request was out that must not be sent twice. */
static bool is_interrupted(const struct store_execution *record)
{
    return !record->is_express && record->stage == EXECUTION_SENT;
}

static void on_each(void *context, const struct store_execution *record)
{
    struct loading *loading = context;
    struct executions *x = loading->x;
    struct execution *e = execution_work_make(x, record);
    bool is_waiting = record->stage == EXECUTION_WAITING;

    if (!e || execution_index_add(x->keys, execution_work_key_hash(record->key), e) < 0 ||
        (!record->is_express &&
         execution_index_add(x->names, execution_work_name_hash(record->machine, record->name), e) <
             0)) {
        loading->is_short = true;
        return;
    }
    e->definition = record->definition ? strdup(record->definition) : NULL;
    e->is_stored = true;
    x->nr++;
    e->at = is_waiting ? EXECUTION_AT_WAITING : EXECUTION_AT_QUEUED;
    loading->nr++;
    loading->nr_interrupted += is_interrupted(record);
}

/* None is left for want of a word: what was interrupted ends now. */
static void interrupt(struct execution *e)
{
    struct ending outcome = {.status = EXECUTION_RUNNING};

    ending_fail(&outcome, EXECUTION_FAILED, "Weir.Interrupted",
                "weir ended while the request of this execution was out. Nobody knows whether its "
                "endpoint has done the work; it is not sent twice.");
    execution_work_finish_take(e, &outcome);
}

static bool is_stored(void *context, uint64_t key)
{
    return execution_work_by_key(context, key) != NULL;
}

int execution_load(struct executions *x)
{
    struct loading loading = {.x = x};
    struct store_reason reason;
    struct execution *e, *next;

    if (store_executions_now(x->store, on_each, &loading, &reason) < 0) {
        log_error("the executions cannot be read: %s", reason.text);
        return -1;
    }
    if (loading.is_short) {
        log_error("out of memory");
        return -1;
    }
    execution_draws_settle(&x->draws, is_stored, x);
    if (loading.nr > 0)
        log_info("%u executions run, %u were interrupted", loading.nr, loading.nr_interrupted);
    for (e = TAILQ_FIRST(&x->all); e; e = next) {
        next = TAILQ_NEXT(e, link);
        execution_work_count(e);
        if (is_interrupted(&e->record))
            interrupt(e);
    }
    return 0;
}

/* After a restart: what runs in an engine is asked for there. */
static void follow_again(struct execution *e)
{
    if (!e->table)
        e->table = execution_snapshot_table(e->x->hooks, e->record.machine, e->record.version,
                                            e->record.definition_id, e->definition);
    if (e->table)
        execution_engine_follow(e);
}

/* Counts it; NULL when out of memory. */
static char *redriven_meta(const char *meta)
{
    json_t *json = json_loads(meta, 0, NULL);
    json_int_t nr = json_integer_value(json_object_get(json, "redrives")) + 1;
    char *text = json_object_set_new(json, "redrives", json_integer(nr)) == 0
                     ? json_dumps(json, JSON_COMPACT)
                     : NULL;

    json_decref(json);
    return text;
}

/* It was redriven before weir had noticed its end. */
static void count_redrive(struct execution *e)
{
    char *meta = redriven_meta(e->record.meta);
    const struct store_execution record = {.key = e->record.key,
                                           .status = EXECUTION_RUNNING,
                                           .stage = EXECUTION_WAITING,
                                           .meta = meta};

    if (!meta || e->at != EXECUTION_AT_WAITING ||
        store_execution_update(e->x->store, &record, NULL, NULL) < 0) {
        free(meta);
        return;
    }
    free((void *)(uintptr_t)e->record.meta);
    e->record.meta = meta;
}

void execution_reopen(struct executions *x, const struct store_execution *execution)
{
    struct store_execution record = *execution;
    struct execution *e = execution_work_by_key(x, record.key);
    char *meta;

    if (e) {
        count_redrive(e);
        return;
    }
    meta = redriven_meta(execution->meta);
    record.status = EXECUTION_RUNNING;
    record.stage = EXECUTION_WAITING;
    record.stopped_ms = record.deadline_ms = 0;
    if (meta)
        record.meta = meta;
    e = execution_work_make(x, &record);
    if (!e || execution_index_add(x->keys, execution_work_key_hash(record.key), e) < 0 ||
        execution_index_add(x->names, execution_work_name_hash(record.machine, record.name), e) <
            0 ||
        store_execution_update(x->store, &record, NULL, NULL) < 0) {
        log_error("out of memory: an execution that was redriven is not followed");
        free(meta);
        return;
    }
    free(meta);
    e->is_stored = true;
    e->at = EXECUTION_AT_WAITING;
    e->definition = execution->definition ? strdup(execution->definition) : NULL;
    x->nr++;
    execution_work_count(e);
    follow_again(e);
}

void execution_begin(struct executions *x)
{
    struct execution *e, *next;

    x->is_running = true;
    for (e = TAILQ_FIRST(&x->all); e; e = next) {
        next = TAILQ_NEXT(e, link); /* only e can go by it */
        if (e->at == EXECUTION_AT_QUEUED)
            execution_run_advance(e);
        else if (e->at == EXECUTION_AT_WAITING && strstr(e->record.meta, "\"engine\""))
            follow_again(e);
    }
    execution_turn(x);
}

void execution_drain(struct executions *x)
{
    x->is_running = false;
}

void execution_end(struct executions *x)
{
    x->is_running = false;
    x->is_ending = true;
}

void execution_fini(struct executions *x)
{
    if (!x->hooks)
        return;
    execution_work_fini(x);
    execution_tally_fini(&x->tallies);
    execution_snapshot_fini(&x->snapshots);
    *x = (struct executions){.hooks = NULL};
}
