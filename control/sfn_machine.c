/* A machine is made with its first revision, $LATEST; each update that changes anything makes
 * another. */
#include "control/sfn_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/jsondoc.h"
#include "control/sfn_definition.h"
#include "control/sfn_enlist.h"
#include "control/sfn_shape.h"
#include "control/sfn_tags.h"
#include "control/sfn_version.h"

enum { DEFINITION_MAX = 1048576, DESCRIPTION_MAX = 256, ROLE_MAX = 256 };

static const unsigned ANY_MACHINE =
    1u << SFN_ARN_MACHINE | 1u << SFN_ARN_VERSION | 1u << SFN_ARN_ALIAS;

/* What weir keeps and shows, no more. */
static const char *const kept[] = {"loggingConfiguration", "tracingConfiguration",
                                   "encryptionConfiguration"};
enum { NR_KEPT = sizeof(kept) / sizeof(kept[0]) };

/* What a call says of a revision. */
struct wanted {
    const char *definition, *role, *description;
    const json_t *kept[NR_KEPT];
    bool publish;
};

/* ---- What is asked for ----------------------------------------------------------------------- */

static void check_definition(struct sfn_call *call, const char *definition)
{
    size_t n = definition ? strlen(definition) : 1;
    char constraint[80];

    if (n >= 1 && n <= DEFINITION_MAX)
        return;
    snprintf(constraint, sizeof(constraint), "Member must have length %s than or equal to %d",
             n < 1 ? "greater" : "less", n < 1 ? 1 : DEFINITION_MAX);
    lambda_check_add(&call->check, (struct str){definition, n < 64 ? n : 64}, "definition",
                     constraint);
}

static void read_wanted(struct sfn_call *call, struct wanted *out)
{
    const json_t *publish = sfn_call_member(call, call->body, "publish", JSON_TRUE);

    *out = (struct wanted){.definition = sfn_call_text(call, "definition"),
                           .role = sfn_call_text(call, "roleArn"),
                           .description = sfn_call_text(call, "versionDescription"),
                           .publish = json_is_true(publish)};
    for (int i = 0; i < NR_KEPT; i++)
        out->kept[i] = sfn_call_member(call, call->body, kept[i], JSON_OBJECT);
    check_definition(call, out->definition);
    lambda_check_length(&call->check, out->role, "roleArn", 1, ROLE_MAX);
    lambda_check_length(&call->check, out->description, "versionDescription", 0, DESCRIPTION_MAX);
}

/* After the model's constraints. */
static bool is_wanted_wrong(struct sfn_call *call, const struct wanted *wanted)
{
    if (sfn_call_is_wrong(call))
        return true;
    if (wanted->description && *wanted->description && !wanted->publish)
        sfn_call_fail(call, "ValidationException",
                      "Version description can only be set when publish is true");
    if (wanted->role && strncmp(wanted->role, "arn:", 4) != 0)
        sfn_call_fail(call, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: %s'", wanted->role);
    return call->is_over;
}

static struct sfn_definition read_definition(const struct sfn_call *call, const char *text)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);
    struct arn_home home = {str_of(settings->aws.region), str_of(settings->aws.account_id)};
    struct sfn_definition definition;

    sfn_definition_read(text, sfn_call_table(call), &home, &definition);
    return definition;
}

/* ---- Revisions ------------------------------------------------------------------------------- */

/* The version that a definition means, with nothing else; NULL: failed. revision: of one that an
 * engine has; else "". */
static json_t *make_version(struct sfn_call *call, struct str machine, const char *text,
                            char revision[ID_LENGTH + 1])
{
    struct sfn_definition definition = read_definition(call, text);
    json_t *version = json_incref(definition.version);

    revision[0] = '\0';
    if (sfn_enlist_is_engines(call, &definition))
        version = sfn_enlist_take(call, machine_bare(machine).p, text, revision);
    if (definition.code && !version)
        sfn_call_fail(call, "InvalidDefinition", "Invalid State Machine Definition: '%s: %s at %s'",
                      definition.code, definition.message, definition.location);
    else if (!version || !sfn_shape_configuration(version))
        sfn_call_fail_memory(call);
    sfn_definition_fini(&definition);
    if (!call->is_over)
        return version;
    json_decref(version);
    return NULL;
}

/* What the call says of the revision's configuration. */
static void set_wanted(json_t *configuration, const struct wanted *wanted)
{
    if (wanted->definition)
        json_object_set_new(configuration, "definition", json_string(wanted->definition));
    if (wanted->role)
        json_object_set_new(configuration, "roleArn", json_string(wanted->role));
    for (int i = 0; i < NR_KEPT; i++)
        if (wanted->kept[i])
            json_object_set(configuration, kept[i], (json_t *)(uintptr_t)wanted->kept[i]);
}

/* ---- CreateStateMachine ---------------------------------------------------------------------- */

/* By what the same request is known. */
static json_t *make_request(const struct wanted *wanted, const char *type)
{
    json_t *request = json_pack("{s:s, s:s, s:b, s:s}", "definition", wanted->definition, "type",
                                type, "publish", wanted->publish, "versionDescription",
                                wanted->description ? wanted->description : "");

    for (int i = 0; request && i < NR_KEPT; i++)
        if (wanted->kept[i])
            json_object_set(request, kept[i], (json_t *)(uintptr_t)wanted->kept[i]);
    return request;
}

static json_t *show_created(const struct sfn_call *call, struct str machine, const json_t *version,
                            const char *published)
{
    char arn[SFN_ARN_MAX];
    json_t *answer;

    sfn_shape_arn(call, machine, "", arn);
    answer = json_pack("{s:s, s:f}", "stateMachineArn", arn, "creationDate",
                       sfn_shape_created(call, version));
    if (answer && published) {
        sfn_shape_arn(call, machine, published, arn);
        json_object_set_new(answer, "stateMachineVersionArn", json_string(arn));
    }
    return answer;
}

/* The same request again gets the same answer. */
static void answer_existing(struct sfn_call *call, const struct function *machine,
                            const json_t *request)
{
    json_t *document = sfn_call_document(call, machine);
    const char *name;
    const json_t *latest = sfn_shape_current(document, &name);
    const json_t *before = json_object_get(json_object_get(latest, "configuration"), "request");
    json_t *same = json_copy((json_t *)(uintptr_t)before);
    const char *published = json_string_value(json_object_get(before, "published"));
    char arn[SFN_ARN_MAX];

    json_object_del(same, "published");
    sfn_shape_arn(call, machine->name, "", arn);
    if (call->is_over)
        ;
    else if (before && json_equal(same, (json_t *)(uintptr_t)request))
        sfn_call_answer_take(call, show_created(call, machine->name, latest, published));
    else
        sfn_call_fail(call, "StateMachineAlreadyExists", "State Machine Already Exists: '%s'", arn);
    json_decref(same);
    json_decref(document);
}

/* Takes the request, version and tags. */
static void create(struct sfn_call *call, const char *function, const struct wanted *wanted,
                   const char *type, json_t *request, json_t *version, json_t *tags)
{
    json_t *configuration = json_object_get(version, "configuration"), *document;
    char published[SFN_VERSION_NAME] = "";
    bool is_new;

    set_wanted(configuration, wanted);
    json_object_set_new(configuration, "created", json_integer(sfn_call_now_ms()));
    json_object_set_new(configuration, "request", request);
    document = json_pack("{s:s, s:{s:o}}", "type", type, "versions", "$LATEST", version);
    if (json_object_size(tags) > 0)
        json_object_set(document, "tags", tags);
    json_decref(tags);
    if (document && wanted->publish &&
        sfn_version_add(call, document, wanted->description, published, &is_new) == 0)
        json_object_set_new(request, "published", json_string(published));
    if (!document)
        sfn_call_fail_memory(call);
    if (call->is_over) {
        json_decref(document);
        return;
    }
    call->answer = show_created(call, str_of(function), version, published[0] ? published : NULL);
    sfn_call_submit_machine(call, str_of(function), document);
}

/* False where it is none, which has failed. */
static bool read_name(struct sfn_call *call, const char *name, char function[MACHINE_BYTES_MAX + 1])
{
    if (!machine_is_name(str_of(name)) || !machine_full(str_of(name), function))
        sfn_call_fail(call, "InvalidName", "Invalid Name: '%s'", name);
    return !call->is_over;
}

void sfn_machine_create(struct sfn_call *call)
{
    const char *name = sfn_call_text(call, "name"), *type = sfn_call_text(call, "type");
    char function[MACHINE_BYTES_MAX + 1], revision[ID_LENGTH + 1];
    const struct function *machine;
    json_t *tags = json_object(), *request, *version;
    struct wanted wanted;

    sfn_call_require(call, name, "name");
    lambda_check_length(&call->check, name, "name", 1, SIZE_MAX);
    read_wanted(call, &wanted);
    sfn_call_require(call, wanted.definition, "definition");
    sfn_call_require(call, wanted.role, "roleArn");
    lambda_check_choice(&call->check, type, "type", "[STANDARD, EXPRESS]");
    if (is_wanted_wrong(call, &wanted) || !read_name(call, name, function) ||
        !sfn_tags_take(call, tags)) {
        json_decref(tags);
        return;
    }
    request = make_request(&wanted, type ? type : "STANDARD");
    machine = table_function(sfn_call_table(call), str_of(function));
    version = machine ? NULL : make_version(call, str_of(function), wanted.definition, revision);
    if (machine)
        answer_existing(call, machine, request);
    if (!call->is_over) {
        create(call, function, &wanted, type ? type : "STANDARD", request, version, tags);
        return;
    }
    json_decref(request);
    json_decref(version);
    json_decref(tags);
}

static bool is_same_json(const char *a, const char *b)
{
    json_t *x = a ? json_loads(a, JSON_DECODE_ANY, NULL) : NULL;
    json_t *y = b ? json_loads(b, JSON_DECODE_ANY, NULL) : NULL;
    bool is = x && json_equal(x, y);

    json_decref(x);
    json_decref(y);
    return is;
}

/* ---- Definitions for the engine -------------------------------------------------------------- */

/* The name of the machine that the body is about; NULL: nothing is asked of the engine, as the
 * operation fails, or finds the machine as it is to be. */
static const char *name_for_engine(struct sfn_call *call, const char *definition,
                                   struct sfn_arn *arn)
{
    const char *name = json_string_value(json_object_get(call->body, "name"));
    const char *text = json_string_value(json_object_get(call->body, "stateMachineArn"));
    const struct function *machine;
    const char *current;
    json_t *document;
    char *before;
    bool is_same;

    if (strcmp(call->operation->name, "CreateStateMachine") == 0)
        return name && machine_is_name(str_of(name)) && machine_full(str_of(name), arn->function) &&
                       !table_function(sfn_call_table(call), str_of(arn->function))
                   ? name
                   : NULL;
    if (!text || sfn_arn_parse(str_of(text), arn) || arn->kind != SFN_ARN_MACHINE)
        return NULL;
    machine = table_function(sfn_call_table(call), str_of(arn->function));
    document = machine ? sfn_call_document(call, machine) : NULL;
    before = document ? sfn_shape_definition(sfn_shape_current(document, &current)) : NULL;
    is_same = !before || is_same_json(before, definition);
    free(before);
    json_decref(document);
    return is_same ? NULL : arn->function + MACHINE_PREFIX_BYTES;
}

enum api_outcome sfn_machine_before(struct sfn_call *call, struct api_waiter *waiter,
                                    change_fn *turn)
{
    const char *text = json_string_value(json_object_get(call->body, "definition"));
    struct sfn_definition definition;
    const char *name = NULL;
    struct sfn_arn arn;

    if (!text)
        return API_NOT_MINE;
    definition = read_definition(call, text);
    if (sfn_enlist_is_engines(call, &definition))
        name = name_for_engine(call, text, &arn);
    sfn_definition_fini(&definition);
    return name && !call->is_over ? sfn_enlist_begin(call, waiter, name, text, turn) : API_NOT_MINE;
}

/* ---- UpdateStateMachine ---------------------------------------------------------------------- */

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

/* What the revision does comes from another definition; the configuration stays. */
static json_t *with_definition(struct sfn_call *call, struct str machine, json_t *document,
                               json_t *latest, const char *text, char id[ID_LENGTH + 1])
{
    const char *before = sfn_shape_text(latest, "definition");
    json_t *version;

    if (before && strcmp(before, text) == 0)
        return latest;
    version = make_version(call, machine, text, id);
    if (!version)
        return NULL;
    if (json_object_set(version, "configuration", sfn_shape_configuration(latest)) < 0 ||
        json_object_set_new(json_object_get(document, "versions"), "$LATEST", version) < 0) {
        sfn_call_fail_memory(call);
        return NULL;
    }
    return version;
}

/* Does the call say anything new? */
static bool is_change(const json_t *latest, const struct wanted *wanted)
{
    const json_t *configuration = json_object_get(latest, "configuration");
    const char *role = sfn_shape_text(latest, "roleArn");
    bool is = wanted->role && (!role || strcmp(role, wanted->role) != 0);
    char *definition = sfn_shape_definition(latest);

    if (wanted->definition && !is_same_json(definition, wanted->definition))
        is = true;
    free(definition);
    for (int i = 0; i < NR_KEPT; i++)
        if (wanted->kept[i] && !json_equal(json_object_get(configuration, kept[i]),
                                           (json_t *)(uintptr_t)wanted->kept[i]))
            is = true;
    return is;
}

/* Gives the document another revision where the call says something new. */
static json_t *revise(struct sfn_call *call, struct str machine, json_t *document,
                      const struct wanted *wanted)
{
    char id[ID_LENGTH + 1] = "";
    json_t *latest = sfn_shape_latest(document);
    json_t *configuration;

    if (!latest) {
        sfn_call_fail_memory(call);
        return NULL;
    }
    if (!is_change(latest, wanted))
        return latest;
    if (wanted->definition)
        latest = with_definition(call, machine, document, latest, wanted->definition, id);
    configuration = latest ? sfn_shape_configuration(latest) : NULL;
    if (!configuration)
        return NULL;
    set_wanted(configuration, wanted);
    if (!id[0])
        ledger_new_uuid(call->ledger, id);
    json_object_set_new(configuration, "revision", json_string(id));
    json_object_del(configuration, "request");
    return latest;
}

static void answer_updated(struct sfn_call *call, const struct function *machine,
                           const json_t *latest, double now, const char *published)
{
    const char *revision = sfn_shape_text(latest, "revision");
    char arn[SFN_ARN_MAX];

    call->answer = json_pack("{s:f}", "updateDate", now);
    if (revision)
        json_object_set_new(call->answer, "revisionId", json_string(revision));
    if (!published[0])
        return;
    sfn_shape_arn(call, machine->name, published, arn);
    json_object_set_new(call->answer, "stateMachineVersionArn", json_string(arn));
}

static void update(struct sfn_call *call, const struct function *machine, json_t *document,
                   const struct wanted *wanted)
{
    json_t *latest = revise(call, machine->name, document, wanted), *configuration;
    char published[SFN_VERSION_NAME] = "";
    json_int_t now = sfn_call_now_ms();
    bool is_new;

    configuration = latest ? sfn_shape_configuration(latest) : NULL;
    if (configuration && !json_object_get(configuration, "created")) /* the file made it */
        json_object_set_new(configuration, "created",
                            json_integer((json_int_t)(call->ledger->began_s * 1000)));
    if (configuration)
        json_object_set_new(configuration, "updated", json_integer(now));
    if (!call->is_over && wanted->publish &&
        sfn_version_add(call, document, wanted->description, published, &is_new) < 0)
        latest = NULL;
    if (call->is_over) {
        json_decref(document);
        return;
    }
    answer_updated(call, machine, latest, (double)now / 1000, published);
    sfn_call_submit_machine(call, machine->name, document);
}

void sfn_machine_update(struct sfn_call *call)
{
    struct wanted wanted;
    struct function *machine;
    json_t *document;
    bool says = false;

    read_wanted(call, &wanted);
    for (int i = 0; i < NR_KEPT; i++)
        says |= wanted.kept[i] != NULL;
    machine = find_plain(call);
    if (!machine || is_wanted_wrong(call, &wanted))
        return;
    if (!wanted.definition && !wanted.role && !says) {
        sfn_call_fail(call, "MissingRequiredParameter",
                      "Either the definition, the role ARN, the LoggingConfiguration, or the "
                      "TracingConfiguration must be specified");
        return;
    }
    document = sfn_call_document(call, machine);
    if (document)
        update(call, machine, document, &wanted);
}

/* ---- Describe, delete, list ------------------------------------------------------------------ */

void sfn_machine_describe(struct sfn_call *call)
{
    char arn_text[SFN_ARN_MAX], name[SFN_ARN_NAME_MAX];
    const struct function *machine = NULL;
    const struct target *target = NULL;
    const char *current;
    struct sfn_arn arn;
    json_t *document;

    if (sfn_call_arn(call, "stateMachineArn", ANY_MACHINE, &arn) && arn.kind == SFN_ARN_ALIAS)
        sfn_call_fail(call, "StateMachineDoesNotExist", "State Machine Does Not Exist: '%.*s'",
                      STR_ARG(arn.text));
    else if (!call->is_over)
        target = sfn_call_target(call, &arn);
    if (!target)
        return;
    machine = target->function;
    document = sfn_call_document(call, machine);
    if (!document)
        return;
    snprintf(name, sizeof(name), "%.*s", STR_ARG(arn.qualifier));
    sfn_shape_arn(call, machine->name, name, arn_text);
    sfn_call_answer_take(call, sfn_shape_describe(call, machine,
                                                  name[0] ? sfn_shape_version(document, name)
                                                          : sfn_shape_current(document, &current),
                                                  arn_text));
    json_decref(document);
}

/* Its aliases' dates go with it. */
static void forget_aliases(struct sfn_call *call, const struct function *machine)
{
    uint32_t nr, first = table_targets_of(sfn_call_table(call), machine, &nr);
    char name[MACHINE_ALIAS_MAX + 1];

    for (uint32_t i = first; i < first + nr; i++) {
        const struct target *target = table_target(sfn_call_table(call), i);

        snprintf(name, sizeof(name), "%.*s", STR_ARG(target->alias));
        if (name[0])
            ledger_edits_add(&call->edits, LEDGER_MACHINE_ALIAS, call->function, name, NULL);
    }
}

/* One that is not there is gone already. A qualified ARN never deletes the whole machine. */
void sfn_machine_delete(struct sfn_call *call)
{
    struct sfn_arn arn;
    const struct function *machine;

    if (!sfn_call_arn(call, "stateMachineArn", ANY_MACHINE, &arn))
        return;
    if (arn.kind != SFN_ARN_MACHINE) {
        sfn_call_fail(call, "ValidationException",
                      "A state machine ARN without version and alias is required. Received: '%.*s'",
                      STR_ARG(arn.text));
        return;
    }
    machine = table_function(sfn_call_table(call), str_of(arn.function));
    if (!machine) {
        sfn_call_answer_empty(call);
        return;
    }
    memcpy(call->function, arn.function, sizeof(call->function));
    forget_aliases(call, machine);
    sfn_call_submit_machine(call, machine->name, NULL);
}

static int compare(const void *a, const void *b)
{
    struct str x = (*(struct function *const *)a)->name, y = (*(struct function *const *)b)->name;
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

    return order ? order : (x.n > y.n) - (x.n < y.n);
}

/* Its $LATEST, or the highest version. */
static double created(const struct sfn_call *call, const struct function *machine)
{
    const struct version *version = sfn_call_current(call, machine)->arms[0].version;
    json_t *configuration =
        version->configuration ? json_loads(version->configuration, 0, NULL) : NULL;
    json_t *shown = configuration ? json_pack("{s:O}", "configuration", configuration) : NULL;
    double s = sfn_shape_created(call, shown);

    json_decref(shown);
    json_decref(configuration);
    return s;
}

static json_t *show_listed(const struct sfn_call *call, const struct function *machine)
{
    struct str name = machine_bare(machine->name);
    char arn[SFN_ARN_MAX];

    sfn_shape_arn(call, machine->name, "", arn);
    return json_pack("{s:s, s:s%, s:s, s:f}", "stateMachineArn", arn, "name", name.p, name.n,
                     "type", machine->machine->is_express ? "EXPRESS" : "STANDARD", "creationDate",
                     created(call, machine));
}

void sfn_machine_list(struct sfn_call *call)
{
    struct function *const *all;
    int nr_all = table_functions(sfn_call_table(call), &all);
    struct function **list = calloc((size_t)nr_all + 1, sizeof(struct function *));
    json_t *items = json_array(), *names = json_array();
    struct sfn_page page;
    size_t nr = 0;
    bool is_wrong;

    sfn_call_page(call, &page);
    is_wrong = sfn_call_is_wrong(call);
    for (int i = 0; list && i < nr_all && !is_wrong; i++)
        if (all[i]->machine)
            list[nr++] = all[i];
    if (nr > 1)
        qsort(list, nr, sizeof(struct function *), compare);
    for (size_t i = 0; i < nr; i++) {
        json_array_append_new(items, show_listed(call, list[i]));
        json_array_append_new(names, json_stringn(list[i]->name.p, list[i]->name.n));
    }
    free(list);
    sfn_call_page_take(call, &page, "stateMachines", items, names);
}

/* ---- ValidateStateMachineDefinition ---------------------------------------------------------- */

void sfn_machine_validate(struct sfn_call *call)
{
    const char *text = sfn_call_text(call, "definition"), *type = sfn_call_text(call, "type");
    const char *severity = sfn_call_text(call, "severity");
    const json_t *max = sfn_call_member(call, call->body, "maxResults", JSON_INTEGER);
    struct sfn_definition definition;
    json_t *list = json_array();

    sfn_call_require(call, text, "definition");
    lambda_check_choice(&call->check, type, "type", "[STANDARD, EXPRESS]");
    lambda_check_choice(&call->check, severity, "severity", "[ERROR, WARNING]");
    lambda_check_range(&call->check, max, "maxResults", 0, 100);
    if (sfn_call_is_wrong(call)) {
        json_decref(list);
        return;
    }
    definition = read_definition(call, text);
    if (sfn_enlist_is_engines(call, &definition))
        definition.code = NULL;
    if (definition.code)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "severity", "ERROR", "code",
                                              definition.code, "message", definition.message,
                                              "location", definition.location));
    sfn_call_answer_take(call,
                         json_pack("{s:s, s:o, s:b}", "result", definition.code ? "FAIL" : "OK",
                                   "diagnostics", list, "truncated", 0));
    sfn_definition_fini(&definition);
}
