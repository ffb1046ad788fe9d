/* Gathering what the exposition shows beside the cells. */
#include "proxy/server/scrape.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "metrics/expose.h"
#include "proxy/upstream/health.h"

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

struct lists {
    struct expose_share *shares;
    struct expose_use *uses;
    struct expose_endpoint *endpoints;
    int nr_shares, nr_uses, nr_endpoints;
};

static void count_all(const struct table *table, struct lists *out)
{
    struct function *const *functions;
    int nr = table_functions(table, &functions);

    for (uint32_t i = 0; i < table->nr_targets; i++)
        if (table_target(table, i)->alias.n > 0)
            out->nr_shares += table_target(table, i)->nr_arms;
    for (int i = 0; i < nr; i++)
        for (int k = 0; k < functions[i]->nr_versions; k++)
            out->nr_endpoints += functions[i]->versions[k].nr_endpoints;
    out->nr_uses = out->nr_endpoints;
}

static void fill_shares(const struct table *table, struct expose_share *share)
{
    for (uint32_t i = 0; i < table->nr_targets; i++) {
        const struct target *target = table_target(table, i);
        for (int k = 0; target->alias.n > 0 && k < target->nr_arms; k++)
            *share++ = (struct expose_share){.series = target->arms[k].series,
                                             .ratio = (double)target->arms[k].weight / SPLIT_ONE};
    }
}

static struct expose_endpoint expose_of(const struct endpoint *endpoint, uint64_t now_ms)
{
    const struct version *v = endpoint->version;
    struct endpoint_health *health = endpoint->health;
    bool is_ejected = atomic_load(&health->ejected_until_ms) > now_ms;

    return (struct expose_endpoint){
        .function = v->function->name,
        .version = v->name,
        .endpoint = str_of(endpoint->url),
        .is_up = !atomic_load(&health->is_down) && !is_ejected,
        .may_be_ejected = v->ejection.is_on,
        .is_ejected = is_ejected,
        .ejections = atomic_load(&health->nr_ejections),
        .checks = health_counts(endpoint),
    };
}

static void fill_endpoints(const struct table *table, struct expose_use *use,
                           struct expose_endpoint *up)
{
    struct function *const *functions;
    int nr = table_functions(table, &functions);
    uint64_t now_ms = clock_ms();

    for (int i = 0; i < nr; i++)
        for (int k = 0; k < functions[i]->nr_versions; k++) {
            const struct version *v = &functions[i]->versions[k];
            for (int e = 0; e < v->nr_endpoints; e++) {
                const struct endpoint *endpoint = &v->endpoints[e];
                *use++ = (struct expose_use){functions[i]->name, v->name, endpoint->origin->id};
                *up++ = expose_of(endpoint, now_ms);
            }
        }
}

char *scrape_page(const struct scrape_sources *sources, size_t *length)
{
    struct lists lists = {0};
    char *page = NULL;

    count_all(sources->table, &lists);
    lists.shares = calloc((size_t)lists.nr_shares + 1, sizeof(*lists.shares));
    lists.uses = calloc((size_t)lists.nr_uses + 1, sizeof(*lists.uses));
    lists.endpoints = calloc((size_t)lists.nr_endpoints + 1, sizeof(*lists.endpoints));
    if (lists.shares && lists.uses && lists.endpoints) {
        fill_shares(sources->table, lists.shares);
        fill_endpoints(sources->table, lists.uses, lists.endpoints);
        struct expose_facts facts = {
            .version = WEIR_VERSION,
            .generation = sources->table->generation,
            .reloads_ok = sources->reloads_ok,
            .reloads_rejected = sources->reloads_rejected,
            .start_time_seconds = sources->start_time_s,
            .access_log_lost = sources->log ? accesslog_lost(sources->log) : 0,
            .process_log_lost = log_lost(),
            .nr_shares = lists.nr_shares,
            .shares = lists.shares,
            .nr_uses = lists.nr_uses,
            .uses = lists.uses,
            .nr_endpoints = lists.nr_endpoints,
            .endpoints = lists.endpoints,
        };
        page = expose_text(sources->metrics, &facts, length);
    }
    free(lists.shares);
    free(lists.uses);
    free(lists.endpoints);
    return page;
}
