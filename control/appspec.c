/* From the document, which may be either of two languages, to the struct. The first mistake is the
 * one that is told. */
#include "control/appspec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conf/hookname.h"
#include "control/yamldoc.h"

const char *const appspec_hook_names[APPSPEC_HOOKS] = {"BeforeAllowTraffic", "AfterAllowTraffic"};

static const char LAMBDA_FUNCTION[] = "AWS::Lambda::Function";
static const char STATE_MACHINE[] = "AWS::StepFunctions::StateMachine";

const char *appspec_type(const char *function)
{
    return machine_is(str_of(function)) ? STATE_MACHINE : LAMBDA_FUNCTION;
}

struct reading {
    struct appspec *out;
    char *reason;
};

static int wrong(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int wrong(struct reading *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->reason, APPSPEC_REASON_MAX, format, args);
    va_end(args);
    return -1;
}

/* ---- Keys in any case ------------------------------------------------------------------------ */

/* Its keys, each once in whatever case, into values[]: NULL where one is not there. */
static int read_keys(struct reading *r, const char *where, json_t *object, const char *const *list,
                     int nr, json_t **values)
{
    const char *key;
    json_t *value;

    for (int i = 0; i < nr; i++)
        values[i] = NULL;
    json_object_foreach(object, key, value)
    {
        int i = 0;

        while (i < nr && strcasecmp(key, list[i]) != 0)
            i++;
        if (i == nr)
            return wrong(r, "%s has no key \"%.60s\".", where, key);
        if (values[i])
            return wrong(r, "%s has the key %s twice.", where, list[i]);
        values[i] = value;
    }
    return 0;
}

/* The one member of an object. */
static const char *only_key(json_t *object, json_t **value)
{
    void *at = json_object_iter(object);

    if (json_object_size(object) != 1)
        return NULL;
    *value = json_object_iter_value(at);
    return json_object_iter_key(at);
}

/* ---- The resource ---------------------------------------------------------------------------- */

static bool is_number(struct str s)
{
    return invoke_is_version_name(s) && s.p[0] != '$';
}

/* JSON may write numbers. */
static int read_version(struct reading *r, const char *name, const json_t *value,
                        char out[APPSPEC_VERSION_MAX + 1])
{
    const char *text = json_string_value(value);
    char number[32];

    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        text = number;
    }
    if (!value)
        return wrong(r, "Properties must have %s: the number of a version.", name);
    if (!text || !is_number(str_of(text)))
        return wrong(r, "%s must be the number of a version, such as \"2\", not \"%.40s\".", name,
                     text ? text : "...");
    memcpy(out, text, strlen(text) + 1); /* which has at most twenty digits */
    return 0;
}

static int read_name(struct reading *r, const json_t *value)
{
    struct invoke_address address;

    if (!json_is_string(value))
        return wrong(r, "Properties must have Name: the name of a function.");
    if (invoke_parse_name(&address, str_of(json_string_value(value))) != INVOKE_OK ||
        address.qualifier.n > 0 || !invoke_is_function_name(address.function))
        return wrong(r, "Name must be the name of a function, without a qualifier, not \"%.100s\".",
                     json_string_value(value));
    snprintf(r->out->function, sizeof(r->out->function), "%.*s", STR_ARG(address.function));
    return 0;
}

/* The name, or the ARN. */
static int read_machine(struct reading *r, const json_t *value)
{
    const char *name = json_string_value(value), *last = name ? strrchr(name, ':') : NULL;

    if (name && strncmp(name, "arn:", 4) == 0 && last)
        name = last + 1;
    if (!name || !machine_is_name(str_of(name)) || !machine_full(str_of(name), r->out->function))
        return wrong(r, "Properties must have Name: the name or ARN of a state machine.");
    return 0;
}

static bool is_alias(bool is_machine, struct str name)
{
    return is_machine ? machine_is_alias_name(name) : invoke_is_alias_name(name);
}

static int read_properties(struct reading *r, json_t *properties, bool is_machine)
{
    static const char *const keys[] = {"Name", "Alias", "CurrentVersion", "TargetVersion"};
    json_t *values[4];

    if (!json_is_object(properties))
        return wrong(r, "The resource must have Properties: Name, Alias, CurrentVersion and "
                        "TargetVersion.");
    if (read_keys(r, "Properties", properties, keys, 4, values) < 0 ||
        (is_machine ? read_machine(r, values[0]) : read_name(r, values[0])) < 0)
        return -1;
    if (!json_is_string(values[1]))
        return wrong(r, "Properties must have Alias: the name of an alias.");
    if (!is_alias(is_machine, str_of(json_string_value(values[1]))))
        return wrong(r, "Alias must be the name of an alias, not \"%.100s\".",
                     json_string_value(values[1]));
    snprintf(r->out->alias, sizeof(r->out->alias), "%s", json_string_value(values[1]));
    if (read_version(r, keys[2], values[2], r->out->current) < 0)
        return -1;
    return read_version(r, keys[3], values[3], r->out->target);
}

static int read_resource(struct reading *r, json_t *resource)
{
    static const char *const keys[] = {"Type", "Properties"};
    json_t *values[2];
    const char *type;

    if (!json_is_object(resource))
        return wrong(r, "A resource must have Type and Properties.");
    if (read_keys(r, "The resource", resource, keys, 2, values) < 0)
        return -1;
    type = json_string_value(values[0]);
    if (!type || (strcmp(type, LAMBDA_FUNCTION) != 0 && strcmp(type, STATE_MACHINE) != 0))
        return wrong(r,
                     "Type must be AWS::Lambda::Function or AWS::StepFunctions::StateMachine, not "
                     "\"%.100s\".",
                     type ? type : "");
    return read_properties(r, values[1], strcmp(type, STATE_MACHINE) == 0);
}

/* A list of objects with one member each; one object is as good. */
static int read_resources(struct reading *r, json_t *resources)
{
    json_t *entry = resources, *resource = NULL;

    if (json_is_array(resources) && json_array_size(resources) == 1)
        entry = json_array_get(resources, 0);
    if (!resources)
        return wrong(r, "Resources is missing: a list with one resource.");
    if (!json_is_object(entry) || !only_key(entry, &resource))
        return wrong(r, "Resources must be a list with one resource in it, NAME: {Type, "
                        "Properties}: a deployment moves one alias.");
    return read_resource(r, resource);
}

/* ---- Hooks ----------------------------------------------------------------------------------- */

static int read_hook(struct reading *r, const char *key, const json_t *value)
{
    const char *text = json_string_value(value);
    int i = 0;

    while (i < APPSPEC_HOOKS && strcasecmp(key, appspec_hook_names[i]) != 0)
        i++;
    if (i == APPSPEC_HOOKS)
        return wrong(r,
                     "There is no hook \"%.60s\": there are BeforeAllowTraffic and "
                     "AfterAllowTraffic.",
                     key);
    if (r->out->hooks[i][0])
        return wrong(r, "The hook %s is there twice.", appspec_hook_names[i]);
    if (!text || !hookname_is(text))
        return wrong(r, "%s must be the name or ARN of a function, or a URL, not \"%.100s\".",
                     appspec_hook_names[i], text ? text : "...");
    snprintf(r->out->hooks[i], sizeof(r->out->hooks[i]), "%s", text);
    return 0;
}

static int read_hooks_of(struct reading *r, json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        if (read_hook(r, key, value) < 0)
            return -1;
    }
    return 0;
}

static int read_hooks(struct reading *r, json_t *hooks)
{
    size_t i;
    json_t *entry;

    if (!hooks || (json_is_string(hooks) && !*json_string_value(hooks)))
        return 0;
    if (json_is_object(hooks))
        return read_hooks_of(r, hooks);
    if (!json_is_array(hooks))
        return wrong(r, "Hooks must be a list, [{BeforeAllowTraffic: FUNCTION}].");
    json_array_foreach(hooks, i, entry)
    {
        if (!json_is_object(entry))
            return wrong(r, "Hooks must be a list of objects, [{BeforeAllowTraffic: FUNCTION}].");
        if (read_hooks_of(r, entry) < 0)
            return -1;
    }
    return 0;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static bool is_version_0(const json_t *value)
{
    const char *text = json_string_value(value);

    return json_is_number(value) ? json_number_value(value) == 0 : text && strcmp(text, "0.0") == 0;
}

static int read_all(struct reading *r, json_t *root)
{
    static const char *const keys[] = {"version", "Resources", "Hooks"};
    json_t *values[3];

    if (!json_is_object(root))
        return wrong(r, "An AppSpec is an object with version, Resources and Hooks.");
    if (read_keys(r, "An AppSpec", root, keys, 3, values) < 0)
        return -1;
    if (!is_version_0(values[0]))
        return wrong(r, "version must be there, and be 0.0.");
    if (read_resources(r, values[1]) < 0)
        return -1;
    return read_hooks(r, values[2]);
}

int appspec_read(struct appspec *out, struct str text, char reason[APPSPEC_REASON_MAX])
{
    struct reading r = {out, reason};
    char yaml[YAMLDOC_REASON_MAX];
    json_t *root;
    int result;

    *out = (struct appspec){.function = ""};
    reason[0] = '\0';
    if (text.n == 0)
        return wrong(&r, "The content is empty.");
    if (text.n > APPSPEC_BYTES_MAX)
        return wrong(&r, "The content has more than %d bytes.", APPSPEC_BYTES_MAX);
    root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    if (!root)
        root = yamldoc_load(text, yaml);
    if (!root)
        return wrong(&r, "The content is neither JSON nor YAML: %s.", yaml);
    result = read_all(&r, root);
    json_decref(root);
    return result;
}
