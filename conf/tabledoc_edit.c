/* Functions in the order of the table, new ones behind them; then the routes. */
#include "conf/tabledoc_edit.h"

#include <stdio.h>
#include <string.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_function.h"
#include "conf/tabledoc_publish.h"
#include "conf/tabledoc_section.h"
#include "router/builder_copy.h"
#include "router/invoke.h"

struct reading {
    struct jsondoc doc;
    struct place functions_at, machines_at;
    struct tabledoc_out out;
    const struct tabledoc_edit *edits;
    int nr;
    json_t *by_name; /* of an edit: its index */
};

static int index_edits(struct reading *r)
{
    r->by_name = json_object();
    for (int i = 0; r->by_name && i < r->nr; i++)
        if (!r->edits[i].section &&
            json_object_set_new(r->by_name, r->edits[i].function, json_integer(i)) < 0)
            return -1;
    return r->by_name ? 0 : -1;
}

static const struct tabledoc_edit *find_edit(const struct reading *r, struct str function)
{
    const json_t *index = json_object_getn(r->by_name, function.p, function.n);

    return index ? &r->edits[json_integer_value(index)] : NULL;
}

static void read_edit(struct reading *r, const struct tabledoc_edit *edit)
{
    bool is_machine = machine_is(str_of(edit->function));
    struct place at =
        tabledoc_function_place(is_machine ? &r->machines_at : &r->functions_at, edit->function);

    if (edit->document)
        tabledoc_function_read(&r->doc, &at, edit->document, &r->out);
}

static void take_functions(struct reading *r, const struct table *previous)
{
    struct function *const *functions;
    int nr = table_functions(previous, &functions);

    for (int i = 0; i < nr; i++) {
        const struct tabledoc_edit *edit = find_edit(r, functions[i]->name);

        if (edit)
            read_edit(r, edit);
        else if (!r->doc.is_bad &&
                 builder_copy_function(r->out.builder, previous, functions[i]) < 0)
            jsondoc_no_memory(&r->doc);
    }
    for (int i = 0; i < r->nr; i++)
        if (!r->edits[i].section && !table_function(previous, str_of(r->edits[i].function)))
            read_edit(r, &r->edits[i]);
}

static void take_routes(struct reading *r, const struct table *previous)
{
    struct place root = JSONDOC_ROOT, routes_at = JSONDOC_KEY(&root, "routes");
    const struct route *routes;
    int nr = table_routes(previous, &routes);

    for (int i = 0; i < nr && !r->doc.is_bad; i++) {
        const struct target *target = table_target(previous, routes[i].target);
        struct place at = JSONDOC_ITEM(&routes_at, (size_t)i);
        int result = builder_copy_route(r->out.builder, previous, &routes[i]);

        if (result < 0)
            jsondoc_no_memory(&r->doc);
        else if (result > 0)
            jsondoc_problem(
                &r->doc, &at, "route_in_use",
                "the route %.*s%.*s leads to %.*s:%.*s, which would be gone; change "
                "the route first",
                STR_ARG(routes[i].host), STR_ARG(routes[i].path), STR_ARG(target->function->name),
                STR_ARG(target->alias.n > 0 ? target->alias : target->arms[0].version->name));
    }
}

/* ---- What state machines invoke ------------------------------------------------------------ */

static bool knows(const struct table *table, const struct machine_task *task)
{
    struct str qualifier = task->qualifier ? str_of(task->qualifier) : STR("$LATEST");

    return table_find(table, str_of(task->function), qualifier, NULL) != NULL;
}

/* A document without what a version invokes could not be loaded again. */
static void check_callees(struct reading *r, const struct function *machine,
                          const struct table *previous, const struct table *table)
{
    struct place machine_at = {0}, versions_at;
    char full[MACHINE_BYTES_MAX + 1], name[INVOKE_NAME_MAX + 1];

    snprintf(full, sizeof(full), "%.*s", STR_ARG(machine->name));
    machine_at = tabledoc_function_place(&r->machines_at, full);
    versions_at = JSONDOC_KEY(&machine_at, "versions");
    for (int i = 0; i < machine->nr_versions; i++) {
        const struct version *version = &machine->versions[i];
        struct place at = JSONDOC_KEY(&versions_at, name);

        if (version->kind != VERSION_FUNCTION || knows(table, version->task) ||
            !knows(previous, version->task))
            continue;
        snprintf(name, sizeof(name), "%.*s", STR_ARG(version->name));
        jsondoc_problem(&r->doc, &at, "function_in_use",
                        "the state machine invokes %s:%s, which would be gone; change or delete "
                        "the state machine, or this version, first",
                        version->task->function,
                        version->task->qualifier ? version->task->qualifier : "$LATEST");
    }
}

static void check_machines(struct reading *r, const struct table *previous,
                           const struct table *table)
{
    struct function *const *functions;
    int nr = table_functions(table, &functions);

    for (int i = 0; i < nr; i++)
        if (functions[i]->machine)
            check_callees(r, functions[i], previous, table);
}

/* ---- The whole ----------------------------------------------------------------------------- */

static void take_sections(struct reading *r, const struct table *previous)
{
    for (int i = 0; i < MODEL_SECTIONS && !r->doc.is_bad; i++)
        if (builder_section(r->out.builder, (enum model_section)i,
                            table_section(previous, (enum model_section)i)) < 0)
            jsondoc_no_memory(&r->doc);
    for (int i = 0; i < r->nr; i++)
        if (r->edits[i].section)
            tabledoc_section_read(&r->doc, r->edits[i].section, r->edits[i].document, &r->out);
}

struct table *tabledoc_edit(struct registry *registry, struct table *previous,
                            const struct tabledoc_edit *edits, int nr, struct problems *problems)
{
    struct place root = JSONDOC_ROOT;
    struct reading r = {.doc = {.problems = problems},
                        .functions_at = JSONDOC_KEY(&root, "functions"),
                        .machines_at = JSONDOC_KEY(&root, "state_machines"),
                        .out = {.builder = builder_make(registry), .edited = previous},
                        .edits = edits,
                        .nr = nr};
    struct table *table = NULL;

    if (!r.out.builder || index_edits(&r) < 0)
        jsondoc_no_memory(&r.doc);
    else
        take_functions(&r, previous);
    if (!r.doc.is_bad)
        take_routes(&r, previous);
    if (!r.doc.is_bad)
        take_sections(&r, previous);
    if (!r.doc.is_bad) {
        table = builder_freeze(&r.out.builder, previous);
        if (table) {
            tabledoc_publish_check_names(&r.doc, table);
            check_machines(&r, previous, table);
        } else
            jsondoc_no_memory(&r.doc);
        if (r.doc.is_bad && table)
            table_unref(&table);
    }
    builder_free(&r.out.builder);
    json_decref(r.by_name);
    return table;
}
