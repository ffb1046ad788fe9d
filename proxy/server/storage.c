/* What outlives the process: in state.directory where the settings name one; else the store is in
 * memory, and splits begin anew with each process. */
#include "proxy/server/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/overlay.h"
#include "control/ledger.h"
#include "proxy/server/state.h"
#include "router/logbook.h"
#include "router/wardbook.h"
#include "store/statedir.h"
#include "store/store_etcd.h"
#include "store/store_memory.h"
#include "store/store_sqlite.h"

enum { MEMBER_ID_MAX = 256, ENDPOINTS_MAX = 16, SEEDING_REASON_MAX = 900 };

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

/* Of the host's name where the settings have none. */
static const char *member_id(const struct settings *settings, char host[MEMBER_ID_MAX])
{
    if (settings->fleet.id[0])
        return settings->fleet.id;
    if (gethostname(host, MEMBER_ID_MAX) < 0)
        snprintf(host, MEMBER_ID_MAX, "weir");
    host[MEMBER_ID_MAX - 1] = '\0';
    return host;
}

/* Rows of the table, and what deployments are made of; maps of sticky splits are made from the
 * table, and everybody's own. */
static bool is_shared_kind(const char *kind)
{
    int known = overlay_kind_of(kind);

    return known >= 0 ? known != OVERLAY_MAP : ledger_has_kind(kind);
}

/* Splits the text at its commas, in place. */
static int split_endpoints(char *text, const char *list[ENDPOINTS_MAX])
{
    char *rest = text;
    int nr = 0;

    for (char *one = strsep(&rest, ","); one && nr < ENDPOINTS_MAX; one = strsep(&rest, ","))
        list[nr++] = one;
    return nr;
}

/* In front of the store in the directory. */
static int open_etcd(struct server *s, const struct store_host *host, struct store_reason *reason)
{
    const struct settings *settings = s->shared.settings;
    char name[MEMBER_ID_MAX], *endpoints = strdup(settings->etcd.endpoints);
    const char *list[ENDPOINTS_MAX];
    enum store_etcd_start start = STORE_ETCD_READ;
    struct store *store;
    const struct store_etcd_options options = {
        .etcd = {.endpoints = list,
                 .nr_endpoints = endpoints ? split_endpoints(endpoints, list) : 0,
                 .timeout_ms = settings->etcd.timeout_ms,
                 .username = settings->etcd.username,
                 .password = settings->secrets.etcd_password,
                 .ca_file = settings->etcd.ca_file,
                 .certificate = settings->etcd.certificate,
                 .key = settings->etcd.key},
        .prefix = settings->etcd.prefix,
        .member = member_id(settings, name),
        .address = settings->admin_address,
        .lease_ms = settings->fleet.lease_ms,
        .start_wait_ms = (uint64_t)settings->etcd.start_wait_s * 1000,
        .is_shared = is_shared_kind};

    snprintf(reason->text, sizeof(reason->text), "out of memory");
    store = endpoints ? store_etcd_open(host, &options, &s->store, &start, reason) : NULL;
    free(endpoints);
    loop_rest(&s->loop);
    if (!store)
        return -1;
    s->store = store;
    s->storage.is_shared = true;
    s->storage.is_empty = start == STORE_ETCD_EMPTY;
    if (start == STORE_ETCD_COPY)
        log_warning("%s; the copy in %s is served, generation %llu", reason->text,
                    settings->state.directory, (unsigned long long)store->generation);
    return 0;
}

/* The lock is never given back: the next weir may have the folder when this process has ended. */
static int open_in(struct server *s, const struct store_host *host, const char *directory)
{
    struct store_reason reason;

    s->storage.lock = statedir_lock(directory, &reason);
    if (s->storage.lock >= 0)
        s->store = store_sqlite_open(host, directory, &reason);
    if (s->store && s->shared.settings->etcd.endpoints[0] && open_etcd(s, host, &reason) < 0) {
        log_error("cannot start: %s", reason.text);
        return -1;
    }
    if (s->store && open_splits(&s->storage, directory, &reason) == 0 &&
        open_wards(&s->storage, directory, &reason) == 0) {
        registry_set_logbook(s->registry, s->storage.logbook);
        registry_set_wardbook(s->registry, s->storage.wardbook);
        log_info("state in %s", directory);
        return accounting_open(s);
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

/* ---- The first table of a fleet -------------------------------------------------------------- */

struct seeding {
    struct store *store;
    bool is_told, is_beaten;
    enum store_outcome outcome;
    char reason[SEEDING_REASON_MAX];
};

static void on_seeded(void *context, enum store_outcome outcome, const char *reason)
{
    struct seeding *seeding = context;

    seeding->is_told = true;
    seeding->outcome = outcome;
    snprintf(seeding->reason, sizeof(seeding->reason), "%s", reason);
}

/* Another member has put a table there. */
static void on_beaten(void *context, const struct store_edit *edits, int nr, uint64_t generation)
{
    struct seeding *seeding = context;

    (void)edits;
    (void)nr;
    (void)generation;
    seeding->is_beaten = true;
    store_take(seeding->store, true);
}

/* What the table file says, as rows. 0, or -1 with problems. */
static int read_seed(struct server *s, struct tabledoc_diff *diff, struct problems *problems)
{
    struct table *nothing = documents_rows(s->registry, NULL, s->rows.overlay, problems);
    struct table *table = documents_table(s->shared.settings, s->registry, NULL, NULL, problems);
    const struct tabledoc_diff_sources sources = {
        .before = nothing, .after = table, .overlay = s->rows.overlay};
    int r = nothing && table ? tabledoc_diff_table(diff, &sources) : -1;

    if (r < 0 && nothing && table)
        problems_add(problems, "no_memory", NULL, "$", "out of memory");
    if (nothing)
        table_unref(&nothing);
    if (table)
        table_unref(&table);
    return r;
}

/* Runs the loop until the store has told. */
static int store_seed(struct server *s, struct tabledoc_diff *diff)
{
    struct seeding seeding = {.store = s->store};

    store_set_watch(s->store, (struct store_watch){on_beaten, &seeding});
    if (rowstore_store(&s->rows, diff, NULL, 0, on_seeded, &seeding) < 0)
        on_seeded(&seeding, STORE_FAILED, "out of memory");
    while (!seeding.is_told)
        uv_run(&s->loop.uv, UV_RUN_ONCE);
    loop_rest(&s->loop);
    store_set_watch(s->store, (struct store_watch){NULL, NULL});
    if (seeding.outcome == STORE_DONE)
        log_info("etcd had no table; %s is there now", s->shared.settings->table_file);
    else if (!seeding.is_beaten)
        log_error("cannot start: %s", seeding.reason);
    return seeding.outcome == STORE_DONE || seeding.is_beaten ? 0 : -1;
}

int storage_seed(struct server *s, struct problems *problems)
{
    struct tabledoc_diff diff = {.nr_puts = 0};
    struct store_reason reason;
    int r = read_seed(s, &diff, problems);

    if (r == 0)
        r = store_seed(s, &diff);
    tabledoc_diff_fini(&diff);
    if (r < 0)
        return -1;
    rowstore_fini(&s->rows);
    r = rowstore_open(&s->rows, s->store, &reason);
    if (r < 0)
        log_error("cannot start: %s", reason.text);
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

void storage_tell_wards(struct server *s)
{
    struct storage *storage = &s->storage;
    uint32_t nr = storage->wardbook ? wardbook_nr_lost(storage->wardbook) : 0;

    if (nr == storage->nr_wards_lost)
        return;
    log_warning("the file wards in state.directory is full: it keeps the budgets and guards of %u "
                "canaries. %u more hold all the same, but begin anew when weir does; there is room "
                "again when versions leave their aliases",
                wardbook_room, nr - storage->nr_wards_lost);
    storage->nr_wards_lost = nr;
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
    accounting_fini(s);
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
