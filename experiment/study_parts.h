/* What a study is made of; for study.c, which has its periods, study_visit.c, which counts, and
 * study_report.c, which reads. */
#ifndef WEIR_EXPERIMENT_STUDY_PARTS_H
#define WEIR_EXPERIMENT_STUDY_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "experiment/callers.h"
#include "experiment/evidence.h"
#include "experiment/study.h"

enum { STUDY_LINE = 64 };

/* Counts of one worker in one period, which it alone writes, in cache lines of their own. They fall
 * below 0 where another worker counted what this one takes back. */
struct study_line {
    uint32_t since; /* counted since it last looked for a new start */
    _Atomic int64_t counts[];
};

struct study_period {
    /* What an invocation reads, in one cache line: */
    char *lines;
    size_t line_bytes;
    int nr, nr_workers;
    struct study_core *study;
    uint16_t *versions;  /* the study's numbers */
    struct study *owner; /* of study; counted */
    uint32_t refs;       /* under the study's lock */
    double *shares, *counts;
    const char **names; /* the study's, which last as long as it */
    /* counts since the period began; base 0: since the study did */
    struct evidence_period evidence;
};

/* A period that has ended, for the chi-squared test. */
struct study_past {
    int nr;
    uint16_t *versions;
    double *shares, *counts;
};

/* Of one worker and version. */
struct study_cell {
    /* Over callers without keys, each of whom has one invocation. Those of outcomes lack what all
     * have in common: callers, n and nn are where errors are. */
    struct confseq_sums solo[STUDY_SUMS];
    struct spread spread; /* of all invocations, with keys or without */
};

struct study_worker {
    pthread_mutex_t lock; /* the worker's own, but for a moment when somebody reads */
    uint32_t era;
    uint32_t nr;               /* of cells */
    struct study_cell **cells; /* by version; NULL: nothing yet */
    uint64_t nr_bad_outcomes;
};

enum { STUDY_PAST_MAX = 256 };

/* What a table makes for each alias that may need it; most never do. */
struct study {
    _Atomic uint32_t refs;
    struct study_wish wish;
    _Atomic(struct study_core *) core; /* NULL: nothing was counted yet */
};

struct study_core {
    struct study_wish wish;
    _Atomic uint32_t era;              /* grows when it is made to forget */
    _Atomic(struct callers *) callers; /* NULL: no caller had a key yet */
    int nr_workers;
    struct study_worker *workers; /* made with the first period, of an experiment */
    /* The rest is read and written under one of the two locks. For the first one a worker waits at
     * the first use of a target alone. */
    pthread_mutex_t lock;
    struct evidence evidence;
    uint32_t nr_names, room;
    char **names; /* of versions, by number */
    int nr_past;
    struct study_past *past;    /* STUDY_PAST_MAX, oldest first; NULL: none yet */
    double past_callers;        /* in all that have ended */
    pthread_mutex_t names_lock; /* of outcomes; held for a few comparisons */
    int nr_outcomes;
    char (*outcomes)[OUTCOMES_NAME_MAX + 1]; /* OUTCOMES_MAX; made with workers */
};

/* A worker's counts in a period. */
static inline struct study_line *study_line_of(const struct study_period *period, int worker)
{
    return (struct study_line *)(void *)(period->lines + (size_t)worker * period->line_bytes);
}

/* Adds the counts of all periods up. Under the lock. */
void study_count(struct study_core *study);

/* That of a study, made now if it has none. NULL when out of memory. Any thread. */
struct study_core *study_core(struct study *study);

struct study_period *study_of_evidence(struct evidence_period *evidence);

void study_past_fini(struct study_past *past);

#endif
