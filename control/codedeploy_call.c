/* What all operations of CodeDeploy's API have in common. */
#include "control/codedeploy_call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conf/jsondoc.h"
#include "control/answer.h"
#include "control/codedeploy_shape.h"

/* Times in seconds with three places, and percents. */
enum { DIGITS = 15, MESSAGE_MAX = 1024 };

static const char content_type[] = "application/x-amz-json-1.1";

void codedeploy_call_fini(struct codedeploy_call *call)
{
    json_decref(call->body);
    json_decref(call->answer);
    ledger_edits_fini(&call->edits);
    shift_move_fini(&call->move);
    deployment_free(&call->created);
}

double codedeploy_call_now_s(void)
{
    return (double)(clock_unix_us() / 1000) / 1000;
}

/* ---- Answers --------------------------------------------------------------------------------- */

void codedeploy_call_answer_take(struct codedeploy_call *call, json_t *answer)
{
    struct api_response *out = call->out;

    assert(!call->is_over);
    call->is_over = true;
    out->body = answer ? jsondoc_dump_line(answer, DIGITS) : NULL;
    json_decref(answer);
    out->status = out->body ? 200 : 503;
    out->length = out->body ? strlen(out->body) : 0;
    out->content_type = content_type;
}

void codedeploy_call_answer_empty(struct codedeploy_call *call)
{
    call->is_over = true;
    call->out->status = 200;
    call->out->content_type = content_type;
}

void codedeploy_call_fail(struct codedeploy_call *call, const char *type, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;

    if (call->is_over)
        return;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    /* What was cut may end within a character. */
    codedeploy_call_answer_take(
        call, json_pack("{s:s, s:s}", "__type", type, "message",
                        jsondoc_is_utf8(message) ? message : "What is named is no text in UTF-8."));
    if (call->out->status == 200)
        call->out->status = 400;
    call->out->error_type = type;
}

void codedeploy_call_fail_memory(struct codedeploy_call *call)
{
    if (!call->is_over)
        codedeploy_call_answer_take(call, NULL);
}

/* ---- Members --------------------------------------------------------------------------------- */

json_t *codedeploy_call_member(struct codedeploy_call *call, const json_t *object, const char *name,
                               json_type type)
{
    json_t *value = json_object_get(object, name);

    if (!value || json_is_null(value) || call->is_over)
        return NULL;
    if (codedeploy_shape_is(value, type))
        return value;
    codedeploy_call_fail(call, "SerializationException", "%s must be %s.", name,
                         codedeploy_shape_type(type));
    return NULL;
}

const char *codedeploy_call_text(struct codedeploy_call *call, const json_t *object,
                                 const char *name)
{
    return json_string_value(codedeploy_call_member(call, object, name, JSON_STRING));
}

int codedeploy_call_flag(struct codedeploy_call *call, const json_t *object, const char *name)
{
    const json_t *value = codedeploy_call_member(call, object, name, JSON_TRUE);

    return value ? json_is_true(value) : -1;
}

json_t *codedeploy_call_texts(struct codedeploy_call *call, const json_t *object, const char *name)
{
    json_t *list = codedeploy_call_member(call, object, name, JSON_ARRAY);

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_is_string(json_array_get(list, i)))
            continue;
        codedeploy_call_fail(call, "SerializationException", "%s must be a list of texts.", name);
        return NULL;
    }
    return list;
}

/* ---- Names ----------------------------------------------------------------------------------- */

#define NAME(what)                                                                                 \
    {                                                                                              \
        what "RequiredException", "Invalid" what "Exception"                                       \
    }

const struct codedeploy_call_kind codedeploy_call_kind_application = NAME("ApplicationName");
const struct codedeploy_call_kind codedeploy_call_kind_group = NAME("DeploymentGroupName");
const struct codedeploy_call_kind codedeploy_call_kind_config = NAME("DeploymentConfigName");

bool codedeploy_call_is_name(const char *name)
{
    size_t n = strlen(name);

    return n >= 1 && n <= CODEDEPLOY_NAME_MAX &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+=,@-") ==
               n;
}

const char *codedeploy_call_name(struct codedeploy_call *call, const char *member,
                                 const struct codedeploy_call_kind *kind)
{
    const char *name = codedeploy_call_text(call, call->body, member);

    if (call->is_over)
        return NULL;
    if (!name || !*name) {
        codedeploy_call_fail(call, kind->required, "%s is required.", member);
        return NULL;
    }
    if (codedeploy_call_is_name(name))
        return name;
    codedeploy_call_fail(call, kind->invalid,
                         "%s must have 1 to %d letters, digits, or any of . _ + = , @ -, unlike "
                         "\"%.120s\".",
                         member, CODEDEPLOY_NAME_MAX, name);
    return NULL;
}

json_t *codedeploy_call_application(struct codedeploy_call *call)
{
    const char *name =
        codedeploy_call_name(call, "applicationName", &codedeploy_call_kind_application);
    json_t *application = name ? ledger_application(call->ledger, name) : NULL;

    if (name && !application)
        codedeploy_call_fail(call, "ApplicationDoesNotExistException",
                             "No application found for name: %s", name);
    return application;
}

json_t *codedeploy_call_group(struct codedeploy_call *call, const char *member)
{
    const char *application = json_string_value(json_object_get(call->body, "applicationName"));
    const char *name = codedeploy_call_name(call, member, &codedeploy_call_kind_group);
    json_t *group = name ? ledger_group(call->ledger, application, name) : NULL;

    if (name && !group)
        codedeploy_call_fail(call, "DeploymentGroupDoesNotExistException",
                             "No Deployment Group found for name: %s", name);
    return group;
}

void codedeploy_call_platform(struct codedeploy_call *call)
{
    const char *platform = codedeploy_call_text(call, call->body, "computePlatform");

    if (platform && strcmp(platform, "Lambda") != 0)
        codedeploy_call_fail(call, "InvalidComputePlatformException",
                             "The compute platform must be Lambda, not \"%.60s\": weir deploys "
                             "aliases of functions.",
                             platform);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

/* The token is the last name of the page before. */
static size_t find_begin(struct codedeploy_call *call, const json_t *names)
{
    const char *token = codedeploy_call_text(call, call->body, "nextToken");

    if (!token)
        return 0;
    for (size_t i = 0; i < json_array_size(names); i++)
        if (strcmp(json_string_value(json_array_get(names, i)), token) == 0)
            return i + 1;
    codedeploy_call_fail(
        call, "InvalidNextTokenException",
        "nextToken is none that weir gave out, or what it stood for is gone: begin "
        "anew, without it.");
    return 0;
}

void codedeploy_call_page_take(struct codedeploy_call *call, const char *member, json_t *names,
                               json_t *more)
{
    size_t nr = json_array_size(names), begin = find_begin(call, names);
    size_t end = nr - begin > CODEDEPLOY_PAGE ? begin + CODEDEPLOY_PAGE : nr;
    json_t *page = json_array(), *answer;

    for (size_t i = begin; page && i < end; i++)
        json_array_append(page, json_array_get(names, i));
    answer = json_pack("{s:o}", member, page);
    if (answer && end < nr)
        json_object_set(answer, "nextToken", json_array_get(names, end - 1));
    if (answer && more)
        json_object_update(answer, more);
    json_decref(more);
    json_decref(names);
    if (call->is_over)
        json_decref(answer);
    else
        codedeploy_call_answer_take(call, answer);
}

/* ---- Changing -------------------------------------------------------------------------------- */

static void done(struct change *change, const struct change_result *result)
{
    struct codedeploy_call *call = change->state;

    call->is_over = false;
    if (call->move.is_made)
        shift_take(&call->move, result);
    if (result->status != CHANGE_DONE) {
        codedeploy_call_fail(call, "InternalFailure", "%s",
                             result->reason ? result->reason : "The change was refused.");
        call->out->status = 500;
        return;
    }
    ledger_edits_apply(&call->edits, call->ledger);
    if (call->created)
        ledger_add_take(call->ledger, call->created);
    call->created = NULL;
    if (call->answer)
        codedeploy_call_answer_take(call, json_incref(call->answer));
    else
        codedeploy_call_answer_empty(call);
    call->hooks->shifts_soon(call->hooks->context);
}

void codedeploy_call_submit(struct codedeploy_call *call)
{
    struct change *change = call->change;

    if (call->is_over)
        return;
    ledger_edits_keep(&call->edits, change);
    if (call->edits.is_short ||
        (call->created &&
         ledger_keep_deployment(change, call->created, &call->created->state) < 0)) {
        codedeploy_call_fail_memory(call);
        return;
    }
    if (call->move.is_made)
        shift_submit(&call->move, change, done);
    else
        change_submit(change, &call->edit, call->edit.name ? 1 : 0, done);
}

void codedeploy_call_arn(const struct codedeploy_call *call, const char *application,
                         const char *group, char out[CODEDEPLOY_ARN_MAX])
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);

    snprintf(out, CODEDEPLOY_ARN_MAX, "arn:aws:codedeploy:%s:%s:%s:%s%s%s", settings->aws.region,
             settings->aws.account_id, group ? "deploymentgroup" : "application", application,
             group ? "/" : "", group ? group : "");
}
