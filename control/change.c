/* The queue of operations that write, and the way of one from its turn to its answer. */
#include "control/change.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/answer.h"
#include "control/apicopy.h"
#include "control/change_parts.h"
#include "control/rowstore.h"

/* ---- Making and ending ----------------------------------------------------------------------- */

static void drop_edits(struct change_work *w)
{
    for (int i = 0; i < w->nr_edits; i++) {
        free(w->edits[i].function);
        free(w->edits[i].name);
        json_decref(w->edits[i].document);
    }
    free(w->edits);
    w->edits = NULL;
    w->nr_edits = 0;
    kept_fini(&w->kept);
    for (int i = 0; i < w->outline.nr; i++)
        json_decref(w->outline.list[i].document);
    free(w->outline.list);
    w->outline = (struct change_outline){.nr = 0};
    free(w->text);
    w->text = NULL;
    if (w->build.previous)
        table_unref(&w->build.previous);
    if (w->build.table)
        table_unref(&w->build.table);
    tabledoc_diff_fini(&w->diff);
    if (w->change.noted)
        w->engine->hooks->listener->forget(&w->change);
    overlay_free(&w->overlay);
}

/* Everything that a turn has left. */
static void clear(struct change_work *w)
{
    struct change *change = &w->change;

    if (change->state_free)
        change->state_free(change->state);
    change->state = NULL;
    change->state_free = NULL;
    free(change->response.body);
    change->response = (struct api_response){0};
    drop_edits(w);
    problems_fini(&w->problems);
    w->result = (struct change_result){.problems = &w->problems, .diff = &w->diff};
    w->document = STR("");
    w->done = NULL;
}

static void free_work(struct change_work *w)
{
    clear(w);
    if (w->change.context_free)
        w->change.context_free(w->change.context);
    apicopy_fini(&w->copy);
    free(w);
}

bool change_begin(const struct api_hooks *hooks, const struct api_request *request,
                  struct api_waiter *waiter, struct api_response *response, change_fn *handle)
{
    struct change_work *w = change_work_queue(hooks, request, handle);

    if (!w) {
        answer_json(response, 503, NULL);
        return true;
    }
    w->waiter = waiter;
    waiter->change = w;
    return false;
}

int change_begin_own(const struct api_hooks *hooks, void *context, change_fn *handle)
{
    struct change_work *w = change_work_queue(hooks, NULL, handle);

    if (w)
        w->change.context = context;
    return w ? 0 : -1;
}

void change_forget(struct api_waiter *waiter)
{
    assert(waiter->change->waiter == waiter);
    waiter->change->waiter = NULL;
    waiter->change = NULL;
}

/* ---- Submitting ------------------------------------------------------------------------------ */

static int copy_edit(struct edit *to, const struct change_edit *from)
{
    *to = (struct edit){.kind = from->kind, .document = from->document};
    to->function = strdup(from->function ? from->function : "");
    to->name = strdup(from->name ? from->name : "");
    return to->function && to->name ? 0 : -1;
}

static void check_revision(struct change_work *w, const struct change_edit *edit)
{
    char now[CHANGE_REVISION_SIZE];

    if (!edit->expected_revision)
        return;
    if (change_revision(w->engine->hooks, edit->kind, str_of(edit->function),
                        str_of(edit->name ? edit->name : ""), now) < 0)
        change_work_fail_memory(w);
    else if (strcmp(now, edit->expected_revision) != 0)
        change_work_fail(w, CHANGE_CONFLICT, "the revision is another by now");
}

void change_keep(struct change *change, const struct store_edit *edit)
{
    assert(change->work->stage <= STAGE_BUILT && edit->kind != STORE_SET);
    kept_add(&change->work->kept, edit);
}

void change_submit(struct change *change, const struct change_edit *edits, int nr,
                   change_done_fn *done)
{
    struct change_work *w = change->work;
    bool is_out = w->kept.is_short;

    assert(w->stage == STAGE_TURN && nr + w->kept.nr > 0);
    w->done = done;
    w->stage = STAGE_SUBMITTED;
    w->edits = calloc((size_t)nr + 1, sizeof(w->edits[0]));
    for (int i = 0; i < nr; i++) {
        if (w->edits)
            is_out |= copy_edit(&w->edits[w->nr_edits++], &edits[i]) < 0;
        else
            json_decref(edits[i].document);
    }
    if (!w->edits || is_out) {
        change_work_fail_memory(w);
        return;
    }
    for (int i = 0; i < nr && w->stage == STAGE_SUBMITTED; i++)
        check_revision(w, &edits[i]);
}

/* ---- Storing, and coming into force ---------------------------------------------------------- */

static void on_stored(void *context, enum store_outcome outcome, const char *reason)
{
    struct change_engine *changes = context;
    struct change_work *w = TAILQ_FIRST(&changes->queue);

    if (changes->is_over)
        return;
    assert(w && w->stage == STAGE_STORING);
    if (outcome == STORE_CONFLICT && changes->hooks->rows->store->is_shared) {
        change_follow_first(w);
        change_engine_turn(changes);
        return;
    }
    w->outcome = outcome;
    snprintf(w->reason, sizeof(w->reason), "%s", reason);
    w->stage = STAGE_STORED;
    change_engine_turn(changes);
}

/* Rows alone: no table is to come into force. */
static bool is_bare(const struct change_work *w)
{
    return w->diff.nr_puts + w->diff.nr_removes == 0;
}

static void store(struct change_work *w)
{
    const struct change_listener *listener = w->engine->hooks->listener;
    struct rowstore *rows = w->engine->hooks->rows;
    bool is_whole = w->nr_edits > 0 && w->edits[0].kind == CHANGE_TABLE;

    if (w->nr_edits > 0 && !w->build.table) {
        change_work_fail(w, CHANGE_REFUSED, NULL);
        return;
    }
    assert(w->nr_edits == 0 || change_work_in_force(w) == w->build.previous);
    if (w->is_followed) {
        change_follow_store(w);
        return;
    }
    if (listener && w->build.compare &&
        (listener->replaces(&w->change, &w->build, w->build.text) < 0 || w->kept.is_short)) {
        change_work_fail(w, w->problems.nr > 0 ? CHANGE_REFUSED : CHANGE_FAILED, "out of memory");
        return;
    }
    if (is_whole && rows->store->is_shared)
        store_replace(rows->store);
    if (is_bare(w) && w->kept.nr == 0 && !(is_whole && rows->store->is_lost)) {
        /* all of it is so already */
        w->stage = STAGE_SETTLED;
        return;
    }
    if (w->change.is_led && rows->store->is_shared)
        store_lead(rows->store);
    w->stage = STAGE_STORING;
    if (rowstore_store(rows, &w->diff, w->kept.list, w->kept.nr, on_stored, w->engine) < 0)
        change_work_fail(w, CHANGE_FAILED, "out of memory");
}

/* What is told of a change that is not stored. */
static void fail_stored(struct change_work *w)
{
    char reason[CHANGE_REASON_MAX];

    snprintf(reason, sizeof(reason), "%s", w->reason);
    if (w->engine->hooks->rows->store->is_shared)
        snprintf(w->reason, sizeof(w->reason), "The change was not made, or not answered: %.900s.",
                 reason);
    else if (w->outcome == STORE_UNKNOWN)
        snprintf(
            w->reason, sizeof(w->reason),
            "It is not known whether the change was stored (%.900s): it is not in force, but may "
            "be after the next start.",
            reason);
    else
        snprintf(w->reason, sizeof(w->reason), "The change could not be stored: %.900s.", reason);
    change_work_fail(w, w->outcome == STORE_UNKNOWN ? CHANGE_UNKNOWN : CHANGE_FAILED, w->reason);
}

static void put_in_force(struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;
    struct table *table = w->build.table;

    if (w->outcome != STORE_DONE) {
        fail_stored(w);
        return;
    }
    if (hooks->rows->store->is_shared) {
        struct table *labelled = table && !is_bare(w) ? table : change_work_in_force(w);
        labelled->generation = w->is_followed ? w->generation : hooks->rows->store->generation;
    }
    if (is_bare(w)) {
        if (w->is_followed)
            change_follow_rows(w);
        w->stage = STAGE_SETTLED;
        return;
    }
    if (rowstore_take(hooks->rows, &w->diff) < 0)
        log_error("out of memory: RevisionIds of what was changed are wrong until the next start");
    w->build.table = NULL;
    table_unref(&w->build.previous);
    hooks->put_table(hooks->context, table);
    if (w->is_followed)
        change_follow_rows(w);
    if (w->change.noted)
        w->engine->hooks->listener->done(&w->change);
    change_build_log(w);
    w->stage = STAGE_SETTLING;
    hooks->soon_on_all(hooks->context);
}

/* ---- The way of one -------------------------------------------------------------------------- */

static void finish(struct change_work *w, struct works *list)
{
    struct api_response response = w->change.response;
    struct api_waiter *waiter = w->waiter;

    TAILQ_REMOVE(list, w, link);
    w->change.response.body = NULL;
    if (waiter) {
        waiter->change = NULL;
        waiter->answered(waiter, &response);
    } else {
        free(response.body);
    }
    free_work(w);
}

static void take_turn(struct change_work *w)
{
    clear(w);
    w->stage = STAGE_TURN;
    w->handle(&w->change);
    if (w->stage == STAGE_TURN)
        finish(w, &w->engine->queue);
}

/* Its turn begins anew when the reload is over. */
static void wait_for_reload(struct change_work *w)
{
    TAILQ_REMOVE(&w->engine->queue, w, link);
    TAILQ_INSERT_TAIL(&w->engine->waiting, w, link);
    w->stage = STAGE_QUEUED;
}

static void put(struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;

    if (w->nr_edits == 0)
        w->stage = STAGE_BUILT;
    else if (change_build_is_plain(w))
        change_build_alias(w);
    else if (hooks->is_reloading(hooks->context))
        wait_for_reload(w);
    else
        change_build(w);
}

/* All members have it, or nobody knows. */
static void on_spread(void *context, enum store_outcome outcome, const char *reason)
{
    struct change_work *w = context;

    if (w->engine->is_over)
        return;
    if (outcome != STORE_DONE)
        change_answer_not_spread(&w->change, reason);
    finish(w, &w->engine->spreading);
}

/* Does whoever asked want all members of the fleet to have it? Then others have their turn while it
 * waits for that. */
static bool spread(struct change_work *w)
{
    struct store *store = w->engine->hooks->rows->store;

    if (!store->is_shared || !w->waiter || w->result.status != CHANGE_DONE ||
        !change_answer_waits_for_fleet(w->change.request.query))
        return false;
    if (store_await(store, store->generation, on_spread, w) < 0) {
        change_answer_not_spread(&w->change, "out of memory");
        return false;
    }
    TAILQ_REMOVE(&w->engine->queue, w, link);
    TAILQ_INSERT_TAIL(&w->engine->spreading, w, link);
    return true;
}

static void tell(struct change_work *w)
{
    struct table *table = change_work_in_force(w);
    const struct target *target = NULL;

    w->result.generation = table->generation;
    w->done(&w->change, &w->result);
    if (w->result.status == CHANGE_DONE && w->nr_edits > 0)
        answer_field(&w->change.response, "x-weir-generation", "%llu",
                     (unsigned long long)table->generation);
    if (w->result.status == CHANGE_DONE && w->nr_edits == 1 && w->edits[0].kind == CHANGE_ALIAS)
        target = change_build_find_alias(w, &w->edits[0]);
    if (target)
        answer_field(&w->change.response, "x-weir-first-ticket", "%llu",
                     (unsigned long long)split_first_ticket(target->split));
    if (w->result.status == CHANGE_DONE && !w->engine->hooks->rows->store->is_durable)
        answer_field(&w->change.response, "x-weir-durable", "no");
    if (!spread(w))
        finish(w, &w->engine->queue);
}

void change_engine_turn(struct change_engine *changes)
{
    struct change_work *w;

    for (;;) {
        if (!change_engine_is_busy(changes))
            changes->hooks->between(changes->hooks->context);
        w = TAILQ_FIRST(&changes->queue);
        if (!w)
            return;
        switch (w->stage) {
        case STAGE_QUEUED:
            take_turn(w);
            continue;
        case STAGE_SUBMITTED:
            put(w);
            continue;
        case STAGE_BUILT:
            store(w);
            continue;
        case STAGE_STORED:
            put_in_force(w);
            continue;
        case STAGE_SETTLED:
            tell(w);
            continue;
        case STAGE_TURN:
        case STAGE_BUILDING:
        case STAGE_STORING:
        case STAGE_SETTLING:
        default:
            return;
        }
    }
}

void change_engine_settled(struct change_engine *changes)
{
    struct change_work *w = TAILQ_FIRST(&changes->queue);

    assert(w && w->stage == STAGE_SETTLING);
    w->stage = STAGE_SETTLED;
    change_engine_turn(changes);
}

void change_engine_built(struct change_engine *changes)
{
    struct change_work *w = TAILQ_FIRST(&changes->queue);

    assert(w && w->stage == STAGE_BUILDING);
    w->stage = STAGE_BUILT;
    change_engine_turn(changes);
}

void change_engine_reloaded(struct change_engine *changes)
{
    struct change_work *w;

    /* In front of those that came later, but not of the one that has its turn. */
    while ((w = TAILQ_LAST(&changes->waiting, works))) {
        struct change_work *first = TAILQ_FIRST(&changes->queue);

        TAILQ_REMOVE(&changes->waiting, w, link);
        if (first && first->stage != STAGE_QUEUED)
            TAILQ_INSERT_AFTER(&changes->queue, first, w, link);
        else
            TAILQ_INSERT_HEAD(&changes->queue, w, link);
    }
    changes->hooks->soon(changes->hooks->context);
}

/* ---- The rest -------------------------------------------------------------------------------- */

bool change_engine_is_busy(const struct change_engine *changes)
{
    const struct change_work *w = TAILQ_FIRST(&changes->queue);

    return w && w->stage != STAGE_QUEUED;
}

bool change_engine_is_building(const struct change_engine *changes)
{
    const struct change_work *w = TAILQ_FIRST(&changes->queue);

    return w && w->stage >= STAGE_BUILDING && w->stage <= STAGE_STORED && w->build.compare;
}

struct change_engine *change_engine_make(const struct api_hooks *hooks)
{
    struct change_engine *changes = calloc(1, sizeof(*changes));

    if (!changes)
        return NULL;
    changes->hooks = hooks;
    TAILQ_INIT(&changes->queue);
    TAILQ_INIT(&changes->waiting);
    TAILQ_INIT(&changes->spreading);
    return changes;
}

void change_engine_end(struct change_engine *changes)
{
    changes->is_over = true;
}

void change_engine_free(struct change_engine **changes)
{
    struct change_engine *c = *changes;
    struct change_work *w;

    *changes = NULL;
    if (!c)
        return;
    TAILQ_CONCAT(&c->queue, &c->waiting, link);
    TAILQ_CONCAT(&c->queue, &c->spreading, link);
    while ((w = TAILQ_FIRST(&c->queue))) {
        TAILQ_REMOVE(&c->queue, w, link);
        if (w->waiter)
            w->waiter->change = NULL;
        free_work(w);
    }
    free(c);
}
