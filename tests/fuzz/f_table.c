/* Table documents: refused with reasons, or built, written out, read again and written out to the
 * same text. */
#include <string.h>

#include "base/qsbr.h"
#include "conf/tabledoc.h"
#include "tests/fuzz/fuzz.h"

static uint32_t get_series(void *context, struct str function, struct str alias, struct str version)
{
    int *nr = context;

    (void)function;
    (void)alias;
    (void)version;
    return (uint32_t)(*nr)++;
}

static void release_series(void *context, uint32_t series)
{
    int *nr = context;

    (void)series;
    (*nr)--;
}

/* Every problem has what people and programs need. */
static void check_problems(struct problems *problems)
{
    for (size_t i = 0; i < problems->nr; i++) {
        const struct problem *p = &problems->list[i];
        FUZZ_CHECK(p->code[0] != '\0' && p->path[0] == '$' && p->message[0] != '\0');
        char *line = problems_line(p);
        FUZZ_CHECK(line && strstr(line, p->code) && !strchr(line, '\n'));
        free(line);
    }
    problems_fini(problems);
}

/* Every target has its split, and every route leads to the target that table_find names. */
static void check_table(const struct table *table)
{
    const struct route *routes;
    int nr = table_routes(table, &routes);

    for (int i = 0; i < nr; i++) {
        struct target *target = table_target(table, routes[i].target);
        bool is_suffix = routes[i].host.n > 0 && routes[i].host.p[0] == '*';
        FUZZ_CHECK(table_find(table, target->function->name, routes[i].qualifier, NULL) == target);
        FUZZ_CHECK(is_suffix || table_route(table, routes[i].host, routes[i].path) == &routes[i]);
    }
    for (uint32_t i = 0; i < table->nr_targets; i++) {
        const struct target *target = table_target(table, i);
        uint64_t sum = 0;
        for (int k = 0; k < target->nr_arms; k++)
            sum += target->arms[k].weight;
        FUZZ_CHECK(target->nr_arms >= 1 && (target->alias.n == 0 || sum == SPLIT_ONE));
    }
}

static void round_trip(struct registry *registry, struct table *table, const char *file)
{
    struct problems problems = {0};
    char *first = tabledoc_dump(table);

    FUZZ_CHECK(first);
    struct table *again = tabledoc_build(registry, table, first, strlen(first), file, &problems);
    FUZZ_CHECK(again && problems_count(&problems) == 0);
    FUZZ_CHECK(table_open(again) == 0);
    FUZZ_CHECK(again->nr_targets == table->nr_targets && again->nr_changed == 0);
    char *second = tabledoc_dump(again);
    FUZZ_CHECK(second && strcmp(first, second) == 0);
    free(first);
    free(second);
    table_unref(&again);
}

int fuzz_table(const uint8_t *data, size_t n)
{
    int nr_series = 0;
    struct series_hooks hooks = {get_series, release_series, &nr_series};
    struct qsbr *domain = qsbr_make();
    struct registry *registry = domain ? registry_make(domain, hooks, 1) : NULL;
    struct problems problems = {0};
    char *text = fuzz_text(data, n);

    FUZZ_CHECK(registry);
    struct table *table = tabledoc_build(registry, NULL, text, n, "table.json", &problems);
    FUZZ_CHECK((table != NULL) == (problems_count(&problems) == 0));
    if (table) {
        check_table(table);
        round_trip(registry, table, "dump.json");
        table_unref(&table);
    }
    check_problems(&problems);
    while (qsbr_reclaim(domain) > 0)
        continue;
    registry_free(&registry);
    qsbr_free(&domain);
    FUZZ_CHECK(nr_series == 0);
    free(text);
    return 0;
}
