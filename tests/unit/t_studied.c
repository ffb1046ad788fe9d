/* What is known of an alias goes from table to table with it, whatever the weights are. */
#include "router/studied.h"

#include "table_world.h"

static void an_alias_keeps_its_study_through_changes(void **state)
{
    static const struct share all[] = {{"1", 100}, {NULL, 0}};
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    struct study *study = find(table, "hello", "live")->study;

    (void)state;
    assert_non_null(study);
    assert_null(find(table, "hello", "1")->study);
    replace(&table, build(world, table, SPLIT_EXACT, half));
    assert_ptr_equal(find(table, "hello", "live")->study, study);
    replace(&table, build(world, table, SPLIT_EXACT, all));
    assert_ptr_equal(find(table, "hello", "live")->study, study);
    replace(&table, build(world, table, SPLIT_RANDOM, ninety_five));
    settle(world);
    assert_ptr_equal(find(table, "hello", "live")->study, study);
    table_unref(&table);
    world_end(world);
}

/* What was drawn by older weights is counted by these, also when it ends later. */
static void a_target_has_the_counts_of_its_own_weights(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    struct target *target = find(table, "hello", "live");
    struct study_period *period = studied_period(target, 2);
    struct study_visit visit;

    (void)state;
    assert_non_null(period);
    assert_ptr_equal(studied_period(target, 2), period);
    study_visit_begin(&visit, period, 1, 0, false, 0);
    struct table *next = build(world, table, SPLIT_EXACT, half);
    assert_ptr_not_equal(studied_period(find(next, "hello", "live"), 2), period);
    study_visit_end(&visit, 1, &(struct study_end){.is_answered = true});
    assert_true(study_log_evalue(target->study) < 0.1);
    assert_null(studied_period(find(next, "hello", "1"), 2));
    replace(&table, next);
    settle(world);
    table_unref(&table);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alias_keeps_its_study_through_changes),
        cmocka_unit_test(a_target_has_the_counts_of_its_own_weights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
