/* What the steps of an execution's life have in common: the index, objects, times, places, and how
 * it ends. */
#include "control/execution_work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/execution_index.h"
#include "control/execution_tell.h"
#include "router/arn.h"
#include "router/machine.h"

enum { DAY_MS = 86400000 };

uint64_t execution_work_now_ms(void)
{
    return clock_unix_us() / 1000;
}

uint64_t execution_work_kept_since_ms(const struct executions *x)
{
    const struct settings *settings = x->hooks->settings(x->hooks->context);

    return execution_work_now_ms() - (uint64_t)settings->executions.keep_days * DAY_MS;
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

void execution_work_arn(const struct executions *x, const struct store_execution *execution,
                        char out[EXECUTION_ARN_MAX])
{
    write_arn(x->hooks, execution->is_express ? "express" : "execution", execution->machine,
              execution->name, out);
}

void execution_work_machine_arn(const struct api_hooks *hooks, const char *machine,
                                char out[EXECUTION_ARN_MAX])
{
    write_arn(hooks, "stateMachine", machine, NULL, out);
}

/* ---- The index ------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint32_t hash_text(uint32_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return (h ^ 0xff) * 16777619u;
}

uint32_t execution_work_name_hash(const char *machine, const char *name)
{
    return hash_text(hash_text(2166136261u, machine), name);
}

uint32_t execution_work_key_hash(uint64_t key)
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

struct execution *execution_work_by_name(struct executions *x, const char *machine,
                                         const char *name)
{
    const struct wanted_name wanted = {machine, name};

    return execution_index_find(x->names, execution_work_name_hash(machine, name), is_named,
                                &wanted);
}

struct execution *execution_work_by_key(struct executions *x, uint64_t key)
{
    return execution_index_find(x->keys, execution_work_key_hash(key), has_key, &key);
}

/* ---- Time ------------------------------------------------------------------------------------ */

void execution_work_wake(struct executions *x)
{
    int in_ms = wheel_next_ms(&x->wheel, clock_ms());

    if (in_ms >= 0)
        x->hooks->executions_wake(x->hooks->context, (uint32_t)in_ms);
}

void execution_work_set_again(struct execution *e, uint32_t in_ms)
{
    wheel_set(&e->x->wheel, &e->again.node, clock_ms() + in_ms);
    execution_work_wake(e->x);
}

static void set_deadline(struct execution *e)
{
    uint64_t now_ms = execution_work_now_ms(), due_ms = e->record.deadline_ms;

    if (due_ms > 0)
        wheel_set(&e->x->wheel, &e->deadline.node,
                  clock_ms() + (due_ms > now_ms ? due_ms - now_ms : 0));
}

void execution_work_count(struct execution *e)
{
    e->counts = execution_tally_of(&e->x->tallies, e->record.machine, e->record.alias,
                                   strcmp(e->record.version, "$LATEST") == 0 ? "$LATEST"
                                                                             : e->record.version);
    e->counts->running++;
    set_deadline(e);
    execution_work_wake(e->x);
}

/* ---- What it runs ---------------------------------------------------------------------------- */

const struct version *execution_work_version(const struct execution *e)
{
    char full[MACHINE_BYTES_MAX + 1];
    const struct target *target =
        e->table && machine_full(str_of(e->record.machine), full)
            ? table_find(e->table, str_of(full), str_of(e->record.version), NULL)
            : NULL;

    return target && target->alias.n == 0 ? target->arms[0].version : NULL;
}

bool execution_work_has_engine(const struct execution *e)
{
    const struct version *version = execution_work_version(e);

    return version && version->kind == VERSION_SFN;
}

void execution_work_give_back(struct execution *e)
{
    if (e->wards && e->ward)
        ward_give(e->ward);
    e->wards = NULL;
    execution_draws_spare(&e->x->draws, &e->draw);
}

void execution_work_drop_run(struct execution *e, bool is_stop)
{
    struct run *run = e->run;

    e->run = NULL;
    if (!run)
        return;
    run->context = NULL;
    if (is_stop)
        e->x->hooks->run_stop(e->x->hooks->context, run);
}

/* ---- Lanes ----------------------------------------------------------------------------------- */

void execution_work_free_lane(struct execution_lane *lane)
{
    LIST_REMOVE(lane, link);
    free(lane->machine);
    free(lane->version);
    free(lane);
}

void execution_work_leave_lane(struct execution *e)
{
    struct execution_lane *lane = e->lane;
    struct execution *next;

    e->lane = NULL;
    if (!lane)
        return;
    if (!e->is_in_lane) {
        TAILQ_REMOVE(&lane->waiting, e, in_lane);
    } else {
        e->is_in_lane = false;
        lane->nr--;
        next = TAILQ_FIRST(&lane->waiting);
        if (next && !e->x->is_ending)
            execution_work_set_again(next, 0); /* not from within this call */
    }
    if (lane->nr == 0 && TAILQ_EMPTY(&lane->waiting))
        execution_work_free_lane(lane);
}

/* ---- Objects --------------------------------------------------------------------------------- */

static bool keep(const char **text)
{
    *text = strdup(*text ? *text : "");
    return *text != NULL;
}

struct execution *execution_work_make(struct executions *x, const struct store_execution *record)
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
        execution_work_free(&e);
    return e;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

void execution_work_free(struct execution **execution)
{
    struct execution *e = *execution;
    struct executions *x = e->x;

    *execution = NULL;
    assert(LIST_EMPTY(&e->starts) && LIST_EMPTY(&e->ends));
    if (e->record.name && e->record.machine)
        execution_index_remove(x->names,
                               execution_work_name_hash(e->record.machine, e->record.name), e);
    if (e->record.key > 0)
        execution_index_remove(x->keys, execution_work_key_hash(e->record.key), e);
    execution_work_drop_run(e, true);
    execution_work_leave_lane(e);
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
execution_work_look_up(struct executions *x, const struct store_execution_query *query,
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
    q.ended_after_ms = execution_work_kept_since_ms(x);
    if (store_executions_read(x->store, &q, on_read, look) < 0) {
        free(look);
        return EXECUTION_NO_MEMORY;
    }
    LIST_INSERT_HEAD(&x->looks, look, link);
    wait->link.le_prev = NULL;
    wait->look = look;
    return EXECUTION_OK;
}

void execution_work_forget(struct execution_wait *wait)
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

/* ---- The end --------------------------------------------------------------------------------- */

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
    execution_work_free(&e);
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
    execution_work_set_again(e, EXECUTION_STORE_AGAIN_MS);
}

void execution_work_store_end(struct execution *e)
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
        execution_work_set_again(e, EXECUTION_STORE_AGAIN_MS);
}

void execution_work_finish_take(struct execution *e, struct ending *outcome)
{
    bool is_stop = outcome->status == EXECUTION_ABORTED || outcome->status == EXECUTION_TIMED_OUT;
    uint64_t now_ms = execution_work_now_ms();

    assert(e->at != EXECUTION_AT_CLOSING && outcome->status != EXECUTION_RUNNING);
    e->ending = *outcome;
    *outcome = (struct ending){.status = EXECUTION_RUNNING};
    e->at = EXECUTION_AT_CLOSING;
    e->record.status = e->ending.status;
    e->record.stopped_ms = now_ms > e->record.started_ms ? now_ms : e->record.started_ms;
    execution_work_drop_run(e, is_stop);
    execution_work_leave_lane(e);
    wheel_forget(&e->x->wheel, &e->deadline.node);
    wheel_forget(&e->x->wheel, &e->again.node);
    settle_ward(e, e->ending.is_blamed);
    if (execution_work_has_engine(e) && !e->is_sync)
        e->x->abandon(e);
    if (e->table)
        table_unref(&e->table);
    if (e->counts)
        execution_tally_close(e->counts, e->record.status,
                              e->record.stopped_ms - e->record.started_ms, e->ending.is_blamed);
    execution_work_store_end(e);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void execution_work_fini(struct executions *x)
{
    struct execution *e;
    struct execution_look *look;

    x->is_ending = true;
    while ((e = TAILQ_FIRST(&x->all))) {
        LIST_INIT(&e->starts);
        LIST_INIT(&e->ends);
        e->run = NULL;
        execution_work_free(&e);
    }
    while ((look = LIST_FIRST(&x->looks))) {
        LIST_REMOVE(look, link);
        free(look);
    }
    execution_index_free(&x->names);
    execution_index_free(&x->keys);
}
