/* Two readings of a function that has rows: first of what the file says, which finds its mistakes
 * and its digests; then of the two laid over each other, which goes to the builder. */
#include "conf/tabledoc_overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/tabledoc_function.h"

static const struct str NONE = {"", 0};

static const struct {
    enum merge_kind kind;
    const char *member; /* of the function's object; NULL: the object itself */
} parts_of[] = {
    [OVERLAY_FUNCTION] = {MERGE_FUNCTION, NULL},
    [OVERLAY_VERSION] = {MERGE_VERSION, "versions"},
    [OVERLAY_ALIAS] = {MERGE_ALIAS, "aliases"},
    [OVERLAY_URL] = {MERGE_URL, "urls"},
};

/* What is of a function itself, and not one of its parts. */
static bool is_own(const char *key)
{
    return strcmp(key, "versions") != 0 && strcmp(key, "aliases") != 0 &&
           strcmp(key, "urls") != 0 && strcmp(key, "last_version") != 0;
}

static bool is_part(const struct overlay_row *row)
{
    return row->kind <= OVERLAY_URL;
}

/* Does the file say what it said when the API changed the thing? */
static bool holds(const struct tabledoc_merge *merge, const struct overlay_row *row)
{
    uint64_t digest = 0;
    bool is_there = tabledoc_merge_now(merge, parts_of[row->kind].kind, str_of(row->function),
                                       str_of(row->name), &digest);

    return is_there == row->has_base && (!is_there || digest == row->base);
}

/* ---- Laying over ----------------------------------------------------------------------------- */

/* The object of versions, aliases or URLs, made where it is missing. Borrowed. */
static json_t *member_of(json_t *function, const char *name)
{
    json_t *member = json_object_get(function, name);

    if (member)
        return member;
    member = json_object();
    return json_object_set_new(function, name, member) < 0 ? NULL : member;
}

static int lay_own(json_t *function, const json_t *own)
{
    json_t *bare = json_object();
    const char *key;
    json_t *value;
    int result = bare ? 0 : -1;

    json_object_foreach(function, key, value)
    {
        if (!is_own(key) && result == 0)
            result = json_object_set(bare, key, value);
    }
    if (result == 0)
        result = json_object_clear(function) |
                 json_object_update(function, (json_t *)(uintptr_t)own) |
                 json_object_update(function, bare);
    json_decref(bare);
    return result;
}

/* Of last_version the larger one counts, whoever says it. */
static int lay_last(json_t *function, const json_t *last)
{
    json_int_t said = json_integer_value(json_object_get(function, "last_version"));

    return json_integer_value(last) <= said
               ? 0
               : json_object_set(function, "last_version", (json_t *)(uintptr_t)last);
}

static int lay(json_t *function, const struct overlay_row *row)
{
    json_t *value = row->is_deleted ? NULL : json_loads(row->document, JSON_DECODE_ANY, NULL);
    json_t *member;
    int result = -1;

    if (!row->is_deleted && !value)
        return -1;
    if (row->kind == OVERLAY_FUNCTION) {
        result = row->is_deleted ? 0 : lay_own(function, value);
    } else if (row->kind == OVERLAY_LAST) {
        result = lay_last(function, value);
    } else {
        member = member_of(function, parts_of[row->kind].member);
        if (row->is_deleted)
            result = member ? (json_object_del(member, row->name), 0) : -1;
        else if (member)
            result = json_object_set(member, row->name, value);
    }
    json_decref(value);
    return result;
}

/* ---- What is lost ---------------------------------------------------------------------------- */

static void lose(struct jsondoc *doc, struct tabledoc_merge *merge, const struct overlay_row *row,
                 const json_t *function)
{
    const json_t *said = function;
    char *text = NULL;

    if (function && is_part(row) && parts_of[row->kind].member)
        said = json_object_get(json_object_get(function, parts_of[row->kind].member), row->name);
    if (said && row->kind != OVERLAY_FUNCTION && is_part(row))
        text = jsondoc_dump_sorted(said);
    if (tabledoc_merge_lose(merge, row, text ? text : said ? "something else" : NULL) < 0)
        jsondoc_no_memory(doc);
    free(text);
}

static void lose_all(struct jsondoc *doc, struct tabledoc_merge *merge,
                     const struct overlay_group *group, const json_t *function)
{
    for (uint32_t i = 0; i < group->nr; i++)
        lose(doc, merge, group->rows[i], function);
}

/* ---- Checks ---------------------------------------------------------------------------------- */

/* A version that an alias has from the API may be gone from the file. */
static void check_alias(struct jsondoc *doc, const struct place *at, const json_t *function,
                        const struct overlay_row *row)
{
    struct place aliases_at = JSONDOC_KEY(at, "aliases"), key = JSONDOC_KEY(&aliases_at, row->name);
    const json_t *alias = json_object_get(json_object_get(function, "aliases"), row->name);
    const json_t *versions = json_object_get(function, "versions");
    json_t *weights = json_object_get(alias, "weights");

    for (void *i = json_object_iter(weights); i; i = json_object_iter_next(weights, i))
        if (!json_object_get(versions, json_object_iter_key(i)))
            jsondoc_problem(doc, &key, "version_in_use",
                            "version %s is gone from the file, but the alias has had it since it "
                            "was changed through the API, or by a deployment; wait for its end or "
                            "stop it, change the alias through the API first, or say in the file "
                            "which weights the alias is to have",
                            json_object_iter_key(i));
}

static void read_laid(struct jsondoc *doc, const struct place *at, const json_t *function,
                      const struct overlay_group *group, struct tabledoc_out *out)
{
    struct tabledoc_out alone = {.builder = out->builder, .whole = out->merge};

    for (uint32_t i = 0; i < group->nr; i++)
        if (group->rows[i]->kind == OVERLAY_ALIAS && !group->rows[i]->is_deleted)
            check_alias(doc, at, function, group->rows[i]);
    if (!doc->is_bad)
        tabledoc_function_read(doc, at, function, &alone);
}

/* ---- Functions ------------------------------------------------------------------------------- */

/* Only from rows, if there is one of the function itself. */
static void read_made(struct jsondoc *doc, const struct place *functions_at,
                      const struct overlay_group *group, struct tabledoc_out *out)
{
    struct place at = tabledoc_function_place(functions_at, group->name);
    const struct overlay_row *own =
        overlay_find(out->merge->overlay, OVERLAY_FUNCTION, str_of(group->name), NONE);
    json_t *function = own ? json_object() : NULL;
    int result = function ? 0 : -1;

    if (!own)
        return;
    for (uint32_t i = 0; i < group->nr && result == 0; i++)
        if (group->rows[i]->kind <= OVERLAY_LAST)
            result = lay(function, group->rows[i]);
    if (result < 0)
        jsondoc_no_memory(doc);
    else
        read_laid(doc, &at, function, group, out);
    json_decref(function);
}

static void read_changed(struct jsondoc *doc, const struct place *at, const json_t *value,
                         const struct overlay_group *group, struct tabledoc_out *out)
{
    json_t *function = json_deep_copy(value);
    int result = function ? 0 : -1;

    for (uint32_t i = 0; i < group->nr && result == 0; i++) {
        const struct overlay_row *row = group->rows[i];
        if (row->kind == OVERLAY_REPLACED)
            continue;
        if (row->kind == OVERLAY_LAST || holds(out->merge, row))
            result = lay(function, row);
        else
            lose(doc, out->merge, row, value);
    }
    if (result < 0)
        jsondoc_no_memory(doc);
    else
        read_laid(doc, at, function, group, out);
    json_decref(function);
}

void tabledoc_overlay_function(struct jsondoc *doc, const struct place *at, const json_t *value,
                               struct tabledoc_out *out)
{
    struct tabledoc_out dry = {.builder = out->builder, .merge = out->merge, .is_dry = true};
    struct str name = str_of(at->key);
    const struct overlay_group *group = overlay_group(out->merge->overlay, name);
    const struct overlay_row *replaced =
        overlay_find(out->merge->overlay, OVERLAY_REPLACED, name, NONE);
    struct tabledoc_out alone = {.builder = out->builder, .whole = out->merge};
    uint64_t whole = 0;

    tabledoc_function_read(doc, at, value, &dry);
    if (doc->is_bad)
        return;
    if (!replaced) {
        read_changed(doc, at, value, group, out);
        return;
    }
    if (tabledoc_merge_now(out->merge, MERGE_WHOLE, name, NONE, &whole) &&
        whole == replaced->base) {
        read_made(doc, at->parent, group, out);
        return;
    }
    lose_all(doc, out->merge, group, value);
    tabledoc_function_read(doc, at, value, &alone);
}

/* One that the file does not have. */
static void read_rest(struct jsondoc *doc, const struct place *at,
                      const struct overlay_group *group, struct tabledoc_out *out)
{
    const struct overlay_row *own =
        overlay_find(out->merge->overlay, OVERLAY_FUNCTION, str_of(group->name), NONE);

    if (own && !own->has_base && !own->is_deleted &&
        !overlay_find(out->merge->overlay, OVERLAY_REPLACED, str_of(group->name), NONE))
        read_made(doc, at, group, out);
    else
        lose_all(doc, out->merge, group, NULL);
}

void tabledoc_overlay_rest(struct jsondoc *doc, const struct place *at,
                           const struct tabledoc_parts *parts, struct tabledoc_out *out)
{
    const struct overlay_group *groups;
    uint32_t nr = overlay_groups(out->merge->overlay, &groups);

    for (uint32_t i = 0; i < nr; i++)
        if (groups[i].nr > 0 && groups[i].name[0] && !strchr(groups[i].name, '/') &&
            !machine_is(str_of(groups[i].name)) && !tabledoc_parts_has(parts, groups[i].name))
            read_rest(doc, at, &groups[i], out);
}

void tabledoc_overlay_rest_machines(struct jsondoc *doc, const struct place *at,
                                    const json_t *machines, struct tabledoc_out *out)
{
    const struct overlay_group *groups;
    uint32_t nr = overlay_groups(out->merge->overlay, &groups);

    for (uint32_t i = 0; i < nr; i++)
        if (groups[i].nr > 0 && machine_is(str_of(groups[i].name)) &&
            !json_object_get(machines, machine_bare(str_of(groups[i].name)).p))
            read_rest(doc, at, &groups[i], out);
}
