/* A version is a copy of $LATEST under a number that is never used again. */
#include "control/sfn_version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jsondoc.h"
#include "control/sfn_shape.h"

enum { DESCRIPTION_MAX = 256, VERSIONS_MAX = 1000 };

static const unsigned ANY_MACHINE =
    1u << SFN_ARN_MACHINE | 1u << SFN_ARN_VERSION | 1u << SFN_ARN_ALIAS;

/* The machine of the member's ARN, which must be unqualified; NULL: failed. */
static struct function *find_plain(struct sfn_call *call)
{
    struct sfn_arn arn;

    if (!sfn_call_arn(call, "stateMachineArn", ANY_MACHINE, &arn))
        return NULL;
    if (arn.kind == SFN_ARN_MACHINE)
        return sfn_call_machine(call, &arn);
    sfn_call_fail(call, "StateMachineDoesNotExist", "State Machine Does Not Exist: '%.*s'",
                  STR_ARG(arn.text));
    return NULL;
}

/* ---- Publishing ------------------------------------------------------------------------------ */

/* The name of the version of this revision; NULL: there is none. */
static const char *find_published(const json_t *document, const json_t *latest)
{
    json_t *versions = json_object_get(document, "versions");
    const char *revision = sfn_shape_revision(latest), *found = NULL;
    long long highest = 0;

    for (void *i = json_object_iter(versions); i; i = json_object_iter_next(versions, i)) {
        const json_t *version = json_object_iter_value(i);
        long long number = strtoll(json_object_iter_key(i), NULL, 10);

        if (version == latest || number < highest ||
            strcmp(sfn_shape_revision(version), revision) != 0 ||
            !sfn_shape_is_same(version, latest))
            continue;
        highest = number;
        found = json_object_iter_key(i);
    }
    return found;
}

/* The copy's own date and description. */
static int describe(json_t *copy, const char *description)
{
    json_t *configuration = sfn_shape_configuration(copy);

    if (!configuration)
        return -1;
    json_object_del(configuration, "request");
    json_object_del(configuration, "updated");
    json_object_del(configuration, "description");
    if (description && *description &&
        json_object_set_new(configuration, "description", json_string(description)) < 0)
        return -1;
    return json_object_set_new(configuration, "created", json_integer(sfn_call_now_ms()));
}

int sfn_version_add(struct sfn_call *call, json_t *document, const char *description,
                    char out[SFN_VERSION_NAME], bool *is_new)
{
    json_t *versions = json_object_get(document, "versions");
    json_t *latest = sfn_shape_latest(document), *copy;
    json_int_t number = sfn_shape_last_number(document) + 1;
    const char *published = latest ? find_published(document, latest) : NULL;

    *is_new = !published;
    if (published) {
        snprintf(out, SFN_VERSION_NAME, "%s", published);
        return 0;
    }
    if (json_object_size(versions) > VERSIONS_MAX) {
        sfn_call_fail(call, "ServiceQuotaExceededException",
                      "A state machine has %d versions at most.", VERSIONS_MAX);
        return -1;
    }
    snprintf(out, SFN_VERSION_NAME, "%" JSON_INTEGER_FORMAT, number);
    copy = json_deep_copy(latest);
    if (!copy || describe(copy, description) < 0) {
        json_decref(copy);
        copy = NULL;
    }
    if (!copy || json_object_set_new(versions, out, copy) < 0 ||
        json_object_set_new(document, "last_version", json_integer(number)) < 0) {
        sfn_call_fail_memory(call);
        return -1;
    }
    return 0;
}

static json_t *show_version(const struct sfn_call *call, const struct function *machine,
                            const json_t *document, const char *name)
{
    char arn[SFN_ARN_MAX];

    sfn_shape_arn(call, machine->name, name, arn);
    return json_pack("{s:s, s:f}", "stateMachineVersionArn", arn, "creationDate",
                     sfn_shape_created(call, sfn_shape_version(document, name)));
}

static bool has_revision(struct sfn_call *call, const json_t *document, const char *expected)
{
    const char *name, *now = sfn_shape_revision(sfn_shape_current(document, &name));

    if (!expected || strcmp(expected, now) == 0)
        return true;
    sfn_call_fail(call, "ConflictException",
                  "Failed to publish the State Machine version for revision %s. The current State "
                  "Machine revision is %s.",
                  expected, now);
    return false;
}

void sfn_version_publish(struct sfn_call *call)
{
    const char *description = sfn_call_text(call, "description");
    const char *revision = sfn_call_text(call, "revisionId");
    struct function *machine;
    char name[SFN_VERSION_NAME];
    json_t *document;
    bool is_new;

    lambda_check_length(&call->check, description, "description", 0, DESCRIPTION_MAX);
    machine = find_plain(call);
    document = machine ? sfn_call_document(call, machine) : NULL;
    if (!document)
        return;
    if (!has_revision(call, document, revision) ||
        sfn_version_add(call, document, description, name, &is_new) < 0) {
        json_decref(document);
        return;
    }
    call->answer = show_version(call, machine, document, name);
    if (is_new) {
        sfn_call_submit_machine(call, machine->name, document);
        return;
    }
    json_decref(document);
    sfn_call_answer_take(call, json_incref(call->answer));
}

/* ---- Listing --------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    long long x = strtoll(*(const char *const *)a, NULL, 10);
    long long y = strtoll(*(const char *const *)b, NULL, 10);

    return (x < y) - (x > y); /* the newest first */
}

void sfn_version_list(struct sfn_call *call)
{
    struct sfn_page page;
    struct function *machine;
    json_t *document, *versions, *items = json_array(), *names = json_array();
    const char **list;
    size_t nr = 0;

    sfn_call_page(call, &page);
    machine = find_plain(call);
    document = machine ? sfn_call_document(call, machine) : NULL;
    versions = json_object_get(document, "versions");
    list = calloc(json_object_size(versions) + 1, sizeof(list[0]));
    for (void *i = json_object_iter(versions); list && i; i = json_object_iter_next(versions, i))
        if (json_object_iter_key(i)[0] != '$')
            list[nr++] = json_object_iter_key(i);
    if (nr > 1)
        qsort(list, nr, sizeof(list[0]), compare);
    for (size_t i = 0; i < nr; i++) {
        json_array_append_new(items, show_version(call, machine, document, list[i]));
        json_array_append_new(names, json_string(list[i]));
    }
    free(list);
    json_decref(document);
    sfn_call_page_take(call, &page, "stateMachineVersions", items, names);
}

/* ---- Deleting -------------------------------------------------------------------------------- */

/* "a, b": the aliases that have the version; false: none. */
static bool name_aliases(const json_t *document, const char *version, struct jsondoc_text *text)
{
    json_t *aliases = json_object_get(document, "aliases");
    bool has = false;

    for (void *i = json_object_iter(aliases); i; i = json_object_iter_next(aliases, i)) {
        if (!json_object_get(json_object_get(json_object_iter_value(i), "weights"), version))
            continue;
        jsondoc_append(text, "%s%s", has ? ", " : "", json_object_iter_key(i));
        has = true;
    }
    return has;
}

static void remove_version(struct sfn_call *call, const struct function *machine, json_t *document,
                           const char *version)
{
    struct jsondoc_text text = {0};

    if (name_aliases(document, version, &text)) {
        sfn_call_fail(call, "ConflictException",
                      "Version to be deleted must not be referenced by an alias. Current list of "
                      "aliases referencing this version: [%s]",
                      text.s);
        json_decref(document);
        return;
    }
    if (!sfn_shape_latest(document) ||
        json_object_set_new(document, "last_version",
                            json_integer(sfn_shape_last_number(document))) < 0) {
        json_decref(document);
        sfn_call_fail_memory(call);
        return;
    }
    json_object_del(json_object_get(document, "versions"), version);
    sfn_call_submit_machine(call, machine->name, document);
}

/* One that is not there is gone already. */
void sfn_version_delete(struct sfn_call *call)
{
    struct sfn_arn arn;
    const struct function *machine;
    char version[SFN_ARN_NAME_MAX];
    json_t *document;

    if (!sfn_call_arn(call, "stateMachineVersionArn", ANY_MACHINE, &arn))
        return;
    if (arn.kind != SFN_ARN_VERSION) {
        sfn_call_fail(call, "ValidationException",
                      "A state machine version ARN is required. Received: '%.*s'",
                      STR_ARG(arn.text));
        return;
    }
    snprintf(version, sizeof(version), "%.*s", STR_ARG(arn.qualifier));
    machine = table_function(sfn_call_table(call), str_of(arn.function));
    if (!machine || !model_version(machine, str_of(version), 0)) {
        sfn_call_answer_empty(call);
        return;
    }
    document = sfn_call_document(call, machine);
    if (document)
        remove_version(call, machine, document, version);
}
