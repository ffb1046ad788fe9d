/* The process' store: in state.directory where the settings name one, else in memory. */
#include "proxy/server/storage.h"

#include "base/log.h"
#include "proxy/server/state.h"
#include "store/statedir.h"
#include "store/store_memory.h"
#include "store/store_sqlite.h"

static void wake_up(void *context)
{
    struct server *s = context;

    loop_wake_up(&s->loop);
}

/* The lock is never given back: the next weir may have the folder when this process has ended. */
static int open_in(struct server *s, const struct store_host *host, const char *directory)
{
    struct store_reason reason;

    s->state_lock = statedir_lock(directory, &reason);
    if (s->state_lock >= 0)
        s->store = store_sqlite_open(host, directory, &reason);
    if (s->store) {
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

void storage_close(struct server *s)
{
    if (s->store)
        store_close(&s->store);
}
