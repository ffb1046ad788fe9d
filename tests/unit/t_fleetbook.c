/* Accounts of a fleet's members: added up, with the windows of those that have none yet; replaced and
 * forgotten; taken over by the slot's next member. No store is asked. */
#include "control/fleetbook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/fleetsplit.h"
#include "router/logbook.h"

static struct fleetbook book;
static struct function function = {.name = {"hello", 5}};
static struct version versions[2] = {{.name = {"1", 1}}, {.name = {"2", 1}}};
static struct target *target;
static struct store_etcd_member members[3] = {{.slot = 0}, {.slot = 1}, {.slot = 2}};

static int begin(void **state)
{
    (void)state;
    assert_int_equal(fleetbook_init(&book, NULL), 0);
    target = calloc(1, sizeof(*target) + 2 * sizeof(target->arms[0]));
    assert_non_null(target);
    target->function = &function;
    target->alias = STR("live");
    target->mode = SPLIT_EXACT;
    target->nr_arms = 2;
    for (int i = 0; i < 2; i++)
        target->arms[i].version = &versions[i];
    target->arms[0].weight = 950000000;
    target->arms[1].weight = 50000000;
    return 0;
}

static int end(void **state)
{
    (void)state;
    fleetbook_fini(&book);
    free(target);
    return 0;
}

static bool sum(int nr_members, struct fleetbook_split *split)
{
    const struct store_etcd_fleet fleet = {.members = members, .nr_members = nr_members};

    return fleetbook_sum(&book, target, &fleet, split);
}

/* After ten of the first slot's, whose phase is 1/2: 9 and 1. */
static const char ten[] = "{\"function\":\"hello\",\"alias\":\"live\",\"versions\":["
                          "{\"version\":\"1\",\"weight\":950000000,\"picks\":9,\"error\":500000000,"
                          "\"low\":-500000000,\"high\":500000000},"
                          "{\"version\":\"2\",\"weight\":50000000,\"picks\":1,\"error\":-500000000,"
                          "\"low\":-500000000,\"high\":500000000}]}";

static void accounts_add_up_and_members_without_one_count_with_their_windows(void **state)
{
    struct fleetbook_split split;

    (void)state;
    assert_false(sum(3, &split));
    fleetbook_see(&book, 0, ten);
    assert_true(sum(1, &split));
    assert_int_equal(split.invocations, 10);
    assert_int_equal(split.bound, SPLIT_ONE / 2);
    assert_true(sum(3, &split));
    assert_int_equal(split.invocations, 10);
    assert_int_equal(split.bound, 3 * (SPLIT_ONE / 2));
    fleetbook_see(&book, 7, ten);
    assert_true(sum(1, &split));
    assert_int_equal(split.nr, 2);
    assert_int_equal(split.versions[1].picks, 2);
    assert_int_equal(split.versions[1].error, -SPLIT_ONE);
    assert_int_equal(split.bound, SPLIT_ONE);
}

static void what_is_no_account_changes_nothing_and_a_lost_store_forgets_all(void **state)
{
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{\"function\":\"hello\"}",
        "{\"function\":\"hello\",\"alias\":\"live\",\"versions\":[{\"weight\":1}]}",
        "{\"function\":1,\"alias\":\"live\",\"versions\":[]}"};
    struct fleetbook_split split;

    (void)state;
    fleetbook_see(&book, 0, ten);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        fleetbook_see(&book, 0, wrong[i]);
    assert_true(sum(1, &split));
    assert_int_equal(split.invocations, 10);
    fleetbook_see(&book, 0, "{\"function\":\"hello\",\"alias\":\"live\",\"versions\":[]}");
    assert_false(sum(1, &split));
    fleetbook_see(&book, 0, ten);
    fleetbook_see(&book, -1, NULL);
    assert_false(sum(1, &split));
}

static void the_next_member_of_a_slot_goes_on_from_its_account(void **state)
{
    static _Alignas(LOGBOOK_BLOCK) uint8_t memory[LOGBOOK_BYTES_MIN];
    const struct logbook_entry *entry;
    struct logbook *logbook;
    char reason[100];
    uint32_t number;

    (void)state;
    logbook_format(memory);
    logbook = logbook_open(memory, sizeof(memory), reason, sizeof(reason));
    assert_non_null(logbook);
    fleetbook_see(&book, 0, ten);
    fleetbook_take_over(&book, 1, logbook);
    assert_int_equal(logbook_count(logbook), 0);
    fleetbook_take_over(&book, 0, logbook);
    number = logbook_find(logbook, logbook_key(STR("hello"), STR("live")));
    assert_true(number != LOGBOOK_NONE);
    entry = logbook_at(logbook, number);
    assert_true(entry->place == fleetsplit_place(0));
    assert_int_equal(logbook_errors(entry)[0], SPLIT_ONE / 2);
    assert_int_equal(logbook_counts(entry)[0], 9);
    assert_true(logbook_versions(entry)[1] == logbook_version(STR("2")));
    logbook_close(&logbook);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            accounts_add_up_and_members_without_one_count_with_their_windows, begin, end),
        cmocka_unit_test_setup_teardown(
            what_is_no_account_changes_nothing_and_a_lost_store_forgets_all, begin, end),
        cmocka_unit_test_setup_teardown(the_next_member_of_a_slot_goes_on_from_its_account, begin,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
