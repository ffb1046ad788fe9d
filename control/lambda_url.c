/* URL configs. */
#include "control/lambda_url.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "conf/jsondoc.h"
#include "conf/urlid.h"
#include "control/answer.h"
#include "control/lambda_page.h"
#include "control/lambda_shape.h"

enum { ITEMS_MAX = 50, CORS_AGE_MAX_S = 86400 };

/* The members of Cors, which the table document has under the same names. */
static const struct cors_member {
    const char *name;
    json_type type;
    const char *member; /* in messages */
    size_t items_max, bytes_max;
} cors_members[] = {
    {"AllowCredentials", JSON_TRUE, "cors.allowCredentials", 0, 0},
    {"AllowHeaders", JSON_ARRAY, "cors.allowHeaders", 100, 1024},
    {"AllowMethods", JSON_ARRAY, "cors.allowMethods", 6, 6},
    {"AllowOrigins", JSON_ARRAY, "cors.allowOrigins", 100, 253},
    {"ExposeHeaders", JSON_ARRAY, "cors.exposeHeaders", 100, 1024},
    {"MaxAge", JSON_INTEGER, "cors.maxAge", 0, 0},
};

enum { NR_CORS = sizeof(cors_members) / sizeof(cors_members[0]) };

/* ---- What is asked --------------------------------------------------------------------------- */

/* The key in urls. */
static const char *key_of(const struct lambda_call *call)
{
    return *call->qualifier ? call->qualifier : "$LATEST";
}

/* Of this API a qualifier is an alias, and nothing else. */
static void check_qualifier(struct lambda_call *call)
{
    struct str qualifier = str_of(call->qualifier);

    if (call->check.nr == 0 && qualifier.n > 0 && !invoke_is_alias_name(qualifier))
        lambda_check_add(&call->check, qualifier, "qualifier",
                         "Member must satisfy regular expression pattern: "
                         "((?!^\\d+$)^[0-9a-zA-Z-_]+$)");
}

static void check_list(struct lambda_call *call, const struct cors_member *member,
                       const json_t *list)
{
    char constraint[192];

    if (json_array_size(list) > member->items_max) {
        snprintf(constraint, sizeof(constraint),
                 "Member must have length less than or equal to %zu", member->items_max);
        lambda_check_add(&call->check, STR("[...]"), member->member, constraint);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text && !call->wrong_type)
            call->wrong_type = member->name;
        if (!text || (*text && strlen(text) <= member->bytes_max))
            continue;
        snprintf(constraint, sizeof(constraint),
                 "Member must satisfy constraint: [Member must have length less than or equal to "
                 "%zu, Member must have length greater than or equal to 1]",
                 member->bytes_max);
        lambda_check_add(&call->check, str_of(text), member->member, constraint);
    }
}

static void check_cors(struct lambda_call *call, const json_t *cors)
{
    for (int i = 0; i < NR_CORS; i++) {
        const struct cors_member *member = &cors_members[i];
        const json_t *value = lambda_call_member(call, cors, member->name, member->type);
        if (member->type == JSON_ARRAY)
            check_list(call, member, value);
        else if (member->type == JSON_INTEGER)
            lambda_check_range(&call->check, value, member->member, 0, CORS_AGE_MAX_S);
    }
}

/* The body's members; true: answered. */
static bool is_wrong(struct lambda_call *call, bool is_new)
{
    const char *auth = lambda_call_text(call, call->body, "AuthType");
    const char *mode = lambda_call_text(call, call->body, "InvokeMode");

    check_qualifier(call);
    if (is_new)
        lambda_call_require(call, auth, "authType");
    lambda_check_choice(&call->check, auth, "authType", "[NONE, AWS_IAM]");
    lambda_check_choice(&call->check, mode, "invokeMode", "[RESPONSE_STREAM, BUFFERED]");
    check_cors(call, lambda_call_member(call, call->body, "Cors", JSON_OBJECT));
    return lambda_call_is_wrong(call);
}

/* Reads the function, whose alias must be there. False: answered. */
static bool open_function(struct lambda_call *call, const char *absent)
{
    const struct function *function = lambda_call_function(call);
    bool is_there = function != NULL;

    if (is_there && *call->qualifier) {
        const struct target *target =
            table_find(lambda_call_table(call), function->name, str_of(call->qualifier), NULL);
        is_there = target && target->alias.n > 0;
    }
    if (!is_there) {
        lambda_call_fail(call, 404, "ResourceNotFoundException", "%s", absent);
        return false;
    }
    return lambda_call_load(call, "");
}

/* The config; NULL: answered. */
static json_t *find(struct lambda_call *call)
{
    json_t *config;

    if (!open_function(call, "The resource you requested does not exist."))
        return NULL;
    config = json_object_get(json_object_get(call->document, "urls"), key_of(call));
    if (!config)
        lambda_call_fail(call, 404, "ResourceNotFoundException",
                         "The resource you requested does not exist.");
    return config;
}

/* ---- Showing --------------------------------------------------------------------------------- */

static const char *text_or(const json_t *config, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(config, key));

    return text ? text : otherwise;
}

/* FunctionUrlConfig; a new reference, NULL when out of memory. */
static json_t *write_config(const struct lambda_call *call, const char *key, const json_t *config,
                            bool with_modified)
{
    const struct settings *settings = call->hooks->settings(call->hooks->context);
    struct urlid_of of = {str_of(settings->aws.account_id), str_of(settings->aws.region),
                          str_of(call->function), str_of(key)};
    const char *created = text_or(config, "created", "1970-01-01T00:00:00.000Z");
    char host[URLID_HOST_MAX + 1];
    json_t *json;

    urlid_host(&of, host);
    json =
        json_pack("{s:o, s:s, s:s, s:s, s:s}", "FunctionUrl", json_sprintf("https://%s/", host),
                  "FunctionArn",
                  lambda_call_arn(call, call->function, strcmp(key, "$LATEST") == 0 ? "" : key).s,
                  "AuthType", text_or(config, "auth_type", "NONE"), "CreationTime", created,
                  "InvokeMode", text_or(config, "invoke_mode", "BUFFERED"));
    if (json && json_object_get(config, "cors"))
        json_object_set(json, "Cors", json_object_get(config, "cors"));
    if (json && with_modified)
        json_object_set_new(json, "LastModifiedTime",
                            json_string(text_or(config, "modified", created)));
    return json;
}

static void answer_config(struct lambda_call *call, int status)
{
    const json_t *config;

    json_decref(call->document);
    call->document = NULL;
    config = find(call);
    if (config)
        answer_json(call->out, status, write_config(call, key_of(call), config, status != 201));
}

void lambda_url_get(struct lambda_call *call)
{
    check_qualifier(call);
    if (!lambda_call_is_wrong(call))
        answer_config(call, 200);
}

void lambda_url_created(struct lambda_call *call)
{
    answer_config(call, 201);
}

void lambda_url_updated(struct lambda_call *call)
{
    answer_config(call, 200);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list(struct lambda_call *call, struct lambda_page *page)
{
    json_t *urls = json_object_get(call->document, "urls");
    const char **keys = calloc(json_object_size(urls) + 1, sizeof(*keys));
    size_t nr = 0;

    page->is_broken |= !keys;
    for (void *i = json_object_iter(urls); keys && i; i = json_object_iter_next(urls, i))
        if (!page->marker[0] || strcmp(json_object_iter_key(i), page->marker) > 0)
            keys[nr++] = json_object_iter_key(i);
    if (keys)
        qsort(keys, nr, sizeof(*keys), compare_keys);
    for (size_t i = 0; i < nr && lambda_page_has_room(page); i++)
        lambda_page_add_take(page, str_of(keys[i]),
                             write_config(call, keys[i], json_object_get(urls, keys[i]), true));
    free(keys);
    lambda_page_answer(page, call, "FunctionUrlConfigs");
}

void lambda_url_list(struct lambda_call *call)
{
    struct lambda_page page;

    lambda_page_read(&page, call, ITEMS_MAX, ITEMS_MAX);
    if (!lambda_call_is_wrong(call) && open_function(call, "Function does not exist"))
        list(call, &page);
    json_decref(page.list);
}

/* ---- Changing -------------------------------------------------------------------------------- */

/* Cors as the table document has it; what the body leaves out of it is gone. */
static int put_cors(json_t *config, const json_t *cors)
{
    json_t *json = json_object();

    for (int i = 0; i < NR_CORS; i++) {
        json_t *value = json_object_get(cors, cors_members[i].name);
        if (value && !json_is_null(value) &&
            json_object_set(json, cors_members[i].name, value) < 0) {
            json_decref(json);
            return -1;
        }
    }
    if (json_object_size(json) > 0)
        return json_object_set_new(config, "cors", json);
    json_decref(json);
    json_object_del(config, "cors");
    return 0;
}

/* Puts the body's members into the config; those that it leaves out stay. */
static int put(struct lambda_call *call, json_t *config)
{
    json_t *auth = json_object_get(call->body, "AuthType");
    json_t *mode = json_object_get(call->body, "InvokeMode");
    const json_t *cors = json_object_get(call->body, "Cors");
    char now[LAMBDA_SHAPE_DATE];

    if (json_is_string(auth) && json_object_set(config, "auth_type", auth) < 0)
        return -1;
    if (json_is_string(mode) && json_object_set(config, "invoke_mode", mode) < 0)
        return -1;
    if (json_is_object(cors) && put_cors(config, cors) < 0)
        return -1;
    lambda_shape_date(clock_unix_us(), true, now);
    return json_object_set_new(config, "modified", json_string(now));
}

/* Adds a config to the document, for the body. 0, or -1 when out of memory. */
static int add(struct lambda_call *call)
{
    json_t *urls = json_object_get(call->document, "urls"), *config = json_object();

    if (!urls) {
        urls = json_object();
        if (json_object_set_new(call->document, "urls", urls) < 0)
            urls = NULL;
    }
    if (json_object_set_new(urls, key_of(call), config) < 0 || put(call, config) < 0)
        return -1;
    /* One reading of the clock: a config that nobody has changed shows two equal times. */
    return json_object_set(config, "created", json_object_get(config, "modified"));
}

void lambda_url_create(struct lambda_call *call)
{
    const json_t *urls;

    if (is_wrong(call, true) || !open_function(call, "Function does not exist"))
        return;
    urls = json_object_get(call->document, "urls");
    if (json_object_get(urls, key_of(call)))
        lambda_call_fail(call, 409, "ResourceConflictException",
                         "Failed to create function url config for [functionArn = %s]. Error "
                         "message:  FunctionUrlConfig exists for this Lambda function",
                         lambda_call_arn(call, call->function, call->qualifier).s);
    else if (add(call) < 0)
        lambda_call_fail_memory(call);
    else
        lambda_call_submit(call);
}

void lambda_url_update(struct lambda_call *call)
{
    json_t *config;

    if (is_wrong(call, false))
        return;
    config = find(call);
    if (!config)
        return;
    if (put(call, config) < 0)
        lambda_call_fail_memory(call);
    else
        lambda_call_submit(call);
}

void lambda_url_delete(struct lambda_call *call)
{
    json_t *urls;

    check_qualifier(call);
    if (lambda_call_is_wrong(call) || !find(call))
        return;
    urls = json_object_get(call->document, "urls");
    json_object_del(urls, key_of(call));
    if (json_object_size(urls) == 0)
        json_object_del(call->document, "urls");
    lambda_call_submit(call);
}

void lambda_url_deleted(struct lambda_call *call)
{
    lambda_call_answer_empty(call);
}
