/* What an operation leads to: the table with its edits, made at once or beside the control loop. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_function.h"
#include "conf/weight.h"
#include "control/change_parts.h"
#include "control/rowstore.h"

/* Numbers are written so that they read back to the same. */
enum { DOCUMENT_DIGITS = 17 };

/* ---- Aliases that exist ---------------------------------------------------------------------- */

static const char *by(const struct change_work *w)
{
    return w->change.by ? w->change.by : "the admin API";
}

static void log_alias(const struct change_work *w, const struct target *target)
{
    struct jsondoc_text text = {0};

    for (int i = 0; i < target->nr_arms; i++) {
        const struct arm *arm = &target->arms[i];
        jsondoc_append(&text, "%sversion %.*s at %s %%", i > 0 ? ", " : "",
                       STR_ARG(arm->version->name), weight_text(arm->weight).s);
    }
    log_info("generation %llu is in force: %.*s:%.*s has %s, by %s",
             (unsigned long long)change_work_in_force(w)->generation,
             STR_ARG(target->function->name), STR_ARG(target->alias), text.s, by(w));
}

const struct target *change_build_find_alias(const struct change_work *w, const struct edit *edit)
{
    const struct target *target =
        table_find(change_work_in_force(w), str_of(edit->function), str_of(edit->name), NULL);

    return target && target->alias.n > 0 ? target : NULL;
}

bool change_build_is_plain(const struct change_work *w)
{
    const struct edit *edit = &w->edits[0];

    return w->nr_edits == 1 && edit->kind == CHANGE_ALIAS && edit->document &&
           change_build_find_alias(w, edit);
}

static struct tabledoc_diff_sources sources_of(const struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;

    return (struct tabledoc_diff_sources){.before = w->build.previous,
                                          .after = w->build.table,
                                          .said = hooks->said(hooks->context),
                                          .overlay = hooks->rows->overlay};
}

void change_build_alias(struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;
    const struct edit *edit = &w->edits[0];
    const struct target *target = change_build_find_alias(w, edit);
    struct place root = JSONDOC_ROOT;
    struct place section = JSONDOC_KEY(&root, tabledoc_function_section(str_of(edit->function)));
    struct place function = tabledoc_function_place(&section, edit->function);
    struct place aliases = JSONDOC_KEY(&function, "aliases");
    struct place at = JSONDOC_KEY(&aliases, edit->name);
    struct jsondoc doc = {.problems = &w->problems};
    struct tabledoc_diff_sources sources;
    struct tabledoc_alias alias;

    if (tabledoc_alias_spec(&doc, &at, edit->document, target, &alias) < 0) {
        tabledoc_alias_fini(&alias);
        change_work_fail(w, CHANGE_REFUSED, NULL);
        return;
    }
    w->build = (struct api_build){.previous = table_ref(change_work_in_force(w)),
                                  .table = hooks->with_alias(hooks->context, target, &alias.spec)};
    tabledoc_alias_fini(&alias);
    sources = sources_of(w);
    if (!w->build.table ||
        tabledoc_diff_alias(&w->diff, &sources, str_of(edit->function), str_of(edit->name)) < 0)
        change_work_fail(w, CHANGE_FAILED, "out of memory");
    else
        w->stage = STAGE_BUILT;
}

/* ---- All else: a table is built -------------------------------------------------------------- */

static void problem(struct change_work *w, const struct edit *edit, const char *code,
                    const char *message)
{
    struct place root = JSONDOC_ROOT;
    struct place section = JSONDOC_KEY(&root, tabledoc_function_section(str_of(edit->function)));
    struct place at = tabledoc_function_place(&section, edit->function);
    struct jsondoc doc = {.problems = &w->problems};

    jsondoc_problem(&doc, &at, code, "%s", message);
    change_work_fail(w, CHANGE_REFUSED, NULL);
}

static struct tabledoc_edit *find_outline(struct change_work *w, const char *function)
{
    for (int i = 0; i < w->outline.nr; i++)
        if (!w->outline.list[i].section && strcmp(w->outline.list[i].function, function) == 0)
            return &w->outline.list[i];
    return NULL;
}

/* Takes the document. */
static struct tabledoc_edit *add_outline(struct change_work *w, const char *function,
                                         json_t *document)
{
    struct tabledoc_edit *list =
        reallocarray(w->outline.list, (size_t)w->outline.nr + 1, sizeof(list[0]));

    if (!list) {
        json_decref(document);
        return NULL;
    }
    w->outline.list = list;
    list[w->outline.nr] = (struct tabledoc_edit){function, document, NULL};
    return &list[w->outline.nr++];
}

static void outline_function(struct change_work *w, const struct edit *edit)
{
    struct tabledoc_edit *outline = find_outline(w, edit->function);

    if (!edit->document && !outline &&
        !table_function(change_work_in_force(w), str_of(edit->function)))
        problem(w, edit, "unknown_function", "there is no such function");
    else if (!outline && !add_outline(w, edit->function, json_incref(edit->document)))
        change_work_fail_memory(w);
    else if (outline) {
        json_decref(outline->document);
        outline->document = json_incref(edit->document);
    }
}

static void outline_section(struct change_work *w, const struct edit *edit)
{
    struct tabledoc_edit *outline = add_outline(w, "", json_incref(edit->document));

    if (outline)
        outline->section = edit->name;
    else
        change_work_fail_memory(w);
}

/* An alias as part of its function. */
static void outline_alias(struct change_work *w, const struct edit *edit)
{
    struct tabledoc_edit *outline = find_outline(w, edit->function);
    struct function *function = table_function(change_work_in_force(w), str_of(edit->function));
    json_t *document, *aliases;

    if (outline ? !outline->document : !function) {
        problem(w, edit, "unknown_function", "there is no such function");
        return;
    }
    if (!outline) {
        document = tabledoc_function_write(change_work_in_force(w), function);
        outline = document ? add_outline(w, edit->function, document) : NULL;
    }
    if (!outline) {
        change_work_fail_memory(w);
        return;
    }
    aliases = json_object_get(outline->document, "aliases");
    if (!edit->document) {
        if (json_object_del(aliases, edit->name) < 0)
            problem(w, edit, "unknown_alias", "the function has no such alias");
        return;
    }
    if (!aliases) {
        aliases = json_object();
        if (json_object_set_new(outline->document, "aliases", aliases) < 0)
            aliases = NULL;
    }
    if (!aliases || json_object_set(aliases, edit->name, edit->document) < 0)
        change_work_fail_memory(w);
}

/* Whole documents are read as a file is. */
static void take_text(struct change_work *w, const struct edit *edit)
{
    assert(w->nr_edits == 1);
    w->document = w->change.request.body;
    if (!edit->document)
        return;
    w->text = jsondoc_dump_line(edit->document, DOCUMENT_DIGITS);
    if (w->text)
        w->document = str_of(w->text);
    else
        change_work_fail_memory(w);
}

/* On the thread that builds. */
static int compare(struct api_build *build)
{
    struct change_work *w = build->context;
    struct tabledoc_diff_sources sources = sources_of(w);

    if (w->is_followed)
        return 0; /* it is known */
    if (build->text)
        return tabledoc_diff_table(&w->diff, &sources);
    for (int i = 0; i < w->outline.nr; i++) {
        const struct tabledoc_edit *e = &w->outline.list[i];
        int r = e->section ? tabledoc_diff_section(&w->diff, &sources, e->section)
                           : tabledoc_diff_function(&w->diff, &sources, str_of(e->function));
        if (r < 0)
            return -1;
    }
    return 0;
}

static void tell_edits(struct change_work *w)
{
    const struct change_listener *listener = w->engine->hooks->listener;
    int result = 0;

    for (int i = 0; listener && w->stage == STAGE_SUBMITTED && i < w->outline.nr && result == 0;
         i++)
        if (!w->outline.list[i].section && w->outline.list[i].document)
            result = listener->edits(&w->change, w->outline.list[i].function,
                                     w->outline.list[i].document);
    if (result < 0 || w->kept.is_short)
        change_work_fail_memory(w);
}

void change_build(struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;
    bool is_whole = w->edits[0].kind == CHANGE_TABLE;

    for (int i = 0; i < w->nr_edits && w->stage == STAGE_SUBMITTED; i++) {
        if (w->edits[i].kind == CHANGE_TABLE)
            take_text(w, &w->edits[i]);
        else if (w->edits[i].kind == CHANGE_ALIAS)
            outline_alias(w, &w->edits[i]);
        else if (w->edits[i].kind == CHANGE_SECTION)
            outline_section(w, &w->edits[i]);
        else
            outline_function(w, &w->edits[i]);
    }
    tell_edits(w);
    if (w->stage != STAGE_SUBMITTED)
        return;
    w->build =
        (struct api_build){.previous = table_ref(change_work_in_force(w)),
                           .edits = w->outline.list,
                           .nr_edits = w->outline.nr,
                           .text = is_whole ? (w->document.n > 0 ? w->document.p : "") : NULL,
                           .length = w->document.n,
                           .overlay = w->overlay,
                           .compare = compare,
                           .context = w,
                           .problems = &w->problems};
    w->stage = STAGE_BUILDING;
    hooks->build(hooks->context, &w->build);
}

static void log_functions(const struct change_work *w)
{
    struct jsondoc_text text = {0};

    for (int i = 0; i < w->outline.nr; i++)
        jsondoc_append(&text, "%s%s%s", i > 0 ? ", " : "",
                       w->outline.list[i].section ? w->outline.list[i].section
                                                  : w->outline.list[i].function,
                       w->outline.list[i].document ? "" : " (deleted)");
    log_info("generation %llu is in force: %s, by %s",
             (unsigned long long)change_work_in_force(w)->generation,
             w->overlay      ? "rows of the fleet"
             : w->build.text ? "a whole table"
                             : text.s,
             by(w));
}

void change_build_log(const struct change_work *w)
{
    const struct edit *edit = &w->edits[0];

    if (w->outline.nr > 0 || w->build.text)
        log_functions(w);
    else
        log_alias(w, change_build_find_alias(w, edit));
}
