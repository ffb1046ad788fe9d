/* Figures first, each in one pass over the sample; then the verdict. */
#include "splitcheck/judge.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/chisquared.h"
#include "splitcheck/bet.h"
#include "splitcheck/tails.h"

static const double quantiles[JUDGE_QUANTILES] = {0.5, 0.9, 0.99};
static const double LEVEL = 0.95;

const char *judge_word(enum judge_verdict verdict)
{
    static const char *const words[] = {
        [JUDGE_BIASED] = "biased",
        [JUDGE_EXACT] = "exact",
        [JUDGE_PATTERNED] = "patterned",
        [JUDGE_RANDOM] = "random",
    };

    return words[verdict];
}

static void say(struct judge *judge, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct judge *judge, const char *format, ...)
{
    va_list list;

    if (judge->nr_reasons == JUDGE_REASONS_MAX)
        return;
    va_start(list, format);
    vsnprintf(judge->reasons[judge->nr_reasons++], JUDGE_REASON_BYTES, format, list);
    va_end(list);
}

/* ---- Figures --------------------------------------------------------------------------------- */

/* Counts, runs, first hits, and the greatest error of all prefixes, in whole billionths. */
static void walk(struct judge *judge, const struct sample *sample)
{
    int64_t errors[ASKED_VERSIONS_MAX] = {0}, worst = -1;
    uint64_t run = 0;

    for (uint64_t n = 0; n < sample->nr; n++) {
        uint32_t arm = sample->order[n];
        struct judge_arm *row = &judge->arms[arm];

        run = n > 0 && sample->order[n - 1] == arm ? run + 1 : 1;
        judge->runs += run == 1;
        if (run > row->longest_run)
            row->longest_run = run;
        if (row->count++ == 0)
            row->first_hit = n + 1;
        errors[arm] += ASKED_WHOLE;
        for (uint32_t i = 0; i < sample->nr_arms; i++) {
            errors[i] -= sample->arms[i].weight;
            if (llabs(errors[i]) > worst) {
                worst = llabs(errors[i]);
                judge->prefix_at = n + 1;
                judge->prefix_arm = i;
            }
        }
    }
    judge->prefix_max = (double)worst / ASKED_WHOLE;
    for (uint32_t i = 0; i < sample->nr_arms; i++)
        judge->total_error = fmax(judge->total_error, (double)llabs(errors[i]) / ASKED_WHOLE);
}

static void test_shares(struct judge *judge, const struct sample *sample)
{
    double n = (double)sample->nr;
    uint32_t classes = 0;

    for (uint32_t i = 0; i < sample->nr_arms; i++) {
        struct judge_arm *row = &judge->arms[i];
        double p = sample->arms[i].weight / (double)ASKED_WHOLE;

        row->share = 100 * (double)row->count / n;
        row->expected = 100 * p;
        row->binomial_p = tails_binomial(sample->nr, row->count, p);
        classes += p > 0;
        if (row->count > 0)
            judge->g += 2 * (double)row->count * log((double)row->count / (n * p));
    }
    judge->g = fmax(judge->g, 0);
    judge->g_p = isinf(judge->g) ? 0 : classes < 2 ? 1 : chisquared_tail(judge->g, classes - 1.0);
}

static void bet_in_order(struct judge *judge, const struct sample *sample, const double *share)
{
    struct bet bet = {0};

    for (uint64_t n = 0; n < sample->nr; n++)
        bet_add(&bet, share, sample->nr_arms, sample->order[n]);
    judge->log_e_max = bet.log_max;
}

/* log of the sum of exponentials. */
static double log_add(double a, double b)
{
    double high = fmax(a, b), low = fmin(a, b);

    return isinf(high) ? high : high + log1p(exp(low - high));
}

/* How often version v came lag answers after version u; correlated as numbers are, where a version
 * is a vector of its own. For two versions that is the ordinary autocorrelation. */
static double correlate(const struct judge *judge, const struct sample *sample,
                        uint64_t (*pairs)[ASKED_VERSIONS_MAX], uint64_t lag)
{
    double sum = -(double)(sample->nr - lag);
    uint32_t seen = 0;

    for (uint32_t i = 0; i < sample->nr_arms; i++) {
        if (judge->arms[i].count == 0)
            continue;
        seen++;
        sum += (double)pairs[i][i] * (double)sample->nr / (double)judge->arms[i].count;
    }
    return seen < 2 ? 0 : sum / ((double)sample->nr * (seen - 1));
}

/* Patterns: does the version of some answers ago help to tell the next one? For each lag there is a
 * bet that it does, with priors for great and for small effects; the stake is spread evenly over
 * all, so what they come to together is an e-value. The first lag is the test of runs. */
static bool look_for_patterns(struct judge *judge, const struct sample *sample, const double *share)
{
    static const double priors[] = {2, 20, 200, 2000};
    enum { NR_PRIORS = sizeof(priors) / sizeof(priors[0]) };
    uint64_t(*pairs)[ASKED_VERSIONS_MAX] = malloc(ASKED_VERSIONS_MAX * sizeof(*pairs));

    if (!pairs)
        return false;
    judge->log_pattern = -INFINITY;
    for (uint64_t lag = 1; lag <= JUDGE_LAGS; lag++) {
        memset(pairs, 0, ASKED_VERSIONS_MAX * sizeof(*pairs));
        for (uint64_t n = lag; n < sample->nr; n++)
            pairs[sample->order[n - lag]][sample->order[n]]++;
        if (lag < sample->nr)
            judge->autocorrelation[lag - 1] = correlate(judge, sample, pairs, lag);
        for (int i = 0; i < NR_PRIORS; i++) {
            double sum = -log(JUDGE_LAGS * NR_PRIORS);

            for (uint32_t u = 0; u < sample->nr_arms; u++)
                sum += bet_on_counts(pairs[u], share, sample->nr_arms, priors[i]);
            judge->log_pattern = log_add(judge->log_pattern, sum);
        }
    }
    free(pairs);
    return true;
}

/* Expected number of runs if all orders of these counts are equally likely. */
static void expect_runs(struct judge *judge, const struct sample *sample)
{
    double n = (double)sample->nr, same = 0;

    for (uint32_t i = 0; i < sample->nr_arms; i++)
        same += (double)judge->arms[i].count * ((double)judge->arms[i].count - 1);
    judge->runs_expected = n - same / n;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static bool time_answers(struct judge *judge, const struct sample *sample)
{
    float *sorted = malloc((sample->nr_answers + 1) * sizeof(sorted[0]));

    if (!sorted)
        return false;
    for (uint32_t arm = 0; arm < sample->nr_arms; arm++) {
        struct judge_arm *row = &judge->arms[arm];
        uint64_t n = 0;

        for (uint64_t i = 0; i < sample->nr_answers; i++)
            if (sample->answer_arm[i] == arm)
                sorted[n++] = sample->answer_ms[i];
        row->nr_latencies = n;
        if (n == 0)
            continue;
        qsort(sorted, n, sizeof(sorted[0]), compare);
        for (int q = 0; q < JUDGE_QUANTILES; q++) {
            uint64_t low, high, at = (uint64_t)ceil(quantiles[q] * (double)n);

            tails_quantile_ranks(n, quantiles[q], LEVEL, &low, &high);
            row->latency[q] = (struct judge_quantile){
                .estimate = sorted[at - 1], .low = sorted[low - 1], .high = sorted[high - 1]};
        }
    }
    free(sorted);
    return true;
}

/* ---- The verdict ----------------------------------------------------------------------------- */

static bool is_common(const struct sample *sample, uint32_t arm)
{
    for (uint32_t i = 0; i < sample->nr_expected; i++)
        if (i != arm && sample->arms[i].weight > 0)
            return sample->arms[arm].weight > sample->arms[i].weight ||
                   (sample->arms[arm].weight == sample->arms[i].weight && arm < i);
    return false;
}

/* Half of alpha, shared out evenly: over the binomials of three versions and more, and G; two
 * versions have but one test, as either count gives the other. No count that is less than one off
 * proves anything: an exact split may have it. */
static bool is_biased(struct judge *judge, const struct sample *sample, double alpha)
{
    uint32_t classes = 0;
    bool is_biased = false;
    double each;

    for (uint32_t i = 0; i < sample->nr_arms; i++) {
        classes += sample->arms[i].weight > 0;
        if (sample->arms[i].weight == 0 && judge->arms[i].count > 0) {
            is_biased = true;
            say(judge, "version %s answered %llu times, and %s", sample->arms[i].name,
                (unsigned long long)judge->arms[i].count,
                i < sample->nr_expected ? "its weight is 0" : "it is not expected");
        }
    }
    if (judge->total_error < 1)
        return is_biased;
    each = alpha / 2 / (classes > 2 ? classes + 1 : 1);
    for (uint32_t i = 0; i < sample->nr_expected; i++) {
        const struct judge_arm *row = &judge->arms[i];

        if (sample->arms[i].weight == 0 || row->binomial_p > each)
            continue;
        /* Of two versions the rarer one's figures say it all. */
        if (classes == 2 && is_common(sample, i))
            continue;
        is_biased = true;
        say(judge,
            "version %s has %.4g %% where %.9g %% are due: a right split is so far off with a "
            "chance of %.1e",
            sample->arms[i].name, row->share, row->expected, row->binomial_p);
    }
    if (classes > 2 && tails_g_bound(judge->g, classes) <= each) {
        is_biased = true;
        say(judge, "all shares together are off: G is %.4g with a chance of %.1e", judge->g,
            tails_g_bound(judge->g, classes));
    }
    return is_biased;
}

static bool is_exact(struct judge *judge, const struct asked *asked)
{
    if (asked->connections == 1) {
        if (judge->prefix_max < 1)
            say(judge, "no version was ever as much as one request off its share");
        return judge->prefix_max < 1;
    }
    if (judge->total_error < 1)
        say(judge, "in the end no version is as much as one request off its share");
    return judge->total_error < 1;
}

static bool is_patterned(struct judge *judge, double alpha)
{
    int strongest = 0;

    if (judge->log_pattern < log(2 / alpha))
        return false;
    for (int i = 1; i < JUDGE_LAGS; i++)
        if (fabs(judge->autocorrelation[i]) > fabs(judge->autocorrelation[strongest]))
            strongest = i;
    say(judge,
        "earlier answers tell later ones: the autocorrelation is %.3f at lag %d, and there are "
        "%llu runs where %.0f are expected",
        judge->autocorrelation[strongest], strongest + 1, (unsigned long long)judge->runs,
        judge->runs_expected);
    return true;
}

static enum judge_verdict decide(struct judge *judge, const struct sample *sample,
                                 const struct asked *asked)
{
    if (is_biased(judge, sample, asked->alpha))
        return JUDGE_BIASED;
    if (is_exact(judge, asked))
        return JUDGE_EXACT;
    if (is_patterned(judge, asked->alpha))
        return JUDGE_PATTERNED;
    say(judge, "nothing tells it from independent draws with these weights");
    return JUDGE_RANDOM;
}

static bool is_allowed(struct judge *judge, const struct sample *sample, const struct asked *asked)
{
    bool fits = judge->verdict != JUDGE_BIASED;

    if (asked->require == ASKED_EXACT && judge->verdict != JUDGE_EXACT) {
        fits = false;
        say(judge, "--require exact: it is %s", judge_word(judge->verdict));
    }
    if (asked->require == ASKED_RANDOM && judge->verdict != JUDGE_RANDOM) {
        fits = false;
        say(judge, "--require random: it is %s", judge_word(judge->verdict));
    }
    if (asked->max_prefix_error >= 0 && judge->prefix_max > asked->max_prefix_error) {
        fits = false;
        say(judge, "--max-prefix-error %g: version %s was %.4g off after %llu",
            asked->max_prefix_error, sample->arms[judge->prefix_arm].name, judge->prefix_max,
            (unsigned long long)judge->prefix_at);
    }
    if (sample->inconsistent > 0) {
        fits = false;
        say(judge, "%llu keys had several versions", (unsigned long long)sample->inconsistent);
    }
    return fits;
}

bool judge_sample(struct judge *judge, const struct sample *sample, const struct asked *asked)
{
    double share[ASKED_VERSIONS_MAX];

    assert(sample->nr > 0);
    memset(judge, 0, sizeof(*judge));
    for (uint32_t i = 0; i < sample->nr_arms; i++)
        share[i] = sample->arms[i].weight / (double)ASKED_WHOLE;
    walk(judge, sample);
    test_shares(judge, sample);
    bet_in_order(judge, sample, share);
    expect_runs(judge, sample);
    if (!look_for_patterns(judge, sample, share) || !time_answers(judge, sample))
        return false;
    judge->verdict = decide(judge, sample, asked);
    judge->fits = is_allowed(judge, sample, asked);
    return true;
}
