/* Reading and writing what a machine's document says. */
#include "control/sfn_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jsondoc.h"

static const char LATEST[] = "$LATEST";

/* The largest that the table document takes as last_version. */
#define NUMBER_MAX ((json_int_t)1000000000000000000)

json_t *sfn_shape_version(const json_t *document, const char *name)
{
    return json_object_get(json_object_get(document, "versions"), name);
}

json_t *sfn_shape_current(const json_t *document, const char **name)
{
    json_t *versions = json_object_get(document, "versions"), *best = NULL;
    long long highest = -1;

    *name = LATEST;
    if (json_object_get(versions, LATEST))
        return json_object_get(versions, LATEST);
    for (void *i = json_object_iter(versions); i; i = json_object_iter_next(versions, i)) {
        long long number = strtoll(json_object_iter_key(i), NULL, 10);
        if (number <= highest)
            continue;
        highest = number;
        best = json_object_iter_value(i);
        *name = json_object_iter_key(i);
    }
    return best;
}

json_t *sfn_shape_latest(json_t *document)
{
    const char *name;
    json_t *current = sfn_shape_current(document, &name), *copy;

    if (strcmp(name, LATEST) == 0)
        return current;
    copy = json_deep_copy(current);
    return copy && json_object_set_new(json_object_get(document, "versions"), LATEST, copy) == 0
               ? copy
               : NULL;
}

json_t *sfn_shape_configuration(json_t *version)
{
    json_t *configuration = json_object_get(version, "configuration");

    if (configuration)
        return configuration;
    configuration = json_object();
    return json_object_set_new(version, "configuration", configuration) < 0 ? NULL : configuration;
}

const char *sfn_shape_text(const json_t *version, const char *member)
{
    return json_string_value(json_object_get(json_object_get(version, "configuration"), member));
}

/* Without what is only shown; a new reference, NULL when out of memory. */
static json_t *bare(const json_t *version)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)version);

    json_object_del(copy, "configuration");
    return copy;
}

char *sfn_shape_definition(const json_t *version)
{
    const char *said = sfn_shape_text(version, "definition");
    json_t *copy;
    char *text;

    if (said)
        return strdup(said);
    copy = bare(version);
    text = copy ? json_dumps(copy, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(copy);
    return text;
}

const char *sfn_shape_revision(const json_t *version)
{
    const char *revision = sfn_shape_text(version, "revision");

    return revision ? revision : "INITIAL";
}

bool sfn_shape_is_same(const json_t *a, const json_t *b)
{
    json_t *bare_a = bare(a), *bare_b = bare(b);
    bool is = json_equal(bare_a, bare_b);

    json_decref(bare_a);
    json_decref(bare_b);
    return is;
}

json_int_t sfn_shape_last_number(const json_t *document)
{
    json_t *versions = json_object_get(document, "versions");
    json_int_t last = json_integer_value(json_object_get(document, "last_version"));

    for (void *i = json_object_iter(versions); i; i = json_object_iter_next(versions, i)) {
        json_int_t number = (json_int_t)strtoll(json_object_iter_key(i), NULL, 10);
        last = number > last ? number : last;
    }
    return last < NUMBER_MAX ? last : NUMBER_MAX;
}

double sfn_shape_created(const struct sfn_call *call, const json_t *version)
{
    const json_t *created = json_object_get(json_object_get(version, "configuration"), "created");

    return json_is_integer(created) ? (double)json_integer_value(created) / 1000
                                    : call->ledger->began_s;
}

void sfn_shape_arn(const struct sfn_call *call, struct str machine, const char *qualifier,
                   char out[SFN_ARN_MAX])
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);
    struct arn_home home = {str_of(settings->aws.region), str_of(settings->aws.account_id)};

    sfn_arn_write(&home, "stateMachine", machine_bare(machine), str_of(qualifier), out);
}

/* Adds a member that is there, or what stands for it; takes otherwise. */
static void add(json_t *json, const json_t *configuration, const char *member, json_t *otherwise)
{
    json_t *value = json_object_get(configuration, member);

    if (value)
        json_object_set(json, member, value);
    else if (otherwise)
        json_object_set(json, member, otherwise);
    json_decref(otherwise);
}

static json_t *role_of(const struct sfn_call *call)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);

    return json_sprintf("arn:aws:iam::%s:role/weir", settings->aws.account_id);
}

json_t *sfn_shape_describe(const struct sfn_call *call, const struct function *machine,
                           const json_t *version, const char *arn)
{
    const json_t *configuration = json_object_get(version, "configuration");
    struct str name = machine_bare(machine->name);
    char *definition = sfn_shape_definition(version);
    json_t *json =
        definition ? json_pack("{s:s, s:s%, s:s, s:s, s:s, s:f}", "stateMachineArn", arn, "name",
                               name.p, name.n, "status", "ACTIVE", "definition", definition, "type",
                               machine->machine->is_express ? "EXPRESS" : "STANDARD",
                               "creationDate", sfn_shape_created(call, version))
                   : NULL;

    free(definition);
    if (!json)
        return NULL;
    add(json, configuration, "roleArn", role_of(call));
    add(json, configuration, "loggingConfiguration",
        json_pack("{s:s, s:b}", "level", "OFF", "includeExecutionData", 0));
    add(json, configuration, "tracingConfiguration", json_pack("{s:b}", "enabled", 0));
    add(json, configuration, "encryptionConfiguration", NULL);
    add(json, configuration, "description", NULL);
    if (sfn_shape_text(version, "revision"))
        json_object_set_new(json, "revisionId", json_string(sfn_shape_text(version, "revision")));
    return json;
}
