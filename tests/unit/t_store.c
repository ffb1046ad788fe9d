/* What every store promises, tried with each implementation. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#include "store/store_memory.h"
#include "store/store_sqlite.h"
#include "store_folder.h"

/* ---- A store and its loop -------------------------------------------------------------------- */

enum { TOLD_MAX = 16 };

static struct {
    uv_loop_t loop;
    char *folder; /* of SQLite's */
    struct store *store;
    int nr_woken;
    /* What was told, in order. */
    int nr_told;
    struct {
        intptr_t who;
        enum store_outcome outcome;
        char reason[200];
    } told[TOLD_MAX];
    char rows[2000]; /* what load_now showed */
} world;

static void on_wake_up(void *context)
{
    assert_ptr_equal(context, &world);
    world.nr_woken++;
}

static void on_told(void *context, enum store_outcome outcome, const char *reason)
{
    assert_true(world.nr_told < TOLD_MAX);
    world.told[world.nr_told].who = (intptr_t)context;
    world.told[world.nr_told].outcome = outcome;
    snprintf(world.told[world.nr_told].reason, sizeof(world.told[0].reason), "%s", reason);
    world.nr_told++;
}

static int setup_loop(void)
{
    memset(&world, 0, sizeof(world));
    return uv_loop_init(&world.loop);
}

static struct store_host host_of_world(void)
{
    return (struct store_host){.loop = &world.loop, .wake_up = on_wake_up, .context = &world};
}

static int setup_memory(void **state)
{
    struct store_host host;

    (void)state;
    assert_int_equal(setup_loop(), 0);
    host = host_of_world();
    world.store = store_memory_open(&host);
    return world.store ? 0 : -1;
}

static int setup_sqlite(void **state)
{
    struct store_reason reason;
    struct store_host host;

    (void)state;
    assert_int_equal(setup_loop(), 0);
    host = host_of_world();
    world.folder = folder_make();
    world.store = store_sqlite_open(&host, world.folder, &reason);
    return world.store ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (world.store)
        store_close(&world.store);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    if (world.folder)
        folder_remove(&world.folder);
    return uv_loop_close(&world.loop);
}

/* Runs the loop until so many results were told. */
static void wait_told(int nr)
{
    while (world.nr_told < nr)
        uv_run(&world.loop, UV_RUN_ONCE);
    assert_int_equal(world.nr_told, nr);
}

/* ---- Shorthand ------------------------------------------------------------------------------- */

static struct store_edit putting(const char *name, const char *revision, const char *expected)
{
    return (struct store_edit){.kind = STORE_PUT,
                               .row = {.kind = "alias",
                                       .function = "hello",
                                       .name = name,
                                       .revision = revision,
                                       .document = "{}"},
                               .expected = expected};
}

static struct store_edit removal(const char *name, const char *expected)
{
    return (struct store_edit){.kind = STORE_DELETE,
                               .row = {.kind = "alias", .function = "hello", .name = name},
                               .expected = expected};
}

static struct store_edit setting(const char *name, const char *text)
{
    return (struct store_edit){.kind = STORE_SET, .name = name, .text = text};
}

/* One change, waited for. */
static enum store_outcome does(const struct store_edit *edits, int nr)
{
    world.nr_told = 0;
    assert_int_equal(store_change(world.store, edits, nr, on_told, NULL), 0);
    wait_told(1);
    return world.told[0].outcome;
}

#define does(...)                                                                                  \
    does((struct store_edit[]){__VA_ARGS__},                                                       \
         (int)(sizeof((struct store_edit[]){__VA_ARGS__}) / sizeof(struct store_edit)))

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void on_row(void *context, const struct store_row *row)
{
    char *line = NULL, base[32] = "absent";

    (void)context;
    if (row->has_base)
        snprintf(base, sizeof(base), "%llx", (unsigned long long)row->base);
    assert_true(asprintf(&line, "%s %s/%s %s %s%s %s; ", row->kind, row->function, row->name,
                         row->revision, base, row->is_deleted ? " deleted" : "",
                         row->document) > 0);
    assert_true(strlen(world.rows) + strlen(line) < sizeof(world.rows));
    memcpy(world.rows + strlen(world.rows), line, strlen(line) + 1);
    free(line);
}

/* Sorts what stands between semicolons. */
static const char *rows(void)
{
    static char sorted[sizeof(world.rows)];
    struct store_reason reason;
    char *parts[32], *at = world.rows, *end;
    int nr = 0;

    world.rows[0] = sorted[0] = '\0';
    assert_int_equal(store_load_now(world.store, on_row, NULL, &reason), 0);
    for (; (end = strstr(at, "; ")) && nr < 32; at = end + 2) {
        *end = '\0';
        parts[nr++] = at;
    }
    qsort(parts, (size_t)nr, sizeof(parts[0]), compare);
    at = sorted;
    for (int i = 0; i < nr; i++)
        at += snprintf(at, sizeof(sorted) - (size_t)(at - sorted), "%s%s", i ? "; " : "", parts[i]);
    return sorted;
}

static void value_is(const char *name, const char *expected)
{
    struct store_reason reason;
    char *text = "none";

    assert_int_equal(store_value_now(world.store, name, &text, &reason), 0);
    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
    free(text);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void test_a_new_store_is_empty(void **state)
{
    (void)state;
    assert_string_equal(rows(), "");
    value_is("seed", NULL);
    assert_int_equal(store_nr_events(world.store), 0);
    assert_int_equal(store_oldest_event_ms(world.store), 0);
}

static void test_a_row_is_kept_with_all_that_is_said_of_it(void **state)
{
    struct store_edit edit = {.kind = STORE_PUT,
                              .row = {.kind = "function",
                                      .function = "",
                                      .name = "héllo",
                                      .revision = "r1",
                                      .has_base = true,
                                      .base = 0xfedcba9876543210,
                                      .is_deleted = true,
                                      .document = "{\"a\": 'x'}"}};

    (void)state;
    assert_int_equal(does(edit), STORE_DONE);
    assert_string_equal(rows(), "function /héllo r1 fedcba9876543210 deleted {\"a\": 'x'}");
    edit.row.has_base = edit.row.is_deleted = false;
    edit.row.revision = "r2";
    edit.row.document = "2";
    assert_int_equal(does(edit), STORE_DONE);
    assert_string_equal(rows(), "function /héllo r2 absent 2");
    edit.kind = STORE_DELETE;
    assert_int_equal(does(edit), STORE_DONE);
    assert_string_equal(rows(), "");
    assert_int_equal(does(edit), STORE_DONE); /* no row: nothing */
}

static void test_rows_are_told_apart_by_kind_function_and_name(void **state)
{
    struct store_edit edit = putting("a", "1", STORE_ABSENT);

    (void)state;
    assert_int_equal(does(edit), STORE_DONE);
    edit.row.function = "other";
    assert_int_equal(does(edit), STORE_DONE);
    edit.row.kind = "url";
    assert_int_equal(does(edit), STORE_DONE);
    edit.row.name = "A";
    assert_int_equal(does(edit), STORE_DONE);
    assert_string_equal(rows(), "alias hello/a 1 absent {}; alias other/a 1 absent {}; "
                                "url other/A 1 absent {}; url other/a 1 absent {}");
}

static void test_an_edit_may_expect_a_revision(void **state)
{
    (void)state;
    assert_int_equal(does(putting("live", "1", STORE_ABSENT)), STORE_DONE);
    assert_int_equal(does(putting("live", "2", STORE_ABSENT)), STORE_CONFLICT);
    assert_non_null(strstr(world.told[0].reason, "live"));
    assert_int_equal(does(putting("live", "2", "0")), STORE_CONFLICT);
    assert_int_equal(does(putting("other", "2", "1")), STORE_CONFLICT);
    assert_int_equal(does(removal("live", "2")), STORE_CONFLICT);
    assert_string_equal(rows(), "alias hello/live 1 absent {}");
    assert_int_equal(does(putting("live", "2", "1")), STORE_DONE);
    assert_int_equal(does(putting("live", "3", STORE_ANY)), STORE_DONE);
    assert_int_equal(does(removal("live", "3")), STORE_DONE);
    assert_int_equal(does(removal("live", STORE_ABSENT)), STORE_DONE);
    assert_string_equal(rows(), "");
}

static void test_a_change_is_made_as_a_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(
        does(putting("a", "1", STORE_ANY), putting("b", "1", STORE_ANY), setting("v", "old")),
        STORE_DONE);
    assert_int_equal(does(putting("c", "1", STORE_ABSENT), removal("a", STORE_ANY),
                          setting("v", "new"), setting("w", "new"), putting("b", "2", "0")),
                     STORE_CONFLICT);
    assert_string_equal(rows(), "alias hello/a 1 absent {}; alias hello/b 1 absent {}");
    value_is("v", "old");
    value_is("w", NULL);
    assert_int_equal(does(putting("c", "1", STORE_ABSENT), removal("a", STORE_ANY),
                          setting("v", "new"), putting("b", "2", "1")),
                     STORE_DONE);
    assert_string_equal(rows(), "alias hello/b 2 absent {}; alias hello/c 1 absent {}");
    value_is("v", "new");
}

static void test_values_are_set_and_taken_away(void **state)
{
    (void)state;
    assert_int_equal(does(setting("seed", "1"), setting("said", "")), STORE_DONE);
    value_is("seed", "1");
    value_is("said", "");
    assert_int_equal(does(setting("seed", NULL), setting("never", NULL)), STORE_DONE);
    value_is("seed", NULL);
    assert_string_equal(rows(), "");
}

/* ---- Telling --------------------------------------------------------------------------------- */

static void test_results_are_told_later_in_order_after_the_loop_was_woken(void **state)
{
    const struct store_edit good = putting("a", "1", STORE_ABSENT);

    (void)state;
    for (intptr_t i = 0; i < 3; i++)
        assert_int_equal(store_change(world.store, &good, 1, on_told, (void *)i), 0);
    assert_int_equal(store_change(world.store, &good, 1, NULL, NULL), 0);
    assert_int_equal(world.nr_told, 0);
    wait_told(3);
    assert_true(world.nr_woken >= 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world.told[i].who, i);
        assert_int_equal(world.told[i].outcome, i == 0 ? STORE_DONE : STORE_CONFLICT);
        assert_int_equal(world.told[i].reason[0] == '\0', i == 0);
    }
}

static void test_what_was_handed_over_was_copied(void **state)
{
    char name[] = "live", revision[] = "1", expected[] = "", text[] = "t", document[] = "{}";
    struct store_edit edits[] = {putting(name, revision, expected), setting("value", text)};

    (void)state;
    edits[0].row.document = document;
    assert_int_equal(store_change(world.store, edits, 2, on_told, NULL), 0);
    memset(edits, 0, sizeof(edits));
    name[0] = revision[0] = text[0] = document[0] = 'X';
    wait_told(1);
    assert_int_equal(world.told[0].outcome, STORE_DONE);
    assert_string_equal(rows(), "alias hello/live 1 absent {}");
    value_is("value", "t");
}

static void test_a_change_without_edits_is_told_too(void **state)
{
    (void)state;
    assert_int_equal(store_change(world.store, NULL, 0, on_told, NULL), 0);
    wait_told(1);
    assert_int_equal(world.told[0].outcome, STORE_DONE);
}

static void ask_again(void *context, enum store_outcome outcome, const char *reason)
{
    on_told(context, outcome, reason);
    assert_int_equal(store_change(context, NULL, 0, on_told, NULL), -1);
}

static void test_the_end_tells_what_is_left_and_refuses_more(void **state)
{
    const struct store_edit edit = putting("a", "1", STORE_ANY);

    (void)state;
    assert_int_equal(store_change(world.store, &edit, 1, ask_again, world.store), 0);
    assert_int_equal(store_change(world.store, &edit, 1, on_told, NULL), 0);
    store_close(&world.store);
    assert_null(world.store);
    assert_int_equal(world.nr_told, 2);
    assert_int_equal(world.told[1].outcome, STORE_DONE);
}

static void test_a_change_may_be_asked_for_when_one_is_told(void **state)
{
    const struct store_edit edit = setting("n", "1");

    (void)state;
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(store_change(world.store, &edit, 1, on_told, NULL), 0);
        wait_told(i);
    }
}

/* ---- Events of a store that keeps none ------------------------------------------------------- */

static void on_event(void *context, const struct store_event *event, const char *reason)
{
    assert_null(event);
    on_told(context, STORE_FAILED, reason);
}

static void test_without_a_directory_no_event_is_taken(void **state)
{
    struct store_event_put event = {.event = {.id = "1"}};

    (void)state;
    assert_false(world.store->is_durable);
    assert_non_null(strstr(store_event_put(world.store, &event), "state.directory"));
    assert_int_equal(store_event_update(world.store, &event.event, on_told, NULL), 0);
    assert_int_equal(store_event_delete(world.store, 1, on_told, NULL), 0);
    assert_int_equal(store_event_fetch(world.store, 1, on_event, NULL), 0);
    assert_int_equal(world.nr_told, 0);
    wait_told(3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(world.told[i].outcome, STORE_FAILED);
}

#define memory(name)                                                                               \
    {                                                                                              \
#name "_memory", name, setup_memory, teardown, NULL                                        \
    }
#define sqlite(name)                                                                               \
    {                                                                                              \
#name "_sqlite", name, setup_sqlite, teardown, NULL                                        \
    }
#define both(name) memory(name), sqlite(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        both(test_a_new_store_is_empty),
        both(test_a_row_is_kept_with_all_that_is_said_of_it),
        both(test_rows_are_told_apart_by_kind_function_and_name),
        both(test_an_edit_may_expect_a_revision),
        both(test_a_change_is_made_as_a_whole_or_not_at_all),
        both(test_values_are_set_and_taken_away),
        both(test_results_are_told_later_in_order_after_the_loop_was_woken),
        both(test_what_was_handed_over_was_copied),
        both(test_a_change_without_edits_is_told_too),
        both(test_the_end_tells_what_is_left_and_refuses_more),
        both(test_a_change_may_be_asked_for_when_one_is_told),
        memory(test_without_a_directory_no_event_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
