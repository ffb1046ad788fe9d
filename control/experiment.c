/* Sums to intervals, and those to JSON. A number that is not known is null. */
#include "control/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "control/answer.h"
#include "experiment/study.h"
#include "router/alias_terms.h"
#include "router/invoke.h"

/* More digits than any figure here is right to. */
enum { DIGITS = 12 };

/* Above exp of this a number would be no double. */
static const double LOG_MAX = 700;

static const char prefix[] = "/experiments/";

struct experiment_path {
    char function[INVOKE_NAME_MAX + 1], alias[INVOKE_QUALIFIER_MAX + 1];
};

/* What a page is made of. */
struct page_parts {
    const struct target *target;
    const struct study_report *report;
    double alpha;
    double min[STUDY_SUMS], max[STUDY_SUMS]; /* of all versions */
};

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* Where memory runs out the whole object becomes NULL. */
static void put(json_t **object, const char *name, json_t *value)
{
    if (*object && json_object_set_new(*object, name, value) == 0)
        return;
    if (!*object)
        json_decref(value);
    json_decref(*object);
    *object = NULL;
}

static void put_bounds(json_t **object, const char *low, const char *high,
                       const struct confseq_interval *i)
{
    put(object, low, number(i->is_known ? i->low : NAN));
    put(object, high, number(i->is_known ? i->high : NAN));
}

/* ---- Versions -------------------------------------------------------------------------------- */

static bool has_data(const struct study_version *v)
{
    return v->sums[STUDY_ERRORS].n > 0;
}

static struct confseq_interval mean_of(const struct page_parts *parts,
                                       const struct study_version *v, int k)
{
    return confseq_mean(&v->sums[k], parts->min[k], parts->max[k], parts->alpha);
}

static json_t *mean_json(const struct page_parts *parts, const struct study_version *v, int k)
{
    struct confseq_interval i = mean_of(parts, v, k);
    json_t *object = json_object();

    put(&object, "mean", number(has_data(v) ? i.estimate : NAN));
    put_bounds(&object, "low", "high", &i);
    return object;
}

static json_t *duration_json(const struct page_parts *parts, const struct study_version *v)
{
    json_t *object = mean_json(parts, v, STUDY_DURATION);
    bool has_any = v->spread.total > 0;

    put(&object, "p50", number(has_any ? spread_quantile(&v->spread, .5) / 1e3 : NAN));
    put(&object, "p90", number(has_any ? spread_quantile(&v->spread, .9) / 1e3 : NAN));
    put(&object, "p99", number(has_any ? spread_quantile(&v->spread, .99) / 1e3 : NAN));
    return object;
}

static json_t *percent(uint32_t weight)
{
    const uint32_t one = SPLIT_ONE / 100;

    return weight % one == 0 ? json_integer(weight / one) : json_real((double)weight / one);
}

static json_t *version_json(const struct page_parts *parts, const struct study_version *v,
                            uint32_t weight)
{
    const struct confseq_sums *sums = &v->sums[STUDY_ERRORS];
    struct confseq_interval errors = mean_of(parts, v, STUDY_ERRORS);
    json_t *object = json_object(), *outcomes = json_object();

    put(&object, "weight", percent(weight));
    put(&object, "invocations", json_integer((json_int_t)sums->n));
    put(&object, "callers", json_integer((json_int_t)sums->callers));
    put(&object, "error_rate", number(has_data(v) ? errors.estimate : NAN));
    put_bounds(&object, "error_rate_low", "error_rate_high", &errors);
    for (int k = 0; k < parts->report->nr_outcomes; k++)
        put(&outcomes, parts->report->outcomes[k], mean_json(parts, v, STUDY_OUTCOMES + k));
    put(&object, "outcomes", outcomes);
    put(&object, "duration_ms", duration_json(parts, v));
    return object;
}

static const struct study_version *find(const struct study_report *report, struct str name)
{
    for (int i = 0; i < report->nr_versions; i++)
        if (str_eq(str_of(report->versions[i].name), name))
            return &report->versions[i];
    return NULL;
}

static bool is_in(const struct target *target, const char *name)
{
    for (int i = 0; i < target->nr_arms; i++)
        if (str_eq(target->arms[i].version->name, str_of(name)))
            return true;
    return false;
}

/* Versions of the alias in their order, then those that have left it. */
typedef json_t *one_json(const struct page_parts *parts, const struct study_version *v,
                         uint32_t weight);

static json_t *each(const struct page_parts *parts, int first, one_json *one)
{
    const struct target *target = parts->target;
    const struct study_report *report = parts->report;
    static const struct study_version none;
    json_t *object = json_object();

    for (int i = first; i < target->nr_arms; i++) {
        const struct study_version *v = find(report, target->arms[i].version->name);
        char name[INVOKE_QUALIFIER_MAX + 1];

        snprintf(name, sizeof(name), "%.*s", STR_ARG(target->arms[i].version->name));
        put(&object, name, one(parts, v ? v : &none, target->arms[i].weight));
    }
    for (int i = 0; i < report->nr_versions; i++)
        if (has_data(&report->versions[i]) && !is_in(target, report->versions[i].name))
            put(&object, report->versions[i].name, one(parts, &report->versions[i], 0));
    return object;
}

/* ---- Differences ----------------------------------------------------------------------------- */

static json_t *one_difference(const struct page_parts *parts, const struct study_version *v,
                              const struct study_version *base, int k)
{
    struct confseq_interval i =
        confseq_difference(&v->sums[k], &base->sums[k], parts->min[k], parts->max[k], parts->alpha);
    json_t *object = json_object();

    put(&object, "estimate", number(has_data(v) && has_data(base) ? i.estimate : NAN));
    put_bounds(&object, "low", "high", &i);
    return object;
}

static json_t *difference_json(const struct page_parts *parts, const struct study_version *v,
                               uint32_t weight)
{
    static const struct study_version none;
    const struct study_version *base = find(parts->report, parts->target->arms[0].version->name);
    json_t *object = json_object(), *outcomes = json_object();

    (void)weight;
    base = base ? base : &none;
    put(&object, "error_rate", one_difference(parts, v, base, STUDY_ERRORS));
    for (int k = 0; k < parts->report->nr_outcomes; k++)
        put(&outcomes, parts->report->outcomes[k],
            one_difference(parts, v, base, STUDY_OUTCOMES + k));
    put(&object, "outcomes", outcomes);
    put(&object, "duration_ms", one_difference(parts, v, base, STUDY_DURATION));
    return object;
}

/* ---- The page -------------------------------------------------------------------------------- */

static json_t *srm_json(const struct study_report *report)
{
    double e_value = exp(fmin(report->srm_log_evalue, LOG_MAX));
    json_t *object = json_object();

    put(&object, "callers", json_integer((json_int_t)report->srm_callers));
    put(&object, "p_value", number(report->srm_p_value));
    put(&object, "e_value", number(e_value));
    put(&object, "mismatch", json_boolean(e_value >= STUDY_MISMATCH_AT));
    return object;
}

static json_t *sample_json(const struct study_report *report)
{
    json_t *object = json_object();

    put(&object, "share", number(report->callers_share));
    put(&object, "callers", json_integer(report->callers_kept));
    put(&object, "callers_max", json_integer(report->callers_max));
    return object;
}

static void find_ranges(struct page_parts *parts)
{
    for (int k = 0; k < STUDY_SUMS; k++) {
        parts->min[k] = 0;
        parts->max[k] = k == STUDY_ERRORS; /* these are 0 or 1, seen or not */
        for (int i = 0; i < parts->report->nr_versions; i++) {
            const struct confseq_sums *sums = &parts->report->versions[i].sums[k];
            parts->min[k] = fmin(parts->min[k], sums->min);
            parts->max[k] = fmax(parts->max[k], sums->max);
        }
    }
}

static json_t *make_page(const struct target *target, const struct study_report *report)
{
    struct page_parts parts = {
        .target = target, .report = report, .alpha = target->terms->experiment->alpha};
    json_t *page = json_object();

    find_ranges(&parts);
    put(&page, "alpha", number(parts.alpha));
    put(&page, "versions", each(&parts, 0, version_json));
    put(&page, "differences", each(&parts, 1, difference_json));
    put(&page, "srm", srm_json(report));
    put(&page, "crossovers", json_integer((json_int_t)report->crossovers));
    put(&page, "sample", sample_json(report));
    put(&page, "bad_outcomes", json_integer((json_int_t)report->nr_bad_outcomes));
    return page;
}

static void answer_page(struct api_response *out, const struct target *target)
{
    struct study_report *report = study_report(target->study);
    json_t *page = report ? make_page(target, report) : NULL;

    answer_document(out, page ? jsondoc_dump(page, DIGITS) : NULL);
    json_decref(page);
    study_report_free(&report);
}

/* ---- The address ----------------------------------------------------------------------------- */

static bool parse_path(struct str path, struct experiment_path *out)
{
    const size_t n = sizeof(prefix) - 1;
    struct str function, alias;

    if (path.n <= n || memcmp(path.p, prefix, n) != 0)
        return false;
    path.p += n;
    path.n -= n;
    function = str_until(path, '/');
    if (function.n == path.n)
        return false;
    alias = (struct str){path.p + function.n + 1, path.n - function.n - 1};
    if (alias.n == 0 || memchr(alias.p, '/', alias.n))
        return false;
    invoke_decode_name(function, out->function, sizeof(out->function));
    invoke_decode_name(alias, out->alias, sizeof(out->alias));
    return true;
}

/* Only of things that can be names, so that no message has other bytes in it. */
static void answer_none(struct api_response *out, const struct experiment_path *path,
                        bool knows_function, bool knows_alias)
{
    char message[640];

    if (!invoke_is_function_name(str_of(path->function)) ||
        !invoke_is_alias_name(str_of(path->alias)))
        snprintf(message, sizeof(message),
                 "The path names no function and alias: /experiments/{FUNCTION}/{ALIAS}.");
    else if (!knows_function)
        snprintf(message, sizeof(message), "There is no function \"%s\".", path->function);
    else if (!knows_alias)
        snprintf(message, sizeof(message), "The function \"%s\" has no alias \"%s\".",
                 path->function, path->alias);
    else
        snprintf(
            message, sizeof(message),
            "The alias \"%s\" of \"%s\" has no experiment: give it the key \"experiment\", such "
            "as {\"alpha\": 0.05}.",
            path->alias, path->function);
    answer_error(out, 404, "ResourceNotFoundException", message);
}

enum api_outcome experiment_handle(const struct api_hooks *hooks, const struct api_request *request,
                                   struct api_waiter *waiter, struct api_response *response)
{
    bool is_delete = str_eq(request->method, STR("DELETE")), knows_function = false;
    struct experiment_path path;
    const struct target *target;

    (void)waiter;
    if (!parse_path(request->path, &path))
        return API_NOT_MINE;
    if (!is_delete && !str_eq(request->method, STR("GET")) &&
        !str_eq(request->method, STR("HEAD"))) {
        answer_not_allowed(response, "GET, HEAD, DELETE",
                           "An experiment can be read here, and begun anew with DELETE.");
        return API_ANSWERED;
    }
    target = table_find(hooks->table(hooks->context), str_of(path.function), str_of(path.alias),
                        &knows_function);
    bool knows_alias = target && target->alias.n > 0;
    if (!knows_alias || !target->terms || !target->terms->experiment) {
        answer_none(response, &path, knows_function, knows_alias);
    } else if (is_delete) {
        study_forget(target->study);
        response->status = 204;
    } else {
        answer_page(response, target);
    }
    return API_ANSWERED;
}
