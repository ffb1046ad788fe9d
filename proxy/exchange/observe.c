/* Field names to what they say, exchanges to visits. */
#include "proxy/exchange/observe.h"

#include "base/clock.h"
#include "proxy/exchange/extras.h"
#include "proxy/exchange/pick.h"
#include "router/alias_terms.h"
#include "router/studied.h"

static const struct alias_experiment *experiment_of(const struct exchange *ex)
{
    return ex->target->terms ? ex->target->terms->experiment : NULL;
}

static const struct alias_audit *audit_of(const struct exchange *ex)
{
    return ex->target->terms ? ex->target->terms->audit : NULL;
}

/* Whether the draw was by the alias' own rule, and for this. */
static bool is_in_figures(const struct choice *choice)
{
    return choice->picked >= PICKED_EXACT && choice->picked <= PICKED_STICKY;
}

/* What reaches no client of the alias, whoever drew. */
static void hide(struct exchange *ex)
{
    const struct alias_experiment *experiment = experiment_of(ex);
    struct extras *extras = experiment ? extras_of(ex) : NULL;

    if (extras)
        extras_take(extras, experiment->outcome_header);
}

void observe_drawn(struct exchange *ex, const struct choice *choice)
{
    struct worker *w = ex->worker;
    struct study_period *period = atomic_load_explicit(&ex->target->period, memory_order_acquire);

    hide(ex);
    if (choice->is_pinned || !is_in_figures(choice))
        return;
    if (!period)
        period = studied_period(ex->target, metrics_nr_workers(w->shared->metrics));
    if (!period)
        return;
    study_visit_begin(&ex->visit, period, w->index, (int)(ex->arm - ex->target->arms),
                      choice->caller.is_known, choice->caller.hash);
}

static void take_outcomes(struct exchange *ex, const struct head *head, struct str name)
{
    struct outcomes outcomes = {.nr = 0};
    bool is_said = false;

    for (int i = 0; i < head->nr_fields; i++) {
        const struct head_field *f = &head->fields[i];
        if (f->name_len != name.n || !str_ieq(head_name(head, f), name))
            continue;
        outcomes_parse(&outcomes, head_value(head, f));
        is_said = true;
    }
    if (!is_said || ex->visit.has_outcomes)
        return;
    ex->visit.has_outcomes = true;
    study_visit_outcomes(&ex->visit, ex->worker->index, &outcomes);
}

/* The first field of that name. */
static bool find(const struct head *head, struct str name, struct str *value)
{
    for (int i = 0; i < head->nr_fields; i++) {
        const struct head_field *f = &head->fields[i];
        if (f->name_len != name.n || !str_ieq(head_name(head, f), name))
            continue;
        *value = head_value(head, f);
        return true;
    }
    return false;
}

void observe_answer(struct exchange *ex, const struct head *head)
{
    const struct alias_experiment *experiment = experiment_of(ex);
    const struct alias_audit *audit = audit_of(ex);
    struct str value;

    if (audit && find(head, audit->header, &value))
        study_visit_reported(&ex->visit, value);
    if (!experiment)
        return;
    take_outcomes(ex, head, experiment->outcome_header);
    if (ex->is_invoke && find(head, STR("x-amz-function-error"), &value))
        ex->visit.has_failed = true;
}

static bool is_error(const struct exchange *ex)
{
    return ex->visit.has_failed || ex->status >= 500 ||
           (ex->outcome != METRICS_ERROR_NONE && ex->outcome != METRICS_ERROR_CLIENT_ABORT);
}

void observe_outcome(struct exchange *ex)
{
    struct study_end end = {
        .is_answered = observe_is_answered(ex),
        .is_error = is_error(ex),
        .duration_us = experiment_of(ex) ? clock_us() - ex->start_us : 0,
    };

    study_visit_end(&ex->visit, ex->worker->index, &end);
}
