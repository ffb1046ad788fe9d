/* Deployments as rows. */
#include "control/deployment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conf/jsondoc.h"
#include "router/split.h"

enum { DIGITS = 17 };

const char *const deployment_status_names[DEPLOYMENT_STATUS_COUNT] = {
#define X(name, text) text,
    DEPLOYMENT_STATUSES(X)
#undef X
};

const char *const deployment_event_names[DEPLOYMENT_EVENTS] = {
    "Start", "BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic", "End"};

const char *const deployment_mark_names[DEPLOYMENT_MARK_COUNT] = {"Pending", "InProgress",
                                                                  "Succeeded", "Failed", "Skipped"};

static int find(const char *const *list, int nr, const char *name)
{
    for (int i = 0; name && i < nr; i++)
        if (strcmp(list[i], name) == 0)
            return i;
    return -1;
}

int deployment_status_of(const char *name)
{
    return find(deployment_status_names, DEPLOYMENT_STATUS_COUNT, name);
}

const char *deployment_text(const struct deployment *d, const char *member)
{
    const char *text = json_string_value(json_object_get(d->info, member));

    return text ? text : "";
}

/* ---- Making ---------------------------------------------------------------------------------- */

static const char *content_of(const json_t *info)
{
    const json_t *revision = json_object_get(info, "revision");
    const json_t *content = json_object_get(revision, "appSpecContent");

    if (!content)
        content = json_object_get(revision, "string");
    return json_string_value(json_object_get(content, "content"));
}

static void read_from(struct deployment *d)
{
    const json_t *from = json_object_get(d->info, "from");
    const char *first = json_string_value(json_object_get(from, "first"));
    const char *second = json_string_value(json_object_get(from, "second"));

    d->is_rollback = from != NULL;
    snprintf(d->from_first, sizeof(d->from_first), "%s", first ? first : "");
    snprintf(d->from_second, sizeof(d->from_second), "%s", second ? second : "");
    d->from_weight = (uint32_t)json_integer_value(json_object_get(from, "weight"));
}

struct deployment *deployment_make_take(json_t *info)
{
    struct deployment *d = calloc(1, sizeof(*d));
    const char *content = content_of(info);
    const char *id = json_string_value(json_object_get(info, "deploymentId"));
    char reason[APPSPEC_REASON_MAX];

    if (!d || !id || !content || appspec_read(&d->spec, str_of(content), reason) < 0) {
        json_decref(info);
        free(d);
        return NULL;
    }
    d->info = info;
    snprintf(d->id, sizeof(d->id), "%s", id);
    d->serial = (uint64_t)json_integer_value(json_object_get(info, "serial"));
    d->state.step = -1;
    d->is_published = json_is_true(json_object_get(info, "isPublished"));
    read_from(d);
    return d;
}

/* Resources[0].NAME.Properties */
static json_t *properties_of(const json_t *spec)
{
    json_t *resource = json_array_get(json_object_get(spec, "Resources"), 0);
    void *first = json_object_iter(resource);

    return first ? json_object_get(json_object_iter_value(first), "Properties") : NULL;
}

/* The revision may be another deployment's previousRevision, so it is replaced, not changed. */
int deployment_retarget(struct deployment *d, struct str current)
{
    json_t *spec = json_loads(content_of(d->info), 0, NULL);
    json_t *revision = NULL;
    char *content = NULL;
    int result = -1;

    if (spec && json_object_set_new(properties_of(spec), "CurrentVersion",
                                    json_stringn(current.p, current.n)) == 0)
        content = json_dumps(spec, JSON_COMPACT);
    if (content)
        revision = json_pack("{s:s, s:{s:s}}", "revisionType", "AppSpecContent", "appSpecContent",
                             "content", content);
    if (revision)
        result = json_object_set_new(d->info, "revision", revision);
    if (result == 0)
        snprintf(d->spec.current, sizeof(d->spec.current), "%.*s", STR_ARG(current));
    free(content);
    json_decref(spec);
    return result;
}

void deployment_free(struct deployment **deployment)
{
    struct deployment *d = *deployment;

    *deployment = NULL;
    if (!d)
        return;
    json_decref(d->info);
    free(d->now.baselines);
    free(d);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static json_t *write_events(const struct deployment_state *state)
{
    json_t *list = json_array();

    for (int i = 0; list && i < DEPLOYMENT_EVENTS; i++)
        if (json_array_append_new(list, json_pack("{s:s, s:f, s:f}", "mark",
                                                  deployment_mark_names[state->events[i].mark],
                                                  "began_s", state->events[i].began_s, "ended_s",
                                                  state->events[i].ended_s)) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

char *deployment_write(const struct deployment *d, const struct deployment_state *s)
{
    json_t *json =
        json_pack("{s:O, s:{s:s, s:o, s:i, s:I, s:f, s:f, s:f, s:s, s:s, s:s, s:s, s:s}}", "info",
                  d->info, "state", "status", deployment_status_names[s->status], "events",
                  write_events(s), "step", s->step, "weight", (json_int_t)s->weight, "started_s",
                  s->started_s, "completed_s", s->completed_s, "updated_s", s->updated_s,
                  "before_id", s->hook_ids[APPSPEC_BEFORE], "after_id", s->hook_ids[APPSPEC_AFTER],
                  "code", s->code, "message", s->message, "rollback_id", s->rollback_id);
    char *text = json ? jsondoc_dump_line(json, DIGITS) : NULL;

    json_decref(json);
    return text;
}

static void copy(char *out, size_t size, const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    snprintf(out, size, "%s", text ? text : "");
}

static double seconds(const json_t *object, const char *member)
{
    return json_number_value(json_object_get(object, member));
}

static void read_state(struct deployment_state *s, const json_t *json)
{
    const json_t *events = json_object_get(json, "events");
    int status = deployment_status_of(json_string_value(json_object_get(json, "status")));

    s->status = status < 0 ? DEPLOYMENT_FAILED : (enum deployment_status)status;
    for (int i = 0; i < DEPLOYMENT_EVENTS; i++) {
        const json_t *event = json_array_get(events, (size_t)i);
        int mark = find(deployment_mark_names, DEPLOYMENT_MARK_COUNT,
                        json_string_value(json_object_get(event, "mark")));
        s->events[i].mark = mark < 0 ? DEPLOYMENT_MARK_PENDING : (enum deployment_mark)mark;
        s->events[i].began_s = seconds(event, "began_s");
        s->events[i].ended_s = seconds(event, "ended_s");
    }
    s->step = (int)json_integer_value(json_object_get(json, "step"));
    s->weight = (uint32_t)json_integer_value(json_object_get(json, "weight"));
    s->started_s = seconds(json, "started_s");
    s->completed_s = seconds(json, "completed_s");
    s->updated_s = seconds(json, "updated_s");
    copy(s->hook_ids[APPSPEC_BEFORE], sizeof(s->hook_ids[0]), json, "before_id");
    copy(s->hook_ids[APPSPEC_AFTER], sizeof(s->hook_ids[0]), json, "after_id");
    copy(s->code, sizeof(s->code), json, "code");
    copy(s->message, sizeof(s->message), json, "message");
    copy(s->rollback_id, sizeof(s->rollback_id), json, "rollback_id");
}

struct deployment *deployment_read(const char *document)
{
    json_t *json = json_loads(document, 0, NULL);
    struct deployment *d = NULL;

    if (json && json_is_object(json_object_get(json, "info")))
        d = deployment_make_take(json_incref(json_object_get(json, "info")));
    if (d)
        read_state(&d->state, json_object_get(json, "state"));
    json_decref(json);
    return d;
}

void deployment_follow(struct deployment *d, struct deployment *other)
{
    json_t *info = d->info;

    d->info = other->info; /* deployment_retarget changes it */
    other->info = info;
    d->spec = other->spec;
    if (d->state.step != other->state.step)
        d->now.step_ms = clock_ms();
    d->state = other->state;
}

/* ---- The plan -------------------------------------------------------------------------------- */

void deployment_plan(const struct deployment *d, uint64_t minute_ms, struct plan *plan)
{
    const json_t *steps = json_object_get(d->info, "steps");
    int r = 0;

    plan->nr = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        double hold_s = json_number_value(json_array_get(step, 1));

        r = plan_add(plan, (uint32_t)json_integer_value(json_array_get(step, 0)),
                     (uint64_t)(hold_s * (double)minute_ms / 60));
    }
    if (r < 0 || plan_close(plan) < 0) { /* a row of somebody's making */
        plan->steps[0] = (struct plan_step){SPLIT_ONE, 0};
        plan->nr = 1;
    }
}
