/* Families by function, alias and version. Beside the series that were counted stand those of the
 * shares, with their zeros. */
#include "metrics/family.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const class_labels[6] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

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

static void put_picks(struct scrape *s)
{
    static const char name[] = "weir_invocations_total";

    family_begin(s, name, "counter", "Invocations for which this version was picked.");
    show_nothing(s);
    for (uint32_t i = 0; i < s->nr_sums; i++) {
        family_counted(s, name, &s->sums[i]);
        family_put(s, "}");
        family_end_line(s, s->sums[i].numbers[NUMBER_OF(picks)]);
        s->is_shown[s->sums[i].series] = true;
    }
    for (int i = 0; i < s->facts->nr_shares; i++) {
        if (!show_share(s, &s->facts->shares[i]))
            continue;
        family_series(s, name, s->facts->shares[i].series);
        family_put(s, "}");
        family_end_line(s, 0);
    }
}

static void put_weights(struct scrape *s)
{
    static const char name[] = "weir_alias_weight_ratio";

    family_begin(s, name, "gauge", "The version's configured share of the alias, 0 to 1.");
    show_nothing(s);
    for (int i = 0; i < s->facts->nr_shares; i++) {
        const struct expose_share *share = &s->facts->shares[i];

        if (!show_share(s, share))
            continue;
        family_series(s, name, share->series);
        family_put(s, "}");
        family_end_scaled(s, (uint64_t)(share->ratio * 1e9 + 0.5), 9);
    }
}

/* Six digits, as a double can have them. */
static void put_evalues(struct scrape *s)
{
    static const char name[] = "weir_split_evalue";
    const double log_max = 700;

    family_begin(s, name, "gauge",
                 "Evidence that endpoints do not answer as the alias' weights say: 1 is none, 1000 "
                 "is an alarm.");
    for (int i = 0; i < s->facts->nr_evalues; i++) {
        const struct expose_evalue *e = &s->facts->evalues[i];
        double log_evalue = e->log_evalue < log_max ? e->log_evalue : log_max;
        char text[40];

        family_put(s, name);
        family_label(s, "{", "function", e->function);
        family_label(s, ",", "alias", e->alias);
        snprintf(text, sizeof(text), "} %.6g\n", exp(log_evalue));
        family_put(s, text);
    }
}

static void put_ward(struct scrape *s, const char *name, const struct expose_ward *ward)
{
    family_put(s, name);
    family_label(s, "{", "function", ward->function);
    family_label(s, ",", "alias", ward->alias);
    family_label(s, ",", "version", ward->version);
    family_put(s, "}");
}

static void put_budgets(struct scrape *s)
{
    static const char name[] = "weir_budget_left";

    family_begin(s, name, "gauge", "Invocations of this version that may still fail.");
    for (int i = 0; i < s->facts->nr_wards; i++) {
        const struct expose_ward *ward = &s->facts->wards[i];

        if (!ward->has_budget)
            continue;
        put_ward(s, name, ward);
        family_end_line(s, ward->left);
    }
}

/* Six digits, as far as a double goes. */
static void put_guards(struct scrape *s)
{
    static const char name[] = "weir_guard_evalue";
    const double log_max = 700;

    family_begin(
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
        family_put(s, text);
    }
}

static void put_in_flight(struct scrape *s)
{
    static const char name[] = "weir_invocations_in_flight";

    family_begin(s, name, "gauge", "Invocations and events' attempts that run on this version.");
    for (uint32_t i = 0; i < s->nr_sums; i++) {
        const uint64_t *numbers = s->sums[i].numbers;
        uint64_t begun = numbers[NUMBER_OF(picks)] + numbers[NUMBER_OF(attempts)] +
                         numbers[NUMBER_OF(repeats)],
                 ended = numbers[NUMBER_OF(ended)];

        family_counted(s, name, &s->sums[i]);
        family_put(s, "}");
        family_end_line(s, begun > ended ? begun - ended : 0);
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
            family_counted(s, name, &s->sums[i]);
            family_label(s, ",", label, str_of(values[k]));
            family_put(s, "}");
            family_end_line(s, n);
        }
    }
}

static void put_results(struct scrape *s)
{
    family_begin(s, "weir_responses_total", "counter",
                 "Invocations that ended, by the class of the status sent to the client; none: no "
                 "response was sent.");
    put_labelled(s, "weir_responses_total", "code", class_labels, 6, 2, NUMBER_OF(responses));
    family_begin(s, "weir_errors_total", "counter",
                 "Invocations that failed in weir or for want of a whole response, by reason.");
    put_labelled(s, "weir_errors_total", "reason", metrics_error_labels, METRICS_ERROR_COUNT,
                 METRICS_ERROR_COUNT, NUMBER_OF(errors));
}

static void put_counter(struct scrape *s, const char *name, const char *help, size_t number)
{
    family_begin(s, name, "counter", help);
    for (uint32_t i = 0; i < s->nr_sums; i++) {
        family_counted(s, name, &s->sums[i]);
        family_put(s, "}");
        family_end_line(s, s->sums[i].numbers[number]);
    }
}

/* The same of what most series never have: those alone that do. */
static void put_rare(struct scrape *s, const char *name, const char *help, size_t number)
{
    family_begin(s, name, "counter", help);
    for (uint32_t i = 0; i < s->nr_sums; i++) {
        if (s->sums[i].numbers[number] == 0)
            continue;
        family_counted(s, name, &s->sums[i]);
        family_put(s, "}");
        family_end_line(s, s->sums[i].numbers[number]);
    }
}

static void put_histogram(struct scrape *s, const struct sums *sums)
{
    const uint64_t *buckets = &sums->numbers[NUMBER_OF(buckets)];
    uint64_t count = 0;

    for (int k = 0; k < METRICS_BUCKET_COUNT; k++) {
        count += buckets[k];
        family_counted(s, "weir_invocation_duration_seconds_bucket", sums);
        family_put(s, ",le=\"");
        if (k == METRICS_BUCKET_COUNT - 1)
            family_put(s, "+Inf");
        else
            page_put_scaled(&s->page, metrics_bucket_bounds[k], 6);
        family_put(s, "\"}");
        family_end_line(s, count);
    }
    family_counted(s, "weir_invocation_duration_seconds_sum", sums);
    family_put(s, "}");
    family_end_scaled(s, sums->numbers[NUMBER_OF(duration_us)], 6);
    family_counted(s, "weir_invocation_duration_seconds_count", sums);
    family_put(s, "}");
    family_end_line(s, count);
}

void expose_series(struct scrape *s)
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
    family_begin(s, "weir_invocation_duration_seconds", "histogram",
                 "From the first byte of the request to the last byte of the response.");
    for (uint32_t i = 0; i < s->nr_sums; i++)
        put_histogram(s, &s->sums[i]);
}
