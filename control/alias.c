/* What the alias addresses do. The rules for what an alias may say are the table document's, and so
 * are the words for what is wrong with it: the engine (change.c) checks by them. */
#include "control/alias.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_alias.h"
#include "control/answer.h"
#include "control/change.h"
#include "control/etag.h"
#include "router/invoke.h"

/* Weights below 100 have nine digits at most. */
enum { WEIGHT_DIGITS = 9 };

/* The names in the path, decoded. */
struct alias_path {
    char function[INVOKE_NAME_MAX + 1], alias[INVOKE_QUALIFIER_MAX + 1];
};

/* ---- The addresses --------------------------------------------------------------------------- */

/* Cuts the next segment, and the '/' behind it, off the path. */
static struct str cut_segment(struct str *path)
{
    struct str segment = str_until(*path, '/');
    size_t used = segment.n < path->n ? segment.n + 1 : segment.n;

    path->p += used;
    path->n -= used;
    return segment;
}

static bool parse_path(struct str path, struct alias_path *out)
{
    struct str function, alias;

    if (path.n < 1 || path.p[0] != '/')
        return false;
    path.p++;
    path.n--;
    if (!str_eq(cut_segment(&path), STR("functions")))
        return false;
    function = cut_segment(&path);
    if (!str_eq(cut_segment(&path), STR("aliases")))
        return false;
    alias = path;
    if (alias.n == 0 || memchr(alias.p, '/', alias.n))
        return false;
    invoke_decode_name(function, out->function, sizeof(out->function));
    invoke_decode_name(alias, out->alias, sizeof(out->alias));
    return true;
}

/* Only of things that can be names, so that no message has other bytes in it. */
static void answer_unknown(struct api_response *out, const struct alias_path *path,
                           bool knows_function)
{
    char message[512];

    if (!invoke_is_function_name(str_of(path->function)))
        snprintf(message, sizeof(message), "The path names no function.");
    else if (!knows_function)
        snprintf(message, sizeof(message), "There is no function \"%s\".", path->function);
    else if (!invoke_is_alias_name(str_of(path->alias)))
        snprintf(message, sizeof(message), "The path names no alias of the function \"%s\".",
                 path->function);
    else
        snprintf(message, sizeof(message), "The function \"%s\" has no alias \"%s\".",
                 path->function, path->alias);
    answer_error(out, 404, "ResourceNotFoundException", message);
}

static void answer_alias(const struct api_hooks *hooks, struct api_response *out,
                         const struct target *target, bool is_read)
{
    struct etag etag;
    json_t *json = etag_alias(hooks, target, &etag) == 0 ? tabledoc_alias_write(target) : NULL;

    answer_document(out, json ? jsondoc_dump(json, WEIGHT_DIGITS) : NULL);
    if (json && is_read)
        etag_tell_read(out, &etag, hooks->table(hooks->context));
    else if (json)
        etag_tell(out, &etag);
    json_decref(json);
}

/* Is the alias not as the request says that it must be? Then the response says so. target: NULL
 * where there is none. */
static bool is_stale(struct change *change, const struct target *target)
{
    struct etag etag = {.text = ""};

    if (target && target->alias.n > 0 && etag_alias(change->hooks, target, &etag) < 0) {
        answer_document(&change->response, NULL);
        return true;
    }
    return etag_refuse(&change->request, "the alias", &etag, &change->response);
}

/* The alias of the path; NULL with a 404 filled in. */
static const struct target *find_alias(const struct api_hooks *hooks, const struct alias_path *path,
                                       struct api_response *out)
{
    bool knows_function;
    const struct target *target = table_find(hooks->table(hooks->context), str_of(path->function),
                                             str_of(path->alias), &knows_function);

    if (target && target->alias.n > 0)
        return target;
    answer_unknown(out, path, knows_function);
    return NULL;
}

static void answer_in_force(struct change *change, const struct change_result *result)
{
    struct alias_path path;
    const struct target *target;

    if (result->status != CHANGE_DONE) {
        change_answer_failure(change, result);
        return;
    }
    if (!parse_path(change->request.path, &path))
        return;
    target = find_alias(change->hooks, &path, &change->response);
    if (target)
        answer_alias(change->hooks, &change->response, target, false);
}

/* What the request leaves out, but for weights, stays as it is in an alias that there is; null
 * takes an optional part away. A new reference; NULL when out of memory. */
static json_t *over(const struct target *target, json_t *said)
{
    static const char *const optional[] = {"pin", "override", "audit", "experiment"};
    json_t *alias = NULL;

    if (!target || target->alias.n == 0)
        return json_incref(said);
    alias = tabledoc_alias_write(target);
    if (!alias)
        return NULL;
    json_object_del(alias, "weights");
    if (json_object_update(alias, said) < 0) {
        json_decref(alias);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
        if (json_is_null(json_object_get(alias, optional[i])))
            json_object_del(alias, optional[i]);
    return alias;
}

static void put_alias(struct change *change)
{
    struct str body = change->request.body.n > 0 ? change->request.body : STR("");
    struct problems problems = {0};
    struct jsondoc doc = {.problems = &problems};
    struct alias_path path;
    const struct target *target;
    bool knows_function;
    json_t *said;

    if (!parse_path(change->request.path, &path))
        return;
    target = table_find(change->hooks->table(change->hooks->context), str_of(path.function),
                        str_of(path.alias), &knows_function);
    if (!knows_function) {
        answer_unknown(&change->response, &path, false);
        return;
    }
    if (is_stale(change, target))
        return;
    said = jsondoc_load(&doc, body.p, body.n);
    if (!said) {
        answer_problems(&change->response, &problems);
    } else {
        struct change_edit edit = {.kind = CHANGE_ALIAS,
                                   .function = path.function,
                                   .name = path.alias,
                                   .document = over(target, said)};
        if (edit.document)
            change_submit(change, &edit, 1, answer_in_force);
        else
            answer_document(&change->response, NULL);
    }
    json_decref(said);
    problems_fini(&problems);
}

static void answer_deleted(struct change *change, const struct change_result *result)
{
    if (result->status == CHANGE_DONE)
        change->response.status = 204;
    else
        change_answer_failure(change, result);
}

static void delete_alias(struct change *change)
{
    struct change_edit edit = {.kind = CHANGE_ALIAS};
    struct alias_path path;
    const struct target *target;

    if (!parse_path(change->request.path, &path))
        return;
    target = find_alias(change->hooks, &path, &change->response);
    if (!target || is_stale(change, target))
        return;
    edit.function = path.function;
    edit.name = path.alias;
    change_submit(change, &edit, 1, answer_deleted);
}

enum api_outcome alias_handle(const struct api_hooks *hooks, const struct api_request *request,
                              struct api_waiter *waiter, struct api_response *response)
{
    bool is_put = str_eq(request->method, STR("PUT"));
    const struct target *target;
    struct alias_path path;

    if (!parse_path(request->path, &path))
        return API_NOT_MINE;
    if (is_put || str_eq(request->method, STR("DELETE"))) {
        change_fn *handle = is_put ? put_alias : delete_alias;
        return change_begin(hooks, request, waiter, response, handle) ? API_ANSWERED : API_LATER;
    }
    if (!str_eq(request->method, STR("GET")) && !str_eq(request->method, STR("HEAD"))) {
        answer_not_allowed(response, "GET, HEAD, PUT, DELETE",
                           "An alias can be read, made, changed and deleted here.");
        return API_ANSWERED;
    }
    target = find_alias(hooks, &path, response);
    if (target)
        answer_alias(hooks, response, target, true);
    return API_ANSWERED;
}
