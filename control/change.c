/* The queue of operations that write, and the way of one from its turn to its answer. */
#include "control/change.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/jsondoc.h"
#include "conf/tabledoc_alias.h"
#include "conf/tabledoc_diff.h"
#include "conf/tabledoc_function.h"
#include "conf/weight.h"
#include "control/answer.h"
#include "control/apicopy.h"
#include "control/kept.h"
#include "control/rowstore.h"

/* Numbers are written so that they read back to the same. */
enum { DOCUMENT_DIGITS = 17, REASON_MAX = 1024 };

/* Where an operation is. Only the first of the queue leaves QUEUED. */
enum stage {
    QUEUED,
    TURN,      /* its handler runs */
    SUBMITTED, /* to be checked and put in force */
    BUILDING,  /* a table, beside the loop */
    BUILT,     /* to be stored */
    STORING,
    STORED,   /* to be put in force */
    SETTLING, /* in force; the workers take it */
    SETTLED   /* done is to be told */
};

/* The functions that an operation leaves other than they were. */
struct outline {
    struct tabledoc_edit *list; /* names are the edits', documents counted */
    int nr;
};

struct edit {
    enum change_kind kind;
    char *function, *name; /* name "" where there is none */
    json_t *document;      /* NULL: delete */
};

struct change_work {
    struct change change; /* first */
    TAILQ_ENTRY(change_work) link;
    struct change_engine *engine;
    struct api_waiter *waiter; /* NULL: it has gone */
    enum stage stage;
    change_fn *handle;
    change_done_fn *done;
    struct edit *edits;
    int nr_edits;
    struct kept kept; /* rows for the store alone */
    struct outline outline;
    struct api_build build; /* its table is that to be put in force, in any case */
    struct tabledoc_diff diff;
    enum store_outcome outcome;
    char reason[REASON_MAX];
    struct str document; /* the whole table, as it is read */
    char *text;          /* of it, where it is the engine's */
    struct problems problems;
    struct change_result result;
    struct apicopy copy; /* the request's */
};

struct change_engine {
    const struct api_hooks *hooks;
    TAILQ_HEAD(works, change_work) queue;
    struct works waiting; /* for the end of a reload */
    bool is_over;
};

static struct table *in_force(const struct change_work *w)
{
    return w->engine->hooks->table(w->engine->hooks->context);
}

/* ---- Making and ending ----------------------------------------------------------------------- */

static void drop_edits(struct change_work *w)
{
    for (int i = 0; i < w->nr_edits; i++) {
        free(w->edits[i].function);
        free(w->edits[i].name);
        json_decref(w->edits[i].document);
    }
    free(w->edits);
    w->edits = NULL;
    w->nr_edits = 0;
    kept_fini(&w->kept);
    for (int i = 0; i < w->outline.nr; i++)
        json_decref(w->outline.list[i].document);
    free(w->outline.list);
    w->outline = (struct outline){.nr = 0};
    free(w->text);
    w->text = NULL;
    if (w->build.previous)
        table_unref(&w->build.previous);
    if (w->build.table)
        table_unref(&w->build.table);
    tabledoc_diff_fini(&w->diff);
    if (w->change.noted)
        w->engine->hooks->listener->forget(&w->change);
}

/* Everything that a turn has left. */
static void clear(struct change_work *w)
{
    struct change *change = &w->change;

    if (change->state_free)
        change->state_free(change->state);
    change->state = NULL;
    change->state_free = NULL;
    free(change->response.body);
    change->response = (struct api_response){0};
    drop_edits(w);
    problems_fini(&w->problems);
    w->result = (struct change_result){.problems = &w->problems, .diff = &w->diff};
    w->document = STR("");
    w->done = NULL;
}

static void free_work(struct change_work *w)
{
    clear(w);
    apicopy_fini(&w->copy);
    free(w);
}

static struct change_work *queue(const struct api_hooks *hooks, const struct api_request *request,
                                 change_fn *handle)
{
    struct change_work *w = calloc(1, sizeof(*w));

    if (!w || apicopy_make(&w->copy, &w->change.request, request) < 0) {
        free(w);
        return NULL;
    }
    w->change.hooks = hooks;
    w->change.work = w;
    w->engine = hooks->changes;
    w->handle = handle;
    TAILQ_INSERT_TAIL(&w->engine->queue, w, link);
    hooks->soon(hooks->context);
    return w;
}

bool change_begin(const struct api_hooks *hooks, const struct api_request *request,
                  struct api_waiter *waiter, struct api_response *response, change_fn *handle)
{
    struct change_work *w = queue(hooks, request, handle);

    if (!w) {
        answer_json(response, 503, NULL);
        return true;
    }
    w->waiter = waiter;
    waiter->change = w;
    return false;
}

int change_begin_own(const struct api_hooks *hooks, void *context, change_fn *handle)
{
    const struct api_request none = {.method = STR("")};
    struct change_work *w = queue(hooks, &none, handle);

    if (w)
        w->change.context = context;
    return w ? 0 : -1;
}

void change_forget(struct api_waiter *waiter)
{
    assert(waiter->change->waiter == waiter);
    waiter->change->waiter = NULL;
    waiter->change = NULL;
}

/* ---- Submitting ------------------------------------------------------------------------------ */

static int copy_edit(struct edit *to, const struct change_edit *from)
{
    *to = (struct edit){.kind = from->kind, .document = from->document};
    to->function = strdup(from->function ? from->function : "");
    to->name = strdup(from->name ? from->name : "");
    return to->function && to->name ? 0 : -1;
}

static void fail(struct change_work *w, enum change_status status, const char *reason)
{
    w->result.status = status;
    w->result.reason = reason;
    w->stage = SETTLED;
}

static void fail_memory(struct change_work *w)
{
    fail(w, CHANGE_FAILED, "out of memory");
}

static void check_revision(struct change_work *w, const struct change_edit *edit)
{
    char now[CHANGE_REVISION_SIZE];

    if (!edit->expected_revision)
        return;
    if (change_revision(w->engine->hooks, edit->kind, str_of(edit->function),
                        str_of(edit->name ? edit->name : ""), now) < 0)
        fail_memory(w);
    else if (strcmp(now, edit->expected_revision) != 0)
        fail(w, CHANGE_CONFLICT, "the revision is another by now");
}

void change_keep(struct change *change, const struct store_edit *edit)
{
    assert(change->work->stage <= BUILT && edit->kind != STORE_SET);
    kept_add(&change->work->kept, edit);
}

void change_submit(struct change *change, const struct change_edit *edits, int nr,
                   change_done_fn *done)
{
    struct change_work *w = change->work;
    bool is_out = w->kept.is_short;

    assert(w->stage == TURN && nr + w->kept.nr > 0);
    w->done = done;
    w->stage = SUBMITTED;
    w->edits = calloc((size_t)nr + 1, sizeof(w->edits[0]));
    for (int i = 0; i < nr; i++) {
        if (w->edits)
            is_out |= copy_edit(&w->edits[w->nr_edits++], &edits[i]) < 0;
        else
            json_decref(edits[i].document);
    }
    if (!w->edits || is_out) {
        fail_memory(w);
        return;
    }
    for (int i = 0; i < nr && w->stage == SUBMITTED; i++)
        check_revision(w, &edits[i]);
}

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
             (unsigned long long)in_force(w)->generation, STR_ARG(target->function->name),
             STR_ARG(target->alias), text.s, by(w));
}

static const struct target *find_alias(const struct change_work *w, const struct edit *edit)
{
    const struct target *target =
        table_find(in_force(w), str_of(edit->function), str_of(edit->name), NULL);

    return target && target->alias.n > 0 ? target : NULL;
}

/* Is it no more than other weights for an alias that there is? */
static bool is_plain(const struct change_work *w)
{
    const struct edit *edit = &w->edits[0];

    return w->nr_edits == 1 && edit->kind == CHANGE_ALIAS && edit->document && find_alias(w, edit);
}

static struct tabledoc_diff_sources sources_of(const struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;

    return (struct tabledoc_diff_sources){.before = w->build.previous,
                                          .after = w->build.table,
                                          .said = hooks->said(hooks->context),
                                          .overlay = hooks->rows->overlay};
}

static void make_alias(struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;
    const struct edit *edit = &w->edits[0];
    const struct target *target = find_alias(w, edit);
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
        fail(w, CHANGE_REFUSED, NULL);
        return;
    }
    w->build = (struct api_build){.previous = table_ref(in_force(w)),
                                  .table = hooks->with_alias(hooks->context, target, &alias.spec)};
    tabledoc_alias_fini(&alias);
    sources = sources_of(w);
    if (!w->build.table ||
        tabledoc_diff_alias(&w->diff, &sources, str_of(edit->function), str_of(edit->name)) < 0)
        fail(w, CHANGE_FAILED, "out of memory");
    else
        w->stage = BUILT;
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
    fail(w, CHANGE_REFUSED, NULL);
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

    if (!edit->document && !outline && !table_function(in_force(w), str_of(edit->function)))
        problem(w, edit, "unknown_function", "there is no such function");
    else if (!outline && !add_outline(w, edit->function, json_incref(edit->document)))
        fail_memory(w);
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
        fail_memory(w);
}

/* An alias as part of its function. */
static void outline_alias(struct change_work *w, const struct edit *edit)
{
    struct tabledoc_edit *outline = find_outline(w, edit->function);
    struct function *function = table_function(in_force(w), str_of(edit->function));
    json_t *document, *aliases;

    if (outline ? !outline->document : !function) {
        problem(w, edit, "unknown_function", "there is no such function");
        return;
    }
    if (!outline) {
        document = tabledoc_function_write(in_force(w), function);
        outline = document ? add_outline(w, edit->function, document) : NULL;
    }
    if (!outline) {
        fail_memory(w);
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
        fail_memory(w);
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
        fail_memory(w);
}

/* On the thread that builds. */
static int compare(struct api_build *build)
{
    struct change_work *w = build->context;
    struct tabledoc_diff_sources sources = sources_of(w);

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

    for (int i = 0; listener && w->stage == SUBMITTED && i < w->outline.nr && result == 0; i++)
        if (!w->outline.list[i].section && w->outline.list[i].document)
            result = listener->edits(&w->change, w->outline.list[i].function,
                                     w->outline.list[i].document);
    if (result < 0 || w->kept.is_short)
        fail_memory(w);
}

static void build(struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;
    bool is_whole = w->edits[0].kind == CHANGE_TABLE;

    for (int i = 0; i < w->nr_edits && w->stage == SUBMITTED; i++) {
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
    if (w->stage != SUBMITTED)
        return;
    w->build =
        (struct api_build){.previous = table_ref(in_force(w)),
                           .edits = w->outline.list,
                           .nr_edits = w->outline.nr,
                           .text = is_whole ? (w->document.n > 0 ? w->document.p : "") : NULL,
                           .length = w->document.n,
                           .compare = compare,
                           .context = w,
                           .problems = &w->problems};
    w->stage = BUILDING;
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
    log_info("generation %llu is in force: %s, by %s", (unsigned long long)in_force(w)->generation,
             w->build.text ? "a whole table" : text.s, by(w));
}

static void log_change(const struct change_work *w)
{
    const struct edit *edit = &w->edits[0];

    if (w->outline.nr > 0 || w->build.text)
        log_functions(w);
    else
        log_alias(w, find_alias(w, edit));
}

/* ---- Storing, and coming into force ---------------------------------------------------------- */

static void on_stored(void *context, enum store_outcome outcome, const char *reason)
{
    struct change_engine *changes = context;
    struct change_work *w = TAILQ_FIRST(&changes->queue);

    if (changes->is_over)
        return;
    assert(w && w->stage == STORING);
    w->outcome = outcome;
    snprintf(w->reason, sizeof(w->reason), "%s", reason);
    w->stage = STORED;
    change_engine_turn(changes);
}

/* Rows alone: no table is to come into force. */
static bool is_bare(const struct change_work *w)
{
    return w->diff.nr_puts + w->diff.nr_removes == 0;
}

static void store(struct change_work *w)
{
    const struct change_listener *listener = w->engine->hooks->listener;

    if (w->nr_edits > 0 && !w->build.table) {
        fail(w, CHANGE_REFUSED, NULL);
        return;
    }
    assert(w->nr_edits == 0 || in_force(w) == w->build.previous);
    if (listener && w->build.text &&
        (listener->replaces(&w->change, w->build.previous, w->build.table) < 0 ||
         w->kept.is_short)) {
        fail_memory(w);
        return;
    }
    if (is_bare(w) && w->kept.nr == 0) { /* all of it is so already */
        w->stage = SETTLED;
        return;
    }
    w->stage = STORING;
    if (rowstore_store(w->engine->hooks->rows, &w->diff, w->kept.list, w->kept.nr, on_stored,
                       w->engine) < 0)
        fail(w, CHANGE_FAILED, "out of memory");
}

/* What is told of a change that is not stored. */
static void fail_stored(struct change_work *w)
{
    char reason[REASON_MAX];

    snprintf(reason, sizeof(reason), "%s", w->reason);
    if (w->outcome == STORE_UNKNOWN)
        snprintf(
            w->reason, sizeof(w->reason),
            "It is not known whether the change was stored (%.900s): it is not in force, but may "
            "be after the next start.",
            reason);
    else
        snprintf(w->reason, sizeof(w->reason), "The change could not be stored: %.900s.", reason);
    fail(w, w->outcome == STORE_UNKNOWN ? CHANGE_UNKNOWN : CHANGE_FAILED, w->reason);
}

static void put_in_force(struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;
    struct table *table = w->build.table;

    if (w->outcome != STORE_DONE) {
        fail_stored(w);
        return;
    }
    if (is_bare(w)) {
        w->stage = SETTLED;
        return;
    }
    if (rowstore_take(hooks->rows, &w->diff) < 0)
        log_error("out of memory: RevisionIds of what was changed are wrong until the next start");
    w->build.table = NULL;
    table_unref(&w->build.previous);
    hooks->put_table(hooks->context, table);
    if (w->change.noted)
        w->engine->hooks->listener->done(&w->change);
    log_change(w);
    w->stage = SETTLING;
    hooks->soon_on_all(hooks->context);
}

/* ---- The way of one -------------------------------------------------------------------------- */

static void finish(struct change_work *w)
{
    struct api_response response = w->change.response;
    struct api_waiter *waiter = w->waiter;

    TAILQ_REMOVE(&w->engine->queue, w, link);
    w->change.response.body = NULL;
    if (waiter) {
        waiter->change = NULL;
        waiter->answered(waiter, &response);
    } else {
        free(response.body);
    }
    free_work(w);
}

static void take_turn(struct change_work *w)
{
    clear(w);
    w->stage = TURN;
    w->handle(&w->change);
    if (w->stage == TURN)
        finish(w);
}

/* Its turn begins anew when the reload is over. */
static void wait_for_reload(struct change_work *w)
{
    TAILQ_REMOVE(&w->engine->queue, w, link);
    TAILQ_INSERT_TAIL(&w->engine->waiting, w, link);
    w->stage = QUEUED;
}

static void put(struct change_work *w)
{
    const struct api_hooks *hooks = w->engine->hooks;

    if (w->nr_edits == 0)
        w->stage = BUILT;
    else if (is_plain(w))
        make_alias(w);
    else if (hooks->is_reloading(hooks->context))
        wait_for_reload(w);
    else
        build(w);
}

static void tell(struct change_work *w)
{
    struct table *table = in_force(w);
    const struct target *target = NULL;

    w->result.generation = table->generation;
    w->done(&w->change, &w->result);
    if (w->result.status == CHANGE_DONE && w->nr_edits > 0)
        answer_field(&w->change.response, "x-weir-generation", "%llu",
                     (unsigned long long)table->generation);
    if (w->result.status == CHANGE_DONE && w->nr_edits == 1 && w->edits[0].kind == CHANGE_ALIAS)
        target = find_alias(w, &w->edits[0]);
    if (target)
        answer_field(&w->change.response, "x-weir-first-ticket", "%llu",
                     (unsigned long long)split_first_ticket(target->split));
    if (w->result.status == CHANGE_DONE && !w->engine->hooks->rows->store->is_durable)
        answer_field(&w->change.response, "x-weir-durable", "no");
    finish(w);
}

void change_engine_turn(struct change_engine *changes)
{
    struct change_work *w;

    for (;;) {
        if (!change_engine_is_busy(changes))
            changes->hooks->between(changes->hooks->context);
        w = TAILQ_FIRST(&changes->queue);
        if (!w)
            return;
        switch (w->stage) {
        case QUEUED:
            take_turn(w);
            continue;
        case SUBMITTED:
            put(w);
            continue;
        case BUILT:
            store(w);
            continue;
        case STORED:
            put_in_force(w);
            continue;
        case SETTLED:
            tell(w);
            continue;
        case TURN:
        case BUILDING:
        case STORING:
        case SETTLING:
        default:
            return;
        }
    }
}

void change_engine_settled(struct change_engine *changes)
{
    struct change_work *w = TAILQ_FIRST(&changes->queue);

    assert(w && w->stage == SETTLING);
    w->stage = SETTLED;
    change_engine_turn(changes);
}

void change_engine_built(struct change_engine *changes)
{
    struct change_work *w = TAILQ_FIRST(&changes->queue);

    assert(w && w->stage == BUILDING);
    w->stage = BUILT;
    change_engine_turn(changes);
}

void change_engine_reloaded(struct change_engine *changes)
{
    struct change_work *w;

    /* In front of those that came later, but not of the one that has its turn. */
    while ((w = TAILQ_LAST(&changes->waiting, works))) {
        struct change_work *first = TAILQ_FIRST(&changes->queue);

        TAILQ_REMOVE(&changes->waiting, w, link);
        if (first && first->stage != QUEUED)
            TAILQ_INSERT_AFTER(&changes->queue, first, w, link);
        else
            TAILQ_INSERT_HEAD(&changes->queue, w, link);
    }
    changes->hooks->soon(changes->hooks->context);
}

/* ---- The rest -------------------------------------------------------------------------------- */

bool change_engine_is_busy(const struct change_engine *changes)
{
    const struct change_work *w = TAILQ_FIRST(&changes->queue);

    return w && w->stage != QUEUED;
}

bool change_engine_is_building(const struct change_engine *changes)
{
    const struct change_work *w = TAILQ_FIRST(&changes->queue);

    return w && w->stage >= BUILDING && w->stage <= STORED && w->build.compare;
}

struct change_engine *change_engine_make(const struct api_hooks *hooks)
{
    struct change_engine *changes = calloc(1, sizeof(*changes));

    if (!changes)
        return NULL;
    changes->hooks = hooks;
    TAILQ_INIT(&changes->queue);
    TAILQ_INIT(&changes->waiting);
    return changes;
}

void change_engine_end(struct change_engine *changes)
{
    changes->is_over = true;
}

void change_engine_free(struct change_engine **changes)
{
    struct change_engine *c = *changes;
    struct change_work *w;

    *changes = NULL;
    if (!c)
        return;
    TAILQ_CONCAT(&c->queue, &c->waiting, link);
    while ((w = TAILQ_FIRST(&c->queue))) {
        TAILQ_REMOVE(&c->queue, w, link);
        if (w->waiter)
            w->waiter->change = NULL;
        free_work(w);
    }
    free(c);
}
