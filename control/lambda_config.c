/* The members are rows: name, type and what the model asks of the value. */
#include "control/lambda_config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "conf/jsondoc.h"
#include "control/lambda_shape.h"

enum { ENVIRONMENT_MAX = 4096 };

typedef void check(struct lambda_call *call, const json_t *value);

static void check_description(struct lambda_call *call, const json_t *value)
{
    lambda_check_length(&call->check, json_string_value(value), "description", 0, 256);
}

/* arn:aws:iam::000000000000:role/name */
static bool is_role(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-/";
    struct str rest = str_of(text), fields[5];

    for (int i = 0; i < 5; i++) {
        fields[i] = str_until(rest, ':');
        if (fields[i].n == rest.n)
            return false;
        rest.p += fields[i].n + 1;
        rest.n -= fields[i].n + 1;
    }
    return str_eq(fields[0], STR("arn")) && arn_is_partition(fields[1]) &&
           str_eq(fields[2], STR("iam")) && fields[3].n == 0 && arn_is_account(fields[4]) &&
           rest.n > 4 && memcmp(rest.p, "role", 4) == 0 &&
           strspn(rest.p + 4, allowed) + 4 == rest.n;
}

static void check_role(struct lambda_call *call, const json_t *value)
{
    const char *role = json_string_value(value);

    if (!is_role(role))
        lambda_check_add(&call->check, str_of(role), "role",
                         "Member must satisfy regular expression pattern: "
                         "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+");
}

static void check_handler(struct lambda_call *call, const json_t *value)
{
    const char *handler = json_string_value(value);

    lambda_check_length(&call->check, handler, "handler", 0, 128);
    if (strcspn(handler, " \t\r\n\v\f") < strlen(handler))
        lambda_check_add(&call->check, str_of(handler), "handler",
                         "Member must satisfy regular expression pattern: [^\\s]+");
}

static void check_timeout(struct lambda_call *call, const json_t *value)
{
    lambda_check_range(&call->check, value, "timeout", 1, 900);
}

static void check_memory(struct lambda_call *call, const json_t *value)
{
    lambda_check_range(&call->check, value, "memorySize", 128, 32768);
}

static void check_variables(struct lambda_call *call, const json_t *value)
{
    json_t *variables =
        (json_t *)(uintptr_t)lambda_call_member(call, value, "Variables", JSON_OBJECT);

    for (void *i = json_object_iter(variables); i; i = json_object_iter_next(variables, i)) {
        const char *name = json_object_iter_key(i);
        const char *text = json_string_value(json_object_iter_value(i));
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        char shown[128];

        if (!text && !call->wrong_type)
            call->wrong_type = "Variables";
        if (name[n] == '\0' && n > 1 && strcspn(name, "0123456789_") > 0)
            continue;
        snprintf(shown, sizeof(shown), "{%.*s=...}", JSONDOC_QUOTE(name));
        lambda_check_add(
            &call->check, str_of(shown), "environment.variables",
            "Map keys must satisfy constraint: [Member must satisfy regular expression "
            "pattern: [a-zA-Z]([a-zA-Z0-9_])+]");
    }
}

static void check_dead_letter(struct lambda_call *call, const json_t *value)
{
    lambda_call_text(call, value, "TargetArn");
}

static void check_tracing(struct lambda_call *call, const json_t *value)
{
    lambda_check_choice(&call->check, lambda_call_text(call, value, "Mode"), "tracingConfig.mode",
                        "[Active, PassThrough]");
}

static void check_storage(struct lambda_call *call, const json_t *value)
{
    const json_t *size = lambda_call_member(call, value, "Size", JSON_INTEGER);

    lambda_call_require(call, size, "ephemeralStorage.size");
    lambda_check_range(&call->check, size, "ephemeralStorage.size", 512, 10240);
}

static void check_snap_start(struct lambda_call *call, const json_t *value)
{
    lambda_check_choice(&call->check, lambda_call_text(call, value, "ApplyOn"), "snapStart.applyOn",
                        "[PublishedVersions, None]");
}

static void check_logging(struct lambda_call *call, const json_t *value)
{
    lambda_check_choice(&call->check, lambda_call_text(call, value, "LogFormat"),
                        "loggingConfig.logFormat", "[JSON, Text]");
}

static const struct member {
    const char *name;
    json_type type;
    check *check;
} members[] = {
    {"Description", JSON_STRING, check_description},
    {"Role", JSON_STRING, check_role},
    {"Runtime", JSON_STRING, NULL},
    {"Handler", JSON_STRING, check_handler},
    {"Timeout", JSON_INTEGER, check_timeout}, /* timeout_ms, not configuration */
    {"MemorySize", JSON_INTEGER, check_memory},
    {"VpcConfig", JSON_OBJECT, NULL},
    {"DeadLetterConfig", JSON_OBJECT, check_dead_letter},
    {"Environment", JSON_OBJECT, check_variables},
    {"KMSKeyArn", JSON_STRING, NULL},
    {"TracingConfig", JSON_OBJECT, check_tracing},
    {"Layers", JSON_ARRAY, NULL},
    {"FileSystemConfigs", JSON_ARRAY, NULL},
    {"ImageConfig", JSON_OBJECT, NULL},
    {"EphemeralStorage", JSON_OBJECT, check_storage},
    {"SnapStart", JSON_OBJECT, check_snap_start},
    {"LoggingConfig", JSON_OBJECT, check_logging},
};

enum { NR_MEMBERS = sizeof(members) / sizeof(members[0]) };

void lambda_config_check(struct lambda_call *call)
{
    for (int i = 0; i < NR_MEMBERS; i++) {
        const json_t *value =
            lambda_call_member(call, call->body, members[i].name, members[i].type);
        if (value && members[i].check)
            members[i].check(call, value);
    }
}

void lambda_config_check_architectures(struct lambda_call *call)
{
    const json_t *list = lambda_call_member(call, call->body, "Architectures", JSON_ARRAY);
    const char *first = json_string_value(json_array_get(list, 0));
    char shown[128];

    if (!list)
        return;
    snprintf(shown, sizeof(shown), "[%.100s%s]", first ? first : "",
             json_array_size(list) > 1 ? ", ..." : "");
    if (json_array_size(list) != 1)
        lambda_check_add(&call->check, str_of(shown), "architectures",
                         "Member must have length less than or equal to 1");
    else if (!first || (strcmp(first, "x86_64") != 0 && strcmp(first, "arm64") != 0))
        lambda_check_add(&call->check, str_of(shown), "architectures",
                         "Member must satisfy constraint: [Member must satisfy enum value set: "
                         "[x86_64, arm64], Member must not be null]");
}

bool lambda_config_fits(struct lambda_call *call)
{
    const json_t *variables =
        json_object_get(json_object_get(call->body, "Environment"), "Variables");
    char *text = variables ? json_dumps(variables, JSON_COMPACT) : NULL;
    bool is_long = text && strlen(text) > ENVIRONMENT_MAX;

    if (is_long)
        lambda_call_fail_value(
            call,
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. String measured: %.*s",
            jsondoc_quote_length(text), text);
    free(text);
    return !is_long;
}

/* ---- Putting --------------------------------------------------------------------------------- */

json_t *lambda_config_of(json_t *version)
{
    json_t *configuration = json_object_get(version, "configuration");

    if (configuration)
        return configuration;
    configuration = json_object();
    return json_object_set_new(version, "configuration", configuration) < 0 ? NULL : configuration;
}

int lambda_config_touch(json_t *version)
{
    json_t *configuration = lambda_config_of(version);
    char now[LAMBDA_SHAPE_DATE];

    lambda_shape_date(clock_unix_us(), false, now);
    return configuration ? json_object_set_new(configuration, "LastModified", json_string(now))
                         : -1;
}

/* What an update says of logging goes over what there is: the other members stay. */
static int put_logging(json_t *configuration, const json_t *value)
{
    const json_t *before = json_object_get(configuration, "LoggingConfig");
    json_t *merged = before ? json_copy((json_t *)(uintptr_t)before) : json_object();

    if (!merged || json_object_update(merged, (json_t *)(uintptr_t)value) < 0) {
        json_decref(merged);
        return -1;
    }
    return json_object_set_new(configuration, "LoggingConfig", merged);
}

/* Nothing is left of an object whose one purpose is empty. */
static bool is_removal(const char *name, const json_t *value)
{
    const char *target = json_string_value(json_object_get(value, "TargetArn"));

    if (strcmp(name, "Environment") == 0)
        return json_object_size(json_object_get(value, "Variables")) == 0;
    if (strcmp(name, "DeadLetterConfig") == 0)
        return !target || !*target;
    return json_is_array(value) && json_array_size(value) == 0;
}

static int put_member(json_t *configuration, const char *name, json_t *value)
{
    if (strcmp(name, "LoggingConfig") == 0)
        return put_logging(configuration, value);
    if (!is_removal(name, value))
        return json_object_set(configuration, name, value);
    json_object_del(configuration, name);
    return 0;
}

int lambda_config_put(const json_t *body, json_t *version)
{
    json_t *configuration = lambda_config_of(version);

    for (int i = 0; configuration && i < NR_MEMBERS; i++) {
        json_t *value = json_object_get(body, members[i].name);
        int r = 0;

        if (!value || json_is_null(value))
            continue;
        if (strcmp(members[i].name, "Timeout") == 0)
            r = json_object_set_new(version, "timeout_ms",
                                    json_integer(json_integer_value(value) * 1000));
        else
            r = put_member(configuration, members[i].name, value);
        if (r < 0)
            return -1;
    }
    return configuration ? 0 : -1;
}

/* ---- Dead letters ---------------------------------------------------------------------------- */

/* The value of dead_letter, FUNCTION[:QUALIFIER] or a URL, into out. False where there is none. */
static bool read_target(const struct lambda_call *call, const char *target, char *out, size_t size)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);
    struct lambda_name name;

    if (strncmp(target, "http://", 7) == 0 || strncmp(target, "https://", 8) == 0) {
        snprintf(out, size, "%s", target);
        return strlen(target) < size;
    }
    if (strncmp(target, "arn:", 4) != 0 || !lambda_name_parse(str_of(target), &name) ||
        strcmp(name.region, settings->aws.region) != 0 ||
        strcmp(name.account, settings->aws.account_id) != 0)
        return false;
    snprintf(out, size, "%s%s%s", name.function, name.qualifier[0] ? ":" : "", name.qualifier);
    return true;
}

bool lambda_config_put_dead_letter(struct lambda_call *call, json_t *document)
{
    const json_t *config = json_object_get(call->body, "DeadLetterConfig");
    const char *target = json_string_value(json_object_get(config, "TargetArn"));
    char value[2048];

    if (!json_is_object(config))
        return true;
    if (!target || !*target) {
        json_object_del(document, "dead_letter");
        return true;
    }
    if (!read_target(call, target, value, sizeof(value))) {
        lambda_call_fail_value(call, "DeadLetterConfig.TargetArn must be the ARN of a function of "
                                     "this account and region, or a URL: weir has no queues and no "
                                     "topics.");
        return false;
    }
    if (json_object_set_new(document, "dead_letter", json_string(value)) == 0)
        return true;
    lambda_call_fail_memory(call);
    return false;
}
