/* Executions in a store: by name, by key, in pages; how many are kept, and for how long. */
#include "store/store.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#include "store/store_memory.h"
#include "store/store_sqlite.h"
#include "store_folder.h"

static struct {
    uv_loop_t loop;
    char *folder;
    struct store *store;
    struct store_reason reason;
    int nr_told, nr;
    enum store_outcome outcome;
    char shown[4000]; /* what a read told */
} world;

static void reopen(void)
{
    const struct store_host host = {.loop = &world.loop};

    if (world.store)
        store_close(&world.store);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    world.store = store_sqlite_open(&host, world.folder, &world.reason);
    assert_non_null(world.store);
}

static int setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    assert_int_equal(uv_loop_init(&world.loop), 0);
    world.folder = folder_make();
    reopen();
    return 0;
}

static int setup_memory(void **state)
{
    const struct store_host host = {.loop = &world.loop};

    (void)state;
    memset(&world, 0, sizeof(world));
    assert_int_equal(uv_loop_init(&world.loop), 0);
    world.store = store_memory_open(&host);
    return world.store ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    store_close(&world.store);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    if (world.folder)
        folder_remove(&world.folder);
    return uv_loop_close(&world.loop);
}

static void wait_told(int nr)
{
    while (world.nr_told < nr)
        uv_run(&world.loop, UV_RUN_ONCE);
    assert_int_equal(world.nr_told, nr);
}

static void on_told(void *context, enum store_outcome outcome, const char *reason)
{
    (void)context;
    (void)reason;
    world.nr_told++;
    world.outcome = outcome;
}

static void show(const struct store_execution *e)
{
    size_t n = strlen(world.shown);

    snprintf(world.shown + n, sizeof(world.shown) - n, "%s%s %s:%s %s%s", n ? "; " : "", e->name,
             e->alias, e->version, execution_rows_statuses[e->status],
             e->stage == EXECUTION_SENT ? " sent" : "");
    n = strlen(world.shown);
    if (e->error)
        snprintf(world.shown + n, sizeof(world.shown) - n, " %s/%s", e->error, e->cause);
    n = strlen(world.shown);
    if (e->input)
        snprintf(world.shown + n, sizeof(world.shown) - n, " <%.*s", (int)e->input_bytes,
                 (const char *)e->input);
    n = strlen(world.shown);
    if (e->output)
        snprintf(world.shown + n, sizeof(world.shown) - n, " >%.*s", (int)e->output_bytes,
                 (const char *)e->output);
    n = strlen(world.shown);
    if (e->definition)
        snprintf(world.shown + n, sizeof(world.shown) - n, " =%s", e->definition);
}

static void on_read(void *context, const struct store_execution *list, int nr, const char *reason)
{
    (void)context;
    (void)reason;
    world.nr_told++;
    world.nr = nr;
    world.shown[0] = '\0';
    for (int i = 0; i < nr; i++)
        show(&list[i]);
}

static const char *read_them(struct store_execution_query query)
{
    world.nr_told = 0;
    query.machine = query.machine ? query.machine : "m";
    query.limit = query.limit ? query.limit : 100;
    assert_int_equal(store_executions_read(world.store, &query, on_read, NULL), 0);
    wait_told(1);
    return world.shown;
}

#define reading(...) read_them((struct store_execution_query){__VA_ARGS__})

static uint64_t put_it(struct store_execution e, uint64_t max)
{
    uint64_t key;

    e.machine = e.machine ? e.machine : "m";
    e.alias = e.alias ? e.alias : "";
    e.version = e.version ? e.version : "1";
    e.id = "id";
    e.definition_id = e.definition ? e.definition : "d";
    e.definition = e.definition ? e.definition : "d";
    e.meta = "{}";
    e.input = e.input ? e.input : "{}";
    e.input_bytes = strlen(e.input);
    e.started_ms = 1;
    world.nr_told = 0;
    key = e.key = store_execution_key(world.store);
    if (store_execution_put(world.store, &e, max, on_told, NULL) == 0)
        wait_told(1);
    return key;
}

#define putting(...) put_it((struct store_execution){__VA_ARGS__}, 1000)

static void end_it(uint64_t key, enum store_execution_status status, uint64_t stopped_ms)
{
    const struct store_execution e = {.key = key,
                                      .status = status,
                                      .stopped_ms = stopped_ms,
                                      .output = status == EXECUTION_SUCCEEDED ? "7" : NULL,
                                      .output_bytes = 1,
                                      .error = status == EXECUTION_FAILED ? "E" : NULL,
                                      .cause = status == EXECUTION_FAILED ? "c" : NULL};

    world.nr_told = 0;
    assert_int_equal(store_execution_update(world.store, &e, on_told, NULL), 0);
    wait_told(1);
    assert_int_equal(world.outcome, STORE_DONE);
}

static void test_one_is_found_by_its_name_and_by_its_key(void **state)
{
    uint64_t key = putting(.name = "a", .alias = "PROD", .version = "2", .input = "[1]");

    (void)state;
    assert_true(key > 0);
    assert_string_equal(reading(.name = "a", .has_data = true), "a PROD:2 RUNNING <[1] =d");
    assert_string_equal(reading(.key = key), "a PROD:2 RUNNING");
    assert_string_equal(reading(.name = "b"), "");
    assert_string_equal(reading(.machine = "other", .name = "a"), "");
    assert_string_equal(reading(.key = key + 1), "");
    end_it(key, EXECUTION_SUCCEEDED, 50);
    assert_string_equal(reading(.name = "a", .has_data = true), "a PROD:2 SUCCEEDED <[1] >7 =d");
    reopen();
    assert_string_equal(reading(.key = key, .has_data = true), "a PROD:2 SUCCEEDED <[1] >7 =d");
    assert_true(putting(.name = "b") > key);
}

static void test_lists_have_pages_and_filters(void **state)
{
    uint64_t a = putting(.name = "a", .alias = "x"), b = putting(.name = "b", .version = "2");
    uint64_t c = putting(.name = "c", .alias = "x", .version = "2");

    (void)state;
    assert_true(a < b && b < c);
    putting(.name = "e", .is_express = true);
    putting(.name = "n", .machine = "other");
    end_it(b, EXECUTION_FAILED, 9);
    assert_string_equal(reading(.limit = 2), "c x:2 RUNNING; b :2 FAILED E/c");
    putting(.name = "d");
    assert_string_equal(reading(.before_key = b, .limit = 2), "a x:1 RUNNING");
    assert_string_equal(reading(.alias = "x"), "c x:2 RUNNING; a x:1 RUNNING");
    assert_string_equal(reading(.version = "2"), "c x:2 RUNNING; b :2 FAILED E/c");
    assert_string_equal(reading(.alias = "x", .version = "2"), "c x:2 RUNNING");
    assert_string_equal(reading(.status = "FAILED"), "b :2 FAILED E/c");
    assert_string_equal(reading(.status = "FAILED", .ended_after_ms = 10), "");
    assert_string_equal(reading(.name = "b", .ended_after_ms = 10), "");
}

static void test_the_oldest_that_have_ended_go_first(void **state)
{
    uint64_t a, b;

    (void)state;
    a = put_it((struct store_execution){.name = "a"}, 2);
    b = put_it((struct store_execution){.name = "b"}, 2);
    end_it(b, EXECUTION_ABORTED, 7);
    end_it(a, EXECUTION_ABORTED, 8);
    put_it((struct store_execution){.name = "c"}, 2);
    assert_string_equal(reading(.limit = 9), "c :1 RUNNING; a :1 ABORTED");
    put_it((struct store_execution){.name = "d"}, 2);
    put_it((struct store_execution){.name = "e"}, 2);
    assert_string_equal(reading(.limit = 9), "e :1 RUNNING; d :1 RUNNING; c :1 RUNNING");
}

static void test_a_name_that_has_ended_may_be_put_again_and_one_that_runs_may_not(void **state)
{
    uint64_t a = putting(.name = "a");

    (void)state;
    putting(.name = "a");
    assert_int_equal(world.outcome, STORE_FAILED);
    end_it(a, EXECUTION_TIMED_OUT, 5);
    putting(.name = "a", .version = "9");
    assert_int_equal(world.outcome, STORE_DONE);
    assert_string_equal(reading(.limit = 9), "a :9 RUNNING");
    putting(.name = "a", .is_express = true);
    assert_int_equal(world.outcome, STORE_DONE);
}

static void test_what_ended_long_ago_is_pruned_with_its_definition(void **state)
{
    uint64_t a = putting(.name = "a", .definition = "one");

    (void)state;
    putting(.name = "b", .definition = "two");
    end_it(a, EXECUTION_SUCCEEDED, 100);
    world.nr_told = 0;
    assert_int_equal(store_executions_prune(world.store, 100, on_told, NULL), 0);
    wait_told(1);
    assert_string_equal(reading(.limit = 9), "b :1 RUNNING; a :1 SUCCEEDED");
    world.nr_told = 0;
    assert_int_equal(store_executions_prune(world.store, 101, on_told, NULL), 0);
    wait_told(1);
    assert_string_equal(reading(.limit = 9, .has_data = true), "b :1 RUNNING <{} =two");
}

static void on_each(void *context, const struct store_execution *e)
{
    (void)context;
    show(e);
}

static void test_those_that_run_are_told_at_the_start(void **state)
{
    uint64_t a = putting(.name = "a", .definition = "one");
    uint64_t b = putting(.name = "b", .input = "7");
    const struct store_execution sent = {.key = b, .stage = EXECUTION_SENT};

    (void)state;
    putting(.name = "c", .is_express = true);
    end_it(a, EXECUTION_SUCCEEDED, 100);
    world.nr_told = 0;
    assert_int_equal(store_execution_update(world.store, &sent, on_told, NULL), 0);
    wait_told(1);
    reopen();
    world.shown[0] = '\0';
    assert_int_equal(store_executions_now(world.store, on_each, NULL, &world.reason), 0);
    assert_string_equal(world.shown, "b :1 RUNNING sent <7 =d; c :1 RUNNING <{} =d");
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(folder_file(world.folder, "weir.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_a_database_from_before_there_were_executions_is_brought_up(void **state)
{
    (void)state;
    store_close(&world.store);
    run_sql("DROP TABLE executions; DROP TABLE definitions; PRAGMA user_version = 1");
    reopen();
    putting(.name = "a");
    assert_string_equal(reading(.name = "a"), "a :1 RUNNING");
}

static void test_a_store_in_memory_keeps_none(void **state)
{
    (void)state;
    assert_int_equal(putting(.name = "a"), 0);
    assert_string_equal(reading(.name = "a"), "");
    assert_int_equal(world.nr, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_one_is_found_by_its_name_and_by_its_key),
        TEST(test_lists_have_pages_and_filters),
        TEST(test_the_oldest_that_have_ended_go_first),
        TEST(test_a_name_that_has_ended_may_be_put_again_and_one_that_runs_may_not),
        TEST(test_what_ended_long_ago_is_pruned_with_its_definition),
        TEST(test_those_that_run_are_told_at_the_start),
        TEST(test_a_database_from_before_there_were_executions_is_brought_up),
        cmocka_unit_test_setup_teardown(test_a_store_in_memory_keeps_none, setup_memory, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
