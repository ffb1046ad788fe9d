/* Tables that are built while others change their aliases: what holds in the end. */
#include "router/split_account.h"
#include "router/table.h"

#include <pthread.h>

#include "table_world.h"

static void what_was_changed_while_a_table_was_built_holds_in_it(void **state)
{
    static const struct share sixty[] = {{"3", 60}, {"1", 40}, {NULL, 0}};
    struct world *world = world_make();
    struct table *previous = build(world, NULL, SPLIT_EXACT, ninety_five);
    struct table *built = build(world, previous, SPLIT_EXACT, ninety_five);
    struct table *current = reweigh(previous, "live", SPLIT_EXACT, half);
    struct target *live, *now;
    int64_t owed[SPLIT_ARMS_MAX], taken[SPLIT_ARMS_MAX];

    (void)state;
    assert_int_equal(table_open(current), 0);
    replace(&current, reweigh(current, "live", SPLIT_EXACT, sixty));
    assert_int_equal(table_open(current), 0);
    now = find(current, "hello", "live");
    for (int i = 0; i < 7; i++)
        assert_true(pick(world, now) >= 0);
    assert_int_equal(table_catch_up(built, previous, current), 0);
    assert_int_equal(built->generation, 4);
    live = find(built, "hello", "live");
    assert_ptr_equal(live->split, now->split);
    assert_int_equal(live->since, now->since);
    assert_int_equal(live->arms[0].weight, 600000000);
    assert_ptr_equal(live->arms[0].version, find(built, "hello", "3")->arms[0].version);
    assert_ptr_equal(table_target(built, live->index), live);
    assert_ptr_equal(find(built, "hello", "fixed")->split, find(previous, "hello", "fixed")->split);
    assert_int_equal(table_open(built), 0);
    replace(&current, built);
    table_unref(&previous);
    settle(world);
    live = find(current, "hello", "live");
    split_account_errors(live->split, owed);
    assert_true(pick(world, live) >= 0);
    split_account_errors(live->split, taken);
    assert_true(owed[0] != taken[0]); /* it is drawn from */
    table_unref(&current);
    world_end(world);
}

static void what_the_new_table_says_newly_wins_over_what_was_changed_meanwhile(void **state)
{
    static const struct share sixty[] = {{"3", 60}, {"1", 40}, {NULL, 0}};
    struct world *world = world_make();
    struct table *previous = build(world, NULL, SPLIT_EXACT, ninety_five);
    struct table *built = build(world, previous, SPLIT_EXACT, half);
    struct table *current = reweigh(previous, "live", SPLIT_EXACT, sixty);
    struct target *live, *now = find(current, "hello", "live");
    int64_t owed[SPLIT_ARMS_MAX], taken[SPLIT_ARMS_MAX];

    (void)state;
    assert_int_equal(table_open(current), 0);
    for (int i = 0; i < 7; i++)
        assert_true(pick(world, now) >= 0);
    split_account_errors(now->split, owed);
    assert_int_equal(table_catch_up(built, previous, current), 0);
    live = find(built, "hello", "live");
    assert_int_equal(live->arms[0].weight, 500000000);
    assert_int_equal(live->since, 3);
    assert_int_equal(table_open(built), 0);
    assert_int_equal(pick(world, now), SPLIT_CLOSED);
    split_account_errors(live->split, taken);
    assert_true(taken[0] == owed[1]); /* version 1 has what it was owed last */
    replace(&current, built);
    table_unref(&previous);
    table_unref(&current);
    settle(world);
    world_end(world);
}

static void an_alias_that_the_new_table_has_no_more_is_not_brought_back(void **state)
{
    struct world *world = world_make();
    struct table *previous = build(world, NULL, SPLIT_EXACT, ninety_five), *built, *current;
    struct builder *b = builder_make(world->registry);

    (void)state;
    assert_non_null(b);
    assert_int_equal(builder_function(b, FUNCTION(STR("hello"), 0)), 0);
    assert_int_equal(add_version(b, "1", "127.0.0.1", 9001), 0);
    built = builder_freeze(&b, previous);
    assert_non_null(built);
    current = reweigh(previous, "live", SPLIT_EXACT, half);
    assert_int_equal(table_catch_up(built, previous, current), 0);
    assert_null(find(built, "hello", "live"));
    assert_int_equal(built->generation, 3);
    table_unref(&previous);
    table_unref(&current);
    table_unref(&built);
    settle(world);
    world_end(world);
}

/* A table on its way from the thread that builds it. */
struct build_order {
    struct world *world;
    struct table *previous; /* the builder's reference */
    struct table *built;
    int nr;
    _Atomic bool is_done;
};

static void *build_beside(void *arg)
{
    struct build_order *order = arg;

    order->built =
        build(order->world, order->previous, SPLIT_EXACT, order->nr % 3 == 0 ? half : ninety_five);
    atomic_store(&order->is_done, true);
    return NULL;
}

static void a_table_is_built_on_one_thread_while_another_changes_and_frees_some(void **state)
{
    static const struct share sixty[] = {{"3", 60}, {"1", 40}, {NULL, 0}};
    struct world *world = world_make();
    struct table *current = build(world, NULL, SPLIT_EXACT, ninety_five);
    unsigned nr_changes = 0;

    (void)state;
    for (int i = 0; i < 30; i++) {
        struct build_order order = {.world = world, .previous = table_ref(current), .nr = i};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, build_beside, &order), 0);
        do {
            replace(&current,
                    reweigh(current, "live", SPLIT_EXACT, nr_changes++ % 2 ? sixty : half));
            assert_true(pick(world, find(current, "hello", "live")) >= 0);
            qsbr_reclaim(world->domain);
            registry_tidy(world->registry);
        } while (!atomic_load(&order.is_done));
        pthread_join(thread, NULL);
        assert_int_equal(table_catch_up(order.built, order.previous, current), 0);
        replace(&current, order.built);
        assert_true(pick(world, find(current, "hello", "live")) >= 0);
        table_unref(&order.previous);
    }
    table_unref(&current);
    settle(world);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_changed_while_a_table_was_built_holds_in_it),
        cmocka_unit_test(what_the_new_table_says_newly_wins_over_what_was_changed_meanwhile),
        cmocka_unit_test(an_alias_that_the_new_table_has_no_more_is_not_brought_back),
        cmocka_unit_test(a_table_is_built_on_one_thread_while_another_changes_and_frees_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
