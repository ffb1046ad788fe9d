/* From requests to actions. */
#include "control/action.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NR(list) (sizeof(list) / sizeof((list)[0]))

enum { SEGMENTS_MAX = 5 };

/* ---- Services with one address --------------------------------------------------------------- */

static const struct {
    struct str target;
    const char *service, *json;
} services[] = {
    {{"AWSStepFunctions.", 17}, "states", "application/x-amz-json-1.0"},
    {{"CodeDeploy_20141006.", 20}, "codedeploy", "application/x-amz-json-1.1"},
};

static bool begins_with(struct str s, struct str with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static enum credentials_right right_of_operation(struct str operation)
{
    static const struct str reading[] = {
        {"List", 4}, {"Get", 3}, {"Describe", 8}, {"BatchGet", 8}, {"Validate", 8}};

    for (size_t i = 0; i < NR(reading); i++)
        if (begins_with(operation, reading[i]))
            return CREDENTIALS_READ;
    if (begins_with(operation, STR("SendTask")) || str_eq(operation, STR("StopExecution")) ||
        str_eq(operation, STR("RedriveExecution")))
        return CREDENTIALS_INVOKE;
    return begins_with(operation, STR("Start")) && operation.n > 9 &&
                   memcmp(operation.p + operation.n - 9, "Execution", 9) == 0
               ? CREDENTIALS_INVOKE
               : CREDENTIALS_WRITE;
}

static bool read_target(struct action *out, struct str target)
{
    for (size_t i = 0; i < NR(services); i++) {
        struct str operation;

        if (!begins_with(target, services[i].target))
            continue;
        operation = (struct str){target.p + services[i].target.n, target.n - services[i].target.n};
        out->service = services[i].service;
        out->json = services[i].json;
        out->right = right_of_operation(operation);
        snprintf(out->name, sizeof(out->name), "%s:%.*s", out->service, STR_ARG(operation));
        return true;
    }
    return false;
}

/* ---- Lambda ---------------------------------------------------------------------------------- */

/* What follows the date and, where there is one, the function's name, which is written F. */
static const struct {
    const char *method, *rest, *name;
} lambda[] = {
    {"GET", "functions", "ListFunctions"},
    {"POST", "functions", "CreateFunction"},
    {"GET", "functions/F", "GetFunction"},
    {"DELETE", "functions/F", "DeleteFunction"},
    {"PUT", "functions/F/code", "UpdateFunctionCode"},
    {"GET", "functions/F/configuration", "GetFunctionConfiguration"},
    {"PUT", "functions/F/configuration", "UpdateFunctionConfiguration"},
    {"GET", "functions/F/versions", "ListVersionsByFunction"},
    {"POST", "functions/F/versions", "PublishVersion"},
    {"GET", "functions/F/aliases", "ListAliases"},
    {"POST", "functions/F/aliases", "CreateAlias"},
    {"GET", "functions/F/aliases/F", "GetAlias"},
    {"PUT", "functions/F/aliases/F", "UpdateAlias"},
    {"DELETE", "functions/F/aliases/F", "DeleteAlias"},
    {"GET", "functions/F/concurrency", "GetFunctionConcurrency"},
    {"PUT", "functions/F/concurrency", "PutFunctionConcurrency"},
    {"DELETE", "functions/F/concurrency", "DeleteFunctionConcurrency"},
    {"GET", "functions/F/url", "GetFunctionUrlConfig"},
    {"POST", "functions/F/url", "CreateFunctionUrlConfig"},
    {"PUT", "functions/F/url", "UpdateFunctionUrlConfig"},
    {"DELETE", "functions/F/url", "DeleteFunctionUrlConfig"},
    {"GET", "functions/F/urls", "ListFunctionUrlConfigs"},
    {"POST", "functions/F/invocations", "InvokeFunction"},
    {"POST", "functions/F/invoke-async", "InvokeFunction"},
    {"POST", "functions/F/response-streaming-invocations", "InvokeFunction"},
    {"GET", "tags/F", "ListTags"},
    {"POST", "tags/F", "TagResource"},
    {"DELETE", "tags/F", "UntagResource"},
    {"GET", "account-settings", "GetAccountSettings"},
};

static int split(struct str path, struct str out[SEGMENTS_MAX])
{
    int nr = 0;

    while (path.n > 0 && nr < SEGMENTS_MAX) {
        struct str segment = str_until(path, '/');
        size_t used = segment.n + (segment.n < path.n);

        if (segment.n > 0)
            out[nr++] = segment;
        path.p += used;
        path.n -= used;
    }
    return nr;
}

/* 2015-03-31 and the like. */
static bool is_date(struct str s)
{
    static const char form[] = "dddd-dd-dd";

    for (size_t i = 0; s.n == sizeof(form) - 1 && i < s.n; i++)
        if (form[i] == '-' ? s.p[i] != '-' : (s.p[i] < '0' || s.p[i] > '9'))
            return false;
    return s.n == sizeof(form) - 1;
}

static bool is_shape(const struct str *segments, int nr, const char *rest)
{
    struct str shape = str_of(rest);

    for (int i = 0; i < nr; i++) {
        struct str expected = str_until(shape, '/');
        size_t used = expected.n + (expected.n < shape.n);

        if (!str_eq(expected, STR("F")) && !str_eq(expected, segments[i]))
            return false;
        shape.p += used;
        shape.n -= used;
    }
    return shape.n == 0;
}

static const char *find_operation(struct str method, const struct str *segments, int nr)
{
    for (size_t i = 0; i < NR(lambda); i++)
        if (str_eq(method, str_of(lambda[i].method)) && is_shape(segments, nr, lambda[i].rest))
            return lambda[i].name;
    return NULL;
}

static void read_function(struct action *out, struct str name)
{
    if (invoke_parse_name(&out->text, name) == INVOKE_OK)
        out->function = out->text.function;
}

/* CreateFunction says the name in its body; what cannot be read is refused later. */
static void read_new_function(struct action *out, struct str body)
{
    json_t *json = json_loadb(body.p ? body.p : "", body.n, 0, NULL);
    struct str name = str_of(json_string_value(json_object_get(json, "FunctionName")));

    if (name.n > 0)
        read_function(out, name); /* which copies it */
    json_decref(json);
}

void action_read(struct action *out, struct str method, struct str path, struct str target,
                 struct str body)
{
    bool is_reading = str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
    struct str segments[SEGMENTS_MAX];
    int nr = split(path, segments), first;
    const char *name;

    *out = (struct action){.service = "lambda"};
    if (read_target(out, target))
        return;
    out->right = is_reading ? CREDENTIALS_READ : CREDENTIALS_WRITE;
    snprintf(out->name, sizeof(out->name), "weir:%s", is_reading ? "Read" : "Write");
    first = nr > 0 && is_date(segments[0]) ? 1 : 0;
    if (nr >= first + 2 && (str_eq(segments[first], STR("functions")) ||
                            (first == 1 && str_eq(segments[first], STR("tags")))))
        read_function(out, segments[first + 1]);
    if (first == 0)
        return;
    name = find_operation(is_reading ? STR("GET") : method, segments + 1, nr - 1);
    snprintf(out->name, sizeof(out->name), "lambda:%s", name ? name : (is_reading ? "Get" : "Put"));
    if (!name)
        return;
    if (strcmp(name, "InvokeFunction") == 0)
        out->right = CREDENTIALS_INVOKE;
    if (strcmp(name, "CreateFunction") == 0)
        read_new_function(out, body);
}
