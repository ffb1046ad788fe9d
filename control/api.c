/* Which handler a path has, and the plain ones: pages of the process, reload. alias.c and lambda.c
 * have those that read and change aliases. */
#include "control/api.h"

#include <jansson.h>
#include <stdlib.h>

#include "control/access.h"
#include "control/adminpage.h"
#include "control/alarm.h"
#include "control/alias.h"
#include "control/answer.h"
#include "control/change.h"
#include "control/codedeploy.h"
#include "control/experiment.h"
#include "control/fleet.h"
#include "control/lambda.h"
#include "control/listing.h"
#include "control/resource.h"
#include "control/sfn.h"
#include "control/sfn_asked.h"
#include "control/sfn_enlist.h"

/* Is this one of the query's parts? */
static bool is_asked_for(struct str query, struct str part)
{
    while (query.n > 0) {
        const char *end = memchr(query.p, '&', query.n);
        size_t n = end ? (size_t)(end - query.p) : query.n;

        if (str_eq((struct str){query.p, n}, part))
            return true;
        query.p += n + (end != NULL);
        query.n -= n + (end != NULL);
    }
    return false;
}

static enum api_outcome get_metrics(const struct api_hooks *hooks,
                                    const struct api_request *request, struct api_waiter *waiter,
                                    struct api_response *out)
{
    struct listing listing = {.content_type = "text/plain; version=0.0.4; charset=utf-8"};

    if (hooks->metrics(hooks->context, is_asked_for(request->query, STR("all=1")), &listing) == 0)
        return listing_begin(hooks, waiter, out, &listing);
    answer_document(out, NULL);
    return API_ANSWERED;
}

static enum api_outcome get_health(const struct api_hooks *hooks, const struct api_request *request,
                                   struct api_waiter *waiter, struct api_response *out)
{
    (void)hooks;
    (void)request;
    (void)waiter;
    answer_text(out, 200, "ok\n");
    return API_ANSWERED;
}

static enum api_outcome get_ready(const struct api_hooks *hooks, const struct api_request *request,
                                  struct api_waiter *waiter, struct api_response *out)
{
    (void)request;
    (void)waiter;
    if (hooks->is_ready(hooks->context))
        answer_text(out, 200, "ready\n");
    else
        answer_text(out, 503, hooks->is_draining(hooks->context) ? "draining\n" : "starting\n");
    return API_ANSWERED;
}

static enum api_outcome get_settings(const struct api_hooks *hooks,
                                     const struct api_request *request, struct api_waiter *waiter,
                                     struct api_response *out)
{
    (void)request;
    (void)waiter;
    answer_document(out, settings_dump(hooks->settings(hooks->context)));
    return API_ANSWERED;
}

/* The sentences alone. */
static json_t *messages(const struct problems *changes)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < changes->nr; i++)
        json_array_append_new(list, json_string(changes->list[i].message));
    return list;
}

void api_answer_reload(const struct api_hooks *hooks, const struct api_reload *result,
                       struct api_response *out)
{
    memset(out, 0, sizeof(*out));
    if (!result->is_ok) {
        answer_problems(out, result->problems);
        return;
    }
    answer_json(out, 200,
                json_pack("{s:I, s:o, s:o}", "generation",
                          (json_int_t)hooks->table(hooks->context)->generation, "changes",
                          messages(result->changes), "notes", answer_problem_list(result->notes)));
    answer_field(out, "x-weir-generation", "%llu",
                 (unsigned long long)hooks->table(hooks->context)->generation);
}

static void on_reloaded(struct api_waiter *waiter, const struct api_reload *result)
{
    struct api_response response;

    api_answer_reload(waiter->hooks, result, &response);
    waiter->answered(waiter, &response);
}

void api_forget(struct api_waiter *waiter)
{
    if (waiter->change)
        change_forget(waiter);
    else if (waiter->listing)
        listing_forget(waiter);
    else if (waiter->execution)
        sfn_asked_forget(waiter);
    else if (waiter->enlisting)
        sfn_enlist_forget(waiter);
    else
        waiter->hooks->forget(waiter->hooks->context, waiter);
}

static enum api_outcome reload(const struct api_hooks *hooks, const struct api_request *request,
                               struct api_waiter *waiter, struct api_response *out)
{
    (void)request;
    (void)out;
    hooks->reload(hooks->context, waiter);
    return API_LATER;
}

typedef enum api_outcome handler(const struct api_hooks *hooks, const struct api_request *request,
                                 struct api_waiter *waiter, struct api_response *out);

static const struct {
    struct str path;
    const char *method; /* GET also serves HEAD */
    handler *handle;
} pages[] = {
    {{"/metrics", 8}, "GET", get_metrics}, {{"/healthz", 8}, "GET", get_health},
    {{"/readyz", 7}, "GET", get_ready},    {{"/settings", 9}, "GET", get_settings},
    {{"/reload", 7}, "POST", reload},
};

static bool is_method(struct str method, const char *allowed)
{
    return str_eq(method, str_of(allowed)) ||
           (str_eq(method, STR("HEAD")) && strcmp(allowed, "GET") == 0);
}

static handler *const resources[] = {adminpage_handle, codedeploy_handle, sfn_handle,
                                     alarm_handle,     alias_handle,      experiment_handle,
                                     fleet_handle,     resource_handle,   lambda_handle};

bool api_handle(const struct api_hooks *hooks, const struct api_request *request,
                struct api_waiter *waiter, struct api_response *response)
{
    memset(response, 0, sizeof(*response));
    waiter->hooks = hooks;
    waiter->change = NULL;
    waiter->listing = NULL;
    waiter->execution = NULL;
    waiter->enlisting = NULL;
    waiter->done = on_reloaded;
    if (access_refuse(hooks->settings(hooks->context), request, response))
        return true;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (!str_eq(request->path, pages[i].path))
            continue;
        if (is_method(request->method, pages[i].method))
            return pages[i].handle(hooks, request, waiter, response) == API_ANSWERED;
        answer_not_allowed(response, pages[i].method[0] == 'G' ? "GET, HEAD" : "POST",
                           "This path is served for another method.");
        return true;
    }
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        enum api_outcome outcome = resources[i](hooks, request, waiter, response);
        if (outcome != API_NOT_MINE)
            return outcome == API_ANSWERED;
    }
    answer_error(
        response, 404, "ResourceNotFoundException",
        "Served here: GET /, /metrics, /healthz, /readyz, /settings, /fleet; POST /reload; GET and "
        "PUT "
        "/table; GET /functions; GET, PUT and DELETE /functions/{F} and "
        "/functions/{F}/aliases/{A}; GET and DELETE /experiments/{F}/{A}; the Lambda API below its "
        "paths.");
    return true;
}
