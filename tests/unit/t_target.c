/* What goes on from one table to the next: splits, and what every version is owed, also while it is
 * away. */
#include "router/split_account.h"
#include "router/target.h"

#include "table_world.h"

static void an_unchanged_alias_keeps_its_split(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    struct split *split = find(table, "hello", "live")->split;
    int nr_twos = 0;

    (void)state;
    for (int reload = 0; reload < 5; reload++) {
        for (int i = 0; i < 4; i++)
            nr_twos += pick(world, find(table, "hello", "live"));
        replace(&table, build(world, table, SPLIT_EXACT, ninety_five));
        assert_int_equal(table->nr_changed, 0);
        assert_ptr_equal(find(table, "hello", "live")->split, split);
        settle(world);
    }
    assert_int_equal(nr_twos, 1);
    table_unref(&table);
    world_end(world);
}

static void a_changed_alias_takes_over_the_errors_by_version_name(void **state)
{
    static const struct share changes[][4] = {{{"1", 90}, {"2", 10}, {NULL, 0}},
                                              {{"2", 10}, {"1", 90}, {NULL, 0}},
                                              {{"1", 80}, {"2", 10}, {"3", 10}, {NULL, 0}},
                                              {{"3", 30}, {"2", 70}, {NULL, 0}}};
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    int64_t before[SPLIT_ARMS_MAX], after[SPLIT_ARMS_MAX];

    (void)state;
    for (size_t c = 0; c < sizeof(changes) / sizeof(changes[0]); c++) {
        struct target *old = find(table, "hello", "live"), *now;
        struct split *fixed = find(table, "hello", "fixed")->split;
        struct table *next;

        for (int i = 0; i < 7; i++)
            assert_true(pick(world, old) >= 0);
        split_account_errors(old->split, before);
        next = build(world, table, SPLIT_EXACT, changes[c]);
        assert_int_equal(next->nr_changed, 1);
        assert_ptr_equal(table_target(next, next->changed[0]), find(next, "hello", "live"));
        assert_ptr_equal(find(next, "hello", "fixed")->split, fixed);
        assert_true(pick(world, old) >= 0); /* still in force */
        split_account_errors(old->split, before);
        assert_int_equal(table_open(next), 0);
        assert_int_equal(pick(world, old), SPLIT_CLOSED);
        now = find(next, "hello", "live");
        split_account_errors(now->split, after);
        for (int i = 0; i < now->nr_arms; i++) {
            int64_t expected = 0;

            for (int k = 0; k < old->nr_arms; k++)
                if (str_eq(old->arms[k].version->name, now->arms[i].version->name))
                    expected = before[k];
            assert_true(after[i] == expected);
        }
        table_unref(&table);
        table = next;
        settle(world);
    }
    table_unref(&table);
    world_end(world);
}

static void another_mode_is_a_change(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, half);

    (void)state;
    assert_true(pick(world, find(table, "hello", "live")) >= 0);
    replace(&table, build(world, table, SPLIT_RANDOM, half));
    assert_int_equal(table->nr_changed, 1);
    assert_int_equal(find(table, "hello", "live")->mode, SPLIT_RANDOM);
    assert_true(pick(world, find(table, "hello", "live")) >= 0);
    table_unref(&table);
    world_end(world);
}

static void a_table_that_is_never_put_in_force_closes_nothing(void **state)
{
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    struct table *dropped;

    (void)state;
    assert_true(pick(world, find(table, "hello", "live")) >= 0);
    dropped = build(world, table, SPLIT_EXACT, half);
    table_unref(&dropped);
    settle(world);
    assert_true(pick(world, find(table, "hello", "live")) >= 0);
    replace(&table, build(world, table, SPLIT_EXACT, half));
    assert_int_equal(table->generation, 2);
    assert_true(pick(world, find(table, "hello", "live")) >= 0);
    table_unref(&table);
    world_end(world);
}

/* ---- Versions that leave and come back ------------------------------------------------------- */

static int64_t owed(const struct target *target, const char *version)
{
    int64_t errors[SPLIT_ARMS_MAX];

    split_account_errors(target->split, errors);
    for (int i = 0; i < target->nr_arms; i++)
        if (str_eq(target->arms[i].version->name, str_of(version)))
            return errors[i];
    for (int i = 0; i < target->nr_past; i++)
        if (str_eq(target->past[i]->name, str_of(version)))
            return errors[target->nr_arms + i];
    fail_msg("version %s is unknown", version);
    return 0;
}

/* A canary that is switched on for a few invocations at a time has its share of those. */
static void a_version_that_is_away_keeps_what_it_is_owed(void **state)
{
    static const struct share all_one[] = {{"1", 100}, {NULL, 0}};
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, ninety_five);
    int64_t twos = 0;

    (void)state;
    for (int round = 1; round <= 200; round++) {
        struct target *live = find(table, "hello", "live");

        assert_int_equal(live->nr_past, 0);
        for (int i = 0; i < 3; i++)
            twos += pick(world, live) == 1;
        assert_true(owed(live, "2") == (int64_t)round * 3 * (SPLIT_ONE / 20) - twos * SPLIT_ONE);
        assert_true(owed(live, "2") > -SPLIT_ONE && owed(live, "2") < SPLIT_ONE);
        replace(&table, build(world, table, SPLIT_EXACT, all_one));
        live = find(table, "hello", "live");
        assert_int_equal(live->nr_past, 1);
        assert_int_equal(pick(world, live), 0);
        replace(&table, build(world, table, SPLIT_EXACT, ninety_five));
        settle(world);
    }
    assert_int_equal(twos, 30);
    table_unref(&table);
    world_end(world);
}

static void an_alias_that_stays_keeps_its_past_and_its_split(void **state)
{
    static const struct share others[] = {{"2", 25}, {"3", 75}, {NULL, 0}};
    struct world *world = world_make();
    struct table *table = build(world, NULL, SPLIT_EXACT, half);
    struct split *split;
    int64_t ones;

    (void)state;
    assert_true(pick(world, find(table, "hello", "live")) >= 0);
    ones = owed(find(table, "hello", "live"), "1");
    assert_true(ones != 0);
    replace(&table, build(world, table, SPLIT_EXACT, others));
    split = find(table, "hello", "live")->split;
    for (int reload = 0; reload < 3; reload++) {
        assert_true(pick(world, find(table, "hello", "live")) < 2);
        replace(&table, build(world, table, SPLIT_EXACT, others));
        assert_int_equal(table->nr_changed, 0);
        assert_ptr_equal(find(table, "hello", "live")->split, split);
        assert_true(owed(find(table, "hello", "live"), "1") == ones);
    }
    table_unref(&table);
    world_end(world);
}

static struct table *with_many(struct world *world, struct table *previous, int nr_versions,
                               int run)
{
    struct builder *b = builder_make(world->registry);
    char name[16];

    assert_non_null(b);
    assert_int_equal(builder_function(b, FUNCTION(STR("hello"), 0)), 0);
    for (int i = 1; i <= nr_versions; i++) {
        snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(add_version(b, name, "127.0.0.1", 9001), 0);
    }
    snprintf(name, sizeof(name), "%d", run);
    assert_int_equal(add_alias(b, "live", SPLIT_EXACT, (struct share[]){{name, 100}, {NULL, 0}}),
                     0);
    return builder_freeze(&b, previous);
}

/* Deployment after deployment: the past is bounded, and ends with the function's version. */
static void the_past_is_bounded(void **state)
{
    struct world *world = world_make();
    struct table *table = with_many(world, NULL, 40, 1);
    struct target *live;

    (void)state;
    for (int run = 2; run <= 40; run++) {
        replace(&table, with_many(world, table, 40, run));
        live = find(table, "hello", "live");
        assert_int_equal(live->nr_past, run <= 17 ? run - 1 : 16);
        assert_true(
            str_eq(live->past[live->nr_past - 1]->name, live->function->versions[run - 2].name));
    }
    replace(&table, with_many(world, table, 30, 7));
    live = find(table, "hello", "live");
    assert_int_equal(live->nr_past, 30 - 24 + 1); /* 24 to 30; 31 to 40 are no more */
    assert_true(str_eq(live->past[0]->name, STR("24")));
    table_unref(&table);
    world_end(world);
}

/* ---- From process to process ----------------------------------------------------------------- */

static _Alignas(LOGBOOK_BLOCK) uint8_t file[LOGBOOK_BYTES_MIN];

/* A process whose first table is this one. The file is what the one before left. */
struct process {
    struct world *world;
    struct logbook *logbook;
    struct table *table;
};

static struct process begin(const struct share *live)
{
    struct process process = {.world = world_make()};
    char reason[100];

    process.logbook = logbook_open(file, sizeof(file), reason, sizeof(reason));
    assert_non_null(process.logbook);
    registry_set_logbook(process.world->registry, process.logbook);
    process.table = build(process.world, NULL, SPLIT_EXACT, live);
    assert_int_equal(table_open(process.table), 0);
    logbook_settle(process.logbook);
    return process;
}

/* The file stays as it is, as if the process were killed. */
static void end(struct process *process)
{
    logbook_seal(process->logbook);
    table_unref(&process->table);
    world_end(process->world);
    logbook_close(&process->logbook);
}

static void picks(struct process *process, int nr)
{
    for (int i = 0; i < nr; i++)
        assert_true(pick(process->world, find(process->table, "hello", "live")) >= 0);
}

static int64_t owes(const struct process *process, const char *version)
{
    return owed(find(process->table, "hello", "live"), version);
}

static void a_process_continues_what_the_one_before_it_left(void **state)
{
    struct process process;
    int64_t ones;

    (void)state;
    memset(file, 0, sizeof(file));
    logbook_format(file);
    process = begin(ninety_five);
    picks(&process, 7);
    ones = owes(&process, "1");
    assert_true(ones != 0);
    end(&process);
    for (int life = 0; life < 3; life++) { /* also where nothing is drawn */
        process = begin(ninety_five);
        assert_true(owes(&process, "1") == ones && owes(&process, "2") == -ones);
        end(&process);
    }
    process = begin(half);
    assert_true(owes(&process, "1") == ones && owes(&process, "2") == -ones);
    picks(&process, 2);
    assert_true(llabs(owes(&process, "1")) < SPLIT_ONE);
    assert_int_equal(logbook_count(process.logbook), 1); /* "fixed" was never drawn from */
    end(&process);
}

static void what_a_version_is_owed_waits_over_processes(void **state)
{
    static const struct share all_one[] = {{"1", 100}, {NULL, 0}};
    static const struct share others[] = {{"3", 50}, {"1", 50}, {NULL, 0}};
    struct process process;
    int64_t twos;

    (void)state;
    memset(file, 0, sizeof(file));
    logbook_format(file);
    process = begin(ninety_five);
    picks(&process, 7);
    twos = owes(&process, "2");
    end(&process);
    process = begin(all_one);
    assert_int_equal(find(process.table, "hello", "live")->nr_past, 1);
    assert_true(owes(&process, "2") == twos);
    picks(&process, 5);
    end(&process);
    process = begin(others);
    assert_true(owes(&process, "2") == twos && owes(&process, "1") == -twos);
    assert_true(owes(&process, "3") == 0);
    replace(&process.table, build(process.world, process.table, SPLIT_EXACT, all_one));
    replace(&process.table, build(process.world, process.table, SPLIT_EXACT, ninety_five));
    assert_true(owes(&process, "2") == twos);
    end(&process);
}

static void an_alias_that_is_removed_gives_its_entry_back(void **state)
{
    struct process process;

    (void)state;
    memset(file, 0, sizeof(file));
    logbook_format(file);
    process = begin(ninety_five);
    picks(&process, 7);
    assert_int_equal(logbook_count(process.logbook), 1);
    replace(&process.table, with_many(process.world, process.table, 1, 1));
    replace(&process.table, build(process.world, process.table, SPLIT_EXACT, half));
    settle(process.world);
    picks(&process, 3);
    settle(process.world);
    assert_int_equal(logbook_count(process.logbook), 1);
    end(&process);
    process = begin(half);
    assert_true(llabs(owes(&process, "1")) < SPLIT_ONE);
    end(&process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unchanged_alias_keeps_its_split),
        cmocka_unit_test(a_changed_alias_takes_over_the_errors_by_version_name),
        cmocka_unit_test(another_mode_is_a_change),
        cmocka_unit_test(a_table_that_is_never_put_in_force_closes_nothing),
        cmocka_unit_test(a_version_that_is_away_keeps_what_it_is_owed),
        cmocka_unit_test(an_alias_that_stays_keeps_its_past_and_its_split),
        cmocka_unit_test(the_past_is_bounded),
        cmocka_unit_test(a_process_continues_what_the_one_before_it_left),
        cmocka_unit_test(what_a_version_is_owed_waits_over_processes),
        cmocka_unit_test(an_alias_that_is_removed_gives_its_entry_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
