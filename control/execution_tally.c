/* Counting executions. */
#include "control/execution_tally.h"

#include <stdlib.h>
#include <string.h>

static struct expose_execution_counts nowhere;

static struct execution_tally *make(const char *machine, const char *alias, const char *version)
{
    struct execution_tally *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->machine = strdup(machine);
    t->alias = strdup(alias);
    t->version = strdup(version);
    if (t->machine && t->alias && t->version)
        return t;
    free(t->machine);
    free(t->alias);
    free(t->version);
    free(t);
    return NULL;
}

struct expose_execution_counts *execution_tally_of(struct execution_tallies *tallies,
                                                   const char *machine, const char *alias,
                                                   const char *version)
{
    struct execution_tally *t;

    for (int i = 0; i < tallies->nr; i++) {
        t = tallies->list[i];
        if (strcmp(t->machine, machine) == 0 && strcmp(t->alias, alias) == 0 &&
            strcmp(t->version, version) == 0)
            return &t->counts;
    }
    if (tallies->nr == tallies->room) {
        int room = tallies->room ? tallies->room * 2 : 8;
        struct execution_tally **list = reallocarray(tallies->list, (size_t)room, sizeof(list[0]));

        if (!list)
            return &nowhere;
        tallies->list = list;
        tallies->room = room;
    }
    t = make(machine, alias, version);
    if (!t)
        return &nowhere;
    tallies->list[tallies->nr++] = t;
    return &t->counts;
}

void execution_tally_close(struct expose_execution_counts *counts,
                           enum store_execution_status status, uint64_t duration_ms, bool is_blamed)
{
    static const uint64_t bounds_ms[EXPOSE_EXECUTION_BUCKETS] = EXPOSE_EXECUTION_BOUNDS_MS;

    if (counts->running > 0)
        counts->running--;
    counts->closed[status - EXECUTION_SUCCEEDED]++;
    counts->duration_ms += duration_ms;
    counts->figures.ended++;
    counts->figures.failed += is_blamed;
    counts->figures.buckets[metrics_bucket(duration_ms * 1000)]++;
    for (int i = 0; i < EXPOSE_EXECUTION_BUCKETS; i++)
        counts->buckets[i] += duration_ms <= bounds_ms[i];
}

struct metrics_figures execution_tally_figures(const struct execution_tallies *tallies,
                                               struct str machine, struct str alias,
                                               struct str version)
{
    for (int i = 0; i < tallies->nr; i++) {
        const struct execution_tally *t = tallies->list[i];

        if (str_eq(str_of(t->machine), machine) && str_eq(str_of(t->alias), alias) &&
            str_eq(str_of(t->version), version))
            return t->counts.figures;
    }
    return (struct metrics_figures){.ended = 0};
}

struct expose_execution_counts *execution_tally_list(const struct execution_tallies *tallies,
                                                     int *nr)
{
    struct expose_execution_counts *list =
        tallies->nr > 0 ? calloc((size_t)tallies->nr, sizeof(list[0])) : NULL;

    *nr = list ? tallies->nr : 0;
    for (int i = 0; i < *nr; i++) {
        const struct execution_tally *t = tallies->list[i];

        list[i] = t->counts;
        list[i].machine = str_of(t->machine);
        list[i].alias = str_of(t->alias);
        list[i].version = str_of(t->version);
    }
    return list;
}

void execution_tally_fini(struct execution_tallies *tallies)
{
    for (int i = 0; i < tallies->nr; i++) {
        free(tallies->list[i]->machine);
        free(tallies->list[i]->alias);
        free(tallies->list[i]->version);
        free(tallies->list[i]);
    }
    free(tallies->list);
    *tallies = (struct execution_tallies){.nr = 0};
}
