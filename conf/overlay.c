/* Groups by a hash of their names; the few rows of one are looked through. */
#include "conf/overlay.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/flathash.h"
#include "router/hash.h"

struct overlay {
    struct overlay_group *groups;
    uint32_t nr, capacity;
    struct flathash by_name;
};

static const char *const names[] = {
    [OVERLAY_FUNCTION] = "function", [OVERLAY_VERSION] = "version",
    [OVERLAY_ALIAS] = "alias",       [OVERLAY_URL] = "url",
    [OVERLAY_LAST] = "last_version", [OVERLAY_REPLACED] = "replaced",
    [OVERLAY_ROUTE] = "route",       [OVERLAY_SECTION] = "section",
    [OVERLAY_MAP] = "map",
};

const char *overlay_kind_name(enum overlay_kind kind)
{
    return names[kind];
}

int overlay_kind_of(const char *name)
{
    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

struct overlay_row *overlay_row_make(enum overlay_kind kind, struct str function, struct str name,
                                     const char *document)
{
    size_t n = strlen(document);
    struct overlay_row *row = calloc(1, sizeof(*row) + function.n + name.n + n + 3);

    if (!row)
        return NULL;
    atomic_init(&row->refs, 1);
    row->kind = kind;
    row->function = (char *)(row + 1);
    row->name = row->function + function.n + 1;
    row->document = row->name + name.n + 1;
    if (function.n > 0)
        memcpy(row->function, function.p, function.n);
    if (name.n > 0)
        memcpy(row->name, name.p, name.n);
    memcpy(row->document, document, n);
    return row;
}

struct overlay_row *overlay_row_ref(struct overlay_row *row)
{
    atomic_fetch_add_explicit(&row->refs, 1, memory_order_relaxed);
    return row;
}

void overlay_row_unref(struct overlay_row **row)
{
    struct overlay_row *r = *row;

    *row = NULL;
    if (r && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1)
        free(r);
}

/* ---- Groups ---------------------------------------------------------------------------------- */

static uint32_t tag_of(struct str name)
{
    return (uint32_t)hash_str(name, 0);
}

static struct overlay_group *find_group(const struct overlay *overlay, struct str name)
{
    uint32_t tag = tag_of(name), at;

    if (!overlay)
        return NULL;
    for (uint32_t n = flathash_first(&overlay->by_name, tag, &at); n != FLATHASH_NONE;
         n = flathash_next(&overlay->by_name, tag, &at))
        if (str_eq(str_of(overlay->groups[n].name), name))
            return &overlay->groups[n];
    return NULL;
}

/* Of which group a row is. */
static struct str owner_of(enum overlay_kind kind, struct str function, struct str name)
{
    return kind == OVERLAY_ROUTE ? name : function;
}

static struct overlay_group *make_group(struct overlay *overlay, struct str name)
{
    struct overlay_group *group = find_group(overlay, name);

    if (group)
        return group;
    if (overlay->nr == overlay->capacity) {
        uint32_t more = overlay->capacity ? overlay->capacity * 2 : 8;
        group = reallocarray(overlay->groups, more, sizeof(group[0]));
        if (!group)
            return NULL;
        overlay->groups = group;
        overlay->capacity = more;
    }
    group = &overlay->groups[overlay->nr];
    *group = (struct overlay_group){.name = strndup(name.p ? name.p : "", name.n)};
    if (!group->name || flathash_add(&overlay->by_name, tag_of(name), overlay->nr) < 0) {
        free(group->name);
        return NULL;
    }
    overlay->nr++;
    return group;
}

struct overlay *overlay_make(void)
{
    return calloc(1, sizeof(struct overlay));
}

void overlay_free(struct overlay **overlay)
{
    struct overlay *o = *overlay;

    *overlay = NULL;
    if (!o)
        return;
    for (uint32_t i = 0; i < o->nr; i++) {
        for (uint32_t k = 0; k < o->groups[i].nr; k++)
            overlay_row_unref(&o->groups[i].rows[k]);
        free(o->groups[i].rows);
        free(o->groups[i].name);
    }
    free(o->groups);
    flathash_fini(&o->by_name);
    free(o);
}

struct overlay *overlay_copy(const struct overlay *overlay)
{
    struct overlay *copy = overlay_make();

    for (uint32_t i = 0; copy && i < overlay->nr; i++)
        for (uint32_t k = 0; copy && k < overlay->groups[i].nr; k++)
            if (overlay_put_take(copy, overlay_row_ref(overlay->groups[i].rows[k])) < 0)
                overlay_free(&copy);
    return copy;
}

static struct overlay_row **find_place(const struct overlay_group *group, enum overlay_kind kind,
                                       struct str name)
{
    for (uint32_t i = 0; group && i < group->nr; i++)
        if (group->rows[i]->kind == kind && str_eq(str_of(group->rows[i]->name), name))
            return &group->rows[i];
    return NULL;
}

int overlay_put_take(struct overlay *overlay, struct overlay_row *row)
{
    struct str name = owner_of(row->kind, str_of(row->function), str_of(row->name));
    struct overlay_group *group = make_group(overlay, name);
    struct overlay_row **place = find_place(group, row->kind, str_of(row->name));

    if (place) {
        overlay_row_unref(place);
        *place = row;
        return 0;
    }
    if (group && group->nr == group->capacity) {
        uint32_t more = group->capacity ? group->capacity * 2 : 4;
        struct overlay_row **rows = reallocarray(group->rows, more, sizeof(struct overlay_row *));
        if (rows) {
            group->rows = rows;
            group->capacity = more;
        } else {
            group = NULL;
        }
    }
    if (!group) {
        overlay_row_unref(&row);
        return -1;
    }
    group->rows[group->nr++] = row;
    return 0;
}

void overlay_remove(struct overlay *overlay, enum overlay_kind kind, const char *function,
                    const char *name)
{
    struct overlay_group *group =
        find_group(overlay, owner_of(kind, str_of(function), str_of(name)));
    struct overlay_row **place = find_place(group, kind, str_of(name));

    if (!place)
        return;
    overlay_row_unref(place);
    group->nr--; /* in order: it is that of making */
    memmove(place, place + 1,
            (size_t)(group->rows + group->nr - place) * sizeof(struct overlay_row *));
}

const struct overlay_row *overlay_find(const struct overlay *overlay, enum overlay_kind kind,
                                       struct str function, struct str name)
{
    const struct overlay_group *group = find_group(overlay, owner_of(kind, function, name));
    struct overlay_row **place = find_place(group, kind, name);

    return place ? *place : NULL;
}

const struct overlay_group *overlay_group(const struct overlay *overlay, struct str function)
{
    const struct overlay_group *group = find_group(overlay, function);

    return group && group->nr > 0 ? group : NULL;
}

uint32_t overlay_groups(const struct overlay *overlay, const struct overlay_group **groups)
{
    *groups = overlay ? overlay->groups : NULL;
    return overlay ? overlay->nr : 0;
}
