/* Aliases are the table's; when they were made and changed stands in the ledger. */
#include "control/sfn_alias.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_alias.h"
#include "control/sfn_routing.h"
#include "control/sfn_shape.h"

enum { DESCRIPTION_MAX = 256, ALIASES_MAX = 100 };

static const unsigned ANY_MACHINE =
    1u << SFN_ARN_MACHINE | 1u << SFN_ARN_VERSION | 1u << SFN_ARN_ALIAS;

/* ---- Dates ----------------------------------------------------------------------------------- */

struct dates {
    double created, updated;
};

static void terminate(struct str s, char *out, size_t size)
{
    snprintf(out, size, "%.*s", STR_ARG(s));
}

/* Of one that the table file made: when weir began. */
static struct dates dates_of(const struct sfn_call *call, const struct target *target)
{
    char function[MACHINE_BYTES_MAX + 1], name[MACHINE_ALIAS_MAX + 1];
    const json_t *row;

    terminate(target->function->name, function, sizeof(function));
    terminate(target->alias, name, sizeof(name));
    row = ledger_machine_alias(call->ledger, function, name);
    if (!row)
        return (struct dates){call->ledger->began_s, call->ledger->began_s};
    return (struct dates){json_number_value(json_object_get(row, "created")),
                          json_number_value(json_object_get(row, "updated"))};
}

static void keep_dates(struct sfn_call *call, const char *function, const char *name,
                       struct dates dates)
{
    ledger_edits_add(&call->edits, LEDGER_MACHINE_ALIAS, function, name,
                     json_pack("{s:f, s:f}", "created", dates.created, "updated", dates.updated));
}

/* ---- Finding --------------------------------------------------------------------------------- */

static void fail_absent(struct sfn_call *call)
{
    sfn_call_fail(call, "ResourceNotFound", "Request references a resource that does not exist.");
}

/* The alias that an ARN names; NULL where there is none. */
static struct target *look_up(const struct sfn_call *call, const struct sfn_arn *arn)
{
    struct target *target =
        table_find(sfn_call_table(call), str_of(arn->function), arn->qualifier, NULL);

    return target && target->alias.n > 0 ? target : NULL;
}

/* The alias's ARN; false where it fails. */
static bool read_arn(struct sfn_call *call, struct sfn_arn *arn)
{
    if (!sfn_call_arn(call, "stateMachineAliasArn", ANY_MACHINE, arn))
        return false;
    if (arn->kind != SFN_ARN_ALIAS)
        sfn_call_fail(call, "ValidationException",
                      "A state machine alias ARN is required. Received: '%.*s'",
                      STR_ARG(arn->text));
    return !call->is_over;
}

/* ---- CreateStateMachineAlias ----------------------------------------------------------------- */

static void check_name(struct sfn_call *call, const char *name)
{
    lambda_check_length(&call->check, name, "name", 1, MACHINE_ALIAS_MAX);
    if (name && strlen(name) >= 1 && strlen(name) <= MACHINE_ALIAS_MAX &&
        !machine_is_alias_name(str_of(name)))
        lambda_check_add(&call->check, str_of(name), "name",
                         "Member must satisfy regular expression pattern: "
                         "^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$");
}

static json_t *show_created(const struct sfn_call *call, struct str machine, const char *name,
                            double created)
{
    char arn[SFN_ARN_MAX];

    sfn_shape_arn(call, machine, name, arn);
    return json_pack("{s:s, s:f}", "stateMachineAliasArn", arn, "creationDate", created);
}

/* Does it say the same? The order of the versions does not count. */
static bool is_same(const struct target *target, const struct sfn_routing *routing,
                    const char *description)
{
    int nr_same = 0;

    for (int i = 0; i < routing->nr; i++)
        for (int k = 0; k < target->nr_arms; k++)
            nr_same += str_eq(target->arms[k].version->name, routing->arns[i].qualifier) &&
                       target->arms[k].weight ==
                           (uint32_t)routing->weights[i] * (uint32_t)(SPLIT_ONE / 100);
    return nr_same == routing->nr && target->nr_arms == routing->nr &&
           str_eq(target->description, str_of(description ? description : ""));
}

static int count_aliases(const struct sfn_call *call, const char *function)
{
    const struct function *machine = table_function(sfn_call_table(call), str_of(function));
    uint32_t nr;

    table_targets_of(sfn_call_table(call), machine, &nr);
    return (int)nr - machine->nr_versions;
}

static void create(struct sfn_call *call, const char *function, const char *name,
                   const struct sfn_routing *routing, const char *description)
{
    double now = sfn_call_now_s();
    json_t *document = json_pack("{s:o}", "weights", sfn_routing_weights(routing));

    if (document && description && *description)
        json_object_set_new(document, "description", json_string(description));
    if (!document) {
        sfn_call_fail_memory(call);
        return;
    }
    keep_dates(call, function, name, (struct dates){now, now});
    call->answer = show_created(call, str_of(function), name, now);
    sfn_call_submit_alias(call, str_of(function), name, document);
}

void sfn_alias_create(struct sfn_call *call)
{
    const char *name = sfn_call_text(call, "name");
    const char *description = sfn_call_text(call, "description"), *function;
    const struct target *target;
    struct sfn_routing routing;

    sfn_call_require(call, name, "name");
    check_name(call, name);
    lambda_check_length(&call->check, description, "description", 0, DESCRIPTION_MAX);
    sfn_call_require(call, json_object_get(call->body, "routingConfiguration"),
                     "routingConfiguration");
    sfn_routing_read(call, &routing);
    if (sfn_call_is_wrong(call) || !sfn_routing_check(call, &routing, ""))
        return;
    function = routing.arns[0].function;
    target = table_find(sfn_call_table(call), str_of(function), str_of(name), NULL);
    if (target && is_same(target, &routing, description))
        sfn_call_answer_take(
            call, show_created(call, str_of(function), name, dates_of(call, target).created));
    else if (target)
        sfn_call_fail(call, "ConflictException",
                      "Failed to create alias because an alias with the same name and a different "
                      "routing configuration already exists.");
    else if (count_aliases(call, function) >= ALIASES_MAX)
        sfn_call_fail(call, "ServiceQuotaExceededException",
                      "A state machine has %d aliases at most.", ALIASES_MAX);
    else
        create(call, function, name, &routing, description);
}

/* ---- UpdateStateMachineAlias ----------------------------------------------------------------- */

/* What the alias says beside stays. */
static void update(struct sfn_call *call, const struct target *target,
                   const struct sfn_routing *routing, const char *description)
{
    struct dates dates = dates_of(call, target);
    char function[MACHINE_BYTES_MAX + 1], name[MACHINE_ALIAS_MAX + 1];
    json_t *document = tabledoc_alias_write(target);

    terminate(target->function->name, function, sizeof(function));
    terminate(target->alias, name, sizeof(name));
    dates.updated = sfn_call_now_s();
    if (document && routing->nr > 0)
        json_object_set_new(document, "weights", sfn_routing_weights(routing));
    if (document && description)
        json_object_set_new(document, "description", json_string(description));
    if (!document) {
        sfn_call_fail_memory(call);
        return;
    }
    keep_dates(call, function, name, dates);
    call->answer = json_pack("{s:f}", "updateDate", dates.updated);
    sfn_call_submit_alias(call, target->function->name, name, document);
}

void sfn_alias_update(struct sfn_call *call)
{
    const char *description = sfn_call_text(call, "description");
    const struct target *target;
    struct sfn_routing routing;
    struct sfn_arn arn;

    lambda_check_length(&call->check, description, "description", 0, DESCRIPTION_MAX);
    sfn_routing_read(call, &routing);
    if (!read_arn(call, &arn))
        return;
    if (!description && routing.nr == 0) {
        sfn_call_fail_reason(call, "MISSING_REQUIRED_PARAMETER",
                             "Either the description or the routing configuration must be "
                             "specified");
        return;
    }
    if (routing.nr > 0 && !look_up(call, &arn))
        fail_absent(call);
    if (call->is_over || (routing.nr > 0 && !sfn_routing_check(call, &routing, arn.function)))
        return;
    target = look_up(call, &arn);
    if (target)
        update(call, target, &routing, description);
    else
        fail_absent(call);
}

/* ---- Describe, list, delete ------------------------------------------------------------------ */

void sfn_alias_describe(struct sfn_call *call)
{
    struct sfn_arn arn;
    const struct target *target;
    struct dates dates;
    char name[MACHINE_ALIAS_MAX + 1], text[SFN_ARN_MAX];
    json_t *answer;

    if (!read_arn(call, &arn))
        return;
    target = look_up(call, &arn);
    if (!target) {
        fail_absent(call);
        return;
    }
    dates = dates_of(call, target);
    terminate(target->alias, name, sizeof(name));
    sfn_shape_arn(call, target->function->name, name, text);
    answer = json_pack("{s:s, s:s, s:o, s:f, s:f}", "stateMachineAliasArn", text, "name", name,
                       "routingConfiguration", sfn_routing_show(call, target), "creationDate",
                       dates.created, "updateDate", dates.updated);
    if (answer && target->description.n > 0)
        json_object_set_new(answer, "description",
                            json_stringn(target->description.p, target->description.n));
    sfn_call_answer_take(call, answer);
}

struct listed {
    const struct target *target;
    double created;
};

/* The oldest first; those of one moment in the table's order. */
static int compare(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;

    if (x->created != y->created)
        return x->created < y->created ? -1 : 1;
    return (x->target->index > y->target->index) - (x->target->index < y->target->index);
}

static bool has_version(const struct target *target, struct str version)
{
    for (int i = 0; i < target->nr_arms; i++)
        if (str_eq(target->arms[i].version->name, version))
            return true;
    return false;
}

/* Those that route to the version; empty: all. To be freed; NULL when out of memory. */
static struct listed *gather(const struct sfn_call *call, const struct function *machine,
                             struct str version, size_t *nr)
{
    const struct table *table = sfn_call_table(call);
    uint32_t nr_targets, first = table_targets_of(table, machine, &nr_targets);
    struct listed *list = calloc((size_t)nr_targets + 1, sizeof(*list));

    *nr = 0;
    for (uint32_t i = first; list && i < first + nr_targets; i++) {
        const struct target *target = table_target(table, i);

        if (target->alias.n > 0 && (version.n == 0 || has_version(target, version)))
            list[(*nr)++] = (struct listed){target, dates_of(call, target).created};
    }
    if (*nr > 1)
        qsort(list, *nr, sizeof(*list), compare);
    return list;
}

/* The machine whose aliases are asked for, and of an ARN with a version that; NULL: failed. */
static const struct function *find_listed(struct sfn_call *call, struct sfn_arn *arn)
{
    if (!sfn_call_arn(call, "stateMachineArn", ANY_MACHINE, arn))
        return NULL;
    if (arn->kind != SFN_ARN_ALIAS)
        return sfn_call_target(call, arn) ? sfn_call_machine(call, arn) : NULL;
    sfn_call_fail(call, "StateMachineDoesNotExist", "State Machine Does Not Exist: '%.*s'",
                  STR_ARG(arn->text));
    return NULL;
}

void sfn_alias_list(struct sfn_call *call)
{
    struct sfn_page page;
    struct sfn_arn arn;
    const struct function *machine;
    struct listed *list = NULL;
    json_t *items = json_array(), *names = json_array();
    char name[MACHINE_ALIAS_MAX + 1];
    size_t nr = 0;

    sfn_call_page(call, &page);
    machine = find_listed(call, &arn);
    if (machine)
        list = gather(call, machine, arn.qualifier, &nr);
    for (size_t i = 0; i < nr; i++) {
        terminate(list[i].target->alias, name, sizeof(name));
        json_array_append_new(items, show_created(call, machine->name, name, list[i].created));
        json_array_append_new(names, json_string(name));
    }
    free(list);
    sfn_call_page_take(call, &page, "stateMachineAliases", items, names);
}

/* One that is not there is gone already. */
void sfn_alias_delete(struct sfn_call *call)
{
    struct sfn_arn arn;
    const struct target *target;
    char name[MACHINE_ALIAS_MAX + 1];

    if (!read_arn(call, &arn))
        return;
    target = look_up(call, &arn);
    if (!target) {
        sfn_call_answer_empty(call);
        return;
    }
    terminate(target->alias, name, sizeof(name));
    ledger_edits_add(&call->edits, LEDGER_MACHINE_ALIAS, arn.function, name, NULL);
    sfn_call_submit_alias(call, target->function->name, name, NULL);
}
