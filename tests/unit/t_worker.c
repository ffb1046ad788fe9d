/* What a worker takes of what is in force, also where memory runs out on the way. */
#include "proxy/worker/worker.h"

#include "failmalloc.h"
#include "table_world.h"

/* One worker without a thread. */
struct lab {
    struct world *world;
    struct shared shared;
    struct worker worker;
};

static struct settings *settings_with(const char *header)
{
    struct problems problems = {0};
    char text[128];
    int n = snprintf(text, sizeof(text), "{\"executed_version_header\": \"%s\"}", header);
    struct settings *settings = settings_parse(text, (size_t)n, "s.json", &problems);

    assert_non_null(settings);
    problems_fini(&problems);
    return settings;
}

static void put_settings(struct lab *lab, const char *header)
{
    struct settings *settings = settings_with(header);
    struct tls_server *tls = NULL;

    shared_put_settings(&lab->shared, &settings, &tls);
    if (settings)
        settings_unref(&settings);
}

static void put_table(struct lab *lab, struct table *table)
{
    shared_put_table(&lab->shared, &table);
    if (table)
        table_unref(&table);
}

static struct lab *lab_make(void)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    assert_non_null(lab);
    lab->world = world_make();
    shared_init(&lab->shared);
    lab->shared.qsbr = lab->world->domain;
    lab->shared.metrics = metrics_make(1);
    put_table(lab, build(lab->world, NULL, SPLIT_EXACT, ninety_five));
    put_settings(lab, "x-first");
    assert_int_equal(worker_init(&lab->worker, &lab->shared, 0), 0);
    return lab;
}

static void lab_end(struct lab *lab)
{
    worker_fini(&lab->worker);
    shared_fini(&lab->shared);
    metrics_free(&lab->shared.metrics);
    world_end(lab->world);
    free(lab);
}

static void a_worker_takes_what_is_newer_once(void **state)
{
    struct lab *lab = lab_make();
    struct worker *w = &lab->worker;

    (void)state;
    assert_false(worker_take_table(w));
    assert_false(worker_take_settings(w));
    put_table(lab, build(lab->world, w->lease->table, SPLIT_EXACT, ninety_five));
    put_settings(lab, "x-second");
    assert_true(worker_take_table(w));
    assert_int_equal(w->lease->table->generation, 2);
    assert_true(worker_take_settings(w));
    assert_string_equal(w->tuning->executed_line, "x-second: ");
    assert_false(worker_take_table(w));
    assert_false(worker_take_settings(w));
    lab_end(lab);
}

/* B17: the serial was stored before what can fail, and the old settings stayed until the next reload. */
static void settings_for_which_there_was_no_memory_are_taken_by_the_next_call(void **state)
{
    failmalloc_skip();
    struct lab *lab = lab_make();
    struct worker *w = &lab->worker;
    bool has_failed = true;

    (void)state;
    for (long n = 1; has_failed; n++) {
        put_settings(lab, n % 2 ? "x-odd" : "x-even");
        failmalloc_arm(n);
        bool is_taken = worker_take_settings(w);
        has_failed = failmalloc_disarm();
        assert_true(is_taken || has_failed);
        if (!is_taken)
            assert_true(worker_take_settings(w));
        assert_string_equal(w->tuning->executed_line, n % 2 ? "x-odd: " : "x-even: ");
    }
    lab_end(lab);
}

static void a_table_for_which_there_was_no_memory_is_taken_by_the_next_call(void **state)
{
    failmalloc_skip();
    struct lab *lab = lab_make();
    struct worker *w = &lab->worker;

    (void)state;
    put_table(lab, build(lab->world, w->lease->table, SPLIT_EXACT, ninety_five));
    failmalloc_arm(1);
    assert_false(worker_take_table(w));
    assert_true(failmalloc_disarm());
    assert_int_equal(w->lease->table->generation, 1);
    assert_true(worker_take_table(w));
    assert_int_equal(w->lease->table->generation, 2);
    lab_end(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_takes_what_is_newer_once),
        cmocka_unit_test(settings_for_which_there_was_no_memory_are_taken_by_the_next_call),
        cmocka_unit_test(a_table_for_which_there_was_no_memory_is_taken_by_the_next_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
