/* Lives of executions: the index, the wheel, ends, and what is asked of them by others. */
#include "control/execution.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/execution_engine.h"
#include "control/execution_index.h"
#include "control/execution_snapshot.h"
#include "control/execution_state.h"
#include "control/tasktoken.h"
#include "router/arn.h"

enum { PRUNE_EVERY_MS = 3600000, DAY_MS = 86400000 };

uint64_t execution_now_ms(void)
{
    return clock_unix_us() / 1000;
}

uint64_t execution_kept_since_ms(const struct executions *x)
{
    const struct settings *settings = x->hooks->settings(x->hooks->context);

    return execution_now_ms() - (uint64_t)settings->executions.keep_days * DAY_MS;
}

/* ---- The index ------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint32_t hash_text(uint32_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return (h ^ 0xff) * 16777619u;
}

uint32_t execution_name_hash(const char *machine, const char *name)
{
    return hash_text(hash_text(2166136261u, machine), name);
}

uint32_t execution_key_hash(uint64_t key)
{
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

struct wanted_name {
    const char *machine, *name;
};

static bool is_named(const struct execution *e, const void *wanted)
{
    const struct wanted_name *w = wanted;

    return strcmp(e->record.name, w->name) == 0 && strcmp(e->record.machine, w->machine) == 0;
}

static bool has_key(const struct execution *e, const void *wanted)
{
    return e->record.key == *(const uint64_t *)wanted;
}

struct execution *execution_by_name(struct executions *x, const char *machine, const char *name)
{
    const struct wanted_name wanted = {machine, name};

    return execution_index_find(x->names, execution_name_hash(machine, name), is_named, &wanted);
}

struct execution *execution_by_key(struct executions *x, uint64_t key)
{
    return execution_index_find(x->keys, execution_key_hash(key), has_key, &key);
}

/* ---- Objects --------------------------------------------------------------------------------- */

static bool keep(const char **text)
{
    *text = strdup(*text ? *text : "");
    return *text != NULL;
}

struct execution *execution_make(struct executions *x, const struct store_execution *record)
{
    struct execution *e = calloc(1, sizeof(*e));
    bool is_whole;

    if (!e)
        return NULL;
    e->x = x;
    e->record = *record;
    e->record.input = e->record.output = e->record.definition = NULL;
    e->record.error = e->record.cause = NULL;
    LIST_INIT(&e->starts);
    LIST_INIT(&e->ends);
    e->deadline = (struct execution_timer){.execution = e, .is_deadline = true};
    e->again.execution = e;
    TAILQ_INSERT_TAIL(&x->all, e, link);
    is_whole = keep(&e->record.machine);
    is_whole &= keep(&e->record.name);
    is_whole &= keep(&e->record.alias);
    is_whole &= keep(&e->record.version);
    is_whole &= keep(&e->record.id);
    is_whole &= keep(&e->record.definition_id);
    is_whole &= keep(&e->record.meta);
    e->input = malloc(record->input_bytes + 1);
    if (e->input && record->input_bytes > 0)
        memcpy(e->input, record->input, record->input_bytes);
    e->input_bytes = record->input_bytes;
    if (!is_whole || !e->input)
        execution_free(&e);
    return e;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

void execution_free(struct execution **execution)
{
    struct execution *e = *execution;
    struct executions *x = e->x;

    *execution = NULL;
    assert(LIST_EMPTY(&e->starts) && LIST_EMPTY(&e->ends));
    if (e->record.name && e->record.machine)
        execution_index_remove(x->names, execution_name_hash(e->record.machine, e->record.name), e);
    if (e->record.key > 0)
        execution_index_remove(x->keys, execution_key_hash(e->record.key), e);
    execution_drop_run(e, true);
    execution_run_leave_lane(e);
    wheel_forget(&x->wheel, &e->deadline.node);
    wheel_forget(&x->wheel, &e->again.node);
    TAILQ_REMOVE(&x->all, e, link);
    if (e->table)
        table_unref(&e->table);
    free_text(e->record.machine);
    free_text(e->record.name);
    free_text(e->record.alias);
    free_text(e->record.version);
    free_text(e->record.id);
    free_text(e->record.definition_id);
    free_text(e->record.meta);
    free(e->input);
    free(e->definition);
    free(e->qualifier_text);
    ending_fini(&e->ending);
    json_decref(e->refusal);
    free(e);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

void execution_tell_all(struct execution_waits *waits, const struct execution_told *told)
{
    struct execution_wait *wait;

    while ((wait = LIST_FIRST(waits))) {
        LIST_REMOVE(wait, link);
        wait->link.le_prev = NULL;
        wait->told(wait, told);
    }
}

/* One question to the store. */
struct execution_look {
    LIST_ENTRY(execution_look) link;
    struct execution_wait *wait; /* NULL: forgotten */
    void (*found)(struct execution_wait *wait, const struct store_execution *execution,
                  const char *reason);
    bool is_list;
};

static void on_read(void *context, const struct store_execution *list, int nr, const char *reason)
{
    struct execution_look *look = context;
    struct execution_wait *wait = look->wait;
    const struct execution_told told = {.execution = list, .nr = nr};
    bool is_list = look->is_list;
    void (*found)(struct execution_wait *, const struct store_execution *, const char *) =
        look->found;

    LIST_REMOVE(look, link);
    free(look);
    if (!wait)
        return;
    wait->look = NULL;
    if (is_list && nr >= 0)
        wait->told(wait, &told);
    else
        found(wait, nr > 0 ? list : NULL, nr < 0 ? reason : NULL);
}

enum execution_result
execution_look_up(struct executions *x, const struct store_execution_query *query,
                  struct execution_wait *wait,
                  void (*found)(struct execution_wait *wait,
                                const struct store_execution *execution, const char *reason))
{
    struct store_execution_query q = *query;
    struct execution_look *look = malloc(sizeof(*look));

    if (!look)
        return EXECUTION_NO_MEMORY;
    *look = (struct execution_look){
        .wait = wait, .found = found, .is_list = !query->key && !query->name};
    q.ended_after_ms = execution_kept_since_ms(x);
    if (store_executions_read(x->store, &q, on_read, look) < 0) {
        free(look);
        return EXECUTION_NO_MEMORY;
    }
    LIST_INSERT_HEAD(&x->looks, look, link);
    wait->link.le_prev = NULL;
    wait->look = look;
    return EXECUTION_OK;
}

void execution_forget(struct execution_wait *wait)
{
    if (!wait)
        return;
    if (wait->look)
        wait->look->wait = NULL;
    else if (wait->link.le_prev)
        LIST_REMOVE(wait, link);
    wait->look = NULL;
    wait->link.le_prev = NULL;
}

static void tell(struct execution_wait *wait, enum execution_result result,
                 const struct store_execution *execution, const char *reason)
{
    const struct execution_told told = {.result = result, .reason = reason, .execution = execution};

    wait->told(wait, &told);
}

/* ---- Time ------------------------------------------------------------------------------------ */

void execution_wake(struct executions *x)
{
    int in_ms = wheel_next_ms(&x->wheel, clock_ms());

    if (in_ms >= 0)
        x->hooks->executions_wake(x->hooks->context, (uint32_t)in_ms);
}

void execution_set_again(struct execution *e, uint32_t in_ms)
{
    wheel_set(&e->x->wheel, &e->again.node, clock_ms() + in_ms);
    execution_wake(e->x);
}

static void time_out(struct execution *e)
{
    struct ending outcome = {.status = EXECUTION_RUNNING};
    uint64_t now_ms = execution_now_ms();

    if (e->at == EXECUTION_AT_CLOSING)
        return;
    if (now_ms < e->record.deadline_ms) { /* the clock was set, or it is years off */
        wheel_set(&e->x->wheel, &e->deadline.node, clock_ms() + (e->record.deadline_ms - now_ms));
        return;
    }
    ending_fail(&outcome, EXECUTION_TIMED_OUT, "States.Timeout", NULL);
    outcome.is_blamed = true;
    execution_finish_take(e, &outcome);
}

static void store_end(struct execution *e);

static void on_expired(struct wheel_node *node, void *context)
{
    const struct execution_timer *timer = (struct execution_timer *)(void *)node;
    struct execution *e = timer->execution;

    (void)context;
    if (timer->is_deadline)
        time_out(e);
    else if (e->at == EXECUTION_AT_CLOSING)
        store_end(e);
    else if (execution_engine_has(e) && !e->is_sync)
        execution_engine_turn(e);
    else
        execution_run_advance(e);
}

static void prune(struct executions *x)
{
    x->prune_ms = clock_ms() + PRUNE_EVERY_MS;
    if (store_executions_prune(x->store, execution_kept_since_ms(x), NULL, NULL) < 0)
        log_warning("out of memory: executions that ended long ago are kept a while longer");
}

void execution_turn(struct executions *x)
{
    uint64_t now_ms = clock_ms();

    wheel_advance(&x->wheel, now_ms, on_expired, x);
    if (now_ms >= x->prune_ms && x->store->is_durable)
        prune(x);
    execution_wake(x);
}

/* ---- The end --------------------------------------------------------------------------------- */

void execution_drop_run(struct execution *e, bool is_stop)
{
    struct run *run = e->run;

    e->run = NULL;
    if (!run)
        return;
    run->context = NULL;
    if (is_stop)
        e->x->hooks->run_stop(e->x->hooks->context, run);
}

static void settle_ward(struct execution *e, bool is_blamed)
{
    const struct wards *wards = e->wards;
    struct ward *taken_back = NULL, *by_guard;

    if (!wards)
        return;
    e->wards = NULL;
    if (!is_blamed) {
        if (e->ward)
            ward_give(e->ward);
        return;
    }
    if (e->ward && ward_spend(wards, e->ward))
        taken_back = e->ward;
    by_guard = ward_error(wards, e->arm);
    if (by_guard)
        taken_back = by_guard;
    if (taken_back)
        e->x->hooks->recall(e->x->hooks->context, taken_back);
}

static struct store_execution shown(const struct execution *e)
{
    struct store_execution shown = e->record;

    shown.error = e->ending.error;
    shown.cause = e->ending.cause;
    shown.output = e->ending.output;
    shown.output_bytes = e->ending.output_bytes;
    shown.input = e->input;
    shown.input_bytes = e->input_bytes;
    return shown;
}

static void forget(struct execution *e)
{
    struct executions *x = e->x;
    const struct store_execution record = shown(e);
    const struct execution_told told = {.result = EXECUTION_OK, .execution = &record};

    if (e->is_stored && x->nr > 0)
        x->nr--;
    execution_tell_all(&e->ends, &told);
    execution_free(&e);
}

static void on_end_stored(void *context, enum store_outcome outcome, const char *reason)
{
    struct execution *e = context;
    const struct execution_told told = {.result = EXECUTION_NOT_STORED, .reason = reason};

    if (e->x->is_ending)
        return;
    if (outcome == STORE_DONE) {
        forget(e);
        return;
    }
    if (!e->is_retrying)
        log_error("how an execution of %s ended could not be stored: %s; weir tries again",
                  e->record.machine, reason);
    e->is_retrying = true;
    execution_tell_all(&e->ends, &told);
    execution_set_again(e, EXECUTION_STORE_AGAIN_MS);
}

static void store_end(struct execution *e)
{
    struct store_execution record = shown(e);
    int r;

    if (e->is_sync) {
        forget(e);
        return;
    }
    record.meta = NULL;
    r = e->record.is_express ? store_execution_delete(e->x->store, e->record.key, on_end_stored, e)
                             : store_execution_update(e->x->store, &record, on_end_stored, e);
    if (r < 0)
        execution_set_again(e, EXECUTION_STORE_AGAIN_MS);
}

void execution_finish_take(struct execution *e, struct ending *outcome)
{
    bool is_stop = outcome->status == EXECUTION_ABORTED || outcome->status == EXECUTION_TIMED_OUT;
    uint64_t now_ms = execution_now_ms();

    assert(e->at != EXECUTION_AT_CLOSING && outcome->status != EXECUTION_RUNNING);
    e->ending = *outcome;
    *outcome = (struct ending){.status = EXECUTION_RUNNING};
    e->at = EXECUTION_AT_CLOSING;
    e->record.status = e->ending.status;
    e->record.stopped_ms = now_ms > e->record.started_ms ? now_ms : e->record.started_ms;
    execution_drop_run(e, is_stop);
    execution_run_leave_lane(e);
    wheel_forget(&e->x->wheel, &e->deadline.node);
    wheel_forget(&e->x->wheel, &e->again.node);
    settle_ward(e, e->ending.is_blamed);
    if (execution_engine_has(e) && !e->is_sync)
        execution_engine_abandon(e);
    if (e->table)
        table_unref(&e->table);
    if (e->counts)
        execution_tally_close(e->counts, e->record.status,
                              e->record.stopped_ms - e->record.started_ms);
    store_end(e);
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

enum execution_result execution_find(struct executions *x, const char *machine, const char *name,
                                     struct execution_wait *wait)
{
    const struct store_execution_query query = {.machine = machine, .name = name, .has_data = true};

    return execution_look_up(x, &query, wait, on_found);
}

enum execution_result execution_list(struct executions *x,
                                     const struct store_execution_query *query,
                                     struct execution_wait *wait)
{
    return execution_look_up(x, query, wait, on_found);
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
    struct execution *e = execution_by_name(x, machine, name);
    struct ending outcome = {.status = EXECUTION_RUNNING};

    if (!e || e->at <= EXECUTION_AT_PUTTING || e->is_sync || e->is_away || e->is_refused)
        return execution_find(x, machine, name, wait);
    wait_for_end(e, wait);
    if (e->at == EXECUTION_AT_CLOSING)
        return EXECUTION_OK;
    ending_fail(&outcome, EXECUTION_ABORTED, error, cause);
    execution_finish_take(e, &outcome);
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
    e = execution_by_key(x, key);
    if (!e || !takes_reports(e, id)) {
        const struct store_execution_query query = {.key = key};
        return execution_look_up(x, &query, wait, on_token_found);
    }
    if (report == EXECUTION_HEARTBEAT)
        return EXECUTION_BEATS;
    if (report == EXECUTION_SUCCESS)
        ending_succeed(&outcome, output);
    else
        ending_fail(&outcome, EXECUTION_FAILED, error, cause);
    outcome.is_blamed = report == EXECUTION_FAILURE;
    wait_for_end(e, wait);
    execution_finish_take(e, &outcome);
    return EXECUTION_OK;
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void write_arn(const struct api_hooks *hooks, const char *type, const char *machine,
                      const char *name, char out[EXECUTION_ARN_MAX])
{
    const struct settings *s = hooks->settings(hooks->context);
    struct str partition = arn_partition(str_of(s->aws.region));

    snprintf(out, EXECUTION_ARN_MAX, "arn:%.*s:states:%s:%s:%s:%s%s%s", STR_ARG(partition),
             s->aws.region, s->aws.account_id, type, machine, name ? ":" : "", name ? name : "");
}

void execution_arn(const struct executions *x, const struct store_execution *execution,
                   char out[EXECUTION_ARN_MAX])
{
    write_arn(x->hooks, execution->is_express ? "express" : "execution", execution->machine,
              execution->name, out);
}

void execution_machine_arn(const struct api_hooks *hooks, const char *machine,
                           char out[EXECUTION_ARN_MAX])
{
    write_arn(hooks, "stateMachine", machine, NULL, out);
}

/* ---- Life ------------------------------------------------------------------------------------ */

int execution_init(struct executions *x, const struct api_hooks *hooks, struct store *store,
                   void *draws)
{
    *x = (struct executions){.hooks = hooks, .store = store};
    execution_draws_init(&x->draws, draws);
    TAILQ_INIT(&x->all);
    prng_init(&x->rng);
    wheel_init(&x->wheel, clock_ms());
    x->names = execution_index_make();
    x->keys = execution_index_make();
    return x->names && x->keys ? 0 : -1;
}

static void set_deadline(struct execution *e)
{
    uint64_t now_ms = execution_now_ms(), due_ms = e->record.deadline_ms;

    if (due_ms > 0)
        wheel_set(&e->x->wheel, &e->deadline.node,
                  clock_ms() + (due_ms > now_ms ? due_ms - now_ms : 0));
}

void execution_count(struct execution *e)
{
    e->counts = execution_tally_of(&e->x->tallies, e->record.machine, e->record.alias,
                                   strcmp(e->record.version, "$LATEST") == 0 ? "$LATEST"
                                                                             : e->record.version);
    e->counts->running++;
    set_deadline(e);
    execution_wake(e->x);
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
    struct execution *e = execution_make(x, record);
    bool is_waiting = record->stage == EXECUTION_WAITING;

    if (!e || execution_index_add(x->keys, execution_key_hash(record->key), e) < 0 ||
        (!record->is_express &&
         execution_index_add(x->names, execution_name_hash(record->machine, record->name), e) <
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
    execution_finish_take(e, &outcome);
}

static bool is_stored(void *context, uint64_t key)
{
    return execution_by_key(context, key) != NULL;
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
        execution_count(e);
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

void execution_reopen(struct executions *x, const struct store_execution *execution)
{
    struct store_execution record = *execution;
    struct execution *e;

    record.status = EXECUTION_RUNNING;
    record.stage = EXECUTION_WAITING;
    record.stopped_ms = record.deadline_ms = 0;
    e = execution_by_key(x, record.key) ? NULL : execution_make(x, &record);
    if (!e || execution_index_add(x->keys, execution_key_hash(record.key), e) < 0 ||
        execution_index_add(x->names, execution_name_hash(record.machine, record.name), e) < 0 ||
        store_execution_update(x->store, &record, NULL, NULL) < 0) {
        log_error("out of memory: an execution that was redriven is not followed");
        return;
    }
    e->is_stored = true;
    e->at = EXECUTION_AT_WAITING;
    e->definition = execution->definition ? strdup(execution->definition) : NULL;
    x->nr++;
    execution_count(e);
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
    struct execution *e;
    struct execution_look *look;

    if (!x->hooks)
        return;
    x->is_ending = true;
    while ((e = TAILQ_FIRST(&x->all))) {
        LIST_INIT(&e->starts);
        LIST_INIT(&e->ends);
        e->run = NULL;
        execution_free(&e);
    }
    while ((look = LIST_FIRST(&x->looks))) {
        LIST_REMOVE(look, link);
        free(look);
    }
    execution_index_free(&x->names);
    execution_index_free(&x->keys);
    execution_tally_fini(&x->tallies);
    execution_snapshot_fini(&x->snapshots);
    *x = (struct executions){.hooks = NULL};
}
