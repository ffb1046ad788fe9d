/* A table as the document that it could have been built from: the same functions, versions, aliases
 * and routes in the same order, without what is default. */
#include "base/str.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc.h"
#include "conf/tabledoc_function.h"
#include "conf/tabledoc_route.h"
#include "conf/tabledoc_section.h"

/* Weights below 100 have nine digits at most. */
enum { WEIGHT_DIGITS = 9 };

static int write_functions(const struct table *table, bool are_machines, json_t *functions)
{
    struct function *const *list;
    int nr = table_functions(table, &list);

    for (int i = 0; i < nr; i++)
        if ((list[i]->machine != NULL) == are_machines &&
            jsondoc_set_take(functions, machine_bare(list[i]->name),
                             tabledoc_function_write(table, list[i])) < 0)
            return -1;
    return 0;
}

/* The section is left out where there is none. */
static int write_machines(const struct table *table, json_t *json)
{
    json_t *machines = json_object();

    if (!machines || write_functions(table, true, machines) < 0) {
        json_decref(machines);
        return -1;
    }
    if (json_object_size(machines) > 0)
        return json_object_set_new(json, "state_machines", machines);
    json_decref(machines);
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

static int write_sections(const struct table *table, json_t *json)
{
    for (int i = 0; i < MODEL_SECTIONS; i++) {
        json_t *section = json_loads(table_section(table, (enum model_section)i), 0, NULL);

        if (!section)
            return -1;
        if (json_object_size(section) == 0)
            json_decref(section);
        else if (json_object_set_new(json, tabledoc_section_names[i], section) < 0)
            return -1;
    }
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
        write_functions(table, false, functions) == 0 && write_machines(table, json) == 0 &&
        write_routes(table, json) == 0 && write_sections(table, json) == 0)
        text = jsondoc_dump(json, WEIGHT_DIGITS);
    json_decref(json);
    return text;
}
