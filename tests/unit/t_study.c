/* A study: what workers count is what a reader sees, through periods and anew. */
#include "experiment/study.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "near.h"

enum { WORKERS = 4 };

static const struct study_wish experiment = {.is_experiment = true};

static struct study_period *period(struct study *study, double second)
{
    struct study_arm arms[] = {{STR("1"), 1 - second}, {STR("2"), second}};
    struct study_period *p = study_period(study, WORKERS, arms, 2);

    assert_non_null(p);
    return p;
}

struct call {
    int worker, arm;
    bool has_key, is_silent, is_error;
    uint64_t key, us;
    const char *says, *outcomes;
};

/* True where it is in the figures. */
static bool call(struct study_period *p, const struct call *c)
{
    struct study_end end = {!c->is_silent, c->is_error, c->us};
    struct study_visit visit;

    study_visit_begin(&visit, p, c->worker, c->arm, c->has_key, c->key);
    if (!visit.period)
        return false;
    if (c->says)
        study_visit_reported(&visit, str_of(c->says));
    if (c->outcomes) {
        struct outcomes outcomes = {0};
        outcomes_parse(&outcomes, str_of(c->outcomes));
        study_visit_outcomes(&visit, c->worker, &outcomes);
    }
    study_visit_end(&visit, c->worker, &end);
    assert_null(visit.period);
    return true;
}

static void a_report_has_what_was_counted(void **state)
{
    struct study *study = study_make(experiment);
    struct study_period *p = period(study, .5);
    struct study_report *r;

    (void)state;
    for (uint64_t i = 0; i < 400; i++) {
        struct call c = {.worker = (int)(i % WORKERS),
                         .arm = (int)(i % 2),
                         .has_key = i >= 200,
                         .key = i / 2 % 50 * 2 + i % 2,
                         .is_error = i % 2 && i % 10 == 1,
                         .us = 2000,
                         .outcomes = i % 4 < 2 ? "order=1, revenue=2.5" : "bad"};
        assert_true(call(p, &c));
    }
    r = study_report(study);
    assert_int_equal(r->nr_versions, 2);
    assert_string_equal(r->versions[1].name, "2");
    assert_int_equal(r->nr_outcomes, 2);
    assert_string_equal(r->outcomes[1], "revenue");
    assert_int_equal(r->nr_bad_outcomes, 200);
    for (int v = 0; v < 2; v++) {
        const struct confseq_sums *sums = r->versions[v].sums;
        assert_near(sums[STUDY_ERRORS].n, 200, 0);
        assert_near(sums[STUDY_ERRORS].callers, 100 + 50, 0);
        assert_near(sums[STUDY_ERRORS].y, v * 40, 0);
        assert_near(sums[STUDY_DURATION].y, 400, 1e-9);
        assert_near(sums[STUDY_OUTCOMES].n, 200, 0);
        assert_near(sums[STUDY_OUTCOMES].y, 100, 0);
        assert_near(sums[STUDY_OUTCOMES + 1].y, 250, 1e-9);
        assert_int_equal(r->versions[v].spread.total, 200);
    }
    assert_near(r->srm_callers, 300, 0);
    assert_near(r->srm_p_value, 1, 1e-9);
    assert_true(r->srm_log_evalue < 0);
    assert_int_equal(r->callers_kept, 100);
    assert_near(r->callers_share, 1, 0);
    study_report_free(&r);
    assert_null(r);
    study_period_unref(&p);
    study_unref(&study);
    assert_null(study);
}

static void callers_who_moved_are_counted_and_left_out(void **state)
{
    struct study *study = study_make(experiment);
    struct study_period *p = period(study, .5), *q;
    struct study_report *r;

    (void)state;
    for (uint64_t key = 0; key < 100; key++)
        assert_true(call(p, &(struct call){.arm = key >= 50, .has_key = true, .key = key}));
    q = period(study, .6);
    study_period_unref(&p);
    for (uint64_t key = 0; key < 100; key++)
        assert_int_equal(call(q, &(struct call){.arm = key >= 40, .has_key = true, .key = key}),
                         key < 40 || key >= 50);
    r = study_report(study);
    assert_near(r->crossovers, 10, 0);
    assert_near(r->versions[0].sums[STUDY_ERRORS].callers, 40, 0);
    assert_near(r->versions[1].sums[STUDY_ERRORS].callers, 50, 0);
    assert_near(r->versions[1].sums[STUDY_ERRORS].n, 100, 0);
    assert_near(r->srm_callers, 100, 0);
    study_report_free(&r);
    study_period_unref(&q);
    study_unref(&study);
}

static void a_dead_version_is_missed_and_a_slow_one_is_not(void **state)
{
    struct study *study = study_make((struct study_wish){.is_experiment = false});
    struct study_period *p = period(study, .05);
    static struct study_visit waiting[100];
    struct prng rng;

    (void)state;
    prng_seed(&rng, 5);
    for (int i = 0; i < 2000; i++) {
        struct call c = {.worker = i % WORKERS};
        if (i % 20 == 0) /* takes long */
            study_visit_begin(&waiting[i / 20], p, i % WORKERS, 1, false, 0);
        else
            call(p, &c);
    }
    assert_true(study_log_evalue(study) < log(2));
    for (int i = 0; i < 100; i++)
        study_visit_end(&waiting[i], i % WORKERS, &(struct study_end){.is_answered = false});
    assert_true(study_log_evalue(study) > log(STUDY_MISMATCH_AT));
    study_period_unref(&p);
    assert_true(study_log_evalue(study) > log(STUDY_MISMATCH_AT)); /* what was is kept */
    study_unref(&study);
}

static void a_lying_version_is_found_out(void **state)
{
    struct study *study = study_make((struct study_wish){.is_audited = true});
    struct study_period *p = period(study, .05);

    (void)state;
    for (int i = 0; i < 2000; i++)
        call(p, &(struct call){.worker = i % WORKERS, .arm = i % 20 == 9, .says = "1"});
    assert_true(study_log_evalue(study) > log(STUDY_MISMATCH_AT));
    study_forget(study);
    assert_near(study_log_evalue(study), 0, 1e-9);
    for (int i = 0; i < 2000; i++)
        call(p, &(struct call){.arm = i % 20 == 9, .says = i % 20 == 9 ? "2" : "1"});
    assert_true(study_log_evalue(study) < log(2));
    study_forget(study);
    for (int i = 0; i < 2000; i++) /* it does not say, or nonsense */
        call(p, &(struct call){.arm = i % 20 == 9, .says = i % 20 == 9 ? "7" : "1"});
    assert_true(study_log_evalue(study) > log(STUDY_MISMATCH_AT));
    study_period_unref(&p);
    study_unref(&study);
}

static void callers_with_keys_count_once(void **state)
{
    struct study *study = study_make((struct study_wish){.is_audited = true});
    struct study_period *p = period(study, .05);

    (void)state;
    /* one caller, who comes often, is no evidence */
    for (int i = 0; i < 5000; i++)
        call(p, &(struct call){.worker = i % WORKERS, .arm = 1, .has_key = true, .key = 42});
    assert_true(study_log_evalue(study) < log(2));
    study_period_unref(&p);
    study_unref(&study);
}

static void the_same_weights_are_one_period(void **state)
{
    struct study *study = study_make(experiment);
    struct study_period *p = period(study, .05), *q = period(study, .05), *r = period(study, .1);

    (void)state;
    assert_ptr_equal(p, q);
    assert_ptr_not_equal(p, r);
    study_period_unref(&q);
    study_period_unref(&r);
    call(p, &(struct call){.arm = 0});
    study_period_unref(&p);
    study_unref(&study);
}

static void begun_anew_all_is_zero(void **state)
{
    struct study *study = study_make(experiment);
    struct study_period *p = period(study, .5), *q = period(study, .4);
    struct study_report *r;

    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        call(p, &(struct call){.has_key = i % 2, .key = i, .outcomes = "a=1", .us = 5});
        call(q, &(struct call){.has_key = i % 2, .key = i, .outcomes = "a=1", .us = 5});
    }
    study_period_unref(&q);
    study_forget(study);
    r = study_report(study);
    assert_int_equal(r->nr_outcomes, 0);
    assert_near(r->srm_callers, 0, 0);
    assert_near(r->versions[0].sums[STUDY_ERRORS].n, 0, 0);
    assert_int_equal(r->versions[0].spread.total, 0);
    study_report_free(&r);
    call(p, &(struct call){.outcomes = "b=1", .has_key = true, .key = 3});
    r = study_report(study);
    assert_string_equal(r->outcomes[0], "b");
    assert_near(r->versions[0].sums[STUDY_OUTCOMES].y, 1, 0);
    assert_near(r->srm_callers, 1, 0);
    study_report_free(&r);
    study_period_unref(&p);
    study_unref(&study);
}

struct crowd {
    struct study *study;
    int worker;
};

static void *work(void *arg)
{
    struct crowd *crowd = arg;

    for (uint64_t i = 0; i < 4000; i++) {
        struct study_period *p = period(crowd->study, i % 1000 < 500 ? .5 : .25);
        call(p, &(struct call){.worker = crowd->worker,
                               .arm = (int)(i % 2),
                               .has_key = i % 3 == 0,
                               .key = i % 50 * 2 + i % 2,
                               .outcomes = i % 2 ? "a=1" : "b=2",
                               .us = i});
        study_period_unref(&p);
    }
    return NULL;
}

static void workers_count_while_others_read_and_forget(void **state)
{
    struct study *study = study_make(experiment);
    struct crowd crowd[WORKERS];
    pthread_t threads[WORKERS];

    (void)state;
    for (int i = 0; i < WORKERS; i++) {
        crowd[i] = (struct crowd){study, i};
        pthread_create(&threads[i], NULL, work, &crowd[i]);
    }
    for (int i = 0; i < 50; i++) {
        struct study_report *r = study_report(study);
        assert_non_null(r);
        study_report_free(&r);
        if (i % 10 == 0)
            study_forget(study);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    study_unref(&study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_has_what_was_counted),
        cmocka_unit_test(callers_who_moved_are_counted_and_left_out),
        cmocka_unit_test(a_dead_version_is_missed_and_a_slow_one_is_not),
        cmocka_unit_test(a_lying_version_is_found_out),
        cmocka_unit_test(callers_with_keys_count_once),
        cmocka_unit_test(the_same_weights_are_one_period),
        cmocka_unit_test(begun_anew_all_is_zero),
        cmocka_unit_test(workers_count_while_others_read_and_forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
