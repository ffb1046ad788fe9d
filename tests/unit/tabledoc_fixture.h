/* For the tests of the table document: a registry whose counters' numbers are counted, building a
 * table from text, and looking for a problem among all that a document has. */
#ifndef WEIR_TESTS_UNIT_TABLEDOC_FIXTURE_H
#define WEIR_TESTS_UNIT_TABLEDOC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/qsbr.h"
#include "conf/tabledoc.h"

static struct {
    struct qsbr *domain;
    struct registry *registry;
    long nr_series; /* given and not released */
} fixture;

static uint32_t fixture_get_series(void *context, struct str function, struct str alias,
                                   struct str version)
{
    (void)context;
    (void)function;
    (void)alias;
    (void)version;
    return (uint32_t)fixture.nr_series++;
}

static void fixture_release_series(void *context, uint32_t series)
{
    (void)context;
    (void)series;
    fixture.nr_series--;
}

static inline int fixture_setup(void **state)
{
    struct series_hooks hooks = {fixture_get_series, fixture_release_series, NULL};

    (void)state;
    fixture.domain = qsbr_make();
    fixture.registry = fixture.domain ? registry_make(fixture.domain, hooks, 1) : NULL;
    return fixture.registry ? 0 : -1;
}

static inline int fixture_teardown(void **state)
{
    (void)state;
    qsbr_reclaim(fixture.domain);
    registry_free(&fixture.registry);
    qsbr_free(&fixture.domain);
    return fixture.nr_series == 0 ? 0 : -1;
}

/* Frees what a table and its splits have retired. */
static inline void fixture_drop(struct table **table)
{
    table_unref(table);
    for (int i = 0; i < 10 && qsbr_reclaim(fixture.domain) > 0; i++)
        continue;
}

static inline struct table *fixture_build(const char *text, struct table *previous,
                                          struct problems *problems)
{
    return tabledoc_build(fixture.registry, previous, text, strlen(text), "t.json", problems);
}

static inline struct table *fixture_good(const char *text)
{
    struct problems problems = {0};
    struct table *table = fixture_build(text, NULL, &problems);

    if (!table)
        fail_msg("%s: %s", problems.list[0].path, problems.list[0].message);
    assert_int_equal(problems_count(&problems), 0);
    return table;
}

struct fixture_bad {
    const char *text, *code, *path, *part;
};

/* The document is refused with such a problem. nr: of all its problems; 0: any number. */
static inline void fixture_expect(const struct fixture_bad *bad, size_t nr)
{
    struct problems problems = {0};
    struct table *table = fixture_build(bad->text, NULL, &problems);
    bool is_found = false;

    if (table)
        fail_msg("accepted: %s", bad->text);
    for (size_t i = 0; i < problems.nr && !is_found; i++)
        is_found = strcmp(problems.list[i].code, bad->code) == 0 &&
                   strcmp(problems.list[i].path, bad->path) == 0 &&
                   strcmp(problems.list[i].file, "t.json") == 0 &&
                   strstr(problems.list[i].message, bad->part);
    if (!is_found || (nr > 0 && problems.nr != nr)) {
        for (size_t i = 0; i < problems.nr; i++)
            print_error("%s: %s [%s]\n", problems.list[i].path, problems.list[i].message,
                        problems.list[i].code);
        fail_msg("%s: no problem %s at %s with \"%s\" (and no other)", bad->text, bad->code,
                 bad->path, bad->part);
    }
    problems_fini(&problems);
}

#endif
