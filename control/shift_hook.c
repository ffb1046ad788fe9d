/* A hook is told what AWS tells it in its body, and what AWS leaves out in fields of the head. That
 * its call was answered says nothing yet: it has to report (PutLifecycleEventHookExecutionStatus),
 * but for a URL, whose answer may do so. That the call came to nothing says that it has failed. */
#include "control/shift_hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/errand.h"
#include "router/invoke.h"

enum { FIELDS_MAX = 1024, BODY_MAX = 256 };

struct hook_call {
    struct api_errand errand; /* first */
    struct shifts *shifts;
    struct deployment *deployment;
    struct invoke_address address;
    char fields[FIELDS_MAX], body[BODY_MAX];
};

static void report(struct deployment *d, int outcome, const char *reason)
{
    d->now.report = outcome;
    snprintf(d->now.reason, sizeof(d->now.reason), "%s", reason);
}

/* ---- What came of it ------------------------------------------------------------------------- */

/* {"status": "Succeeded"}, or Failed; anything else is no report. */
static void read_answer(struct deployment *d, struct str body)
{
    json_t *json = json_loadb(body.p ? body.p : "", body.n, 0, NULL);
    const char *status = json_string_value(json_object_get(json, "status"));

    if (status && strcmp(status, "Succeeded") == 0)
        report(d, 1, "");
    else if (status && strcmp(status, "Failed") == 0)
        report(d, -1, "its answer was the status Failed.");
    json_decref(json);
}

static void on_over(struct api_errand *errand, const struct errand_result *result)
{
    struct hook_call *call = (struct hook_call *)errand;
    struct deployment *d = call->deployment;
    struct shifts *s = call->shifts;
    char reason[DEPLOYMENT_MESSAGE_MAX];

    d->now.errand = NULL;
    if (result->status == 0)
        snprintf(reason, sizeof(reason), "it could not be called: %s.", result->reason);
    else if (result->status >= 400)
        snprintf(reason, sizeof(reason), "it answered with status %d: %.*s", result->status,
                 result->body.n < 200 ? (int)result->body.n : 200,
                 result->body.p ? result->body.p : "");
    else
        snprintf(reason, sizeof(reason), "its function failed: %.*s",
                 result->body.n < 200 ? (int)result->body.n : 200,
                 result->body.p ? result->body.p : "");
    if (result->status == 0 || result->status >= 400 || result->is_function_error)
        report(d, -1, reason);
    else if (errand->url)
        read_answer(d, result->body);
    free(call);
    s->hooks->shifts_soon(s->hooks->context);
}

/* ---- Calling --------------------------------------------------------------------------------- */

static void write_request(struct hook_call *call, enum appspec_hook hook)
{
    const struct deployment *d = call->deployment;

    snprintf(call->body, sizeof(call->body),
             "{\"DeploymentId\":\"%s\",\"LifecycleEventHookExecutionId\":\"%s\"}", d->id,
             d->state.hook_ids[hook]);
    snprintf(call->fields, sizeof(call->fields),
             "x-weir-deployment-id: %s\r\nx-weir-lifecycle-event: %s\r\nx-weir-function: %s\r\n"
             "x-weir-alias: %s\r\nx-weir-current-version: %s\r\nx-weir-target-version: %s\r\n",
             d->id, appspec_hook_names[hook], d->spec.function, d->spec.alias, d->spec.current,
             d->spec.target);
    call->errand.body = str_of(call->body);
    call->errand.fields = str_of(call->fields);
}

static bool address(struct hook_call *call, const char *to)
{
    if (hookname_is_url(to)) {
        call->errand.url = to;
        return true;
    }
    if (invoke_parse_name(&call->address, str_of(to)) != INVOKE_OK)
        return false;
    call->errand.function = call->address.function;
    call->errand.qualifier = call->address.qualifier;
    return true;
}

void shift_hook_call(struct shifts *s, struct deployment *d, enum appspec_hook hook)
{
    struct hook_call *call = calloc(1, sizeof(*call));

    shift_hook_forget(s, d);
    d->now.is_called = true;
    d->now.hook = hook;
    d->now.hook_ms = clock_ms();
    report(d, 0, "");
    if (!call || !address(call, d->spec.hooks[hook])) {
        report(d, -1, "weir is out of memory.");
        free(call);
        return;
    }
    call->shifts = s;
    call->deployment = d;
    call->errand.over = on_over;
    write_request(call, hook);
    log_info("deployment %s calls its hook %s: %s", d->id, appspec_hook_names[hook],
             d->spec.hooks[hook]);
    d->now.errand = &call->errand;
    if (s->hooks->errand(s->hooks->context, &call->errand) == 0)
        return;
    d->now.errand = NULL;
    report(d, -1, "weir is out of memory.");
    free(call);
}

void shift_hook_forget(struct shifts *s, struct deployment *d)
{
    struct api_errand *errand = d->now.errand;

    d->now.errand = NULL;
    if (!errand)
        return;
    s->hooks->errand_forget(s->hooks->context, errand);
    free(errand);
}
