/* Things are compared as the document writes them: texts, because the order of an alias's versions
 * counts. */
#include "conf/tabledoc_diff.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_function.h"
#include "conf/tabledoc_route.h"
#include "conf/tabledoc_section.h"

enum { DIGITS = 17 };

static const struct str NONE = {"", 0};

/* One function before and after; NULL where it is not there. */
struct pair {
    struct tabledoc_diff *diff;
    const struct tabledoc_diff_sources *sources;
    struct str name;
    json_t *before, *after;
    bool is_files; /* what the file says of it counts */
    bool is_out;   /* of memory */
};

/* ---- Lists ----------------------------------------------------------------------------------- */

static int add_take(struct overlay_row ***list, uint32_t *nr, uint32_t *capacity,
                    struct overlay_row *row)
{
    uint32_t more = *capacity ? *capacity * 2 : 8;
    struct overlay_row **grown = *list;

    if (row && *nr == *capacity)
        grown = reallocarray(*list, more, sizeof(struct overlay_row *));
    if (!row || !grown) {
        overlay_row_unref(&row);
        return -1;
    }
    *capacity = *nr == *capacity ? more : *capacity;
    *list = grown;
    grown[(*nr)++] = row;
    return 0;
}

static int put_take(struct tabledoc_diff *diff, struct overlay_row *row)
{
    return add_take(&diff->puts, &diff->nr_puts, &diff->puts_capacity, row);
}

/* Whether there is one or not. */
static int remove_row(struct pair *pair, enum overlay_kind kind, struct str name)
{
    struct tabledoc_diff *diff = pair->diff;

    return add_take(&diff->removes, &diff->nr_removes, &diff->removes_capacity,
                    overlay_row_make(kind, pair->name, name, ""));
}

static void drop(struct overlay_row **rows, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++)
        overlay_row_unref(&rows[i]);
    free(rows);
}

void tabledoc_diff_fini(struct tabledoc_diff *diff)
{
    drop(diff->puts, diff->nr_puts);
    drop(diff->removes, diff->nr_removes);
    *diff = (struct tabledoc_diff){.nr_puts = 0};
}

/* ---- One thing ------------------------------------------------------------------------------- */

/* The name of a route is its host and its path, which begins with the '/'. */
static uint64_t key_of(const struct pair *pair, enum merge_kind kind, struct str name)
{
    struct str host = str_until(name, '/');

    return kind == MERGE_ROUTE
               ? merge_key(kind, host, (struct str){name.p + host.n, name.n - host.n})
               : merge_key(kind, pair->name, name);
}

static bool find_base(const struct pair *pair, enum merge_kind kind, struct str name,
                      uint64_t *base)
{
    return pair->is_files && merge_said_find(pair->sources->said, key_of(pair, kind, name), base);
}

/* document NULL: it is deleted. */
static int put(struct pair *pair, enum overlay_kind kind, enum merge_kind said_as, struct str name,
               const char *document)
{
    struct overlay_row *row = overlay_row_make(kind, pair->name, name, document ? document : "");

    if (row) {
        row->is_deleted = !document;
        row->has_base = find_base(pair, said_as, name, &row->base);
    }
    return put_take(pair->diff, row);
}

static char *text_of(const json_t *value)
{
    char *text = value ? jsondoc_dump_line(value, DIGITS) : NULL;

    if (text)
        text[strlen(text) - 1] = '\0'; /* the line's end */
    return text;
}

/* A thing that is in one of both, or in both. */
static void compare(struct pair *pair, enum overlay_kind kind, enum merge_kind said_as,
                    struct str name, const json_t *before, const json_t *after)
{
    char *was = text_of(before), *now = text_of(after);
    uint64_t base;
    int r = 0;

    if ((before && !was) || (after && !now))
        r = -1;
    else if (now && (!was || strcmp(was, now) != 0))
        r = put(pair, kind, said_as, name, now);
    else if (!now && find_base(pair, said_as, name, &base))
        r = put(pair, kind, said_as, name, NULL);
    else if (!now)
        r = remove_row(pair, kind, name);
    pair->is_out |= r < 0;
    free(was);
    free(now);
}

/* ---- Functions ------------------------------------------------------------------------------- */

static void compare_all(struct pair *pair, enum overlay_kind kind, enum merge_kind said_as,
                        json_t *before, json_t *after)
{
    const char *key;
    json_t *value;

    json_object_foreach(after, key, value)
    {
        compare(pair, kind, said_as, str_of(key), json_object_get(before, key), value);
    }
    json_object_foreach(before, key, value)
    {
        if (!json_object_get(after, key))
            compare(pair, kind, said_as, str_of(key), value, NULL);
    }
}

static void compare_members(struct pair *pair, enum overlay_kind kind, enum merge_kind said_as,
                            const char *member)
{
    compare_all(pair, kind, said_as, json_object_get(pair->before, member),
                json_object_get(pair->after, member));
}

static void compare_own(struct pair *pair)
{
    const struct function *before = table_function(pair->sources->before, pair->name);
    const struct function *after = table_function(pair->sources->after, pair->name);
    json_t *was = before ? tabledoc_function_write_own(before) : NULL;
    json_t *now = after ? tabledoc_function_write_own(after) : NULL;

    if ((before && !was) || (after && !now))
        pair->is_out = true;
    else
        compare(pair, OVERLAY_FUNCTION, MERGE_FUNCTION, NONE, was, now);
    json_decref(was);
    json_decref(now);
}

static void compare_last(struct pair *pair)
{
    const json_t *before = json_object_get(pair->before, "last_version");
    const json_t *after = json_object_get(pair->after, "last_version");
    struct jsondoc_text text = {0};

    if (!after || json_integer_value(before) == json_integer_value(after))
        return;
    jsondoc_append(&text, "%lld", (long long)json_integer_value(after));
    pair->is_out |=
        put_take(pair->diff, overlay_row_make(OVERLAY_LAST, pair->name, NONE, text.s)) < 0;
}

/* It is gone: so is what the file says of it, until the file says something else. */
static void delete_function(struct pair *pair)
{
    const struct overlay_group *group = overlay_group(pair->sources->overlay, pair->name);
    struct overlay_row *replaced;

    for (uint32_t i = 0; group && i < group->nr; i++)
        if (group->rows[i]->kind != OVERLAY_REPLACED)
            pair->is_out |=
                remove_row(pair, group->rows[i]->kind, str_of(group->rows[i]->name)) < 0;
    if (!pair->is_files &&
        !overlay_find(pair->sources->overlay, OVERLAY_FUNCTION, pair->name, NONE))
        pair->is_out |= remove_row(pair, OVERLAY_FUNCTION, NONE) < 0;
    if (!pair->is_files)
        return;
    replaced = overlay_row_make(OVERLAY_REPLACED, pair->name, NONE, "");
    if (replaced) {
        replaced->is_deleted = true;
        replaced->has_base = find_base(pair, MERGE_WHOLE, NONE, &replaced->base);
    }
    pair->is_out |= put_take(pair->diff, replaced) < 0;
}

int tabledoc_diff_function(struct tabledoc_diff *diff, const struct tabledoc_diff_sources *sources,
                           struct str name)
{
    const struct function *before = table_function(sources->before, name);
    const struct function *after = table_function(sources->after, name);
    uint64_t whole;
    struct pair pair = {
        .diff = diff,
        .sources = sources,
        .name = name,
        .before = before ? tabledoc_function_write(sources->before, before) : NULL,
        .after = after ? tabledoc_function_write(sources->after, after) : NULL,
        .is_files = merge_said_find(sources->said, merge_key(MERGE_WHOLE, name, NONE), &whole) &&
                    !overlay_find(sources->overlay, OVERLAY_REPLACED, name, NONE),
    };

    pair.is_out = (before && !pair.before) || (after && !pair.after);
    if (pair.is_out) {
        /* said below */
    } else if (before && !after) {
        delete_function(&pair);
    } else {
        compare_own(&pair);
        compare_members(&pair, OVERLAY_VERSION, MERGE_VERSION, "versions");
        compare_members(&pair, OVERLAY_ALIAS, MERGE_ALIAS, "aliases");
        compare_members(&pair, OVERLAY_URL, MERGE_URL, "urls");
        compare_last(&pair);
    }
    json_decref(pair.before);
    json_decref(pair.after);
    return pair.is_out ? -1 : 0;
}

int tabledoc_diff_alias(struct tabledoc_diff *diff, const struct tabledoc_diff_sources *sources,
                        struct str function, struct str name)
{
    uint64_t whole;
    struct pair pair = {
        .diff = diff,
        .sources = sources,
        .name = function,
        .is_files =
            merge_said_find(sources->said, merge_key(MERGE_WHOLE, function, NONE), &whole) &&
            !overlay_find(sources->overlay, OVERLAY_REPLACED, function, NONE),
    };
    const struct target *target = table_find(sources->after, function, name, NULL);
    json_t *alias = tabledoc_alias_write(target);
    char *text = text_of(alias);
    int result = text ? put(&pair, OVERLAY_ALIAS, MERGE_ALIAS, name, text) : -1;

    free(text);
    json_decref(alias);
    return result;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

/* By their names. */
static json_t *write_routes(const struct table *table)
{
    const struct route *routes;
    int nr = table_routes(table, &routes);
    json_t *all = json_object();

    for (int i = 0; all && i < nr; i++) {
        json_t *route = tabledoc_route_write(table, &routes[i]);
        struct tabledoc_route_name name;

        if (!route || !tabledoc_route_name(route, &name) ||
            json_object_set(all, name.text, route) < 0) {
            json_decref(all);
            all = NULL;
        }
        json_decref(route);
    }
    return all;
}

static int diff_routes(struct tabledoc_diff *diff, const struct tabledoc_diff_sources *sources)
{
    struct pair pair = {.diff = diff, .sources = sources, .name = NONE, .is_files = true};
    json_t *before = write_routes(sources->before), *after = write_routes(sources->after);

    if (before && after)
        compare_all(&pair, OVERLAY_ROUTE, MERGE_ROUTE, before, after);
    else
        pair.is_out = true;
    json_decref(before);
    json_decref(after);
    return pair.is_out ? -1 : 0;
}

/* {"SECTION.ENTRY": ...}; NULL when out of memory. */
static json_t *write_section(const struct table *table, const char *name)
{
    json_t *section = json_loads(table_section(table, tabledoc_section_of(name)), 0, NULL), *value;
    json_t *out = section ? json_object() : NULL;
    const char *key;

    json_object_foreach(section, key, value)
    {
        char entry[TABLEDOC_SECTION_ENTRY];

        if (out &&
            (!tabledoc_section_entry(name, key, entry) || json_object_set(out, entry, value) < 0)) {
            json_decref(out);
            out = NULL;
        }
    }
    json_decref(section);
    return out;
}

int tabledoc_diff_section(struct tabledoc_diff *diff, const struct tabledoc_diff_sources *sources,
                          const char *name)
{
    struct pair pair = {.diff = diff, .sources = sources, .name = NONE, .is_files = true};
    json_t *before = write_section(sources->before, name);
    json_t *after = write_section(sources->after, name);

    if (before && after)
        compare_all(&pair, OVERLAY_SECTION, MERGE_SECTION, before, after);
    else
        pair.is_out = true;
    json_decref(before);
    json_decref(after);
    return pair.is_out ? -1 : 0;
}

int tabledoc_diff_table(struct tabledoc_diff *diff, const struct tabledoc_diff_sources *sources)
{
    struct function *const *list;
    int nr = table_functions(sources->after, &list);

    for (int i = 0; i < nr; i++)
        if (tabledoc_diff_function(diff, sources, list[i]->name) < 0)
            return -1;
    nr = table_functions(sources->before, &list);
    for (int i = 0; i < nr; i++)
        if (!table_function(sources->after, list[i]->name) &&
            tabledoc_diff_function(diff, sources, list[i]->name) < 0)
            return -1;
    for (int i = 0; i < MODEL_SECTIONS; i++)
        if (tabledoc_diff_section(diff, sources, tabledoc_section_names[i]) < 0)
            return -1;
    return diff_routes(diff, sources);
}
