/* What other members of a fleet have changed. It is in the store already, with its RevisionIds: it
 * is built and put in force as a change of our own, but not stored. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/jsondoc.h"
#include "control/change_parts.h"
#include "control/rowstore.h"

enum { LOGGED_MAX = 20 };

/* What the store has told, from then to the end of the operation. */
struct followed {
    struct tabledoc_diff diff;
    struct kept rows; /* that are none of the table */
    uint64_t generation;
};

static void free_followed(void *context)
{
    struct followed *f = context;

    tabledoc_diff_fini(&f->diff);
    kept_fini(&f->rows);
    free(f);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* NULL when out of memory, or it is of a later release. */
static struct overlay_row *row_of(const struct store_row *from)
{
    int kind = overlay_kind_of(from->kind);
    struct overlay_row *row;

    if (kind < 0)
        return NULL;
    row = overlay_row_make((enum overlay_kind)kind, str_of(from->function), str_of(from->name),
                           from->document ? from->document : "");
    if (row)
        snprintf(row->revision, sizeof(row->revision), "%s", from->revision ? from->revision : "");
    return row;
}

/* NULL when out of memory. */
static struct followed *make(const struct store_edit *edits, int nr, uint64_t generation)
{
    struct followed *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->generation = generation;
    f->diff.puts = calloc((size_t)nr + 1, sizeof(f->diff.puts[0]));
    f->diff.removes = calloc((size_t)nr + 1, sizeof(f->diff.removes[0]));
    for (int i = 0; i < nr && f->diff.puts && f->diff.removes; i++) {
        struct overlay_row *row = row_of(&edits[i].row);

        if (overlay_kind_of(edits[i].row.kind) < 0)
            kept_add(&f->rows, &edits[i]);
        if (!row)
            continue;
        if (edits[i].kind == STORE_PUT)
            f->diff.puts[f->diff.nr_puts++] = row;
        else
            f->diff.removes[f->diff.nr_removes++] = row;
    }
    if (f->diff.puts && f->diff.removes && !f->rows.is_short)
        return f;
    free_followed(f);
    return NULL;
}

/* References to the same rows. 0, or -1 when out of memory. */
static int share(struct tabledoc_diff *to, const struct tabledoc_diff *from)
{
    tabledoc_diff_fini(to);
    to->puts = calloc((size_t)from->nr_puts + 1, sizeof(to->puts[0]));
    to->removes = calloc((size_t)from->nr_removes + 1, sizeof(to->removes[0]));
    if (!to->puts || !to->removes)
        return -1;
    for (uint32_t i = 0; i < from->nr_puts; i++)
        to->puts[to->nr_puts++] = overlay_row_ref(from->puts[i]);
    for (uint32_t i = 0; i < from->nr_removes; i++)
        to->removes[to->nr_removes++] = overlay_row_ref(from->removes[i]);
    return 0;
}

/* All rows as they become; NULL when out of memory. */
static struct overlay *lay_over(const struct overlay *before, const struct tabledoc_diff *diff)
{
    struct overlay *all = overlay_copy(before);
    int r = 0;

    for (uint32_t i = 0; all && i < diff->nr_removes; i++)
        overlay_remove(all, diff->removes[i]->kind, diff->removes[i]->function,
                       diff->removes[i]->name);
    for (uint32_t i = 0; all && i < diff->nr_puts; i++)
        r |= overlay_put_take(all, overlay_row_ref(diff->puts[i]));
    if (r < 0)
        overlay_free(&all);
    return all;
}

/* ---- Its turn -------------------------------------------------------------------------------- */

static void on_done(struct change *change, const struct change_result *result)
{
    const struct followed *f = change->context;
    struct store *store = change->hooks->rows->store;

    for (size_t i = 0; i < result->problems->nr && i < LOGGED_MAX; i++)
        log_error("what the store has as generation %llu: %s: %s",
                  (unsigned long long)f->generation, result->problems->list[i].path,
                  result->problems->list[i].message);
    if (result->status != CHANGE_DONE && result->reason)
        log_error("what the store has as generation %llu: %s", (unsigned long long)f->generation,
                  result->reason);
    store_take(store, result->status == CHANGE_DONE);
}

static int add_edit(struct change_work *w, struct edit edit)
{
    w->edits = calloc(1, sizeof(w->edits[0]));
    if (!w->edits || !edit.function || !edit.name) {
        free(edit.function);
        free(edit.name);
        json_decref(edit.document);
        return -1;
    }
    w->edits[0] = edit;
    w->nr_edits = 1;
    return 0;
}

/* Is it no more than other words for one alias that there is? */
static bool is_plain(const struct change *change, const struct tabledoc_diff *diff)
{
    const struct overlay_row *row = diff->nr_puts == 1 ? diff->puts[0] : NULL;
    const struct target *target;

    if (!row || diff->nr_removes > 0 || row->kind != OVERLAY_ALIAS)
        return false;
    target = table_find(change->hooks->table(change->hooks->context), str_of(row->function),
                        str_of(row->name), NULL);
    return target && target->alias.n > 0;
}

static int submit(struct change_work *w, const struct followed *f)
{
    const struct overlay_row *row = f->diff.nr_puts > 0 ? f->diff.puts[0] : NULL;
    bool is_alias = is_plain(&w->change, &f->diff);
    json_t *document = is_alias ? json_loads(row->document, 0, NULL) : NULL;

    if (document)
        return add_edit(w, (struct edit){.kind = CHANGE_ALIAS,
                                         .function = strdup(row->function),
                                         .name = strdup(row->name),
                                         .document = document});
    w->overlay = lay_over(w->change.hooks->rows->overlay, &f->diff);
    if (!w->overlay)
        return -1;
    return add_edit(
        w, (struct edit){.kind = CHANGE_TABLE, .function = strdup(""), .name = strdup("")});
}

static void take_turn(struct change *change)
{
    const struct followed *f = change->context;
    struct change_work *w = change->work;

    w->done = on_done;
    if (f->diff.nr_puts + f->diff.nr_removes == 0) {
        change_follow_store(w); /* another generation, no more */
    } else if (submit(w, f) == 0) {
        w->stage = STAGE_SUBMITTED;
    } else {
        w->result.status = CHANGE_FAILED;
        w->result.reason = "out of memory";
        w->stage = STAGE_SETTLED;
    }
}

void change_follow_store(struct change_work *w)
{
    const struct followed *f = w->change.context;

    w->outcome = share(&w->diff, &f->diff) == 0 ? STORE_DONE : STORE_FAILED;
    snprintf(w->reason, sizeof(w->reason), "out of memory");
    w->stage = STAGE_STORED;
}

void change_follow_rows(struct change_work *w)
{
    const struct followed *f = w->change.context;
    const struct change_listener *listener = w->engine->hooks->listener;

    for (int i = 0; listener && i < f->rows.nr; i++)
        listener->followed(w->engine->hooks, &f->rows.list[i]);
}

/* ---- The queue ------------------------------------------------------------------------------- */

/* Behind the one that has its turn and what is followed already. */
static void put_first(struct change_work *w)
{
    struct change_work *at = TAILQ_FIRST(&w->engine->queue), *last = NULL;

    for (; at && (at->stage != STAGE_QUEUED || at->is_followed); at = TAILQ_NEXT(at, link))
        last = at;
    if (last)
        TAILQ_INSERT_AFTER(&w->engine->queue, last, w, link);
    else
        TAILQ_INSERT_HEAD(&w->engine->queue, w, link);
}

void change_follow_first(struct change_work *w)
{
    struct change_engine *changes = w->engine;

    TAILQ_REMOVE(&changes->queue, w, link);
    w->stage = STAGE_QUEUED;
    if (TAILQ_EMPTY(&changes->waiting))
        put_first(w);
    else
        TAILQ_INSERT_TAIL(&changes->waiting, w, link); /* what it lost to may wait there */
}

void change_follow(void *hooks, const struct store_edit *edits, int nr, uint64_t generation)
{
    const struct api_hooks *h = hooks;
    struct followed *f = make(edits, nr, generation);
    struct change_work *w = f ? change_work_queue(h, NULL, take_turn) : NULL;

    if (!w) {
        log_error("what the store has as generation %llu cannot be taken: out of memory",
                  (unsigned long long)generation);
        if (f)
            free_followed(f);
        store_take(h->rows->store, false);
        return;
    }
    w->change.context = f;
    w->change.context_free = free_followed;
    w->change.by = "another member";
    w->generation = generation;
    w->is_followed = true;
    TAILQ_REMOVE(&w->engine->queue, w, link);
    put_first(w);
}
