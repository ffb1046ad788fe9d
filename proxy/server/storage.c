/* What outlives the process: in state.directory where the settings name one; else the store is in
 * memory, and splits begin anew with each process. */
#include "proxy/server/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "proxy/server/state.h"
#include "router/logbook.h"
#include "router/wardbook.h"
#include "store/statedir.h"
#include "store/store_memory.h"
#include "store/store_sqlite.h"

/* ---- Opening --------------------------------------------------------------------------------- */

static void wake_up(void *context)
{
    struct server *s = context;

    loop_wake_up(&s->loop);
}

static int open_logbook(struct storage *storage, struct store_reason *reason)
{
    const struct mapfile *file = &storage->splits;
    char why[100];

    storage->logbook = logbook_open(file->memory, file->bytes, why, sizeof(why));
    if (storage->logbook)
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
    static _Alignas(LOGBOOK_BLOCK) char head[LOGBOOK_BLOCK];
    const struct mapfile_start start = {
        .bytes = LOGBOOK_BYTES_MIN, .head = head, .head_bytes = sizeof(head)};
    char *path = statedir_file(directory, "splits");
    int r = -1;

    logbook_format(head);
    if (!path)
        snprintf(reason->text, sizeof(reason->text), "out of memory");
    else if (mapfile_open(&storage->splits, path, LOGBOOK_BYTES_MAX, &start, reason) == 0)
        r = open_logbook(storage, reason);
    free(path);
    return r;
}

static int open_wards(struct storage *storage, const char *directory, struct store_reason *reason)
{
    static _Alignas(8) char head[WARDBOOK_HEAD];
    const struct mapfile_start start = {
        .bytes = WARDBOOK_BYTES, .head = head, .head_bytes = sizeof(head)};
    char *path = statedir_file(directory, "wards"), why[100];

    wardbook_format(head);
    if (!path)
        snprintf(reason->text, sizeof(reason->text), "out of memory");
    if (!path || mapfile_open(&storage->wards, path, WARDBOOK_BYTES, &start, reason) < 0) {
        free(path);
        return -1;
    }
    snprintf(why, sizeof(why), "it is damaged: its end is missing");
    if (storage->wards.bytes >= WARDBOOK_BYTES)
        storage->wardbook = wardbook_open(storage->wards.memory, why, sizeof(why));
    if (!storage->wardbook) {
        snprintf(reason->text, sizeof(reason->text),
                 "%s cannot be used: %s; put a backup in its place, or move it away: then all "
                 "budgets and guards begin anew",
                 path, why);
        mapfile_close(&storage->wards);
    }
    free(path);
    return storage->wardbook ? 0 : -1;
}

/* The lock is never given back: the next weir may have the folder when this process has ended. */
static int open_in(struct server *s, const struct store_host *host, const char *directory)
{
    struct store_reason reason;

    s->storage.lock = statedir_lock(directory, &reason);
    if (s->storage.lock >= 0)
        s->store = store_sqlite_open(host, directory, &reason);
    if (s->store && open_splits(&s->storage, directory, &reason) == 0 &&
        open_wards(&s->storage, directory, &reason) == 0) {
        registry_set_logbook(s->registry, s->storage.logbook);
        registry_set_wardbook(s->registry, s->storage.wardbook);
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

/* ---- Looking --------------------------------------------------------------------------------- */

/* A weir that runs on the folder changes the file meanwhile: what it is in the middle of is done
 * when it is looked at again. */
enum { LOOKS = 3 };

static int look(const char *path, struct store_reason *reason)
{
    struct storage storage = {.logbook = NULL};

    if (mapfile_look(&storage.splits, path, LOGBOOK_BYTES_MAX, reason) < 0)
        return -1;
    if (storage.splits.memory != MAP_FAILED) {
        storage.splits.path = strdup(path);
        if (!storage.splits.path || open_logbook(&storage, reason) < 0) {
            mapfile_close(&storage.splits);
            return -1;
        }
        logbook_close(&storage.logbook);
    }
    mapfile_close(&storage.splits);
    return 0;
}

int storage_look(const char *directory, struct store_reason *reason)
{
    char *path = statedir_file(directory, "splits");
    int r = -1;

    snprintf(reason->text, sizeof(reason->text), "out of memory");
    for (int i = 0; path && r < 0 && i < LOOKS; i++)
        r = look(path, reason);
    free(path);
    return r;
}

/* ---- While it runs --------------------------------------------------------------------------- */

void storage_settle(struct server *s)
{
    if (s->storage.logbook)
        logbook_settle(s->storage.logbook);
    if (s->storage.wardbook)
        wardbook_settle(s->storage.wardbook);
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
        logbook_extend(storage->logbook, storage->splits.bytes);
}

/* After a failure there is another try at the next size only, which is soon enough. */
void storage_tend(struct server *s)
{
    struct storage *storage = &s->storage;
    size_t wanted;

    if (!storage->logbook || storage->is_growing)
        return;
    wanted = logbook_wants(storage->logbook);
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
    if (s->storage.logbook)
        logbook_seal(s->storage.logbook);
    if (s->storage.wardbook)
        wardbook_seal(s->storage.wardbook);
    if (s->store)
        store_close(&s->store);
}

void storage_fini(struct server *s)
{
    if (s->storage.wardbook) {
        wardbook_close(&s->storage.wardbook);
        mapfile_close(&s->storage.wards);
    }
    if (!s->storage.logbook)
        return;
    logbook_close(&s->storage.logbook);
    mapfile_close(&s->storage.splits);
}
