/* Invocations, from their draw to their end: what workers count. */
#include "experiment/study.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "experiment/study_parts.h"

/* After how many invocations of its own a worker looks whether a new start is due. */
enum { LOOK_AFTER = 64 };

static void change(struct study_period *period, int worker, int arm, int64_t by)
{
    _Atomic int64_t *count = &study_line_of(period, worker)->counts[arm];

    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

/* Where somebody else has the lock it is looked at after the next invocation. */
static void look(struct study_period *period, struct study_line *line)
{
    struct study_core *study = period->study;

    if (pthread_mutex_trylock(&study->lock) != 0)
        return;
    line->since = 0;
    study_count(study);
    evidence_turn(&study->evidence);
    pthread_mutex_unlock(&study->lock);
}

static void count_begin(struct study_period *period, int worker, int arm)
{
    struct study_line *line = study_line_of(period, worker);

    change(period, worker, arm, 1);
    if (++line->since >= LOOK_AFTER + (uint32_t)period->nr)
        look(period, line);
}

static struct callers *make_callers(struct study_core *study)
{
    bool is_wanted = study->wish.is_experiment || study->wish.is_audited;
    struct callers *callers = callers_make(is_wanted ? STUDY_CALLERS_MAX : STUDY_CALLERS_FEW);
    struct callers *none = NULL;

    if (!callers)
        return NULL;
    callers_forget(callers, atomic_load(&study->era));
    if (atomic_compare_exchange_strong(&study->callers, &none, callers))
        return callers;
    callers_free(&callers); /* another worker was faster */
    return none;
}

static struct callers *callers_of(struct study_core *study)
{
    struct callers *callers = atomic_load_explicit(&study->callers, memory_order_acquire);

    return callers ? callers : make_callers(study);
}

void study_visit_begin(struct study_visit *visit, struct study_period *period, int worker, int arm,
                       bool has_key, uint64_t key)
{
    enum callers_answer answer = CALLERS_NEW;

    assert(arm >= 0 && arm < period->nr && worker < period->nr_workers);
    *visit = (struct study_visit){
        .key = key, .arm = (int16_t)arm, .reported = STUDY_NOT_ANSWERED, .has_key = has_key};
    if (has_key) {
        struct callers *callers = callers_of(period->study);
        answer = callers ? callers_begin(callers, key, period->versions[arm]) : CALLERS_NOT_KEPT;
    }
    if (answer == CALLERS_NOT_KEPT || answer == CALLERS_CROSSED)
        return;
    visit->period = period;
    visit->is_thorough = has_key || period->study->workers || period->study->wish.is_audited;
    visit->is_counting = answer == CALLERS_NEW;
    if (visit->is_counting)
        count_begin(period, worker, arm);
}

void study_visit_reported(struct study_visit *visit, struct str version)
{
    const struct study_period *p = visit->period;

    visit->reported = STUDY_NOT_ANSWERED;
    for (int i = 0; i < p->nr; i++)
        if (str_eq(str_of(p->names[i]), version))
            visit->reported = (int16_t)i;
}

/* The worker's cell of a version, under its lock; NULL when out of memory. */
static struct study_cell *cell_of(struct study_worker *w, uint32_t version)
{
    if (version >= w->nr) {
        uint32_t room = version + 8;
        struct study_cell **cells = reallocarray(w->cells, room, sizeof(*cells));
        if (!cells)
            return NULL;
        memset(cells + w->nr, 0, (room - w->nr) * sizeof(*cells));
        w->cells = cells;
        w->nr = room;
    }
    if (!w->cells[version])
        w->cells[version] = calloc(1, sizeof(struct study_cell));
    return w->cells[version];
}

/* ---- Outcomes -------------------------------------------------------------------------------- */

/* -1: there are as many as may be. */
static int number_of_outcome(struct study_core *study, struct str name)
{
    int nr = study->nr_outcomes;

    for (int i = 0; i < nr; i++)
        if (str_eq(str_of(study->outcomes[i]), name))
            return i;
    if (nr == OUTCOMES_MAX)
        return -1;
    memcpy(study->outcomes[nr], name.p, name.n);
    study->outcomes[nr][name.n] = '\0';
    return study->nr_outcomes++;
}

struct numbered {
    uint32_t era;
    int nr, nr_bad;
    int numbers[OUTCOMES_MAX];
    double values[OUTCOMES_MAX];
};

static void number_all(struct study_core *study, const struct outcomes *outcomes,
                       struct numbered *out)
{
    out->nr = 0;
    out->nr_bad = outcomes->nr_bad;
    pthread_mutex_lock(&study->names_lock);
    out->era = atomic_load(&study->era);
    for (int i = 0; i < outcomes->nr; i++) {
        int number = number_of_outcome(study, outcomes->list[i].name);

        if (number < 0) {
            out->nr_bad++;
            continue;
        }
        out->numbers[out->nr] = number;
        out->values[out->nr++] = outcomes->list[i].value;
    }
    pthread_mutex_unlock(&study->names_lock);
}

static void add_solo(struct study_cell *cell, const struct numbered *numbered)
{
    for (int i = 0; i < numbered->nr; i++) {
        struct confseq_sums *sums = &cell->solo[STUDY_OUTCOMES + numbered->numbers[i]];
        struct confseq_sums one = {0};

        confseq_add(&one, 1, numbered->values[i]);
        one.callers = one.n = one.nn = 0;
        confseq_join(sums, &one);
    }
}

void study_visit_outcomes(struct study_visit *visit, int worker, const struct outcomes *outcomes)
{
    struct study_period *p = visit->period;
    struct study_core *study = p->study;
    uint16_t version = p->versions[visit->arm];
    struct numbered numbered;
    struct study_cell *cell;

    if (!study->workers)
        return;
    number_all(study, outcomes, &numbered);
    if (visit->has_key)
        callers_outcomes(callers_of(study), numbered.era, visit->key, version, numbered.numbers,
                         numbered.values, numbered.nr);
    struct study_worker *w = &study->workers[worker];
    pthread_mutex_lock(&w->lock);
    if (w->era == numbered.era) {
        cell = visit->has_key ? NULL : cell_of(w, version);
        if (cell)
            add_solo(cell, &numbered);
        w->nr_bad_outcomes += (uint64_t)numbered.nr_bad;
    }
    pthread_mutex_unlock(&w->lock);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void add_up(struct study_visit *visit, int worker, const struct study_end *end)
{
    struct study_period *p = visit->period;
    struct study_worker *w = &p->study->workers[worker];
    struct study_cell *cell;

    pthread_mutex_lock(&w->lock);
    cell = cell_of(w, p->versions[visit->arm]);
    if (cell) {
        spread_add(&cell->spread, end->duration_us);
        if (!visit->has_key) {
            confseq_add(&cell->solo[STUDY_ERRORS], 1, end->is_error);
            confseq_add(&cell->solo[STUDY_DURATION], 1, (double)end->duration_us / 1e3);
        }
    }
    pthread_mutex_unlock(&w->lock);
}

void study_visit_end(struct study_visit *visit, int worker, const struct study_end *end)
{
    struct study_period *p = visit->period;
    struct study_core *study = p->study;
    int by = !end->is_answered        ? STUDY_NOT_ANSWERED
             : study->wish.is_audited ? visit->reported
                                      : visit->arm;
    bool is_seen = by != STUDY_NOT_ANSWERED;
    bool was_counted = visit->is_counting, is_counted = was_counted && is_seen;

    if (visit->has_key) {
        int more = callers_end(callers_of(study), visit->key, p->versions[visit->arm], was_counted,
                               is_seen, end->is_error, (double)end->duration_us / 1e3);
        is_counted |= more > 0;
    }
    if (was_counted && !(is_counted && by == visit->arm))
        change(p, worker, visit->arm, -1);
    if (is_counted && !(was_counted && by == visit->arm))
        change(p, worker, by, 1);
    if (study->workers)
        add_up(visit, worker, end);
    visit->period = NULL;
}
