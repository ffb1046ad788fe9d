/* weir.db: what lasts, what is refused, and what happens where the disk fails or is slow. */
#include "store/store_sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "store/database.h"
#include "store/statedir.h"
#include "store_folder.h"

/* ---- A disk that fails, or waits ------------------------------------------------------------- */

/* In place of the C library's, also for SQLite. */
static _Atomic int disk_write_error, disk_sync_error, disk_nr_syncs;
static pthread_mutex_t disk_lock = PTHREAD_MUTEX_INITIALIZER; /* held: syncs wait */

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at);
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    if (disk_write_error) {
        errno = disk_write_error;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, n, at);
}

static int sync_or_fail(long which, int fd)
{
    disk_nr_syncs++;
    pthread_mutex_lock(&disk_lock);
    pthread_mutex_unlock(&disk_lock);
    if (disk_sync_error) {
        errno = disk_sync_error;
        return -1;
    }
    return (int)syscall(which, fd);
}

int fdatasync(int fd)
{
    return sync_or_fail(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_or_fail(SYS_fsync, fd);
}

/* ---- A store and its loop -------------------------------------------------------------------- */

static struct {
    uv_loop_t loop;
    char *folder;
    struct store *store;
    struct store_reason reason;
    int nr_told;
    enum store_outcome outcome; /* the last one */
    char why[400];
    char events[2000]; /* as events_now showed them, or a fetch */
} world;

static void reopen(void)
{
    const struct store_host host = {.loop = &world.loop};

    if (world.store)
        store_close(&world.store);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    world.store = store_sqlite_open(&host, world.folder, &world.reason);
}

static int setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    disk_write_error = disk_sync_error = 0;
    assert_int_equal(uv_loop_init(&world.loop), 0);
    world.folder = folder_make();
    reopen();
    return world.store ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (world.store)
        store_close(&world.store);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    folder_remove(&world.folder);
    return uv_loop_close(&world.loop);
}

static void on_told(void *context, enum store_outcome outcome, const char *reason)
{
    (void)context;
    world.nr_told++;
    world.outcome = outcome;
    snprintf(world.why, sizeof(world.why), "%s", reason);
}

static void wait_told(int nr)
{
    while (world.nr_told < nr)
        uv_run(&world.loop, UV_RUN_ONCE);
    assert_int_equal(world.nr_told, nr);
}

static struct store_edit setting(const char *name, const char *text)
{
    return (struct store_edit){.kind = STORE_SET, .name = name, .text = text};
}

static enum store_outcome sets(const char *name, const char *text)
{
    const struct store_edit edit = setting(name, text);

    world.nr_told = 0;
    assert_int_equal(store_change(world.store, &edit, 1, on_told, NULL), 0);
    wait_told(1);
    return world.outcome;
}

static void value_is(const char *name, const char *expected)
{
    char *text = NULL;

    assert_int_equal(store_value_now(world.store, name, &text, &world.reason), 0);
    if (expected)
        assert_string_equal(text ? text : "(none)", expected);
    else
        assert_null(text);
    free(text);
}

static void run_sql(const char *file, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(folder_file(world.folder, file), &db), SQLITE_OK);
    assert_int_equal(database_run(db, sql), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void close_store(void)
{
    store_close(&world.store);
    uv_run(&world.loop, UV_RUN_DEFAULT);
}

/* The next start is refused, with these words. */
static void is_refused(const char *words)
{
    reopen();
    assert_null(world.store);
    if (!strstr(world.reason.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, world.reason.text);
    assert_non_null(strstr(world.reason.text, world.folder));
}

/* ---- What lasts ------------------------------------------------------------------------------ */

static void test_what_was_told_is_there_after_a_restart(void **state)
{
    (void)state;
    assert_true(world.store->is_durable);
    assert_int_equal(sets("seed", "17"), STORE_DONE);
    reopen();
    assert_non_null(world.store);
    value_is("seed", "17");
}

static void test_what_was_told_is_on_the_disk(void **state)
{
    int before = disk_nr_syncs;

    (void)state;
    assert_int_equal(sets("seed", "17"), STORE_DONE);
    assert_true(disk_nr_syncs > before);
}

/* Nothing has been written by this process, so a kill -9 at this very moment leaves it. */
static void test_a_new_database_begins_with_its_seed(void **state)
{
    char *first = NULL, *second = NULL;

    (void)state;
    assert_int_equal(store_value_now(world.store, DATABASE_SEED, &first, &world.reason), 0);
    assert_non_null(first);
    assert_int_equal(strspn(first, "0123456789abcdef"), 16);
    assert_int_equal(strlen(first), 16);
    reopen();
    assert_int_equal(store_value_now(world.store, DATABASE_SEED, &second, &world.reason), 0);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void test_the_files_are_readable_by_nobody_else(void **state)
{
    static const char *const names[] = {"weir.db", "weir.db-wal", "weir.db-shm"};
    struct stat status;

    (void)state;
    assert_int_equal(sets("seed", "17"), STORE_DONE);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(stat(folder_file(world.folder, names[i]), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

static void test_a_person_can_read_it_meanwhile(void **state)
{
    const struct store_edit edit = {.kind = STORE_PUT,
                                    .row = {.kind = "alias",
                                            .function = "hello",
                                            .name = "live",
                                            .revision = "r",
                                            .document = "{\"weights\": {\"1\": 100}}"}};
    sqlite3 *db = NULL;
    sqlite3_stmt *statement;

    (void)state;
    assert_int_equal(store_change(world.store, &edit, 1, on_told, NULL), 0);
    wait_told(1);
    assert_int_equal(sqlite3_open(folder_file(world.folder, "weir.db"), &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT document ->> '$.weights.1', changed > '2020', base FROM "
                           "resources WHERE name = 'live'",
                           -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 100);
    assert_int_equal(sqlite3_column_int(statement, 1), 1);
    assert_string_equal((const char *)sqlite3_column_text(statement, 2), "absent");
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void test_a_folder_belongs_to_one_weir(void **state)
{
    struct store_reason reason;
    char number[40];
    int lock = statedir_lock(world.folder, &reason);

    (void)state;
    assert_true(lock >= 0);
    assert_int_equal(statedir_lock(world.folder, &reason), -1);
    snprintf(number, sizeof(number), "process %ld", (long)getpid());
    assert_non_null(strstr(reason.text, number));
    assert_non_null(strstr(reason.text, world.folder));
    statedir_unlock(&lock);
    lock = statedir_lock(world.folder, &reason);
    assert_true(lock >= 0);
    statedir_unlock(&lock);
}

static void test_a_folder_that_is_none_is_refused(void **state)
{
    struct store_reason reason;

    (void)state;
    assert_int_equal(statedir_check(folder_file(world.folder, "absent"), &reason), -1);
    assert_non_null(strstr(reason.text, "absent"));
    assert_int_equal(statedir_check(folder_file(world.folder, "weir.db"), &reason), -1);
    assert_non_null(strstr(reason.text, "no folder"));
    assert_int_equal(statedir_check(world.folder, &reason), 0);
}

static void damage(off_t at, const char *bytes, size_t n)
{
    int fd = open(folder_file(world.folder, "weir.db"), O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(syscall(SYS_pwrite64, fd, bytes, n, at), n);
    close(fd);
}

static void test_a_damaged_head_is_refused(void **state)
{
    (void)state;
    close_store();
    damage(0, "garbage garbage ", 16);
    is_refused("weir.db");
    is_refused("no database");
}

static void test_a_damaged_page_is_refused(void **state)
{
    static const char noise[4096] = "\xff\xfe\xfd noise";

    (void)state;
    close_store();
    damage(2 * 4096, noise, sizeof(noise));
    is_refused("damaged");
}

static void test_a_cut_file_is_refused(void **state)
{
    const char *file;

    (void)state;
    close_store();
    file = folder_file(world.folder, "weir.db");
    assert_int_equal(truncate(file, 8192), 0);
    is_refused("damaged");
    assert_int_equal(truncate(file, 0), 0);
    is_refused("empty");
}

static void test_another_programs_database_is_refused_and_left_alone(void **state)
{
    struct stat before, after;

    (void)state;
    close_store();
    unlink(folder_file(world.folder, "weir.db"));
    run_sql("weir.db", "CREATE TABLE t (x); PRAGMA application_id = 99");
    assert_int_equal(stat(folder_file(world.folder, "weir.db"), &before), 0);
    is_refused("another program");
    assert_int_equal(stat(folder_file(world.folder, "weir.db"), &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void test_a_newer_weirs_database_is_refused(void **state)
{
    (void)state;
    close_store();
    run_sql("weir.db", "PRAGMA user_version = 4711");
    is_refused("4711");
}

static void test_a_database_that_was_taken_away_by_halves_is_refused(void **state)
{
    int fd;

    (void)state;
    close_store();
    assert_int_equal(unlink(folder_file(world.folder, "weir.db")), 0);
    fd = open(folder_file(world.folder, "weir.db-wal"), O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    is_refused("weir.db-wal");
}

static void test_a_start_that_broke_off_leaves_nothing_in_the_way(void **state)
{
    int fd;

    (void)state;
    close_store();
    assert_int_equal(unlink(folder_file(world.folder, "weir.db")), 0);
    fd = open(folder_file(world.folder, "weir.db.new"), O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    reopen();
    assert_non_null(world.store);
}

/* ---- A disk that fails ----------------------------------------------------------------------- */

static void test_a_full_disk_fails_the_change_and_later_ones_succeed(void **state)
{
    (void)state;
    assert_int_equal(sets("a", "1"), STORE_DONE);
    disk_write_error = ENOSPC;
    assert_int_equal(sets("a", "2"), STORE_FAILED);
    assert_non_null(strstr(world.why, "full"));
    assert_int_equal(sets("b", "2"), STORE_FAILED);
    value_is("a", "1");
    value_is("b", NULL);
    disk_write_error = 0;
    assert_int_equal(sets("a", "3"), STORE_DONE);
    disk_write_error = ENOSPC;
    assert_int_equal(sets("c", "3"), STORE_FAILED);
    disk_write_error = 0;
    reopen();
    value_is("a", "3");
    value_is("b", NULL);
    value_is("c", NULL);
}

static void test_a_disk_that_fails_otherwise_is_named(void **state)
{
    (void)state;
    disk_write_error = EROFS;
    assert_int_equal(sets("a", "2"), STORE_FAILED);
    assert_non_null(strstr(world.why, strerror(EROFS)));
    assert_non_null(strstr(world.why, "weir.db"));
    disk_write_error = 0;
    assert_int_equal(sets("a", "3"), STORE_DONE);
}

static void test_nobody_says_what_an_unsure_disk_holds(void **state)
{
    (void)state;
    assert_int_equal(sets("a", "1"), STORE_DONE);
    disk_sync_error = EIO;
    assert_int_equal(sets("a", "2"), STORE_UNKNOWN);
    value_is("a", "1");
    disk_sync_error = 0;
    assert_int_equal(sets("a", "3"), STORE_DONE);
    value_is("a", "3");
}

/* ---- A disk that is slow --------------------------------------------------------------------- */

enum { MANY = 200 };

static atomic_int nr_put;

static void on_put(struct store_event_put *put, enum store_outcome outcome, const char *reason)
{
    assert(outcome == STORE_DONE && reason[0] == '\0');
    (void)put;
    nr_put++;
}

static void put_events(struct store_event_put *puts, int nr)
{
    for (int i = 0; i < nr; i++) {
        puts[i] = (struct store_event_put){.event = {.id = "id",
                                                     .function = "f",
                                                     .qualifier = "live",
                                                     .version = "1",
                                                     .payload = "{}",
                                                     .payload_bytes = 2,
                                                     .accepted_ms = 1000 + (uint64_t)i,
                                                     .due_ms = 2000},
                                           .done = on_put};
        assert_null(store_event_put(world.store, &puts[i]));
    }
}

static void wait_put(int nr)
{
    while (nr_put < nr)
        usleep(100);
    assert_int_equal(nr_put, nr);
}

static void test_nobody_waits_for_a_slow_disk(void **state)
{
    static struct store_event_put puts[MANY];
    const struct store_edit edit = setting("a", "1");
    int before;

    (void)state;
    nr_put = 0;
    pthread_mutex_lock(&disk_lock);
    put_events(puts, 1);
    while (disk_nr_syncs == 0)
        usleep(100);
    before = disk_nr_syncs;
    /* The disk has the first, and takes its time. */
    put_events(puts + 1, MANY - 1);
    assert_int_equal(store_change(world.store, &edit, 1, on_told, NULL), 0);
    for (int i = 0; i < 10; i++)
        uv_run(&world.loop, UV_RUN_NOWAIT);
    assert_int_equal(nr_put, 0);
    assert_int_equal(world.nr_told, 0);
    pthread_mutex_unlock(&disk_lock);
    wait_told(1);
    wait_put(MANY);
    /* All that had waited went together. */
    assert_true(disk_nr_syncs <= before + 6);
}

static void test_what_waits_for_the_disk_is_bounded(void **state)
{
    static char payload[1 << 20];
    static struct store_event_put puts[MANY];
    const char *why = NULL;
    int nr = 0;

    (void)state;
    nr_put = 0;
    pthread_mutex_lock(&disk_lock);
    for (; nr < MANY && !why; nr += !why) {
        puts[nr] = (struct store_event_put){
            .event = {.id = "id", .payload = payload, .payload_bytes = sizeof(payload)},
            .done = on_put};
        why = store_event_put(world.store, &puts[nr]);
    }
    pthread_mutex_unlock(&disk_lock);
    assert_non_null(why);
    assert_true(nr > 100);
    wait_put(nr);
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void show(const struct store_event *e)
{
    size_t n = strlen(world.events);

    snprintf(world.events + n, sizeof(world.events) - n,
             "%llu:%s:%s:%s:%s:%s:%.*s:%llu:%llu:%u:%s;", (unsigned long long)e->key, e->id,
             e->function, e->qualifier, e->version, e->meta ? e->meta : "-", (int)e->payload_bytes,
             e->payload ? (const char *)e->payload : "", (unsigned long long)e->accepted_ms,
             (unsigned long long)e->due_ms, e->attempts, e->error);
}

static void on_event(void *context, const struct store_event *event)
{
    (void)context;
    show(event);
}

static const char *events(void)
{
    world.events[0] = '\0';
    assert_int_equal(store_events_now(world.store, on_event, NULL, &world.reason), 0);
    return world.events;
}

static void on_fetched(void *context, const struct store_event *event, const char *reason)
{
    world.events[0] = '\0';
    if (event)
        show(event);
    on_told(context, event ? STORE_DONE : STORE_FAILED, reason);
}

static const char *fetched(uint64_t key)
{
    world.nr_told = 0;
    assert_int_equal(store_event_fetch(world.store, key, on_fetched, NULL), 0);
    wait_told(1);
    return world.events;
}

static void accept_event(const char *id, const char *payload, uint64_t accepted_ms)
{
    struct store_event_put put = {.event = {.id = id,
                                            .function = "hello",
                                            .qualifier = "live",
                                            .version = "2",
                                            .meta = "{\"m\": 1}",
                                            .payload = payload,
                                            .payload_bytes = strlen(payload),
                                            .accepted_ms = accepted_ms,
                                            .due_ms = accepted_ms + 5},
                                  .done = on_put};
    nr_put = 0;
    assert_null(store_event_put(world.store, &put));
    wait_put(1);
}

static void test_events_last_until_they_are_deleted(void **state)
{
    struct store_event event = {.key = 1, .attempts = 3, .due_ms = 999, .error = "broke"};

    (void)state;
    accept_event("a", "pay", 100);
    accept_event("b", "", 200);
    assert_int_equal(store_nr_events(world.store), 2);
    assert_int_equal(store_oldest_event_ms(world.store), 100);
    reopen();
    assert_int_equal(store_nr_events(world.store), 2);
    assert_int_equal(store_oldest_event_ms(world.store), 100);
    assert_string_equal(events(), "1:a:hello:live:2:-::100:105:0:;2:b:hello:live:2:-::200:205:0:;");
    assert_string_equal(fetched(1), "1:a:hello:live:2:{\"m\": 1}:pay:100:105:0:;");
    assert_string_equal(fetched(2), "2:b:hello:live:2:{\"m\": 1}::200:205:0:;");
    world.nr_told = 0;
    assert_int_equal(store_event_update(world.store, &event, on_told, NULL), 0);
    assert_int_equal(store_event_delete(world.store, 2, on_told, NULL), 0);
    assert_int_equal(store_event_delete(world.store, 77, on_told, NULL), 0);
    wait_told(3);
    assert_int_equal(world.outcome, STORE_DONE);
    assert_int_equal(store_nr_events(world.store), 1);
    accept_event("c", "x", 300);
    assert_string_equal(fetched(1), "1:a:hello:live:2:{\"m\": 1}:pay:100:999:3:broke;");
    assert_string_equal(fetched(2), "");
    assert_string_equal(world.why, "there is no such event");
    world.nr_told = 0;
    assert_int_equal(store_event_delete(world.store, 1, on_told, NULL), 0);
    wait_told(1);
    assert_int_equal(store_oldest_event_ms(world.store), 300);
    assert_string_equal(events(), "3:c:hello:live:2:-::300:305:0:;");
}

static void test_a_payload_may_hold_any_bytes(void **state)
{
    static struct store_event_put put;

    (void)state;
    put = (struct store_event_put){
        .event = {.id = "z", .payload = "a\0b\xff", .payload_bytes = 4, .meta = "é"},
        .done = on_put};
    nr_put = 0;
    assert_null(store_event_put(world.store, &put));
    wait_put(1);
    assert_string_equal(fetched(put.event.key), "1:z:::"
                                                ":é:a:0:0:0:;");
}

static void *put_many(void *context)
{
    put_events(context, MANY);
    return NULL;
}

static void test_events_come_from_many_threads(void **state)
{
    static struct store_event_put puts[4][MANY];
    static bool seen[4 * MANY + 1];
    pthread_t threads[4];

    (void)state;
    nr_put = 0;
    memset(seen, 0, sizeof(seen));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, puts[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    wait_put(4 * MANY);
    assert_int_equal(store_nr_events(world.store), 4 * MANY);
    for (int i = 0; i < 4 * MANY; i++) {
        uint64_t key = puts[i / MANY][i % MANY].event.key;

        assert_in_range(key, 1, 4 * MANY);
        assert_false(seen[key]);
        seen[key] = true;
    }
}

static void test_what_was_handed_over_before_the_end_is_kept(void **state)
{
    static struct store_event_put puts[MANY];
    const struct store_edit edit = setting("a", "1");

    (void)state;
    nr_put = 0;
    put_events(puts, MANY);
    assert_int_equal(store_change(world.store, &edit, 1, on_told, NULL), 0);
    reopen();
    assert_int_equal(nr_put, MANY);
    assert_int_equal(world.nr_told, 1);
    assert_int_equal(store_nr_events(world.store), MANY);
    value_is("a", "1");
}

static void test_the_log_does_not_grow_without_end(void **state)
{
    static char text[100000];
    struct stat status;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(sets("large", text), STORE_DONE);
    assert_int_equal(stat(folder_file(world.folder, "weir.db-wal"), &status), 0);
    assert_true(status.st_size < 8 << 20);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_what_was_told_is_there_after_a_restart),
        test(test_what_was_told_is_on_the_disk),
        test(test_a_new_database_begins_with_its_seed),
        test(test_the_files_are_readable_by_nobody_else),
        test(test_a_person_can_read_it_meanwhile),
        test(test_a_folder_belongs_to_one_weir),
        test(test_a_folder_that_is_none_is_refused),
        test(test_a_damaged_head_is_refused),
        test(test_a_damaged_page_is_refused),
        test(test_a_cut_file_is_refused),
        test(test_another_programs_database_is_refused_and_left_alone),
        test(test_a_newer_weirs_database_is_refused),
        test(test_a_database_that_was_taken_away_by_halves_is_refused),
        test(test_a_start_that_broke_off_leaves_nothing_in_the_way),
        test(test_a_full_disk_fails_the_change_and_later_ones_succeed),
        test(test_a_disk_that_fails_otherwise_is_named),
        test(test_nobody_says_what_an_unsure_disk_holds),
        test(test_nobody_waits_for_a_slow_disk),
        test(test_what_waits_for_the_disk_is_bounded),
        test(test_events_last_until_they_are_deleted),
        test(test_a_payload_may_hold_any_bytes),
        test(test_events_come_from_many_threads),
        test(test_what_was_handed_over_before_the_end_is_kept),
        test(test_the_log_does_not_grow_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
