/* The table document to a table.
 *
 *     $.functions.NAME, $.state_machines.NAME -> tabledoc_function.c
 *     $.routes[i]        -> builder_route
 *
 * One pass checks everything and feeds the builder as it goes, in the builder's order, whatever the
 * order of the document's keys, and has only one function or route at a time in memory as a tree
 * (conf/tabledoc_parts.h). From the first problem on, the builder hears of nothing more, but the
 * checks go on, so that people see all problems at once. */
#include "conf/tabledoc.h"

#include <stdio.h>
#include <string.h>

#include "conf/rows.h"
#include "conf/settings_rows.h"
#include "conf/tabledoc_digest.h"
#include "conf/tabledoc_function.h"
#include "conf/tabledoc_overlay.h"
#include "conf/tabledoc_parts.h"
#include "conf/tabledoc_publish.h"
#include "conf/tabledoc_reroute.h"
#include "conf/tabledoc_route.h"
#include "conf/tabledoc_section.h"
#include "router/builder.h"

static void read_table_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                               const json_t *value, void *base);

/* clang-format off */

static const struct row table_list[] = {
    {.path = "functions", .type = ROWS_SPECIAL, .expected = "an object of functions, {\"NAME\": {...}}"},
    {.path = "state_machines", .type = ROWS_SPECIAL, .expected = "an object of state machines, {\"NAME\": {...}}"},
    {.path = "routes", .type = ROWS_SPECIAL, .expected = "an array of routes, [{...}]"},
    {.path = "deployment_configs", .type = ROWS_SPECIAL, .expected = "an object of plans, {\"NAME\": {\"steps\": [...]}}"},
    {.path = "alarms", .type = ROWS_SPECIAL, .expected = "an object of alarms, {\"NAME\": {\"metric\": \"error_percent\"}}"},
};

/* clang-format on */

#define NR(list) (int)(sizeof(list) / sizeof((list)[0]))

static const struct rows table_rows = {table_list, NR(table_list), read_table_special};

/* The members are stand-ins of the right type (conf/tabledoc_parts.h): only the type counts. */
static void read_table_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                               const json_t *value, void *base)
{
    (void)base;
    if (strcmp(row->path, "routes") != 0)
        (void)jsondoc_is_object(doc, at, value, row->expected);
    else
        (void)jsondoc_is_array(doc, at, value, row->expected);
}

/* ---- Functions ------------------------------------------------------------------------------- */

static void read_functions(struct jsondoc *doc, const struct place *at,
                           struct tabledoc_parts *parts, struct tabledoc_out *out)
{
    const char *name;

    for (const json_t *value = tabledoc_parts_function(parts, &name); value;
         value = tabledoc_parts_function(parts, &name)) {
        struct place key = JSONDOC_KEY(at, name);
        if (out->merge && overlay_group(out->merge->overlay, str_of(name)))
            tabledoc_overlay_function(doc, &key, value, out);
        else
            tabledoc_function_read(doc, &key, value, out);
    }
    if (out->merge && !parts->is_over && !doc->is_bad)
        tabledoc_overlay_rest(doc, at, parts, out);
}

/* ---- State machines -------------------------------------------------------------------------- */

/* What a version of kind function names. What the API has touched may be gone: then executions say
 * so. */
static void check_callee(struct jsondoc *doc, const struct place *at, const json_t *version,
                         const struct tabledoc_parts *parts, const struct tabledoc_out *out)
{
    const char *function = json_string_value(json_object_get(version, "function"));
    const char *qualifier = json_string_value(json_object_get(version, "qualifier"));
    struct place function_at = JSONDOC_KEY(at, "function"), key = JSONDOC_KEY(at, "qualifier");
    struct jsondoc_text known = {0};

    if (!function || (out->merge && overlay_group(out->merge->overlay, str_of(function))))
        return;
    if (!tabledoc_parts_has(parts, function)) {
        tabledoc_parts_append_known(parts, &known, function);
        jsondoc_problem(doc, &function_at, "unknown_function", "there is no function \"%.*s\"%s",
                        JSONDOC_QUOTE(function), known.s);
    } else if (!doc->is_bad && !builder_knows(out->builder, str_of(function),
                                              qualifier ? str_of(qualifier) : STR("$LATEST"))) {
        jsondoc_problem(doc, qualifier ? &key : at, "unknown_qualifier",
                        "the function has no alias or version \"%.*s\"",
                        JSONDOC_QUOTE(qualifier ? qualifier : "$LATEST"));
    }
}

static void check_callees(struct jsondoc *doc, const struct place *at, const json_t *machine,
                          const struct tabledoc_parts *parts, const struct tabledoc_out *out)
{
    json_t *versions = json_object_get(machine, "versions");
    struct place versions_at = JSONDOC_KEY(at, "versions");

    for (void *i = json_object_iter(versions); i; i = json_object_iter_next(versions, i)) {
        struct place key = JSONDOC_KEY(&versions_at, json_object_iter_key(i));
        check_callee(doc, &key, json_object_iter_value(i), parts, out);
    }
}

static void read_machine(struct jsondoc *doc, const struct place *at, const char *name,
                         const json_t *value, struct tabledoc_out *out)
{
    char full[MACHINE_BYTES_MAX + 1];
    struct place key = JSONDOC_KEY(at, name);

    if (!machine_full(str_of(name), full) || !*name) {
        jsondoc_problem(doc, &key, "bad_name",
                        "the name of a state machine has 1 to 80 characters");
        return;
    }
    key = tabledoc_function_place(at, full);
    if (out->merge && overlay_group(out->merge->overlay, str_of(full)))
        tabledoc_overlay_function(doc, &key, value, out);
    else
        tabledoc_function_read(doc, &key, value, out);
}

/* After the functions, which versions may name. */
static void read_machines(struct jsondoc *doc, const struct place *at, struct tabledoc_parts *parts,
                          struct tabledoc_out *out)
{
    json_t *machines = json_object_get(parts->top, at->key);

    if (!doc->is_bad && builder_end_functions(out->builder) < 0)
        jsondoc_no_memory(doc);
    if (!json_is_object(machines))
        machines = NULL; /* said already, if it is anything */
    for (void *i = json_object_iter(machines); i; i = json_object_iter_next(machines, i)) {
        struct place key = JSONDOC_KEY(at, json_object_iter_key(i));
        check_callees(doc, &key, json_object_iter_value(i), parts, out);
    }
    for (void *i = json_object_iter(machines); i; i = json_object_iter_next(machines, i))
        read_machine(doc, at, json_object_iter_key(i), json_object_iter_value(i), out);
    if (out->merge && !doc->is_bad)
        tabledoc_overlay_rest_machines(doc, at, machines, out);
}

/* ---- Routes ---------------------------------------------------------------------------------- */

static void read_routes(struct jsondoc *doc, const struct place *at, struct tabledoc_parts *parts,
                        struct tabledoc_out *out)
{
    json_t *seen = json_object();
    const json_t *value;
    size_t i, nr = 0;

    if (!seen || (!doc->is_bad && builder_end_functions(out->builder) < 0)) {
        jsondoc_no_memory(doc);
        json_decref(seen);
        return;
    }
    if (parts->routes.n > 0) {
        for (value = tabledoc_parts_route(parts, &i); value;
             value = tabledoc_parts_route(parts, &i)) {
            const struct overlay_row *row = tabledoc_reroute_find(out, value);
            struct place item = JSONDOC_ITEM(at, i);

            if (row)
                tabledoc_reroute_read(doc, &item, value, row, parts, seen, out);
            else
                tabledoc_route_read(doc, &item, value, parts, seen, out);
            nr = i + 1;
        }
    }
    if (out->merge && !parts->is_over && !doc->is_bad)
        tabledoc_reroute_rest(doc, at, nr, parts, seen, out);
    json_decref(seen);
}

/* ---- Keys that belong elsewhere -------------------------------------------------------------- */

static bool is_settings_key(const char *key)
{
    size_t n = strlen(key);

    for (int i = 0; i < settings_rows_nr_main; i++) {
        const char *path = settings_rows_main[i].path;
        if (strcspn(path, ".") == n && strncmp(path, key, n) == 0)
            return true;
    }
    return false;
}

static const char *advise(const struct place *at)
{
    const struct place *above = at->parent->parent;

    if (!above)
        return is_settings_key(at->key) ? "it belongs in the settings document (--settings)" : NULL;
    if (!above->key || strcmp(above->key, "aliases") != 0)
        return NULL;
    if (strcmp(at->key, "FunctionVersion") == 0)
        return "that is Lambda's API; here it is \"weights\": {\"VERSION\": 100}";
    if (strcmp(at->key, "RoutingConfig") == 0 || strcmp(at->key, "AdditionalVersionWeights") == 0)
        return "that is Lambda's API; here it is \"weights\", all versions in percent, such as "
               "{\"1\": 95, \"2\": 5}";
    return NULL;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void read_table(struct jsondoc *doc, struct tabledoc_parts *parts, struct tabledoc_out *out)
{
    struct place root = JSONDOC_ROOT;
    struct place functions_at = JSONDOC_KEY(&root, "functions");
    struct place machines_at = JSONDOC_KEY(&root, "state_machines");
    struct place routes_at = JSONDOC_KEY(&root, "routes");

    rows_read(&table_rows, doc, &root, parts->top, NULL);
    if (!json_object_get(parts->top, "functions") && !json_object_get(parts->top, "state_machines"))
        jsondoc_problem(doc, &root, "missing",
                        "\"functions\" is missing; the smallest table is {\"functions\": {}}");
    if (parts->functions.n == 0 && !json_object_get(parts->top, "state_machines"))
        return;
    read_functions(doc, &functions_at, parts, out);
    if (!parts->is_over)
        read_machines(doc, &machines_at, parts, out);
    if (!parts->is_over)
        read_routes(doc, &routes_at, parts, out);
    for (int i = 0; i < MODEL_SECTIONS && !parts->is_over; i++)
        tabledoc_section_take(doc, tabledoc_section_names[i],
                              json_object_get(parts->top, tabledoc_section_names[i]), out);
}

/* Reads all of the document; 0, or -1 with problems added. */
static int read_all(struct jsondoc *doc, const char *text, size_t length, struct tabledoc_out *out)
{
    struct tabledoc_parts parts;

    if (out->merge && tabledoc_merge_begin(out->merge, text, length) < 0) {
        jsondoc_no_memory(doc);
        return -1;
    }
    if (tabledoc_parts_open(&parts, doc, text, length) == 0)
        read_table(doc, &parts, out);
    tabledoc_parts_close(&parts);
    if (!doc->is_bad && out->merge && tabledoc_merge_end(out->merge) < 0)
        jsondoc_no_memory(doc);
    return doc->is_bad ? -1 : 0;
}

struct table *tabledoc_take(struct registry *registry, struct table *previous,
                            struct tabledoc_merge *merge, const char *text, size_t length,
                            const char *file, struct problems *problems)
{
    struct jsondoc doc = {.file = file, .problems = problems, .advise = advise};
    struct tabledoc_out out = {.merge = merge, .whole = merge};
    struct table *table = NULL;

    if (merge && tabledoc_merge_is_same_text(merge, text, length))
        return table_ref(previous);
    out.builder = builder_make(registry);
    if (!out.builder) {
        jsondoc_no_memory(&doc);
        return NULL;
    }
    if (read_all(&doc, text, length, &out) == 0) {
        if (merge && previous && !merge->is_different) {
            table = table_ref(previous);
        } else {
            table = builder_freeze(&out.builder, previous);
            if (table)
                tabledoc_publish_check_names(&doc, table);
            else
                jsondoc_no_memory(&doc);
        }
        if (doc.is_bad && table)
            table_unref(&table);
    }
    builder_free(&out.builder);
    return table;
}

struct table *tabledoc_build(struct registry *registry, struct table *previous, const char *text,
                             size_t length, const char *file, struct problems *problems)
{
    return tabledoc_take(registry, previous, NULL, text, length, file, problems);
}
