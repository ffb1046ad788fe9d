/* From a new version to a deployment, or to an alias that is moved. A deployment of this kind finds
 * its CurrentVersion when it begins, as those before it in its group may end either way
 * (control/shift.c). */
#include "control/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_function.h"
#include "conf/tabledoc_publish.h"
#include "control/codedeploy_call.h"
#include "control/codedeploy_config.h"
#include "control/shift.h"
#include "control/shift_check.h"

static const char APPLICATION[] = "ServerlessDeploymentApplication";

/* What the new versions of one change start. */
struct publish {
    struct ledger_edits edits; /* the application and the groups */
    int nr_kept;               /* of them: their rows go with the change */
    struct deployment **made;  /* owned, until they are the ledger's */
    int nr_made;
    struct shift_publications later; /* owned, until their changes begin */
};

/* ---- New versions ---------------------------------------------------------------------------- */

/* 0 of $LATEST. */
static unsigned long long number_of(const char *version)
{
    return version[0] == '$' ? 0 : strtoull(version, NULL, 10);
}

/* The highest number that a function has had. */
static unsigned long long last_of(const struct function *function)
{
    unsigned long long last = function && function->more ? function->more->last_version : 0;

    for (int i = 0; function && i < function->nr_versions; i++) {
        char name[APPSPEC_VERSION_MAX + 1];
        snprintf(name, sizeof(name), "%.*s", STR_ARG(function->versions[i].name));
        last = number_of(name) > last ? number_of(name) : last;
    }
    return last;
}

/* The highest of the object's keys that is above last; NULL: none. */
static const char *find_new(json_t *versions, unsigned long long last)
{
    const char *key, *found = NULL;
    json_t *value;

    json_object_foreach(versions, key, value)
    {
        if (number_of(key) > last) {
            found = key;
            last = number_of(key);
        }
    }
    return found;
}

/* ---- What a preference says ------------------------------------------------------------------ */

static void config_of(const json_t *preference, char out[TABLEDOC_PUBLISH_CONFIG])
{
    tabledoc_publish_config(preference, out);
    if (!out[0])
        snprintf(out, TABLEDOC_PUBLISH_CONFIG, "%s", plan_default);
}

/* One version that is brought in. */
struct candidate {
    struct publish *publish;
    struct change *change;
    const char *function; /* as the table has it: of a machine with its prefix */
    const char *version, *alias;
    const json_t *preference;
    const char *current;       /* the version that the alias has */
    const struct table *table; /* that has the sections */
};

static struct ledger *ledger_of(const struct candidate *c)
{
    return &c->change->hooks->shifts->ledger;
}

/* ---- Application and group ------------------------------------------------------------------- */

/* Borrowed; NULL when out of memory. */
static const json_t *find_edit(const struct candidate *c, enum ledger_kind kind)
{
    const struct ledger_edits *edits = &c->publish->edits;

    for (int i = edits->nr - 1; i >= 0; i--)
        if (edits->list[i].kind == kind)
            return edits->list[i].document;
    return NULL;
}

static const json_t *take_application(const struct candidate *c)
{
    const json_t *application = ledger_application(ledger_of(c), APPLICATION);
    char id[ID_LENGTH + 1];

    if (!application)
        application = find_edit(c, LEDGER_APPLICATION);
    if (application)
        return application;
    ledger_new_uuid(ledger_of(c), id);
    ledger_edits_add(&c->publish->edits, LEDGER_APPLICATION, APPLICATION, "",
                     json_pack("{s:s, s:s, s:f, s:s, s:b, s:[]}", "applicationId", id,
                               "applicationName", APPLICATION, "createTime",
                               codedeploy_call_now_s(), "computePlatform", "Lambda",
                               "linkedToGitHub", 0, "tags"));
    return find_edit(c, LEDGER_APPLICATION);
}

/* [{"name": NAME}, ...] */
static json_t *write_alarms(const json_t *preference)
{
    const json_t *names = json_object_get(preference, "alarms");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(names); i++)
        json_array_append_new(list, json_pack("{s:O}", "name", json_array_get(names, i)));
    return list;
}

/* FUNCTIONDeploymentGroup; what no name of a group has becomes a dash. A function and a state
 * machine of one name have one group. */
static void group_name(const struct candidate *c, char out[CODEDEPLOY_NAME_MAX + 1])
{
    static const char suffix[] = "DeploymentGroup";
    struct str name = machine_bare(str_of(c->function));
    size_t n = 0, max = CODEDEPLOY_NAME_MAX + 1 - sizeof(suffix);

    for (; n < name.n && n < max; n++) {
        const char one[] = {name.p[n], '\0'};
        out[n] = codedeploy_call_is_name(one) ? one[0] : '-';
    }
    memcpy(out + n, suffix, sizeof(suffix));
}

/* The group as the preference says it, under the id that it has; NULL when out of memory. */
static const json_t *take_group(const struct candidate *c)
{
    char id[ID_LENGTH + 1], name[CODEDEPLOY_NAME_MAX + 1], config[TABLEDOC_PUBLISH_CONFIG];
    const json_t *before;
    bool has_alarms = json_array_size(json_object_get(c->preference, "alarms")) > 0;
    json_t *group, *before_id;

    group_name(c, name);
    config_of(c->preference, config);
    before = ledger_group(ledger_of(c), APPLICATION, name);
    ledger_new_uuid(ledger_of(c), id);
    group = json_pack("{s:s, s:s, s:s, s:s, s:{s:b, s:b, s:o}, s:{s:b, s:[s,s,s]}, s:{s:s, s:s}}",
                      "deploymentGroupId", id, "deploymentGroupName", name, "deploymentConfigName",
                      config, "serviceRoleArn", "weir", "alarmConfiguration", "enabled", has_alarms,
                      "ignorePollAlarmFailure", 0, "alarms", write_alarms(c->preference),
                      "autoRollbackConfiguration", "enabled", 1, "events", "DEPLOYMENT_FAILURE",
                      "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST", "deploymentStyle",
                      "deploymentType", "BLUE_GREEN", "deploymentOption", "WITH_TRAFFIC_CONTROL");
    before_id = json_object_get(before, "deploymentGroupId");
    if (before_id)
        json_object_set(group, "deploymentGroupId", before_id);
    if (!before || json_object_set(group, "tags", json_object_get(before, "tags")) < 0)
        json_object_set_new(group, "tags", json_array());
    if (!group)
        return NULL;
    ledger_edits_add(&c->publish->edits, LEDGER_GROUP, APPLICATION, name, group);
    return find_edit(c, LEDGER_GROUP);
}

/* ---- The deployment -------------------------------------------------------------------------- */

static json_t *write_hooks(const json_t *preference)
{
    const json_t *hooks = json_object_get(preference, "hooks");
    json_t *before = json_object_get(hooks, "pre_traffic");
    json_t *after = json_object_get(hooks, "post_traffic");
    json_t *list = json_array();

    if (before)
        json_array_append_new(list, json_pack("{s:O}", appspec_hook_names[APPSPEC_BEFORE], before));
    if (after)
        json_array_append_new(list, json_pack("{s:O}", appspec_hook_names[APPSPEC_AFTER], after));
    return list;
}

/* {revisionType, appSpecContent: {content}} */
static json_t *write_revision(const struct candidate *c)
{
    const char *name = machine_bare(str_of(c->function)).p;
    json_t *spec = json_pack("{s:f, s:[{s:{s:s, s:{s:s, s:s, s:s, s:s}}}], s:o}", "version", 0.0,
                             "Resources", name, "Type", appspec_type(c->function), "Properties",
                             "Name", name, "Alias", c->alias, "CurrentVersion", c->current,
                             "TargetVersion", c->version, "Hooks", write_hooks(c->preference));
    char *content = spec ? json_dumps(spec, JSON_COMPACT) : NULL;
    json_t *revision = json_pack("{s:s, s:{s:s}}", "revisionType", "AppSpecContent",
                                 "appSpecContent", "content", content ? content : "");

    free(content);
    json_decref(spec);
    return revision;
}

static json_t *write_description(const struct candidate *c)
{
    char text[MACHINE_BYTES_MAX + 80];

    snprintf(text, sizeof(text), "Version %s of %s was published.", c->version,
             machine_bare(str_of(c->function)).p);
    return json_string(text);
}

static json_t *make_info(const struct candidate *c, const json_t *application, const json_t *group)
{
    struct ledger *ledger = ledger_of(c);
    char id[DEPLOYMENT_ID + 1], config[TABLEDOC_PUBLISH_CONFIG];
    json_t *alarms = json_object_get(c->preference, "alarms"), *info;
    json_t *steps;

    config_of(c->preference, config);
    steps = codedeploy_config_steps(c->table, config);
    ledger_new_id(ledger, id);
    info = json_pack(
        "{s:s, s:I, s:O, s:O, s:O, s:O, s:o, s:f, s:s, s:s, s:o, s:O, s:b, s:o, s:b}",
        "deploymentId", id, "serial", (json_int_t)ledger_new_serial(ledger), "applicationName",
        json_object_get(application, "applicationName"), "applicationId",
        json_object_get(application, "applicationId"), "deploymentGroupName",
        json_object_get(group, "deploymentGroupName"), "deploymentGroupId",
        json_object_get(group, "deploymentGroupId"), "revision", write_revision(c), "createTime",
        codedeploy_call_now_s(), "creator", "user", "deploymentConfigName", config, "steps", steps,
        "autoRollbackConfiguration", json_object_get(group, "autoRollbackConfiguration"),
        "ignoreApplicationStopFailures", 0, "description", write_description(c), "isPublished", 1);
    if (info)
        json_object_set_new(info, "alarms", alarms ? json_deep_copy(alarms) : json_array());
    ledger_add_previous(ledger, json_string_value(json_object_get(group, "deploymentGroupId")),
                        info);
    return info;
}

/* Does another deployment have to end first? */
static bool has_to_wait(const struct candidate *c, const json_t *group)
{
    const char *id = json_string_value(json_object_get(group, "deploymentGroupId"));
    const struct deployment *d;

    if (ledger_active(ledger_of(c), id))
        return true;
    TAILQ_FOREACH(d, &ledger_of(c)->deployments, link)
    {
        if (!deployment_is_over(d) && strcmp(d->spec.function, c->function) == 0 &&
            strcmp(d->spec.alias, c->alias) == 0)
            return true;
    }
    return false;
}

static int add_made_take(struct publish *publish, struct deployment *d)
{
    struct deployment **list =
        d ? reallocarray(publish->made, (size_t)publish->nr_made + 1, sizeof(list[0])) : NULL;

    if (!list) {
        deployment_free(&d);
        return -1;
    }
    publish->made = list;
    list[publish->nr_made++] = d;
    return 0;
}

/* Hands the rows over that the change does not have yet. */
static void keep_edits(const struct candidate *c)
{
    struct ledger_edits *edits = &c->publish->edits;
    struct ledger_edits rest = {edits->list + c->publish->nr_kept, edits->nr - c->publish->nr_kept,
                                false};

    ledger_edits_keep(&rest, c->change);
    edits->is_short |= rest.is_short;
    c->publish->nr_kept = edits->nr;
}

static int deploy(const struct candidate *c)
{
    const json_t *application = take_application(c);
    const json_t *group = application ? take_group(c) : NULL;
    json_t *info = group ? make_info(c, application, group) : NULL;
    struct deployment *d = info ? deployment_make_take(info) : NULL;

    if (c->publish->edits.is_short || add_made_take(c->publish, d) < 0)
        return -1;
    if (has_to_wait(c, group))
        d->state.status = DEPLOYMENT_QUEUED;
    log_info("version %s of %s is published: deployment %s brings it to %s:%s%s", c->version,
             c->function, d->id, c->function, c->alias,
             d->state.status == DEPLOYMENT_QUEUED ? ", after the one that runs" : "");
    keep_edits(c);
    return c->publish->edits.is_short ? -1 : ledger_keep_deployment(c->change, d, &d->state);
}

/* ---- An alias that is moved at once ---------------------------------------------------------- */

static int move_alias(json_t *document, const char *alias, const char *version)
{
    json_t *aliases = json_object_get(document, "aliases"), *now, *moved, *weights;

    if (!aliases) {
        aliases = json_object();
        if (json_object_set_new(document, "aliases", aliases) < 0)
            return -1;
    }
    now = json_object_get(aliases, alias);
    moved = now ? json_copy(now) : json_object();
    weights = json_pack("{s:i}", version, 100);
    if (!moved || json_object_set_new(moved, "weights", weights) < 0) {
        json_decref(moved);
        return -1;
    }
    return json_object_set_new(aliases, alias, moved);
}

/* ---- Deciding -------------------------------------------------------------------------------- */

enum verdict { NOTHING, MOVES, DEPLOYS };

static enum verdict decide(const json_t *document, struct candidate *c)
{
    json_t *alias = json_object_get(json_object_get(document, "aliases"), c->alias);
    json_t *weights = json_object_get(alias, "weights");
    const json_t *enabled = json_object_get(c->preference, "enabled");

    if (json_object_get(weights, c->version)) /* whoever made the version has seen to it */
        return NOTHING;
    c->current = json_object_iter_key(json_object_iter(weights));
    if (!c->current || number_of(c->current) == 0 || !c->preference || json_is_false(enabled))
        return MOVES;
    return DEPLOYS;
}

/* Of a function that was published; version: the new one. is_moved: the document has become
 * another. */
static int bring_in(struct candidate *c, json_t *document, bool *is_moved)
{
    c->alias = json_string_value(json_object_get(document, "auto_publish_alias"));
    c->preference = json_object_get(document, "deployment_preference");
    *is_moved = false;
    switch (decide(document, c)) {
    case DEPLOYS:
        return deploy(c);
    case MOVES:
        *is_moved = true;
        log_info("version %s of %s is published: %s:%s is moved to it", c->version, c->function,
                 c->function, c->alias);
        return move_alias(document, c->alias, c->version);
    default:
        return 0;
    }
}

static bool is_publishing(const json_t *document)
{
    return json_is_string(json_object_get(document, "auto_publish_alias"));
}

/* The change's own; NULL when out of memory. */
static struct publish *noted_in(struct change *change)
{
    if (!change->noted)
        change->noted = calloc(1, sizeof(struct publish));
    return change->noted;
}

static int on_edits(struct change *change, const char *function, json_t *document)
{
    const struct table *before = change->hooks->table(change->hooks->context);
    struct candidate c = {.change = change, .function = function, .table = before};
    json_t *versions = json_object_get(document, "versions");
    bool is_moved;

    if (!is_publishing(document) || !change->hooks->shifts || !json_is_object(versions))
        return 0;
    c.version = find_new(versions, last_of(table_function(before, str_of(function))));
    c.publish = c.version ? noted_in(change) : NULL;
    if (!c.version)
        return 0;
    return c.publish ? bring_in(&c, document, &is_moved) : -1;
}

/* ---- Whole tables ---------------------------------------------------------------------------- */

/* The new version of a function that both tables may have, into out; false: none. */
static bool find_published(const struct table *before, const struct function *function,
                           char out[APPSPEC_VERSION_MAX + 1])
{
    unsigned long long last, highest = 0;

    if (!function->more || !function->more->auto_publish_alias)
        return false;
    last = last_of(table_function(before, function->name));
    for (int i = 0; i < function->nr_versions; i++) {
        char name[APPSPEC_VERSION_MAX + 1];
        snprintf(name, sizeof(name), "%.*s", STR_ARG(function->versions[i].name));
        highest = number_of(name) > highest ? number_of(name) : highest;
    }
    snprintf(out, APPSPEC_VERSION_MAX + 1, "%llu", highest);
    return highest > last;
}

static int add_later(struct shift_publications *laters, struct str function, const char *version)
{
    struct shift_publication *later = calloc(1, sizeof(*later));

    if (!later)
        return -1;
    snprintf(later->function, sizeof(later->function), "%.*s", STR_ARG(function));
    snprintf(later->version, sizeof(later->version), "%s", version);
    LIST_INSERT_HEAD(laters, later, link);
    return 0;
}

static int look_at(struct publish *publish, struct change *change, const struct table *after,
                   const struct function *function, const char *version)
{
    char name[APPSPEC_FUNCTION_MAX + 1];
    struct candidate c = {
        .publish = publish, .change = change, .function = name, .version = version, .table = after};
    json_t *document = tabledoc_function_write(after, function);
    bool is_moved = false;
    int result;

    snprintf(name, sizeof(name), "%.*s", STR_ARG(function->name));
    result = document ? bring_in(&c, document, &is_moved) : -1;
    json_decref(document);
    if (is_moved)
        result |= add_later(&publish->later, function->name, version);
    return result;
}

static int publish_whole(struct change *change, const struct table *before,
                         const struct table *after)
{
    struct function *const *functions;
    int nr = table_functions(after, &functions), result = 0;
    char version[APPSPEC_VERSION_MAX + 1];

    for (int i = 0; i < nr && result == 0; i++) {
        if (!find_published(before, functions[i], version))
            continue;
        result =
            noted_in(change) ? look_at(change->noted, change, after, functions[i], version) : -1;
    }
    return result;
}

static int on_replaces(struct change *change, const struct api_build *build, bool is_whole)
{
    if (!change->hooks->shifts)
        return 0;
    if (shift_check_versions(change->hooks->shifts, build->previous, build->table, NULL,
                             build->problems))
        return -1;
    return is_whole ? publish_whole(change, build->previous, build->table) : 0;
}

/* ---- A change of weir's own ------------------------------------------------------------------ */

static void end_later(struct shift_publication *later)
{
    LIST_REMOVE(later, link);
    free(later);
}

static void take_turn(struct change *change);

static void begin_take(struct shift_publications *laters, const struct api_hooks *hooks)
{
    struct shift_publication *later;

    while ((later = LIST_FIRST(laters))) {
        LIST_REMOVE(later, link);
        LIST_INSERT_HEAD(&hooks->shifts->publications, later, link);
        if (change_begin_own(hooks, later, take_turn) == 0)
            continue;
        log_error("out of memory: version %s of %s is not brought in", later->version,
                  later->function);
        end_later(later);
    }
}

/* The driver hears of what was made. */
static void take_over(struct publish *publish, const struct api_hooks *hooks)
{
    ledger_edits_apply(&publish->edits, &hooks->shifts->ledger);
    ledger_edits_fini(&publish->edits); /* it may be called twice */
    for (int i = 0; i < publish->nr_made; i++)
        ledger_add_take(&hooks->shifts->ledger, publish->made[i]);
    publish->nr_made = 0;
    begin_take(&publish->later, hooks);
    hooks->shifts_soon(hooks->context);
}

static void on_followed(struct change *change, const struct change_result *result)
{
    struct shift_publication *later = change->context;

    if (result->status == CHANGE_DONE)
        take_over(change->noted, change->hooks);
    else
        log_error("version %s of %s is published, but could not be brought in: %s", later->version,
                  later->function,
                  result->reason             ? result->reason
                  : result->problems->nr > 0 ? result->problems->list[0].message
                                             : "it was refused");
    end_later(later);
}

/* What the version starts, from what is in force now. */
static int follow(struct change *change, struct change_edit *edit)
{
    struct shift_publication *later = change->context;
    const struct table *table = change->hooks->table(change->hooks->context);
    const struct function *function = table_function(table, str_of(later->function));
    struct candidate c = {.publish = change->noted,
                          .change = change,
                          .function = later->function,
                          .version = later->version,
                          .table = table};
    json_t *document = function ? tabledoc_function_write(table, function) : NULL;
    bool is_moved = false;
    int result = 0;

    if (function && !document)
        result = -1;
    else if (is_publishing(document) &&
             json_object_get(json_object_get(document, "versions"), later->version))
        result = bring_in(&c, document, &is_moved);
    if (is_moved && result == 0)
        *edit = (struct change_edit){.kind = CHANGE_ALIAS,
                                     .function = later->function,
                                     .name = function->more->auto_publish_alias,
                                     .document = json_incref(json_object_get(
                                         json_object_get(document, "aliases"), c.alias))};
    json_decref(document);
    return result;
}

static void take_turn(struct change *change)
{
    struct shift_publication *later = change->context;
    struct publish *publish = noted_in(change);
    struct change_edit edit = {.function = NULL};

    change->by = "publishing";
    if (!publish || follow(change, &edit) < 0) {
        log_error("out of memory: version %s of %s is not brought in", later->version,
                  later->function);
        end_later(later);
    } else if (edit.document || publish->nr_made > 0) {
        change_submit(change, &edit, edit.document ? 1 : 0, on_followed);
    } else {
        end_later(later);
    }
}

void publish_reloaded(const struct api_hooks *hooks, const struct table *before,
                      const struct table *after)
{
    struct shift_publications laters = LIST_HEAD_INITIALIZER(laters);
    struct function *const *functions;
    int nr = table_functions(after, &functions);
    char version[APPSPEC_VERSION_MAX + 1];

    for (int i = 0; hooks->shifts && i < nr; i++)
        if (find_published(before, functions[i], version) &&
            add_later(&laters, functions[i]->name, version) < 0)
            log_error("out of memory: version %s of %.*s is not brought in", version,
                      STR_ARG(functions[i]->name));
    begin_take(&laters, hooks);
}

/* ---- The listener ---------------------------------------------------------------------------- */

/* What a change of the API's has in force. A change of publishing itself tells on_followed. */
static void on_done(struct change *change)
{
    take_over(change->noted, change->hooks);
}

static void on_row_followed(const struct api_hooks *hooks, const struct store_edit *edit)
{
    ledger_follow(&hooks->shifts->ledger, edit);
    hooks->shifts_soon(hooks->context);
}

static void on_forget(struct change *change)
{
    struct publish *publish = change->noted;

    change->noted = NULL;
    ledger_edits_fini(&publish->edits);
    for (int i = 0; i < publish->nr_made; i++)
        deployment_free(&publish->made[i]);
    free(publish->made);
    while (!LIST_EMPTY(&publish->later))
        end_later(LIST_FIRST(&publish->later));
    free(publish);
}

const struct change_listener publish_listener = {on_edits, on_replaces, on_done, on_row_followed,
                                                 on_forget};
