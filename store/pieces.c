/* Pieces are JSON objects by kind, function and name. */
#include "store/pieces.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "store/reason.h"

void pieces_fini(struct pieces *pieces)
{
    for (int i = 0; i < PIECES_NR; i++)
        free(pieces->texts[i]);
    *pieces = (struct pieces){.change = ""};
}

int pieces_of(const struct store_row *row)
{
    uint32_t crc = crc32_add(0, str_of(row->kind));

    crc = crc32_add(crc, STR("/"));
    crc = crc32_add(crc, str_of(row->function));
    crc = crc32_add(crc, STR("/"));
    crc = crc32_add(crc, str_of(row->name));
    return (int)(crc % PIECES_NR);
}

void pieces_key(struct buffer *b, const char *prefix, int piece, const char *id)
{
    char name[PIECES_ID + 8];

    snprintf(name, sizeof(name), "p/%02x/%s", (unsigned)piece, id);
    buffer_add(b, str_of(prefix));
    buffer_add(b, str_of(name));
}

/* ---- The switching key ----------------------------------------------------------------------- */

void pieces_write(struct buffer *b, const struct pieces *pieces)
{
    char name[8];
    bool is_first = true;

    buffer_lit(b, "{\"change\":");
    buffer_json(b, str_of(pieces->change));
    buffer_lit(b, ",\"by\":");
    buffer_json(b, str_of(pieces->by));
    buffer_lit(b, ",\"pieces\":{");
    for (int i = 0; i < PIECES_NR; i++) {
        if (!pieces->ids[i][0])
            continue;
        snprintf(name, sizeof(name), "%02x", (unsigned)i);
        if (!is_first)
            buffer_char(b, ',');
        is_first = false;
        buffer_json(b, str_of(name));
        buffer_char(b, ':');
        buffer_json(b, str_of(pieces->ids[i]));
    }
    buffer_lit(b, "}}");
}

static bool is_id(const char *text)
{
    return text && strlen(text) == PIECES_ID && strspn(text, "0123456789abcdef") == PIECES_ID;
}

/* -1: it is none. */
static int number_of(const char *name)
{
    if (strlen(name) != 2 || strspn(name, "0123456789abcdef") != 2)
        return -1;
    return (int)strtoul(name, NULL, 16);
}

static int take_ids(struct pieces *pieces, json_t *list)
{
    const char *name;
    json_t *value;

    json_object_foreach(list, name, value)
    {
        int piece = number_of(name);

        if (piece < 0 || !is_id(json_string_value(value)))
            return -1;
        snprintf(pieces->ids[piece], sizeof(pieces->ids[piece]), "%s", json_string_value(value));
    }
    return 0;
}

int pieces_read(struct pieces *pieces, const char *text, struct store_reason *reason)
{
    json_t *root = json_loads(text, 0, NULL);
    json_t *list = json_object_get(root, "pieces");
    const char *change = json_string_value(json_object_get(root, "change"));
    const char *by = json_string_value(json_object_get(root, "by"));
    int r = -1;

    memset(pieces->ids, 0, sizeof(pieces->ids));
    if (json_is_object(list) && is_id(change) && by)
        r = take_ids(pieces, list);
    if (r == 0) {
        snprintf(pieces->change, sizeof(pieces->change), "%s", change);
        snprintf(pieces->by, sizeof(pieces->by), "%s", by);
    } else {
        reason_say(reason, "it is no list of a table's pieces: %.60s", text);
    }
    json_decref(root);
    return r;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static bool is_row(json_t *value)
{
    const char *revision = json_string_value(json_object_get(value, "r"));

    return revision && revision[0] && json_is_string(json_object_get(value, "d"));
}

/* NULL where it is no piece. */
static json_t *parse(const char *text, struct store_reason *reason)
{
    json_t *root = text ? json_loads(text, 0, NULL) : json_object(), *functions, *names, *row;
    const char *kind, *function, *name;
    bool is_right = json_is_object(root);

    json_object_foreach(root, kind, functions)
    {
        is_right &= json_is_object(functions);
        json_object_foreach(functions, function, names)
        {
            is_right &= json_is_object(names);
            json_object_foreach(names, name, row)
            {
                is_right &= is_row(row);
            }
        }
    }
    if (is_right)
        return root;
    reason_say(reason, "it is no piece of a table: %.60s", text ? text : "");
    json_decref(root);
    return NULL;
}

static json_t *find(json_t *root, const char *kind, const char *function, const char *name)
{
    json_t *functions = json_object_get(root, kind);

    return json_object_get(json_object_get(functions, function), name);
}

static struct store_row row_of(const char *kind, const char *function, const char *name,
                               const json_t *value)
{
    return (struct store_row){.kind = kind,
                              .function = function,
                              .name = name,
                              .revision = json_string_value(json_object_get(value, "r")),
                              .document = json_string_value(json_object_get(value, "d"))};
}

/* Calls each for the rows of root. */
static void walk(json_t *root, store_each_row *each, void *context)
{
    json_t *functions, *names, *value;
    const char *kind, *function, *name;
    struct store_row row;

    json_object_foreach(root, kind, functions)
    {
        json_object_foreach(functions, function, names)
        {
            json_object_foreach(names, name, value)
            {
                row = row_of(kind, function, name, value);
                each(context, &row);
            }
        }
    }
}

int pieces_each(const char *text, store_each_row *each, void *context, struct store_reason *reason)
{
    json_t *root = parse(text, reason);

    if (!root)
        return -1;
    walk(root, each, context);
    json_decref(root);
    return 0;
}

/* ---- Edits ----------------------------------------------------------------------------------- */

/* The object of this name in parent, made if it is not there; NULL when out of memory. */
static json_t *enter(json_t *parent, const char *name)
{
    json_t *child = json_object_get(parent, name);

    if (!child) {
        child = json_object();
        if (json_object_set_new(parent, name, child) < 0)
            child = NULL;
    }
    return child;
}

static int put(json_t *root, const struct store_row *row)
{
    json_t *names = enter(enter(root, row->kind), row->function);
    json_t *value = json_pack("{s:s, s:s}", "r", row->revision, "d", row->document);

    return json_object_set_new(names, row->name, value);
}

/* No empty objects stay. */
static void remove_row(json_t *root, const struct store_row *row)
{
    json_t *functions = json_object_get(root, row->kind);
    json_t *names = json_object_get(functions, row->function);

    json_object_del(names, row->name);
    if (json_object_size(names) == 0)
        json_object_del(functions, row->function);
    if (json_object_size(functions) == 0)
        json_object_del(root, row->kind);
}

struct editing {
    json_t *roots[PIECES_NR]; /* of those that are touched */
};

static int edit_one(struct editing *editing, const struct pieces *from,
                    const struct store_edit *edit, struct store_reason *reason)
{
    int piece = pieces_of(&edit->row);
    json_t **root = &editing->roots[piece];

    assert(edit->kind != STORE_SET && !edit->row.is_deleted && !edit->row.has_base);
    if (!*root)
        *root = parse(from->texts[piece], reason);
    if (!*root)
        return -1;
    if (edit->kind == STORE_DELETE)
        remove_row(*root, &edit->row);
    else if (put(*root, &edit->row) < 0)
        return reason_say(reason, "out of memory, or no UTF-8");
    return 0;
}

int pieces_edit(struct pieces *to, bool are_touched[PIECES_NR], const struct pieces *from,
                const struct store_edit *edits, int nr, struct store_reason *reason)
{
    struct editing *editing = calloc(1, sizeof(*editing));
    int r = editing ? 0 : reason_say(reason, "out of memory");

    for (int i = 0; i < nr && r == 0; i++)
        r = edit_one(editing, from, &edits[i], reason);
    for (int i = 0; editing && i < PIECES_NR; i++) {
        json_t *root = editing->roots[i];

        are_touched[i] = root != NULL;
        if (!root)
            continue;
        free(to->texts[i]);
        to->texts[i] = json_object_size(root) > 0 ? json_dumps(root, JSON_COMPACT) : NULL;
        if (json_object_size(root) > 0 && !to->texts[i])
            r = reason_say(reason, "out of memory");
        json_decref(root);
    }
    free(editing);
    return r;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

struct comparing {
    json_t *other;
    pieces_each_edit *each;
    void *context;
};

static void tell_put(void *context, const struct store_row *row)
{
    const struct comparing *c = context;
    json_t *was = find(c->other, row->kind, row->function, row->name);
    struct store_row before = row_of(row->kind, row->function, row->name, was);

    if (!was || strcmp(before.revision, row->revision) != 0 ||
        strcmp(before.document, row->document) != 0)
        c->each(c->context, &(struct store_edit){.kind = STORE_PUT, .row = *row});
}

static void tell_delete(void *context, const struct store_row *row)
{
    const struct comparing *c = context;

    if (!find(c->other, row->kind, row->function, row->name))
        c->each(c->context, &(struct store_edit){.kind = STORE_DELETE, .row = *row});
}

int pieces_compare(const char *before, const char *after, pieces_each_edit *each, void *context,
                   struct store_reason *reason)
{
    json_t *was = parse(before, reason), *is = parse(after, reason);
    struct comparing puts = {was, each, context}, deletes = {is, each, context};
    int r = was && is ? 0 : -1;

    if (r == 0) {
        walk(was, tell_delete, &deletes);
        walk(is, tell_put, &puts);
    }
    json_decref(was);
    json_decref(is);
    return r;
}
