/* The verdict: figures against values worked out by hand, and how often a split that is right is
 * called wrong. */
#include "splitcheck/judge.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"

struct world {
    struct asked asked;
    struct sample sample;
    struct judge judge;
};

static void begin(struct world *w, const char *expect, uint64_t requests)
{
    memset(w, 0, sizeof(*w));
    w->asked = (struct asked){
        .requests = requests, .connections = 1, .alpha = 0.001, .max_prefix_error = -1};
    assert_null(asked_expect(&w->asked, expect));
    assert_true(sample_init(&w->sample, &w->asked));
}

static void begin_anew(struct world *w)
{
    w->sample.nr = w->sample.nr_answers = 0;
    memset(w->sample.order, SAMPLE_NO_ARM, w->sample.nr_places);
}

static void judge_it(struct world *w)
{
    if (w->sample.nr == 0)
        sample_seal(&w->sample);
    assert_true(judge_sample(&w->judge, &w->sample, &w->asked));
}

static void add_all(struct world *w, const char *versions)
{
    for (; *versions; versions++)
        sample_add(&w->sample, sample_arm(&w->sample, (char[]){*versions, '\0'}), 1,
                   w->sample.nr_answers);
}

static void expect_near(double got, double due)
{
    if (!(fabs(got - due) <= 1e-9 * fmax(1, fabs(due))))
        fail_msg("%.12g where %.12g is due", got, due);
}

static void figures_are_those_worked_out_by_hand(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "a=60,b=40", 10);
    add_all(&w, "aabababbaa");
    judge_it(&w);
    assert_int_equal(w.judge.arms[0].count, 6);
    expect_near(w.judge.arms[1].share, 40);
    expect_near(w.judge.prefix_max, 0.8); /* aa: 2 where 1.2 are due */
    assert_int_equal(w.judge.prefix_at, 2);
    assert_int_equal(w.judge.arms[0].longest_run, 2);
    assert_int_equal(w.judge.arms[1].first_hit, 3);
    assert_int_equal(w.judge.runs, 7);
    expect_near(w.judge.runs_expected, 1 + 2.0 * 6 * 4 / 10); /* Wald and Wolfowitz */
    expect_near(w.judge.g, 0);
    expect_near(w.judge.g_p, 1);
    /* sum of (x - 0.6)(y - 0.6) over neighbours, over 10 * 0.24 */
    expect_near(w.judge.autocorrelation[0], (2 * 0.16 - 6 * 0.24 + 1 * 0.36) / 2.4);
    sample_fini(&w.sample);
}

static void g_is_the_likelihood_ratio(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "1=50,2=30,3=20", 100);
    for (int i = 0; i < 100; i++)
        add_all(&w, i < 40 ? "1" : i < 75 ? "2" : "3");
    judge_it(&w);
    expect_near(w.judge.g, 2 * (40 * log(40 / 50.0) + 35 * log(35 / 30.0) + 25 * log(25 / 20.0)));
    expect_near(w.judge.g_p, exp(-w.judge.g / 2)); /* two degrees of freedom */
    sample_fini(&w.sample);
}

static void a_version_that_nobody_expects_is_a_bias(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "1=95,2=5,9=0", 10);
    add_all(&w, "1111111113");
    judge_it(&w);
    assert_int_equal(w.judge.verdict, JUDGE_BIASED);
    assert_non_null(strstr(w.judge.reasons[0], "version 3"));
    assert_true(isinf(w.judge.g) && w.judge.g_p == 0 && isinf(w.judge.log_e_max));
    sample_fini(&w.sample);
    begin(&w, "1=95,2=5,9=0", 10);
    add_all(&w, "1111111119");
    judge_it(&w);
    assert_int_equal(w.judge.verdict, JUDGE_BIASED);
    assert_false(w.judge.fits);
    sample_fini(&w.sample);
}

static void exact_means_prefixes_on_one_connection_and_totals_on_several(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "1=50,2=50", 8);
    add_all(&w, "12122112");
    judge_it(&w);
    assert_int_equal(w.judge.verdict, JUDGE_EXACT);
    sample_fini(&w.sample);
    begin(&w, "1=50,2=50", 8);
    add_all(&w, "11221122");
    judge_it(&w);
    assert_int_equal(w.judge.verdict, JUDGE_RANDOM); /* 1 off after two is not below 1 */
    w.asked.connections = 2;
    judge_it(&w);
    assert_int_equal(w.judge.verdict, JUDGE_EXACT);
    sample_fini(&w.sample);
}

static void keys_count_by_their_first_answer(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "1=50,2=50", 6);
    sample_fini(&w.sample);
    w.asked.keys = 2;
    assert_true(sample_init(&w.sample, &w.asked));
    sample_add(&w.sample, 0, 1, 0);
    sample_add(&w.sample, 1, 1, 3);
    sample_add(&w.sample, 0, 1, 2);
    sample_add(&w.sample, 0, 1, 1);
    sample_add(&w.sample, 1, 1, 5);
    sample_seal(&w.sample);
    assert_int_equal(w.sample.nr, 2);
    assert_int_equal(w.sample.nr_answers, 5);
    assert_int_equal(w.sample.inconsistent, 1);
    judge_it(&w);
    assert_false(w.judge.fits);
    sample_fini(&w.sample);
}

/* Version 2 is slow: of each hundred its answers come last. In the order of the requests there is no
 * pattern. */
static void the_order_of_answers_is_no_pattern(void **state)
{
    struct world w;
    struct prng g;
    uint32_t arms[100];

    (void)state;
    prng_seed(&g, 9);
    begin(&w, "1=70,2=30", 2000);
    w.asked.connections = 100;
    for (uint64_t i = 0; i < 2000; i += 100) {
        for (int j = 0; j < 100; j++)
            arms[j] = prng_below(&g, 100) < 30;
        for (uint32_t arm = 0; arm < 2; arm++)
            for (uint64_t j = 0; j < 100; j++)
                if (arms[j] == arm)
                    sample_add(&w.sample, arm, 1, i + j);
    }
    judge_it(&w);
    assert_int_equal(w.judge.verdict, JUDGE_RANDOM);
    sample_fini(&w.sample);
}

static void latencies_are_quantiles_with_their_ranks(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "1=100", 1000);
    for (int i = 1000; i > 0; i--)
        sample_add(&w.sample, 0, i, (uint64_t)(1000 - i));
    judge_it(&w);
    expect_near(w.judge.arms[0].latency[1].estimate, 900);
    expect_near(w.judge.arms[0].latency[1].low, 881);
    expect_near(w.judge.arms[0].latency[1].high, 919);
    expect_near(w.judge.arms[0].latency[2].high, 997);
    sample_fini(&w.sample);
}

/* ---- How often it errs ------------------------------------------------------------------------ */

enum split { RANDOM, EXACT };

/* One more pick of a split with these weights: drawn, or the version that is owed most (of two
 * versions, whose errors stay below 1; a random phase). */
static uint32_t pick(enum split split, struct prng *g, const struct sample *sample, double *owed)
{
    double draw = (double)(prng_next(g) >> 11) * 0x1p-53 * ASKED_WHOLE;
    uint32_t arm = 0;

    if (split == EXACT) {
        owed[1] += sample->arms[1].weight / (double)ASKED_WHOLE;
        if (owed[1] < 1)
            return 0;
        owed[1]--;
        return 1;
    }
    while (arm + 1 < sample->nr_arms && draw >= sample->arms[arm].weight)
        draw -= sample->arms[arm++].weight;
    return arm;
}

/* How many of so many runs get each verdict, with alpha 0.05. */
static void count_verdicts(enum split split, const char *expect, uint64_t n, int runs,
                           uint64_t seed, int counts[4])
{
    struct prng g;
    struct world w;

    prng_seed(&g, seed);
    memset(counts, 0, 4 * sizeof(counts[0]));
    begin(&w, expect, n);
    w.asked.alpha = 0.05;
    for (int run = 0; run < runs; run++) {
        double owed[2] = {0, (double)(prng_next(&g) >> 11) * 0x1p-53};

        begin_anew(&w);
        for (uint64_t i = 0; i < n; i++)
            sample_add(&w.sample, pick(split, &g, &w.sample, owed), 1, i);
        judge_it(&w);
        counts[w.judge.verdict]++;
    }
    sample_fini(&w.sample);
}

static void a_right_split_is_called_wrong_in_at_most_alpha_of_the_runs(void **state)
{
    static const char *const expects[] = {"1=50,2=50", "1=95,2=5", "1=99.9,2=0.1", "1=34,2=33,3=33",
                                          "1=90,2=5,3=4,4=1"};
    static const uint64_t sizes[] = {10, 100, 1000};
    enum { RUNS = 600 };
    int counts[4];

    (void)state;
    for (size_t e = 0; e < sizeof(expects) / sizeof(expects[0]); e++)
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            count_verdicts(RANDOM, expects[e], sizes[s], RUNS, 100 * e + s, counts);
            printf(
                "random %-18s %4llu requests: %3d biased, %3d exact, %3d patterned, %3d random\n",
                expects[e], (unsigned long long)sizes[s], counts[0], counts[1], counts[2],
                counts[3]);
            assert_in_range(counts[JUDGE_BIASED] + counts[JUDGE_PATTERNED], 0, RUNS / 20);
            if (strchr(expects[e], '3'))
                continue;
            count_verdicts(EXACT, expects[e], sizes[s], RUNS, 100 * e + s, counts);
            assert_int_equal(counts[JUDGE_EXACT], RUNS);
        }
}

static void a_wrong_share_and_a_pattern_are_found(void **state)
{
    struct world w;
    struct prng g;
    int found = 0;

    (void)state;
    prng_seed(&g, 5);
    begin(&w, "1=70,2=30", 2000);
    for (int run = 0; run < 100; run++) {
        begin_anew(&w);
        for (int i = 0; i < 2000; i++)
            sample_add(&w.sample, prng_below(&g, 100) < 35, 1, (uint64_t)i);
        judge_it(&w);
        found += w.judge.verdict == JUDGE_BIASED;
    }
    assert_in_range(found, 80, 100);
    /* Each answer is that of two answers ago in three of ten cases. */
    found = 0;
    for (int run = 0; run < 100; run++) {
        begin_anew(&w);
        for (int i = 0; i < 2000; i++) {
            bool repeats = i >= 2 && prng_below(&g, 10) < 3;

            sample_add(&w.sample, repeats ? w.sample.order[i - 2] : prng_below(&g, 100) < 30, 1,
                       (uint64_t)i);
        }
        judge_it(&w);
        found += w.judge.verdict == JUDGE_PATTERNED;
        if (w.judge.verdict == JUDGE_PATTERNED)
            assert_non_null(strstr(w.judge.reasons[0], "at lag 2"));
    }
    assert_in_range(found, 60, 100); /* it may be biased, too */
    sample_fini(&w.sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_worked_out_by_hand),
        cmocka_unit_test(g_is_the_likelihood_ratio),
        cmocka_unit_test(a_version_that_nobody_expects_is_a_bias),
        cmocka_unit_test(exact_means_prefixes_on_one_connection_and_totals_on_several),
        cmocka_unit_test(keys_count_by_their_first_answer),
        cmocka_unit_test(the_order_of_answers_is_no_pattern),
        cmocka_unit_test(latencies_are_quantiles_with_their_ranks),
        cmocka_unit_test(a_right_split_is_called_wrong_in_at_most_alpha_of_the_runs),
        cmocka_unit_test(a_wrong_share_and_a_pattern_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
