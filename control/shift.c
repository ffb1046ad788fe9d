/* From one state of a deployment to the next. */
#include "control/shift.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/tabledoc_alias.h"
#include "control/errand.h"
#include "control/shift_check.h"
#include "control/shift_hook.h"

/* AGAIN_MS: after the store failed. LOOK_MS: at alarms and at what is in force. */
enum { AGAIN_MS = 1000, LOOK_MS = 100 };

static double now_s(void)
{
    return (double)(clock_unix_us() / 1000) / 1000;
}

static const struct table *in_force(const struct shifts *s)
{
    return s->hooks->table(s->hooks->context);
}

static uint64_t minute_ms(const struct shifts *s)
{
    return s->hooks->settings(s->hooks->context)->shifts.minute_ms;
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void mark(struct shift_move *m, enum deployment_event event, enum deployment_mark mark)
{
    double now = now_s();

    m->next.events[event].mark = mark;
    if (mark == DEPLOYMENT_MARK_SKIPPED)
        return;
    if (m->next.events[event].began_s == 0)
        m->next.events[event].began_s = now;
    if (mark != DEPLOYMENT_MARK_IN_PROGRESS)
        m->next.events[event].ended_s = now;
}

static void complete(struct shift_move *m, enum deployment_status status)
{
    enum deployment_mark running =
        status == DEPLOYMENT_FAILED ? DEPLOYMENT_MARK_FAILED : DEPLOYMENT_MARK_SKIPPED;

    for (int i = 0; i < DEPLOYMENT_EVENTS; i++) {
        if (m->next.events[i].mark == DEPLOYMENT_MARK_IN_PROGRESS)
            mark(m, (enum deployment_event)i, running);
        else if (m->next.events[i].mark == DEPLOYMENT_MARK_PENDING)
            mark(m, (enum deployment_event)i, DEPLOYMENT_MARK_SKIPPED);
    }
    m->next.status = status;
    m->next.completed_s = now_s();
    m->is_made = true;
}

static void end_badly(struct shift_move *m, enum deployment_status status, const char *code,
                      const char *message)
{
    complete(m, status);
    snprintf(m->next.code, sizeof(m->next.code), "%s", code);
    snprintf(m->next.message, sizeof(m->next.message), "%s", message);
}

static void succeed(struct shift_move *m)
{
    mark(m, DEPLOYMENT_END, DEPLOYMENT_MARK_SUCCEEDED);
    complete(m, DEPLOYMENT_SUCCEEDED);
}

/* ---- Rollbacks ------------------------------------------------------------------------------- */

bool shift_rule_has(const struct deployment *d, const char *event)
{
    const json_t *rule = json_object_get(d->info, "autoRollbackConfiguration");
    const json_t *events = json_object_get(rule, "events");
    bool has = false;

    for (size_t i = 0; i < json_array_size(events); i++)
        has |= strcmp(json_string_value(json_array_get(events, i)), event) == 0;
    return has && json_is_true(json_object_get(rule, "enabled"));
}

/* An AppSpec that moves the alias the other way. */
static json_t *write_back(const struct deployment *d)
{
    const char *type = appspec_type(d->spec.function);
    struct str name = machine_bare(str_of(d->spec.function));
    char content[1024];

    snprintf(content, sizeof(content),
             "{\"version\":0.0,\"Resources\":[{\"%.*s\":{\"Type\":\"%s\","
             "\"Properties\":{\"Name\":\"%.*s\",\"Alias\":\"%s\",\"CurrentVersion\":\"%s\","
             "\"TargetVersion\":\"%s\"}}}]}",
             STR_ARG(name), type, STR_ARG(name), d->spec.alias, d->spec.target, d->spec.current);
    return json_pack("{s:s, s:{s:s}}", "revisionType", "AppSpecContent", "appSpecContent",
                     "content", content);
}

/* NULL when out of memory. */
static struct deployment *make_rollback(struct shift_move *m)
{
    const struct deployment *d = m->deployment;
    struct ledger *ledger = &m->shifts->ledger;
    char id[DEPLOYMENT_ID + 1];
    json_t *info = json_pack("{s:O, s:O, s:O, s:O, s:O}", "applicationName",
                             json_object_get(d->info, "applicationName"), "applicationId",
                             json_object_get(d->info, "applicationId"), "deploymentGroupName",
                             json_object_get(d->info, "deploymentGroupName"), "deploymentGroupId",
                             json_object_get(d->info, "deploymentGroupId"), "previousRevision",
                             json_object_get(d->info, "revision"));
    json_t *rest;

    ledger_new_id(ledger, id);
    rest = json_pack("{s:s, s:I, s:f, s:s, s:s, s:s, s:o, s:[], s:{s:b}, s:{s:s, s:s, s:I}}",
                     "deploymentId", id, "serial", (json_int_t)ledger_new_serial(ledger),
                     "createTime", now_s(), "creator", "codeDeployRollback", "deploymentConfigName",
                     "CodeDeployDefault.LambdaAllAtOnce", "triggering", d->id, "revision",
                     write_back(d), "steps", "autoRollbackConfiguration", "enabled", 0, "from",
                     "first", d->spec.current, "second", d->spec.target, "weight",
                     (json_int_t)m->next.weight);
    if (!info || !rest || json_object_update(info, rest) < 0) {
        json_decref(info);
        info = NULL;
    }
    json_decref(rest);
    return info ? deployment_make_take(info) : NULL;
}

static void roll_back(struct shift_move *m)
{
    if (m->deployment->is_rollback || m->next.rollback_id[0] ||
        m->deployment->state.status == DEPLOYMENT_QUEUED) /* it has done nothing yet */
        return;
    m->other = make_rollback(m);
    if (m->other)
        snprintf(m->next.rollback_id, sizeof(m->next.rollback_id), "%s", m->other->id);
    else
        log_error("out of memory: deployment %s is not rolled back", m->deployment->id);
}

static void fail(struct shift_move *m, const char *code, const char *message)
{
    end_badly(m, DEPLOYMENT_FAILED, code, message);
    if (shift_rule_has(m->deployment, "DEPLOYMENT_FAILURE"))
        roll_back(m);
}

/* ---- On its way ------------------------------------------------------------------------------ */

static void enter_hook(struct shift_move *m, enum deployment_event event, enum appspec_hook hook)
{
    mark(m, event, DEPLOYMENT_MARK_IN_PROGRESS);
    ledger_new_uuid(&m->shifts->ledger, m->next.hook_ids[hook]);
}

static void enter_after(struct shift_move *m)
{
    if (m->deployment->spec.hooks[APPSPEC_AFTER][0]) {
        enter_hook(m, DEPLOYMENT_AFTER, APPSPEC_AFTER);
        return;
    }
    mark(m, DEPLOYMENT_AFTER, DEPLOYMENT_MARK_SUCCEEDED);
    succeed(m);
}

static void set_weight(struct shift_move *m, uint32_t weight)
{
    const struct appspec *spec = &m->deployment->spec;

    m->has_alias = true;
    m->next.weight = m->weight = weight;
    memcpy(m->first, spec->current, sizeof(m->first));
    memcpy(m->second, spec->target, sizeof(m->second));
}

/* The step that is due, if one is. Returns in how many ms one may be. */
static uint64_t step_on(struct shift_move *m, bool is_held)
{
    const struct deployment *d = m->deployment;
    struct plan_figures figures = {
        .step = m->next.step, .held_ms = clock_ms() - d->now.step_ms, .is_held = is_held};
    struct plan plan;
    struct plan_next next;

    deployment_plan(d, minute_ms(m->shifts), &plan);
    if (figures.step >= plan.nr) /* of a row of somebody's making */
        figures.step = plan.nr - 1;
    next = plan_next(&plan, &figures);
    if (next.step < plan.nr && !next.is_due)
        return next.wait_ms > 0 ? next.wait_ms : LOOK_MS;
    if (next.is_due) {
        m->next.step = next.step;
        set_weight(m, next.weight);
    }
    m->is_made = true;
    if (m->next.weight == SPLIT_ONE) {
        mark(m, DEPLOYMENT_ALLOW, DEPLOYMENT_MARK_SUCCEEDED);
        enter_after(m);
    }
    return 0;
}

static void enter_allow(struct shift_move *m)
{
    mark(m, DEPLOYMENT_BEFORE, DEPLOYMENT_MARK_SUCCEEDED);
    mark(m, DEPLOYMENT_ALLOW, DEPLOYMENT_MARK_IN_PROGRESS);
    (void)step_on(m, false);
}

static void begin_rollback(struct shift_move *m)
{
    for (int i = DEPLOYMENT_START; i < DEPLOYMENT_END; i++)
        mark(m, (enum deployment_event)i, DEPLOYMENT_MARK_SUCCEEDED);
    m->next.step = 0;
    set_weight(m, SPLIT_ONE);
    succeed(m);
}

/* Those before it have ended: where they have left the alias is where it begins. */
static void find_current(struct shift_move *m)
{
    struct deployment *d = m->deployment;
    const struct target *target =
        table_find(in_force(m->shifts), str_of(d->spec.function), str_of(d->spec.alias), NULL);
    struct str current = target ? target->arms[0].version->name : STR("$LATEST");

    if (current.p[0] != '$' && !str_eq(current, str_of(d->spec.current)) &&
        deployment_retarget(d, current) < 0)
        log_error("out of memory: deployment %s has an old CurrentVersion", d->id);
}

static void begin(struct shift_move *m)
{
    struct deployment *d = m->deployment;
    struct shift_trouble trouble;

    if (d->is_published)
        find_current(m);

    m->is_made = true;
    m->next.status = DEPLOYMENT_IN_PROGRESS;
    m->next.started_s = now_s();
    if (shift_check_begin(m->shifts, d, &trouble)) {
        end_badly(m, trouble.is_stop ? DEPLOYMENT_STOPPED : DEPLOYMENT_FAILED, trouble.code,
                  trouble.message);
        return;
    }
    mark(m, DEPLOYMENT_START, DEPLOYMENT_MARK_SUCCEEDED);
    if (d->is_rollback)
        begin_rollback(m);
    else if (d->spec.hooks[APPSPEC_BEFORE][0])
        enter_hook(m, DEPLOYMENT_BEFORE, APPSPEC_BEFORE);
    else
        enter_allow(m);
}

/* ---- Hooks ----------------------------------------------------------------------------------- */

static void open_move(struct shift_move *m, struct shifts *shifts, struct deployment *d)
{
    *m = (struct shift_move){.shifts = shifts, .deployment = d, .next = d->state};
    m->next.updated_s = now_s();
}

void shift_report(struct shift_move *m, struct shifts *shifts, struct deployment *d,
                  enum appspec_hook hook, bool is_success, const char *message)
{
    char text[DEPLOYMENT_MESSAGE_MAX];

    open_move(m, shifts, d);
    m->is_made = true;
    if (!is_success) {
        snprintf(text, sizeof(text), "The hook %s, %.200s, has failed: %.350s",
                 appspec_hook_names[hook], d->spec.hooks[hook],
                 message ? message : "it reported the status Failed.");
        fail(m, "HOOK_EXECUTION_FAILURE", text);
    } else if (hook == APPSPEC_BEFORE) {
        enter_allow(m);
    } else {
        mark(m, DEPLOYMENT_AFTER, DEPLOYMENT_MARK_SUCCEEDED);
        succeed(m);
    }
}

/* Returns in how many ms to look again. */
static uint64_t wait_for_hook(struct shift_move *m, enum appspec_hook hook)
{
    struct deployment *d = m->deployment;
    uint64_t hour_ms = 60 * minute_ms(m->shifts), held_ms;

    if (!d->now.is_called || d->now.hook != hook)
        shift_hook_call(m->shifts, d, hook);
    held_ms = clock_ms() - d->now.hook_ms;
    if (d->now.report != 0)
        shift_report(m, m->shifts, d, hook, d->now.report > 0, d->now.reason);
    else if (held_ms >= hour_ms)
        shift_report(m, m->shifts, d, hook, false,
                     "it did not report within an hour (PutLifecycleEventHookExecutionStatus).");
    return held_ms >= hour_ms ? 0 : hour_ms - held_ms;
}

/* ---- What is due ----------------------------------------------------------------------------- */

static enum deployment_event event_in_progress(const struct deployment_state *s)
{
    int i = 0;

    while (i < DEPLOYMENT_END && s->events[i].mark != DEPLOYMENT_MARK_IN_PROGRESS)
        i++;
    return (enum deployment_event)i;
}

/* An alarm fires, or somebody else has changed the alias. */
static bool is_disturbed(struct shift_move *m, bool *is_held)
{
    struct shift_trouble trouble;

    if (!shift_check_running(m->shifts, m->deployment, &trouble, is_held))
        return false;
    end_badly(m, trouble.is_stop ? DEPLOYMENT_STOPPED : DEPLOYMENT_FAILED, trouble.code,
              trouble.message);
    if (trouble.is_stop && shift_rule_has(m->deployment, "DEPLOYMENT_STOP_ON_ALARM"))
        roll_back(m);
    return true;
}

static bool is_rival(const struct deployment *own, const struct deployment *d)
{
    return strcmp(deployment_text(d, "deploymentGroupId"),
                  deployment_text(own, "deploymentGroupId")) == 0 ||
           (strcmp(d->spec.function, own->spec.function) == 0 &&
            strcmp(d->spec.alias, own->spec.alias) == 0);
}

/* Have those before it ended, in its group and of its alias? */
static bool may_begin(const struct shift_move *m)
{
    const struct deployment *own = m->deployment, *d;

    TAILQ_FOREACH(d, &m->shifts->ledger.deployments, link)
    {
        bool is_before = d->state.status != DEPLOYMENT_QUEUED || d->serial < own->serial;
        if (d != own && !deployment_is_over(d) && is_before && is_rival(own, d))
            return false;
    }
    return true;
}

/* Makes the move that is due; returns in how many ms to look again where none is. */
static uint64_t make_move(struct shift_move *m, struct shifts *shifts, struct deployment *d)
{
    bool is_held = false;
    uint64_t wait_ms = UINT64_MAX;

    open_move(m, shifts, d);
    if (d->state.status == DEPLOYMENT_CREATED ||
        (d->state.status == DEPLOYMENT_QUEUED && may_begin(m))) {
        begin(m);
        return 0;
    }
    if (d->state.status != DEPLOYMENT_IN_PROGRESS || is_disturbed(m, &is_held))
        return wait_ms;
    switch (event_in_progress(&d->state)) {
    case DEPLOYMENT_BEFORE:
        wait_ms = wait_for_hook(m, APPSPEC_BEFORE);
        break;
    case DEPLOYMENT_AFTER:
        wait_ms = wait_for_hook(m, APPSPEC_AFTER);
        break;
    default:
        wait_ms = step_on(m, is_held);
        break;
    }
    return wait_ms < LOOK_MS ? wait_ms : LOOK_MS;
}

/* ---- Moves as changes ------------------------------------------------------------------------ */

/* The alias as it is to be; NULL when out of memory. It is there: the check has said so. */
static json_t *write_alias(const struct shift_move *m)
{
    const struct appspec *spec = &m->deployment->spec;
    const struct target *target =
        table_find(in_force(m->shifts), str_of(spec->function), str_of(spec->alias), NULL);
    struct arm_spec before[SPLIT_ARMS_MAX], arms[2];
    struct alias_spec alias = table_alias_spec(target, before);

    alias.nr_arms = m->weight == SPLIT_ONE ? 1 : 2;
    alias.arms = arms;
    arms[0] = (struct arm_spec){str_of(m->first), (uint32_t)(SPLIT_ONE - m->weight)};
    arms[1] = (struct arm_spec){str_of(m->second), m->weight};
    if (m->weight == SPLIT_ONE)
        arms[0] = arms[1];
    return tabledoc_alias_write_spec(&alias);
}

static void keep_surplus(struct shift_move *m, struct change *change)
{
    const struct deployment *surplus = ledger_surplus(&m->shifts->ledger);

    if (!surplus || surplus == m->deployment)
        return;
    memcpy(m->surplus, surplus->id, sizeof(m->surplus));
    ledger_drop_deployment(change, surplus);
}

static void take_surplus(const struct shift_move *m)
{
    struct deployment *surplus =
        m->surplus[0] ? ledger_deployment(&m->shifts->ledger, m->surplus) : NULL;

    if (surplus && !surplus->now.errand)
        ledger_remove(&m->shifts->ledger, &surplus);
}

void shift_submit(struct shift_move *m, struct change *change, change_done_fn *done)
{
    const struct appspec *spec = &m->deployment->spec;
    struct change_edit edit = {
        .kind = CHANGE_ALIAS, .function = spec->function, .name = spec->alias};
    int r = ledger_keep_deployment(change, m->deployment, &m->next);

    assert(m->is_made);
    if (m->other)
        r |= ledger_keep_deployment(change, m->other, &m->other->state);
    keep_surplus(m, change);
    if (m->has_alias)
        edit.document = write_alias(m);
    change->by = "a deployment";
    if (r == 0 && m->has_alias && !edit.document)
        r = -1;
    if (r < 0)
        log_error("out of memory: deployment %s waits", m->deployment->id);
    /* What is not whole is refused by the engine, as memory ran out there as well. */
    change_submit(change, &edit, m->has_alias && edit.document ? 1 : 0, done);
}

static struct shift_count *count_of(struct shifts *s, const struct deployment *d)
{
    struct shift_count *list;

    for (size_t i = 0; i < s->nr_counts; i++)
        if (strcmp(s->counts[i].function, d->spec.function) == 0 &&
            strcmp(s->counts[i].alias, d->spec.alias) == 0)
            return &s->counts[i];
    list = reallocarray(s->counts, s->nr_counts + 1, sizeof(list[0]));
    if (!list)
        return NULL;
    s->counts = list;
    list[s->nr_counts] = (struct shift_count){.ended = {0}};
    memcpy(list[s->nr_counts].function, d->spec.function, sizeof(d->spec.function));
    memcpy(list[s->nr_counts].alias, d->spec.alias, sizeof(d->spec.alias));
    return &list[s->nr_counts++];
}

static void log_end(const struct deployment *d)
{
    const struct deployment_state *s = &d->state;

    if (s->status == DEPLOYMENT_SUCCEEDED)
        log_info("deployment %s of %s:%s to version %s: Succeeded", d->id, d->spec.function,
                 d->spec.alias, d->spec.target);
    else
        log_warning("deployment %s of %s:%s to version %s: %s, %s: %s", d->id, d->spec.function,
                    d->spec.alias, d->spec.target, deployment_status_names[s->status], s->code,
                    s->message);
}

void shift_take(struct shift_move *m, const struct change_result *result)
{
    struct deployment *d = m->deployment;
    uint64_t now_ms = clock_ms();

    if (result->status != CHANGE_DONE) {
        d->now.again_ms = now_ms + AGAIN_MS;
        log_warning("deployment %s could not go on and tries again: %s", d->id,
                    result->reason             ? result->reason
                    : result->problems->nr > 0 ? result->problems->list[0].message
                                               : "it was refused");
        return;
    }
    if (m->next.step != d->state.step)
        d->now.step_ms = now_ms;
    if (!deployment_is_over(d) && m->next.status >= DEPLOYMENT_SUCCEEDED) {
        struct shift_count *count = count_of(m->shifts, d);
        if (count)
            count->ended[m->next.status]++;
    }
    d->state = m->next;
    if (deployment_is_over(d))
        log_end(d);
    if (deployment_is_over(d) && d->state.status != DEPLOYMENT_SUCCEEDED)
        shift_hook_forget(m->shifts, d);
    if (m->other)
        ledger_add_take(&m->shifts->ledger, m->other);
    m->other = NULL;
    take_surplus(m);
    m->shifts->hooks->shifts_soon(m->shifts->hooks->context);
}

void shift_move_fini(struct shift_move *m)
{
    deployment_free(&m->other);
}

/* ---- Moves of the driver's own --------------------------------------------------------------- */

static void free_move(void *state)
{
    struct shift_move *m = state;

    shift_move_fini(m);
    free(m);
}

/* The driver looks at it again. */
static void end_own(struct shifts *s, struct deployment *d)
{
    d->now.is_moving = false;
    s->hooks->shifts_soon(s->hooks->context);
}

static void own_done(struct change *change, const struct change_result *result)
{
    struct shift_move *m = change->state;

    shift_take(m, result);
    end_own(m->shifts, m->deployment);
}

static void take_turn(struct change *change)
{
    struct deployment *d = change->context;
    struct shift_move *m = malloc(sizeof(*m));

    if (!m) {
        d->now.again_ms = clock_ms() + AGAIN_MS;
        end_own(change->hooks->shifts, d);
        return;
    }
    (void)make_move(m, change->hooks->shifts, d);
    change->is_led = true;
    change->state = m;
    change->state_free = free_move;
    if (m->is_made)
        shift_submit(m, change, own_done);
    else
        end_own(m->shifts, d);
}

/* Returns in how many ms to look again. */
static uint64_t look(struct shifts *s, struct deployment *d)
{
    uint64_t now_ms = clock_ms(), wait_ms;
    struct shift_move m;

    if (d->now.is_moving || deployment_is_over(d))
        return UINT64_MAX;
    if (now_ms < d->now.again_ms)
        return d->now.again_ms - now_ms;
    wait_ms = make_move(&m, s, d);
    shift_move_fini(&m);
    if (!m.is_made)
        return wait_ms;
    d->now.is_moving = change_begin_own(s->hooks, d, take_turn) == 0;
    return d->now.is_moving ? UINT64_MAX : AGAIN_MS;
}

uint64_t shift_turn(struct shifts *s)
{
    uint64_t wait_ms = UINT64_MAX;
    struct deployment *d;

    if (s->is_over)
        return wait_ms;
    TAILQ_FOREACH(d, &s->ledger.deployments, link)
    {
        uint64_t its_ms = look(s, d);
        wait_ms = its_ms < wait_ms ? its_ms : wait_ms;
    }
    return wait_ms;
}

/* ---- For the API ----------------------------------------------------------------------------- */

void shift_stop(struct shift_move *m, struct shifts *shifts, struct deployment *d, bool is_rollback)
{
    open_move(m, shifts, d);
    end_badly(m, DEPLOYMENT_STOPPED, "MANUAL_STOP",
              is_rollback ? "The deployment was stopped by StopDeployment, and is rolled back."
                          : "The deployment was stopped by StopDeployment; the alias stays as it "
                            "is.");
    if (is_rollback)
        roll_back(m);
}

void shift_taken_back(struct shift_move *m, struct shifts *shifts, struct deployment *d,
                      const char *message)
{
    open_move(m, shifts, d);
    end_badly(m, DEPLOYMENT_STOPPED, "ALARM_ACTIVE", message);
}

/* ---- Life ------------------------------------------------------------------------------------ */

struct shifts *shift_make(const struct api_hooks *hooks, struct store *store,
                          struct store_reason *reason)
{
    struct shifts *s = calloc(1, sizeof(*s));
    uint64_t now_ms = clock_ms();
    struct deployment *d;

    if (!s) {
        snprintf(reason->text, sizeof(reason->text), "out of memory");
        return NULL;
    }
    s->hooks = hooks;
    LIST_INIT(&s->publications);
    if (ledger_open(&s->ledger, store, reason) < 0) {
        shift_free(&s);
        return NULL;
    }
    /* The step in force is held for its whole interval again: while weir was down it has shown
     * nothing. */
    TAILQ_FOREACH(d, &s->ledger.deployments, link)
    {
        d->now.step_ms = now_ms;
    }
    return s;
}

void shift_free(struct shifts **shifts)
{
    struct shifts *s = *shifts;
    struct shift_publication *publication;
    struct deployment *d;

    *shifts = NULL;
    if (!s)
        return;
    s->is_over = true;
    while ((publication = LIST_FIRST(&s->publications))) {
        LIST_REMOVE(publication, link);
        free(publication);
    }
    TAILQ_FOREACH(d, &s->ledger.deployments, link)
    {
        shift_hook_forget(s, d);
    }
    ledger_fini(&s->ledger);
    free(s->counts);
    free(s);
}
