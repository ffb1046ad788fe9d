/* What the alias addresses do. The rules for what an alias may say are the table document's, and so
 * are the words for what is wrong with it. */
#include "control/alias.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"
#include "base/log.h"
#include "base/prng.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc_alias.h"
#include "conf/weight.h"
#include "control/answer.h"
#include "router/hash.h"
#include "router/invoke.h"

/* Weights below 100 have nine digits at most. */
enum { WEIGHT_DIGITS = 9 };

/* The names in the path, decoded. */
struct alias_path {
    char function[INVOKE_NAME_MAX + 1], alias[INVOKE_QUALIFIER_MAX + 1];
};

/* ---- Putting in force ------------------------------------------------------------------------ */

static void log_change(const struct table *table, const struct target *target)
{
    struct jsondoc_text text = {0};

    for (int i = 0; i < target->nr_arms; i++) {
        const struct arm *arm = &target->arms[i];
        jsondoc_append(&text, "%sversion %.*s at %s %%", i > 0 ? ", " : "",
                       STR_ARG(arm->version->name), weight_text(arm->weight).s);
    }
    log_info("generation %llu is in force: %.*s:%.*s has %s, by the admin API",
             (unsigned long long)table->generation, STR_ARG(target->function->name),
             STR_ARG(target->alias), text.s);
}

struct target *alias_put(const struct api_hooks *hooks, const struct target *target,
                         const struct alias_spec *spec)
{
    uint32_t index = target->index;
    struct table *table;

    if (hooks->set_alias(hooks->context, target, spec) < 0)
        return NULL;
    table = hooks->table(hooks->context);
    log_change(table, table_target(table, index));
    return table_target(table, index);
}

void alias_revision(const struct api_hooks *hooks, const struct target *target,
                    char out[ALIAS_REVISION])
{
    uint64_t name = hash_str(target->alias, hash_str(target->function->name, hooks->seed));
    struct prng rng;

    prng_seed(&rng, name + target->since);
    id_make(&rng, out);
    out[ID_LENGTH] = '\0';
}

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

/* Decodes into a terminated string; what cannot be a name becomes "", which none is. */
static void decode(struct str segment, char *out, size_t size)
{
    int n = invoke_decode(segment, out, (int)size - 1);

    if (n < 0 || memchr(out, '\0', (size_t)n))
        n = 0;
    out[n] = '\0';
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
    decode(function, out->function, sizeof(out->function));
    decode(alias, out->alias, sizeof(out->alias));
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

static void answer_alias(struct api_response *out, const struct target *target)
{
    json_t *json = tabledoc_alias_write(target);

    answer_document(out, json ? jsondoc_dump(json, WEIGHT_DIGITS) : NULL);
    json_decref(json);
}

static void put_alias(const struct api_hooks *hooks, const struct api_request *request,
                      const struct alias_path *path, const struct target *target,
                      struct api_response *out)
{
    struct place root = JSONDOC_ROOT, functions = JSONDOC_KEY(&root, "functions");
    struct place function = JSONDOC_KEY(&functions, path->function);
    struct place aliases = JSONDOC_KEY(&function, "aliases");
    struct place at = JSONDOC_KEY(&aliases, path->alias);
    struct problems problems = {0};
    struct jsondoc doc = {.problems = &problems};
    json_t *json = jsondoc_load(&doc, request->body.n > 0 ? request->body.p : "", request->body.n);
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec spec;

    if (!json || tabledoc_alias_change(&doc, &at, json, target, &spec, arms) < 0) {
        answer_problems(out, &problems);
    } else {
        target = alias_put(hooks, target, &spec);
        if (target)
            answer_alias(out, target);
        else
            answer_document(out, NULL);
    }
    json_decref(json);
    problems_fini(&problems);
}

bool alias_handle(const struct api_hooks *hooks, const struct api_request *request,
                  struct api_response *response)
{
    bool is_put = str_eq(request->method, STR("PUT")), knows_function;
    const struct target *target;
    struct alias_path path;

    if (!parse_path(request->path, &path))
        return false;
    if (!is_put && !str_eq(request->method, STR("GET")) && !str_eq(request->method, STR("HEAD"))) {
        answer_not_allowed(response, "GET, HEAD, PUT",
                           "An alias can be read and changed here; to add or remove one, change "
                           "the table document.");
        return true;
    }
    target = table_find(hooks->table(hooks->context), str_of(path.function), str_of(path.alias),
                        &knows_function);
    if (!target || target->alias.n == 0)
        answer_unknown(response, &path, knows_function);
    else if (is_put)
        put_alias(hooks, request, &path, target, response);
    else
        answer_alias(response, target);
    return true;
}
