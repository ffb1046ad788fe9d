/* Evidence over periods: it begins at 1, is fair, finds what dies late, and is quiet for long. */
#include "experiment/evidence.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "experiment/evalue.h"
#include "near.h"

struct world {
    struct evidence_period period;
    double shares[2], counts[2], base[2 * EVIDENCE_STARTS], since[2];
};

static void begin(struct world *w, struct evidence *e, double share)
{
    *w = (struct world){.shares = {1 - share, share}};
    w->period = (struct evidence_period){
        .nr = 2, .shares = w->shares, .counts = w->counts, .base = w->base, .since = w->since};
    evidence_add(e, &w->period);
}

static bool is_second(struct prng *rng, double share)
{
    return (double)(prng_next(rng) >> 11) * 0x1p-53 < share;
}

static void it_begins_at_one(void **state)
{
    struct evidence e;
    struct world w;

    (void)state;
    evidence_init(&e);
    assert_near(evidence_log(&e), 0, 1e-12);
    begin(&w, &e, .05);
    assert_near(evidence_log(&e), 0, 1e-12);
    evidence_end(&e, &w.period);
}

static void the_first_start_has_half_of_it(void **state)
{
    struct evidence e;
    struct world w;

    (void)state;
    evidence_init(&e);
    begin(&w, &e, .05);
    w.counts[0] = 200;
    assert_near(evidence_log(&e), log(.5 + .5 * exp(evalue_log(w.counts, w.shares, 2))), 1e-9);
    evidence_end(&e, &w.period);
}

/* A start takes from the purse what it stakes: the sum stays. */
static void a_start_changes_nothing(void **state)
{
    struct evidence e;
    struct world w;
    double before;

    (void)state;
    evidence_init(&e);
    begin(&w, &e, .05);
    for (int block = 0; block < 500; block++) {
        w.counts[0] += 240;
        w.counts[1] += 16;
        before = evidence_log(&e);
        evidence_turn(&e);
        assert_near(evidence_log(&e), before, 1e-9);
    }
    assert_int_equal(e.nr_starts, EVIDENCE_STARTS);
    assert_int_equal(e.starts[0].block, 0);
    evidence_end(&e, &w.period);
}

static void periods_multiply(void **state)
{
    struct evidence e;
    struct world a, b;
    double log_a, log_b;

    (void)state;
    evidence_init(&e);
    begin(&a, &e, .05);
    a.counts[0] = 100;
    log_a = evalue_log(a.counts, a.shares, 2);
    begin(&b, &e, .3);
    evidence_end(&e, &a.period);
    b.counts[1] = 20;
    log_b = evalue_log(b.counts, b.shares, 2);
    assert_near(evidence_log(&e), log(.5 + .5 * exp(log_a + log_b)), 1e-9);
    evidence_end(&e, &b.period);
}

static void what_was_forgotten_says_nothing(void **state)
{
    struct evidence e;
    struct world w;

    (void)state;
    evidence_init(&e);
    begin(&w, &e, .05);
    w.counts[0] = 5000;
    evidence_turn(&e);
    assert_true(evidence_log(&e) > log(1000));
    evidence_forget(&e);
    assert_near(evidence_log(&e), 0, 1e-9);
    w.counts[0] = 5200;
    assert_true(evidence_log(&e) > 1);
    evidence_end(&e, &w.period);
}

/* How many invocations after it died a version of five percent is missed, with healthy ones
 * before. */
static int missed_after(int nr_healthy, uint64_t seed)
{
    struct evidence e;
    struct prng rng;
    struct world w;
    int n = 0;

    prng_seed(&rng, seed);
    evidence_init(&e);
    begin(&w, &e, .05);
    for (int i = 0; i < nr_healthy; i++) {
        w.counts[is_second(&rng, .05)]++;
        if (i % 64 == 0)
            evidence_turn(&e);
    }
    for (; evidence_log(&e) < log(1000); n++) {
        if (!is_second(&rng, .05))
            w.counts[0]++;
        if (n % 64 == 0)
            evidence_turn(&e);
    }
    evidence_end(&e, &w.period);
    return n;
}

static void a_version_that_dies_late_is_missed_within_two_thousand(void **state)
{
    (void)state;
    assert_in_range(missed_after(0, 1), 100, 400);
    for (uint64_t seed = 1; seed < 4; seed++)
        assert_in_range(missed_after(1000000, seed), 300, 1500);
}

/* bench/experiments does this with ten million invocations. */
static void health_raises_no_alarm_through_changes(void **state)
{
    double highest = 0;
    struct prng rng;

    (void)state;
    prng_seed(&rng, 7);
    for (int run = 0; run < 20; run++) {
        struct evidence e;

        evidence_init(&e);
        for (int change = 0; change < 20; change++) {
            double share = change % 3 == 0 ? .05 : change % 3 == 1 ? .5 : .01;
            struct world w;
            begin(&w, &e, share);
            for (int i = 0; i < 1000; i++) {
                w.counts[is_second(&rng, share)]++;
                if (i % 64 == 0)
                    evidence_turn(&e);
                if (i % 64 == 0 && evidence_log(&e) > highest)
                    highest = evidence_log(&e);
            }
            evidence_end(&e, &w.period);
        }
    }
    assert_true(highest < log(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_at_one),
        cmocka_unit_test(the_first_start_has_half_of_it),
        cmocka_unit_test(a_start_changes_nothing),
        cmocka_unit_test(periods_multiply),
        cmocka_unit_test(what_was_forgotten_says_nothing),
        cmocka_unit_test(a_version_that_dies_late_is_missed_within_two_thousand),
        cmocka_unit_test(health_raises_no_alarm_through_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
