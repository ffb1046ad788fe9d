/* Lambda's calls on aliases. Reads go to the table's targets, and a change is a CHANGE_ALIAS, so
 * that the cost of a weight change does not depend on how much a function has. */
#include "control/lambda_alias.h"

#include <stdlib.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_alias.h"
#include "control/answer.h"
#include "control/lambda_page.h"
#include "control/lambda_shape.h"

/* ADDITIONAL_MAX is Lambda's; weir's own API and the table file have more. */
enum { ITEMS_MAX = 10000, DESCRIPTION_MAX = 256, ADDITIONAL_MAX = 1 };

/* The members of CreateAlias and UpdateAlias: borrowed from the body, NULL where absent. A routing
 * without weights removes those that there are. */
struct wish {
    const char *version, *description, *revision;
    const json_t *routing, *weights;
};

/* NULL where there is none; *knows_function as of table_find. */
static const struct target *find(const struct lambda_call *call, bool *knows_function)
{
    const struct target *target = table_find(lambda_call_table(call), str_of(call->function),
                                             str_of(call->alias), knows_function);

    return target && target->alias.n > 0 ? target : NULL;
}

/* The alias that the path names; NULL with a 404 answered. */
static const struct target *find_or_fail(struct lambda_call *call, const char *what)
{
    bool knows_function;
    const struct target *target = find(call, &knows_function);

    if (!target && knows_function)
        lambda_call_fail(call, 404, "ResourceNotFoundException", "%s: %s", what,
                         lambda_call_arn(call, call->function, call->alias).s);
    else if (!target)
        lambda_call_fail_function(call, "");
    return target;
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

static json_t *write_alias(const struct lambda_call *call, const struct target *target)
{
    struct str alias = target->alias, version = target->arms[0].version->name;
    struct str description = target->description;
    char revision[CHANGE_REVISION_SIZE], name[LAMBDA_TEXT];
    json_t *json;

    lambda_shape_terminate(alias, name, sizeof(name));
    if (change_revision(call->hooks, CHANGE_ALIAS, target->function->name, alias, revision) < 0)
        return NULL;
    json = json_pack("{s:s, s:s%, s:s%, s:s%, s:s}", "AliasArn",
                     lambda_call_arn(call, call->function, name).s, "Name", alias.p, alias.n,
                     "FunctionVersion", version.p, version.n, "Description", description.p,
                     description.n, "RevisionId", revision);
    if (json && target->nr_arms > 1 &&
        json_object_set_new(json, "RoutingConfig", write_routing(target)) < 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

void lambda_alias_get(struct lambda_call *call)
{
    const struct target *target;

    if (lambda_call_is_wrong(call))
        return;
    target = find_or_fail(call, "Cannot find alias arn");
    if (target)
        answer_json(call->out, 200, write_alias(call, target));
}

/* ---- ListAliases ----------------------------------------------------------------------------- */

static int compare_targets(const void *a, const void *b)
{
    return lambda_page_compare((*(const struct target *const *)a)->alias,
                               (*(const struct target *const *)b)->alias);
}

/* The function's aliases with this primary version ("": any) behind the marker, by name. A list to
 * be freed, with their number; NULL when out of memory. */
static const struct target **gather(const struct lambda_call *call, const struct function *function,
                                    const char *version, const char *marker, size_t *nr)
{
    const struct table *table = lambda_call_table(call);
    uint32_t nr_targets, first = table_targets_of(table, function, &nr_targets);
    const struct target **list = calloc((size_t)nr_targets + 1, sizeof(*list));

    *nr = 0;
    for (uint32_t i = first; list && i < first + nr_targets; i++) {
        const struct target *target = table_target(table, i);
        if (target->alias.n > 0 &&
            (!*version || str_eq(target->arms[0].version->name, str_of(version))) &&
            lambda_page_compare(target->alias, str_of(marker)) > 0)
            list[(*nr)++] = target;
    }
    if (list)
        qsort(list, *nr, sizeof(*list), compare_targets);
    return list;
}

static void list_all(struct lambda_call *call, const char *version, struct lambda_page *page)
{
    const struct function *function = lambda_call_function(call);
    const struct target **list;
    size_t nr;

    if (!function) {
        lambda_call_fail_function(call, "");
        return;
    }
    list = gather(call, function, version, page->marker, &nr);
    for (size_t i = 0; list && i < nr && lambda_page_has_room(page); i++)
        lambda_page_add_take(page, list[i]->alias, write_alias(call, list[i]));
    page->is_broken |= !list;
    free(list);
    lambda_page_answer(page, call, "Aliases");
}

void lambda_alias_list(struct lambda_call *call)
{
    char version[LAMBDA_TEXT] = "";
    struct lambda_page page;

    lambda_page_read(&page, call, ITEMS_MAX, ITEMS_MAX);
    if (lambda_call_query(call, "FunctionVersion", version, sizeof(version), NULL))
        lambda_check_version(&call->check, str_of(version));
    if (!lambda_call_is_wrong(call))
        list_all(call, version, &page);
    json_decref(page.list);
}

/* ---- What an alias is to say ----------------------------------------------------------------- */

/* Checks the members one by one; false with an answer where something is wrong. */
static bool read_wish(struct lambda_call *call, bool is_new, struct wish *out)
{
    out->routing = lambda_call_member(call, call->body, "RoutingConfig", JSON_OBJECT);
    out->weights = lambda_call_member(call, out->routing, "AdditionalVersionWeights", JSON_OBJECT);
    out->version = lambda_call_text(call, call->body, "FunctionVersion");
    out->description = lambda_call_text(call, call->body, "Description");
    out->revision = is_new ? NULL : lambda_call_text(call, call->body, "RevisionId");
    if (!call->wrong_type && json_object_size(out->weights) > ADDITIONAL_MAX) {
        lambda_call_fail_value(call,
                               "Number of items in AdditionalVersionWeights cannot be greater than "
                               "%d",
                               ADDITIONAL_MAX);
        return false;
    }
    lambda_check_weights(&call->check, out->weights);
    if (is_new)
        lambda_call_require(call, out->version, "functionVersion");
    if (out->version)
        lambda_check_version(&call->check, str_of(out->version));
    lambda_check_length(&call->check, out->description, "description", 0, DESCRIPTION_MAX);
    return !lambda_call_is_wrong(call);
}

/* The additional versions into arms[1], arms[2], ...: those of the wish, or else those that the
 * alias (NULL: a new one) has. Returns how many arms there are then. */
static int take_additional(const struct wish *wish, const struct target *target,
                           struct arm_spec *arms)
{
    json_t *weights = (json_t *)(uintptr_t)wish->weights; /* jansson's iterators take no const */
    int nr = 1;

    if (!wish->routing && target) {
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

static bool have_all(struct lambda_call *call, const struct function *function,
                     const struct arm_spec *arms, int nr)
{
    for (int i = 0; i < nr; i++) {
        char version[LAMBDA_TEXT];

        if (model_version(function, arms[i].version, 0))
            continue;
        lambda_shape_terminate(arms[i].version, version, sizeof(version));
        lambda_call_fail_function(call, version);
        return false;
    }
    return true;
}

/* The configuration of a version; NULL where nothing is said. A new reference. */
static json_t *configuration_of(const struct function *function, struct str name)
{
    const char *text = model_version(function, name, 0)->configuration;

    return text ? json_loads(text, 0, NULL) : NULL;
}

/* Versions that both say whose role they have must say the same; and of dead letters likewise.
 * False with an answer. */
static bool are_alike(struct lambda_call *call, const struct function *function, struct str first,
                      struct str other)
{
    json_t *a = configuration_of(function, first), *b = configuration_of(function, other);
    const json_t *role_a = json_object_get(a, "Role"), *role_b = json_object_get(b, "Role");
    bool is_role = !role_a || !role_b || json_equal(role_a, role_b);
    const json_t *letter_a = json_object_get(a, "DeadLetterConfig");
    const json_t *letter_b = json_object_get(b, "DeadLetterConfig");
    bool is_letter = !a || !b || (!letter_a && !letter_b) || json_equal(letter_a, letter_b);

    json_decref(a);
    json_decref(b);
    if (is_role && is_letter)
        return true;
    lambda_call_fail_value(call, "Specified versions must be associated with the same %s",
                           is_role ? "dead-letter configuration" : "execution role");
    return false;
}

/* What concerns the versions together; false with an answer where it is not right. Gives the first
 * what the others leave. */
static bool settle_arms(struct lambda_call *call, const struct function *function,
                        struct arm_spec *arms, int nr)
{
    uint64_t sum = 0;

    if (!have_all(call, function, arms, nr))
        return false;
    if (nr > 1 && str_eq(arms[0].version, STR("$LATEST"))) {
        lambda_call_fail_untyped(
            call, "$LATEST is not supported for an alias pointing to more than 1 version");
        return false;
    }
    for (int i = 1; i < nr; i++) {
        sum += arms[i].weight;
        if (!str_eq(arms[i].version, arms[0].version))
            continue;
        lambda_call_fail_value(call,
                               "Invalid function version %.*s. Function version %.*s is already "
                               "included in routing configuration.",
                               STR_ARG(arms[0].version), STR_ARG(arms[0].version));
        return false;
    }
    arms[0].weight = (uint32_t)(SPLIT_ONE - sum);
    for (int i = 1; i < nr; i++)
        if (!are_alike(call, function, arms[0].version, arms[i].version))
            return false;
    return true;
}

static void submit(struct lambda_call *call, const struct alias_spec *spec)
{
    json_t *document = tabledoc_alias_write_spec(spec);

    if (document)
        lambda_call_submit_alias_take(call, document);
    else
        lambda_call_fail_memory(call);
}

/* ---- CreateAlias ----------------------------------------------------------------------------- */

static void create(struct lambda_call *call, const struct function *function,
                   const struct wish *wish)
{
    struct arm_spec arms[SPLIT_ARMS_MAX] = {{str_of(wish->version), 0}};
    struct alias_spec spec = {.name = str_of(call->alias),
                              .description = str_of(wish->description),
                              .mode = SPLIT_EXACT,
                              .arms = arms};

    spec.nr_arms = take_additional(wish, NULL, arms);
    if (!have_all(call, function, arms, 1))
        return;
    if (find(call, NULL)) {
        lambda_call_fail(call, 409, "ResourceConflictException", "Alias already exists: %s",
                         lambda_call_arn(call, call->function, call->alias).s);
        return;
    }
    if (settle_arms(call, function, arms, spec.nr_arms))
        submit(call, &spec);
}

void lambda_alias_create(struct lambda_call *call)
{
    const char *name = lambda_call_text(call, call->body, "Name");
    const struct function *function;
    struct wish wish;

    lambda_call_require(call, name, "name");
    if (name) {
        lambda_shape_terminate(str_of(name), call->alias, sizeof(call->alias));
        lambda_check_alias(&call->check, name);
    }
    if (!read_wish(call, true, &wish))
        return;
    function = lambda_call_function(call);
    if (function)
        create(call, function, &wish);
    else
        lambda_call_fail_function(call, wish.version);
}

/* Answers with the alias as it now is. */
static void answer_alias(struct lambda_call *call, int status)
{
    const struct target *target = find_or_fail(call, "Alias not found");

    if (target)
        answer_json(call->out, status, write_alias(call, target));
}

void lambda_alias_created(struct lambda_call *call)
{
    answer_alias(call, 201);
}

/* ---- UpdateAlias ----------------------------------------------------------------------------- */

void lambda_alias_update(struct lambda_call *call)
{
    struct arm_spec arms[SPLIT_ARMS_MAX];
    const struct target *target;
    struct alias_spec spec;
    struct wish wish;

    if (!read_wish(call, false, &wish))
        return;
    target = find_or_fail(call, "Alias not found");
    if (!target || !lambda_call_has_revision(call, CHANGE_ALIAS, call->alias, wish.revision))
        return;
    spec = table_alias_spec(target, arms);
    if (wish.version)
        arms[0].version = str_of(wish.version);
    spec.nr_arms = take_additional(&wish, target, arms);
    if (!settle_arms(call, target->function, arms, spec.nr_arms))
        return;
    if (wish.description)
        spec.description = str_of(wish.description);
    submit(call, &spec);
}

void lambda_alias_updated(struct lambda_call *call)
{
    answer_alias(call, 200);
}

/* ---- DeleteAlias ----------------------------------------------------------------------------- */

/* The alias and its URL, if it has one. */
static void delete_both(struct lambda_call *call)
{
    json_t *urls;

    if (!lambda_call_load(call, ""))
        return;
    urls = json_object_get(call->document, "urls");
    if (json_object_del(urls, call->alias) < 0) {
        lambda_call_submit_alias_take(call, NULL);
        return;
    }
    if (json_object_size(urls) == 0)
        json_object_del(call->document, "urls");
    json_object_del(json_object_get(call->document, "aliases"), call->alias);
    lambda_call_submit(call);
}

void lambda_alias_delete(struct lambda_call *call)
{
    bool knows_function;

    if (lambda_call_is_wrong(call))
        return;
    if (find(call, &knows_function))
        delete_both(call);
    else if (knows_function)
        lambda_call_answer_empty(call);
    else
        lambda_call_fail_function(call, "");
}

void lambda_alias_deleted(struct lambda_call *call)
{
    lambda_call_answer_empty(call);
}
