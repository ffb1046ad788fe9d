/* The exposition: sums the workers' cells and prints one family of samples after the other.
 *
 * Workers go on counting meanwhile; every number is read once, so that what belongs together (a
 * histogram and its count) agrees. The series are locked for a few of them at a time. A series without traffic has no cells and is printed only where
 * the caller gives it a share, with a zero. */
#include "metrics/expose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "metrics/page.h"
#include "metrics/process.h"
#include "metrics/series.h"

/* A cell is nothing but numbers, so cells are added up as arrays. */
enum { CELL_NUMBERS = sizeof(struct metrics_cell) / sizeof(struct metrics_number) };

/* Where a member is in such an array. */
#define NUMBER_OF(member) (offsetof(struct metrics_cell, member) / sizeof(struct metrics_number))

struct sums {
    uint32_t series;
    size_t labels_at; /* in the scrape's labels */
    size_t labels_n;
    uint64_t numbers[CELL_NUMBERS];
};

struct scrape {
    struct page page;
    struct metrics *metrics;
    const struct expose_facts *facts;
    int nr_workers;
    uint32_t nr_sums;
    struct sums *sums;  /* of every series that has traffic */
    struct page labels; /* of these, one behind the other */
    uint32_t nr_series; /* all numbers of series that are shown are below it */
    bool *is_shown;     /* by series: its line of the family at hand was printed */
};

static const char *const class_labels[6] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

static const char *const state_labels[METRICS_CONNECTION_STATE_COUNT] = {
    [METRICS_CONNECTING] = "connecting",
    [METRICS_ACTIVE] = "active",
    [METRICS_IDLE] = "idle",
};

/* ---- Lines ----------------------------------------------------------------------------------- */

static void put(struct scrape *s, const char *z)
{
    page_put(&s->page, str_of(z));
}

static void begin_family(struct scrape *s, const char *name, const char *type, const char *help)
{
    put(s, "# HELP ");
    put(s, name);
    put(s, " ");
    put(s, help);
    put(s, "\n# TYPE ");
    put(s, name);
    put(s, " ");
    put(s, type);
    put(s, "\n");
}

/* A sample is put(name), its labels, end_line. */
static void end_line(struct scrape *s, uint64_t value)
{
    page_put_char(&s->page, ' ');
    page_put_u64(&s->page, value);
    page_put_char(&s->page, '\n');
}

static void end_line_scaled(struct scrape *s, uint64_t value, int places)
{
    page_put_char(&s->page, ' ');
    page_put_scaled(&s->page, value, places);
    page_put_char(&s->page, '\n');
}

static void put_label(struct scrape *s, const char *before, const char *name, struct str value)
{
    put(s, before);
    page_put_label(&s->page, str_of(name), value);
}

/* name{function="",alias="",version="" without the brace that closes. */
static void put_series(struct scrape *s, const char *name, uint32_t series)
{
    put(s, name);
    page_put_char(&s->page, '{');
    series_put_labels(metrics_lock_series(s->metrics), series, &s->page);
    metrics_unlock_series(s->metrics);
}

/* The same of one that has traffic, whose labels are known. */
static void put_counted(struct scrape *s, const char *name, const struct sums *sums)
{
    put(s, name);
    page_put_char(&s->page, '{');
    page_put(&s->page, (struct str){s->labels.p + sums->labels_at, sums->labels_n});
}

static void put_one(struct scrape *s, const char *name, const char *type, const char *help,
                    uint64_t value)
{
    begin_family(s, name, type, help);
    put(s, name);
    end_line(s, value);
}

/* ---- Sums ------------------------------------------------------------------------------------ */

static void add_up(struct scrape *s, struct sums *sums)
{
    for (int i = 0; i < s->nr_workers; i++) {
        struct metrics_worker *worker = metrics_worker(s->metrics, i);
        struct metrics_number *cell = metrics_slots_find(&worker->cells, sums->series);

        if (!cell)
            continue;
        /* Backwards, so that picks are read after what ended: never fewer than it. */
        for (int k = CELL_NUMBERS - 1; k >= 0; k--)
            sums->numbers[k] += metrics_read(&cell[k]);
    }
}

/* Of the series that are there now, nr of them counted. Others may come and go meanwhile. */
static void take_sums(struct scrape *s, const struct series *series, uint32_t nr)
{
    for (uint32_t i = series_next_counted(series, 0); i < s->nr_series && s->nr_sums < nr;
         i = series_next_counted(series, i + 1)) {
        struct sums *sums = &s->sums[s->nr_sums++];

        sums->series = i;
        sums->labels_at = s->labels.n;
        series_put_labels(series, i, &s->labels);
        sums->labels_n = s->labels.n - sums->labels_at;
        add_up(s, sums);
        if (s->nr_sums % METRICS_STRIDE == 0)
            metrics_yield_series(s->metrics);
    }
}

static int make_sums(struct scrape *s)
{
    const struct series *series = metrics_lock_series(s->metrics);
    uint32_t nr = 0;

    for (uint32_t i = series_next_counted(series, 0); i != SERIES_NONE;
         i = series_next_counted(series, i + 1))
        nr++;
    s->nr_series = series_end(series);
    s->sums = calloc((size_t)nr + 1, sizeof(*s->sums));
    s->is_shown = calloc((size_t)s->nr_series + 1, sizeof(*s->is_shown));
    if (s->sums && s->is_shown)
        take_sums(s, series, nr);
    metrics_unlock_series(s->metrics);
    return s->sums && s->is_shown && !s->labels.is_short ? 0 : -1;
}

/* Marks a share's series as printed; false where it was already, or has no number. */
static bool show_share(struct scrape *s, const struct expose_share *share)
{
    if (share->series >= s->nr_series || s->is_shown[share->series])
        return false;
    s->is_shown[share->series] = true;
    return true;
}

static void show_nothing(struct scrape *s)
{
    memset(s->is_shown, 0, s->nr_series * sizeof(*s->is_shown));
}

/* ---- Families of the series ------------------------------------------------------------------ */

static void put_picks(struct scrape *s)
{
    static const char name[] = "weir_invocations_total";

    begin_family(s, name, "counter", "Invocations for which this version was picked.");
    show_nothing(s);
    for (uint32_t i = 0; i < s->nr_sums; i++) {
        put_counted(s, name, &s->sums[i]);
        put(s, "}");
        end_line(s, s->sums[i].numbers[NUMBER_OF(picks)]);
        s->is_shown[s->sums[i].series] = true;
    }
    for (int i = 0; i < s->facts->nr_shares; i++) {
        if (!show_share(s, &s->facts->shares[i]))
            continue;
        put_series(s, name, s->facts->shares[i].series);
        put(s, "}");
        end_line(s, 0);
    }
}

static void put_weights(struct scrape *s)
{
    static const char name[] = "weir_alias_weight_ratio";

    begin_family(s, name, "gauge", "The version's configured share of the alias, 0 to 1.");
    show_nothing(s);
    for (int i = 0; i < s->facts->nr_shares; i++) {
        const struct expose_share *share = &s->facts->shares[i];

        if (!show_share(s, share))
            continue;
        put_series(s, name, share->series);
        put(s, "}");
        end_line_scaled(s, (uint64_t)(share->ratio * 1e9 + 0.5), 9);
    }
}

/* Six digits, as a double can have them. */
static void put_evalues(struct scrape *s)
{
    static const char name[] = "weir_split_evalue";
    const double log_max = 700;

    begin_family(s, name, "gauge",
                 "Evidence that endpoints do not answer as the alias' weights say: 1 is none, 1000 "
                 "is an alarm.");
    for (int i = 0; i < s->facts->nr_evalues; i++) {
        const struct expose_evalue *e = &s->facts->evalues[i];
        double log_evalue = e->log_evalue < log_max ? e->log_evalue : log_max;
        char text[40];

        put(s, name);
        put_label(s, "{", "function", e->function);
        put_label(s, ",", "alias", e->alias);
        snprintf(text, sizeof(text), "} %.6g\n", exp(log_evalue));
        put(s, text);
    }
}

static void put_ward(struct scrape *s, const char *name, const struct expose_ward *ward)
{
    put(s, name);
    put_label(s, "{", "function", ward->function);
    put_label(s, ",", "alias", ward->alias);
    put_label(s, ",", "version", ward->version);
    put(s, "}");
}

static void put_budgets(struct scrape *s)
{
    static const char name[] = "weir_budget_left";

    begin_family(s, name, "gauge", "Invocations of this version that may still fail.");
    for (int i = 0; i < s->facts->nr_wards; i++) {
        const struct expose_ward *ward = &s->facts->wards[i];

        if (!ward->has_budget)
            continue;
        put_ward(s, name, ward);
        end_line(s, ward->left);
    }
}

/* Six digits, as far as a double goes. */
static void put_guards(struct scrape *s)
{
    static const char name[] = "weir_guard_evalue";
    const double log_max = 700;

    begin_family(
        s, name, "gauge",
        "Evidence that this version fails more often than the first one: 1 is none, 1/alpha "
        "takes it back.");
    for (int i = 0; i < s->facts->nr_wards; i++) {
        const struct expose_ward *ward = &s->facts->wards[i];
        char text[32];

        if (!ward->has_guard)
            continue;
        put_ward(s, name, ward);
        snprintf(text, sizeof(text), " %.6g\n", exp(fmin(ward->log_evalue, log_max)));
        put(s, text);
    }
}

static void put_in_flight(struct scrape *s)
{
    static const char name[] = "weir_invocations_in_flight";

    begin_family(s, name, "gauge", "Invocations and events' attempts that run on this version.");
    for (uint32_t i = 0; i < s->nr_sums; i++) {
        const uint64_t *numbers = s->sums[i].numbers;
        uint64_t begun = numbers[NUMBER_OF(picks)] + numbers[NUMBER_OF(attempts)] +
                         numbers[NUMBER_OF(repeats)],
                 ended = numbers[NUMBER_OF(ended)];

        put_counted(s, name, &s->sums[i]);
        put(s, "}");
        end_line(s, begun > ended ? begun - ended : 0);
    }
}

/* A counter with one more label whose values are known: those from first_always on are printed with
 * their zeros, too. */
static void put_labelled(struct scrape *s, const char *name, const char *label,
                         const char *const *values, size_t nr, size_t first_always,
                         size_t first_number)
{
    for (uint32_t i = 0; i < s->nr_sums; i++) {
        for (size_t k = 0; k < nr; k++) {
            uint64_t n = s->sums[i].numbers[first_number + k];

            if (n == 0 && k < first_always)
                continue;
            put_counted(s, name, &s->sums[i]);
            put_label(s, ",", label, str_of(values[k]));
            put(s, "}");
            end_line(s, n);
        }
    }
}

static void put_results(struct scrape *s)
{
    begin_family(s, "weir_responses_total", "counter",
                 "Invocations that ended, by the class of the status sent to the client; none: no "
                 "response was sent.");
    put_labelled(s, "weir_responses_total", "code", class_labels, 6, 2, NUMBER_OF(responses));
    begin_family(s, "weir_errors_total", "counter",
                 "Invocations that failed in weir or for want of a whole response, by reason.");
    put_labelled(s, "weir_errors_total", "reason", metrics_error_labels, METRICS_ERROR_COUNT,
                 METRICS_ERROR_COUNT, NUMBER_OF(errors));
}

static void put_counter(struct scrape *s, const char *name, const char *help, size_t number)
{
    begin_family(s, name, "counter", help);
    for (uint32_t i = 0; i < s->nr_sums; i++) {
        put_counted(s, name, &s->sums[i]);
        put(s, "}");
        end_line(s, s->sums[i].numbers[number]);
    }
}

/* The same of what most series never have: those alone that do. */
static void put_rare(struct scrape *s, const char *name, const char *help, size_t number)
{
    begin_family(s, name, "counter", help);
    for (uint32_t i = 0; i < s->nr_sums; i++) {
        if (s->sums[i].numbers[number] == 0)
            continue;
        put_counted(s, name, &s->sums[i]);
        put(s, "}");
        end_line(s, s->sums[i].numbers[number]);
    }
}

static void put_histogram(struct scrape *s, const struct sums *sums)
{
    const uint64_t *buckets = &sums->numbers[NUMBER_OF(buckets)];
    uint64_t count = 0;

    for (int k = 0; k < METRICS_BUCKET_COUNT; k++) {
        count += buckets[k];
        put_counted(s, "weir_invocation_duration_seconds_bucket", sums);
        put(s, ",le=\"");
        if (k == METRICS_BUCKET_COUNT - 1)
            put(s, "+Inf");
        else
            page_put_scaled(&s->page, metrics_bucket_bounds[k], 6);
        put(s, "\"}");
        end_line(s, count);
    }
    put_counted(s, "weir_invocation_duration_seconds_sum", sums);
    put(s, "}");
    end_line_scaled(s, sums->numbers[NUMBER_OF(duration_us)], 6);
    put_counted(s, "weir_invocation_duration_seconds_count", sums);
    put(s, "}");
    end_line(s, count);
}

static void put_series_families(struct scrape *s)
{
    put_picks(s);
    put_weights(s);
    put_evalues(s);
    put_budgets(s);
    put_guards(s);
    put_in_flight(s);
    put_results(s);
    put_counter(s, "weir_upstream_retries_total",
                "Further attempts after a failed one, on the same version.", NUMBER_OF(retries));
    put_counter(s, "weir_event_attempts_total", "Attempts to run events on this version.",
                NUMBER_OF(attempts));
    put_counter(s, "weir_repeated_invocations_total",
                "Further attempts of calls by their clients, on the version of the first.",
                NUMBER_OF(repeats));
    put_counter(s, "weir_failover_invocations_total",
                "Invocations that ran here although another version was picked.", NUMBER_OF(runs));
    put_rare(s, "weir_pinned_total", "Invocations that ran this version because of a pin.",
             NUMBER_OF(pinned));
    put_rare(s, "weir_overrides_total", "Invocations that ran this version because of an override.",
             NUMBER_OF(overrides));
    put_counter(
        s, "weir_budget_deferred_total",
        "Invocations that ran on the first version, as this one had no failure left to risk.",
        NUMBER_OF(deferred));
    begin_family(s, "weir_invocation_duration_seconds", "histogram",
                 "From the first byte of the request to the last byte of the response.");
    for (uint32_t i = 0; i < s->nr_sums; i++)
        put_histogram(s, &s->sums[i]);
}

/* ---- Families of the upstream side ----------------------------------------------------------- */

/* Adds a pool's connections by state, over all workers; false where no worker has the pool. */
static bool add_pool(struct scrape *s, uint32_t origin, uint64_t *states)
{
    bool is_known = false;

    for (int i = 0; i < s->nr_workers; i++) {
        struct metrics_worker *worker = metrics_worker(s->metrics, i);
        struct metrics_pool_cell *pool = metrics_slots_find(&worker->pools, origin);

        if (!pool)
            continue;
        is_known = true;
        for (int k = 0; k < METRICS_CONNECTION_STATE_COUNT; k++)
            states[k] += metrics_read(&pool->connections[k]);
    }
    return is_known;
}

static bool is_same_version(const struct expose_use *a, const struct expose_use *b)
{
    return str_eq(a->function, b->function) && str_eq(a->version, b->version);
}

static bool is_repeated(const struct expose_use *first, const struct expose_use *use)
{
    for (const struct expose_use *u = first; u < use; u++)
        if (u->origin == use->origin)
            return true;
    return false;
}

/* The pools of one version, whose uses begin at index first; returns where the next version's
 * begin. */
static int put_pools(struct scrape *s, int first)
{
    const struct expose_use *uses = s->facts->uses;
    uint64_t states[METRICS_CONNECTION_STATE_COUNT] = {0};
    bool is_known = false;
    int i;

    for (i = first; i < s->facts->nr_uses && is_same_version(&uses[first], &uses[i]); i++)
        if (!is_repeated(&uses[first], &uses[i]) && add_pool(s, uses[i].origin, states))
            is_known = true;
    for (int k = 0; is_known && k < METRICS_CONNECTION_STATE_COUNT; k++) {
        put(s, "weir_upstream_connections");
        put_label(s, "{", "function", uses[first].function);
        put_label(s, ",", "version", uses[first].version);
        put_label(s, ",", "state", str_of(state_labels[k]));
        put(s, "}");
        end_line(s, states[k]);
    }
    return i;
}

static uint64_t sum_opened(struct scrape *s)
{
    uint64_t sum = 0;

    for (int i = 0; i < s->nr_workers; i++) {
        struct metrics_slots *pools = &metrics_worker(s->metrics, i)->pools;

        for (int k = 0; k < METRICS_CHUNK_COUNT; k++) {
            struct metrics_slot *chunk =
                atomic_load_explicit(&pools->chunks[k], memory_order_acquire);

            for (size_t n = 0; chunk && n < (size_t)METRICS_CHUNK_MIN << k; n++) {
                struct metrics_pool_cell *pool =
                    atomic_load_explicit(&chunk[n].cell, memory_order_acquire);

                sum += pool ? metrics_read(&pool->opened) : 0;
            }
        }
    }
    return sum;
}

static void put_upstream_families(struct scrape *s)
{
    begin_family(s, "weir_upstream_connections", "gauge",
                 "Connections to the version's endpoints, by state; an address shared by versions "
                 "counts for each.");
    for (int i = 0; i < s->facts->nr_uses;)
        i = put_pools(s, i);
    put_one(s, "weir_upstream_connections_opened_total", "counter",
            "Connections that were opened to endpoints.", sum_opened(s));
}

/* ---- Families of the endpoints --------------------------------------------------------------- */

/* As put_series: without the brace that closes. */
static void put_endpoint(struct scrape *s, const char *name, const struct expose_endpoint *e)
{
    put(s, name);
    put_label(s, "{", "function", e->function);
    put_label(s, ",", "version", e->version);
    put_label(s, ",", "endpoint", e->endpoint);
}

/* The good ones also at zero, the others from the first on. */
static void put_checks(struct scrape *s, const struct expose_endpoint *e)
{
    for (int k = 0; e->checks && k < METRICS_CHECK_COUNT; k++) {
        if (e->checks[k] == 0 && k != METRICS_CHECK_OK)
            continue;
        put_endpoint(s, "weir_health_checks_total", e);
        put_label(s, ",", "result", str_of(metrics_check_labels[k]));
        put(s, "}");
        end_line(s, e->checks[k]);
    }
}

static void put_ejections(struct scrape *s)
{
    const struct expose_endpoint *endpoints = s->facts->endpoints;

    begin_family(s, "weir_endpoint_ejected", "gauge",
                 "1 while the endpoint is ejected for its errors, where the version has ejection.");
    for (int i = 0; i < s->facts->nr_endpoints; i++) {
        if (!endpoints[i].may_be_ejected)
            continue;
        put_endpoint(s, "weir_endpoint_ejected", &endpoints[i]);
        put(s, "}");
        end_line(s, endpoints[i].is_ejected);
    }
    begin_family(s, "weir_ejections_total", "counter",
                 "Times the endpoint was ejected for its errors.");
    for (int i = 0; i < s->facts->nr_endpoints; i++) {
        if (!endpoints[i].may_be_ejected)
            continue;
        put_endpoint(s, "weir_ejections_total", &endpoints[i]);
        put(s, "}");
        end_line(s, endpoints[i].ejections);
    }
}

static void put_endpoint_families(struct scrape *s)
{
    begin_family(s, "weir_endpoint_up", "gauge",
                 "1 where the endpoint gets invocations, 0 where it is down or ejected.");
    for (int i = 0; i < s->facts->nr_endpoints; i++) {
        put_endpoint(s, "weir_endpoint_up", &s->facts->endpoints[i]);
        put(s, "}");
        end_line(s, s->facts->endpoints[i].is_up);
    }
    begin_family(s, "weir_health_checks_total", "counter",
                 "Health checks that have ended, by result.");
    for (int i = 0; i < s->facts->nr_endpoints; i++)
        put_checks(s, &s->facts->endpoints[i]);
    put_ejections(s);
}

/* ---- Families of events ---------------------------------------------------------------------- */

static const struct {
    const char *name, *help;
    size_t offset;
} event_families[] = {
    {"weir_events_accepted_total", "Events that were accepted.",
     offsetof(struct expose_event_counts, accepted)},
    {"weir_events_delivered_total", "Events that ran without an error.",
     offsetof(struct expose_event_counts, delivered)},
    {"weir_events_retried_total", "Attempts to run events that another one follows.",
     offsetof(struct expose_event_counts, retried)},
    {"weir_events_dead_letters_total", "Dead letters that were delivered.",
     offsetof(struct expose_event_counts, dead_letters)},
};

static const char *const drop_labels[EXPOSE_DROP_COUNT] = {
#define X(name, label, help) label,
    EXPOSE_EVENT_DROPS(X)
#undef X
};

static void put_drops(struct scrape *s)
{
    begin_family(s, "weir_events_dropped_total", "counter",
                 "Events that were given up and that no dead letter tells of, by reason.");
    for (int i = 0; i < s->facts->nr_event_counts; i++) {
        const struct expose_event_counts *counts = &s->facts->event_counts[i];

        for (int k = 0; k < EXPOSE_DROP_COUNT; k++) {
            put(s, "weir_events_dropped_total");
            put_label(s, "{", "function", counts->function);
            put_label(s, ",", "reason", str_of(drop_labels[k]));
            put(s, "}");
            end_line(s, counts->dropped[k]);
        }
    }
}

static void put_event_families(struct scrape *s)
{
    put_one(s, "weir_events_queued", "gauge",
            "Events that were accepted and are not over, dead letters included.",
            s->facts->events_queued);
    begin_family(s, "weir_events_oldest_age_seconds", "gauge",
                 "Since when the oldest of them waits; 0: there is none.");
    put(s, "weir_events_oldest_age_seconds");
    end_line_scaled(s, s->facts->events_oldest_age_ms, 3);
    for (size_t k = 0; k < sizeof(event_families) / sizeof(event_families[0]); k++) {
        begin_family(s, event_families[k].name, "counter", event_families[k].help);
        for (int i = 0; i < s->facts->nr_event_counts; i++) {
            const char *counts = (const char *)&s->facts->event_counts[i];

            put(s, event_families[k].name);
            put_label(s, "{", "function", s->facts->event_counts[i].function);
            put(s, "}");
            end_line(s, *(const uint64_t *)(const void *)(counts + event_families[k].offset));
        }
    }
    put_drops(s);
}

static void put_deployments(struct scrape *s)
{
    static const char name[] = "weir_deployments_total";

    begin_family(s, name, "counter", "Deployments that ended, by the status in which they did.");
    for (int i = 0; i < s->facts->nr_deployment_counts; i++) {
        const struct expose_deployment_counts *counts = &s->facts->deployment_counts[i];
        const struct {
            struct str status;
            uint64_t n;
        } lines[] = {{STR("Succeeded"), counts->succeeded},
                     {STR("Failed"), counts->failed},
                     {STR("Stopped"), counts->stopped}};

        for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
            put(s, name);
            put_label(s, "{", "function", counts->function);
            put_label(s, ",", "alias", counts->alias);
            put_label(s, ",", "status", lines[k].status);
            put(s, "}");
            end_line(s, lines[k].n);
        }
    }
}

static void put_alarms(struct scrape *s)
{
    begin_family(s, "weir_alarm_state", "gauge", "1: the alarm fires.");
    for (int i = 0; i < s->facts->nr_alarms; i++) {
        put(s, "weir_alarm_state");
        put_label(s, "{", "alarm", s->facts->alarms[i].name);
        put(s, "}");
        end_line(s, s->facts->alarms[i].is_firing);
    }
}

/* ---- Families of the workers and the process ------------------------------------------------- */

static const struct {
    const char *name, *type, *help;
    size_t offset;
} worker_families[] = {
#define X(member, name, type, help) {name, type, help, offsetof(struct metrics_worker, member)},
    X(client_connections, "weir_client_connections", "gauge", "Client connections open now.") X(
        client_connections_accepted, "weir_client_connections_accepted_total", "counter",
        "Client connections that were accepted.") X(requests, "weir_requests_total", "counter",
                                                    "Request heads that were read whole.")
        X(upgrades_open, "weir_upgraded_connections", "gauge",
          "Upgraded connections (WebSocket and others) open now.")
            X(upgrades, "weir_upgrades_total", "counter", "Connections that were upgraded.")
                X(uncounted, "weir_uncounted_total", "counter",
                  "Times an invocation or a connection went uncounted because memory had run out.")
#undef X
};

static uint64_t sum_workers(struct scrape *s, size_t offset)
{
    uint64_t sum = 0;

    for (int i = 0; i < s->nr_workers; i++) {
        const char *worker = (const char *)metrics_worker(s->metrics, i);

        sum += metrics_read((const struct metrics_number *)(worker + offset));
    }
    return sum;
}

static void put_worker_families(struct scrape *s)
{
    for (size_t i = 0; i < sizeof(worker_families) / sizeof(worker_families[0]); i++)
        put_one(s, worker_families[i].name, worker_families[i].type, worker_families[i].help,
                sum_workers(s, worker_families[i].offset));
    begin_family(s, "weir_rejected_requests_total", "counter",
                 "Requests that were refused before they became an invocation, by reason.");
    for (size_t i = 0; i < METRICS_REJECTION_COUNT; i++) {
        put(s, "weir_rejected_requests_total");
        put_label(s, "{", "reason", str_of(metrics_rejection_labels[i]));
        put(s, "}");
        end_line(s, sum_workers(s, offsetof(struct metrics_worker, rejections) +
                                       i * sizeof(struct metrics_number)));
    }
}

static void put_weir_families(struct scrape *s)
{
    const struct expose_facts *facts = s->facts;

    begin_family(s, "weir_build_info", "gauge", "1, with the program's version as a label.");
    put(s, "weir_build_info");
    put_label(s, "{", "version", str_of(facts->version));
    put(s, "}");
    end_line(s, 1);
    put_one(s, "weir_workers", "gauge", "Worker threads.", (uint64_t)s->nr_workers);
    put_one(s, "weir_table_generation", "gauge",
            "Number of the table in force; grows with every change.", facts->generation);
    begin_family(s, "weir_table_reloads_total", "counter",
                 "Attempts to put a new table in force, by result.");
    put(s, "weir_table_reloads_total{result=\"ok\"}");
    end_line(s, facts->reloads_ok);
    put(s, "weir_table_reloads_total{result=\"rejected\"}");
    end_line(s, facts->reloads_rejected);
    put_one(s, "weir_access_log_lost_lines_total", "counter",
            "Lines of the access log that found no room or could not be written.",
            facts->access_log_lost);
    put_one(s, "weir_log_lost_lines_total", "counter",
            "Lines of the process log that standard error did not take.", facts->process_log_lost);
}

static void put_fact(struct scrape *s, const char *name, const char *type, const char *help,
                     int64_t value, int places)
{
    if (value < 0)
        return;
    begin_family(s, name, type, help);
    put(s, name);
    end_line_scaled(s, (uint64_t)value, places);
}

static void put_process_families(struct scrape *s)
{
    struct process_facts p;

    process_read(&p);
    put_fact(s, "process_cpu_seconds_total", "counter", "User and system CPU time.", p.cpu_us, 6);
    put_fact(s, "process_virtual_memory_bytes", "gauge", "Virtual memory.", p.virtual_bytes, 0);
    put_fact(s, "process_resident_memory_bytes", "gauge", "Resident memory.", p.resident_bytes, 0);
    put_fact(s, "process_open_fds", "gauge", "Open file descriptors.", p.open_fds, 0);
    put_fact(s, "process_max_fds", "gauge", "Limit on open file descriptors.", p.max_fds, 0);
    put_fact(s, "process_threads", "gauge", "Threads.", p.threads, 0);
    put_fact(s, "process_start_time_seconds", "gauge", "When the process began, in Unix time.",
             (int64_t)(s->facts->start_time_seconds * 1e3), 3);
}

char *expose_text(struct metrics *metrics, const struct expose_facts *facts, size_t *length)
{
    struct scrape s = {
        .metrics = metrics,
        .facts = facts,
        .nr_workers = metrics_nr_workers(metrics),
    };

    if (make_sums(&s) == 0) {
        put_weir_families(&s);
        put_series_families(&s);
        put_upstream_families(&s);
        put_endpoint_families(&s);
        put_event_families(&s);
        expose_executions(&s.page, facts->execution_counts, facts->nr_execution_counts);
        put_deployments(&s);
        put_alarms(&s);
        put_worker_families(&s);
        put_process_families(&s);
    } else {
        s.page.is_short = true;
    }
    free(s.sums);
    page_fini(&s.labels);
    free(s.is_shown);
    if (s.page.is_short)
        page_fini(&s.page);
    *length = s.page.n;
    return s.page.p;
}
