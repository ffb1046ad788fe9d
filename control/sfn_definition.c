/* Members are looked at in the document's order, so that what is named is the first that is beyond
 * weir. */
#include "control/sfn_definition.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_function.h"
#include "conf/tabledoc_version.h"
#include "router/invoke.h"

enum { TIMEOUT_MAX_S = 99999999 };

static const char SCHEMA[] = "SCHEMA_VALIDATION_FAILED";

static void fail(struct sfn_definition *out, const char *location, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Only the first counts. */
static void fail(struct sfn_definition *out, const char *location, const char *format, ...)
{
    va_list args;

    if (out->code)
        return;
    out->code = SCHEMA;
    snprintf(out->location, sizeof(out->location), "%s", location);
    va_start(args, format);
    vsnprintf(out->message, sizeof(out->message), format, args);
    va_end(args);
}

/* It is right, but weir cannot run it. */
static void go_beyond(struct sfn_definition *out, const char *location)
{
    if (out->code)
        return;
    fail(
        out, location,
        "weir itself runs one Task state that calls an HTTP endpoint or a function of weir's; this "
        "is beyond it, and the setting step_functions.engine names no server that runs it");
    out->is_asl = true;
}

void sfn_definition_fini(struct sfn_definition *definition)
{
    json_decref(definition->version);
    definition->version = NULL;
}

/* ---- A version as the table writes it -------------------------------------------------------- */

static void take_problems(struct sfn_definition *out, const struct problems *problems)
{
    static const char head[] = "$.versions.$LATEST";
    const struct problem *first = &problems->list[0];
    const char *path = first->path;

    if (strncmp(path, head, sizeof(head) - 1) == 0)
        path += sizeof(head) - 1;
    fail(out, *path ? path : "/", "%s", first->message);
}

/* Does the table document take it? */
static void check_version(struct sfn_definition *out, const json_t *version)
{
    struct problems problems = {0};
    struct jsondoc doc = {.problems = &problems};
    struct tabledoc_out dry = {.is_dry = true};
    struct place machine = tabledoc_function_place(NULL, MACHINE_PREFIX "x");
    struct place versions = JSONDOC_KEY(&machine, "versions");
    struct place at = JSONDOC_KEY(&versions, "$LATEST");

    tabledoc_version_read(&doc, &at, version, &dry);
    if (problems.nr > 0)
        take_problems(out, &problems);
    problems_fini(&problems);
}

/* What can be run must be there. */
static void check_function(struct sfn_definition *out, const struct table *table,
                           const json_t *version)
{
    const char *function = json_string_value(json_object_get(version, "function"));
    const char *qualifier = json_string_value(json_object_get(version, "qualifier"));
    bool knows;

    if (out->code || !function || table_find(table, str_of(function), str_of(qualifier), &knows))
        return;
    if (knows)
        fail(out, "/qualifier", "the function \"%s\" has no alias or version \"%s\"", function,
             qualifier ? qualifier : "$LATEST");
    else
        fail(out, "/function", "there is no function \"%s\"", function);
}

static void read_plain(struct sfn_definition *out, const json_t *document,
                       const struct table *table)
{
    if (json_object_get(document, "configuration"))
        fail(out, "/configuration", "configuration is weir's own here");
    check_version(out, document);
    check_function(out, table, document);
    if (!out->code)
        out->version = json_deep_copy(document);
}

/* ---- Amazon States Language ------------------------------------------------------------------ */

struct asl {
    struct sfn_definition *out;
    const struct table *table;
    const struct arn_home *home;
    char at[256]; /* of the state, "/States/NAME" */
    json_int_t timeout_s;
};

static void beyond(struct asl *asl, const char *member)
{
    char location[320];

    snprintf(location, sizeof(location), "%s%s%s", asl->at, member ? "/" : "",
             member ? member : "");
    go_beyond(asl->out, location);
}

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* The smaller one counts. */
static void take_timeout(struct asl *asl, const json_t *value)
{
    json_int_t s = json_integer_value(value);

    if (!json_is_integer(value) || s < 1 || s > TIMEOUT_MAX_S) {
        fail(asl->out, asl->at, "TimeoutSeconds must be a whole number of 1 to %d", TIMEOUT_MAX_S);
        return;
    }
    if (asl->timeout_s == 0 || s < asl->timeout_s)
        asl->timeout_s = s;
}

/* Members that change nothing. */
static bool is_harmless(const char *key, const json_t *value)
{
    if (strcmp(key, "Comment") == 0)
        return json_is_string(value);
    return strcmp(key, "QueryLanguage") == 0 && is_text(value, "JSONPath");
}

static void set_timeout(struct asl *asl)
{
    if (asl->out->version && asl->timeout_s > 0)
        json_object_set_new(asl->out->version, "timeouts",
                            json_pack("{s:I}", "execution_ms", asl->timeout_s * 1000));
}

/* ---- http:invoke ---- */

static void read_parameters(struct asl *asl, json_t *parameters)
{
    const char *url = json_string_value(json_object_get(parameters, "ApiEndpoint")), *key;
    json_t *value;

    json_object_foreach(parameters, key, value)
    {
        bool is_fine = strcmp(key, "ApiEndpoint") == 0 || strcmp(key, "Authentication") == 0 ||
                       strcmp(key, "InvocationConfig") == 0 ||
                       (strcmp(key, "Method") == 0 && is_text(value, "POST")) ||
                       (strcmp(key, "RequestBody.$") == 0 && is_text(value, "$"));
        char member[300];

        snprintf(member, sizeof(member), "Parameters/%.250s", key);
        if (!is_fine)
            beyond(asl, member);
    }
    if (!url)
        beyond(asl, "Parameters/ApiEndpoint");
    if (!json_object_get(parameters, "Method"))
        beyond(asl, "Parameters/Method");
    if (!json_object_get(parameters, "RequestBody.$"))
        beyond(asl, "Parameters/RequestBody.$");
    if (!asl->out->code)
        asl->out->version = json_pack("{s:s, s:[s]}", "kind", "http", "endpoints", url);
}

static void read_http(struct asl *asl, json_t *state)
{
    json_t *parameters = json_object_get(state, "Parameters"), *value;
    const char *key;

    json_object_foreach(state, key, value)
    {
        if (strcmp(key, "TimeoutSeconds") == 0)
            take_timeout(asl, value);
        else if (strcmp(key, "Type") != 0 && strcmp(key, "Resource") != 0 &&
                 strcmp(key, "Parameters") != 0 && !is_harmless(key, value) &&
                 !(strcmp(key, "End") == 0 && json_is_true(value)) &&
                 !(strcmp(key, "InputPath") == 0 && is_text(value, "$")) &&
                 !(strcmp(key, "ResultPath") == 0 && is_text(value, "$")) &&
                 !(strcmp(key, "OutputPath") == 0 && is_text(value, "$.ResponseBody")))
            beyond(asl, key);
    }
    if (!json_object_get(state, "OutputPath"))
        beyond(asl, "OutputPath");
    if (!json_object_get(state, "End"))
        beyond(asl, "End");
    if (json_is_object(parameters))
        read_parameters(asl, parameters);
    else
        beyond(asl, "Parameters");
}

/* ---- A function ---- */

/* Cuts "function:NAME[:QUALIFIER]" of weir's own region and account off an ARN. */
static bool read_function_arn(struct asl *asl, const char *text)
{
    struct str rest = str_of(text), part[8] = {{NULL, 0}};
    char function[80], qualifier[140];
    int nr = 0;

    for (; nr < 8; nr++) {
        part[nr] = str_until(rest, ':');
        rest.p += part[nr].n;
        rest.n -= part[nr].n;
        if (rest.n == 0)
            break;
        rest.p++;
        rest.n--;
    }
    nr++;
    if (nr < 7 || nr > 8 || !str_eq(part[0], STR("arn")) || !str_eq(part[2], STR("lambda")) ||
        !str_eq(part[3], asl->home->region) || !str_eq(part[4], asl->home->account) ||
        !str_eq(part[5], STR("function")) || part[6].n >= sizeof(function) ||
        (nr == 8 && part[7].n >= sizeof(qualifier)))
        return false;
    snprintf(function, sizeof(function), "%.*s", STR_ARG(part[6]));
    snprintf(qualifier, sizeof(qualifier), "%.*s", nr == 8 ? (int)part[7].n : 0,
             nr == 8 ? part[7].p : "");
    if (!invoke_is_function_name(str_of(function)))
        return false;
    asl->out->version = json_pack("{s:s, s:s}", "kind", "function", "function", function);
    if (qualifier[0])
        json_object_set_new(asl->out->version, "qualifier", json_string(qualifier));
    return true;
}

static void read_function(struct asl *asl, json_t *state)
{
    json_t *value;
    const char *key;

    json_object_foreach(state, key, value)
    {
        if (strcmp(key, "TimeoutSeconds") == 0)
            take_timeout(asl, value);
        else if (strcmp(key, "Resource") == 0 && !read_function_arn(asl, json_string_value(value)))
            beyond(asl, key);
        else if (strcmp(key, "Type") != 0 && strcmp(key, "Resource") != 0 &&
                 !is_harmless(key, value) && !(strcmp(key, "End") == 0 && json_is_true(value)) &&
                 !((strcmp(key, "InputPath") == 0 || strcmp(key, "ResultPath") == 0 ||
                    strcmp(key, "OutputPath") == 0) &&
                   is_text(value, "$")))
            beyond(asl, key);
    }
    if (!json_object_get(state, "End"))
        beyond(asl, "End");
}

/* ---- The document ---- */

static void read_state(struct asl *asl, json_t *state)
{
    const char *resource = json_string_value(json_object_get(state, "Resource"));

    if (!is_text(json_object_get(state, "Type"), "Task"))
        beyond(asl, NULL);
    else if (!resource)
        fail(asl->out, asl->at, "These fields are required: [Resource]");
    else if (strcmp(resource, "arn:aws:states:::http:invoke") == 0)
        read_http(asl, state);
    else if (strstr(resource, ":lambda:") && strstr(resource, ":function:"))
        read_function(asl, state);
    else
        beyond(asl, "Resource");
}

/* What every document in the language has. */
static bool has_form(struct sfn_definition *out, const json_t *document)
{
    const json_t *states = json_object_get(document, "States");
    const char *start = json_string_value(json_object_get(document, "StartAt"));

    if (!states || !start)
        fail(out, "/", "These fields are required: [%s%s%s]", states ? "" : "States",
             states || start ? "" : ", ", start ? "" : "StartAt");
    else if (!json_is_object(states) || json_object_size(states) == 0)
        fail(out, "/States", "States must be an object with a state at least");
    else if (!json_is_object(json_object_get(states, start)))
        fail(out, "/StartAt", "StartAt names \"%.200s\", which is no state", start);
    return !out->code;
}

static void read_states(struct asl *asl, json_t *states)
{
    const char *name;
    json_t *state;

    json_object_foreach(states, name, state)
    {
        const char *type = json_string_value(json_object_get(state, "Type"));

        snprintf(asl->at, sizeof(asl->at), "/States/%.200s", name);
        if (!type)
            fail(asl->out, asl->at, "These fields are required: [Type]");
        else if (json_object_size(states) > 1 && strcmp(type, "Task") == 0)
            beyond(asl, json_object_get(state, "Next") ? "Next" : NULL);
        else
            read_state(asl, state);
    }
}

static void read_asl(struct asl *asl, json_t *document)
{
    struct sfn_definition *out = asl->out;
    json_t *value;
    const char *key;

    if (!has_form(out, document))
        return;
    json_object_foreach(document, key, value)
    {
        asl->at[0] = '\0';
        if (strcmp(key, "TimeoutSeconds") == 0)
            take_timeout(asl, value);
        else if (strcmp(key, "States") == 0)
            read_states(asl, value);
        else if (strcmp(key, "StartAt") != 0 && !is_harmless(key, value) &&
                 !(strcmp(key, "Version") == 0 && is_text(value, "1.0")))
            beyond(asl, key);
    }
    set_timeout(asl);
    if (out->version && !out->code)
        check_version(out, out->version);
    check_function(out, asl->table, out->version);
}

void sfn_definition_read(const char *text, const struct table *table, const struct arn_home *home,
                         struct sfn_definition *out)
{
    struct asl asl = {.out = out, .table = table, .home = home};
    json_error_t error;
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

    *out = (struct sfn_definition){.version = NULL};
    if (!document) {
        fail(out, "/", "%s, line %d, column %d", error.text, error.line, error.column);
        out->code = "INVALID_JSON_DESCRIPTION";
    } else if (!json_is_object(document)) {
        fail(out, "/", "Definition must be a valid JSON object");
    } else if (json_object_get(document, "kind") || json_object_get(document, "endpoints")) {
        read_plain(out, document, table);
    } else {
        read_asl(&asl, document);
    }
    if (out->code)
        sfn_definition_fini(out);
    json_decref(document);
}
