/* The table document to a table.
 *
 *     $.functions.NAME.limits       -> builder_function
 *     $.functions.NAME.versions.V   -> builder_version, builder_endpoint
 *     $.functions.NAME.aliases.A    -> builder_alias
 *     $.routes[i]                   -> builder_route
 *
 * One pass checks everything and feeds the builder as it goes, in the builder's order, whatever the
 * order of the document's keys, and has only one function or route at a time in memory as a tree
 * (conf/tabledoc_parts.h). From the first problem on, the builder hears of nothing more, but the
 * checks go on, so that people see all problems at once. */
#include "conf/tabledoc.h"

#include <stdio.h>
#include <string.h>

#include "conf/rows.h"
#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_digest.h"
#include "conf/tabledoc_parts.h"
#include "conf/tabledoc_route.h"
#include "conf/tabledoc_version.h"
#include "router/builder.h"
#include "router/invoke.h"

struct function_draft {
    const json_t *versions, *aliases;
    uint32_t max_in_flight;
};

static void read_table_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                               const json_t *value, void *base);
static void read_function_special(struct jsondoc *doc, const struct place *at,
                                  const struct row *row, const json_t *value, void *base);

/* clang-format off */

static const struct row table_list[] = {
    {.path = "functions", .type = ROWS_SPECIAL, .expected = "an object of functions, {\"NAME\": {...}}"},
    {.path = "routes", .type = ROWS_SPECIAL, .expected = "an array of routes, [{...}]"},
};

static const struct row function_list[] = {
    {.path = "versions", .type = ROWS_SPECIAL, .expected = "an object of versions, {\"1\": {...}}"},
    {.path = "aliases", .type = ROWS_SPECIAL, .expected = "an object of aliases, {\"NAME\": {...}}"},
    {.path = "limits.max_in_flight", .type = ROWS_U32, .offset = offsetof(struct function_draft, max_in_flight),
     .min = 0, .max = UINT32_MAX, .default_text = "0"},
};

/* clang-format on */

#define NR(list) (int)(sizeof(list) / sizeof((list)[0]))

static const struct rows table_rows = {table_list, NR(table_list), read_table_special};
static const struct rows function_rows = {function_list, NR(function_list), read_function_special};

static json_t *unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value; /* jansson's iterators take no const */
}

/* The members are stand-ins of the right type (conf/tabledoc_parts.h): only the type counts. */
static void read_table_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                               const json_t *value, void *base)
{
    (void)base;
    if (strcmp(row->path, "functions") == 0)
        (void)jsondoc_is_object(doc, at, value, row->expected);
    else
        (void)jsondoc_is_array(doc, at, value, row->expected);
}

static void read_function_special(struct jsondoc *doc, const struct place *at,
                                  const struct row *row, const json_t *value, void *base)
{
    struct function_draft *draft = base;
    const json_t *object = jsondoc_is_object(doc, at, value, row->expected) ? value : NULL;

    if (strcmp(row->path, "versions") == 0)
        draft->versions = object;
    else
        draft->aliases = object;
}

/* ---- Functions ------------------------------------------------------------------------------- */

static void check_function_name(struct jsondoc *doc, const struct place *at)
{
    if (!invoke_is_function_name(str_of(at->key)))
        jsondoc_problem(doc, at, "bad_name",
                        "\"%.*s\" is no function name; those have 1 to 64 letters, digits, '-' or "
                        "'_'",
                        JSONDOC_QUOTE(at->key));
}

static void check_version_name(struct jsondoc *doc, const struct place *at)
{
    if (!invoke_is_version_name(str_of(at->key)))
        jsondoc_problem(doc, at, "bad_name",
                        "\"%.*s\" is no version; versions are $LATEST and numbers such as 1, 2, 3 "
                        "without leading zeros",
                        JSONDOC_QUOTE(at->key));
}

static void check_alias_name(struct jsondoc *doc, const struct place *at)
{
    if (strspn(at->key, "0123456789") == strlen(at->key) && *at->key)
        jsondoc_problem(
            doc, at, "bad_name",
            "\"%.*s\" would be a version; an alias has a letter, '-' or '_' in its name",
            JSONDOC_QUOTE(at->key));
    else if (!invoke_is_alias_name(str_of(at->key)))
        jsondoc_problem(
            doc, at, "bad_name",
            "\"%.*s\" is no alias name; those have 1 to 128 letters, digits, '-' or '_'",
            JSONDOC_QUOTE(at->key));
}

static void read_versions(struct jsondoc *doc, const struct place *at, const json_t *versions,
                          struct tabledoc_out *out)
{
    json_t *o = unconst(versions);

    if (json_object_size(versions) == 0)
        jsondoc_problem(doc, at, "empty",
                        "a function needs a version, such as {\"1\": {\"endpoints\": "
                        "[\"http://127.0.0.1:9001\"]}}");
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place key = JSONDOC_KEY(at, json_object_iter_key(i));
        check_version_name(doc, &key);
        tabledoc_version_read(doc, &key, json_object_iter_value(i), out);
    }
}

static void read_aliases(struct jsondoc *doc, const struct place *at, const json_t *aliases,
                         const json_t *versions, struct tabledoc_out *out)
{
    json_t *o = unconst(aliases);

    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place key = JSONDOC_KEY(at, json_object_iter_key(i));
        check_alias_name(doc, &key);
        tabledoc_alias_read(doc, &key, json_object_iter_value(i), versions, out);
    }
}

static int add_function(struct tabledoc_out *out, struct str name, uint32_t max_in_flight)
{
    if (out->merge && tabledoc_merge_function(out->merge, name, max_in_flight) < 0)
        return -1;
    return builder_function(out->builder, name, max_in_flight);
}

static void read_function(struct jsondoc *doc, const struct place *at, const json_t *value,
                          struct tabledoc_out *out)
{
    struct function_draft draft = {0};
    struct place versions_at = JSONDOC_KEY(at, "versions");
    struct place aliases_at = JSONDOC_KEY(at, "aliases");

    check_function_name(doc, at);
    if (!jsondoc_is_object(doc, at, value, "an object such as {\"versions\": {...}}"))
        return;
    rows_read(&function_rows, doc, at, value, &draft);
    if (!doc->is_bad && add_function(out, str_of(at->key), draft.max_in_flight) < 0)
        jsondoc_no_memory(doc);
    if (!json_object_get(value, "versions"))
        jsondoc_problem(doc, at, "missing",
                        "\"versions\" is missing: an object of versions, such as {\"1\": "
                        "{\"endpoints\": [\"http://127.0.0.1:9001\"]}}");
    if (draft.versions)
        read_versions(doc, &versions_at, draft.versions, out);
    if (draft.aliases)
        read_aliases(doc, &aliases_at, draft.aliases, draft.versions, out);
}

static void read_functions(struct jsondoc *doc, const struct place *at,
                           struct tabledoc_parts *parts, struct tabledoc_out *out)
{
    const char *name;

    for (const json_t *value = tabledoc_parts_function(parts, &name); value;
         value = tabledoc_parts_function(parts, &name)) {
        struct place key = JSONDOC_KEY(at, name);
        read_function(doc, &key, value, out);
    }
    if (parts->nr == 0 && !parts->is_over)
        jsondoc_problem(doc, at, "empty",
                        "a table needs a function, such as {\"hello\": {\"versions\": {...}}}");
}

/* ---- Routes ---------------------------------------------------------------------------------- */

static void read_routes(struct jsondoc *doc, const struct place *at, struct tabledoc_parts *parts,
                        struct tabledoc_out *out)
{
    json_t *seen = json_object();
    const json_t *value;
    size_t i;

    if (!seen) {
        jsondoc_no_memory(doc);
        return;
    }
    for (value = tabledoc_parts_route(parts, &i); value; value = tabledoc_parts_route(parts, &i)) {
        struct place item = JSONDOC_ITEM(at, i);
        tabledoc_route_read(doc, &item, value, parts, seen, out);
    }
    json_decref(seen);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void read_table(struct jsondoc *doc, struct tabledoc_parts *parts, struct tabledoc_out *out)
{
    struct place root = JSONDOC_ROOT;
    struct place functions_at = JSONDOC_KEY(&root, "functions");
    struct place routes_at = JSONDOC_KEY(&root, "routes");

    rows_read(&table_rows, doc, &root, parts->top, NULL);
    if (!json_object_get(parts->top, "functions"))
        jsondoc_problem(doc, &root, "missing",
                        "\"functions\" is missing: an object such as {\"hello\": {\"versions\": "
                        "{...}}}");
    if (parts->functions.n == 0)
        return;
    read_functions(doc, &functions_at, parts, out);
    if (parts->routes.n > 0 && !parts->is_over)
        read_routes(doc, &routes_at, parts, out);
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
    struct jsondoc doc = {.file = file, .problems = problems};
    struct tabledoc_out out = {.merge = merge};
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
            if (!table)
                jsondoc_no_memory(&doc);
        }
    }
    builder_free(&out.builder);
    return table;
}

struct table *tabledoc_build(struct registry *registry, struct table *previous, const char *text,
                             size_t length, const char *file, struct problems *problems)
{
    return tabledoc_take(registry, previous, NULL, text, length, file, problems);
}
