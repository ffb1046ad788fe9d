/* From the call that starts an execution to its commit: is there one of this name, which version
 * runs, and who is told. */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/execution.h"
#include "control/execution_engine.h"
#include "control/execution_index.h"
#include "control/execution_snapshot.h"
#include "control/execution_tell.h"
#include "control/execution_work.h"
#include "router/machine.h"
#include "router/split.h"

/* ---- The draw -------------------------------------------------------------------------------- */

/* The canary's unit is taken now; where it has none, the first version runs. */
static int take_ward(struct execution *e, const struct target *target, int arm)
{
    struct ward *ward = ward_of(target->wards, arm);
    enum ward_answer answer = ward ? ward_take(target->wards, ward) : WARD_MAY;

    if (answer == WARD_RECALL)
        e->x->hooks->recall(e->x->hooks->context, ward);
    if (answer != WARD_MAY)
        return 0;
    e->wards = target->wards;
    e->ward = ward;
    e->arm = arm;
    return arm;
}

static int pick(struct execution *e, struct target *target)
{
    struct executions *x = e->x;
    int arm = execution_draws_take(&x->draws, e->record.machine, target, e->record.key, &e->draw);

    if (arm < 0) {
        arm = target->split ? split_pick(target->split, &x->rng) : 0;
        if (arm >= 0 && target->alias.n > 0 && e->record.key > 0)
            e->draw = execution_draws_open(&x->draws, e->record.machine, target->alias,
                                           target->arms[arm].version->name, e->record.key);
    }
    if (arm >= 0 && target->wards)
        arm = take_ward(e, target, arm);
    return arm;
}

static char *text_of(struct str s)
{
    char *text = malloc(s.n + 1);

    if (text)
        *text_str(text, s) = '\0';
    return text;
}

static bool set_text(const char **text, struct str value)
{
    char *copy = text_of(value);

    if (!copy)
        return false;
    free((void *)(uintptr_t)*text);
    *text = copy;
    return true;
}

static enum execution_result draw(struct execution *e)
{
    struct executions *x = e->x;
    struct table *table = x->hooks->table(x->hooks->context);
    char full[MACHINE_BYTES_MAX + 1];
    struct target *target =
        machine_full(str_of(e->record.machine), full)
            ? table_find(table, str_of(full), e->qualifier.n > 0 ? e->qualifier : STR("$LATEST"),
                         NULL)
            : NULL;
    const struct version *version;
    int arm;

    if (!target)
        return EXECUTION_NO_MACHINE;
    arm = pick(e, target);
    if (arm < 0)
        return EXECUTION_NO_MEMORY;
    version = target->arms[arm].version;
    e->table = table_ref(table);
    if (!set_text(&e->record.alias, target->alias) || !set_text(&e->record.version, version->name))
        return EXECUTION_NO_MEMORY;
    if (version->task && version->task->execution_ms > 0)
        e->record.deadline_ms = e->record.started_ms + version->task->execution_ms;
    return EXECUTION_OK;
}

/* ---- Putting --------------------------------------------------------------------------------- */

static void tell_failure(struct execution *e, enum execution_result result, const char *reason)
{
    const struct execution_told told = {.result = result, .reason = reason};

    execution_tell_all(&e->starts, &told);
}

static void on_put(void *context, enum store_outcome outcome, const char *reason)
{
    struct execution *e = context;
    if (e->x->is_ending)
        return;
    if (outcome == STORE_DONE)
        execution_draws_close(&e->x->draws, &e->draw);
    if (outcome != STORE_DONE) {
        e->is_stored = false;
        e->x->nr--;
        execution_work_give_back(e);
        tell_failure(e, EXECUTION_NOT_STORED, reason);
        execution_work_free(&e);
        return;
    }
    free(e->definition);
    e->definition = NULL;
    e->at = EXECUTION_AT_QUEUED;
    if (execution_work_has_engine(e)) { /* which has the last word */
        execution_engine_start(e);
        return;
    }
    execution_work_count(e);
    e->counts->started++;
    execution_tell_started(e);
    execution_run_advance(e);
}

static bool make_id(const char **id)
{
    uint64_t words[2];
    char text[ID_LENGTH + 1] = "";

    if (RAND_bytes((unsigned char *)words, sizeof(words)) != 1)
        return false;
    id_write(text, words[0], words[1]);
    return set_text(id, str_of(text));
}

/* What it runs, for the store. */
static bool describe(struct execution *e)
{
    char *digest = NULL;

    e->definition =
        execution_snapshot(e->x->hooks, e->table, e->record.machine, e->record.version, &digest);
    if (!e->definition)
        return false;
    free((void *)(uintptr_t)e->record.definition_id);
    e->record.definition_id = digest;
    return true;
}

static int index_name(struct execution *e)
{
    if (execution_work_by_name(e->x, e->record.machine, e->record.name) == e)
        return 0;
    return execution_index_add(e->x->names,
                               execution_work_name_hash(e->record.machine, e->record.name), e);
}

/* The name is free: draws, and hands it to the store. */
static enum execution_result accept(struct execution *e)
{
    const struct settings *settings = e->x->hooks->settings(e->x->hooks->context);
    struct store_execution record;
    enum execution_result result;

    if (!e->is_sync && e->x->nr >= settings->executions.max)
        return EXECUTION_TOO_MANY;
    if (!e->record.is_express && index_name(e) < 0)
        return EXECUTION_NO_MEMORY;
    e->record.started_ms = execution_work_now_ms();
    e->record.key = e->is_sync ? 0 : store_execution_key(e->x->store);
    if (!make_id(&e->record.id))
        return EXECUTION_NO_MEMORY;
    result = draw(e);
    if (result != EXECUTION_OK)
        return result;
    if (e->is_sync) {
        e->at = EXECUTION_AT_QUEUED;
        execution_work_count(e);
        e->counts->started++;
        execution_run_advance(e);
        return EXECUTION_OK;
    }
    e->at = EXECUTION_AT_PUTTING;
    if (execution_index_add(e->x->keys, execution_work_key_hash(e->record.key), e) == 0 &&
        describe(e)) {
        record = execution_tell_whole(e);
        e->is_stored =
            store_execution_put(e->x->store, &record, settings->executions.max, on_put, e) == 0;
        e->x->nr += e->is_stored;
    }
    if (e->is_stored)
        return EXECUTION_OK;
    execution_work_give_back(e);
    return EXECUTION_NO_MEMORY;
}

/* ---- Looking --------------------------------------------------------------------------------- */

static void on_looked(void *context, const struct store_execution *list, int nr, const char *reason)
{
    struct execution *e = context;
    enum execution_result result = EXECUTION_NOT_STORED;

    if (e->x->is_ending)
        return;
    if (nr > 0) {
        execution_tell_compared(&e->starts, list, e->is_retry_name);
        execution_work_free(&e);
        return;
    }
    if (nr == 0)
        result = accept(e);
    if (result == EXECUTION_OK)
        return;
    tell_failure(e, result, reason);
    execution_work_free(&e);
}

static enum execution_result look(struct execution *e)
{
    const struct store_execution_query query = {.machine = e->record.machine,
                                                .name = e->record.name,
                                                .ended_after_ms =
                                                    execution_work_kept_since_ms(e->x),
                                                .has_data = true};

    e->at = EXECUTION_AT_LOOKING;
    if (index_name(e) < 0)
        return EXECUTION_NO_MEMORY;
    return store_executions_read(e->x->store, &query, on_looked, e) == 0 ? EXECUTION_OK
                                                                         : EXECUTION_NO_MEMORY;
}

static struct execution *make(struct executions *x, const struct execution_start *start,
                              const char *name, struct str input)
{
    char machine[MACHINE_BYTES_MAX + 1];
    const struct store_execution record = {.machine = machine,
                                           .name = name,
                                           .is_express = start->is_express,
                                           .meta = start->meta,
                                           .input = input.p ? input.p : "",
                                           .input_bytes = input.n};
    struct execution *e;

    if (start->machine.n > MACHINE_BYTES_MAX)
        return NULL;
    memcpy(machine, start->machine.p, start->machine.n);
    machine[start->machine.n] = '\0';
    e = execution_work_make(x, &record);
    if (!e)
        return NULL;
    e->is_sync = start->is_sync;
    e->is_retry_name = start->is_retry_name;
    e->qualifier_text = text_of(start->qualifier);
    e->qualifier = str_of(e->qualifier_text);
    if (!e->qualifier_text)
        execution_work_free(&e);
    return e;
}

/* The name of a start, which is in name: given, or made; of an EXPRESS one with a UUID behind. */
static void write_name(struct executions *x, const struct execution_start *start, char *name,
                       size_t room)
{
    char first[ID_LENGTH], second[ID_LENGTH];

    id_make(&x->rng, first);
    id_make(&x->rng, second);
    if (start->is_express && start->name)
        snprintf(name, room, "%s:%.*s", start->name, ID_LENGTH, second);
    else if (start->is_express)
        snprintf(name, room, "%.*s:%.*s", ID_LENGTH, first, ID_LENGTH, second);
    else if (start->name)
        snprintf(name, room, "%s", start->name);
    else
        snprintf(name, room, "%.*s", ID_LENGTH, first);
}

/* There is one of this name here. */
static void on_there(struct execution_wait *wait, const struct store_execution *execution,
                     const char *reason)
{
    const struct execution_told told = {
        .result = reason       ? EXECUTION_NOT_STORED
                  : !execution ? EXECUTION_EXISTS /* it was, a moment ago */
                               : execution_tell_compare(execution, wait->input, false),
        .reason = reason,
        .execution = execution};

    wait->told(wait, &told);
}

static void on_retried(struct execution_wait *wait, const struct store_execution *execution,
                       const char *reason)
{
    const struct execution_told told = {.result = execution ? EXECUTION_OK : EXECUTION_NOT_STORED,
                                        .reason = reason ? reason : "it is not there",
                                        .execution = execution};

    wait->told(wait, &told);
}

/* Its engine has not answered yet, or did not. */
static bool is_starting_there(const struct execution *e)
{
    return e->is_refused || (execution_work_has_engine(e) &&
                             (e->at == EXECUTION_AT_QUEUED || e->at == EXECUTION_AT_RUNNING));
}

static enum execution_result join(struct execution *e, const struct execution_start *start,
                                  struct execution_wait *wait)
{
    const struct store_execution_query query = {
        .machine = e->record.machine, .name = e->record.name, .has_data = true};

    if (e->at > EXECUTION_AT_PUTTING && !is_starting_there(e))
        return execution_work_look_up(e->x, &query, wait,
                                      start->is_retry_name ? on_retried : on_there);
    if (e->is_away &&
        !execution_tell_same_input(wait->input, (struct str){e->input, e->input_bytes}))
        return EXECUTION_EXISTS;
    wait->look = NULL;
    LIST_INSERT_HEAD(&e->starts, wait, link);
    if (e->is_away)
        execution_engine_start(e);
    return EXECUTION_OK;
}

enum execution_result execution_start_begin(struct executions *x,
                                            const struct execution_start *start,
                                            struct execution_wait *wait)
{
    char machine[MACHINE_BYTES_MAX + 1], name[400];
    struct execution *e = NULL;
    enum execution_result result;

    if (!start->is_sync && !x->store->is_durable)
        return EXECUTION_NO_STORE;
    if (start->is_sync && !x->is_running)
        return EXECUTION_NOT_STORED;
    write_name(x, start, name, sizeof(name));
    snprintf(machine, sizeof(machine), "%.*s", STR_ARG(start->machine));
    if (!start->is_express)
        e = execution_work_by_name(x, machine, name);
    if (e)
        return join(e, start, wait);
    e = make(x, start, name, wait->input);
    if (!e)
        return EXECUTION_NO_MEMORY;
    wait->look = NULL;
    LIST_INSERT_HEAD(start->is_sync ? &e->ends : &e->starts, wait, link);
    result = start->is_express || !start->name ? accept(e) : look(e);
    if (result == EXECUTION_OK)
        return result;
    LIST_REMOVE(wait, link);
    wait->link.le_prev = NULL;
    execution_work_free(&e);
    return result;
}
