/* Budgets and guards of an alias: units, and what goes on from table to table. */
#include "router/ward.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tabledoc_fixture.h"

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#define ENDPOINTS "{\"endpoints\": [\"http://h\"]}"
#define TABLE(weights, keys)                                                                       \
    "{\"functions\": {\"f\": {\"versions\": {\"1\": " ENDPOINTS ", \"2\": " ENDPOINTS              \
    ", \"3\": " ENDPOINTS "}, \"aliases\": {\"live\": {\"weights\": {" weights "}" keys "}}}}}"
#define BUDGET(k)  ", \"budget\": {\"failures\": " #k "}"
#define GUARD      ", \"guard\": {\"alpha\": 0.01}"
#define HALVES     "\"1\": 50, \"2\": 50"
#define TWO_OF(w)  "\"1\": " #w ", \"2\": 5"
#define FIRST_ONLY "\"1\": 100"

static struct wards *wards_in(const struct table *table)
{
    return table_find(table, STR("f"), STR("live"), NULL)->wards;
}

static void go_on(struct table **table, const char *text)
{
    struct problems problems = {0};
    struct table *next = fixture_build(text, *table, &problems);

    assert_non_null(next);
    fixture_drop(table);
    *table = next;
}

static void most_aliases_have_none(void **state)
{
    struct table *table = fixture_good(TABLE(HALVES, ""));

    (void)state;
    assert_null(wards_in(table));
    fixture_drop(&table);
}

static void every_version_but_the_first_that_has_weight_is_a_canary(void **state)
{
    struct table *table = fixture_good(TABLE("\"2\": 90, \"3\": 10, \"1\": 0", BUDGET(3)));
    struct wards *wards = wards_in(table);

    (void)state;
    assert_int_equal(wards->nr, 1);
    assert_null(ward_of(wards, 0));
    assert_non_null(ward_of(wards, 1));
    assert_null(ward_of(wards, 2));
    fixture_drop(&table);
}

static void a_unit_is_taken_given_back_and_spent(void **state)
{
    struct table *table = fixture_good(TABLE(HALVES, BUDGET(2)));
    struct wards *wards = wards_in(table);
    struct ward *ward = ward_of(wards, 1);

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ward_take(wards, ward), WARD_MAY);
        ward_give(ward);
    }
    assert_int_equal(ward_take(wards, ward), WARD_MAY);
    assert_int_equal(ward_take(wards, ward), WARD_MAY);
    assert_int_equal(ward_take(wards, ward), WARD_DEFER); /* both are in flight */
    assert_false(ward_spend(wards, ward));
    assert_int_equal(ward_take(wards, ward), WARD_DEFER);
    ward_give(ward);
    assert_int_equal(ward_take(wards, ward), WARD_MAY);
    assert_true(ward_spend(wards, ward));
    assert_int_equal(atomic_load(&ward->cause), WARD_BUDGET);
    assert_int_equal(ward_take(wards, ward), WARD_DEFER);
    assert_int_equal(ward_figures(ward).failed, 2);
    fixture_drop(&table);
}

static void other_weights_begin_nothing_anew_and_a_return_does(void **state)
{
    struct table *table = fixture_good(TABLE(HALVES, BUDGET(9)));
    struct ward *ward = ward_of(wards_in(table), 1);

    (void)state;
    assert_int_equal(ward_take(wards_in(table), ward), WARD_MAY);
    assert_false(ward_spend(wards_in(table), ward));
    go_on(&table, TABLE(TWO_OF(95), BUDGET(7)));
    assert_ptr_equal(ward_of(wards_in(table), 1), ward);
    assert_int_equal(wards_in(table)->failures, 7);
    go_on(&table, TABLE("\"1\": 95, \"2\": 0, \"3\": 5", BUDGET(7)));
    assert_null(ward_of(wards_in(table), 1));
    assert_int_equal(wards_in(table)->nr, 2); /* what it was is shown still */
    go_on(&table, TABLE(HALVES, BUDGET(7)));
    assert_ptr_not_equal(ward_of(wards_in(table), 1), ward);
    assert_int_equal(ward_figures(ward_of(wards_in(table), 1)).failed, 0);
    fixture_drop(&table);
}

static void what_was_taken_back_is_known_until_it_comes_again(void **state)
{
    struct table *table = fixture_good(TABLE(HALVES, BUDGET(1)));
    struct ward *ward = ward_of(wards_in(table), 1);

    (void)state;
    assert_int_equal(ward_take(wards_in(table), ward), WARD_MAY);
    assert_true(ward_spend(wards_in(table), ward));
    go_on(&table, TABLE(FIRST_ONLY, BUDGET(1)));
    assert_true(ward_is_taken_back(wards_in(table), STR("2")));
    assert_false(ward_is_taken_back(wards_in(table), STR("3")));
    go_on(&table, TABLE(HALVES, BUDGET(1)));
    assert_false(ward_is_taken_back(wards_in(table), STR("2")));
    fixture_drop(&table);
}

static void a_smaller_budget_than_has_failed_takes_it_back_once(void **state)
{
    struct table *table = fixture_good(TABLE(HALVES, BUDGET(5)));
    struct ward *ward = ward_of(wards_in(table), 1);

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ward_take(wards_in(table), ward), WARD_MAY);
        assert_false(ward_spend(wards_in(table), ward));
    }
    go_on(&table, TABLE(HALVES, BUDGET(2)));
    assert_int_equal(ward_take(wards_in(table), ward), WARD_RECALL);
    assert_int_equal(ward_take(wards_in(table), ward), WARD_DEFER);
    fixture_drop(&table);
}

static void one_canary_that_is_taken_back_takes_all_back(void **state)
{
    struct table *table = fixture_good(TABLE("\"1\": 50, \"2\": 25, \"3\": 25", BUDGET(1)));
    struct wards *wards = wards_in(table);

    (void)state;
    assert_int_equal(ward_take(wards, ward_of(wards, 1)), WARD_MAY);
    assert_true(ward_spend(wards, ward_of(wards, 1)));
    assert_int_equal(ward_take(wards, ward_of(wards, 2)), WARD_DEFER);
    fixture_drop(&table);
}

static void a_guard_has_no_units_and_errors_alone_count(void **state)
{
    struct table *table = fixture_good(TABLE(HALVES, GUARD));
    struct wards *wards = wards_in(table);
    struct ward *ward = ward_of(wards, 1), *taken_back = NULL;
    int nr = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(ward_take(wards, ward), WARD_MAY);
    assert_null(ward_error(wards, 0));
    for (; !taken_back; nr++)
        taken_back = ward_error(wards, 1);
    assert_ptr_equal(taken_back, ward);
    assert_in_range(nr, 8, 12);
    assert_int_equal(ward_figures(ward).nr_first_errors, 1);
    assert_int_equal(ward_take(wards, ward), WARD_DEFER);
    fixture_drop(&table);
}

/* ---- Several threads ------------------------------------------------------------------------- */

struct crowd {
    struct wards *wards;
    struct ward *ward;
    _Atomic int nr_failed, nr_last, nr_running, most_running;
};

static void *run(void *arg)
{
    struct crowd *c = arg;

    /* To the end of the budget: a thread that stops while it holds a unit may leave it unspent. */
    for (int i = 0; atomic_load(&c->ward->cause) == WARD_FINE; i++) {
        if (ward_take(c->wards, c->ward) != WARD_MAY)
            continue;
        int running = atomic_fetch_add(&c->nr_running, 1) + 1;
        if (running > atomic_load(&c->most_running))
            atomic_store(&c->most_running, running);
        atomic_fetch_sub(&c->nr_running, 1);
        if (i % 97 != 0) {
            ward_give(c->ward);
            continue;
        }
        atomic_fetch_add(&c->nr_failed, 1);
        if (ward_spend(c->wards, c->ward))
            atomic_fetch_add(&c->nr_last, 1);
    }
    return NULL;
}

static void just_so_many_fail_over_all_threads(void **state)
{
    struct table *table = fixture_good(TABLE(HALVES, BUDGET(50)));
    struct crowd crowd = {.wards = wards_in(table), .ward = ward_of(wards_in(table), 1)};
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &crowd), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.nr_failed, 50);
    assert_int_equal(crowd.nr_last, 1);
    assert_true(crowd.most_running <= 50);
    fixture_drop(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(most_aliases_have_none),
        test(every_version_but_the_first_that_has_weight_is_a_canary),
        test(a_unit_is_taken_given_back_and_spent),
        test(other_weights_begin_nothing_anew_and_a_return_does),
        test(what_was_taken_back_is_known_until_it_comes_again),
        test(a_smaller_budget_than_has_failed_takes_it_back_once),
        test(one_canary_that_is_taken_back_takes_all_back),
        test(a_guard_has_no_units_and_errors_alone_count),
        test(just_so_many_fail_over_all_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
