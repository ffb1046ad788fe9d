/* Findings for people and for programs. */
#include "splitcheck/findings.h"

#include <float.h>
#include <jansson.h>
#include <math.h>

/* ---- Words ----------------------------------------------------------------------------------- */

static void print_arm(FILE *out, const struct sample_arm *arm, const struct judge_arm *row)
{
    fprintf(out, "  %-12s %10llu  %9.4f %%  %9.4f %%  %8.2g  %9llu  %9llu", arm->name,
            (unsigned long long)row->count, row->share, row->expected, row->binomial_p,
            (unsigned long long)row->first_hit, (unsigned long long)row->longest_run);
    if (row->nr_latencies > 0)
        fprintf(out, "  %.3g / %.3g / %.3g", row->latency[0].estimate, row->latency[1].estimate,
                row->latency[2].estimate);
    fputc('\n', out);
}

void findings_print(FILE *out, const struct sample *sample, const struct judge *judge)
{
    fprintf(out, "%s: %s\n", judge_word(judge->verdict), judge->fits ? "fits" : "does not fit");
    for (uint32_t i = 0; i < judge->nr_reasons; i++)
        fprintf(out, "  %s\n", judge->reasons[i]);
    fprintf(out, "\n%llu requests, %llu errors", (unsigned long long)sample->requests,
            (unsigned long long)sample->errors);
    if (sample->resent > 0)
        fprintf(out, ", %llu sent again on a new connection", (unsigned long long)sample->resent);
    if (sample->nr_keys > 0)
        fprintf(out, ", %llu of %llu keys answered, %llu of them by several versions",
                (unsigned long long)sample->nr, (unsigned long long)sample->nr_keys,
                (unsigned long long)sample->inconsistent);
    fputs("\n\n  version           count        share         due         p  first hit  longest run"
          "  p50 / p90 / p99 ms\n",
          out);
    for (uint32_t i = 0; i < sample->nr_arms; i++)
        print_arm(out, &sample->arms[i], &judge->arms[i]);
    fprintf(out,
            "\nprefix error at most %.4g, at %llu (version %s); G %.4g, p %.2g; e-value at most "
            "%.3g\n",
            judge->prefix_max, (unsigned long long)judge->prefix_at,
            sample->arms[judge->prefix_arm].name, judge->g, judge->g_p, exp(judge->log_e_max));
    fprintf(out, "autocorrelation at lags 1 to %d:", JUDGE_LAGS);
    for (int i = 0; i < JUDGE_LAGS; i++)
        fprintf(out, " %.3f", judge->autocorrelation[i]);
    fprintf(out, "; %llu runs where %.1f are expected\n", (unsigned long long)judge->runs,
            judge->runs_expected);
}

/* ---- The document ---------------------------------------------------------------------------- */

/* JSON has no infinity. */
static json_t *number(double value)
{
    return json_real(isfinite(value) ? value : value > 0 ? DBL_MAX : -DBL_MAX);
}

/* Weights and shares in percent, whole where they are. */
static json_t *percent(double value)
{
    return value == floor(value) ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *quantile(const struct judge_quantile *q)
{
    return json_pack("[f,f,f]", q->estimate, q->low, q->high);
}

static json_t *latencies(const struct judge_arm *row)
{
    return json_pack("{s:o,s:o,s:o}", "p50", quantile(&row->latency[0]), "p90",
                     quantile(&row->latency[1]), "p99", quantile(&row->latency[2]));
}

static json_t *tests(const struct judge *judge, json_t *binomial)
{
    json_t *lags = json_array();

    for (int i = 0; i < JUDGE_LAGS; i++)
        json_array_append_new(lags, number(judge->autocorrelation[i]));
    return json_pack("{s:{s:o,s:f},s:o,s:{s:o},s:{s:o,s:{s:o,s:f}}}", "g", "statistic",
                     number(judge->g), "p_value", judge->g_p, "binomial", binomial, "sequential",
                     "e_value_max", number(exp(judge->log_e_max)), "independence",
                     "autocorrelation", lags, "runs", "count", count(judge->runs), "expected",
                     judge->runs_expected);
}

/* The members that are objects by version. */
static void add_arms(json_t *root, const struct sample *sample, const struct judge *judge,
                     json_t *binomial)
{
    json_t *counts = json_object(), *shares = json_object(), *runs = json_object(),
           *hits = json_object(), *latency = json_object();

    for (uint32_t i = 0; i < sample->nr_arms; i++) {
        const struct judge_arm *row = &judge->arms[i];
        const char *name = sample->arms[i].name;

        json_object_set_new(counts, name, count(row->count));
        json_object_set_new(shares, name, percent(row->share));
        json_object_set_new(binomial, name, number(row->binomial_p));
        json_object_set_new(runs, name, count(row->longest_run));
        json_object_set_new(hits, name, row->first_hit > 0 ? count(row->first_hit) : json_null());
        if (row->nr_latencies > 0)
            json_object_set_new(latency, name, latencies(row));
    }
    json_object_set_new(root, "counts", counts);
    json_object_set_new(root, "shares", shares);
    json_object_set_new(root, "longest_run", runs);
    json_object_set_new(root, "first_hit", hits);
    json_object_set_new(root, "latency_ms", latency);
}

static void add_judge(json_t *root, const struct sample *sample, const struct judge *judge)
{
    json_t *binomial = json_object(), *reasons = json_array();

    add_arms(root, sample, judge, binomial);
    json_object_set_new(root, "prefix_error",
                        json_pack("{s:f,s:o,s:s}", "max", judge->prefix_max, "at",
                                  count(judge->prefix_at), "version",
                                  sample->arms[judge->prefix_arm].name));
    json_object_set_new(root, "tests", tests(judge, binomial));
    for (uint32_t i = 0; i < judge->nr_reasons; i++)
        json_array_append_new(reasons, json_string(judge->reasons[i]));
    json_object_set_new(root, "verdict", json_string(judge_word(judge->verdict)));
    json_object_set_new(root, "pass", json_boolean(judge->fits));
    json_object_set_new(root, "reasons", reasons);
}

int findings_json(FILE *out, const struct sample *sample, const struct judge *judge,
                  const char *why_not)
{
    json_t *root = json_object(), *expected = json_object();
    int r;

    json_object_set_new(root, "requests", count(sample->requests));
    json_object_set_new(root, "errors", count(sample->errors));
    for (uint32_t i = 0; i < sample->nr_expected; i++)
        json_object_set_new(expected, sample->arms[i].name,
                            percent(sample->arms[i].weight / (ASKED_WHOLE / 100.0)));
    json_object_set_new(root, "expected", expected);
    if (sample->nr_keys > 0)
        json_object_set_new(root, "keys",
                            json_pack("{s:o,s:o,s:o}", "asked", count(sample->nr_keys), "answered",
                                      count(sample->nr), "inconsistent",
                                      count(sample->inconsistent)));
    if (judge)
        add_judge(root, sample, judge);
    else {
        json_object_set_new(root, "verdict", json_null());
        json_object_set_new(root, "pass", json_false());
        json_object_set_new(root, "reasons", json_pack("[s]", why_not));
    }
    r = json_dumpf(root, out, JSON_INDENT(2));
    json_decref(root);
    return r == 0 && fputc('\n', out) != EOF && fflush(out) == 0 ? 0 : -1;
}
