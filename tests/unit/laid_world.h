/* For the tests of what lies over the table file: lives of a weir as far as documents go. Each reads
 * a file with the rows that the API has made, and the API makes rows by whole tables. */
#ifndef WEIR_TESTS_UNIT_LAID_WORLD_H
#define WEIR_TESTS_UNIT_LAID_WORLD_H

#include "tests/unit/tabledoc_fixture.h"

#include "conf/jsondoc.h"
#include "conf/tabledoc_diff.h"
#include "conf/tabledoc_merge.h"

#define V "{\"endpoints\": [\"http://h\"]}"

static struct {
    struct overlay *overlay;
    struct table *table;
    struct merge_said *said;
    struct problems problems, changes; /* of the last reading */
    uint32_t nr_lost;
} laid;

/* The file is read, at a start (said is NULL) or a reload. False: problems. */
static inline bool laid_reads(const char *text)
{
    struct tabledoc_merge merge = {
        .base = laid.said, .ours = laid.table, .file = "t.json", .overlay = laid.overlay};
    struct table *table;

    problems_fini(&laid.problems);
    problems_fini(&laid.changes);
    table = tabledoc_take(fixture.registry, laid.table, &merge, text, strlen(text), "t.json",
                          &laid.problems);
    if (table) {
        for (uint32_t i = 0; i < merge.nr_lost; i++)
            overlay_remove(laid.overlay, merge.lost[i]->kind, merge.lost[i]->function,
                           merge.lost[i]->name);
        laid.nr_lost = merge.nr_lost;
        if (merge.theirs) {
            merge_said_free(&laid.said);
            laid.said = merge.theirs;
            merge.theirs = NULL;
        }
        if (laid.table)
            table_unref(&laid.table);
        laid.table = table;
        laid.changes = merge.changes;
        merge.changes = (struct problems){.nr = 0};
    }
    tabledoc_merge_fini(&merge);
    return table != NULL;
}

/* Another life, on the same rows. */
static inline bool laid_starts(const char *text)
{
    merge_said_free(&laid.said);
    if (laid.table)
        fixture_drop(&laid.table);
    return laid_reads(text);
}

/* The API puts a whole table; what it amounts to is in diff, and in the overlay. */
static inline void laid_puts(const char *text, struct tabledoc_diff *diff)
{
    struct problems problems = {0};
    struct table *table = fixture_build(text, laid.table, &problems);
    struct tabledoc_diff_sources sources = {
        .before = laid.table, .after = table, .said = laid.said, .overlay = laid.overlay};

    if (!table)
        fail_msg("%s: %s", problems.list[0].path, problems.list[0].message);
    assert_int_equal(tabledoc_diff_table(diff, &sources), 0);
    for (uint32_t i = 0; i < diff->nr_puts; i++)
        assert_int_equal(overlay_put_take(laid.overlay, overlay_row_ref(diff->puts[i])), 0);
    for (uint32_t i = 0; i < diff->nr_removes; i++)
        overlay_remove(laid.overlay, diff->removes[i]->kind, diff->removes[i]->function,
                       diff->removes[i]->name);
    table_unref(&laid.table);
    laid.table = table;
}

static inline void laid_changes(const char *text)
{
    struct tabledoc_diff diff = {.nr_puts = 0};

    laid_puts(text, &diff);
    tabledoc_diff_fini(&diff);
}

/* The table in force is what this document says; the order of routes counts not. */
static inline void laid_is(const char *text)
{
    char *dump = tabledoc_dump(laid.table);
    json_t *now = json_loads(dump, 0, NULL), *expected = json_loads(text, 0, NULL), *route;
    json_t *routes = json_object_get(now, "routes");
    size_t i, nr = json_array_size(json_object_get(expected, "routes"));

    assert_non_null(expected);
    assert_int_equal(json_array_size(routes), nr);
    json_array_foreach(json_object_get(expected, "routes"), i, route)
    {
        bool is_there = false;

        for (size_t k = 0; k < nr; k++)
            is_there |= json_equal(json_array_get(routes, k), route);
        if (!is_there)
            fail_msg("routes[%zu] of %s is not in %s", i, text, dump);
    }
    json_object_del(now, "routes");
    json_object_del(expected, "routes");
    if (!json_equal(now, expected))
        fail_msg("%s is in force, but should be %s", dump, text);
    json_decref(now);
    json_decref(expected);
    free(dump);
}

static inline int laid_setup(void **state)
{
    memset(&laid, 0, sizeof(laid));
    laid.overlay = overlay_make();
    return fixture_setup(state) < 0 || !laid.overlay ? -1 : 0;
}

static inline int laid_teardown(void **state)
{
    problems_fini(&laid.problems);
    problems_fini(&laid.changes);
    merge_said_free(&laid.said);
    overlay_free(&laid.overlay);
    if (laid.table)
        fixture_drop(&laid.table);
    return fixture_teardown(state);
}

#endif
