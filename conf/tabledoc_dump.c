/* A table as the document that it could have been built from: the same functions, versions, aliases
 * and routes in the same order, without what is default. */
#include "base/str.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc.h"
#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_route.h"
#include "conf/tabledoc_version.h"

/* Weights below 100 have nine digits at most. */
enum { WEIGHT_DIGITS = 9 };

static int write_versions(const struct function *function, json_t *object)
{
    json_t *versions = json_object();

    if (!versions || json_object_set_new(object, "versions", versions) < 0)
        return -1;
    for (int i = 0; i < function->nr_versions; i++) {
        const struct version *version = &function->versions[i];
        if (jsondoc_set_take(versions, version->name, tabledoc_version_write(version)) < 0)
            return -1;
    }
    return 0;
}

static int write_limits(const struct function *function, json_t *object)
{
    json_t *limits;

    if (function->max_in_flight == 0)
        return 0;
    limits = json_object();
    if (!limits || json_object_set_new(object, "limits", limits) < 0)
        return -1;
    return json_object_set_new(limits, "max_in_flight", json_integer(function->max_in_flight));
}

static int write_aliases(const struct table *table, const struct function *function, json_t *object)
{
    uint32_t nr, first = table_targets_of(table, function, &nr);
    json_t *aliases = NULL;

    for (uint32_t i = first + (uint32_t)function->nr_versions; i < first + nr; i++) {
        const struct target *target = table_target(table, i);
        if (!aliases) {
            aliases = json_object();
            if (!aliases || json_object_set_new(object, "aliases", aliases) < 0)
                return -1;
        }
        if (jsondoc_set_take(aliases, target->alias, tabledoc_alias_write(target)) < 0)
            return -1;
    }
    return 0;
}

json_t *tabledoc_dump_function(const struct table *table, const struct function *function)
{
    json_t *object = json_object();

    if (object && write_limits(function, object) == 0 && write_versions(function, object) == 0 &&
        write_aliases(table, function, object) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static int write_functions(const struct table *table, json_t *functions)
{
    struct function *const *list;
    int nr = table_functions(table, &list);

    for (int i = 0; i < nr; i++)
        if (jsondoc_set_take(functions, list[i]->name, tabledoc_dump_function(table, list[i])) < 0)
            return -1;
    return 0;
}

static int write_routes(const struct table *table, json_t *json)
{
    const struct route *list;
    int nr = table_routes(table, &list);
    json_t *routes = nr > 0 ? json_array() : NULL;

    if (nr > 0 && (!routes || json_object_set_new(json, "routes", routes) < 0))
        return -1;
    for (int i = 0; i < nr; i++)
        if (json_array_append_new(routes, tabledoc_route_write(table, &list[i])) < 0)
            return -1;
    return 0;
}

char *tabledoc_dump(const struct table *table)
{
    json_t *json = json_object();
    json_t *functions = json_object();
    char *text = NULL;

    if (!json) {
        json_decref(functions);
        return NULL;
    }
    if (json_object_set_new(json, "functions", functions) == 0 &&
        write_functions(table, functions) == 0 && write_routes(table, json) == 0)
        text = jsondoc_dump(json, WEIGHT_DIGITS);
    json_decref(json);
    return text;
}
