/* A route is one thing: what holds takes the place of what the file says. */
#include "conf/tabledoc_reroute.h"

#include <stdlib.h>
#include <string.h>

#include "conf/tabledoc_route.h"

static const struct str NONE = {"", 0};

const struct overlay_row *tabledoc_reroute_find(const struct tabledoc_out *out, const json_t *value)
{
    const struct overlay *overlay = out->merge ? out->merge->overlay : NULL;
    struct tabledoc_route_name name;

    if (!overlay || !tabledoc_route_name(value, &name))
        return NULL;
    return overlay_find(overlay, OVERLAY_ROUTE, NONE, str_of(name.text));
}

/* To the builder, and into no merge: as said by a row, or by the file once it was read dry. */
static void read_alone(struct jsondoc *doc, const struct place *at, const json_t *value,
                       struct tabledoc_parts *parts, const struct tabledoc_out *out)
{
    struct tabledoc_out alone = {.builder = out->builder};
    json_t *seen = json_object();

    if (seen)
        tabledoc_route_read(doc, at, value, parts, seen, &alone);
    else
        jsondoc_no_memory(doc);
    json_decref(seen);
}

static void read_row(struct jsondoc *doc, const struct place *at, const struct overlay_row *row,
                     struct tabledoc_parts *parts, const struct tabledoc_out *out)
{
    json_t *value = json_loads(row->document, 0, NULL);

    if (value)
        read_alone(doc, at, value, parts, out);
    else
        jsondoc_no_memory(doc);
    json_decref(value);
}

/* said: by the file; NULL: nothing. */
static void lose(struct jsondoc *doc, const struct overlay_row *row, const json_t *said,
                 struct tabledoc_out *out)
{
    char *text = said ? jsondoc_dump_sorted(said) : NULL;

    if ((said && !text) || tabledoc_merge_lose(out->merge, row, text) < 0)
        jsondoc_no_memory(doc);
    free(text);
}

/* Does the file say what it said when the API changed the route? The route was read last. */
static bool holds(const struct overlay_row *row, const struct tabledoc_out *out)
{
    const char *path = strchr(row->name, '/');
    struct str host = {row->name, path ? (size_t)(path - row->name) : 0};
    uint64_t digest;

    return path && row->has_base &&
           tabledoc_merge_now(out->merge, MERGE_ROUTE, host, str_of(path), &digest) &&
           digest == row->base;
}

void tabledoc_reroute_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                           const struct overlay_row *row, struct tabledoc_parts *parts,
                           json_t *seen, struct tabledoc_out *out)
{
    struct tabledoc_out dry = {.builder = out->builder, .merge = out->merge, .is_dry = true};

    tabledoc_route_read(doc, at, value, parts, seen, &dry);
    if (doc->is_bad)
        return;
    if (!holds(row, out)) {
        lose(doc, row, value, out);
        read_alone(doc, at, value, parts, out);
    } else if (!row->is_deleted) {
        read_row(doc, at, row, parts, out);
    }
}

void tabledoc_reroute_rest(struct jsondoc *doc, const struct place *at, size_t nr,
                           struct tabledoc_parts *parts, json_t *seen, struct tabledoc_out *out)
{
    const struct overlay_group *groups;
    uint32_t nr_groups = overlay_groups(out->merge->overlay, &groups);

    for (uint32_t i = 0; i < nr_groups && !doc->is_bad; i++) {
        const struct overlay_row *row = groups[i].nr > 0 ? groups[i].rows[0] : NULL;
        struct place item = JSONDOC_ITEM(at, nr);

        if (!row || row->kind != OVERLAY_ROUTE || json_object_get(seen, row->name))
            continue;
        if (row->has_base || row->is_deleted) {
            lose(doc, row, NULL, out);
            continue;
        }
        read_row(doc, &item, row, parts, out);
        nr++;
    }
}
