/* Reading: what workers and callers have, added up. One small lock is held after the other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiment/mismatch.h"
#include "experiment/study.h"
#include "experiment/study_parts.h"

/* The chi-squared test is over this many versions at most: it takes their number to the third. */
enum { TESTED_MAX = 256 };

/* ---- Sample ratio mismatch ------------------------------------------------------------------- */

struct test {
    struct mismatch *mismatch;
    int *places; /* by the study's number of a version; -1: none yet */
    int nr, nr_places;
};

/* Places of a period's versions; how many there are then, or TESTED_MAX + 1. */
static int place(struct test *test, const uint16_t *versions, int nr)
{
    for (int i = 0; i < nr && test->nr <= TESTED_MAX; i++)
        if (test->places[versions[i]] < 0)
            test->places[versions[i]] = test->nr++;
    return test->nr;
}

static void add_period(struct test *test, const uint16_t *versions, const double *counts,
                       const double *shares, int nr)
{
    int places[TESTED_MAX];

    for (int i = 0; i < nr && i < TESTED_MAX; i++)
        places[i] = test->places[versions[i]];
    mismatch_add(test->mismatch, counts, shares, places, nr);
}

/* What a period counted since the study began. The evidence's scratch, under the lock. */
static const double *since_begin(struct study_period *p)
{
    for (int i = 0; i < p->nr; i++) {
        double n = p->counts[i] - p->evidence.base[i];
        p->evidence.since[i] = n > 0 ? n : 0;
    }
    return p->evidence.since;
}

static void place_all(struct study_core *study, struct test *test)
{
    struct evidence_period *e;

    for (uint32_t i = 0; i < study->nr_names; i++)
        test->places[i] = -1;
    LIST_FOREACH(e, &study->evidence.periods, link)
    place(test, study_of_evidence(e)->versions, e->nr);
    for (int i = 0; i < study->nr_past; i++)
        place(test, study->past[i].versions, study->past[i].nr);
}

static void add_all(struct study_core *study, struct test *test)
{
    struct evidence_period *e;

    LIST_FOREACH(e, &study->evidence.periods, link)
    add_period(test, study_of_evidence(e)->versions, since_begin(study_of_evidence(e)), e->shares,
               e->nr);
    for (int i = 0; i < study->nr_past; i++)
        add_period(test, study->past[i].versions, study->past[i].counts, study->past[i].shares,
                   study->past[i].nr);
}

static double p_value(struct study_core *study)
{
    struct test test = {.places = calloc(study->nr_names + 1, sizeof(int))};
    double p = 1;

    if (!test.places)
        return NAN;
    place_all(study, &test);
    test.mismatch = test.nr <= TESTED_MAX ? mismatch_make(test.nr) : NULL;
    if (test.mismatch) {
        add_all(study, &test);
        p = mismatch_p_value(test.mismatch);
    } else {
        p = NAN;
    }
    mismatch_free(&test.mismatch);
    free(test.places);
    return p;
}

static void report_mismatch(struct study_core *study, struct study_report *report)
{
    struct evidence_period *e;

    study_count(study);
    evidence_turn(&study->evidence);
    report->srm_log_evalue = evidence_log(&study->evidence);
    report->srm_p_value = p_value(study);
    report->srm_callers = study->past_callers;
    LIST_FOREACH(e, &study->evidence.periods, link)
    {
        const double *counts = since_begin(study_of_evidence(e));
        for (int i = 0; i < e->nr; i++)
            report->srm_callers += counts[i];
    }
}

/* ---- Sums ------------------------------------------------------------------------------------ */

static void add_caller(void *context, const struct kept_caller *caller, const double *outcomes)
{
    struct study_report *report = context;
    struct study_version *v;

    if (caller->is_crossed) {
        report->crossovers += 1;
        return;
    }
    if (caller->version >= report->nr_versions || caller->n == 0)
        return;
    v = &report->versions[caller->version];
    confseq_add(&v->sums[STUDY_ERRORS], caller->n, caller->errors);
    confseq_add(&v->sums[STUDY_DURATION], caller->n, caller->duration_ms);
    for (int k = 0; k < report->nr_outcomes; k++)
        confseq_add(&v->sums[STUDY_OUTCOMES + k], caller->n, outcomes[k]);
}

static void add_cell(const struct study_cell *cell, int nr_outcomes, struct study_version *v)
{
    const struct confseq_sums *common = &cell->solo[STUDY_ERRORS];

    spread_join(&v->spread, &cell->spread);
    confseq_join(&v->sums[STUDY_ERRORS], common);
    confseq_join(&v->sums[STUDY_DURATION], &cell->solo[STUDY_DURATION]);
    for (int k = 0; k < nr_outcomes; k++) {
        struct confseq_sums sums = cell->solo[STUDY_OUTCOMES + k];

        sums.callers = common->callers;
        sums.n = common->n;
        sums.nn = common->nn;
        confseq_join(&v->sums[STUDY_OUTCOMES + k], &sums);
    }
}

static void add_worker(struct study_worker *w, struct study_report *report)
{
    pthread_mutex_lock(&w->lock);
    report->nr_bad_outcomes += w->nr_bad_outcomes;
    for (uint32_t i = 0; i < w->nr && i < (uint32_t)report->nr_versions; i++)
        if (w->cells[i])
            add_cell(w->cells[i], report->nr_outcomes, &report->versions[i]);
    pthread_mutex_unlock(&w->lock);
}

/* Of all versions there are now. False when out of memory. */
static bool name_versions(struct study_core *study, struct study_report *report)
{
    report->versions = calloc((size_t)study->nr_names + 1, sizeof(report->versions[0]));
    if (!report->versions)
        return false;
    for (uint32_t i = 0; i < study->nr_names; i++) {
        report->versions[i].name = strdup(study->names[i]);
        if (!report->versions[i].name)
            return false;
        report->nr_versions++;
    }
    return true;
}

struct study_report *study_report(struct study *owner)
{
    struct study_core *study = study_core(owner);
    struct study_report *report = calloc(1, sizeof(*report));
    struct callers *callers;
    struct study_worker *workers;
    bool is_whole;

    if (!report || !study) {
        free(report);
        return NULL;
    }
    pthread_mutex_lock(&study->lock);
    is_whole = name_versions(study, report);
    report_mismatch(study, report);
    workers = study->workers;
    pthread_mutex_unlock(&study->lock);
    if (!is_whole) {
        study_report_free(&report);
        return NULL;
    }
    pthread_mutex_lock(&study->names_lock);
    report->nr_outcomes = study->nr_outcomes;
    if (study->outcomes)
        memcpy(report->outcomes, study->outcomes, sizeof(report->outcomes));
    pthread_mutex_unlock(&study->names_lock);
    callers = atomic_load(&study->callers);
    report->callers_share = callers ? callers_share(callers) : 1;
    report->callers_kept = callers ? callers_kept(callers) : 0;
    report->callers_max = STUDY_CALLERS_MAX;
    if (callers)
        callers_each(callers, add_caller, report);
    for (int i = 0; workers && i < study->nr_workers; i++)
        add_worker(&workers[i], report);
    return report;
}

void study_report_free(struct study_report **report)
{
    struct study_report *r = *report;

    *report = NULL;
    if (!r)
        return;
    for (int i = 0; i < r->nr_versions; i++)
        free(r->versions[i].name);
    free(r->versions);
    free(r);
}
