/* What is known of one alias: whether endpoints answer as its weights say, and where it has an
 * experiment, how its versions do. It goes from table to table with the alias, whatever the weights
 * are.
 *
 *     target (router/model.h) ---> study_period ---> study
 *        the weights that            counts per        evidence, callers,
 *        it was drawn by             worker            sums per worker
 *
 * Workers count when an invocation begins, as if it had been answered, and take that back where it
 * was not: a slow version is no dead one. What they write is their own, or under a lock of a small
 * part; who reads takes one such lock after the other. */
#ifndef WEIR_EXPERIMENT_STUDY_H
#define WEIR_EXPERIMENT_STUDY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "experiment/confseq.h"
#include "experiment/outcomes.h"
#include "experiment/spread.h"

enum {
    /* How many callers are kept: of an alias with audit or experiment, and of others with keys. */
    STUDY_CALLERS_MAX = 65536,
    STUDY_CALLERS_FEW = 8192,
    /* Versions that it ever had: further ones are in no figure. */
    STUDY_VERSIONS_MAX = 4096,
    STUDY_NOT_ANSWERED = -1,
    STUDY_MISMATCH_AT = 1000 /* an e-value from here on says that something is wrong */
};

/* What an alias asks for; a study is continued by one that asks for the same. */
struct study_wish {
    bool is_experiment;
    bool is_audited;
};

struct study;
struct study_period;

/* ---- Whoever makes tables: any thread -------------------------------------------------------- */

/* With one reference. NULL when out of memory. */
struct study *study_make(struct study_wish wish);
struct study *study_ref(struct study *study);
/* Clears the pointer, which may be NULL. */
void study_unref(struct study **study);
bool study_is_for(const struct study *study, struct study_wish wish);

struct study_arm {
    struct str version;
    double share;
};

/* The period of these versions and shares, with a reference, which holds the study, too. NULL when
 * out of memory, or where there are too many versions. Any thread; a worker's first use of a
 * target. nr_workers is the same each time. */
struct study_period *study_period(struct study *study, int nr_workers, const struct study_arm *arms,
                                  int nr);
/* Nothing that was drawn under it goes on. Clears the pointer, which may be NULL. */
void study_period_unref(struct study_period **period);

/* ---- Invocations: workers -------------------------------------------------------------------- */

/* One invocation, from its draw to its end; its owner's. */
struct study_visit {
    struct study_period *period; /* NULL: it is in no figure */
    uint64_t key;
    int16_t arm;      /* drawn */
    int16_t reported; /* the arm that the endpoint says that it is, or STUDY_NOT_ANSWERED */
    bool has_key;
    bool is_counting; /* it was counted when it began */
    /* More is to be known of it than whether an endpoint answered; else one that was answered may
     * end by clearing period. */
    bool is_thorough;
    /* For the owner: what the endpoint said was taken; it says that the function failed. */
    bool has_outcomes, has_failed;
};

/* arm was drawn. key: of its caller; has_key false: it is its own. The period is the caller's to
 * hold until the end. */
void study_visit_begin(struct study_visit *visit, struct study_period *period, int worker, int arm,
                       bool has_key, uint64_t key);

/* What the endpoint says of the outcome; once. */
void study_visit_outcomes(struct study_visit *visit, int worker, const struct outcomes *outcomes);

/* Which version the endpoint says that it is. */
void study_visit_reported(struct study_visit *visit, struct str version);

struct study_end {
    bool is_answered; /* by an endpoint of the version */
    bool is_error;
    uint64_t duration_us;
};

/* Clears visit->period. */
void study_visit_end(struct study_visit *visit, int worker, const struct study_end *end);

/* ---- Reading: the control thread ------------------------------------------------------------- */

/* The logarithm of the e-value of what was answered; 0 where nothing was. */
double study_log_evalue(struct study *study);

/* As if it had just begun. */
void study_forget(struct study *study);

/* As many sums as outcomes, and two more. */
enum { STUDY_ERRORS, STUDY_DURATION, STUDY_OUTCOMES, STUDY_SUMS = STUDY_OUTCOMES + OUTCOMES_MAX };

struct study_version {
    char *name;
    struct confseq_sums sums[STUDY_SUMS]; /* all of the same callers and invocations */
    struct spread spread;
};

struct study_report {
    int nr_versions; /* all that it ever had */
    struct study_version *versions;
    int nr_outcomes;
    char outcomes[OUTCOMES_MAX][OUTCOMES_NAME_MAX + 1];
    uint64_t nr_bad_outcomes;
    double crossovers;
    double srm_callers, srm_p_value, srm_log_evalue; /* over those who were answered */
    uint32_t callers_kept, callers_max;
    double callers_share;
};

/* NULL when out of memory. */
struct study_report *study_report(struct study *study);
void study_report_free(struct study_report **report);

#endif
