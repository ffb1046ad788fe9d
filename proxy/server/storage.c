/* What outlives the process: in state.directory where the settings name one; else the store is in
 * memory, and splits begin anew with each process. */
#include "proxy/server/storage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "proxy/server/state.h"
#include "router/ledger.h"
#include "store/statedir.h"
#include "store/store_memory.h"
#include "store/store_sqlite.h"

/* ---- Opening --------------------------------------------------------------------------------- */

static void wake_up(void *context)
{
    struct server *s = context;

    loop_wake_up(&s->loop);
}

static int open_ledger(struct storage *storage, struct store_reason *reason)
{
    const struct mapfile *file = &storage->splits;
    char why[100];

    storage->ledger = ledger_open(file->memory, file->bytes, why, sizeof(why));
    if (storage->ledger)
        return 0;
    snprintf(reason->text, sizeof(reason->text),
             "%s cannot be used: %s; put a backup in its place, or move it away: then all splits "
             "begin anew",
             file->path, why);
    mapfile_close(&storage->splits);
    return -1;
}

static int open_splits(struct storage *storage, const char *directory, struct store_reason *reason)
{
    static _Alignas(LEDGER_BLOCK) char head[LEDGER_BLOCK];
    const struct mapfile_start start = {
        .bytes = LEDGER_BYTES_MIN, .head = head, .head_bytes = sizeof(head)};
    char *path = statedir_file(directory, "splits");
    int r = -1;

    ledger_format(head);
    if (!path)
        snprintf(reason->text, sizeof(reason->text), "out of memory");
    else if (mapfile_open(&storage->splits, path, LEDGER_BYTES_MAX, &start, reason) == 0)
        r = open_ledger(storage, reason);
    free(path);
    return r;
}

/* The lock is never given back: the next weir may have the folder when this process has ended. */
static int open_in(struct server *s, const struct store_host *host, const char *directory)
{
    struct store_reason reason;

    s->storage.lock = statedir_lock(directory, &reason);
    if (s->storage.lock >= 0)
        s->store = store_sqlite_open(host, directory, &reason);
    if (s->store && open_splits(&s->storage, directory, &reason) == 0) {
        registry_set_ledger(s->registry, s->storage.ledger);
        log_info("state in %s", directory);
        return 0;
    }
    log_error("cannot start: %s", reason.text);
    return -1;
}

int storage_open(struct server *s)
{
    const struct store_host host = {.loop = &s->loop.uv, .wake_up = wake_up, .context = s};
    const char *directory = s->shared.settings->state.directory;

    if (directory && directory[0])
        return open_in(s, &host, directory);
    s->store = store_memory_open(&host);
    if (s->store)
        return 0;
    log_error("the store cannot be made: out of memory or descriptors");
    return -1;
}

/* ---- While it runs --------------------------------------------------------------------------- */

void storage_settle(struct server *s)
{
    if (s->storage.ledger)
        ledger_settle(s->storage.ledger);
}

static void grow(uv_work_t *work)
{
    struct storage *storage = work->data;

    storage->is_full = mapfile_grow(&storage->splits, storage->wanted, &storage->reason) < 0;
}

static void on_grown(uv_work_t *work, int status)
{
    struct storage *storage = work->data;

    (void)status; /* nobody cancels it */
    storage->is_growing = false;
    if (storage->is_full)
        log_warning("%s; splits that find no room in it begin anew after a restart",
                    storage->reason.text);
    else
        ledger_extend(storage->ledger, storage->splits.bytes);
}

/* After a failure there is another try at the next size only, which is soon enough. */
void storage_tend(struct server *s)
{
    struct storage *storage = &s->storage;
    size_t wanted;

    if (!storage->ledger || storage->is_growing)
        return;
    wanted = ledger_wants(storage->ledger);
    if (wanted <= storage->splits.bytes || (storage->is_full && wanted == storage->wanted))
        return;
    storage->wanted = wanted;
    storage->is_growing = true;
    storage->growth.data = storage;
    /* It can only refuse a function that is NULL. */
    (void)uv_queue_work(&s->loop.uv, &storage->growth, grow, on_grown);
}

/* ---- Ending ---------------------------------------------------------------------------------- */

void storage_close(struct server *s)
{
    if (s->storage.ledger)
        ledger_seal(s->storage.ledger);
    if (s->store)
        store_close(&s->store);
}

void storage_fini(struct server *s)
{
    if (!s->storage.ledger)
        return;
    ledger_close(&s->storage.ledger);
    mapfile_close(&s->storage.splits);
}
