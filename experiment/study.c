/* Studies and their periods, and what is read of them. Visits are in study_visit.c. */
#include "experiment/study.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "experiment/study_parts.h"

/* ---- Studies --------------------------------------------------------------------------------- */

struct study *study_make(struct study_wish wish)
{
    struct study *study = calloc(1, sizeof(*study));

    if (!study)
        return NULL;
    atomic_init(&study->refs, 1);
    atomic_init(&study->core, NULL);
    study->wish = wish;
    return study;
}

struct study *study_ref(struct study *study)
{
    atomic_fetch_add_explicit(&study->refs, 1, memory_order_relaxed);
    return study;
}

void study_past_fini(struct study_past *past)
{
    free(past->versions);
    free(past->shares);
    free(past->counts);
}

static void free_workers(struct study_core *study)
{
    for (int i = 0; study->workers && i < study->nr_workers; i++) {
        struct study_worker *w = &study->workers[i];

        for (uint32_t k = 0; k < w->nr; k++)
            free(w->cells[k]);
        free(w->cells);
        pthread_mutex_destroy(&w->lock);
    }
    free(study->workers);
}

static void free_core(struct study_core *core)
{
    struct callers *callers = atomic_load(&core->callers);

    assert(LIST_EMPTY(&core->evidence.periods));
    callers_free(&callers);
    free_workers(core);
    for (uint32_t i = 0; i < core->nr_names; i++)
        free(core->names[i]);
    free(core->names);
    for (int i = 0; i < core->nr_past; i++)
        study_past_fini(&core->past[i]);
    free(core->past);
    free(core->outcomes);
    pthread_mutex_destroy(&core->lock);
    pthread_mutex_destroy(&core->names_lock);
    free(core);
}

static struct study_core *make_core(struct study_wish wish)
{
    struct study_core *core = calloc(1, sizeof(*core));

    if (!core)
        return NULL;
    atomic_init(&core->callers, NULL);
    core->wish = wish;
    pthread_mutex_init(&core->lock, NULL);
    pthread_mutex_init(&core->names_lock, NULL);
    evidence_init(&core->evidence);
    return core;
}

struct study_core *study_core(struct study *study)
{
    struct study_core *core = atomic_load(&study->core), *made;

    if (core)
        return core;
    made = make_core(study->wish);
    if (!made || atomic_compare_exchange_strong(&study->core, &core, made))
        return made;
    free_core(made); /* another thread was faster */
    return core;
}

void study_unref(struct study **study)
{
    struct study *s = *study;

    *study = NULL;
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (atomic_load(&s->core))
        free_core(atomic_load(&s->core));
    free(s);
}

bool study_is_for(const struct study *study, struct study_wish wish)
{
    return study->wish.is_experiment == wish.is_experiment &&
           study->wish.is_audited == wish.is_audited;
}

/* ---- Periods --------------------------------------------------------------------------------- */

static void count_period(struct study_period *period)
{
    for (int i = 0; i < period->nr; i++) {
        int64_t sum = 0;

        for (int w = 0; w < period->nr_workers; w++)
            sum += atomic_load_explicit(&study_line_of(period, w)->counts[i], memory_order_relaxed);
        period->counts[i] = sum > 0 ? (double)sum : 0;
    }
}

struct study_period *study_of_evidence(struct evidence_period *evidence)
{
    return (struct study_period *)((char *)evidence - offsetof(struct study_period, evidence));
}

void study_count(struct study_core *study)
{
    struct evidence_period *p;

    LIST_FOREACH(p, &study->evidence.periods, link)
    count_period(study_of_evidence(p));
}

/* The number of a version's name, which it gets now if it has none; -1 when there is no room. */
static int number_of(struct study_core *study, struct str name)
{
    uint32_t room = study->room > 0 ? study->room * 2 : 8;

    for (uint32_t i = study->nr_names; i > 0; i--)
        if (str_eq(str_of(study->names[i - 1]), name))
            return (int)i - 1;
    if (study->nr_names == STUDY_VERSIONS_MAX)
        return -1;
    if (study->nr_names == study->room) {
        char **names = reallocarray(study->names, room, sizeof(*names));
        if (!names)
            return -1;
        study->names = names;
        study->room = room;
    }
    char *copy = strndup(name.p, name.n);
    if (!copy)
        return -1;
    study->names[study->nr_names] = copy;
    return (int)study->nr_names++;
}

static bool is_of(const struct study_period *period, const struct study_arm *arms, int nr)
{
    if (period->nr != nr)
        return false;
    for (int i = 0; i < nr; i++)
        if (period->shares[i] != arms[i].share ||
            !str_eq(str_of(period->names[i]), arms[i].version))
            return false;
    return true;
}

static void free_period(struct study_period *period)
{
    free(period->shares);
    free(period->counts);
    free(period->versions);
    free((void *)period->names);
    free(period->evidence.base);
    free(period->evidence.since);
    free(period->lines);
    free(period);
}

static struct study_period *alloc_period(int nr_workers, int nr)
{
    struct study_period *p = calloc(1, sizeof(*p));
    size_t line = sizeof(struct study_line) + (size_t)nr * sizeof(int64_t);

    if (!p)
        return NULL;
    p->nr = nr;
    p->nr_workers = nr_workers;
    p->line_bytes = (line + STUDY_LINE - 1) / STUDY_LINE * STUDY_LINE;
    p->shares = calloc((size_t)nr, sizeof(double));
    p->counts = calloc((size_t)nr, sizeof(double));
    p->versions = calloc((size_t)nr, sizeof(uint16_t));
    p->names = calloc((size_t)nr, sizeof(p->names[0]));
    p->lines = aligned_alloc(STUDY_LINE, (size_t)nr_workers * p->line_bytes);
    p->evidence.base = calloc((size_t)nr * EVIDENCE_STARTS, sizeof(double));
    p->evidence.since = calloc((size_t)nr, sizeof(double));
    if (p->shares && p->counts && p->versions && p->names && p->lines && p->evidence.base &&
        p->evidence.since) {
        memset(p->lines, 0, (size_t)nr_workers * p->line_bytes);
        return p;
    }
    free_period(p);
    return NULL;
}

static struct study_period *make_period(struct study *owner, int nr_workers,
                                        const struct study_arm *arms, int nr)
{
    struct study_period *p = alloc_period(nr_workers, nr);
    struct study_core *study = study_core(owner);

    if (!p)
        return NULL;
    for (int i = 0; i < nr; i++) {
        int number = number_of(study, arms[i].version);
        if (number < 0) {
            free_period(p);
            return NULL;
        }
        p->versions[i] = (uint16_t)number;
        p->names[i] = study->names[number];
        p->shares[i] = arms[i].share;
    }
    p->evidence.nr = nr;
    p->evidence.shares = p->shares;
    p->evidence.counts = p->counts;
    p->study = study;
    p->owner = study_ref(owner);
    evidence_add(&study->evidence, &p->evidence);
    return p;
}

/* False when out of memory. */
static bool have_workers(struct study_core *study, int nr_workers)
{
    if (!study->wish.is_experiment || study->workers)
        return true;
    if (!study->outcomes)
        study->outcomes = calloc(OUTCOMES_MAX, sizeof(study->outcomes[0]));
    if (!study->outcomes)
        return false;
    study->workers = calloc((size_t)nr_workers, sizeof(study->workers[0]));
    if (!study->workers)
        return false;
    study->nr_workers = nr_workers;
    for (int i = 0; i < nr_workers; i++) {
        pthread_mutex_init(&study->workers[i].lock, NULL);
        study->workers[i].era = study->era;
    }
    return true;
}

struct study_period *study_period(struct study *owner, int nr_workers, const struct study_arm *arms,
                                  int nr)
{
    struct evidence_period *e;
    struct study_period *found = NULL;
    struct study_core *study = study_core(owner);

    assert(nr > 0 && nr <= INT16_MAX);
    if (!study)
        return NULL;
    pthread_mutex_lock(&study->lock);
    LIST_FOREACH(e, &study->evidence.periods, link)
    {
        if (is_of(study_of_evidence(e), arms, nr))
            found = study_of_evidence(e);
    }
    if (!found && have_workers(study, nr_workers))
        found = make_period(owner, nr_workers, arms, nr);
    if (found)
        found->refs++;
    pthread_mutex_unlock(&study->lock);
    return found;
}

/* Its counts go on into the past of an experiment. */
static void keep_past(struct study_core *study, struct study_period *p)
{
    const double *base = p->evidence.base;

    for (int i = 0; i < p->nr; i++) {
        p->counts[i] = p->counts[i] > base[i] ? p->counts[i] - base[i] : 0;
        study->past_callers += p->counts[i];
    }
    if (!study->past)
        study->past = calloc(STUDY_PAST_MAX, sizeof(study->past[0]));
    if (!study->past) /* it is in the sum alone */
        return;
    if (study->nr_past == STUDY_PAST_MAX) {
        study_past_fini(&study->past[0]);
        study->nr_past--;
        memmove(study->past, study->past + 1, (size_t)study->nr_past * sizeof(study->past[0]));
    }
    study->past[study->nr_past++] = (struct study_past){p->nr, p->versions, p->shares, p->counts};
    p->versions = NULL;
    p->shares = p->counts = NULL;
}

void study_period_unref(struct study_period **period)
{
    struct study_period *p = *period;
    struct study_core *study;
    struct study *owner;
    bool is_last;

    *period = NULL;
    if (!p)
        return;
    study = p->study;
    owner = p->owner;
    pthread_mutex_lock(&study->lock);
    is_last = --p->refs == 0;
    if (is_last) {
        count_period(p);
        evidence_end(&study->evidence, &p->evidence);
        if (study->wish.is_experiment)
            keep_past(study, p);
    }
    pthread_mutex_unlock(&study->lock);
    if (!is_last)
        return;
    free_period(p);
    study_unref(&owner);
}

/* ---- Reading and forgetting ------------------------------------------------------------------ */

double study_log_evalue(struct study *owner)
{
    struct study_core *study = atomic_load(&owner->core);
    double log_evalue;

    if (!study)
        return 0;
    pthread_mutex_lock(&study->lock);
    study_count(study);
    evidence_turn(&study->evidence);
    log_evalue = evidence_log(&study->evidence);
    pthread_mutex_unlock(&study->lock);
    return log_evalue;
}

static void forget_worker(struct study_worker *w, uint32_t era)
{
    pthread_mutex_lock(&w->lock);
    for (uint32_t i = 0; i < w->nr; i++) {
        free(w->cells[i]);
        w->cells[i] = NULL;
    }
    w->nr_bad_outcomes = 0;
    w->era = era;
    pthread_mutex_unlock(&w->lock);
}

void study_forget(struct study *owner)
{
    struct study_core *study = atomic_load(&owner->core);
    struct callers *callers;
    uint32_t era;

    if (!study)
        return;
    pthread_mutex_lock(&study->names_lock);
    era = atomic_fetch_add(&study->era, 1) + 1;
    study->nr_outcomes = 0;
    pthread_mutex_unlock(&study->names_lock);
    callers = atomic_load(&study->callers);
    if (callers)
        callers_forget(callers, era);
    pthread_mutex_lock(&study->lock);
    for (int i = 0; study->workers && i < study->nr_workers; i++)
        forget_worker(&study->workers[i], era);
    for (int i = 0; i < study->nr_past; i++)
        study_past_fini(&study->past[i]);
    study->nr_past = 0;
    study->past_callers = 0;
    study_count(study);
    evidence_forget(&study->evidence);
    pthread_mutex_unlock(&study->lock);
}
