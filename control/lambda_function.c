/* Functions. */
#include "control/lambda_function.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_function.h"
#include "control/answer.h"
#include "control/lambda_code.h"
#include "control/lambda_config.h"
#include "control/lambda_page.h"
#include "control/lambda_shape.h"
#include "control/lambda_tags.h"
#include "control/lambda_version.h"

/* LIST_MAX: however many are asked for, as Lambda does it. */
enum { ITEMS_MAX = 10000, LIST_MAX = 50, DEFAULT_TIMEOUT_MS = 3000, NAME_MAX = 64 };

/* ---- Where code lives ------------------------------------------------------------------------ */

/* Sets kind, endpoints and configuration.ImageUri of the version by an object with ImageUri. False:
 * answered. */
static bool put_code(struct lambda_call *call, const json_t *code, json_t *version)
{
    const char *uri = json_string_value(json_object_get(code, "ImageUri"));
    const char *wrong;
    bool is_out;

    if (!uri) {
        lambda_call_fail_value(
            call,
            "weir runs no code: give %sImageUri, which says where the function runs, such as "
            "http://127.0.0.1:9001, 127.0.0.1:9001, rie+http://127.0.0.1:9000 or "
            "lambda+https://functions.example.com (ZipFile and S3 are not taken)",
            code == call->body ? "" : "Code.");
        return false;
    }
    wrong = lambda_code_read(uri, version, &is_out);
    if (wrong) {
        lambda_call_fail_value(call, "%sImageUri %s", code == call->body ? "" : "Code.", wrong);
        return false;
    }
    if (is_out ||
        json_object_set_new(lambda_config_of(version), "ImageUri", json_string(uri)) < 0) {
        lambda_call_fail_memory(call);
        return false;
    }
    return true;
}

/* ---- CreateFunction -------------------------------------------------------------------------- */

/* A name alone that is wrong is an InvalidParameterValueException here. True: answered. */
static bool is_wrong_name(struct lambda_call *call, const char *name)
{
    bool is_bare = name && !strchr(name, ':');
    char message[LAMBDA_CHECK_MESSAGE];

    if (!is_bare || call->check.nr == 0)
        return false;
    lambda_check_message(&call->check, message);
    lambda_call_fail_value(call, "%s", message);
    return true;
}

/* The members that only CreateFunction has. */
static void check_members(struct lambda_call *call)
{
    const json_t *code = lambda_call_member(call, call->body, "Code", JSON_OBJECT);
    const char *package = lambda_call_text(call, call->body, "PackageType");

    lambda_call_text(call, code, "ImageUri");
    lambda_call_member(call, call->body, "Publish", JSON_TRUE);
    lambda_call_require(call, code, "code");
    lambda_call_require(call, json_object_get(call->body, "Role"), "role");
    lambda_check_choice(&call->check, package, "packageType", "[Image, Zip]");
    lambda_config_check_architectures(call);
    lambda_config_check(call);
    lambda_tags_check(call, lambda_call_member(call, call->body, "Tags", JSON_OBJECT));
}

static bool has_runtime(struct lambda_call *call)
{
    const char *package = json_string_value(json_object_get(call->body, "PackageType"));

    if (!package || strcmp(package, "Zip") != 0 ||
        (json_object_get(call->body, "Runtime") && json_object_get(call->body, "Handler")))
        return true;
    lambda_call_fail_value(call, "Runtime and Handler are mandatory parameters for functions "
                                 "created with deployment packages.");
    return false;
}

static int put_first(struct lambda_call *call, json_t *version)
{
    json_t *configuration = lambda_config_of(version);
    json_t *package = json_object_get(call->body, "PackageType");
    json_t *architectures = json_object_get(call->body, "Architectures");

    if (json_object_set_new(version, "timeout_ms", json_integer(DEFAULT_TIMEOUT_MS)) < 0 ||
        (package && json_object_set(configuration, "PackageType", package) < 0) ||
        (architectures && json_object_set(configuration, "Architectures", architectures) < 0))
        return -1;
    return lambda_config_put(call->body, version) < 0 ? -1 : lambda_config_touch(version);
}

/* The document of the new function into call->document. False: answered. */
static bool make(struct lambda_call *call)
{
    json_t *tags = json_object_get(call->body, "Tags"), *version = json_object();

    if (!put_code(call, json_object_get(call->body, "Code"), version)) {
        json_decref(version);
        return false;
    }
    if (put_first(call, version) < 0) {
        json_decref(version);
        lambda_call_fail_memory(call);
        return false;
    }
    call->document = json_pack("{s:{s:o}}", "versions", "$LATEST", version);
    if (!call->document ||
        (json_object_size(tags) > 0 && json_object_set(call->document, "tags", tags) < 0)) {
        lambda_call_fail_memory(call);
        return false;
    }
    return lambda_config_put_dead_letter(call, call->document);
}

void lambda_function_create(struct lambda_call *call)
{
    const char *name = lambda_call_text(call, call->body, "FunctionName");

    lambda_call_require(call, name, "functionName");
    if (name)
        lambda_call_read_name(call, str_of(name), strchr(name, ':') ? LAMBDA_NAME_BYTES : NAME_MAX);
    if (name && call->check.nr == 0 && call->name.qualifier[0])
        lambda_check_function(&call->check, name, false, LAMBDA_NAME_BYTES);
    if (!call->wrong_type && is_wrong_name(call, name))
        return;
    check_members(call);
    if (lambda_call_is_wrong(call) || !has_runtime(call) || !lambda_config_fits(call))
        return;
    lambda_check_function(&call->check, call->function, true, NAME_MAX); /* of an ARN */
    if (is_wrong_name(call, call->function))
        return;
    if (lambda_call_function(call)) {
        lambda_call_fail(call, 409, "ResourceConflictException", "Function already exist: %s",
                         call->function);
        return;
    }
    if (!make(call))
        return;
    if (json_is_true(json_object_get(call->body, "Publish")) && lambda_version_add(call, NULL) < 0)
        lambda_call_fail_memory(call);
    else
        lambda_call_submit(call);
}

/* ---- Showing --------------------------------------------------------------------------------- */

/* The function's version as it now is, with this qualifier in the ARN. */
static void answer_version(struct lambda_call *call, int status, const char *version,
                           const char *qualifier, bool is_new)
{
    json_decref(call->document);
    call->document = NULL;
    if (!lambda_call_load(call, qualifier))
        return;
    struct lambda_shape shape = {.function = call->function,
                                 .document = call->document,
                                 .version = version,
                                 .qualifier = qualifier,
                                 .is_new = is_new};
    answer_json(call->out, status, lambda_shape_configuration(call, &shape));
}

void lambda_function_created(struct lambda_call *call)
{
    answer_version(call, 201, call->version[0] ? call->version : "$LATEST", "", true);
}

/* The version that the call's qualifier names: of an alias its first. NULL with a 404. */
static const char *find_version(struct lambda_call *call)
{
    const char *qualifier = call->qualifier;
    const json_t *alias;
    json_t *weights;

    if (!*qualifier)
        return lambda_shape_main(call->document);
    if (lambda_shape_version(call->document, qualifier))
        return qualifier;
    alias = json_object_get(json_object_get(call->document, "aliases"), qualifier);
    weights = json_object_get(alias, "weights");
    if (json_object_size(weights) > 0)
        return json_object_iter_key(json_object_iter(weights));
    lambda_call_fail_function(call, qualifier);
    return NULL;
}

static json_t *show(struct lambda_call *call)
{
    const char *version = find_version(call);
    struct lambda_shape shape = {.function = call->function,
                                 .document = call->document,
                                 .version = version,
                                 .qualifier = call->qualifier};
    json_t *json = version ? lambda_shape_configuration(call, &shape) : NULL;

    snprintf(call->version, sizeof(call->version), "%s", version ? version : "");
    if (version && !json)
        lambda_call_fail_memory(call);
    return json;
}

void lambda_function_get_configuration(struct lambda_call *call)
{
    json_t *json;

    if (lambda_call_is_wrong(call) || !lambda_call_load(call, call->qualifier))
        return;
    json = show(call);
    if (json)
        answer_json(call->out, 200, json);
}

static json_t *write_code(const struct lambda_call *call)
{
    char *uri = lambda_code_write(lambda_shape_version(call->document, call->version));
    json_t *json = uri ? json_pack("{s:s, s:s, s:s}", "RepositoryType", "ECR", "ImageUri", uri,
                                   "ResolvedImageUri", uri)
                       : NULL;

    free(uri);
    return json;
}

/* Takes the configuration. NULL when out of memory. */
static json_t *write_function(const struct lambda_call *call, json_t *configuration)
{
    json_t *code = write_code(call), *concurrency, *tags, *json;

    json = json_pack("{s:o, s:o}", "Configuration", configuration, "Code", code);
    tags = json_object_get(call->document, "tags");
    concurrency = json_object_get(call->document, "concurrency");
    if (json && json_object_size(tags) > 0)
        json_object_set(json, "Tags", tags);
    if (json && concurrency)
        json_object_set_new(json, "Concurrency",
                            json_pack("{s:O}", "ReservedConcurrentExecutions", concurrency));
    return json;
}

void lambda_function_get(struct lambda_call *call)
{
    json_t *configuration;

    if (lambda_call_is_wrong(call) || !lambda_call_load(call, call->qualifier))
        return;
    configuration = show(call);
    if (configuration)
        answer_json(call->out, 200, write_function(call, configuration));
}

/* ---- UpdateFunctionCode, UpdateFunctionConfiguration ----------------------------------------- */

/* $LATEST, which becomes a copy of the last version where the table file has none. Borrowed; NULL
 * when out of memory. */
static json_t *latest_of(json_t *document)
{
    json_t *versions = json_object_get(document, "versions");
    json_t *latest = json_object_get(versions, "$LATEST");

    if (latest)
        return latest;
    latest = json_deep_copy(json_object_get(versions, lambda_shape_main(document)));
    return json_object_set_new(versions, "$LATEST", latest) < 0 ? NULL : latest;
}

/* Reads the function and checks the RevisionId. $LATEST; NULL: answered. */
static json_t *open_latest(struct lambda_call *call)
{
    const char *revision = json_string_value(json_object_get(call->body, "RevisionId"));
    json_t *latest;

    if (!lambda_call_load(call, "") ||
        !lambda_call_has_revision(call, CHANGE_VERSION, lambda_shape_main(call->document),
                                  revision))
        return NULL;
    latest = latest_of(call->document);
    if (!latest)
        lambda_call_fail_memory(call);
    return latest;
}

static int put_architectures(struct lambda_call *call, json_t *latest)
{
    json_t *list = json_object_get(call->body, "Architectures");

    return list ? json_object_set(lambda_config_of(latest), "Architectures", list) : 0;
}

/* DryRun: the function as it would be, without a change. */
static void answer_dry(struct lambda_call *call)
{
    struct lambda_shape shape = {.function = call->function,
                                 .document = call->document,
                                 .version = "$LATEST",
                                 .qualifier = ""};

    answer_json(call->out, 200, lambda_shape_configuration(call, &shape));
}

void lambda_function_update_code(struct lambda_call *call)
{
    json_t *latest;

    lambda_call_text(call, call->body, "ImageUri");
    lambda_call_text(call, call->body, "RevisionId");
    lambda_call_member(call, call->body, "Publish", JSON_TRUE);
    lambda_call_member(call, call->body, "DryRun", JSON_TRUE);
    lambda_config_check_architectures(call);
    if (lambda_call_is_wrong(call))
        return;
    latest = open_latest(call);
    if (!latest || !put_code(call, call->body, latest))
        return;
    if (put_architectures(call, latest) < 0 || lambda_config_touch(latest) < 0)
        lambda_call_fail_memory(call);
    else if (json_is_true(json_object_get(call->body, "DryRun")))
        answer_dry(call);
    else if (json_is_true(json_object_get(call->body, "Publish")) &&
             lambda_version_add(call, NULL) < 0)
        lambda_call_fail_memory(call);
    else
        lambda_call_submit(call);
}

void lambda_function_update_configuration(struct lambda_call *call)
{
    json_t *latest;

    lambda_call_text(call, call->body, "RevisionId");
    lambda_config_check(call);
    if (lambda_call_is_wrong(call) || !lambda_config_fits(call))
        return;
    latest = open_latest(call);
    if (!latest)
        return;
    if (lambda_config_put(call->body, latest) < 0 || lambda_config_touch(latest) < 0)
        lambda_call_fail_memory(call);
    else if (lambda_config_put_dead_letter(call, call->document))
        lambda_call_submit(call);
}

void lambda_function_updated(struct lambda_call *call)
{
    answer_version(call, 200, call->version[0] ? call->version : "$LATEST", call->version, false);
}

/* ---- ListFunctions --------------------------------------------------------------------------- */

static int compare_functions(const void *a, const void *b)
{
    return lambda_page_compare((*(const struct function *const *)a)->name,
                               (*(const struct function *const *)b)->name);
}

/* The functions behind the marker, or from it on, by name. To be freed; NULL when out of memory. */
static const struct function **gather(const struct lambda_call *call, struct str marker,
                                      bool with_marker, size_t *nr)
{
    struct function *const *all;
    int nr_all = table_functions(lambda_call_table(call), &all);
    const struct function **list = calloc((size_t)nr_all + 1, sizeof(*list));

    *nr = 0;
    for (int i = 0; list && i < nr_all; i++) {
        int order = lambda_page_compare(all[i]->name, marker);
        if (all[i]->machine)
            continue;
        if (order > 0 || (order == 0 && with_marker))
            list[(*nr)++] = all[i];
    }
    if (list)
        qsort(list, *nr, sizeof(*list), compare_functions);
    return list;
}

static void add_function(struct lambda_call *call, const struct function *function,
                         struct lambda_page *page)
{
    json_t *document = tabledoc_function_write(lambda_call_table(call), function);
    char name[LAMBDA_TEXT];

    lambda_shape_terminate(function->name, name, sizeof(name));
    struct lambda_shape shape = {.function = name,
                                 .document = document,
                                 .version = lambda_shape_main(document),
                                 .qualifier = "",
                                 .is_listed = true};
    lambda_page_add_take(page, function->name,
                         document ? lambda_shape_configuration(call, &shape) : NULL);
    json_decref(document);
}

static void list_main(struct lambda_call *call, struct lambda_page *page)
{
    size_t nr;
    const struct function **list = gather(call, str_of(page->marker), false, &nr);

    for (size_t i = 0; list && i < nr && lambda_page_has_room(page); i++)
        add_function(call, list[i], page);
    page->is_broken |= !list;
    free(list);
    lambda_page_answer(page, call, "Functions");
}

/* The marker is FUNCTION:VERSION. */
static void list_all(struct lambda_call *call, struct lambda_page *page)
{
    struct str function = str_until(str_of(page->marker), ':');
    const char *version = strchr(page->marker, ':');
    size_t nr;
    const struct function **list = gather(call, function, true, &nr);

    for (size_t i = 0; list && i < nr && !page->has_more; i++) {
        bool is_begun = version && str_eq(list[i]->name, function);
        lambda_version_show(call, list[i], is_begun ? version + 1 : "", true, page);
    }
    page->is_broken |= !list;
    free(list);
    lambda_page_answer(page, call, "Functions");
}

void lambda_function_list(struct lambda_call *call)
{
    char which[LAMBDA_TEXT];
    struct lambda_page page;
    bool is_all;

    lambda_page_read(&page, call, ITEMS_MAX, LIST_MAX);
    is_all = lambda_call_query(call, "FunctionVersion", which, sizeof(which), NULL);
    if (is_all)
        lambda_check_choice(&call->check, which, "functionVersion", "[ALL]");
    if (!lambda_call_is_wrong(call)) {
        if (is_all)
            list_all(call, &page);
        else
            list_main(call, &page);
    }
    json_decref(page.list);
}

/* ---- DeleteFunction -------------------------------------------------------------------------- */

/* A version goes, if no alias names it. */
static void delete_version(struct lambda_call *call)
{
    char names[1024];

    if (!lambda_shape_version(call->document, call->qualifier)) {
        lambda_call_answer_empty(call);
    } else if (lambda_version_aliases(call->document, call->qualifier, names, sizeof(names))) {
        lambda_call_fail(call, 409, "ResourceConflictException",
                         "Unable to delete version because the following aliases reference it: "
                         "[%s]",
                         names);
    } else if (lambda_version_remove(call->document, call->qualifier) < 0) {
        lambda_call_fail_memory(call);
    } else {
        lambda_call_submit(call);
    }
}

void lambda_function_delete(struct lambda_call *call)
{
    if (lambda_call_is_wrong(call))
        return;
    if (strcmp(call->qualifier, "$LATEST") == 0) {
        lambda_call_fail_value(call, "$LATEST version cannot be deleted without deleting the "
                                     "function.");
        return;
    }
    if (!lambda_call_load(call, ""))
        return;
    if (!*call->qualifier)
        lambda_call_submit_deletion(call);
    else if (invoke_is_alias_name(str_of(call->qualifier)))
        lambda_call_fail_value(call, "Deletion of aliases is not currently supported.");
    else
        delete_version(call);
}

void lambda_function_deleted(struct lambda_call *call)
{
    lambda_call_answer_empty(call);
}
