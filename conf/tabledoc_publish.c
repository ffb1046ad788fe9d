/* The form is checked where a function is read, the names once the sections are there as well: what
 * deletes a plan or an alarm is refused while a function names it. */
#include "conf/tabledoc_publish.h"

#include <string.h>

#include "conf/hookname.h"
#include "router/machine.h"

enum { PUBLISH_ALARMS_MAX = 10 };

const char *const tabledoc_publish_types[] = {"Canary10Percent5Minutes",
                                              "Canary10Percent10Minutes",
                                              "Canary10Percent15Minutes",
                                              "Canary10Percent30Minutes",
                                              "Linear10PercentEvery1Minute",
                                              "Linear10PercentEvery2Minutes",
                                              "Linear10PercentEvery3Minutes",
                                              "Linear10PercentEvery10Minutes",
                                              "AllAtOnce",
                                              NULL};

static json_t *unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value; /* jansson's iterators take no const */
}

/* ---- Form ------------------------------------------------------------------------------------ */

/* Adds a problem for each key that is none of the list, which ends with NULL. */
static void check_keys(struct jsondoc *doc, const struct place *at, const json_t *object,
                       const char *const *known)
{
    const char *key;
    json_t *value;
    size_t nr = 0;

    while (known[nr])
        nr++;
    json_object_foreach(unconst(object), key, value)
    {
        struct place member = JSONDOC_KEY(at, key);
        struct jsondoc_text names = {0};
        size_t i = 0;

        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (known[i])
            continue;
        jsondoc_append_keys(doc, &names, known, nr, key);
        jsondoc_problem(doc, &member, "unknown_key", "is not known here%s", names.s);
    }
}

static void check_hooks(struct jsondoc *doc, const struct place *at, const json_t *hooks)
{
    static const char *const keys[] = {"pre_traffic", "post_traffic", NULL};

    if (!hooks ||
        !jsondoc_is_object(doc, at, hooks, "an object of hooks, {\"pre_traffic\": \"f\"}"))
        return;
    check_keys(doc, at, hooks, keys);
    for (int i = 0; keys[i]; i++) {
        struct place member = JSONDOC_KEY(at, keys[i]);
        const json_t *hook = json_object_get(hooks, keys[i]);

        if (hook &&
            jsondoc_is_string(doc, &member, hook, "the name or ARN of a function, or a URL") &&
            !hookname_is(json_string_value(hook)))
            jsondoc_problem(doc, &member, "bad_value",
                            "\"%.*s\" is no hook: that is the name or ARN of a function, or a URL",
                            JSONDOC_QUOTE(json_string_value(hook)));
    }
}

static void check_alarms(struct jsondoc *doc, const struct place *at, const json_t *alarms)
{
    if (!alarms || !jsondoc_is_array(doc, at, alarms, "a list of alarms, [\"errors\"]"))
        return;
    if (json_array_size(alarms) > PUBLISH_ALARMS_MAX)
        jsondoc_problem(doc, at, "too_many", "has %zu alarms; at most %d may be",
                        json_array_size(alarms), PUBLISH_ALARMS_MAX);
    for (size_t i = 0; i < json_array_size(alarms); i++) {
        struct place item = JSONDOC_ITEM(at, i);
        (void)jsondoc_is_string(doc, &item, json_array_get(alarms, i),
                                "the name of an alarm of the section alarms");
    }
}

static void check_preference(struct jsondoc *doc, const struct place *at, const json_t *preference)
{
    static const char *const keys[] = {"type", "hooks", "alarms", "enabled", NULL};
    struct place type_at = JSONDOC_KEY(at, "type"), hooks_at = JSONDOC_KEY(at, "hooks");
    struct place alarms_at = JSONDOC_KEY(at, "alarms"), enabled_at = JSONDOC_KEY(at, "enabled");
    const json_t *type = json_object_get(preference, "type");
    const json_t *enabled = json_object_get(preference, "enabled");

    check_keys(doc, at, preference, keys);
    if (type)
        (void)jsondoc_is_string(doc, &type_at, type, "a plan, \"Linear10PercentEvery2Minutes\"");
    check_hooks(doc, &hooks_at, json_object_get(preference, "hooks"));
    check_alarms(doc, &alarms_at, json_object_get(preference, "alarms"));
    if (enabled && !json_is_boolean(enabled))
        jsondoc_problem(doc, &enabled_at, "wrong_type", "must be true or false, not %s",
                        jsondoc_kind(enabled));
}

void tabledoc_publish_check(struct jsondoc *doc, const struct place *at, bool has_alias,
                            const json_t *preference)
{
    struct place preference_at = JSONDOC_KEY(at, "deployment_preference");

    if (!preference)
        return;
    check_preference(doc, &preference_at, preference);
    if (!has_alias)
        jsondoc_problem(doc, &preference_at, "missing",
                        "says how a version is brought in that is published, but not to which "
                        "alias: add \"auto_publish_alias\": \"live\" beside it");
}

/* ---- Names ----------------------------------------------------------------------------------- */

static bool is_type(const char *name)
{
    size_t n = strlen(TABLEDOC_PUBLISH_PREFIX);
    const char *bare = strncmp(name, TABLEDOC_PUBLISH_PREFIX, n) == 0 ? name + n : name;

    for (int i = 0; tabledoc_publish_types[i]; i++)
        if (strcmp(tabledoc_publish_types[i], bare) == 0)
            return true;
    return false;
}

/* SAM's names, and those of the section. */
static void append_types(const struct jsondoc *doc, struct jsondoc_text *text,
                         const json_t *configs, const char *word)
{
    json_t *all = json_object();

    for (int i = 0; tabledoc_publish_types[i]; i++)
        json_object_set_new(all, tabledoc_publish_types[i], json_true());
    json_object_update(all, unconst(configs));
    jsondoc_append_known(doc, text, all, word);
    json_decref(all);
}

/* The sections of a table, as objects. */
struct names {
    json_t *configs, *alarms;
};

static json_t *section_of(const struct table *table, enum model_section section)
{
    json_t *json = json_loads(table_section(table, section), 0, NULL);

    return json ? json : json_object();
}

static void check_type(struct jsondoc *doc, const struct place *at, const struct names *names,
                       const char *type)
{
    struct place type_at = JSONDOC_KEY(at, "type");
    struct jsondoc_text known = {0};

    if (!type || is_type(type) || json_object_get(names->configs, type))
        return;
    append_types(doc, &known, names->configs, type);
    jsondoc_problem(doc, &type_at, "unknown_config",
                    "\"%.*s\" is neither one of SAM's plans nor in the section "
                    "deployment_configs%s",
                    JSONDOC_QUOTE(type), known.s);
}

static void check_alarm_names(struct jsondoc *doc, const struct place *at,
                              const struct names *names, const json_t *alarms)
{
    struct place alarms_at = JSONDOC_KEY(at, "alarms");

    for (size_t i = 0; i < json_array_size(alarms); i++) {
        struct place item = JSONDOC_ITEM(&alarms_at, i);
        const char *alarm = json_string_value(json_array_get(alarms, i));
        struct jsondoc_text known = {0};

        if (json_object_get(names->alarms, alarm))
            continue;
        jsondoc_append_known(doc, &known, names->alarms, alarm);
        jsondoc_problem(doc, &item, "unknown_alarm",
                        "there is no alarm \"%.*s\" in the section alarms%s", JSONDOC_QUOTE(alarm),
                        known.s);
    }
}

static void check_function(struct jsondoc *doc, const struct names *names,
                           const struct function *function)
{
    bool is_machine = machine_is(function->name);
    struct place root = JSONDOC_ROOT;
    struct place section_at = JSONDOC_KEY(&root, is_machine ? "state_machines" : "functions");
    char name[MACHINE_BYTES_MAX + 1];
    struct place at = JSONDOC_KEY(&section_at, name);
    struct place preference_at = JSONDOC_KEY(&at, "deployment_preference");
    json_t *preference = json_loads(function->more->deployment_preference, 0, NULL);

    at.skip = is_machine ? MACHINE_PREFIX_BYTES : 0;
    snprintf(name, sizeof(name), "%.*s", STR_ARG(function->name));
    if (preference) {
        check_type(doc, &preference_at, names,
                   json_string_value(json_object_get(preference, "type")));
        check_alarm_names(doc, &preference_at, names, json_object_get(preference, "alarms"));
    } else {
        jsondoc_no_memory(doc);
    }
    json_decref(preference);
}

void tabledoc_publish_check_names(struct jsondoc *doc, const struct table *table)
{
    struct function *const *functions;
    int nr = table_functions(table, &functions);
    struct names names = {0};

    for (int i = 0; i < nr; i++) {
        if (!functions[i]->more || !functions[i]->more->deployment_preference)
            continue;
        if (!names.configs) {
            names.configs = section_of(table, MODEL_DEPLOYMENT_CONFIGS);
            names.alarms = section_of(table, MODEL_ALARMS);
        }
        check_function(doc, &names, functions[i]);
    }
    json_decref(names.configs);
    json_decref(names.alarms);
}

void tabledoc_publish_config(const json_t *preference, char out[TABLEDOC_PUBLISH_CONFIG])
{
    const char *type = json_string_value(json_object_get(preference, "type"));
    int i = 0;

    snprintf(out, TABLEDOC_PUBLISH_CONFIG, "%s", type ? type : "");
    while (type && tabledoc_publish_types[i] && strcmp(tabledoc_publish_types[i], type) != 0)
        i++;
    if (type && tabledoc_publish_types[i])
        snprintf(out, TABLEDOC_PUBLISH_CONFIG, TABLEDOC_PUBLISH_PREFIX "%s", type);
}
