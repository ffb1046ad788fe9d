/* The change engine: edits of functions and aliases, one operation after the other. */
#include "control/change.h"
#include "tests/unit/api_fixture.h"

#include "conf/tabledoc_function.h"

static struct {
    json_t *document; /* of the next edits */
    const char *function, *alias, *expected;
    enum change_kind kind;
    struct change_result result;
    char problem[512], reason[1024];
    int nr_turns;
} lab;

static void on_done(struct change *change, const struct change_result *result)
{
    (void)change;
    lab.result = *result;
    snprintf(lab.reason, sizeof(lab.reason), "%s", result->reason ? result->reason : "");
    snprintf(lab.problem, sizeof(lab.problem), "%s %s",
             result->problems->nr > 0 ? result->problems->list[0].path : "",
             result->problems->nr > 0 ? result->problems->list[0].message : "");
}

static void handle(struct change *change)
{
    struct change_edit edit = {.kind = lab.kind,
                               .function = lab.function,
                               .name = lab.alias,
                               .document = json_incref(lab.document),
                               .expected_revision = lab.expected};

    lab.nr_turns++;
    change->response.status = 200;
    change_submit(change, &edit, 1, on_done);
}

static void begin(struct api_waiter *waiter)
{
    const struct api_request request = {.method = STR("PUT"), .path = STR("/x")};
    struct api_response response;

    *waiter = (struct api_waiter){.answered = api_on_answered, .hooks = &api_hooks};
    api_late = (struct api_response){.status = 0};
    assert_false(change_begin(&api_hooks, &request, waiter, &response, handle));
}

static enum change_status edit(enum change_kind kind, const char *function, const char *alias,
                               const char *text)
{
    struct api_waiter waiter;

    lab.kind = kind;
    lab.function = function;
    lab.alias = alias;
    lab.document = text ? json_loads(text, 0, NULL) : NULL;
    assert_true(!text || lab.document);
    begin(&waiter);
    api_go_on();
    assert_int_equal(api_late.status, 200);
    json_decref(lab.document);
    lab.document = NULL;
    return lab.result.status;
}

static const struct target *find(const char *function, const char *qualifier)
{
    return table_find(api.table, str_of(function), str_of(qualifier), NULL);
}

/* ---- Rows for the store alone ---------------------------------------------------------------- */

static struct {
    bool has_alias;
    char row[64];
} kept;

static void keep_and_submit(struct change *change)
{
    const struct store_edit row = {
        .kind = STORE_PUT,
        .row = {.kind = "deployment", .function = "", .name = "d-1", .document = "{\"a\":1}"}};
    struct change_edit edit = {.kind = CHANGE_ALIAS, .function = "hello", .name = "live"};

    if (kept.has_alias)
        edit.document = json_loads("{\"weights\": {\"1\": 40, \"2\": 60}}", 0, NULL);
    change->by = "a test";
    change_keep(change, &row);
    change_submit(change, &edit, kept.has_alias ? 1 : 0, on_done);
}

static void find_kept(void *context, const struct store_row *row)
{
    (void)context;
    if (strcmp(row->kind, "deployment") == 0)
        snprintf(kept.row, sizeof(kept.row), "%s %s", row->name, row->document);
}

static void rows_are_stored_with_a_change_and_without_one(void **state)
{
    uint64_t generation = api.table->generation;
    struct store_reason reason;

    (void)state;
    for (int i = 0; i < 2; i++) {
        kept.has_alias = i == 1;
        kept.row[0] = '\0';
        assert_int_equal(change_begin_own(&api_hooks, NULL, keep_and_submit), 0);
        api_go_on();
        assert_int_equal(lab.result.status, CHANGE_DONE);
        assert_int_equal(store_load_now(api.store, find_kept, NULL, &reason), 0);
        assert_string_equal(kept.row, "d-1 {\"a\":1}");
        assert_int_equal(api.table->generation, generation + (uint64_t)i);
    }
    assert_int_equal(table_find(api.table, STR("hello"), STR("live"), NULL)->arms[0].weight,
                     SPLIT_ONE / 10 * 4);
}

static void functions_come_change_and_go(void **state)
{
    uint64_t generation = api.table->generation;

    (void)state;
    assert_int_equal(edit(CHANGE_FUNCTION, "new", NULL,
                          "{\"versions\": {\"$LATEST\": {\"endpoints\": [\"http://n:1\"]}}}"),
                     CHANGE_DONE);
    assert_int_equal(api.table->generation, generation + 1);
    assert_int_equal(lab.result.generation, generation + 1);
    assert_string_equal(find("new", "")->arms[0].version->endpoints[0].url, "http://n:1");
    assert_non_null(find("hello", "live"));
    assert_int_equal(edit(CHANGE_FUNCTION, "new", NULL,
                          "{\"concurrency\": 3, \"versions\": {\"7\": {\"endpoints\": "
                          "[\"http://n:7\"]}}, \"aliases\": {\"a\": {\"weights\": {\"7\": 100}}}}"),
                     CHANGE_DONE);
    assert_null(find("new", ""));
    assert_int_equal(find("new", "a")->function->concurrency, 3);
    assert_int_equal(edit(CHANGE_FUNCTION, "new", NULL, NULL), CHANGE_DONE);
    assert_null(find("new", "a"));
    assert_int_equal(edit(CHANGE_FUNCTION, "new", NULL, NULL), CHANGE_REFUSED);
}

static void aliases_come_and_go(void **state)
{
    (void)state;
    assert_int_equal(edit(CHANGE_ALIAS, "hello", "new", "{\"weights\": {\"1\": 60, \"3\": 40}}"),
                     CHANGE_DONE);
    assert_int_equal(find("hello", "new")->nr_arms, 2);
    assert_int_equal(edit(CHANGE_ALIAS, "hello", "new", NULL), CHANGE_DONE);
    assert_null(find("hello", "new"));
    assert_int_equal(edit(CHANGE_ALIAS, "hello", "new", NULL), CHANGE_REFUSED);
    assert_int_equal(edit(CHANGE_ALIAS, "none", "new", NULL), CHANGE_REFUSED);
}

static void what_the_rules_forbid_is_refused_with_its_path(void **state)
{
    uint64_t generation = api.table->generation;

    (void)state;
    assert_int_equal(edit(CHANGE_FUNCTION, "new", NULL, "{\"versions\": {\"01\": {}}}"),
                     CHANGE_REFUSED);
    assert_non_null(strstr(lab.problem, "$.functions.new.versions.01 "));
    assert_int_equal(edit(CHANGE_ALIAS, "hello", "new", "{\"weights\": {\"1\": 60, \"9\": 40}}"),
                     CHANGE_REFUSED);
    assert_non_null(strstr(lab.problem, "$.functions.hello.aliases.new.weights.9 "));
    assert_int_equal(edit(CHANGE_ALIAS, "hello", "live", NULL), CHANGE_REFUSED);
    assert_non_null(strstr(lab.problem, "$.routes[0] the route / leads to hello:live"));
    assert_int_equal(api.table->generation, generation);
}

/* The order of picks, counters and gauges are those of before. */
static void what_is_not_edited_goes_on(void **state)
{
    struct split *split = find("hello", "live")->split;
    struct gauge *gauge = find("hello", "live")->function->in_flight;
    struct origin *origin = find("hello", "1")->arms[0].version->endpoints[0].origin;
    char *before = tabledoc_dump(api.table), *after;

    (void)state;
    assert_int_equal(edit(CHANGE_FUNCTION, "new", NULL,
                          "{\"versions\": {\"$LATEST\": {\"endpoints\": [\"http://n:1\"]}}}"),
                     CHANGE_DONE);
    assert_ptr_equal(find("hello", "live")->split, split);
    assert_ptr_equal(find("hello", "live")->function->in_flight, gauge);
    assert_ptr_equal(find("hello", "1")->arms[0].version->endpoints[0].origin, origin);
    assert_int_equal(edit(CHANGE_FUNCTION, "new", NULL, NULL), CHANGE_DONE);
    after = tabledoc_dump(api.table);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_whole_table_is_one_change(void **state)
{
    (void)state;
    assert_int_equal(edit(CHANGE_TABLE, NULL, NULL,
                          "{\"functions\": {\"only\": {\"versions\": {\"1\": {\"endpoints\": "
                          "[\"http://o:1\"]}}}}}"),
                     CHANGE_DONE);
    assert_non_null(find("only", "1"));
    assert_null(find("hello", "live"));
}

static void a_revision_that_is_not_the_latest_changes_nothing(void **state)
{
    char revision[CHANGE_REVISION_SIZE];

    (void)state;
    assert_int_equal(change_revision(&api_hooks, CHANGE_ALIAS, STR("hello"), STR("live"), revision),
                     0);
    lab.expected = revision;
    assert_int_equal(edit(CHANGE_ALIAS, "hello", "live", "{\"weights\": {\"1\": 100}}"),
                     CHANGE_DONE);
    assert_int_equal(edit(CHANGE_ALIAS, "hello", "live", "{\"weights\": {\"2\": 100}}"),
                     CHANGE_CONFLICT);
    lab.expected = NULL;
    assert_true(str_eq(find("hello", "live")->arms[0].version->name, STR("1")));
}

/* A structural change waits for a reload; other weights do not wait for either. */
static void a_reload_holds_up_only_what_must_be_built(void **state)
{
    struct api_waiter built, plain;

    (void)state;
    api.is_reloading = true;
    lab.kind = CHANGE_ALIAS;
    lab.function = "hello";
    lab.alias = "new";
    lab.document = json_loads("{\"weights\": {\"1\": 100}}", 0, NULL);
    lab.nr_turns = 0;
    begin(&built);
    api_go_on();
    assert_int_equal(lab.nr_turns, 1);
    assert_null(find("hello", "new"));
    lab.alias = "live";
    begin(&plain);
    api_go_on();
    assert_int_equal(lab.nr_turns, 2);
    assert_int_equal(find("hello", "live")->nr_arms, 1);
    lab.alias = "new";
    api.is_reloading = false;
    change_engine_reloaded(api_hooks.changes);
    api_go_on();
    assert_int_equal(lab.nr_turns, 3);
    assert_non_null(find("hello", "new"));
    json_decref(lab.document);
    lab.document = NULL;
}

static void who_goes_away_gets_no_answer_but_the_change(void **state)
{
    const struct api_request request = {.method = STR("PUT"), .path = STR("/x")};
    struct api_waiter waiter = {.answered = api_on_answered, .hooks = &api_hooks};
    struct api_response response;

    (void)state;
    lab.kind = CHANGE_ALIAS;
    lab.function = "hello";
    lab.alias = "live";
    lab.document = json_loads("{\"weights\": {\"1\": 100}}", 0, NULL);
    api_late = (struct api_response){.status = 0};
    assert_false(change_begin(&api_hooks, &request, &waiter, &response, handle));
    api_forget(&waiter);
    api_go_on();
    assert_int_equal(api_late.status, 0);
    assert_int_equal(find("hello", "live")->nr_arms, 1);
    json_decref(lab.document);
    lab.document = NULL;
}

static const char *field(const char *name)
{
    for (int i = 0; i < api_late.nr_fields; i++)
        if (strcmp(api_late.fields[i].name, name) == 0)
            return api_late.fields[i].value;
    return "";
}

/* Tickets are counted through all changes of the alias. */
static void the_answer_names_generation_first_ticket_and_that_it_does_not_last(void **state)
{
    int slot = qsbr_register(fixture.domain);
    struct prng rng;

    (void)state;
    prng_seed(&rng, 1);
    for (int round = 0; round < 5; round++) {
        char expected[32];

        edit(CHANGE_ALIAS, "hello", "live",
             round % 2 ? "{\"weights\": {\"1\": 90, \"2\": 10}}"
                       : "{\"weights\": {\"1\": 80, \"2\": 15, \"3\": 5}}");
        snprintf(expected, sizeof(expected), "%d", round * 1000);
        assert_string_equal(field("x-weir-first-ticket"), expected);
        snprintf(expected, sizeof(expected), "%llu", (unsigned long long)api.table->generation);
        assert_string_equal(field("x-weir-generation"), expected);
        assert_string_equal(field("x-weir-durable"), "no");
        qsbr_online(fixture.domain, slot);
        for (int i = 0; i < 1000; i++)
            assert_true(split_pick(find("hello", "live")->split, &rng) >= 0);
        qsbr_offline(fixture.domain, slot);
    }
    qsbr_unregister(fixture.domain, slot);
}

/* ---- The store ------------------------------------------------------------------------------- */

static int fail_change(struct store *store, const struct store_edit *edits, int nr,
                       store_told *told, void *context)
{
    (void)store;
    (void)edits;
    (void)nr;
    api.told = told;
    api.told_context = context;
    return 0;
}

static void a_change_that_is_not_stored_does_not_come_into_force(void **state)
{
    static const enum store_outcome outcomes[] = {STORE_FAILED, STORE_UNKNOWN};
    static const enum change_status statuses[] = {CHANGE_FAILED, CHANGE_UNKNOWN};
    struct store_ops ops = *api.store->ops;
    const struct store_ops *real = api.store->ops;
    uint64_t generation = api.table->generation;
    char before[CHANGE_REVISION_SIZE], after[CHANGE_REVISION_SIZE];

    (void)state;
    assert_int_equal(change_revision(&api_hooks, CHANGE_ALIAS, STR("hello"), STR("live"), before),
                     0);
    ops.change = fail_change;
    api.store->ops = &ops;
    for (int i = 0; i < 2; i++) {
        api.outcome = outcomes[i];
        assert_int_equal(edit(CHANGE_ALIAS, "hello", "live", "{\"weights\": {\"1\": 100}}"),
                         statuses[i]);
        assert_non_null(strstr(lab.reason, "the disk is full"));
    }
    api.store->ops = real;
    assert_int_equal(change_revision(&api_hooks, CHANGE_ALIAS, STR("hello"), STR("live"), after),
                     0);
    assert_string_equal(before, after);
    assert_int_equal(api.table->generation, generation);
    assert_int_equal(find("hello", "live")->nr_arms, 2);
}

static int setup(void **state)
{
    memset(&lab, 0, sizeof(lab));
    return fixture_setup(state) < 0 ? -1 : api_setup(state);
}

static int teardown(void **state)
{
    return api_teardown(state) < 0 ? -1 : fixture_teardown(state);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(rows_are_stored_with_a_change_and_without_one),
        test(functions_come_change_and_go),
        test(aliases_come_and_go),
        test(what_the_rules_forbid_is_refused_with_its_path),
        test(what_is_not_edited_goes_on),
        test(a_whole_table_is_one_change),
        test(a_revision_that_is_not_the_latest_changes_nothing),
        test(a_reload_holds_up_only_what_must_be_built),
        test(who_goes_away_gets_no_answer_but_the_change),
        test(the_answer_names_generation_first_ticket_and_that_it_does_not_last),
        test(a_change_that_is_not_stored_does_not_come_into_force),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
