/* The evidence against a split over its whole life: e-values of periods, multiplied, begun anew
 * all the time. Pure; the caller's lock holds for all of it.
 *
 * A period is a time of constant shares; its counts are the caller's to keep up to date. Periods
 * may overlap, as invocations that were drawn under older weights end later.
 *
 * One e-value that began long ago is slow: after ten million invocations as they should be, a
 * version that dies has to be away for tens of thousands before the sum of all shows it. So
 * this is a gambler with a purse of 1. He stakes half of it on the first start, and a small part
 * of what is left in the purse on a new start after every 256 invocations (block by block less:
 * the parts have a finite sum); each stake grows by the e-value of what came since its start, and
 * one that is given up goes back into the purse as what it is then. Each stake is fair where the
 * shares are right, so the sum of all is an e-value, too: it begins at 1, and where all is right
 * it ever reaches a thousand with a probability below one in a thousand. Of the starts those are
 * kept whose ages are about the powers of two, so that slow deviations are found as well as sudden
 * ones. */
#ifndef WEIR_EXPERIMENT_EVIDENCE_H
#define WEIR_EXPERIMENT_EVIDENCE_H

#include <stdint.h>
#include <sys/queue.h>

enum { EVIDENCE_STARTS = 24, EVIDENCE_BLOCK = 256 };

struct evidence_period {
    LIST_ENTRY(evidence_period) link;
    int nr;
    const double *shares; /* nr, total 1 */
    const double *counts; /* nr, as they are now */
    double *base;         /* EVIDENCE_STARTS * nr: what they were at each start */
    double *since;        /* nr, scratch */
};

struct evidence {
    LIST_HEAD(, evidence_period) periods;
    double log_purse;
    uint64_t nr_blocks; /* starts ever */
    double nr_ended;    /* counted in periods that have ended */
    double nr_at_start; /* counted in all when the last start began */
    int nr_starts;      /* at least 1 */
    struct evidence_start {
        uint64_t block;
        int slot;              /* in base */
        double log_stake;      /* with the e-values of periods that have ended */
    } starts[EVIDENCE_STARTS]; /* oldest first */
};

/* Without periods. */
void evidence_init(struct evidence *evidence);

/* A period whose counts are 0. It stays the caller's, and where it is until its end. */
void evidence_add(struct evidence *evidence, struct evidence_period *period);
/* Its counts do not change any more. */
void evidence_end(struct evidence *evidence, struct evidence_period *period);

/* Begins a new start if it is time. Call it every now and then when counts have grown. */
void evidence_turn(struct evidence *evidence);

/* The logarithm of the e-value as it is now. */
double evidence_log(const struct evidence *evidence);

/* As if nothing had been counted yet; periods go on. */
void evidence_forget(struct evidence *evidence);

#endif
