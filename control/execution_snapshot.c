/* Writing and reading what executions run. */
#include "control/execution_snapshot.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc_version.h"
#include "control/execution.h"
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

char *execution_snapshot(const struct api_hooks *hooks, struct table *table, const char *machine,
                         const char *version, char **digest)
{
    const struct version *found = find(table, machine, version);
    json_t *json = found ? json_object() : NULL;
    char *text = NULL;

    (void)hooks;
    *digest = NULL;
    if (json && json_object_set_new(json, "version", tabledoc_version_write(found)) == 0)
        text = jsondoc_dump_sorted(json);
    json_decref(json);
    if (text)
        *digest = digest_of(text);
    if (text && *digest)
        return text;
    free(text);
    return NULL;
}

json_t *execution_snapshot_describe(const struct api_hooks *hooks,
                                    const struct store_execution *execution)
{
    json_t *json = json_loads(execution->definition ? execution->definition : "{}", 0, NULL);
    json_t *answer = json_object(), *said = json_object_get(json, "machine");
    char arn[EXECUTION_ARN_MAX];

    execution_machine_arn(hooks, execution->machine, arn);
    json_object_set_new(answer, "stateMachineArn", json_string(arn));
    json_object_set_new(answer, "name", json_string(execution->machine));
    if (said)
        json_object_update(answer, said);
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
