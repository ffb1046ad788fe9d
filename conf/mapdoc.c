/* Pieces between JSON and a map. */
#include "conf/mapdoc.h"

#include <stdlib.h>

#include "conf/percent.h"
#include "conf/weight.h"

struct reading {
    struct jsondoc *doc;
    const json_t *versions;
    uint32_t end; /* of the piece before */
    int nr, nr_names;
    struct stickymap_piece pieces[STICKYMAP_PIECES_MAX];
    struct str names[STICKYMAP_PIECES_MAX];
};

static uint16_t index_of(struct reading *r, struct str name)
{
    for (int i = 0; i < r->nr_names; i++)
        if (str_eq(r->names[i], name))
            return (uint16_t)i;
    r->names[r->nr_names] = name;
    return (uint16_t)r->nr_names++;
}

static void check_version(struct reading *r, const struct place *at, const char *name)
{
    struct jsondoc_text known = {0};

    if (!r->versions || json_object_get(r->versions, name))
        return;
    jsondoc_append_known(r->doc, &known, r->versions, name);
    jsondoc_problem(r->doc, at, "unknown_version", "this function has no version \"%.*s\"%s",
                    JSONDOC_QUOTE(name), known.s);
}

static void read_end(struct reading *r, const struct place *at, const json_t *value)
{
    int64_t end = percent_read(r->doc, at, value);

    if (end < 0)
        return;
    if (end < r->end)
        jsondoc_problem(r->doc, at, "map_order",
                        "the piece ends at %s percent, before it begins: the one before ends at "
                        "%s; the ends of the pieces must rise",
                        weight_text(end).s, weight_text(r->end).s);
    r->end = (uint32_t)end;
    r->pieces[r->nr].end = r->end;
}

static void read_piece(struct reading *r, const struct place *at, const json_t *value)
{
    struct place name_at = JSONDOC_ITEM(at, 0), end_at = JSONDOC_ITEM(at, 1);
    const json_t *name = json_array_get(value, 0);

    if (!json_is_array(value) || json_array_size(value) != 2) {
        jsondoc_problem(r->doc, at, "wrong_type",
                        "must be a version and where its piece ends in percent, such as "
                        "[\"1\", 95]");
        return;
    }
    read_end(r, &end_at, json_array_get(value, 1));
    if (!jsondoc_is_string(r->doc, &name_at, name, "a version such as \"1\""))
        return;
    check_version(r, &name_at, json_string_value(name));
    r->pieces[r->nr++].version = index_of(r, str_of(json_string_value(name)));
}

static void check_whole(struct jsondoc *doc, const struct place *at, const struct reading *r)
{
    struct place last = JSONDOC_ITEM(at, r->nr > 0 ? (size_t)(r->nr - 1) : 0);
    struct place end = JSONDOC_ITEM(&last, 1);

    if (!doc->is_bad && r->end != STICKYMAP_ONE)
        jsondoc_problem(doc, &end, "map_end",
                        "the last piece ends at %s percent; the map must end at exactly 100",
                        weight_text(r->end).s);
}

static struct stickymap *read_pieces(struct jsondoc *doc, const struct place *at,
                                     const json_t *value, struct reading *r)
{
    bool was_bad = doc->is_bad;
    struct stickymap *map;

    /* What is wrong elsewhere does not hide what is wrong here. */
    doc->is_bad = false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct place item = JSONDOC_ITEM(at, i);
        read_piece(r, &item, json_array_get(value, i));
    }
    check_whole(doc, at, r);
    if (doc->is_bad)
        return NULL;
    doc->is_bad = was_bad;
    map = stickymap_make(r->names, r->nr_names, r->pieces, r->nr);
    if (!map)
        jsondoc_no_memory(doc);
    return map;
}

struct stickymap *mapdoc_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                              const json_t *versions)
{
    struct stickymap *map = NULL;
    struct reading *r;

    if (!jsondoc_is_array(doc, at, value, "an array of pieces such as [[\"1\", 95], [\"2\", 100]]"))
        return NULL;
    if (json_array_size(value) == 0) {
        jsondoc_problem(doc, at, "empty",
                        "a map has a piece at least, such as [[\"1\", 100]]; leave the key out and "
                        "weir makes one");
        return NULL;
    }
    if (json_array_size(value) > STICKYMAP_PIECES_MAX) {
        jsondoc_problem(doc, at, "too_many", "has %zu pieces; a map has %d at most",
                        json_array_size(value), STICKYMAP_PIECES_MAX);
        return NULL;
    }
    r = calloc(1, sizeof(*r));
    if (r) {
        r->doc = doc;
        r->versions = versions;
        map = read_pieces(doc, at, value, r);
    } else {
        jsondoc_no_memory(doc);
    }
    free(r);
    return map;
}

struct stickymap *mapdoc_parse(struct str text)
{
    struct place root = JSONDOC_ROOT;
    struct problems problems = {0};
    struct jsondoc doc = {.problems = &problems};
    bool is_out;
    json_t *json = jsondoc_piece(text, NULL, &is_out);
    struct stickymap *map = json ? mapdoc_read(&doc, &root, json, NULL) : NULL;

    json_decref(json);
    problems_fini(&problems);
    return map;
}

json_t *mapdoc_write(const struct stickymap *map)
{
    json_t *array = json_array();

    for (int i = 0; array && i < map->nr; i++) {
        struct str name = map->versions[map->owners[i]];
        json_t *piece = json_array();

        if (json_array_append_new(piece, json_stringn(name.p, name.n)) < 0 ||
            json_array_append_new(piece, percent_write(map->ends[i])) < 0 ||
            json_array_append_new(array, json_incref(piece)) < 0) {
            json_decref(array);
            array = NULL;
        }
        json_decref(piece);
    }
    return array;
}
