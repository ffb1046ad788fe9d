/* A change that nobody asked for by the API. What was changed meanwhile by others wins: where the
 * canary has left the alias, or has come back anew, there is nothing to do. */
#include "control/takeback.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/tabledoc_alias.h"
#include "router/invoke.h"

struct takeback_work {
    LIST_ENTRY(takeback_work) link;
    struct takebacks *takebacks;
    struct ward *ward;
    struct takeback said;
    bool is_told;      /* ended has been called */
    uint64_t again_ms; /* clock_ms: then it is tried again; 0: its change is queued */
};

enum { AGAIN_MS = 1000 };

/* ---- Words ----------------------------------------------------------------------------------- */

void takeback_describe(struct takeback *out, struct ward *ward, const struct target *target)
{
    struct ward_figures figures = ward_figures(ward);

    *out = (struct takeback){.function = ward->function,
                             .alias = ward->alias,
                             .version = ward->version,
                             .first = target->arms[0].version->name,
                             .cause = (enum ward_cause)atomic_load(&ward->cause)};
    if (out->cause == WARD_BUDGET)
        snprintf(out->text, sizeof(out->text),
                 "budget: %u invocations of version %.*s have failed, and %u may", figures.failed,
                 STR_ARG(out->version), target->wards->failures);
    else
        snprintf(
            out->text, sizeof(out->text),
            "guard: version %.*s fails more often than version %.*s: %u of %u errors were its, "
            "e-value %.4g of %.4g (alpha %.4g)",
            STR_ARG(out->version), STR_ARG(out->first), figures.nr_errors,
            figures.nr_errors + figures.nr_first_errors, exp(figures.log_evalue),
            1 / target->wards->alpha, target->wards->alpha);
}

/* ---- The change ------------------------------------------------------------------------------ */

static void free_work(struct takeback_work **work)
{
    LIST_REMOVE(*work, link);
    ward_unref(&(*work)->ward);
    free(*work);
    *work = NULL;
}

static void tell(struct takeback_work *work)
{
    if (!work->is_told)
        work->takebacks->ended(work->takebacks->context);
    work->is_told = true;
}

static void end(struct takeback_work *work, struct change *change, bool is_done)
{
    struct takebacks *takebacks = work->takebacks;

    if (work->said.cause != WARD_FINE && takebacks->listener.over)
        takebacks->listener.over(takebacks->listener.context, &work->said, change, is_done);
    tell(work);
    free_work(&work);
}

/* The answers go out; the workers know that the canary gets no invocation. */
static void try_again(struct takeback_work *work, const char *why)
{
    if (!work->is_told)
        log_error("%.*s:%.*s could not be written back to its first version (%s), which gets all "
                  "invocations all the same; it is tried again; %s",
                  STR_ARG(work->ward->function), STR_ARG(work->ward->alias), why, work->said.text);
    tell(work);
    work->again_ms = clock_ms() + AGAIN_MS;
}

static struct takeback_work *work_of(const struct change *change)
{
    return change->context;
}

static void done(struct change *change, const struct change_result *result)
{
    struct takeback_work *work = work_of(change);
    const struct takeback *said = &work->said;

    if (result->status != CHANGE_DONE) {
        try_again(work, result->reason ? result->reason : "the document is refused");
        return;
    }
    log_warning("%.*s:%.*s is back at version %.*s alone; %s", STR_ARG(said->function),
                STR_ARG(said->alias), STR_ARG(said->first), said->text);
    end(work, change, true);
}

/* The alias as it is, with its first version alone; NULL when out of memory. */
static json_t *write(const struct target *target)
{
    struct str first = target->arms[0].version->name;
    json_t *alias = tabledoc_alias_write(target), *weights = json_object();

    if (!alias || json_object_setn_new(weights, first.p, first.n, json_integer(100)) < 0 ||
        json_object_set(alias, "weights", weights) < 0) {
        json_decref(alias);
        alias = NULL;
    }
    json_decref(weights);
    return alias;
}

/* Is it still the same, of a version with weight? */
static bool has_ward(const struct target *target, const struct ward *ward)
{
    for (int i = 0; target && target->wards && i < target->wards->nr_active; i++)
        if (target->wards->list[i].ward == ward)
            return true;
    return false;
}

static void take_back(struct change *change)
{
    struct takeback_work *work = work_of(change);
    const struct api_hooks *hooks = change->hooks;
    const struct takeback_listener *listener = &work->takebacks->listener;
    struct ward *ward = work->ward;
    const struct target *target =
        table_find(hooks->table(hooks->context), ward->function, ward->alias, NULL);
    char function[INVOKE_NAME_MAX + 1], alias[INVOKE_QUALIFIER_MAX + 1];
    struct change_edit edit = {.kind = CHANGE_ALIAS, .function = function, .name = alias};

    if (!has_ward(target, ward)) {
        end(work, change, false);
        return;
    }
    takeback_describe(&work->said, ward, target);
    change->by = work->said.cause == WARD_BUDGET ? "its budget" : "its guard";
    if (listener->begins)
        listener->begins(listener->context, &work->said, change);
    snprintf(function, sizeof(function), "%.*s", STR_ARG(ward->function));
    snprintf(alias, sizeof(alias), "%.*s", STR_ARG(ward->alias));
    edit.document = write(target);
    if (edit.document) {
        change_submit(change, &edit, 1, done);
        return;
    }
    try_again(work, "out of memory");
}

void takeback_tend(struct takebacks *takebacks)
{
    uint64_t now_ms = clock_ms();
    struct takeback_work *work;

    LIST_FOREACH(work, &takebacks->running, link)
    {
        if (work->again_ms != 0 && now_ms >= work->again_ms)
            work->again_ms =
                change_begin_own(takebacks->hooks, work, take_back) == 0 ? 0 : now_ms + AGAIN_MS;
    }
}

void takeback_begin_take(struct takebacks *takebacks, struct ward **ward)
{
    struct takeback_work *work = calloc(1, sizeof(*work));

    if (work) {
        *work = (struct takeback_work){.takebacks = takebacks, .ward = ward_ref(*ward)};
        LIST_INSERT_HEAD(&takebacks->running, work, link);
        if (change_begin_own(takebacks->hooks, work, take_back) == 0) {
            ward_unref(ward);
            return;
        }
        free_work(&work);
    }
    log_error("out of memory: %.*s:%.*s is not written back", STR_ARG((*ward)->function),
              STR_ARG((*ward)->alias));
    ward_unref(ward);
    takebacks->ended(takebacks->context);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void takeback_init(struct takebacks *takebacks, const struct api_hooks *hooks,
                   void (*ended)(void *context), void *context)
{
    *takebacks = (struct takebacks){.hooks = hooks, .ended = ended, .context = context};
    LIST_INIT(&takebacks->running);
}

void takeback_fini(struct takebacks *takebacks)
{
    while (!LIST_EMPTY(&takebacks->running)) {
        struct takeback_work *work = LIST_FIRST(&takebacks->running);
        free_work(&work);
    }
}
