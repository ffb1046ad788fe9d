/* Leases: a table lives while one worker, or an exchange on it, uses it. */
#include "proxy/worker/lease.h"

#include "failmalloc.h"
#include "table_world.h"

static void the_last_user_releases_the_table(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    struct lease *worker = lease_make_take(table_ref(table));
    struct lease *exchange = lease_ref(worker), *other = lease_ref(worker);

    (void)state;
    assert_ptr_equal(worker->table, table);
    assert_int_equal(atomic_load(&table->refs), 2); /* however many use the lease */
    lease_unref(&worker);                           /* it has moved on to another table */
    assert_null(worker);
    lease_unref(&other);
    assert_int_equal(atomic_load(&table->refs), 2);
    assert_ptr_equal(exchange->table, table);
    lease_unref(&exchange);
    assert_int_equal(atomic_load(&table->refs), 1);
    table_unref(&table);
    world_end(world);
}

static void without_memory_the_reference_is_released_too(void **state)
{
    failmalloc_skip();
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);

    (void)state;
    failmalloc_arm(1);
    struct lease *lease = lease_make_take(table_ref(table));
    assert_true(failmalloc_disarm());
    assert_null(lease);
    assert_int_equal(atomic_load(&table->refs), 1);
    table_unref(&table);
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_user_releases_the_table),
        cmocka_unit_test(without_memory_the_reference_is_released_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
