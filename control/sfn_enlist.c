/* One request to the engine, and what becomes of its answer. */
#include "control/sfn_enlist.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/apicopy.h"
#include "control/errand.h"

/* Of the revision, in the name there. */
enum { REVISION_CHARACTERS = 8, NAME_BYTES_MAX = MACHINE_NAME_MAX - REVISION_CHARACTERS - 1 };

struct sfn_enlisting {
    struct ledger_guest guest; /* first; the ledger ends what is left of it */
    struct api_errand errand;
    const struct api_hooks *hooks;
    struct ledger *ledger;
    struct api_waiter *waiter; /* NULL: it has gone */
    struct api_request request;
    struct apicopy copy; /* the request's */
    change_fn *handle;
    char *key, *body;
    char revision[ID_LENGTH + 1];
};

static const char fields[] = "X-Amz-Target: AWSStepFunctions.CreateStateMachine\r\n";

static const char *execution_engine_of(const struct sfn_call *call)
{
    return call->hooks->settings(call->hooks->context)->step_functions.engine;
}

bool sfn_enlist_is_engines(const struct sfn_call *call, const struct sfn_definition *definition)
{
    return definition->is_asl && execution_engine_of(call)[0] != '\0';
}

/* Of a machine and a definition. To be freed; NULL when out of memory. */
static char *make_key(const char *name, const char *definition)
{
    size_t bytes = strlen(name) + strlen(definition) + 2;
    char *key = malloc(bytes);

    if (key)
        snprintf(key, bytes, "%s\n%s", name, definition);
    return key;
}

/* ---- The end --------------------------------------------------------------------------------- */

static void dispose(struct sfn_enlisting *e)
{
    LIST_REMOVE(&e->guest, link);
    apicopy_fini(&e->copy);
    free(e->key);
    free(e->body);
    free(e);
}

/* The process ends: the errand does, too. */
static void end_guest(struct ledger_guest *guest)
{
    struct sfn_enlisting *e = (struct sfn_enlisting *)guest;

    e->hooks->errand_forget(e->hooks->context, &e->errand);
    if (e->waiter)
        e->waiter->enlisting = NULL;
    dispose(e);
}

void sfn_enlist_forget(struct api_waiter *waiter)
{
    assert(waiter->enlisting->waiter == waiter);
    waiter->enlisting->waiter = NULL;
    waiter->enlisting = NULL;
}

/* ---- The answer ------------------------------------------------------------------------------ */

/* The engine's own error, or that there was no answer. */
static void refuse(struct sfn_enlisting *e, const struct errand_result *result,
                   struct api_response *response)
{
    struct sfn_call call = {.hooks = e->hooks, .out = response};
    json_t *body = json_loadb(result->body.p ? result->body.p : "", result->body.n, 0, NULL);
    const char *type = json_string_value(json_object_get(body, "__type"));
    const char *message = json_string_value(json_object_get(body, "message"));
    const char *hash = type ? strrchr(type, '#') : NULL;

    if (!message)
        message = json_string_value(json_object_get(body, "Message"));
    if (result->status >= 400 && result->status < 500 && type) {
        sfn_call_answer_take(&call, json_pack("{s:s, s:s}", "__type", hash ? hash + 1 : type,
                                              "message", message ? message : ""));
        response->status = response->status == 200 ? 400 : response->status;
    } else {
        sfn_call_fail(&call, "ServiceUnavailable",
                      "The server of the setting step_functions.engine, %s, made no state machine "
                      "of the definition: %s.",
                      execution_engine_of(&call),
                      result->status > 0 ? "it answered something else" : result->reason);
        response->status = 503;
    }
    json_decref(body);
}

/* The ARN there; false where the answer has none. */
static bool keep_answer(struct sfn_enlisting *e, const struct errand_result *result)
{
    json_t *body = json_loadb(result->body.p ? result->body.p : "", result->body.n, 0, NULL);
    const char *arn = json_string_value(json_object_get(body, "stateMachineArn"));
    bool is = result->status == 200 && arn &&
              json_object_set_new(e->ledger->enlisted, e->key,
                                  json_pack("{s:s, s:s, s:s}", "arn", arn, "revision", e->revision,
                                            "engine", e->errand.url)) == 0;

    json_decref(body);
    return is;
}

static void on_over(struct api_errand *errand, const struct errand_result *result)
{
    struct sfn_enlisting *e = errand->context;
    struct api_waiter *waiter = e->waiter;
    struct api_response response = {0};
    bool is_answered = true;

    if (!waiter) {
        dispose(e);
        return;
    }
    waiter->enlisting = NULL;
    if (keep_answer(e, result))
        is_answered = change_begin(e->hooks, &e->request, waiter, &response, e->handle);
    else
        refuse(e, result, &response);
    dispose(e);
    if (is_answered)
        waiter->answered(waiter, &response);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* NAME-12345678, NAME cut between characters. */
static void name_there(const char *name, const char *revision, char out[MACHINE_NAME_MAX + 1])
{
    size_t n = strlen(name);

    if (n > NAME_BYTES_MAX)
        n = NAME_BYTES_MAX;
    while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
        n--;
    snprintf(out, MACHINE_NAME_MAX + 1, "%.*s-%.*s", (int)n, name, REVISION_CHARACTERS, revision);
}

static char *write_body(const struct sfn_call *call, const struct sfn_enlisting *e,
                        const char *name, const char *definition)
{
    const char *role = json_string_value(json_object_get(call->body, "roleArn"));
    const char *type = json_string_value(json_object_get(call->body, "type"));
    char there[MACHINE_NAME_MAX + 1];
    json_t *body;
    char *text;

    name_there(name, e->revision, there);
    body = json_pack("{s:s, s:s, s:s, s:s}", "name", there, "definition", definition, "roleArn",
                     role ? role : "arn:aws:iam::000000000000:role/weir", "type",
                     type ? type : "STANDARD");
    text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

enum api_outcome sfn_enlist_begin(struct sfn_call *call, struct api_waiter *waiter,
                                  const char *name, const char *definition, change_fn *handle)
{
    struct sfn_enlisting *e = calloc(1, sizeof(*e));

    if (!e) {
        sfn_call_fail_memory(call);
        return API_ANSWERED;
    }
    *e = (struct sfn_enlisting){.guest.end = end_guest,
                                .hooks = call->hooks,
                                .ledger = call->ledger,
                                .handle = handle,
                                .key = make_key(name, definition)};
    LIST_INSERT_HEAD(&call->ledger->guests, &e->guest, link);
    ledger_new_uuid(call->ledger, e->revision);
    e->body = write_body(call, e, name, definition);
    e->errand = (struct api_errand){.url = execution_engine_of(call),
                                    .fields = STR(fields),
                                    .content_type = "application/x-amz-json-1.0",
                                    .body = str_of(e->body),
                                    .over = on_over,
                                    .context = e};
    if (!e->key || !e->body || apicopy_make(&e->copy, &e->request, call->request) < 0 ||
        call->hooks->errand(call->hooks->context, &e->errand) < 0) {
        dispose(e);
        sfn_call_fail_memory(call);
        return API_ANSWERED;
    }
    e->waiter = waiter;
    waiter->enlisting = e;
    return API_LATER;
}

json_t *sfn_enlist_take(struct sfn_call *call, const char *name, const char *definition,
                        char revision[ID_LENGTH + 1])
{
    char *key = make_key(name, definition);
    const json_t *found = key ? json_object_get(call->ledger->enlisted, key) : NULL;
    json_t *version = NULL;

    if (found) {
        version = json_pack("{s:s, s:[O], s:O}", "kind", "sfn", "endpoints",
                            json_object_get(found, "engine"), "state_machine",
                            json_object_get(found, "arn"));
        snprintf(revision, ID_LENGTH + 1, "%s",
                 json_string_value(json_object_get(found, "revision")));
    }
    free(call->enlisted);
    call->enlisted = key;
    return version;
}
