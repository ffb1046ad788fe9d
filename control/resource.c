/* What the addresses of the table and its functions do. */
#include "control/resource.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc.h"
#include "conf/tabledoc_diff.h"
#include "conf/tabledoc_function.h"
#include "control/answer.h"
#include "control/change.h"
#include "control/etag.h"
#include "control/listing.h"
#include "router/invoke.h"

enum { DIGITS = 17, WEIGHT_DIGITS = 9, PAGE_MAX = 10000 };

/* ---- Names ----------------------------------------------------------------------------------- */

/* The name behind "/functions/"; false where the path is another. What can be none becomes "". */
static bool parse_path(struct str path, char name[INVOKE_NAME_MAX + 1])
{
    const struct str head = STR("/functions/");
    int n;

    if (path.n <= head.n || memcmp(path.p, head.p, head.n) != 0 ||
        memchr(path.p + head.n, '/', path.n - head.n))
        return false;
    n = invoke_decode((struct str){path.p + head.n, path.n - head.n}, name, INVOKE_NAME_MAX);
    name[n > 0 ? n : 0] = '\0';
    if (!invoke_is_function_name(str_of(name)))
        name[0] = '\0';
    return true;
}

static void answer_unknown(struct api_response *out, const char *name)
{
    char message[INVOKE_NAME_MAX + 64];

    if (name[0])
        snprintf(message, sizeof(message), "There is no function \"%s\".", name);
    else
        snprintf(message, sizeof(message), "The path names no function.");
    answer_error(out, 404, "ResourceNotFoundException", message);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static void answer_function(const struct api_hooks *hooks, const char *name, bool is_read,
                            struct api_response *out)
{
    const struct table *table = hooks->table(hooks->context);
    const struct function *function = table_function(table, str_of(name));
    struct etag etag;
    json_t *json;

    if (!function) {
        answer_unknown(out, name);
        return;
    }
    json = etag_function(hooks, function->name, &etag) == 0
               ? tabledoc_function_write(table, function)
               : NULL;
    answer_document(out, json ? jsondoc_dump(json, WEIGHT_DIGITS) : NULL);
    if (json && is_read)
        etag_tell_read(out, &etag, table);
    else if (json)
        etag_tell(out, &etag);
    json_decref(json);
}

/* The value of a member of the query, decoded; "" where there is none. */
static void find_query(struct str query, struct str key, char *out, int size)
{
    out[0] = '\0';
    while (query.n > 0) {
        struct str part = str_until(query, '&');
        struct str name = str_until(part, '=');
        size_t used = part.n < query.n ? part.n + 1 : part.n;

        if (str_eq(name, key) && name.n < part.n) {
            int n = invoke_decode((struct str){part.p + name.n + 1, part.n - name.n - 1}, out,
                                  size - 1);
            out[n > 0 ? n : 0] = '\0';
        }
        query.p += used;
        query.n -= used;
    }
}

static int compare_names(const void *a, const void *b)
{
    struct str x = (*(struct function *const *)a)->name, y = (*(struct function *const *)b)->name;
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

    return order ? order : (x.n > y.n) - (x.n < y.n);
}

/* Those behind a name, in order. */
static json_t *write_page(const struct table *table, struct function **list, size_t nr,
                          const char *after, size_t max)
{
    struct function behind = {.name = str_of(after)}, *at = &behind;
    json_t *functions = json_object();
    json_t *page = json_pack("{s:o}", "functions", functions);
    size_t i = 0, end;

    while (i < nr && compare_names(&list[i], &at) <= 0)
        i++;
    end = nr - i > max ? i + max : nr;
    for (; page && i < end; i++) {
        if (jsondoc_set_take(functions, list[i]->name, tabledoc_function_write(table, list[i])) <
            0) {
            json_decref(page);
            return NULL;
        }
    }
    if (page && end < nr && end > 0 &&
        jsondoc_set_take(page, STR("next"),
                         json_stringn(list[end - 1]->name.p, list[end - 1]->name.n)) < 0) {
        json_decref(page);
        return NULL;
    }
    return page;
}

/* Any thread. */
static char *write_functions(const struct listing *listing, size_t *length)
{
    struct function *const *all;
    size_t nr_all = (size_t)table_functions(listing->table, &all), nr = 0;
    struct function **list = malloc((nr_all + 1) * sizeof(struct function *));
    json_t *page = NULL;
    char *text;

    for (size_t i = 0; list && i < nr_all; i++)
        if (!all[i]->machine)
            list[nr++] = all[i];
    if (list && nr > 1)
        qsort(list, nr, sizeof(struct function *), compare_names);
    if (list)
        page = write_page(listing->table, list, nr, listing->after, listing->max);
    text = page ? jsondoc_dump(page, WEIGHT_DIGITS) : NULL;
    *length = text ? strlen(text) : 0;
    json_decref(page);
    free(list);
    return text;
}

static enum api_outcome list_functions(const struct api_hooks *hooks, struct str query,
                                       struct api_waiter *waiter, struct api_response *out)
{
    struct listing listing = {.write = write_functions, .max = SIZE_MAX};
    char max[16];

    find_query(query, STR("after"), listing.after, sizeof(listing.after));
    find_query(query, STR("max"), max, sizeof(max));
    if (max[0])
        listing.max = strtoul(max, NULL, 10);
    if (max[0] && (listing.max < 1 || listing.max > PAGE_MAX)) {
        answer_error(out, 400, "ValidationException", "max must be a number of 1 to 10000.");
        return API_ANSWERED;
    }
    return listing_begin(hooks, waiter, out, &listing);
}

/* Any thread. */
static char *write_table(const struct listing *listing, size_t *length)
{
    char *text = tabledoc_dump(listing->table);

    *length = text ? strlen(text) : 0;
    return text;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Is the function not as the request says that it must be? Then the response says so. */
static bool is_stale(struct change *change, const char *name)
{
    struct etag etag;

    if (etag_function(change->hooks, str_of(name), &etag) < 0) {
        answer_document(&change->response, NULL);
        return true;
    }
    return etag_refuse(&change->request, "the function", &etag, &change->response);
}

static void answer_put(struct change *change, const struct change_result *result)
{
    char name[INVOKE_NAME_MAX + 1];

    if (result->status != CHANGE_DONE)
        change_answer_failure(change, result);
    else if (parse_path(change->request.path, name))
        answer_function(change->hooks, name, false, &change->response);
}

static void answer_deleted(struct change *change, const struct change_result *result)
{
    if (result->status == CHANGE_DONE)
        change->response.status = 204;
    else
        change_answer_failure(change, result);
}

static void put_function(struct change *change)
{
    struct str body = change->request.body.n > 0 ? change->request.body : STR("");
    struct problems problems = {0};
    struct jsondoc doc = {.problems = &problems};
    char name[INVOKE_NAME_MAX + 1];
    struct change_edit edit = {.kind = CHANGE_FUNCTION, .function = name};

    if (!parse_path(change->request.path, name) || !name[0]) {
        answer_unknown(&change->response, "");
        return;
    }
    if (is_stale(change, name))
        return;
    edit.document = jsondoc_load(&doc, body.p, body.n);
    if (edit.document)
        change_submit(change, &edit, 1, answer_put);
    else
        answer_problems(&change->response, &problems);
    problems_fini(&problems);
}

static void delete_function(struct change *change)
{
    char name[INVOKE_NAME_MAX + 1];
    struct change_edit edit = {.kind = CHANGE_FUNCTION, .function = name};
    const struct table *table = change->hooks->table(change->hooks->context);

    if (!parse_path(change->request.path, name) || !table_function(table, str_of(name)))
        answer_unknown(&change->response, name);
    else if (!is_stale(change, name))
        change_submit(change, &edit, 1, answer_deleted);
}

/* "function hello", "version hello 3": what a row is of. */
static json_t *name_row(const struct overlay_row *row, bool is_gone)
{
    struct jsondoc_text text = {0};
    bool is_function = row->kind == OVERLAY_FUNCTION || row->kind == OVERLAY_REPLACED;
    bool is_machine = machine_is(str_of(row->function));

    jsondoc_append(&text, "%s",
                   !is_function ? overlay_kind_name(row->kind)
                   : is_machine ? "state machine"
                                : "function");
    if (row->function[0])
        jsondoc_append(&text, " %s", machine_bare(str_of(row->function)).p);
    if (row->name[0])
        jsondoc_append(&text, " %s", row->name);
    jsondoc_append(&text, "%s", is_gone || row->is_deleted ? " is gone" : "");
    return json_string(text.s);
}

static json_t *list_changes(const struct tabledoc_diff *diff)
{
    json_t *list = json_array();

    for (uint32_t i = 0; list && i < diff->nr_puts; i++)
        json_array_append_new(list, name_row(diff->puts[i], false));
    for (uint32_t i = 0; list && i < diff->nr_removes; i++)
        json_array_append_new(list, name_row(diff->removes[i], true));
    return list;
}

static void answer_table(struct change *change, const struct change_result *result)
{
    const struct api_hooks *hooks = change->hooks;
    struct etag etag = etag_table(hooks, hooks->table(hooks->context));

    if (result->status == CHANGE_DONE)
        etag_tell(&change->response, &etag);
    if (result->status == CHANGE_DONE)
        answer_json(&change->response, 200,
                    json_pack("{s:I, s:o}", "generation", (json_int_t)result->generation, "changes",
                              list_changes(result->diff)));
    else
        change_answer_failure(change, result);
}

static void put_table(struct change *change)
{
    const struct change_edit edit = {.kind = CHANGE_TABLE};
    const struct api_hooks *hooks = change->hooks;
    struct etag etag = etag_table(hooks, hooks->table(hooks->context));

    if (!etag_refuse(&change->request, "the table", &etag, &change->response))
        change_submit(change, &edit, 1, answer_table);
}

/* ---- The addresses --------------------------------------------------------------------------- */

static enum api_outcome begin(const struct api_hooks *hooks, const struct api_request *request,
                              struct api_waiter *waiter, struct api_response *response,
                              change_fn *handle)
{
    return change_begin(hooks, request, waiter, response, handle) ? API_ANSWERED : API_LATER;
}

enum api_outcome resource_handle(const struct api_hooks *hooks, const struct api_request *request,
                                 struct api_waiter *waiter, struct api_response *response)
{
    struct str method = request->method;
    bool is_get = str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
    bool is_put = str_eq(method, STR("PUT"));
    char name[INVOKE_NAME_MAX + 1];

    if (str_eq(request->path, STR("/table"))) {
        if (is_put)
            return begin(hooks, request, waiter, response, put_table);
        if (is_get)
            return listing_begin(hooks, waiter, response, &(struct listing){.write = write_table});
        answer_not_allowed(response, "GET, HEAD, PUT",
                           "The table can be read, and replaced as a whole.");
    } else if (str_eq(request->path, STR("/functions"))) {
        if (is_get)
            return list_functions(hooks, request->query, waiter, response);
        answer_not_allowed(response, "GET, HEAD", "Functions are listed here.");
    } else if (!parse_path(request->path, name)) {
        return API_NOT_MINE;
    } else if (is_put || str_eq(method, STR("DELETE"))) {
        return begin(hooks, request, waiter, response, is_put ? put_function : delete_function);
    } else if (is_get) {
        answer_function(hooks, name, true, response);
    } else {
        answer_not_allowed(response, "GET, HEAD, PUT, DELETE",
                           "A function can be read, made, replaced and deleted here.");
    }
    return API_ANSWERED;
}
