/* Aliases: versions with weights that total exactly 100 percent, in the document's order. */
#include "conf/tabledoc_alias.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/mapdoc.h"
#include "conf/percent.h"
#include "conf/rows.h"
#include "conf/tabledoc_terms.h"
#include "conf/weight.h"

enum { DESCRIPTION_MAX = 256 };

struct alias_draft {
    const json_t *weights; /* borrowed; NULL where absent */
    struct tabledoc_terms terms;
    char *description; /* the rows' */
    unsigned split;    /* enum split_mode */
    unsigned on_unavailable;
};

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base);

/* clang-format off */

#define DRAFT(member) .offset = offsetof(struct alias_draft, member)

static const struct row alias_list[] = {
    {.path = "weights", .type = ROWS_SPECIAL, DRAFT(weights),
     .expected = "an object of versions and percentages such as {\"1\": 95, \"2\": 5}"},
    {.path = "split", .type = ROWS_SPECIAL, DRAFT(terms.split)},
    {.path = "description", .type = ROWS_STRING, DRAFT(description), .min = 0, .max = DESCRIPTION_MAX,
     .is_prose = true, .expected = "a text of at most 256 characters"},
    {.path = "on_unavailable", .type = ROWS_CHOICE, DRAFT(on_unavailable), .choices = "reject|failover",
     .default_text = "reject"},
    {.path = "pin", .type = ROWS_SPECIAL, DRAFT(terms.pin)},
    {.path = "override", .type = ROWS_SPECIAL, DRAFT(terms.override)},
    {.path = "audit", .type = ROWS_SPECIAL, DRAFT(terms.audit)},
    {.path = "experiment", .type = ROWS_SPECIAL, DRAFT(terms.experiment)},
    {.path = "budget", .type = ROWS_SPECIAL, DRAFT(terms.budget)},
    {.path = "guard", .type = ROWS_SPECIAL, DRAFT(terms.guard)},
};

/* "split" where it is a word. */
static const struct row mode_list[] = {
    {.path = "split", .type = ROWS_CHOICE, DRAFT(split), .choices = "exact|random", .default_text = "exact",
     .expected = "an object {\"sticky\": {\"key\": [...]}}"},
};

/* clang-format on */

static const struct rows alias_rows = {
    alias_list, (int)(sizeof(alias_list) / sizeof(alias_list[0])), read_special};
static const struct rows mode_rows = {mode_list, 1, NULL};

static void read_mode(struct jsondoc *doc, const struct place *at, const json_t *value,
                      struct alias_draft *draft)
{
    json_t *alone = json_object();

    if (!alone || json_object_set(alone, "split", (json_t *)(uintptr_t)value) < 0)
        jsondoc_no_memory(doc);
    else
        rows_read(&mode_rows, doc, at->parent, alone, draft);
    json_decref(alone);
}

static void read_special(struct jsondoc *doc, const struct place *at, const struct row *row,
                         const json_t *value, void *base)
{
    struct alias_draft *draft = base;

    if (strcmp(row->path, "weights") == 0)
        draft->weights = jsondoc_is_object(doc, at, value, row->expected) ? value : NULL;
    else if (strcmp(row->path, "split") == 0 && !json_is_object(value))
        read_mode(doc, at, value, draft);
    else
        *(const json_t **)(void *)((char *)base + row->offset) = value;
}

/* ---- Weights --------------------------------------------------------------------------------- */

static void check_version(struct jsondoc *doc, const struct place *at, const json_t *versions)
{
    struct jsondoc_text known = {0};

    if (json_object_get(versions, at->key))
        return;
    jsondoc_append_known(doc, &known, versions, at->key);
    jsondoc_problem(doc, at, "unknown_version", "this function has no version \"%.*s\"%s",
                    JSONDOC_QUOTE(at->key), known.s);
}

static void check_sum(struct jsondoc *doc, const struct place *at, int64_t sum)
{
    int64_t off = sum - WEIGHT_ONE;

    if (sum == WEIGHT_PERCENT)
        jsondoc_problem(doc, at, "weight_sum",
                        "the weights total 1, as shares do; they are in percent and must total "
                        "exactly 100: write 95 for 0.95");
    else if (off != 0)
        jsondoc_problem(doc, at, "weight_sum",
                        "the weights total %s percent, %s too %s; they must total exactly 100",
                        weight_text(sum).s, weight_text(off < 0 ? -off : off).s,
                        off < 0 ? "little" : "much");
}

static void check_arms(struct jsondoc *doc, const struct place *at, const json_t *weights)
{
    size_t nr = json_object_size(weights);

    if (nr == 0)
        jsondoc_problem(doc, at, "empty",
                        "an alias points to a version at least, such as {\"1\": 100}");
    if (nr > SPLIT_ARMS_MAX)
        jsondoc_problem(doc, at, "too_many", "has %zu versions; an alias has %d at most", nr,
                        SPLIT_ARMS_MAX);
    if (at->parent->parent->parent->skip > 0 && json_object_get(weights, "$LATEST"))
        jsondoc_problem(doc, at, "latest_shared",
                        "an alias of a state machine has published versions only; $LATEST is what "
                        "was not published");
    else if (nr > 1 && json_object_get(weights, "$LATEST"))
        jsondoc_problem(doc, at, "latest_shared",
                        "$LATEST cannot share an alias with another version, because what it is "
                        "changes; give it all of the alias, or publish it as a numbered version");
}

/* Reads all of them; the number is right only if there was no problem. */
static int read_weights(struct jsondoc *doc, const struct place *at, const json_t *weights,
                        const json_t *versions, struct arm_spec arms[SPLIT_ARMS_MAX])
{
    json_t *o = (json_t *)(uintptr_t)weights; /* iterators take no const */
    bool are_weights = true;
    int64_t sum = 0;
    int nr = 0;

    check_arms(doc, at, weights);
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        struct place key = JSONDOC_KEY(at, json_object_iter_key(i));
        int64_t weight = percent_read(doc, &key, json_object_iter_value(i));
        check_version(doc, &key, versions);
        are_weights = are_weights && weight >= 0;
        sum += weight;
        if (nr < SPLIT_ARMS_MAX && weight >= 0)
            arms[nr++] = (struct arm_spec){str_of(key.key), (uint32_t)weight};
    }
    if (are_weights && json_object_size(weights) > 0)
        check_sum(doc, at, sum);
    return nr;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* The map that an edited document has is most often the one in force, with which the API showed it:
 * then nobody has said anything new. */
static void settle_map(struct alias_spec *spec, const struct target *in_force)
{
    if (!in_force || !spec->map || !stickymap_is_same(spec->map, in_force->map))
        return;
    spec->map = in_force->said_map;
    spec->in_force = in_force->map;
}

/* Reads the object over what the draft has. Of the spec all but the description is set. */
static void read_spec(struct jsondoc *doc, const struct place *at, const json_t *value,
                      const json_t *versions, struct alias_draft *draft, struct tabledoc_alias *out)
{
    struct place weights_at = JSONDOC_KEY(at, "weights");
    struct alias_spec *spec = &out->spec;

    *spec = (struct alias_spec){.name = str_of(at->key), .arms = out->arms};
    rows_read(&alias_rows, doc, at, value, draft);
    if (draft->weights)
        spec->nr_arms = read_weights(doc, &weights_at, draft->weights, versions, out->arms);
    else if (!json_object_get(value, "weights"))
        jsondoc_problem(doc, at, "missing",
                        "\"weights\" is missing: versions and percentages such as {\"1\": 100}");
    spec->mode = draft->split == 1 ? SPLIT_RANDOM : SPLIT_EXACT;
    spec->is_failover = draft->on_unavailable == 1;
    tabledoc_terms_read(doc, at, &draft->terms, versions, str_of(at->parent->parent->key),
                        &out->terms, &out->map);
    spec->terms = out->terms;
    spec->map = out->map;
}

static int init_draft(struct alias_draft *draft)
{
    return rows_init(&alias_rows, draft) < 0 ? -1 : rows_init(&mode_rows, draft);
}

void tabledoc_alias_fini(struct tabledoc_alias *alias)
{
    alias_terms_unref(&alias->terms);
    stickymap_unref(&alias->map);
    stickymap_unref(&alias->kept);
}

/* The map in a row of the store; NULL where there is none, or memory is short. */
static struct stickymap *map_of_row(const struct overlay_row *row)
{
    struct stickymap *map = NULL;
    bool is_out;
    json_t *alias;
    char *text;

    if (!row || row->is_deleted)
        return NULL;
    if (row->kind == OVERLAY_MAP)
        return mapdoc_parse(str_of(row->document));
    alias = jsondoc_piece(str_of(row->document), NULL, &is_out);
    text = jsondoc_dump_sorted(
        json_object_get(json_object_get(json_object_get(alias, "split"), "sticky"), "map"));
    if (text)
        map = mapdoc_parse(str_of(text));
    free(text);
    json_decref(alias);
    return map;
}

/* At a start a sticky split without a map of its own goes on from where callers were: what the API
 * changed last knows that, also where the file has overtaken it, else the row of the map. */
static void take_kept(struct tabledoc_alias *alias, struct str function,
                      const struct tabledoc_merge *whole)
{
    struct alias_spec *spec = &alias->spec;

    if (!whole || !whole->maps || spec->map || !spec->terms || !spec->terms->sticky)
        return;
    alias->kept = map_of_row(overlay_find(whole->overlay, OVERLAY_ALIAS, function, spec->name));
    if (!alias->kept)
        alias->kept = map_of_row(overlay_find(whole->maps, OVERLAY_MAP, function, spec->name));
    spec->in_force = alias->kept;
}

/* What the API changed may name a version that the file has taken away. */
static void check_ours(struct jsondoc *doc, const struct place *at, const json_t *versions,
                       const struct alias_spec *spec)
{
    char name[256];

    for (int i = 0; i < spec->nr_arms; i++) {
        struct str version = spec->arms[i].version;
        snprintf(name, sizeof(name), "%.*s", STR_ARG(version));
        if (json_object_get(versions, name))
            continue;
        jsondoc_problem(doc, at, "version_in_use",
                        "version %s is gone from the file, but the alias has had it since it was "
                        "changed through the API; change the alias through the API first, or edit "
                        "its weights in the file too",
                        name);
    }
}

static void add(struct jsondoc *doc, const struct place *at, const json_t *versions,
                struct alias_spec *spec, struct tabledoc_out *out)
{
    struct arm_spec ours[SPLIT_ARMS_MAX];
    int r = TABLEDOC_TAKE_THEIRS;

    if (out->merge)
        r = tabledoc_merge_alias(out->merge, str_of(at->parent->parent->key), spec, ours);
    if (out->is_dry) {
        if (r < 0)
            jsondoc_no_memory(doc);
        return;
    }
    if (r == TABLEDOC_TAKE_OURS)
        check_ours(doc, at, versions, spec);
    if (r == TABLEDOC_TAKE_NONE || doc->is_bad)
        return;
    if (r < 0 || builder_alias(out->builder, spec) < 0)
        jsondoc_no_memory(doc);
}

static void read_parts(struct jsondoc *doc, const struct place *at, const json_t *value,
                       const json_t *versions, struct alias_draft *draft, struct tabledoc_out *out)
{
    struct str function = str_of(at->parent->parent->key);
    struct tabledoc_alias alias = {.terms = NULL};

    read_spec(doc, at, value, versions, draft, &alias);
    alias.spec.description = str_of(draft->description);
    if (out->edited)
        settle_map(&alias.spec, table_find(out->edited, function, alias.spec.name, NULL));
    take_kept(&alias, function, out->whole);
    if (!doc->is_bad)
        add(doc, at, versions, &alias.spec, out);
    tabledoc_alias_fini(&alias);
}

void tabledoc_alias_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                         const json_t *versions, struct tabledoc_out *out)
{
    struct alias_draft draft = {0};

    if (!jsondoc_is_object(doc, at, value, "an object such as {\"weights\": {\"1\": 100}}"))
        return;
    if (init_draft(&draft) < 0)
        jsondoc_no_memory(doc);
    else
        read_parts(doc, at, value, versions, &draft, out);
    rows_fini(&alias_rows, &draft);
}

/* The names of a function's versions as the keys of an object; NULL when out of memory. */
static json_t *name_versions(const struct function *function)
{
    json_t *versions = json_object();

    for (int i = 0; versions && i < function->nr_versions; i++) {
        if (jsondoc_set_take(versions, function->versions[i].name, json_null()) < 0) {
            json_decref(versions);
            return NULL;
        }
    }
    return versions;
}

int tabledoc_alias_spec(struct jsondoc *doc, const struct place *at, const json_t *value,
                        const struct target *target, struct tabledoc_alias *out)
{
    struct alias_draft draft = {0};
    json_t *versions;

    *out = (struct tabledoc_alias){.terms = NULL};
    if (!jsondoc_is_object(doc, at, value, "an object such as {\"weights\": {\"1\": 100}}"))
        return -1;
    versions = name_versions(target->function);
    if (!versions || init_draft(&draft) < 0) {
        jsondoc_no_memory(doc);
    } else {
        const char *description = json_string_value(json_object_get(value, "description"));
        read_spec(doc, at, value, versions, &draft, out);
        settle_map(&out->spec, target);
        out->spec.description = str_of(description ? description : "");
    }
    rows_fini(&alias_rows, &draft);
    json_decref(versions);
    return doc->is_bad ? -1 : 0;
}

static int write_weights(const struct alias_spec *spec, json_t *object)
{
    json_t *weights = json_object();

    if (!weights || json_object_set_new(object, "weights", weights) < 0)
        return -1;
    for (int i = 0; i < spec->nr_arms; i++) {
        const struct arm_spec *arm = &spec->arms[i];
        if (jsondoc_set_take(weights, arm->version, percent_write(arm->weight)) < 0)
            return -1;
    }
    return 0;
}

json_t *tabledoc_alias_write_spec(const struct alias_spec *spec)
{
    struct alias_draft draft = {.split = spec->mode == SPLIT_RANDOM,
                                .on_unavailable = spec->is_failover};
    struct str description = spec->description;
    json_t *object = json_object();

    if (!object || write_weights(spec, object) < 0 ||
        rows_write(&mode_rows, &draft, false, object) < 0 ||
        rows_write(&alias_rows, &draft, false, object) < 0 ||
        tabledoc_terms_write(spec->terms, spec->in_force ? spec->in_force : spec->map, object) <
            0 ||
        (description.n > 0 &&
         json_object_set_new(object, "description", json_stringn(description.p, description.n)) <
             0)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *tabledoc_alias_write(const struct target *target)
{
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec spec = table_alias_spec(target, arms);

    return tabledoc_alias_write_spec(&spec);
}
