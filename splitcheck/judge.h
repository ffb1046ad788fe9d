/* The verdict on a split: the figures of a sample and what they prove. Pure.
 *
 * A split that is right, be it exact or an independent draw each time, is called biased or
 * patterned with a chance of at most alpha, for any number of requests, versions and weights: each
 * half of alpha is shared out among tests whose own bounds hold at every size (exact binomials, a
 * bound on G where there are three versions or more; bets on patterns). docs/splitcheck.md has the
 * reasons. */
#ifndef WEIR_SPLITCHECK_JUDGE_H
#define WEIR_SPLITCHECK_JUDGE_H

#include "splitcheck/sample.h"

enum { JUDGE_LAGS = 10, JUDGE_REASONS_MAX = 8, JUDGE_REASON_BYTES = 240, JUDGE_QUANTILES = 3 };

enum judge_verdict { JUDGE_BIASED, JUDGE_EXACT, JUDGE_PATTERNED, JUDGE_RANDOM };

struct judge_quantile {
    double estimate, low, high; /* ms; the interval's chance is 95 % */
};

struct judge_arm {
    uint64_t count;
    double share, expected; /* percent */
    double binomial_p;
    uint64_t longest_run;
    uint64_t first_hit; /* counted from 1; 0: never */
    uint64_t nr_latencies;
    struct judge_quantile latency[JUDGE_QUANTILES]; /* p50, p90, p99 */
};

struct judge {
    struct judge_arm arms[ASKED_VERSIONS_MAX];
    double prefix_max; /* in requests */
    uint64_t prefix_at;
    uint32_t prefix_arm;
    double g, g_p;      /* by the chi-squared law */
    double log_e_max;   /* natural logarithm */
    double log_pattern; /* the same of the bet on patterns */
    double autocorrelation[JUDGE_LAGS];
    uint64_t runs; /* of equal versions, one behind the other */
    double runs_expected;
    double total_error; /* the greatest deviation at the end, in requests */
    enum judge_verdict verdict;
    bool fits;
    char reasons[JUDGE_REASONS_MAX][JUDGE_REASON_BYTES];
    uint32_t nr_reasons;
};

/* The verdict's word in documents. */
const char *judge_word(enum judge_verdict verdict);

/* Judges a sample of at least one answer. False when out of memory. */
bool judge_sample(struct judge *judge, const struct sample *sample, const struct asked *asked);

#endif
