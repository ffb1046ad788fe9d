/* Versions. */
#include "control/lambda_version.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_function.h"
#include "control/answer.h"
#include "control/lambda_code.h"
#include "control/lambda_config.h"
#include "control/lambda_shape.h"

/* SHOWN_MAX: however many are asked for, as Lambda does it. */
enum { ITEMS_MAX = 10000, SHOWN_MAX = 50, DESCRIPTION_MAX = 256 };

/* The largest that the table document takes as last_version. */
#define NUMBER_MAX ((json_int_t)1000000000000000000)

/* A version that was published with a description of its own says here what $LATEST's was. */
#define BEFORE "LatestDescription"

/* ---- Has anything changed? ------------------------------------------------------------------- */

static const char *description_of(const json_t *version, const char *name)
{
    return json_string_value(json_object_get(json_object_get(version, "configuration"), name));
}

/* What a version does, without dates and descriptions. A new reference; NULL when out of memory. */
static json_t *essence(const json_t *version)
{
    static const char *const other[] = {"LastModified", "Description", BEFORE};
    json_t *copy = json_deep_copy(version);
    json_t *configuration = copy ? lambda_config_of(copy) : NULL;

    for (size_t i = 0; configuration && i < sizeof(other) / sizeof(other[0]); i++)
        json_object_del(configuration, other[i]);
    return copy;
}

static bool is_same(const json_t *latest, const json_t *published)
{
    json_t *a = essence(latest), *b = essence(published);
    const char *now = description_of(latest, "Description");
    const char *then = description_of(published, BEFORE);
    bool is = a && b && json_equal(a, b);

    if (!then)
        then = description_of(published, "Description");
    json_decref(a);
    json_decref(b);
    return is && strcmp(now ? now : "", then ? then : "") == 0;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* The highest number that the function has, or has had; 0: none. */
static json_int_t last_number(const json_t *document)
{
    json_t *versions = json_object_get(document, "versions");
    json_int_t last = json_integer_value(json_object_get(document, "last_version"));

    for (void *i = json_object_iter(versions); i; i = json_object_iter_next(versions, i)) {
        json_int_t number = (json_int_t)strtoll(json_object_iter_key(i), NULL, 10);
        last = number > last ? number : last;
    }
    return last < NUMBER_MAX ? last : NUMBER_MAX;
}

static int keep_number(json_t *document, json_int_t number)
{
    return json_object_set_new(document, "last_version", json_integer(number));
}

int lambda_version_remove(json_t *document, const char *version)
{
    if (keep_number(document, last_number(document)) < 0)
        return -1;
    json_object_del(json_object_get(document, "versions"), version);
    return 0;
}

bool lambda_version_aliases(const json_t *document, const char *version, char *names, size_t size)
{
    json_t *aliases = json_object_get(document, "aliases");
    size_t n = 0;

    for (void *i = json_object_iter(aliases); i; i = json_object_iter_next(aliases, i)) {
        const json_t *weights = json_object_get(json_object_iter_value(i), "weights");
        if (json_object_get(weights, version) && n < size)
            n += (size_t)snprintf(names + n, size - n, "%s%s", n > 0 ? ", " : "",
                                  json_object_iter_key(i));
    }
    return n > 0;
}

/* ---- PublishVersion -------------------------------------------------------------------------- */

/* The copy's own description and date. */
static int describe(json_t *version, const char *description)
{
    json_t *configuration = lambda_config_of(version);
    const char *before = description_of(version, "Description");

    if (!configuration)
        return -1;
    if (description &&
        (json_object_set_new(configuration, BEFORE, json_string(before ? before : "")) < 0 ||
         json_object_set_new(configuration, "Description", json_string(description)) < 0))
        return -1;
    return lambda_config_touch(version);
}

int lambda_version_add(struct lambda_call *call, const char *description)
{
    json_t *versions = json_object_get(call->document, "versions");
    const json_t *latest = json_object_get(versions, "$LATEST"), *last;
    json_int_t number = last_number(call->document);
    json_t *copy;

    snprintf(call->version, sizeof(call->version), "%" JSON_INTEGER_FORMAT, number);
    last = json_object_get(versions, call->version);
    if (last && is_same(latest, last))
        return 0;
    snprintf(call->version, sizeof(call->version), "%" JSON_INTEGER_FORMAT, number + 1);
    copy = json_deep_copy(latest);
    if (!copy || describe(copy, description) < 0) {
        json_decref(copy);
        return -1;
    }
    if (json_object_set_new(versions, call->version, copy) < 0 ||
        keep_number(call->document, number + 1) < 0)
        return -1;
    return 1;
}

/* Is it the code that the caller means? Else answers. */
static bool has_code(struct lambda_call *call, const char *sha256)
{
    char now[LAMBDA_CODE_SHA256], *uri;
    bool is_known;

    if (!sha256)
        return true;
    uri = lambda_code_write(lambda_shape_version(call->document, "$LATEST"));
    is_known = uri && lambda_code_sha256(uri, now);
    free(uri);
    if (!is_known) {
        lambda_call_fail_memory(call);
        return false;
    }
    if (strcmp(now, sha256) == 0)
        return true;
    lambda_call_fail_value(call,
                           "CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). "
                           "Please try again with the CodeSHA256 in $LATEST.",
                           sha256, now);
    return false;
}

void lambda_version_published(struct lambda_call *call)
{
    json_decref(call->document);
    call->document = NULL;
    if (!lambda_call_load(call, call->version))
        return;
    struct lambda_shape shape = {.function = call->function,
                                 .document = call->document,
                                 .version = call->version,
                                 .qualifier = call->version};
    answer_json(call->out, 201, lambda_shape_configuration(call, &shape));
}

void lambda_version_publish(struct lambda_call *call)
{
    const char *description = lambda_call_text(call, call->body, "Description");
    const char *sha256 = lambda_call_text(call, call->body, "CodeSha256");
    const char *revision = lambda_call_text(call, call->body, "RevisionId");

    lambda_check_length(&call->check, description, "description", 0, DESCRIPTION_MAX);
    if (lambda_call_is_wrong(call) || !lambda_call_load(call, ""))
        return;
    if (!lambda_shape_version(call->document, "$LATEST")) {
        lambda_call_fail_function(call, "$LATEST");
        return;
    }
    if (!lambda_call_has_revision(call, CHANGE_VERSION, "$LATEST", revision) ||
        !has_code(call, sha256))
        return;
    switch (lambda_version_add(call, description)) {
    case 1:
        lambda_call_submit(call);
        return;
    case 0:
        lambda_version_published(call);
        return;
    default:
        lambda_call_fail_memory(call);
    }
}

/* ---- ListVersionsByFunction ------------------------------------------------------------------ */

/* $LATEST, then by number. */
static int compare_names(struct str a, struct str b)
{
    bool is_latest_a = a.n > 0 && a.p[0] == '$', is_latest_b = b.n > 0 && b.p[0] == '$';

    if (is_latest_a || is_latest_b)
        return is_latest_b - is_latest_a;
    return a.n != b.n ? (a.n > b.n) - (a.n < b.n) : lambda_page_compare(a, b);
}

static int compare_versions(const void *a, const void *b)
{
    return compare_names((*(const struct version *const *)a)->name,
                         (*(const struct version *const *)b)->name);
}

static void add_version(struct lambda_call *call, const struct function *function,
                        const json_t *document, const struct version *version, bool with_function,
                        struct lambda_page *page)
{
    char function_name[LAMBDA_TEXT], name[LAMBDA_TEXT], marker[2 * LAMBDA_TEXT];

    lambda_shape_terminate(function->name, function_name, sizeof(function_name));
    lambda_shape_terminate(version->name, name, sizeof(name));
    snprintf(marker, sizeof(marker), "%s%s%s", with_function ? function_name : "",
             with_function ? ":" : "", name);
    struct lambda_shape shape = {.function = function_name,
                                 .document = document,
                                 .version = name,
                                 .qualifier = name,
                                 .is_listed = true};
    lambda_page_add_take(page, str_of(marker), lambda_shape_configuration(call, &shape));
}

void lambda_version_show(struct lambda_call *call, const struct function *function,
                         const char *marker, bool with_function, struct lambda_page *page)
{
    const struct version **list = calloc((size_t)function->nr_versions, sizeof(*list));
    json_t *document = tabledoc_function_write(lambda_call_table(call), function);
    size_t nr = 0;

    for (int i = 0; list && i < function->nr_versions; i++)
        if (!*marker || compare_names(function->versions[i].name, str_of(marker)) > 0)
            list[nr++] = &function->versions[i];
    if (list)
        qsort(list, nr, sizeof(*list), compare_versions);
    page->is_broken |= !list || !document;
    for (size_t i = 0; !page->is_broken && i < nr && lambda_page_has_room(page); i++)
        add_version(call, function, document, list[i], with_function, page);
    json_decref(document);
    free(list);
}

void lambda_version_list(struct lambda_call *call)
{
    struct lambda_page page;
    const struct function *function;

    lambda_page_read(&page, call, ITEMS_MAX, SHOWN_MAX);
    if (lambda_call_is_wrong(call)) {
        json_decref(page.list);
        return;
    }
    function = lambda_call_function(call);
    if (function) {
        lambda_version_show(call, function, page.marker, false, &page);
        lambda_page_answer(&page, call, "Versions");
    } else {
        lambda_call_fail_function(call, "");
    }
    json_decref(page.list);
}
