/* The alias of a deployment as it ought to be, and as it is. */
#include "control/shift_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "conf/jsondoc.h"
#include "control/alarm.h"

/* CodeDeploy's own first sentence. */
#define WRONG_SPEC                                                                                 \
    "The deployment failed because the AppSpec file that specifies the AWS Lambda deployment "     \
    "configuration is missing or has an invalid configuration."

static const char CONFIGURATION[] = "INVALID_LAMBDA_CONFIGURATION";
static const char FUNCTION[] = "INVALID_LAMBDA_FUNCTION";

static bool tell(struct shift_trouble *trouble, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool tell(struct shift_trouble *trouble, const char *code, const char *format, ...)
{
    va_list args;

    *trouble = (struct shift_trouble){.is_stop = false};
    snprintf(trouble->code, sizeof(trouble->code), "%s", code);
    va_start(args, format);
    vsnprintf(trouble->message, sizeof(trouble->message), format, args);
    va_end(args);
    return true;
}

/* ---- What is in force ------------------------------------------------------------------------ */

static const struct target *find_alias(const struct shifts *s, const struct appspec *spec)
{
    const struct target *target = table_find(s->hooks->table(s->hooks->context),
                                             str_of(spec->function), str_of(spec->alias), NULL);

    return target && target->alias.n > 0 ? target : NULL;
}

/* The share of a version, in billionths. */
static uint32_t weight_of(const struct target *target, const char *version)
{
    for (int i = 0; i < target->nr_arms; i++)
        if (str_eq(target->arms[i].version->name, str_of(version)))
            return target->arms[i].weight;
    return 0;
}

/* How many versions have a share. */
static int count_arms(const struct target *target)
{
    int nr = 0;

    for (int i = 0; i < target->nr_arms; i++)
        nr += target->arms[i].weight > 0;
    return nr;
}

/* Has the alias these two, weight to the second, and the first as its primary version, or only the
 * one that has all? */
static bool is_split(const struct target *target, const char *first, const char *second,
                     uint32_t weight)
{
    const char *primary = weight == SPLIT_ONE ? second : first;
    uint32_t sum = weight_of(target, first);

    if (strcmp(first, second) != 0)
        sum += weight_of(target, second);
    return sum == SPLIT_ONE && str_eq(target->arms[0].version->name, str_of(primary)) &&
           (strcmp(first, second) == 0 || weight_of(target, second) == weight);
}

static bool is_healthy(const struct endpoint *endpoint, uint64_t now_ms)
{
    const struct endpoint_places *places = atomic_load(&endpoint->health->places);
    bool is_up = false;

    for (int i = 0; places && i < places->nr; i++) {
        struct endpoint_health *health = places->list[i].health;
        is_up |= !atomic_load(&health->is_down) && atomic_load(&health->ejected_until_ms) <= now_ms;
    }
    if (places && places->nr > 0)
        return is_up;
    return !atomic_load(&endpoint->health->is_down) &&
           atomic_load(&endpoint->health->ejected_until_ms) <= now_ms;
}

static bool has_healthy(const struct version *version)
{
    uint64_t now_ms = clock_ms();

    if (version->nr_endpoints == 0) /* of a machine that is a function's */
        return true;
    for (int i = 0; i < version->nr_endpoints; i++)
        if (is_healthy(&version->endpoints[i], now_ms))
            return true;
    return false;
}

static bool is_alarmed(const struct shifts *s, struct deployment *d, bool is_begin,
                       struct shift_trouble *trouble, bool *is_held)
{
    char reason[ALARM_REASON_MAX];
    enum alarm_verdict verdict = alarm_look(s->hooks, d, is_begin, reason);

    *is_held = verdict == ALARM_HOLDS;
    if (verdict != ALARM_FIRES)
        return false;
    (void)tell(trouble, "ALARM_ACTIVE", "%s", reason);
    trouble->is_stop = true;
    return true;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

/* The other deployment that moves the same alias, in another group. */
static const struct deployment *find_rival(const struct shifts *s, const struct deployment *own)
{
    const struct deployment *d;

    TAILQ_FOREACH(d, &s->ledger.deployments, link)
    {
        if (d != own && d->state.status == DEPLOYMENT_IN_PROGRESS &&
            strcmp(d->spec.function, own->spec.function) == 0 &&
            strcmp(d->spec.alias, own->spec.alias) == 0)
            return d;
    }
    return NULL;
}

static bool check_alias(const struct shifts *s, const struct deployment *d,
                        const struct target *target, struct shift_trouble *trouble)
{
    const struct appspec *spec = &d->spec;
    const struct deployment *rival = find_rival(s, d);
    struct str primary = target->arms[0].version->name;

    if (rival)
        return tell(trouble, CONFIGURATION,
                    "The alias %s:%s is being shifted by another deployment, %s. Wait for its end, "
                    "or stop it (StopDeployment).",
                    spec->function, spec->alias, rival->id);
    if (count_arms(target) > 1)
        return tell(trouble, CONFIGURATION,
                    "The alias %s:%s is split over versions already. Give one version all of its "
                    "traffic first: aws lambda update-alias --function-name %s --name %s "
                    "--function-version %s --routing-config '{}'.",
                    spec->function, spec->alias, spec->function, spec->alias, spec->current);
    if (!str_eq(primary, str_of(spec->current)))
        return tell(trouble, CONFIGURATION,
                    WRONG_SPEC
                    " The Lambda function alias version does not match the current "
                    "version in AppSpec file. %s:%s is at version %.*s, and CurrentVersion "
                    "says %s: deploy with CurrentVersion \"%.*s\".",
                    spec->function, spec->alias, STR_ARG(primary), spec->current, STR_ARG(primary));
    if (strcmp(spec->current, spec->target) == 0 &&
        json_array_size(json_object_get(d->info, "steps")) > 0)
        return tell(trouble, CONFIGURATION,
                    WRONG_SPEC
                    " CurrentVersion and TargetVersion are both %s, and there is nothing "
                    "to shift in steps: publish a version, or deploy with "
                    "CodeDeployDefault.LambdaAllAtOnce.",
                    spec->current);
    return false;
}

/* A rollback finds what the deployment that it takes back has left. */
static bool check_rollback(const struct deployment *d, const struct target *target,
                           struct shift_trouble *trouble)
{
    if (is_split(target, d->from_first, d->from_second, d->from_weight))
        return false;
    return tell(trouble, CONFIGURATION,
                "Somebody else has changed the alias %s:%s, so it stays as it is. Give version %s "
                "all of its traffic yourself if you want it back.",
                d->spec.function, d->spec.alias, d->spec.target);
}

static bool check_version(const struct target *target, const struct appspec *spec, const char *name,
                          struct shift_trouble *trouble)
{
    if (model_version(target->function, str_of(name), 0))
        return false;
    return tell(trouble, FUNCTION,
                "The function %s has no version %s. Publish it, or deploy one that there is.",
                spec->function, name);
}

bool shift_check_begin(const struct shifts *s, struct deployment *d, struct shift_trouble *trouble)
{
    bool is_held;
    const struct table *table = s->hooks->table(s->hooks->context);
    const struct appspec *spec = &d->spec;
    const struct target *target = find_alias(s, spec);

    if (!table_function(table, str_of(spec->function)))
        return tell(trouble, FUNCTION, "There is no function %s. Create it first.", spec->function);
    if (!target)
        return tell(trouble, FUNCTION,
                    "The function %s has no alias %s. Create it at version %s first.",
                    spec->function, spec->alias, spec->current);
    if (check_version(target, spec, spec->target, trouble) ||
        (d->is_rollback ? check_rollback(d, target, trouble) : check_alias(s, d, target, trouble)))
        return true;
    if (!has_healthy(model_version(target->function, str_of(spec->target), 0)))
        return tell(trouble, FUNCTION,
                    "Version %s of %s has no healthy endpoint: its health checks fail, or its "
                    "endpoints are ejected (weir_endpoint_up). Deploy again when it is up.",
                    spec->target, spec->function);
    return is_alarmed(s, d, true, trouble, &is_held);
}

/* ---- Going on -------------------------------------------------------------------------------- */

bool shift_check_running(const struct shifts *s, struct deployment *d,
                         struct shift_trouble *trouble, bool *is_held)
{
    const struct appspec *spec = &d->spec;
    const struct target *target = find_alias(s, spec);

    *is_held = false;
    if (!target)
        return tell(trouble, FUNCTION, "The alias %s:%s is gone: somebody has deleted it.",
                    spec->function, spec->alias);
    if (!is_split(target, spec->current, spec->target, d->state.weight))
        return tell(trouble, CONFIGURATION,
                    "Somebody else has changed the alias %s:%s while it was shifted. It stays as "
                    "they have left it, and nothing is rolled back; deploy again from there.",
                    spec->function, spec->alias);
    if (check_version(target, spec, spec->target, trouble))
        return true;
    return is_alarmed(s, d, d->state.step < 0, trouble, is_held);
}

/* ---- Versions that are in use ---------------------------------------------------------------- */

static bool is_there(const struct table *table, const struct deployment *d, const char *version)
{
    const struct function *function = table_function(table, str_of(d->spec.function));

    return function && model_version(function, str_of(version), 0);
}

/* Where its function stands in the table's document, or its alias or version: member, and name. */
static void write_path(const struct deployment *d, const char *member, const char *name,
                       char out[JSONDOC_PATH_MAX])
{
    bool is_machine = machine_is(str_of(d->spec.function));
    struct place root = JSONDOC_ROOT;
    struct place section = JSONDOC_KEY(&root, is_machine ? "state_machines" : "functions");
    struct place function = JSONDOC_KEY(&section, d->spec.function);
    struct place members = JSONDOC_KEY(&function, member);
    struct place at = JSONDOC_KEY(&members, name);

    function.skip = is_machine ? MACHINE_PREFIX_BYTES : 0;
    jsondoc_path(&at, out);
}

static json_t *alarms_of(const struct table *table)
{
    return json_loads(table_section(table, MODEL_ALARMS), 0, NULL);
}

/* Of the deployments that have not ended. */
static bool check_alarms(const struct shifts *s, const struct table *before,
                         const struct table *after, const char *file, struct problems *problems)
{
    json_t *was = alarms_of(before), *is = alarms_of(after);
    const struct deployment *d;
    bool is_wrong = false;

    TAILQ_FOREACH(d, &s->ledger.deployments, link)
    {
        const json_t *names = json_object_get(d->info, "alarms");

        for (size_t i = 0; !deployment_is_over(d) && i < json_array_size(names); i++) {
            const char *name = json_string_value(json_array_get(names, i));
            struct place root = JSONDOC_ROOT, alarms_at = JSONDOC_KEY(&root, "alarms");
            struct place at = JSONDOC_KEY(&alarms_at, name);
            char path[JSONDOC_PATH_MAX];

            if (!json_object_get(was, name) || json_object_get(is, name))
                continue;
            is_wrong = true;
            jsondoc_path(&at, path);
            problems_add(problems, "alarm_in_use", file, path,
                         "the alarm would be gone, but deployment %s watches it; wait for its end, "
                         "or stop it first (StopDeployment)",
                         d->id);
        }
    }
    json_decref(was);
    json_decref(is);
    return is_wrong;
}

bool shift_check_versions(const struct shifts *s, const struct table *before,
                          const struct table *after, const char *file, struct problems *problems)
{
    const struct deployment *d;
    bool is_wrong = check_alarms(s, before, after, file, problems);

    TAILQ_FOREACH(d, &s->ledger.deployments, link)
    {
        const char *const used[] = {d->spec.target, d->spec.current};
        /* Where one begins that waits is known when it does. */
        int nr = d->state.status == DEPLOYMENT_QUEUED ? 1 : 2;
        char path[JSONDOC_PATH_MAX];

        for (int i = 0; i < nr && !deployment_is_over(d); i++) {
            if (!is_there(before, d, used[i]) || is_there(after, d, used[i]))
                continue;
            is_wrong = true;
            write_path(d, "versions", used[i], path);
            problems_add(problems, "version_in_use", file, path,
                         "version %s would be gone, but deployment %s uses it, which brings "
                         "version %s to %s:%s; wait for its end, or stop it first "
                         "(StopDeployment)",
                         used[i], d->id, d->spec.target, d->spec.function, d->spec.alias);
        }
    }
    return is_wrong;
}

void shift_check_name(const struct shifts *s, struct problems *problems)
{
    const struct deployment *d;
    char path[JSONDOC_PATH_MAX];

    TAILQ_FOREACH(d, &s->ledger.deployments, link)
    {
        if (deployment_is_over(d))
            continue;
        write_path(d, "aliases", d->spec.alias, path);
        for (size_t i = 0; i < problems->nr; i++)
            if (strcmp(problems->list[i].code, "version_in_use") == 0 &&
                strcmp(problems->list[i].path, path) == 0)
                problems_append(&problems->list[i],
                                ". It is deployment %s that brings version %s in; stop it by "
                                "StopDeployment",
                                d->id, d->spec.target);
    }
}
