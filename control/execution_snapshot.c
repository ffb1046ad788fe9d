/* Writing and reading what executions run. */
#include "control/execution_snapshot.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc_version.h"
#include "control/execution_work.h"
#include "control/sfn_shape.h"
#include "router/machine.h"

enum { DIGITS = 17 };

static const struct version *find(const struct table *table, const char *machine,
                                  const char *version)
{
    char full[MACHINE_BYTES_MAX + 1];
    const struct target *target = machine_full(str_of(machine), full)
                                      ? table_find(table, str_of(full), str_of(version), NULL)
                                      : NULL;

    return target && target->alias.n == 0 ? target->arms[0].version : NULL;
}

static char *digest_of(const char *text)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    char *out = malloc(2 * sizeof(hash) + 1);

    SHA256((const unsigned char *)text, strlen(text), hash);
    for (size_t i = 0; out && i < sizeof(hash); i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    return out;
}

static char *write(const struct version *version, char **digest)
{
    json_t *json = json_object();
    char *text = NULL;

    if (json && json_object_set_new(json, "version", tabledoc_version_write(version)) == 0)
        text = jsondoc_dump_sorted(json);
    json_decref(json);
    if (text)
        *digest = digest_of(text);
    if (text && *digest)
        return text;
    free(text);
    return NULL;
}

void execution_snapshot_fini(struct execution_snapshots *kept)
{
    for (int i = 0; i < EXECUTION_SNAPSHOTS; i++) {
        free(kept->list[i].text);
        free(kept->list[i].digest);
    }
    *kept = (struct execution_snapshots){.list = {{.generation = 0}}};
}

char *execution_snapshot(const struct api_hooks *hooks, struct table *table, const char *machine,
                         const char *version, char **digest)
{
    const struct version *found = find(table, machine, version);
    struct execution_snapshots *kept = &hooks->executions->snapshots;
    size_t at = ((uintptr_t)found >> 6) % EXECUTION_SNAPSHOTS;
    char *text = NULL;

    *digest = NULL;
    if (!found)
        return NULL;
    if (kept->list[at].version != found || kept->list[at].generation != table->generation ||
        !kept->list[at].text) {
        free(kept->list[at].text);
        free(kept->list[at].digest);
        kept->list[at].digest = NULL;
        kept->list[at].text = write(found, &kept->list[at].digest);
        kept->list[at].version = found;
        kept->list[at].generation = table->generation;
    }
    if (kept->list[at].text) {
        text = strdup(kept->list[at].text);
        *digest = strdup(kept->list[at].digest);
    }
    if (text && *digest)
        return text;
    free(text);
    free(*digest);
    *digest = NULL;
    return NULL;
}

/* A member of what is kept of the revision, or what stands for it; takes otherwise. */
static void add(json_t *json, const json_t *configuration, const char *member, json_t *otherwise)
{
    json_t *value = json_object_get(configuration, member);

    if (value)
        json_object_set(json, member, value);
    else if (otherwise)
        json_object_set(json, member, otherwise);
    json_decref(otherwise);
}

static json_t *time_of(const json_t *configuration, uint64_t otherwise_ms)
{
    const json_t *ms = json_object_get(configuration, "updated");

    if (!json_is_integer(ms))
        ms = json_object_get(configuration, "created");
    return json_real(json_is_integer(ms) ? (double)json_integer_value(ms) / 1000
                                         : (double)otherwise_ms / 1000);
}

json_t *execution_snapshot_describe(const struct api_hooks *hooks,
                                    const struct store_execution *execution)
{
    const struct settings *settings = hooks->settings(hooks->context);
    json_t *json = json_loads(execution->definition ? execution->definition : "{}", 0, NULL);
    json_t *version = json_object_get(json, "version");
    const json_t *configuration = json_object_get(version, "configuration");
    const char *revision = json_string_value(json_object_get(configuration, "revision"));
    char arn[EXECUTION_ARN_MAX], *definition = sfn_shape_definition(version);
    json_t *answer = json_object();

    execution_work_machine_arn(hooks, execution->machine, arn);
    json_object_set_new(answer, "stateMachineArn", json_string(arn));
    json_object_set_new(answer, "name", json_string(execution->machine));
    json_object_set_new(answer, "definition", json_string(definition ? definition : "{}"));
    free(definition);
    add(answer, configuration, "roleArn",
        json_sprintf("arn:aws:iam::%s:role/weir", settings->aws.account_id));
    json_object_set_new(answer, "updateDate", time_of(configuration, execution->started_ms));
    add(answer, configuration, "loggingConfiguration",
        json_pack("{s:s, s:b}", "level", "OFF", "includeExecutionData", 0));
    add(answer, configuration, "tracingConfiguration", json_pack("{s:b}", "enabled", 0));
    add(answer, configuration, "encryptionConfiguration", NULL);
    if (revision)
        json_object_set_new(answer, "revisionId", json_string(revision));
    json_decref(json);
    return answer;
}

/* A document of that version alone. */
static struct table *rebuild(const struct api_hooks *hooks, const char *machine,
                             const char *version, const char *text)
{
    json_t *json = json_loads(text ? text : "", 0, NULL);
    json_t *document = json_pack("{s:{s:{s:{s:O}}}, s:{}}", "state_machines", machine, "versions",
                                 version, json_object_get(json, "version"), "functions");
    char *whole = document ? jsondoc_dump_line(document, DIGITS) : NULL;
    struct table *table = NULL;

    if (whole)
        table = hooks->table_of(hooks->context, whole);
    if (!table)
        log_error("what an execution of %s:%s is to run cannot be made of what was stored", machine,
                  version);
    free(whole);
    json_decref(document);
    json_decref(json);
    return table;
}

struct table *execution_snapshot_table(const struct api_hooks *hooks, const char *machine,
                                       const char *version, const char *digest, const char *text)
{
    struct table *table = hooks->table(hooks->context);
    char *now = NULL, *own = execution_snapshot(hooks, table, machine, version, &now);
    bool is_same = own && strcmp(now, digest) == 0;

    free(own);
    free(now);
    return is_same ? table_ref(table) : rebuild(hooks, machine, version, text);
}
