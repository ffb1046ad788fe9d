/* The callers of an experiment, known by the hash of their key, and what came of each one's
 * invocations. Bounded: callers are a sample, of those whose second hash is not above a limit. The
 * limit is halved whenever as many are kept as may be, and those above it are let go; so one that
 * is kept has been kept from its first visit on, with all its visits.
 *
 * Any thread. There are many small tables, each with a lock that is held for a few dozen
 * nanoseconds, or for the few microseconds of a look at all of its callers; threads meet at one by
 * chance alone. */
#ifndef WEIR_EXPERIMENT_CALLERS_H
#define WEIR_EXPERIMENT_CALLERS_H

#include <stdbool.h>
#include <stdint.h>

#include "experiment/outcomes.h"

struct callers;

/* What is known of one. */
struct kept_caller {
    uint64_t key;
    double duration_ms; /* sums over invocations, as those that follow */
    uint32_t n, errors;
    uint16_t version;    /* of the first visit; the caller's own numbers */
    bool is_counted : 1; /* in the count of callers who were answered, or about to be */
    bool is_crossed : 1; /* an edit moved it */
};

enum callers_answer {
    CALLERS_NOT_KEPT = -1, /* not of the sample, or out of memory */
    CALLERS_OLD,           /* counted before */
    CALLERS_NEW,           /* counted now */
    CALLERS_CROSSED        /* has another version than at its first visit: left out */
};

/* max: how many are kept. NULL when out of memory. */
struct callers *callers_make(uint32_t max);
void callers_free(struct callers **callers);

/* A visit begins: the caller runs this version. */
enum callers_answer callers_begin(struct callers *callers, uint64_t key, uint16_t version);

/* It has ended. is_counting: callers_begin said that it counted the caller for this visit. Answers
 * by how much the count of the version's callers is to be changed: -1 where nobody answered and the
 * caller had been counted for this, 1 where it is counted only now, else 0. */
int callers_end(struct callers *callers, uint64_t key, uint16_t version, bool is_counting,
                bool is_answered, bool is_error, double duration_ms);

/* Adds to the sums of outcomes, whose numbers are below OUTCOMES_MAX; unless the era is over. */
void callers_outcomes(struct callers *callers, uint32_t era, uint64_t key, uint16_t version,
                      const int *numbers, const double *values, int nr);

/* A new era: forgets all. */
void callers_forget(struct callers *callers, uint32_t era);

/* Shows each caller, under the lock of its table: be quick, and do not call back. outcomes has
 * OUTCOMES_MAX sums. */
typedef void callers_look(void *context, const struct kept_caller *caller, const double *outcomes);
void callers_each(struct callers *callers, callers_look *look, void *context);

/* The share of all callers that is kept, and how many are and may be. */
double callers_share(const struct callers *callers);
uint32_t callers_kept(const struct callers *callers);
uint32_t callers_max(const struct callers *callers);

#endif
