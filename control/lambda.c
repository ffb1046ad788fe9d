/* Lambda's calls on aliases. The first version of an alias is its FunctionVersion, the others are
 * its AdditionalVersionWeights, with shares of 0 to 1 where the table has percent; FunctionVersion
 * gets what they leave. */
#include "control/lambda.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc_alias.h"
#include "control/answer.h"
#include "control/change.h"
#include "control/lambda_check.h"
#include "router/arn.h"

enum { ITEMS_MAX = 10000, DESCRIPTION_MAX = 256, MESSAGE_MAX = 1024 };

struct call {
    const struct api_hooks *hooks;
    const struct api_request *request;
    struct api_response *out;
    struct change *change; /* of one that writes */
    struct lambda_check check;
    struct invoke_address address;
    char alias[INVOKE_QUALIFIER_MAX + 1];
};

/* The members of UpdateAlias: borrowed from the document, NULL where absent. RoutingConfig without
 * weights removes those that there are. */
struct update {
    const json_t *version, *description, *routing, *weights, *revision;
};

/* An ARN as terminated text. */
struct arn_text {
    char s[ARN_ADDED_MAX + INVOKE_NAME_MAX + INVOKE_QUALIFIER_MAX + 2];
};

static struct arn_text arn_of(const struct api_hooks *hooks, struct str function,
                              struct str qualifier)
{
    const struct settings *settings = hooks->settings(hooks->context);
    struct arn_home home = {str_of(settings->aws.region), str_of(settings->aws.account_id)};
    struct arn_text arn;

    *arn_write(arn.s, &home, function, qualifier) = '\0';
    return arn;
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static void fail(struct call *call, int status, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void fail(struct call *call, int status, const char *type, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    answer_error(call->out, status, type, message);
}

static void fail_memory(struct call *call)
{
    answer_json(call->out, 503, NULL);
}

static void fail_value(struct call *call, const char *message)
{
    fail(call, 400, "InvalidParameterValueException", "%s", message);
}

/* ---- Reading what was asked ------------------------------------------------------------------ */

/* The value of a member of the query, decoded and terminated; false where there is none. */
static bool find_query(const struct call *call, const char *name, char *out, size_t size)
{
    struct str query = call->request->query;

    while (query.n > 0) {
        const char *end = memchr(query.p, '&', query.n);
        struct str pair = {query.p, end ? (size_t)(end - query.p) : query.n};
        const char *equals = pair.n > 0 ? memchr(pair.p, '=', pair.n) : NULL;
        struct str key = {pair.p, equals ? (size_t)(equals - pair.p) : pair.n};

        query.p += pair.n + (end ? 1 : 0);
        query.n -= pair.n + (end ? 1 : 0);
        if (!equals || !str_eq(key, str_of(name)))
            continue;
        struct str value = {equals + 1, pair.n - key.n - 1};
        int n = invoke_decode(value, out, (int)size - 1);
        if (n < 0) /* nothing that it could name is so long */
            n = snprintf(out, size, "?");
        out[n] = '\0';
        return true;
    }
    return false;
}

/* The alias that the path names; NULL with a 404 answered, for which format has the ARN's place. */
static struct target *find_alias(struct call *call, const char *what)
{
    const struct table *table = call->hooks->table(call->hooks->context);
    struct str function = call->address.function;
    struct target *target;
    bool knows_function;

    target = table_find(table, function, str_of(call->alias), &knows_function);
    if (target && target->alias.n > 0)
        return target;
    if (knows_function)
        fail(call, 404, "ResourceNotFoundException", "%s: %s", what,
             arn_of(call->hooks, function, str_of(call->alias)).s);
    else
        fail(call, 404, "ResourceNotFoundException", "Function not found: %s",
             arn_of(call->hooks, function, STR("")).s);
    return NULL;
}

/* ---- AliasConfiguration ---------------------------------------------------------------------- */

static json_t *write_routing(const struct target *target)
{
    json_t *weights = json_object();

    for (int i = 1; weights && i < target->nr_arms; i++) {
        const struct arm *arm = &target->arms[i];
        if (jsondoc_set_take(weights, arm->version->name,
                             json_real((double)arm->weight / SPLIT_ONE)) < 0) {
            json_decref(weights);
            return NULL;
        }
    }
    return weights ? json_pack("{s:o}", "AdditionalVersionWeights", weights) : NULL;
}

static json_t *write_alias(const struct api_hooks *hooks, const struct target *target)
{
    struct str function = target->function->name, alias = target->alias;
    struct str version = target->arms[0].version->name, description = target->description;
    char revision[CHANGE_REVISION_SIZE];
    json_t *json;

    change_revision(hooks, CHANGE_ALIAS, function, alias, revision);
    json = json_pack("{s:s, s:s%, s:s%, s:s%, s:s}", "AliasArn", arn_of(hooks, function, alias).s,
                     "Name", alias.p, alias.n, "FunctionVersion", version.p, version.n,
                     "Description", description.p, description.n, "RevisionId", revision);
    if (json && target->nr_arms > 1 &&
        json_object_set_new(json, "RoutingConfig", write_routing(target)) < 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static void get_alias(struct call *call)
{
    const struct target *target = find_alias(call, "Cannot find alias arn");

    if (target)
        answer_json(call->out, 200, write_alias(call->hooks, target));
}

/* ---- ListAliases ----------------------------------------------------------------------------- */

struct listing {
    const struct target **list; /* by name */
    size_t nr;
};

static int compare_text(struct str a, struct str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_targets(const void *a, const void *b)
{
    return compare_text((*(const struct target *const *)a)->alias,
                        (*(const struct target *const *)b)->alias);
}

/* The function's aliases with this primary version ("": any) behind the marker. 0, or -1 when out
 * of memory. */
static int gather(const struct table *table, struct str function, struct str version,
                  struct str marker, struct listing *out)
{
    out->list = calloc((size_t)table->nr_targets + 1, sizeof(struct target *));
    out->nr = 0;
    if (!out->list)
        return -1;
    for (uint32_t i = 0; i < table->nr_targets; i++) {
        const struct target *target = table_target(table, i);
        if (target->alias.n > 0 && str_eq(target->function->name, function) &&
            (version.n == 0 || str_eq(target->arms[0].version->name, version)) &&
            compare_text(target->alias, marker) > 0)
            out->list[out->nr++] = target;
    }
    qsort(out->list, out->nr, sizeof(out->list[0]), compare_targets);
    return 0;
}

static json_t *write_page(const struct api_hooks *hooks, const struct listing *all, size_t max)
{
    json_t *list = json_array(), *page;
    size_t nr = all->nr < max ? all->nr : max;

    for (size_t i = 0; list && i < nr; i++) {
        if (json_array_append_new(list, write_alias(hooks, all->list[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    page = list ? json_pack("{s:o}", "Aliases", list) : NULL;
    if (page && nr < all->nr) {
        struct str last = all->list[nr - 1]->alias;
        if (json_object_set_new(page, "NextMarker", json_stringn(last.p, last.n)) < 0) {
            json_decref(page);
            return NULL;
        }
    }
    return page;
}

static size_t read_max_items(struct call *call)
{
    char text[32], *end;
    unsigned long max;

    if (!find_query(call, "MaxItems", text, sizeof(text)))
        return ITEMS_MAX;
    max = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || max < 1)
        lambda_check_add(&call->check, str_of(text), "maxItems",
                         "Member must have value greater than or equal to 1");
    else if (max > ITEMS_MAX)
        lambda_check_add(&call->check, str_of(text), "maxItems",
                         "Member must have value less than or equal to 10000");
    return max;
}

static void list_aliases(struct call *call)
{
    const struct table *table = call->hooks->table(call->hooks->context);
    char version[32] = "", marker[INVOKE_QUALIFIER_MAX + 1] = "";
    size_t max = read_max_items(call);
    bool knows_function;
    struct listing all;

    if (find_query(call, "FunctionVersion", version, sizeof(version)))
        lambda_check_version(&call->check, str_of(version));
    find_query(call, "Marker", marker, sizeof(marker));
    if (lambda_check_answer(&call->check, call->out))
        return;
    table_find(table, call->address.function, STR("$LATEST"), &knows_function);
    if (!knows_function) {
        fail(call, 404, "ResourceNotFoundException", "Function not found: %s",
             arn_of(call->hooks, call->address.function, STR("")).s);
        return;
    }
    if (gather(table, call->address.function, str_of(version), str_of(marker), &all) < 0) {
        fail_memory(call);
        return;
    }
    answer_json(call->out, 200, write_page(call->hooks, &all, max));
    free(all.list);
}

/* ---- UpdateAlias ----------------------------------------------------------------------------- */

/* A member that is of this type; NULL where it is absent or null. Sets *wrong where it is
 * neither. */
static const json_t *member(const json_t *object, const char *name, json_type type,
                            const char **wrong)
{
    const json_t *value = json_object_get(object, name);

    if (!value || json_is_null(value))
        return NULL;
    if (json_typeof(value) == type)
        return value;
    *wrong = name;
    return NULL;
}

/* The document's members, checked one by one; false with an answer where something is wrong. */
static bool read_update(struct call *call, const json_t *json, struct update *out)
{
    const char *wrong = NULL;
    struct str description;

    out->routing = member(json, "RoutingConfig", JSON_OBJECT, &wrong);
    out->weights = member(out->routing, "AdditionalVersionWeights", JSON_OBJECT, &wrong);
    out->version = member(json, "FunctionVersion", JSON_STRING, &wrong);
    out->description = member(json, "Description", JSON_STRING, &wrong);
    out->revision = member(json, "RevisionId", JSON_STRING, &wrong);
    if (wrong) {
        fail(call, 400, "SerializationException", "The member %s has another type.", wrong);
        return false;
    }
    if (json_object_size(out->weights) > SPLIT_ARMS_MAX - 1) {
        fail(call, 400, "InvalidParameterValueException",
             "Number of items in AdditionalVersionWeights cannot be greater than %d",
             SPLIT_ARMS_MAX - 1);
        return false;
    }
    lambda_check_weights(&call->check, out->weights);
    if (out->version)
        lambda_check_version(&call->check, str_of(json_string_value(out->version)));
    description = str_of(json_string_value(out->description));
    if (text_characters(description) > DESCRIPTION_MAX)
        lambda_check_add(&call->check, description, "description",
                         "Member must have length less than or equal to 256");
    return !lambda_check_answer(&call->check, call->out);
}

/* The additional versions into arms[1], arms[2], ...: those of the update, or else those that the
 * alias has. Returns how many arms there are then. */
static int take_additional(const struct update *update, const struct target *target,
                           struct arm_spec *arms)
{
    json_t *weights = (json_t *)(uintptr_t)update->weights; /* jansson's iterators take no const */
    int nr = 1;

    if (!update->routing) {
        for (; nr < target->nr_arms; nr++)
            arms[nr] = (struct arm_spec){target->arms[nr].version->name, target->arms[nr].weight};
        return nr;
    }
    for (void *i = json_object_iter(weights); i; i = json_object_iter_next(weights, i)) {
        double share = json_number_value(json_object_iter_value(i));
        arms[nr++] =
            (struct arm_spec){str_of(json_object_iter_key(i)), (uint32_t)(share * SPLIT_ONE + 0.5)};
    }
    return nr;
}

/* What concerns the versions together; false with an answer where it is not right. Gives the first
 * what the others leave. */
static bool settle_arms(struct call *call, struct arm_spec *arms, int nr)
{
    const struct table *table = call->hooks->table(call->hooks->context);
    struct str function = call->address.function;
    uint64_t sum = 0;

    for (int i = 0; i < nr; i++) {
        const struct target *version = table_find(table, function, arms[i].version, NULL);
        if (!version || version->alias.n > 0) {
            fail(call, 404, "ResourceNotFoundException", "Function not found: %s",
                 arn_of(call->hooks, function, arms[i].version).s);
            return false;
        }
    }
    if (nr > 1 && str_eq(arms[0].version, STR("$LATEST"))) {
        fail_value(call, "$LATEST is not supported for an alias pointing to more than 1 version");
        return false;
    }
    for (int i = 1; i < nr; i++) {
        sum += arms[i].weight;
        if (!str_eq(arms[i].version, arms[0].version))
            continue;
        fail(call, 400, "InvalidParameterValueException",
             "Invalid function version %.*s. Function version %.*s is already included in routing "
             "configuration.",
             STR_ARG(arms[0].version), STR_ARG(arms[0].version));
        return false;
    }
    if (sum > SPLIT_ONE) {
        fail_value(call, "The values of AdditionalVersionWeights total more than 1.0");
        return false;
    }
    arms[0].weight = (uint32_t)(SPLIT_ONE - sum);
    return true;
}

static bool has_revision(struct call *call, const struct target *target, const json_t *revision)
{
    char now[CHANGE_REVISION_SIZE];

    if (!revision)
        return true;
    change_revision(call->hooks, CHANGE_ALIAS, target->function->name, target->alias, now);
    if (strcmp(json_string_value(revision), now) == 0)
        return true;
    fail(call, 412, "PreconditionFailedException",
         "The Revision Id provided does not match the latest Revision Id. Call the "
         "GetFunction/GetAlias API to retrieve the latest Revision Id");
    return false;
}

static bool open_call(struct call *call);

static void answer_update(struct change *change, const struct change_result *result)
{
    struct call call = {
        .hooks = change->hooks, .request = &change->request, .out = &change->response};
    const struct target *target;

    if (result->status == CHANGE_REFUSED) {
        fail_value(&call, result->problems->nr > 0 ? result->problems->list[0].message : "");
        return;
    }
    if (result->status != CHANGE_DONE) {
        change_answer_failure(change, result);
        return;
    }
    target = open_call(&call) ? find_alias(&call, "Alias not found") : NULL;
    if (target)
        answer_json(call.out, 200, write_alias(call.hooks, target));
}

static void submit(struct call *call, const struct alias_spec *spec)
{
    char function[INVOKE_NAME_MAX + 1];
    struct change_edit edit = {.kind = CHANGE_ALIAS,
                               .function = function,
                               .name = call->alias,
                               .document = tabledoc_alias_write_spec(spec)};

    snprintf(function, sizeof(function), "%.*s", STR_ARG(call->address.function));
    if (edit.document)
        change_submit(call->change, &edit, 1, answer_update);
    else
        fail_memory(call);
}

static void apply_update(struct call *call, const struct update *update)
{
    const struct target *target = find_alias(call, "Alias not found");
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec spec = {.arms = arms};

    if (!target || !has_revision(call, target, update->revision))
        return;
    arms[0].version = update->version ? str_of(json_string_value(update->version))
                                      : target->arms[0].version->name;
    spec.nr_arms = take_additional(update, target, arms);
    if (!settle_arms(call, arms, spec.nr_arms))
        return;
    spec.mode = target->mode;
    spec.is_failover = target->is_failover;
    spec.description =
        update->description ? str_of(json_string_value(update->description)) : target->description;
    submit(call, &spec);
}

static void update_alias(struct call *call)
{
    struct problems problems = {0};
    struct jsondoc doc = {.problems = &problems};
    struct str body = call->request->body.n > 0 ? call->request->body : STR("{}");
    json_t *json = jsondoc_load(&doc, body.p, body.n);
    struct update update;

    if (!json)
        fail(call, 400, "InvalidRequestContentException",
             "Could not parse request body into json: %s",
             problems.nr > 0 ? problems.list[0].message : "out of memory");
    else if (read_update(call, json, &update))
        apply_update(call, &update);
    json_decref(json);
    problems_fini(&problems);
}

/* ---- The addresses --------------------------------------------------------------------------- */

/* function is what stands before "/aliases"; alias what stands behind it, p NULL where the path
 * ends there. */
static bool parse_path(struct str path, struct str *function, struct str *alias)
{
    const struct str head = STR("/2015-03-31/functions/"), tail = STR("/aliases");
    const char *slash;

    if (path.n < head.n || memcmp(path.p, head.p, head.n) != 0)
        return false;
    path.p += head.n;
    path.n -= head.n;
    slash = path.n > 0 ? memchr(path.p, '/', path.n) : NULL;
    if (!slash)
        return false;
    *function = (struct str){path.p, (size_t)(slash - path.p)};
    path.p += function->n;
    path.n -= function->n;
    if (path.n < tail.n || memcmp(path.p, tail.p, tail.n) != 0)
        return false;
    *alias = (struct str){NULL, 0};
    if (path.n == tail.n)
        return true;
    *alias = (struct str){path.p + tail.n + 1, path.n - tail.n - 1};
    return path.p[tail.n] == '/' && alias->n > 0 && !memchr(alias->p, '/', alias->n);
}

/* Reads the names in the path; false where it is another's. */
static bool open_call(struct call *call)
{
    struct str function, alias;

    if (!parse_path(call->request->path, &function, &alias))
        return false;
    lambda_check_names(&call->check, function, alias.p ? &alias : NULL, &call->address,
                       call->alias);
    return true;
}

/* False with an answer where the path's names will not do. */
static bool has_plain_function(struct call *call)
{
    if (call->check.nr > 0 || call->address.qualifier.n == 0)
        return true;
    fail_value(call, "The function name must not have a qualifier in calls on aliases.");
    return false;
}

static void write_call(struct change *change)
{
    struct call call = {.hooks = change->hooks,
                        .request = &change->request,
                        .out = &change->response,
                        .change = change};

    if (open_call(&call) && has_plain_function(&call))
        update_alias(&call);
}

enum api_outcome lambda_handle(const struct api_hooks *hooks, const struct api_request *request,
                               struct api_waiter *waiter, struct api_response *response)
{
    struct call call = {.hooks = hooks, .request = request, .out = response};
    struct str function, alias, method = request->method;
    bool is_get = str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
    bool is_put = str_eq(method, STR("PUT"));

    if (!parse_path(request->path, &function, &alias))
        return API_NOT_MINE;
    if (is_put && alias.p)
        return change_begin(hooks, request, waiter, response, write_call) ? API_ANSWERED
                                                                          : API_LATER;
    if (!is_get) {
        answer_not_allowed(response, alias.p ? "GET, HEAD, PUT" : "GET, HEAD",
                           "Aliases can be read and updated here; to create or delete one, change "
                           "the table document.");
        return API_ANSWERED;
    }
    open_call(&call);
    if (!has_plain_function(&call))
        return API_ANSWERED;
    if (!alias.p)
        list_aliases(&call);
    else if (!lambda_check_answer(&call.check, response))
        get_alias(&call);
    return API_ANSWERED;
}
