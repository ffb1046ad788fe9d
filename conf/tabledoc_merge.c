/* The three-way merge over a table document. Today only aliases can be changed by the API, so of
 * everything else ours is what the base said, and the file's word is taken as it comes. */
#include "conf/tabledoc_merge.h"

#include <assert.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "conf/tabledoc_digest.h"
#include "conf/tabledoc_function.h"
#include "conf/weight.h"
#include "router/hash.h"

static const struct str NONE = {"", 0};

/* ---- Sentences ------------------------------------------------------------------------------- */

/* The path is that of the thing in the document, the sentence is for the log. */
static void report(struct tabledoc_merge *merge, const char *code, const char *path,
                   const struct jsondoc_text *text)
{
    if (merge->base)
        problems_add(&merge->changes, code, merge->file, path, "%s", text->s);
}

static void append_path(struct jsondoc_text *path, struct str function)
{
    jsondoc_append(path, "$.%s.%.*s", tabledoc_function_section(function),
                   STR_ARG(machine_bare(function)));
}

static void report_alias(struct tabledoc_merge *merge, const char *code, struct str function,
                         struct str alias, const struct jsondoc_text *text)
{
    struct jsondoc_text path = {0};

    append_path(&path, function);
    jsondoc_append(&path, ".aliases.%.*s", STR_ARG(alias));
    report(merge, code, path.s, text);
}

static void report_version(struct tabledoc_merge *merge, const char *code, const char *is,
                           struct str function, struct str name)
{
    struct jsondoc_text path = {0}, text = {0};

    append_path(&path, function);
    jsondoc_append(&path, ".versions.%.*s", STR_ARG(name));
    jsondoc_append(&text, "%.*s version %.*s %s", STR_ARG(machine_bare(function)), STR_ARG(name),
                   is);
    report(merge, code, path.s, &text);
}

/* The first reading of a large table has nothing to tell: it does not write what nobody reads. */
static void report_function(struct tabledoc_merge *merge, const char *code, const char *is,
                            struct str name)
{
    struct jsondoc_text path, text;

    if (!merge->base)
        return;
    path.n = text.n = 0;
    append_path(&path, name);
    jsondoc_append(&text, "%.*s %s", STR_ARG(machine_bare(name)), is);
    report(merge, code, path.s, &text);
}

static void report_route(struct tabledoc_merge *merge, const char *code, const char *is,
                         struct str host, struct str path)
{
    struct jsondoc_text text = {0};

    jsondoc_append(&text, "route %.*s%.*s %s", STR_ARG(host), STR_ARG(path), is);
    report(merge, code, "$.routes", &text);
}

static bool has_same_versions(const struct alias_spec *a, const struct alias_spec *b)
{
    if (a->nr_arms != b->nr_arms)
        return false;
    for (int i = 0; i < a->nr_arms; i++)
        if (!str_eq(a->arms[i].version, b->arms[i].version))
            return false;
    return true;
}

static bool has_same_weights(const struct alias_spec *a, const struct alias_spec *b)
{
    for (int i = 0; i < a->nr_arms; i++)
        if (a->arms[i].weight != b->arms[i].weight)
            return false;
    return true;
}

/* "95/5" where both sides have the same versions, else "1:95 2:5". */
static void append_weights(struct jsondoc_text *text, const struct alias_spec *spec, bool is_short)
{
    for (int i = 0; i < spec->nr_arms; i++) {
        const struct arm_spec *arm = &spec->arms[i];
        struct weight_text weight = weight_text(arm->weight);
        if (is_short)
            jsondoc_append(text, "%s%s", i > 0 ? "/" : "", weight.s);
        else
            jsondoc_append(text, "%s%.*s:%s", i > 0 ? " " : "", STR_ARG(arm->version), weight.s);
    }
}

/* Which keys say something else; not what, as that may be of a secret. */
static void append_terms(struct jsondoc_text *text, const struct alias_terms *from,
                         const struct alias_terms *to)
{
    static const char *const keys[] = {"split",      "pin",    "override", "audit",
                                       "experiment", "budget", "guard"};
    bool is_out;
    json_t *a = from ? jsondoc_piece(from->document, NULL, &is_out) : NULL;
    json_t *b = to ? jsondoc_piece(to->document, NULL, &is_out) : NULL;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const json_t *was = json_object_get(a, keys[i]), *is = json_object_get(b, keys[i]);

        if ((was || is) && !json_equal(was, is))
            jsondoc_append(text, " %s is %s", keys[i], !was ? "new" : !is ? "gone" : "other");
    }
    json_decref(a);
    json_decref(b);
}

/* "hello:live 95/5 -> 80/20, split exact -> random": in force and from now on. */
static void append_change(struct jsondoc_text *text, const struct alias_spec *from,
                          const struct alias_spec *to)
{
    bool is_short = has_same_versions(from, to);

    if (!is_short || !has_same_weights(from, to)) {
        jsondoc_append(text, " ");
        append_weights(text, from, is_short);
        jsondoc_append(text, " -> ");
        append_weights(text, to, is_short);
    }
    if (from->mode != to->mode)
        jsondoc_append(text, " split %s",
                       to->mode == SPLIT_RANDOM ? "exact -> random" : "random -> exact");
    if (from->is_failover != to->is_failover)
        jsondoc_append(text, " on_unavailable %s",
                       to->is_failover ? "reject -> failover" : "failover -> reject");
    if (!alias_terms_is_same(from->terms, to->terms))
        append_terms(text, from->terms, to->terms);
    if (!stickymap_is_same(from->map, to->map))
        jsondoc_append(text, " map is %s", !from->map ? "new" : !to->map ? "gone" : "other");
    if (!str_eq(from->description, to->description))
        jsondoc_append(text, " description \"%.*s\" -> \"%.*s\"", STR_ARG(from->description),
                       STR_ARG(to->description));
}

/* ---- Things ---------------------------------------------------------------------------------- */

bool tabledoc_merge_is_same_text(const struct tabledoc_merge *merge, const char *text, size_t n)
{
    return merge->base && merge->ours && merge->base->text == hash_str((struct str){text, n}, 0);
}

int tabledoc_merge_begin(struct tabledoc_merge *merge, const char *text, size_t n)
{
    merge->theirs = merge_said_make();
    if (!merge->theirs)
        return -1;
    merge->theirs->text = hash_str((struct str){text, n}, 0);
    return 0;
}

static void *grow(void *list, uint32_t nr, uint32_t *capacity, size_t size)
{
    uint32_t more = *capacity ? *capacity * 2 : TABLEDOC_MERGE_NOW;
    void *grown;

    if (nr < *capacity)
        return list;
    grown = reallocarray(list, more, size);
    if (grown)
        *capacity = more;
    return grown;
}

/* The order of a function's parts does not count. */
static uint64_t mix(uint64_t key, uint64_t digest)
{
    const uint64_t both[] = {key, digest};

    return hash_str((struct str){(const char *)both, sizeof(both)}, 0);
}

/* Remembers a part of the function that is being read. */
static int remember(struct tabledoc_merge *merge, uint64_t key, uint64_t digest)
{
    struct merge_thing *now = grow(merge->now, merge->nr_now, &merge->now_capacity, sizeof(now[0]));

    if (!now)
        return -1;
    merge->now = now;
    now[merge->nr_now++] = (struct merge_thing){key, digest};
    merge->whole += mix(key, digest);
    return 0;
}

/* Files a thing that the file says. */
static int say(struct tabledoc_merge *merge, uint64_t key, uint64_t digest)
{
    if (remember(merge, key, digest) < 0)
        return -1;
    merge->nr_known += merge_said_has(merge->base, key);
    return merge_said_add(merge->theirs, key, digest);
}

/* A thing that the API cannot change: is it an edit? *is_new: of something that was not there. */
static int take(struct tabledoc_merge *merge, uint64_t key, uint64_t digest, bool *is_edit,
                bool *is_new)
{
    *is_edit = merge_decide(merge->base, key, &digest, NULL).is_edit;
    *is_new = !merge_said_has(merge->base, key);
    merge->is_different |= *is_edit;
    return say(merge, key, digest);
}

int tabledoc_merge_function(struct tabledoc_merge *merge, const struct function_spec *spec)
{
    struct str name = spec->name;
    uint64_t digest = tabledoc_digest_function(spec);
    bool is_edit, is_new;

    merge->nr_now = 0;
    merge->whole = 0;
    if (take(merge, merge_key(MERGE_FUNCTION, name, NONE), digest, &is_edit, &is_new) < 0)
        return -1;
    merge->is_new_function = is_new;
    if (is_new)
        report_function(merge, "new", "is new", name);
    else if (is_edit)
        report_function(merge, "changed", "is changed", name);
    return 0;
}

int tabledoc_merge_version(struct tabledoc_merge *merge, struct str function, struct str name,
                           uint64_t digest)
{
    bool is_edit, is_new;

    if (take(merge, merge_key(MERGE_VERSION, function, name), digest, &is_edit, &is_new) < 0)
        return -1;
    if (is_edit && !merge->is_new_function)
        report_version(merge, is_new ? "new" : "changed", is_new ? "is new" : "is changed",
                       function, name);
    return 0;
}

int tabledoc_merge_url(struct tabledoc_merge *merge, struct str function, struct str name,
                       uint64_t digest)
{
    struct jsondoc_text path = {0}, text = {0};
    bool is_edit, is_new;

    if (take(merge, merge_key(MERGE_URL, function, name), digest, &is_edit, &is_new) < 0)
        return -1;
    if (!is_edit || merge->is_new_function)
        return 0;
    jsondoc_append(&path, "$.functions.%.*s.urls.%.*s", STR_ARG(function), STR_ARG(name));
    jsondoc_append(&text, "%.*s URL of %.*s is %s", STR_ARG(function), STR_ARG(name),
                   is_new ? "new" : "changed");
    report(merge, is_new ? "new" : "changed", path.s, &text);
    return 0;
}

int tabledoc_merge_section(struct tabledoc_merge *merge, struct str name, uint64_t digest)
{
    struct jsondoc_text path = {0}, text = {0};
    bool is_edit, is_new;

    if (take(merge, merge_key(MERGE_SECTION, NONE, name), digest, &is_edit, &is_new) < 0)
        return -1;
    if (!is_edit)
        return 0;
    jsondoc_append(&path, "$.%.*s", STR_ARG(name));
    jsondoc_append(&text, "%.*s is %s", STR_ARG(name), is_new ? "new" : "changed");
    report(merge, is_new ? "new" : "changed", path.s, &text);
    return 0;
}

int tabledoc_merge_function_end(struct tabledoc_merge *merge, struct str name)
{
    return say(merge, merge_key(MERGE_WHOLE, name, NONE), merge->whole);
}

bool tabledoc_merge_now(const struct tabledoc_merge *merge, enum merge_kind kind,
                        struct str function, struct str name, uint64_t *digest)
{
    uint64_t key = merge_key(kind, function, name);

    for (uint32_t i = 0; i < merge->nr_now; i++) {
        if (merge->now[i].key == key) {
            *digest = merge->now[i].digest;
            return true;
        }
    }
    return false;
}

int tabledoc_merge_lose(struct tabledoc_merge *merge, const struct overlay_row *row,
                        const char *said)
{
    struct overlay_row **lost =
        grow(merge->lost, merge->nr_lost, &merge->lost_capacity, sizeof(struct overlay_row *));
    bool is_function = row->kind == OVERLAY_FUNCTION || row->kind == OVERLAY_REPLACED;
    bool is_bare = is_function || row->kind == OVERLAY_SECTION; /* the name says it */
    const char *kind = is_bare ? "" : overlay_kind_name(row->kind);
    struct jsondoc_text path = {0};

    if (!lost)
        return -1;
    jsondoc_append(&path, "$.%s", row->name);
    merge->lost = lost;
    lost[merge->nr_lost++] = overlay_row_ref((struct overlay_row *)(uintptr_t)row);
    /* tabledoc_merge_alias compares the two, and tells both: the file may have followed the API. */
    if (row->kind == OVERLAY_ALIAS && !row->is_deleted && said && merge->base && merge->ours)
        return 0;
    merge->is_different = true;
    problems_add(&merge->changes, "conflict", merge->file,
                 row->kind == OVERLAY_SECTION        ? path.s
                 : row->kind == OVERLAY_ROUTE        ? "$.routes"
                 : machine_is(str_of(row->function)) ? "$.state_machines"
                                                     : "$.functions",
                 "%s%s%s%s%s: the file says %s, over what the API had set: %s",
                 machine_bare(str_of(row->function)).p, row->function[0] && *kind ? " " : "", kind,
                 row->name[0] && row->kind != OVERLAY_SECTION ? " " : "", row->name,
                 said ? said : "nothing of it any more",
                 row->is_deleted ? "deleted" : row->document);
    return 0;
}

int tabledoc_merge_route(struct tabledoc_merge *merge, struct str host, struct str path,
                         uint64_t digest)
{
    bool is_edit, is_new;

    merge->nr_now = 0; /* it is no part of a function */
    if (take(merge, merge_key(MERGE_ROUTE, host, path), digest, &is_edit, &is_new) < 0)
        return -1;
    if (is_edit)
        report_route(merge, is_new ? "new" : "changed", is_new ? "is new" : "is changed", host,
                     path);
    return 0;
}

/* ---- Aliases --------------------------------------------------------------------------------- */

static const struct target *find_ours(const struct tabledoc_merge *merge, struct str function,
                                      struct str alias)
{
    const struct target *target =
        merge->ours ? table_find(merge->ours, function, alias, NULL) : NULL;

    return target && target->alias.n > 0 ? target : NULL;
}

static void report_edit(struct tabledoc_merge *merge, struct str function,
                        const struct alias_spec *from, const struct alias_spec *to,
                        bool is_conflict)
{
    struct jsondoc_text text = {0};

    if (merge->is_new_function)
        return;
    jsondoc_append(&text, "%.*s:%.*s", STR_ARG(machine_bare(function)), STR_ARG(to->name));
    if (from)
        append_change(&text, from, to);
    else
        jsondoc_append(&text, " is new");
    if (is_conflict)
        jsondoc_append(&text, ", over what the API had set");
    report_alias(merge, from ? "changed" : "new", function, to->name, &text);
}

int tabledoc_merge_alias(struct tabledoc_merge *merge, struct str function, struct alias_spec *spec,
                         struct arm_spec *arms)
{
    uint64_t key = merge_key(MERGE_ALIAS, function, spec->name);
    uint64_t theirs = tabledoc_digest_alias(spec), ours = 0;
    const struct target *target = find_ours(merge, function, spec->name);
    struct alias_spec in_force = {0};
    struct merge_verdict verdict;

    if (target) {
        in_force = table_alias_spec(target, arms);
        ours = tabledoc_digest_alias(&in_force);
    }
    verdict = merge_decide(merge->base, key, &theirs, target ? &ours : NULL);
    if (say(merge, key, theirs) < 0)
        return -1;
    if (verdict.side == MERGE_OURS) {
        if (!target)
            return TABLEDOC_TAKE_NONE;
        if (ours == theirs)
            return TABLEDOC_TAKE_THEIRS; /* alike */
        *spec = in_force;
        return TABLEDOC_TAKE_OURS;
    }
    if (!target || ours != theirs) {
        merge->is_different = true;
        report_edit(merge, function, target ? &in_force : NULL, spec, verdict.is_conflict);
    }
    return TABLEDOC_TAKE_THEIRS;
}

/* ---- What is gone ---------------------------------------------------------------------------- */

/* The file said it and no longer does. */
static bool is_gone(const struct tabledoc_merge *merge, uint64_t key)
{
    return merge_said_has(merge->base, key) && !merge_said_has(merge->theirs, key);
}

static void find_gone_functions(struct tabledoc_merge *merge)
{
    struct function *const *functions;
    int nr = table_functions(merge->ours, &functions);

    for (int i = 0; i < nr; i++) {
        const struct function *function = functions[i];
        if (is_gone(merge, merge_key(MERGE_FUNCTION, function->name, NONE))) {
            report_function(merge, "gone", "is gone", function->name);
            continue;
        }
        for (int k = 0; k < function->nr_versions; k++)
            if (is_gone(merge,
                        merge_key(MERGE_VERSION, function->name, function->versions[k].name)))
                report_version(merge, "gone", "is gone", function->name,
                               function->versions[k].name);
    }
}

static void find_gone_alias(struct tabledoc_merge *merge, const struct target *target)
{
    struct str function = target->function->name;
    uint64_t key = merge_key(MERGE_ALIAS, function, target->alias);
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_spec spec;
    struct jsondoc_text text = {0};
    uint64_t digest;

    if (!is_gone(merge, key) || is_gone(merge, merge_key(MERGE_FUNCTION, function, NONE)))
        return;
    spec = table_alias_spec(target, arms);
    digest = tabledoc_digest_alias(&spec);
    jsondoc_append(&text, "%.*s:%.*s is gone", STR_ARG(machine_bare(function)),
                   STR_ARG(target->alias));
    if (merge_decide(merge->base, key, NULL, &digest).is_conflict) {
        jsondoc_append(&text, ", over what the API had set: ");
        append_weights(&text, &spec, false);
    }
    report_alias(merge, "gone", function, target->alias, &text);
}

int tabledoc_merge_end(struct tabledoc_merge *merge)
{
    const struct route *routes;
    int nr_routes;

    if (merge_said_seal(merge->theirs) < 0)
        return -1;
    if (!merge->base) {
        merge->is_different = true;
        return 0;
    }
    if (merge->nr_known == merge->base->nr || !merge->ours)
        return 0;
    merge->is_different = true;
    find_gone_functions(merge);
    for (uint32_t i = 0; i < merge->ours->nr_targets; i++)
        if (table_target(merge->ours, i)->alias.n > 0)
            find_gone_alias(merge, table_target(merge->ours, i));
    nr_routes = table_routes(merge->ours, &routes);
    for (int i = 0; i < nr_routes; i++)
        if (is_gone(merge, merge_key(MERGE_ROUTE, routes[i].host, routes[i].path)))
            report_route(merge, "gone", "is gone", routes[i].host, routes[i].path);
    return 0;
}

void tabledoc_merge_fini(struct tabledoc_merge *merge)
{
    merge_said_free(&merge->theirs);
    problems_fini(&merge->changes);
    for (uint32_t i = 0; i < merge->nr_lost; i++)
        overlay_row_unref(&merge->lost[i]);
    free(merge->lost);
    free(merge->now);
    merge->lost = NULL;
    merge->now = NULL;
    merge->nr_lost = 0;
}
