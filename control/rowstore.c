/* Rows between the overlay and the store. */
#include "control/rowstore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"

static const char SEED[] = "revision_seed";

/* ---- Loading --------------------------------------------------------------------------------- */

int rowstore_begin(struct rowstore *rows)
{
    *rows = (struct rowstore){.overlay = overlay_make(), .maps = overlay_make()};
    return rows->overlay && rows->maps ? 0 : -1;
}

void rowstore_add(void *context, const struct store_row *from)
{
    struct rowstore *rows = context;
    int kind = overlay_kind_of(from->kind);
    struct overlay_row *row;

    if (kind < 0) /* of somebody else, or of a later release */
        return;
    row = overlay_row_make((enum overlay_kind)kind, str_of(from->function), str_of(from->name),
                           from->document);
    if (!row) {
        rows->is_short = true;
        return;
    }
    row->has_base = from->has_base;
    row->base = from->base;
    row->is_deleted = from->is_deleted;
    snprintf(row->revision, sizeof(row->revision), "%s", from->revision);
    rows->is_short |= overlay_put_take(kind == OVERLAY_MAP ? rows->maps : rows->overlay, row) < 0;
}

/* For a store that keeps nothing, or a database older than its seed (DATABASE_SEED). */
static int make_seed(struct rowstore *rows)
{
    char text[32];
    const struct store_edit edit = {.kind = STORE_SET, .name = SEED, .text = text};

    rows->seed = prng_next(&rows->rng);
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)rows->seed);
    return store_change(rows->store, &edit, 1, NULL, NULL);
}

int rowstore_open(struct rowstore *rows, struct store *store, struct store_reason *reason)
{
    char *seed = NULL;
    int r = rowstore_begin(rows);

    rows->store = store;
    prng_init(&rows->rng);
    rows->life = prng_next(&rows->rng);
    snprintf(reason->text, sizeof(reason->text), "out of memory");
    if (r == 0)
        r = store_load_now(store, rowstore_add, rows, reason);
    if (r == 0 && !rows->is_short)
        r = store_value_now(store, SEED, &seed, reason);
    if (r < 0 || rows->is_short)
        return -1;
    rows->seed = seed ? strtoull(seed, NULL, 16) : 0;
    free(seed);
    return rows->seed ? 0 : make_seed(rows);
}

void rowstore_fini(struct rowstore *rows)
{
    overlay_free(&rows->overlay);
    overlay_free(&rows->maps);
}

/* ---- Storing --------------------------------------------------------------------------------- */

static struct store_row row_of(const struct overlay_row *row)
{
    return (struct store_row){.kind = overlay_kind_name(row->kind),
                              .function = row->function,
                              .name = row->name,
                              .revision = row->revision,
                              .has_base = row->has_base,
                              .base = row->base,
                              .is_deleted = row->is_deleted,
                              .document = row->document};
}

int rowstore_store(struct rowstore *rows, struct tabledoc_diff *diff, const struct store_edit *more,
                   int nr_more, store_told *told, void *context)
{
    uint32_t nr = diff->nr_puts + diff->nr_removes;
    struct store_edit *edits = calloc((size_t)nr + (size_t)nr_more + 1, sizeof(edits[0]));
    int r;

    if (!edits)
        return -1;
    for (uint32_t i = 0; i < diff->nr_puts; i++) {
        struct overlay_row *row = diff->puts[i];

        id_make(&rows->rng, row->revision);
        row->revision[ID_LENGTH] = '\0';
        edits[i] = (struct store_edit){.kind = STORE_PUT, .row = row_of(row)};
    }
    for (uint32_t i = 0; i < diff->nr_removes; i++)
        edits[diff->nr_puts + i] =
            (struct store_edit){.kind = STORE_DELETE, .row = row_of(diff->removes[i])};
    for (int i = 0; i < nr_more; i++)
        edits[nr + (uint32_t)i] = more[i];
    r = store_change(rows->store, edits, (int)nr + nr_more, told, context);
    free(edits);
    return r;
}

int rowstore_take(struct rowstore *rows, const struct tabledoc_diff *diff)
{
    int result = 0;

    for (uint32_t i = 0; i < diff->nr_puts; i++)
        result |= overlay_put_take(rows->overlay, overlay_row_ref(diff->puts[i]));
    for (uint32_t i = 0; i < diff->nr_removes; i++)
        overlay_remove(rows->overlay, diff->removes[i]->kind, diff->removes[i]->function,
                       diff->removes[i]->name);
    return result;
}

static void told_kept(void *context, enum store_outcome outcome, const char *reason)
{
    (void)context;
    if (outcome != STORE_DONE)
        log_warning("maps of sticky splits cannot be stored: %s", reason);
}

int rowstore_keep_maps(struct rowstore *rows, const struct tabledoc_diff *diff)
{
    uint32_t nr = diff->nr_puts + diff->nr_removes;
    struct store_edit *edits = nr > 0 ? calloc(nr, sizeof(edits[0])) : NULL;
    int r = nr > 0 && !edits ? -1 : 0;

    for (uint32_t i = 0; edits && i < nr; i++) {
        bool is_put = i < diff->nr_puts;
        const struct overlay_row *row = is_put ? diff->puts[i] : diff->removes[i - diff->nr_puts];

        edits[i] =
            (struct store_edit){.kind = is_put ? STORE_PUT : STORE_DELETE, .row = row_of(row)};
    }
    if (edits && store_change(rows->store, edits, (int)nr, told_kept, NULL) < 0)
        r = -1;
    free(edits);
    for (uint32_t i = 0; i < diff->nr_puts; i++)
        r |= overlay_put_take(rows->maps, overlay_row_ref(diff->puts[i]));
    for (uint32_t i = 0; i < diff->nr_removes; i++)
        overlay_remove(rows->maps, OVERLAY_MAP, diff->removes[i]->function, diff->removes[i]->name);
    return r;
}

static void told_dropped(void *context, enum store_outcome outcome, const char *reason)
{
    (void)context;
    if (outcome != STORE_DONE)
        log_warning("what the table file has overruled cannot be taken out of the store: %s",
                    reason);
}

void rowstore_drop(struct rowstore *rows, struct overlay_row *const *list, uint32_t nr)
{
    struct store_edit *edits = nr > 0 ? calloc(nr, sizeof(edits[0])) : NULL;

    for (uint32_t i = 0; edits && i < nr; i++)
        edits[i] = (struct store_edit){.kind = STORE_DELETE, .row = row_of(list[i])};
    if (nr > 0 && (!edits || store_change(rows->store, edits, (int)nr, told_dropped, NULL) < 0))
        told_dropped(NULL, STORE_FAILED, "out of memory");
    for (uint32_t i = 0; i < nr; i++)
        overlay_remove(rows->overlay, list[i]->kind, list[i]->function, list[i]->name);
    free(edits);
}
