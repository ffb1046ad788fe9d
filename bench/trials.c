/* Experiments in thought, by the code that weir runs (experiment/): how often versions that do not
 * differ seem to, after how many callers those that differ are told apart, and what the e-value of
 * a split does in health and in sickness. Each line of the output is one row: name=value ...
 *
 *     trials difference SHARE RATE1 RATE2 RUNS CALLERS SEED
 *     trials split DEATH_AFTER RUNS SEED       a version of 5 % dies, or not (0), with changes of
 *                                              weights all the time before */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "experiment/confseq.h"
#include "experiment/evidence.h"

enum { LOOK_EVERY = 100, ALARM = 1000, HEALTHY = 10000000, VERSIONS = 2 };

static double chance(struct prng *rng)
{
    return (double)(prng_next(rng) >> 11) * 0x1p-53;
}

/* ---- Differences ----------------------------------------------------------------------------- */

/* The first look at which an interval excludes 0, in callers; 0: none of them. */
static long first_difference(struct prng *rng, double share, const double *rates, long nr_callers)
{
    struct confseq_sums arms[VERSIONS] = {0};

    for (long i = 1; i <= nr_callers; i++) {
        int arm = chance(rng) < share;

        confseq_add(&arms[arm], 1, chance(rng) < rates[arm]);
        if (i % LOOK_EVERY > 0)
            continue;
        struct confseq_interval d = confseq_difference(&arms[1], &arms[0], 0, 1, .05);
        if (d.is_known && (d.low > 0 || d.high < 0))
            return i;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;

    return (x > y) - (x < y);
}

static int try_differences(char **args)
{
    double share = atof(args[0]), rates[VERSIONS] = {atof(args[1]), atof(args[2])};
    long nr_runs = strtol(args[3], NULL, 10), nr_callers = strtol(args[4], NULL, 10), nr = 0;
    long *found = calloc((size_t)nr_runs + 1, sizeof(*found));
    struct prng rng;

    if (!found)
        return 1;
    prng_seed(&rng, strtoull(args[5], NULL, 10));
    for (long i = 0; i < nr_runs; i++) {
        long first = first_difference(&rng, share, rates, nr_callers);
        nr += first > 0;
        found[i] = first > 0 ? first : nr_callers + 1;
    }
    qsort(found, (size_t)nr_runs, sizeof(*found), compare);
    printf("share=%g rate1=%g rate2=%g runs=%ld callers=%ld found=%ld half_by=%ld most_by=%ld\n",
           share, rates[0], rates[1], nr_runs, nr_callers, nr, found[nr_runs / 2],
           found[nr_runs * 8 / 10]);
    free(found);
    return 0;
}

/* ---- Splits ---------------------------------------------------------------------------------- */

struct period {
    struct evidence_period evidence;
    double shares[VERSIONS], counts[VERSIONS], base[VERSIONS * EVIDENCE_STARTS], since[VERSIONS];
};

static void begin(struct evidence *e, struct period *p, double share)
{
    *p = (struct period){.shares = {1 - share, share}};
    p->evidence = (struct evidence_period){.nr = VERSIONS,
                                           .shares = p->shares,
                                           .counts = p->counts,
                                           .base = p->base,
                                           .since = p->since};
    evidence_add(e, &p->evidence);
}

/* The highest logarithm on the way. */
static double live(struct evidence *e, struct prng *rng, struct period *p, long n)
{
    double highest = 0;

    for (long i = 0; i < n; i++) {
        p->counts[chance(rng) < p->shares[1]]++;
        if (i % LOOK_EVERY > 0)
            continue;
        evidence_turn(e);
        highest = fmax(highest, evidence_log(e));
    }
    return highest;
}

/* How many invocations until the alarm, where what is drawn of the second version never answers. */
static long die(struct evidence *e, struct prng *rng, struct period *p)
{
    long n = 0;

    for (; evidence_log(e) < log(ALARM) && n < HEALTHY; n++) {
        if (chance(rng) >= p->shares[1])
            p->counts[0]++;
        if (n % LOOK_EVERY == 0)
            evidence_turn(e);
    }
    return n;
}

static long longer(long a, long b)
{
    return a > b ? a : b;
}

static int try_splits(char **args)
{
    static const double shares[] = {.05, .5, .01, .2};
    long death_after = strtol(args[0], NULL, 10), nr_runs = strtol(args[1], NULL, 10);
    long nr_alarms = 0, latest = 0, nr = death_after > 0 ? death_after : HEALTHY;
    double highest = 0;
    struct prng rng;

    prng_seed(&rng, strtoull(args[2], NULL, 10));
    for (long run = 0; run < nr_runs; run++) {
        struct evidence e;
        struct period p;
        double highest_now = 0;

        evidence_init(&e);
        for (int i = 0; i < 100; i++) { /* changes of weights */
            begin(&e, &p, shares[i % 4]);
            highest_now = fmax(highest_now, live(&e, &rng, &p, nr / 100));
            evidence_end(&e, &p.evidence);
        }
        nr_alarms += highest_now >= log(ALARM);
        highest = fmax(highest, highest_now);
        begin(&e, &p, .05);
        if (death_after > 0)
            latest = longer(latest, die(&e, &rng, &p));
        evidence_end(&e, &p.evidence);
    }
    printf("healthy=%ld runs=%ld alarms=%ld highest=%.3g found_within=%ld\n", nr, nr_runs,
           nr_alarms, exp(highest), latest);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 8 && strcmp(argv[1], "difference") == 0)
        return try_differences(argv + 2);
    if (argc == 5 && strcmp(argv[1], "split") == 0)
        return try_splits(argv + 2);
    fputs("trials difference SHARE RATE1 RATE2 RUNS CALLERS SEED\n"
          "trials split DEATH_AFTER RUNS SEED\n",
          stderr);
    return 2;
}
