/* Checks, and the overlay: one row for each entry. */
#include "conf/tabledoc_section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "router/hash.h"

enum { HOLD_MAX_S = 172800, WINDOW_MAX_S = 86400, CONFIGS_MAX = 200, ALARMS_MAX = 1000 };

const char *const tabledoc_section_names[MODEL_SECTIONS] = {"deployment_configs", "alarms"};

enum model_section tabledoc_section_of(const char *name)
{
    return strcmp(name, tabledoc_section_names[MODEL_ALARMS]) == 0 ? MODEL_ALARMS
                                                                   : MODEL_DEPLOYMENT_CONFIGS;
}

static json_t *unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value; /* jansson's iterators take no const */
}

/* ---- Members --------------------------------------------------------------------------------- */

/* Adds a problem for each key that is none of the list, which ends with NULL. */
static void check_keys(struct jsondoc *doc, const struct place *at, const json_t *object,
                       const char *const *known)
{
    const char *key;
    json_t *value;

    json_object_foreach(unconst(object), key, value)
    {
        struct place member = JSONDOC_KEY(at, key);
        int i = 0;

        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            jsondoc_problem(doc, &member, "unknown_key",
                            "is not known here; there is %s and others", known[0]);
    }
}

/* The number, or the default where it is absent. */
static double read_number(struct jsondoc *doc, const struct place *at, const json_t *object,
                          const char *name, double least, double most, double otherwise)
{
    struct place member = JSONDOC_KEY(at, name);
    const json_t *value = json_object_get(object, name);

    if (!value)
        return otherwise;
    if (json_is_number(value) && json_number_value(value) >= least &&
        json_number_value(value) <= most)
        return json_number_value(value);
    jsondoc_problem(doc, &member, "out_of_range", "must be a number of %g to %g", least, most);
    return otherwise;
}

static void check_name(struct jsondoc *doc, const struct place *at)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+=,@-";
    size_t n = strlen(at->key);

    if (n < 1 || n > TABLEDOC_CONFIG_NAME_MAX || strspn(at->key, letters) != n)
        jsondoc_problem(doc, at, "bad_name",
                        "\"%.*s\" is no name; those have 1 to %d letters, digits, or any of . _ + "
                        "= , @ -",
                        JSONDOC_QUOTE(at->key), TABLEDOC_CONFIG_NAME_MAX);
}

/* ---- Plans ----------------------------------------------------------------------------------- */

/* Returns the step's weight. */
static double check_step(struct jsondoc *doc, const struct place *at, const json_t *step,
                         double before)
{
    static const char *const keys[] = {"weight", "hold_s", NULL};
    struct place member = JSONDOC_KEY(at, "weight");
    double weight;

    if (!jsondoc_is_object(doc, at, step, "a step, {\"weight\": 0.5, \"hold_s\": 600}"))
        return before;
    check_keys(doc, at, step, keys);
    weight = read_number(doc, at, step, "weight", 0.0000001, 100, 0);
    (void)read_number(doc, at, step, "hold_s", 0, HOLD_MAX_S, 0);
    if (!json_object_get(step, "weight"))
        jsondoc_problem(doc, &member, "missing", "is missing: the target version's percent");
    else if (weight > 0 && weight <= before)
        jsondoc_problem(doc, &member, "out_of_range", "must be more than the step before has, %.9g",
                        before);
    return weight > 0 ? weight : before;
}

static void check_config(struct jsondoc *doc, const struct place *at, const json_t *config)
{
    static const char *const keys[] = {"steps", NULL};
    struct place steps_at = JSONDOC_KEY(at, "steps");
    const json_t *steps;
    double weight = 0;

    check_name(doc, at);
    if (strncmp(at->key, "CodeDeployDefault.", 18) == 0)
        jsondoc_problem(doc, at, "bad_name", "names of this kind are AWS's own");
    if (!jsondoc_is_object(doc, at, config,
                           "a plan, {\"steps\": [{\"weight\": 0.5, \"hold_s\": 600}]}"))
        return;
    check_keys(doc, at, config, keys);
    steps = json_object_get(config, "steps");
    if (!steps || !jsondoc_is_array(doc, &steps_at, steps, "a list of steps")) {
        if (!steps)
            jsondoc_problem(doc, &steps_at, "missing",
                            "is missing: a list, [{\"weight\": 0.5, \"hold_s\": 600}]");
        return;
    }
    if (json_array_size(steps) > TABLEDOC_STEPS_MAX)
        jsondoc_problem(doc, &steps_at, "too_many", "has %zu steps; a plan has %d at most",
                        json_array_size(steps), TABLEDOC_STEPS_MAX);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        struct place item = JSONDOC_ITEM(&steps_at, i);
        weight = check_step(doc, &item, json_array_get(steps, i), weight);
    }
}

/* ---- Alarms ---------------------------------------------------------------------------------- */

static bool is_one_of(const json_t *value, const char *const *list)
{
    const char *text = json_string_value(value);

    for (int i = 0; text && list[i]; i++)
        if (strcmp(text, list[i]) == 0)
            return true;
    return false;
}

static void check_alarm(struct jsondoc *doc, const struct place *at, const json_t *alarm)
{
    static const char *const keys[] = {"metric",          "threshold",  "window_s",
                                       "min_invocations", "on_no_data", NULL};
    static const char *const metrics[] = {"error_percent", "errors", "p99_ms", "manual", NULL};
    static const char *const answers[] = {"continue", "hold", NULL};
    struct place metric_at = JSONDOC_KEY(at, "metric"), data_at = JSONDOC_KEY(at, "on_no_data");
    struct place threshold_at = JSONDOC_KEY(at, "threshold");
    const json_t *on_no_data = json_object_get(alarm, "on_no_data");
    const json_t *metric = json_object_get(alarm, "metric");

    check_name(doc, at);
    if (!jsondoc_is_object(doc, at, alarm,
                           "an alarm, {\"metric\": \"error_percent\", \"threshold\": 5}"))
        return;
    check_keys(doc, at, alarm, keys);
    if (!is_one_of(metric, metrics))
        jsondoc_problem(doc, &metric_at, metric ? "bad_value" : "missing",
                        "must be error_percent, errors, p99_ms or manual");
    else if (strcmp(json_string_value(metric), "manual") != 0 &&
             !json_object_get(alarm, "threshold"))
        jsondoc_problem(doc, &threshold_at, "missing", "is missing: above it the alarm fires");
    (void)read_number(doc, at, alarm, "threshold", 0, 1e9, 0);
    (void)read_number(doc, at, alarm, "window_s", 0.1, WINDOW_MAX_S, 60);
    (void)read_number(doc, at, alarm, "min_invocations", 0, 1e12, 1);
    if (on_no_data && !is_one_of(on_no_data, answers))
        jsondoc_problem(doc, &data_at, "bad_value", "must be continue or hold");
}

/* ---- Sections -------------------------------------------------------------------------------- */

static void check(struct jsondoc *doc, const char *name, const json_t *document)
{
    bool is_alarms = tabledoc_section_of(name) == MODEL_ALARMS;
    size_t max = is_alarms ? ALARMS_MAX : CONFIGS_MAX;
    struct place root = JSONDOC_ROOT, at = JSONDOC_KEY(&root, name);
    const char *key;
    json_t *value;

    if (json_object_size(document) > max)
        jsondoc_problem(doc, &at, "too_many", "has %zu entries; there may be %zu",
                        json_object_size(document), max);
    json_object_foreach(unconst(document), key, value)
    {
        struct place entry = JSONDOC_KEY(&at, key);
        if (is_alarms)
            check_alarm(doc, &entry, value);
        else
            check_config(doc, &entry, value);
    }
}

static void put(struct jsondoc *doc, const char *name, const char *text, struct tabledoc_out *out)
{
    if (!doc->is_bad && builder_section(out->builder, tabledoc_section_of(name), text) < 0)
        jsondoc_no_memory(doc);
}

void tabledoc_section_read(struct jsondoc *doc, const char *name, const json_t *document,
                           struct tabledoc_out *out)
{
    char *text = document ? jsondoc_dump_sorted(document) : NULL;

    check(doc, name, document);
    if (document && !text)
        jsondoc_no_memory(doc);
    else
        put(doc, name, text ? text : "{}", out);
    free(text);
}

/* ---- Beside what the API has set ------------------------------------------------------------- */

bool tabledoc_section_entry(const char *section, const char *entry,
                            char out[TABLEDOC_SECTION_ENTRY])
{
    int n = snprintf(out, TABLEDOC_SECTION_ENTRY, "%s.%s", section, entry);

    return n >= 0 && n < TABLEDOC_SECTION_ENTRY;
}

/* The entry's name, of a row of this section; NULL: of none. */
static const char *entry_of(const struct overlay_row *row, const char *section)
{
    size_t n = strlen(section);

    return row->kind == OVERLAY_SECTION && strncmp(row->name, section, n) == 0 &&
                   row->name[n] == '.'
               ? row->name + n + 1
               : NULL;
}

static int set(json_t *out, const char *key, const char *text)
{
    return json_object_set_new(out, key, json_loads(text, 0, NULL));
}

/* An entry that the file says: the row's document counts where the API has changed what the file
 * still says. */
static int choose(struct tabledoc_merge *merge, const char *section, const char *key,
                  const char *said, json_t *out)
{
    char name[TABLEDOC_SECTION_ENTRY];
    const struct overlay_row *row;
    uint64_t digest = hash_str(str_of(said), 0);

    if (!tabledoc_section_entry(section, key, name))
        return set(out, key, said); /* the check has refused it */
    if (tabledoc_merge_section(merge, str_of(name), digest) < 0)
        return -1;
    row = overlay_find(merge->overlay, OVERLAY_SECTION, STR(""), str_of(name));
    if (!row)
        return set(out, key, said);
    if (row->has_base && digest == row->base)
        return row->is_deleted ? 0 : set(out, key, row->document);
    return tabledoc_merge_lose(merge, row, said) < 0 ? -1 : set(out, key, said);
}

/* What the API has made, and the file says nothing of. */
static int choose_rest(struct tabledoc_merge *merge, const char *section, const json_t *said,
                       json_t *out)
{
    const struct overlay_group *group = overlay_group(merge->overlay, STR(""));
    int result = 0;

    for (uint32_t i = 0; group && i < group->nr && result == 0; i++) {
        const struct overlay_row *row = group->rows[i];
        const char *key = entry_of(row, section);

        if (!key || json_object_get(said, key))
            continue;
        if (row->has_base)
            result = tabledoc_merge_lose(merge, row, NULL);
        else if (!row->is_deleted)
            result = set(out, key, row->document);
    }
    return result;
}

/* The section as it counts; NULL when out of memory. */
static char *merge_entries(struct tabledoc_merge *merge, const char *section, const json_t *said)
{
    json_t *out = json_object(), *value;
    const char *key;
    char *text = NULL;
    int result = out ? 0 : -1;

    json_object_foreach(unconst(said), key, value)
    {
        char *entry = result == 0 ? jsondoc_dump_sorted(value) : NULL;
        result = entry ? choose(merge, section, key, entry, out) : -1;
        free(entry);
    }
    if (result == 0)
        result = choose_rest(merge, section, said, out);
    if (result == 0)
        text = jsondoc_dump_sorted(out);
    json_decref(out);
    return text;
}

void tabledoc_section_take(struct jsondoc *doc, const char *name, const json_t *document,
                           struct tabledoc_out *out)
{
    const json_t *object = json_is_object(document) ? document : NULL;
    char *text = NULL;

    check(doc, name, object);
    if (out->merge && !doc->is_bad)
        text = merge_entries(out->merge, name, object);
    else
        text = object ? jsondoc_dump_sorted(object) : strdup("{}");
    if (text)
        put(doc, name, text, out);
    else
        jsondoc_no_memory(doc);
    free(text);
}
