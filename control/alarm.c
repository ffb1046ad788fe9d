/* Samples of the figures, a ring for each alarm of a deployment: the window's beginning is the last
 * sample that is old enough. */
#include "control/alarm.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conf/jsondoc.h"
#include "control/answer.h"
#include "control/change.h"
#include "control/shift.h"
#include "metrics/metrics.h"
#include "router/table.h"

enum { SAMPLES = 64, ALARMS_MAX = 10 };

struct sample {
    uint64_t at_ms;
    struct metrics_figures figures;
};

/* Of each alarm of a deployment, in its order. */
struct shift_baseline {
    int nr;
    struct sample samples[SAMPLES]; /* the oldest first */
    bool is_firing;
};

/* ---- What is declared ------------------------------------------------------------------------ */

/* A new reference. */
static json_t *read_alarms(const struct api_hooks *hooks)
{
    json_t *alarms = json_loads(table_section(hooks->table(hooks->context), MODEL_ALARMS), 0, NULL);

    return alarms ? alarms : json_object();
}

bool alarm_is_known(const struct api_hooks *hooks, const char *name)
{
    json_t *alarms = read_alarms(hooks);
    bool is_known = json_object_get(alarms, name) != NULL;

    json_decref(alarms);
    return is_known;
}

const char *alarm_names(const struct api_hooks *hooks, char out[ALARM_NAMES_MAX])
{
    json_t *alarms = read_alarms(hooks), *value;
    const char *key;
    size_t n = 0;

    snprintf(out, ALARM_NAMES_MAX, "none");
    json_object_foreach(alarms, key, value)
    {
        int added = snprintf(out + n, ALARM_NAMES_MAX - n, "%s%s", n > 0 ? ", " : "", key);
        if (added < 0 || n + (size_t)added >= ALARM_NAMES_MAX)
            break;
        n += (size_t)added;
    }
    json_decref(alarms);
    return out;
}

/* ---- One alarm ------------------------------------------------------------------------------- */

static double number(const json_t *alarm, const char *member, double otherwise)
{
    const json_t *value = json_object_get(alarm, member);

    return value ? json_number_value(value) : otherwise;
}

/* The percentile in ms, from the buckets of the window. */
static double p99_ms(const struct metrics_figures *f)
{
    double rank = 0.99 * (double)f->ended, before = 0;
    uint64_t low_us = 0;

    for (int i = 0; i < METRICS_BUCKET_COUNT; i++) {
        double here = (double)f->buckets[i];
        bool is_last = i == METRICS_BUCKET_COUNT - 1;
        uint64_t high_us = is_last ? 2 * low_us : metrics_bucket_bounds[i];

        if (here > 0 && before + here >= rank)
            return ((double)low_us + (double)(high_us - low_us) * (rank - before) / here) / 1000;
        before += here;
        low_us = high_us;
    }
    return 0;
}

static struct metrics_figures subtract(const struct metrics_figures *a,
                                       const struct metrics_figures *b)
{
    struct metrics_figures out = {a->ended - b->ended, a->failed - b->failed, {0}};

    for (int i = 0; i < METRICS_BUCKET_COUNT; i++)
        out.buckets[i] = a->buckets[i] - b->buckets[i];
    return out;
}

/* Takes a sample where one is due, and gives what came in the window. */
static struct metrics_figures take_sample(struct shift_baseline *b, uint64_t window_ms,
                                          const struct metrics_figures *now)
{
    uint64_t now_ms = clock_ms(), every_ms = window_ms / (SAMPLES - 4);
    int first = 0;

    /* Counters that were given up meanwhile begin anew. */
    if (b->nr > 0 && b->samples[b->nr - 1].figures.ended > now->ended)
        b->nr = 0;
    if (b->nr == 0 || now_ms - b->samples[b->nr - 1].at_ms >= every_ms) {
        if (b->nr == SAMPLES) {
            memmove(b->samples, b->samples + 1, (SAMPLES - 1) * sizeof(b->samples[0]));
            b->nr--;
        }
        b->samples[b->nr++] = (struct sample){now_ms, *now};
    }
    while (first + 1 < b->nr && now_ms - b->samples[first + 1].at_ms >= window_ms)
        first++;
    return subtract(now, &b->samples[first].figures);
}

static double value_of(const char *metric, const struct metrics_figures *f)
{
    if (strcmp(metric, "errors") == 0)
        return (double)f->failed;
    if (strcmp(metric, "p99_ms") == 0)
        return p99_ms(f);
    return f->ended > 0 ? 100 * (double)f->failed / (double)f->ended : 0;
}

static enum alarm_verdict look_at_figures(const json_t *alarm, const char *name,
                                          struct shift_baseline *b,
                                          const struct metrics_figures *now,
                                          char reason[ALARM_REASON_MAX])
{
    const char *metric = json_string_value(json_object_get(alarm, "metric"));
    const char *on_no_data = json_string_value(json_object_get(alarm, "on_no_data"));
    double window_s = number(alarm, "window_s", 60), threshold = number(alarm, "threshold", 0);
    struct metrics_figures f = take_sample(b, (uint64_t)(window_s * 1000), now);
    double value = value_of(metric, &f);

    if ((double)f.ended < number(alarm, "min_invocations", 1) || f.ended == 0)
        return on_no_data && strcmp(on_no_data, "hold") == 0 ? ALARM_HOLDS : ALARM_OK;
    if (value <= threshold)
        return ALARM_OK;
    snprintf(reason, ALARM_REASON_MAX,
             "The alarm %s fires: %s is %.6g, above %.6g (%llu of %llu invocations failed in %.6g "
             "s).",
             name, metric, value, threshold, (unsigned long long)f.failed,
             (unsigned long long)f.ended, window_s);
    return ALARM_FIRES;
}

static bool is_set(const struct api_hooks *hooks, const char *name)
{
    return json_object_get(hooks->shifts->ledger.alarms, name) != NULL;
}

static enum alarm_verdict look_at(const struct api_hooks *hooks, const json_t *alarm,
                                  const char *name, struct shift_baseline *b,
                                  const struct metrics_figures *now, char reason[ALARM_REASON_MAX])
{
    const char *metric = json_string_value(json_object_get(alarm, "metric"));

    if (!metric) /* the table has it no more: nobody can say that it is well */
        return ALARM_OK;
    if (strcmp(metric, "manual") != 0)
        return b ? look_at_figures(alarm, name, b, now, reason) : ALARM_OK;
    if (!is_set(hooks, name))
        return ALARM_OK;
    snprintf(reason, ALARM_REASON_MAX, "The alarm %s fires: it was set by PUT /alarms/%s.", name,
             name);
    return ALARM_FIRES;
}

/* ---- Those of a deployment ------------------------------------------------------------------- */

static struct shift_baseline *baselines_of(struct deployment *d, size_t nr)
{
    if (!d->now.baselines)
        d->now.baselines = calloc(nr, sizeof(d->now.baselines[0]));
    return d->now.baselines;
}

enum alarm_verdict alarm_look(const struct api_hooks *hooks, struct deployment *d, bool is_begin,
                              char reason[ALARM_REASON_MAX])
{
    const json_t *names = json_object_get(d->info, "alarms");
    enum alarm_verdict worst = ALARM_OK;
    struct metrics_figures now;
    struct shift_baseline *baselines;
    json_t *alarms;

    if (json_array_size(names) == 0)
        return ALARM_OK;
    alarms = read_alarms(hooks);
    hooks->figures(hooks->context, str_of(d->spec.function), str_of(d->spec.alias),
                   str_of(d->spec.target), &now);
    baselines = is_begin ? NULL : baselines_of(d, json_array_size(names));
    for (size_t i = 0; i < json_array_size(names) && worst != ALARM_FIRES; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        struct shift_baseline *b = baselines ? &baselines[i] : NULL;
        enum alarm_verdict verdict =
            look_at(hooks, json_object_get(alarms, name), name, b, &now, reason);

        if (b)
            b->is_firing = verdict == ALARM_FIRES;
        worst = verdict > worst ? verdict : worst;
    }
    json_decref(alarms);
    return worst;
}

/* Does it fire for a deployment that runs, or has it ended one that was the last of its alias? */
static bool is_firing(const struct api_hooks *hooks, const json_t *alarm, const char *name)
{
    const char *metric = json_string_value(json_object_get(alarm, "metric"));
    const struct deployment *d;

    if (strcmp(metric, "manual") == 0)
        return is_set(hooks, name);
    TAILQ_FOREACH(d, &hooks->shifts->ledger.deployments, link)
    {
        const json_t *names = json_object_get(d->info, "alarms");
        for (size_t i = 0; d->now.baselines && i < json_array_size(names); i++)
            if (d->now.baselines[i].is_firing &&
                strcmp(json_string_value(json_array_get(names, i)), name) == 0)
                return true;
    }
    return false;
}

struct alarm_shown *alarm_list(const struct api_hooks *hooks, int *nr)
{
    json_t *alarms = read_alarms(hooks), *alarm;
    struct alarm_shown *list = calloc(json_object_size(alarms) + 1, sizeof(*list));
    const char *name;

    *nr = 0;
    json_object_foreach(alarms, name, alarm)
    {
        if (!list)
            break;
        snprintf(list[*nr].name, sizeof(list[*nr].name), "%s", name);
        list[(*nr)++].is_firing = is_firing(hooks, alarm, name);
    }
    json_decref(alarms);
    return list;
}

/* ---- The API --------------------------------------------------------------------------------- */

static void answer_list(const struct api_hooks *hooks, struct api_response *out)
{
    json_t *alarms = read_alarms(hooks), *alarm;
    const char *name;

    json_object_foreach(alarms, name, alarm)
    {
        json_object_set_new(alarm, "state",
                            json_string(is_firing(hooks, alarm, name) ? "ALARM" : "OK"));
    }
    answer_json(out, 200, json_pack("{s:o}", "alarms", alarms));
}

/* The alarm that the path names; NULL with a 404. A new reference. */
static json_t *find(const struct api_hooks *hooks, struct str path, char name[ALARM_NAMES_MAX],
                    struct api_response *out)
{
    const struct str head = STR("/alarms/");
    char known[ALARM_NAMES_MAX], message[2 * ALARM_NAMES_MAX];
    int n =
        invoke_decode((struct str){path.p + head.n, path.n - head.n}, name, ALARM_NAMES_MAX - 1);
    json_t *alarms = read_alarms(hooks), *alarm;

    name[n > 0 ? n : 0] = '\0';
    alarm = json_incref(json_object_get(alarms, name));
    json_decref(alarms);
    if (alarm)
        return alarm;
    snprintf(message, sizeof(message),
             "There is no such alarm in the section alarms; there are: %s.",
             alarm_names(hooks, known));
    answer_error(out, 404, "ResourceNotFoundException", message);
    return NULL;
}

static void answer_one(const struct api_hooks *hooks, struct str path, struct api_response *out)
{
    char name[ALARM_NAMES_MAX];
    json_t *alarm = find(hooks, path, name, out);

    if (!alarm)
        return;
    json_object_set_new(alarm, "state",
                        json_string(is_firing(hooks, alarm, name) ? "ALARM" : "OK"));
    answer_json(out, 200, alarm);
}

static void on_put(struct change *change, const struct change_result *result)
{
    struct ledger *ledger = &change->hooks->shifts->ledger;
    char name[ALARM_NAMES_MAX];
    json_t *alarm, *body;
    const char *state;

    if (result->status != CHANGE_DONE) {
        change_answer_failure(change, result);
        return;
    }
    alarm = find(change->hooks, change->request.path, name, &change->response);
    if (!alarm) /* the table has lost it meanwhile */
        return;
    body = json_loadb(change->request.body.p, change->request.body.n, 0, NULL);
    state = json_string_value(json_object_get(body, "state"));
    if (strcmp(state, "ALARM") == 0)
        json_object_set_new(ledger->alarms, name, json_true());
    else
        json_object_del(ledger->alarms, name);
    json_object_set_new(alarm, "state", json_string(state));
    json_decref(body);
    answer_json(&change->response, 200, alarm);
    change->hooks->shifts_soon(change->hooks->context);
}

static const char *check_state(const json_t *alarm, const json_t *body)
{
    const char *metric = json_string_value(json_object_get(alarm, "metric"));
    const char *state = json_string_value(json_object_get(body, "state"));

    if (!state || (strcmp(state, "ALARM") != 0 && strcmp(state, "OK") != 0))
        return "The body must be {\"state\": \"ALARM\"} or {\"state\": \"OK\"}.";
    if (strcmp(metric, "manual") != 0)
        return "Only alarms with the metric manual can be set; this one follows its figures.";
    return NULL;
}

static void take_put(struct change *change)
{
    struct str text = change->request.body;
    char name[ALARM_NAMES_MAX];
    json_t *alarm = find(change->hooks, change->request.path, name, &change->response);
    json_t *body = json_loadb(text.n > 0 ? text.p : "", text.n, 0, NULL);
    const char *wrong = alarm ? check_state(alarm, body) : NULL;
    const char *state = json_string_value(json_object_get(body, "state"));
    struct store_edit edit = {.kind = STORE_PUT,
                              .row = {.kind = "alarm", .function = "", .name = name}};

    if (wrong) {
        answer_error(&change->response, 400, "ValidationException", wrong);
    } else if (alarm) {
        edit.kind = strcmp(state, "ALARM") == 0 ? STORE_PUT : STORE_DELETE;
        edit.row.document = "{\"state\":\"ALARM\"}";
        change_keep(change, &edit);
        change_submit(change, NULL, 0, on_put);
    }
    json_decref(alarm);
    json_decref(body);
}

enum api_outcome alarm_handle(const struct api_hooks *hooks, const struct api_request *request,
                              struct api_waiter *waiter, struct api_response *response)
{
    const struct str head = STR("/alarms/");
    struct str path = request->path, method = request->method;
    bool is_get = str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
    bool is_list = str_eq(path, STR("/alarms"));

    if (!is_list && (path.n <= head.n || memcmp(path.p, head.p, head.n) != 0))
        return API_NOT_MINE;
    if (is_get && is_list)
        answer_list(hooks, response);
    else if (is_get)
        answer_one(hooks, path, response);
    else if (!is_list && str_eq(method, STR("PUT")))
        return change_begin(hooks, request, waiter, response, take_put) ? API_ANSWERED : API_LATER;
    else
        answer_not_allowed(response, is_list ? "GET, HEAD" : "GET, HEAD, PUT",
                           "Alarms can be read, and manual ones set.");
    return API_ANSWERED;
}
