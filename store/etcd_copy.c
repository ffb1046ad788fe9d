/* The copy of what is in force, in the local store: a start without etcd takes it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/editlist.h"
#include "store/etcd_share.h"
#include "store/reason.h"

static const char GENERATION[] = "fleet_generation";

/* ---- Writing --------------------------------------------------------------------------------- */

struct copying {
    store_told *told;
    void *context;
};

static void on_copied(void *context, enum store_outcome outcome, const char *reason)
{
    struct copying *c = context;

    if (outcome != STORE_DONE)
        log_error("the copy of the table in state.directory cannot be written: %s", reason);
    if (c->told)
        c->told(c->context, outcome, reason);
    free(c);
}

void etcd_copy_write(struct store_etcd *e, const struct store_edit *edits, int nr, store_told *told,
                     void *context)
{
    struct store_edit *all = calloc((size_t)nr + 1, sizeof(all[0]));
    struct copying *c = calloc(1, sizeof(*c));
    char text[32];
    int r = -1;

    snprintf(text, sizeof(text), "%llu", (unsigned long long)e->store.generation);
    if (all && c) {
        for (int i = 0; i < nr; i++)
            all[i] = edits[i];
        all[nr] = (struct store_edit){.kind = STORE_SET, .name = GENERATION, .text = text};
        *c = (struct copying){told, context};
        r = store_change(e->local, all, nr + 1, on_copied, c);
    }
    free(all);
    if (r == 0)
        return;
    free(c);
    if (told)
        told(context, STORE_FAILED, "out of memory");
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Shared rows of the copy. */
struct copy {
    const struct store_etcd *e;
    struct editlist list;
};

static void load_copy(void *context, const struct store_row *row)
{
    struct copy *c = context;
    struct store_edit edit = {.kind = STORE_PUT, .row = *row};

    if (!row->revision || !row->revision[0])
        edit.row.revision = "0"; /* etcd has another, and is read anew */
    if (c->e->is_shared(row->kind) && !row->is_deleted && !row->has_base)
        editlist_add(&c->list, &edit);
}

int etcd_copy_open(struct store_etcd *e, bool *has_copy, struct store_reason *reason)
{
    struct copy copy = {.e = e};
    bool are_touched[PIECES_NR];
    char *text = NULL;
    int r;

    *has_copy = false;
    if (store_value_now(e->local, GENERATION, &text, reason) < 0)
        return -1;
    if (!text)
        return 0;
    e->store.generation = strtoull(text, NULL, 10);
    free(text);
    *has_copy = e->store.generation > 0;
    r = store_load_now(e->local, load_copy, &copy, reason);
    if (r == 0 && copy.list.is_out)
        r = reason_say(reason, "out of memory");
    if (r == 0)
        r = pieces_edit(&e->force, are_touched, &e->force, copy.list.edits, copy.list.nr, reason);
    editlist_fini(&copy.list);
    return r;
}
