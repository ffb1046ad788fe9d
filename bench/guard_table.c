/* How often the guard (experiment/guard.h) takes healthy canaries back, and how soon bad ones, beside
 * a naive threshold: "more than twice the first version's rate of errors, from 20 canary invocations
 * on". By the code itself; the same figures each time. Prints a table in Markdown.
 *
 *     bench/guard */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "experiment/guard.h"

enum { HEALTHY = 10000, BAD = 2001, LENGTH = 100000, LENGTH_BAD = 20000, NAIVE_FROM = 20 };

struct life {
    struct guard guard;
    double n[2], errors[2]; /* of the first version, of the canary */
    double highest;         /* logarithm */
    int guard_at, naive_at; /* invocations of the canary; 0: never */
    int guard_failures, naive_failures;
};

static double chance(struct prng *rng)
{
    return (double)(prng_next(rng) >> 11) * 0x1p-53;
}

static bool is_naive_up(const struct life *life)
{
    return life->n[1] >= NAIVE_FROM && life->n[0] > 0 &&
           life->errors[1] / life->n[1] > 2 * life->errors[0] / life->n[0];
}

static void note_error(struct life *life, int which, double share, double alpha)
{
    double log_evalue;

    life->errors[which]++;
    guard_error(&life->guard, which, share);
    if (which && guard_is_up(&life->guard, .1)) {
        log_evalue = guard_log(&life->guard);
        life->highest = log_evalue > life->highest ? log_evalue : life->highest;
    }
    if (which && !life->guard_at && guard_is_up(&life->guard, alpha)) {
        life->guard_at = (int)life->n[1];
        life->guard_failures = (int)life->errors[1];
    }
}

/* Until both have spoken, or for so many invocations. */
static void live(struct life *life, struct prng *rng, double share, const double *rates, int length)
{
    *life = (struct life){.guard = {{0}}};
    for (int i = 0; i < length && !(life->guard_at && life->naive_at); i++) {
        int which = chance(rng) < share;

        life->n[which]++;
        if (chance(rng) < rates[which])
            note_error(life, which, share, .01);
        if (which && !life->naive_at && is_naive_up(life)) {
            life->naive_at = (int)life->n[1];
            life->naive_failures = (int)life->errors[1];
        }
    }
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int median(int *list, int nr)
{
    qsort(list, (size_t)nr, sizeof(list[0]), compare);
    return list[nr / 2];
}

static void healthy(struct prng *rng, double rate)
{
    const double rates[] = {rate, rate};
    int guards[3] = {0}, naive = 0;

    for (int i = 0; i < HEALTHY; i++) {
        struct life life;

        live(&life, rng, .05, rates, LENGTH / 5);
        guards[0] += life.highest >= -log(.01);
        guards[1] += life.highest >= -log(.05);
        guards[2] += life.highest >= -log(.1);
        naive += life.naive_at > 0;
    }
    printf("| %g %% | %.2f %% | %.2f %% | %.2f %% | %.1f %% |\n", 100 * rate,
           100.0 * guards[0] / HEALTHY, 100.0 * guards[1] / HEALTHY, 100.0 * guards[2] / HEALTHY,
           100.0 * naive / HEALTHY);
}

static void bad(struct prng *rng, double share, double rate)
{
    const double rates[] = {.005, rate};
    int at[BAD], failures[BAD], naive[BAD];

    for (int i = 0; i < BAD; i++) {
        struct life life;

        live(&life, rng, share, rates, LENGTH_BAD);
        at[i] = life.guard_at ? life.guard_at : LENGTH_BAD;
        failures[i] = life.guard_at ? life.guard_failures : LENGTH_BAD;
        naive[i] = life.naive_at ? life.naive_at : LENGTH_BAD;
    }
    printf("| %g %% | %g %% | %d | %d | %d |\n", 100 * share, 100 * rate, median(failures, BAD),
           median(at, BAD), median(naive, BAD));
}

int main(void)
{
    static const double rates[] = {.001, .005, .05}, shares[] = {.05, .2, .5};
    static const double bad_rates[] = {1, .2, .05};
    struct prng rng;

    prng_seed(&rng, 1);
    printf("| errors of both | taken back at alpha 0.01 | 0.05 | 0.1 | by the threshold |\n"
           "|---|---|---|---|---|\n");
    for (int i = 0; i < 3; i++)
        healthy(&rng, rates[i]);
    printf(
        "\n| share | errors of the canary, beside 0.5 %% | failures until the guard (0.01) | its "
        "invocations until then | until the threshold |\n|---|---|---|---|---|\n");
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            bad(&rng, shares[i], bad_rates[k]);
    return 0;
}
